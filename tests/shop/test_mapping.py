"""Mappings: what their owners write, what they are told about it, and what comes of a body."""

import argparse
import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.command import check
from bot.flow.facts import Money
from bot.shop import mapping, mapping_file, mappings, reading, signature
from bot.shop.delivery import Admission, Delivery
from bot.shop.event import CartChanged, CartClosed, OrderChanged, Shopper, Unreadable
from bot.shop.mapping import Form, MappedShop, Mapping, Source, Way

from .bodies import AT, RECEIVED, mac, wire

SHIPPED = mappings.names(Path("there is no such folder"))
SOUND = """\
about: A shop of our own.
signature:
  scheme: hmac
  header: X-Shop-Signature
  encoding: base64
delivery: header:X-Shop-Delivery
region: ES
events:
  - when:
      kind: [left, updated]
      test: "false"
    type: checkout.updated
    at: at as milliseconds
    data:
      checkout_key: cart.id
      phone: cart.mobile or cart.phone
      currency: =EUR
      total: cart.total as minor_units
      completed: cart.done as yes_or_no
      items: {each: cart.lines, title: what, unit_price: cents as minor_units}
      consent: {state: cart.whatsapp as yes_or_no, source: =the box}
examples:
  - body: |
      {"kind": "left", "test": false, "at": 1793613600000, "cart": {"id": 7, "phone": "612 34 56 78", "total": 2400, "done": 0,
       "whatsapp": "1", "lines": [{"what": "Coffee", "cents": 1200}]}}
    gives:
      type: checkout.updated
      checkout_key: "7"
      phone: "+34612345678"
      total: "24.00"
      completed: "false"
      items.0.title: Coffee
      consent.whatsapp.state: granted
"""


def made(text: str) -> Mapping:
    loaded, problems = mapping_file.load("flows/mappings/own.yaml", text)
    assert loaded is not None, problems
    return loaded


def told(text: str) -> list[str]:
    """What the owner reads about a file."""
    loaded, problems = mapping_file.load("own.yaml", text)
    assert (loaded is None) is bool(problems)
    return [str(problem).removeprefix("own.yaml:") for problem in problems]


def posted(body: bytes, secret: str = "the secret", **headers: str) -> Delivery:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery("casa", {"X-Shop-Signature": mac(body, secret), **named}, body, RECEIVED)


BODY: dict[str, Any] = {
    "kind": "updated",
    "test": False,
    "at": 1793613600000,
    "cart": {
        "id": "k",
        "mobile": "600111222",
        "phone": "612345678",
        "total": 100,
        "whatsapp": "1",
        "lines": [{"what": "Cup", "cents": 50}],
    },
}


# ---- those that ship


@pytest.mark.parametrize("name", SHIPPED)
def test_a_mapping_that_ships_gives_what_its_examples_say(name: str) -> None:
    assert mapping_file.load(*mappings.find(Path("flows"), name))[1] == ()


def test_these_ship() -> None:
    assert SHIPPED == ("cartflows", "medusa", "razorpay-magic", "saleor")


def shipped(name: str) -> MappedShop:
    loaded, _ = mapping_file.load(*mappings.find(Path("flows"), name))
    assert loaded is not None
    return MappedShop(loaded, ("a-secret-word",))


def test_razorpays_paise_are_rupees() -> None:
    body = wire(
        {"token": "t", "cart_token": "c", "phone": "+919876543210", "line_items": [], "line_items_total": "5000", "currency": "INR"}
    )
    (update,) = shipped("razorpay-magic").split(Delivery("casa", {}, body, RECEIVED, "a-secret-word"))
    event = reading.read(update.kind, update.body)
    assert isinstance(event, CartChanged)
    assert (event.total.minor, event.total.currency, event.cart) == (5000, "INR", "c")


