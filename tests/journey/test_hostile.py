"""Everything a customer controls is hostile: it is sent literally or harmlessly, and is never an error."""

import re
from dataclasses import replace

import pytest

from bot.sandbox.cloud.bubble import Drawing
from bot.sandbox.shop.catalog import PRODUCTS, SHOPPERS
from bot.store import conversations

from .walk import Walk

TEXTS = {
    "placeholder": "{store.name} {contact.email} {discount.code}",
    "jinja": "{{7*7}} ${7*7} #{7*7} %(x)s %s",
    "template variable": "{{name}} {{1}}",
    "right to left": "\u202egnp.exe\u202c \u200f\u2067abc\u2069",
    "long": "ñ" * 4000,
    "combining": "a" + "\u0301" * 3000,
    "null": "a\x00b\x00",
    "controls": "\x1b[31mred\x1b[0m\x07\x08\r\n\t\x7f",
    "emoji": "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿❤️‍🔥",
    "lone surrogate": "\ud83d and \udc00",
    "markup": "<script>alert(1)</script>&lt;b&gt; *bold* _it_ ```code```",
    "sql": "'; drop table contact; --",
    "blank": " \u200b\u2060 ",
    "yaml": "- ask: |\n  x: {y: z}\n... --- !!python/object",
}

GREETING = re.compile(r"Hi \w{1,30}, welcome to Casa Bonita!")  # whatever somebody calls themselves


def _phone(number: int) -> str:
    return f"+4474008880{number:02d}"


async def test_any_text_from_a_customer_is_kept_and_answered(walk: Walk, capfd: pytest.CaptureFixture[str]) -> None:
    people = {_phone(number): text for number, text in enumerate(TEXTS.values())}
    for phone, text in people.items():
        walk.stage.cloud.introduce(phone, text[:600])
        walk.stage.cloud.receive_from(phone, text)
    await walk.rest()
    for phone, text in people.items():
        assert walk.last(phone) == "How can we help you?", text[:40]
        walk.stage.cloud.receive_from(phone, text)
    await walk.rest()
    assert sorted(await walk.waiting()) == sorted(people)
    out, err = capfd.readouterr()
    for phone, text in people.items():
        thread = await walk.stage.app.store.read(conversations.thread((await walk.contact(phone)).id))
        assert [said.author for said in thread].count("customer") == 2
        assert "49" not in "".join(walk.got(phone))
        assert GREETING.fullmatch(walk.got(phone)[0]), text[:40]
        assert text not in out + err


async def test_any_name_and_product_the_shop_tells_goes_into_a_template_harmlessly(walk: Walk) -> None:
    people = {title: _phone(number) for number, title in enumerate(TEXTS)}
    for title, phone in people.items():
        digits, text = phone[-2:], TEXTS[title]
        walk.settle_in(
            replace(SHOPPERS[1], key=title, customer_key=f"c-{digits}", first_name=text, phone=phone, email=f"m{digits}@example.com")
        )
        walk.stage.shop.products[title] = replace(PRODUCTS[0], id=title, title=text)
        walk.stage.shop.add(title, title, 2)
    await walk.rest()
    await walk.turn(hours=1, minutes=1)
    for title, phone in people.items():
        (reminder,) = walk.got(title)
        assert "Your cart is waiting. Shall we help you finish your order?" in reminder, title
        assert "49" not in reminder
        walk.stage.cloud.press(phone, "I have a question")
    await walk.rest()
    assert sorted(await walk.waiting()) == sorted(people.values())
    for phone in people.values():
        walk.stage.cloud.receive_from(phone, "stop")
    await walk.rest()
    assert all(walk.last(title).startswith("Done:") for title in people)


async def test_a_placeholder_in_a_name_is_only_text(walk: Walk) -> None:
    walk.settle_in(
        replace(SHOPPERS[1], key="mal", customer_key="c-mal", first_name="{store.name}", phone="+447400999999", email="mal@example.com")
    )
    await walk.leave_cart("mal")
    await walk.turn(hours=1, minutes=1)
    assert walk.last("mal").startswith("Hi {store.name}, you left something behind")
    await walk.write("mal", "too expensive")
    assert walk.last("mal").startswith("Hi {store.name}, your cart is still here")
    await walk.press("mal", "I have a question")


async def test_payloads_that_are_not_ours_are_only_words(walk: Walk) -> None:
    await walk.write("ben", "hi")
    for payload in ("x" * 300, "cb:1:99999:stop", "🙂", "{run}", "1:1:1:1", "999999999999999999999999"):
        part = {
            "type": "interactive",
            "interactive": {"type": "button_reply", "button_reply": {"id": payload, "title": "Where is my order?"}},
        }
        walk.stage.cloud.receive_raw(walk.phone("ben"), part, Drawing(body="Where is my order?"))
    await walk.rest()
    assert walk.count("select count(*) from inbox where state <> 'done'") == 0
