"""Texts that count, and texts from right to left."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.flow import plural
from bot.flow.facts import Line, OrdersFacts
from bot.flow.library import load, restore
from bot.flow.message import Writer
from bot.flow.model import SendStep
from bot.flow.revision import Revision
from bot.flow.run import Run
from bot.flow.text import counts, in_form, render
from tests.flow.known import ANA, CART, euros
from tests.flow.owner import shipped_files

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
FILES = shipped_files()
REMINDER = load(FILES).flows["cart_reminder"]


def cart_text(language: str, pieces: int, revision: Revision = REMINDER) -> str:
    """What the reminder says of a cart with that many things in it."""
    facts = replace(
        ANA,
        contact=replace(ANA.contact, language=language),
        cart=replace(CART, lines=(Line("Mug", pieces),), total=euros("20"), link="L"),
        orders=OrdersFacts(0, euros("0")),
    )
    ask = revision.flow.steps[0]
    step = getattr(ask, "answers")[0].then[0]  # noqa: B009 - whatever kind of step it is
    assert isinstance(step, SendStep)
    return Writer(revision, Run(1, "cart_reminder", revision.id), facts, NOW).content(step.send).body


@pytest.mark.parametrize(
    ("language", "pieces", "text"),
    [
        ("en", 1, "Here is your cart with 1 item (€20.00): L"),
        ("en", 2, "Here is your cart with 2 items (€20.00): L"),
        ("es", 1, "Aquí tienes tu carrito con 1 artículo (20,00\xa0€): L"),
        ("es_MX", 3, "Aquí tienes tu carrito con 3 artículos (EUR\xa020.00): L"),
        ("pt_BR", 0, "Aqui está o seu carrinho com 0 item (€\xa020,00): L"),
        ("pt_BR", 2, "Aqui está o seu carrinho com 2 itens (€\xa020,00): L"),
        ("hi", 1, "यह रहा आपका कार्ट, इसमें 1 चीज़ है (€20.00): L"),
        ("hi", 5, "यह रहा आपका कार्ट, इसमें 5 चीज़ें हैं (€20.00): L"),
        ("ar", 0, "هذه سلتك، ولا منتجات فيها الآن (\u200f20.00\xa0€): L"),
        ("ar", 1, "هذه سلتك وفيها منتج واحد (\u200f20.00\xa0€): L"),
        ("ar", 2, "هذه سلتك وفيها منتجان (\u200f20.00\xa0€): L"),
        ("ar", 3, "هذه سلتك وفيها 3 منتجات (\u200f20.00\xa0€): L"),
        ("ar", 11, "هذه سلتك وفيها 11 منتجًا (\u200f20.00\xa0€): L"),
        ("ar", 100, "هذه سلتك وفيها 100 منتج (\u200f20.00\xa0€): L"),
        ("de", 1, "Here is your cart with 1 item (20,00\xa0€): L"),
        ("de", 4, "Here is your cart with 4 items (20,00\xa0€): L"),
    ],
)
def test_a_cart_is_counted_in_the_customers_language(language: str, pieces: int, text: str) -> None:
    assert cart_text(language, pieces) == text


def test_a_stored_revision_counts_as_it_did() -> None:
    kept = restore(REMINDER.id, REMINDER.source)
    assert kept == REMINDER
    assert cart_text("ar", 2, kept) == cart_text("ar", 2)


@pytest.mark.parametrize(
    ("text", "counted", "forms"),
    [
        ("You have {cart.items thing/things}!", "cart.items", ["You have {cart.items} thing!", "You have {cart.items} things!"]),
        ("{orders.count pair of hats / pairs of hats}", "orders.count", ["{orders.count} pair of hats", "{orders.count} pairs of hats"]),
        ('{contact.first_name or "there/here"}', None, ['{contact.first_name or "there/here"}'] * 2),
        ("{{cart.items a/b}}", None, ["{{cart.items a/b}}"] * 2),
        ("{cart.items a/b", None, ["{cart.items a/b"] * 2),
    ],
)
def test_what_a_text_counts(text: str, counted: str | None, forms: list[str]) -> None:
    assert counts(text) == counted
    assert [in_form(text, 0), in_form(text, 1)] == forms


@pytest.mark.parametrize(
    ("old", "sentence"),
    [
        ("{cart.total item/items}", "'cart.total' is no number that can be counted: write {cart.total} alone"),
        ("{cart.items item/items/itemses}", "'en' has 2 forms, as in {cart.items thing/things}, and here are 3"),
        ("{cart.items item/items} {orders.count a/b}", "a text counts one thing: make two sentences of it, each a step of its own"),
    ],
)
def test_what_cannot_be_counted_is_told(old: str, sentence: str) -> None:
    files = {**FILES, "flows/cart_reminder.yaml": FILES["flows/cart_reminder.yaml"].replace("{cart.items item/items}", old)}
    assert [problem.message for problem in load(files).problems] == [sentence]


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ("هذه {cart.items a/b} ({cart.total}): {cart.link}", "write only {cart.items} here, and the words of this form behind it"),
        ("هذه سلتك: {cart.link}", "this translation lacks {cart.total}: write it where it belongs"),
    ],
)
def test_a_form_that_cannot_be_used_is_told(form: str, sentence: str) -> None:
    path = "locales/ar/LC_MESSAGES/flows.po"
    found = "هذه سلتك وفيها منتجان ({cart.total}): {cart.link}"
    assert found in FILES[path]
    loaded = load({**FILES, path: FILES[path].replace(found, form)})
    assert [problem.message for problem in loaded.problems] == [sentence]
    assert cart_text("ar", 2, loaded.flows["cart_reminder"]) == "Here is your cart with 2 items (\u200f20.00\xa0€): L"


def test_a_rule_that_cannot_be_read_gives_the_last_form() -> None:
    assert plural.form("n ==", 1, 3) == 2
    assert plural.form("n / 0", 1, 3) == 2
    assert plural.form("n * 100", 1, 3) == 2
    assert plural.form(plural.rule_of("zz"), 1, 2) == 0


# ---- right to left


def written(text: str, language: str, first_name: str | None = None) -> str:
    contact = replace(ANA.contact, first_name=first_name)
    facts = replace(ANA, contact=contact, cart=replace(CART, lines=(Line("Moka pot", 2), Line("Mug", 1))))
    return render(text, facts, None, language, NOW)


def test_names_of_several_words_hold_together_in_arabic_alone() -> None:
    assert written("{cart.summary}", "ar") == "\u20682 × Moka pot\u2069 و\u20681 × Mug\u2069"
    assert written("{cart.summary}", "es") == "2 × Moka pot y 1 × Mug"
    assert written('{contact.first_name or "x"}', "ar", first_name="Ana Maria") == "\u2068Ana Maria\u2069"
    assert written('{contact.first_name or "x"}', "ar", first_name="Ana") == "Ana"
    assert written('{contact.first_name or "x"}', "ar", first_name="ليلى أحمد") == "ليلى أحمد"
    assert "\u2068" not in written("{cart.link}", "ar")


@pytest.mark.parametrize("first", ["wa", "ba", "zz"])
def test_a_date_is_arabic_whatever_language_was_written_before(first: str) -> None:
    """In a process of its own: Babel keeps what it has loaded. Without the care taken in `text.py` it is `Mon، 2 M03`."""
    code = (
        "from tests.translate.test_counting import *\n"
        f"render('{{orders.last.placed_at}}', ANA, None, {first!r}, NOW)\n"
        "print(ascii(render('{orders.last.placed_at}', ANA, None, 'ar', NOW)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "M10" not in ran.stdout
    assert r"\u0623\u0643\u062a\u0648\u0628\u0631" in ran.stdout  # October


def test_a_name_cannot_turn_our_words_around() -> None:
    assert written('Hi {contact.first_name or "x"}!', "en", first_name="\u202eAna\u2066") == "Hi Ana!"