@pytest.mark.parametrize(
    ("total", "region", "minor", "currency"),
    [
        ("$20", "US", 2000, "USD"),
        ("%241%2C234.50", "MX", 123450, "MXN"),
        ("1.234,50 €", "ES", 123450, "EUR"),
        ("&lt;span&gt;&amp;euro;20,00&lt;/span&gt;", "ES", 2000, "EUR"),
        ("R$ 19,90", "BR", 1990, "BRL"),
        ("¥2,400", "JP", 2400, "JPY"),
        ("12.500 KWD", "KW", 12500, "KWD"),
        ("₹1,00,000", "IN", 10000000, "INR"),
        ("£1,234", "GB", 123400, "GBP"),
        ("CHF 1’234.50", "CH", 123450, "CHF"),
    ],
)
def test_cartflows_totals_are_read_as_their_pages_show_them(total: str, region: str, minor: int, currency: str) -> None:
    total = total.replace("&", "%26").replace(";", "%3B") if "lt;" in total else total
    body = f"order_status=abandoned&checkout_url=https%3A%2F%2Fc.example%2F&product_names=Cup&cart_total={total}".encode()
    shop = MappedShop(shipped("cartflows").mapping, ("a-secret-word",), region)
    (update,) = shop.split(Delivery("casa", {}, body, RECEIVED, "a-secret-word"))
    assert update.unreadable is None
    event = reading.read(update.kind, update.body)
    assert isinstance(event, CartChanged)
    assert (event.total.minor, event.total.currency) == (minor, currency)


def test_medusas_order_finds_its_cart() -> None:
    body = wire({"name": "order.placed", "data": {"id": "o", "cart_id": "c", "currency_code": "eur", "total": 5, "items": []}})
    (update,) = shipped("medusa").split(posted(body))
    event = reading.read(update.kind, update.body)
    assert isinstance(event, OrderChanged)
    assert event.checkout == "c"


def test_a_cart_that_was_bought_elsewhere_is_closed() -> None:
    body = b"order_status=completed&checkout_url=https%3A%2F%2Fc.example%2F&email=ana%40example.com"
    (update,) = shipped("cartflows").split(Delivery("casa", {}, body, RECEIVED))
    assert reading.read(update.kind, update.body) == CartClosed(RECEIVED, "https://c.example/", shopper=Shopper(email="ana@example.com"))


# ---- what an owner is told

MISTAKES: list[tuple[str, str, list[str]]] = [
    ("  header: X-Shop-Signature\n", "", ["3:3: say in which header it comes: add 'header:'"]),
    ("scheme: hmac", "scheme: hmca", ["3:3: 'hmca' is not known here, did you mean 'hmac'?"]),
    ("region: ES", "region: Spain", ["7:1: write a country's two letters here, such as IN"]),
    (
        "type: checkout.updated\n    at",
        "type: checkout.update\n    at",
        ["12:5: 'checkout.update' is no event, did you mean 'checkout.updated'?"],
    ),
    ("checkout_key: cart.id", "checkout_kay: cart.id", ["15:7: 'checkout_kay' is not known here, did you mean 'checkout_key'?"]),
    (
        "checkout_key: cart.id",
        "checkout_key: cart id",
        ["15:7: write where it stands, with dots between keys, as in 'customer.phone'; other places behind 'or'; a fixed word as '=EUR'"],
    ),
    ("as milliseconds", "as millis", ["13:5: 'millis' is no way in which a value is written, did you mean 'milliseconds'?"]),
    ("      kind: [left", "      header:X Kind: [left", ["10:7: write the name of a header behind 'header:', as in header:X-Event-Id"]),
    (
        "cart.mobile or cart.phone",
        "cart.tel",
        ["29:7: this body gives nothing for 'phone', not '+34612345678': mend the path, or what is expected"],
    ),
    ('total: "24.00"', 'total: "2400"', ["30:7: this body gives '24.00' for 'total', not '2400': mend the path, or what is expected"]),
    ("=EUR", "=EURO", ["23:5: this body cannot be read: currency is missing, or is not an ISO 4217 currency such as EUR"]),
]


@pytest.mark.parametrize(("written", "instead", "sentences"), MISTAKES)
def test_a_mistake_is_told_with_its_place_and_what_to_write(written: str, instead: str, sentences: list[str]) -> None:
    assert written in SOUND
    assert told(SOUND.replace(written, instead, 1)) == sentences


def test_an_event_without_an_example_is_not_proved() -> None:
    other = SOUND.replace("events:\n", "events:\n  - when: {kind: bought}\n    type: checkout.deleted\n    data: {checkout_key: cart.id}\n")
    assert told(other) == ["10:5: no example gives 'checkout.deleted': add one, with a body as it is posted"]
    assert told(SOUND[: SOUND.index("examples:")] + "examples: []\n")


def test_what_is_no_mapping_is_told_at_once() -> None:
    assert told("") == ["1:1: this file is empty: write something into it, or delete it"]
    assert told("- a\n") == ["1:1: write keys and values here, as in 'name: Cart reminder'"]
    assert len(told("x: 1\n")) > 1


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_stumble(text: str) -> None:
    mapping_file.load("own.yaml", text)


@given(st.lists(st.sampled_from(SOUND.splitlines(keepends=True)), max_size=40))
def test_no_order_of_good_lines_makes_the_reader_stumble(lines: list[str]) -> None:
    mapping_file.load("own.yaml", "".join(lines))


def test_comeback_check_finds_mappings_in_the_folder_and_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "flows" / "mappings"
    folder.mkdir(parents=True)
    file = folder / "own.yaml"
    file.write_text(SOUND.replace("region: ES", "region: Spain"))
    parser = argparse.ArgumentParser()
    check.arguments(parser)
    assert check.run(parser.parse_args([str(file)])) == 1
    assert f"{file}:7:1: write a country's two letters here" in capsys.readouterr().out
    file.write_text(SOUND)
    assert check.run(parser.parse_args([str(file)])) == 0
    file.write_text("events: []")
    assert check.run(parser.parse_args([str(tmp_path / "flows"), "--json"])) == 1
    assert [one for one in json.loads(capsys.readouterr().out.splitlines()[-1]) if one["file"] == str(file)]


# ---- at work


def test_the_first_place_that_holds_something_counts() -> None:
    shop = MappedShop(made(SOUND), ("the secret",))
    body = wire(BODY)
    assert shop.admit(posted(body)) is Admission.GENUINE
    (update,) = shop.split(posted(body))
    event = reading.read(update.kind, update.body)
    assert isinstance(event, CartChanged)
    assert (event.at, event.shopper.phone, event.total.minor, event.lines[0].price) == (AT, "+34600111222", 100, Money(50, "EUR"))
    assert [(consent.channel, consent.source) for consent in event.consents] == [("whatsapp", "the box")]


def test_a_redelivery_goes_by_the_senders_id_or_by_its_words_and_time() -> None:
    shop = MappedShop(made(SOUND), ("the secret",))

    def key(body: dict[str, Any], at: Any = RECEIVED, **headers: str) -> bytes:
        posting = posted(wire(body), **headers)
        (update,) = shop.split(Delivery(posting.shop, posting.headers, posting.body, at))
        return update.key

    later = RECEIVED.replace(day=9)
    assert key(BODY, X_Shop_Delivery="a") == key(BODY | {"more": 1}, later, X_Shop_Delivery="a")
    assert key(BODY, X_Shop_Delivery="a") != key(BODY, X_Shop_Delivery="b")
    assert key(BODY) == key(BODY, later)
    untimed = {name: value for name, value in BODY.items() if name != "at"}
    assert key(untimed) == key(untimed)
    assert key(untimed) != key(untimed, later)  # the same cart, left again


def test_what_no_event_is_meant_for_is_kept_with_its_body() -> None:
    shop = MappedShop(made(SOUND), ("the secret",))
    (update,) = shop.split(posted(wire(BODY | {"kind": "smiled"})))
    assert (update.kind, update.unreadable) == (mapping.UNMAPPED, None)
    assert json.loads(update.body)["source"]["kind"] == "smiled"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"\xff", wire(BODY | {"at": "soon"}), wire(BODY | {"cart": {"id": "k", "total": "a lot"}})]
)
def test_what_cannot_be_mapped_is_kept_as_it_came(body: bytes) -> None:
    (update,) = MappedShop(made(SOUND), ("the secret",)).split(posted(body))
    assert update.body == body
    assert update.unreadable is not None


TOKEN = SOUND.replace("scheme: hmac", "scheme: token\n  prefix: 'Bearer '").replace("X-Shop-Signature", "Authorization")
STANDARD = SOUND.replace("scheme: hmac", "scheme: standard_webhooks")
SIGNED = "whsec_" + "A" * 32


@pytest.mark.parametrize(
    ("text", "secrets", "headers", "word", "admitted"),
    [
        (TOKEN, ("a token",), {"Authorization": "Bearer a token"}, None, True),
        (TOKEN, ("a token",), {"Authorization": "a token"}, None, False),
        (TOKEN, ("a token",), {"Authorization": "Bearer "}, None, False),
        (TOKEN, ("", "a token"), {"Authorization": "Bearer "}, None, False),
        (TOKEN, ("a token",), {}, None, False),
        (STANDARD, (SIGNED,), signature.sign("m", RECEIVED, b"{}", SIGNED), None, True),
        (STANDARD, (SIGNED,), signature.sign("m", AT.replace(hour=9), b"{}", SIGNED), None, False),
        (SOUND.replace("scheme: hmac", "scheme: path"), ("a word",), {}, "a word", True),
        (SOUND.replace("scheme: hmac", "scheme: path"), ("a word",), {}, None, False),
        (SOUND.replace("scheme: hmac", "scheme: path"), ("",), {}, "", False),
        (SOUND, ("a word",), {}, "a word", False),
    ],
)
def test_who_may_post_is_what_the_mapping_says(
    text: str, secrets: tuple[str, ...], headers: dict[str, str], word: str | None, admitted: bool
) -> None:
    admission = MappedShop(made(text), secrets).admit(Delivery("casa", headers, b"{}", RECEIVED, word))
    assert (admission is Admission.GENUINE) is admitted


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "kind", "cart", "at", "total", "lines", "what", "phone"]), inner, max_size=4)
    ),
)


@given(json_values, st.sampled_from(list(Form)))
def test_any_body_is_mapped_or_refused_in_a_sentence(body: object, form: Form) -> None:
    source = Source(((Way.PATH, "cart.total"), (Way.PATH, "id"), (Way.PATH, "cart")), form)
    event = mapping.Mapped((), "checkout.updated", source, {"currency": Source(((Way.CONSTANT, "EUR"),)), "total": source, "phone": source})
    sound = mapping.Mapping("own", mapping.Body.JSON, mapping.Scheme.PATH, None, signature.Encoding.HEX, "", source, "ES", (event,))
    posting = Delivery("casa", {}, json.dumps(body).encode(), RECEIVED)
    with contextlib.suppress(Unreadable):
        mapping.translate(sound, posting, "ES")
    assert len(MappedShop(sound, ("x",)).split(posting)) == 1


def test_the_guides_mapping_is_one() -> None:
    guide = Path(mappings.__file__).with_name("README.md")
    (example,) = re.findall(r"```yaml\n(.*?)```", guide.read_text("utf-8"), re.DOTALL)
    assert told(example) == []
    named = set(re.findall(r"`([a-z_]+)`", guide.read_text("utf-8")))
    assert set(Form) - {Form.PLAIN} <= named
    assert {scheme.value for scheme in mapping.Scheme} <= named
