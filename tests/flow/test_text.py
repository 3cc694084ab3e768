"""Placeholders, and how values are written in the customer's language."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from babel import localedata
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flow import money
from bot.flow.facts import CartFacts, Facts, Line, Money
from bot.flow.names import KNOWN, find, link_with_code, lookup
from bot.flow.run import Discount
from bot.flow.text import (
    MAX_TEMPLATE_VALUE,
    Placeholder,
    TextError,
    cut,
    expression,
    fill,
    placeholders,
    read_expression,
    render,
    template_value,
)

from .known import ANA, CART, DISCOUNT, NOBODY, NOW, STORE, euros


def written(text: str, language: str = "en", facts: Facts = ANA, discount: Discount | None = DISCOUNT) -> str:
    return render(text, facts, discount, language, NOW)


def plain(text: str) -> str:
    """Without the spaces that do not break, which Babel puts between a number and its unit."""
    return re.sub(r"[\xa0\u202f]", " ", text)


# ---- reading


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("no braces", ()),
        ("{contact.first_name}", (Placeholder("contact.first_name", None, 0),)),
        ('Hi { contact.first_name or "there" }!', (Placeholder("contact.first_name", "there", 3),)),
        ("Hi {contact.first_name or 'you {there}'}", (Placeholder("contact.first_name", "you {there}", 3),)),
        ("{a.b or “there”}", (Placeholder("a.b", "there", 0),)),
        ('{a or ""}', (Placeholder("a", "", 0),)),
        ("{{not}} {one} }}{two}", (Placeholder("one", None, 8), Placeholder("two", None, 16))),
        ("{{{store.links.my-link}}}", (Placeholder("store.links.my-link", None, 2),)),
    ],
)
def test_placeholders_are_found_where_they_stand(text: str, found: tuple[Placeholder, ...]) -> None:
    assert placeholders(text) == found


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("a } b", 2, "closed here that was never opened"),
        ("a { b", 2, "never closed"),
        ("{}", 0, "write {contact.first_name}"),
        ("x {first name}", 2, "write {contact.first_name}"),
        ("{contact.first_name or there}", 0, 'or "some words"'),
        ("{contact.first_name | upper}", 0, "write {contact.first_name}"),
        ("{7*7}", 0, "write {contact.first_name}"),
        ("{one} {two", 6, "never closed"),
        ("{contact.__class__()}", 0, "write {contact.first_name}"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, offset: int, words: str) -> None:
    with pytest.raises(TextError) as error:
        placeholders(text)
    assert error.value.offset == offset
    assert words in error.value.message
    assert render(text, ANA, None, "en", NOW) == text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("cart.summary", Placeholder("cart.summary", None, 0)),
        (' contact.first_name or "there"', Placeholder("contact.first_name", "there", 1)),
        ('"plain text"', "plain text"),
        ("'{7*7}'", "{7*7}"),
    ],
)
def test_an_expression_is_a_name_or_plain_words(text: str, meant: Placeholder | str) -> None:
    assert read_expression(text) == meant


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{cart.summary}", "without braces"),
        ("", "write a name"),
        ("two words", "write a name"),
        ('"open', "write a name"),
        ("a or b", "write"),
    ],
)
def test_an_expression_nobody_can_read_is_told(text: str, words: str) -> None:
    with pytest.raises(TextError, match=words):
        read_expression(text)
    assert expression(text, ANA, None, "en", NOW, lambda text, _: text) == ""


# ---- values in the customer's language


@pytest.mark.parametrize(
    ("name", "english", "spanish", "german"),
    [
        ("contact.first_name", "Ana", "Ana", "Ana"),
        ("cart.total", "€80.00", "80,00 €", "80,00 €"),
        ("cart.items", "3", "3", "3"),
        ("cart.summary", "2 × House blend and 1 × Mug", "2 × House blend y 1 × Mug", "2 × House blend und 1 × Mug"),
        ("order.categories", "coffee and gifts", "coffee y gifts", "coffee und gifts"),
        ("tags", "Hesitant and vip", "Hesitant y vip", "Hesitant und vip"),
        ("discount.percent", "5%", "5 %", "5 %"),
        ("discount.ends", "Tue, Nov 24, 1:00 PM", "mar, 24 nov, 13:00", "Di., 24. Nov., 13:00"),
        ("orders.last.placed_at", "Wed, Oct 28, 1:00 PM", "mié, 28 oct, 13:00", "Mi., 28. Okt., 13:00"),
        ("orders.count", "4", "4", "4"),
        ("order.first_item", "House blend", "House blend", "House blend"),
        ("store.links.returns", *["https://casa.example/returns"] * 3),
        ("cart.link", *["https://casa.example/cart/7?from=bot&discount=SAVE-5"] * 3),
    ],
)
def test_values_are_written_in_the_customers_language(name: str, english: str, spanish: str, german: str) -> None:
    assert [plain(written(f"{{{name}}}", language)) for language in ("en", "es", "de")] == [english, spanish, german]


def test_a_share_keeps_its_decimals() -> None:
    assert plain(written("{discount.percent}", "es", discount=replace(DISCOUNT, percent=Decimal("7.5")))) == "7,5 %"


def test_a_large_number_is_grouped() -> None:
    facts = replace(ANA, orders=replace(ANA.orders, count=1_234_567))
    assert [written("{orders.count}", language, facts) for language in ("en", "de", "pt_BR")] == ["1,234,567", "1.234.567", "1.234.567"]


@pytest.mark.parametrize(
    ("amount", "language", "text"),
    [
        (Money(1990, "EUR"), "es", "19,90 €"),
        (Money(1990, "JPY"), "ja", "￥1,990"),
        (Money(1990, "KWD"), "en", "KWD 1.990"),
        (Money(-5, "USD"), "en", "-$0.05"),
        (Money(123456789, "USD"), "en", "$1,234,567.89"),
        (Money(100, "XQX"), "en", "XQX 1.00"),
    ],
)
def test_money_has_its_currencys_decimals(amount: Money, language: str, text: str) -> None:
    assert plain(written("{cart.total}", language, replace(ANA, cart=CartFacts(amount)))) == text


def test_three_lines_are_a_list() -> None:
    lines = (Line("A"), Line("B", 2), Line("C"))
    assert written("{cart.summary}", "en", replace(ANA, cart=CartFacts(euros("1"), lines))) == "1 × A, 2 × B, and 1 × C"
    assert written("{cart.summary}", "es", replace(ANA, cart=CartFacts(euros("1"), lines))) == "1 × A, 2 × B y 1 × C"


def test_another_year_is_written() -> None:
    late = replace(DISCOUNT, ends=datetime(2027, 1, 2, 8, tzinfo=UTC))
    assert plain(written("{discount.ends}", "en", discount=late)) == "Sat, Jan 2, 2027, 9:00 AM"


def test_the_day_is_the_stores_even_when_it_is_another_in_utc() -> None:
    night = replace(DISCOUNT, ends=datetime(2026, 11, 24, 23, 30, tzinfo=UTC))
    assert plain(written("{discount.ends}", "en", discount=night)) == "Wed, Nov 25, 12:30 AM"
    new_york = replace(ANA, store=replace(STORE, timezone="America/New_York"))
    assert plain(written("{discount.ends}", "en", new_york, night)) == "Tue, Nov 24, 6:30 PM"


def test_the_day_is_the_persons_own_where_it_is_known() -> None:
    abroad = replace(ANA, contact=replace(ANA.contact, timezone="America/New_York"))
    night = replace(DISCOUNT, ends=datetime(2026, 11, 24, 23, 30, tzinfo=UTC))
    assert plain(written("{discount.ends}", "en", abroad, night)) == "Tue, Nov 24, 6:30 PM"


@pytest.mark.parametrize("timezone", ["", "Nowhere/City", "../../etc/passwd", "/etc/passwd", "x" * 5000, "Europe"])
def test_a_timezone_nobody_knows_is_utc(timezone: str) -> None:
    facts = replace(ANA, store=replace(STORE, timezone=timezone))
    assert plain(written("{discount.ends}", "en", facts)) == "Tue, Nov 24, 12:00 PM"


def test_the_end_of_the_calendar_is_written() -> None:
    for moment in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, tzinfo=UTC)):
        for timezone in ("Pacific/Auckland", "America/New_York"):
            facts = replace(ANA, store=replace(STORE, timezone=timezone))
            assert written("{discount.ends}", "en", facts, replace(DISCOUNT, ends=moment))


@pytest.mark.parametrize("language", ["", "xx", "e", "en_XX", "../../etc/passwd", "x" * 5000, "es-", "\x00", "ñ", "123", "_es", "root"])
def test_a_language_nobody_knows_is_written_as_english_or_its_base(language: str) -> None:
    assert plain(written("{cart.total} {cart.summary}", language)) == "€80.00 2 × House blend and 1 × Mug" or language in ("es-", "root")


def test_a_base_language_is_enough() -> None:
    assert plain(written("{cart.total}", "es_XX")) == "80,00 €"
    assert plain(written("{cart.total}", "pt-BR")) == "€ 80,00"


def test_every_name_can_be_written_in_every_language() -> None:
    everything = " ".join(f"{{{name}}}" for name in KNOWN)
    for language in (code for code in localedata.locale_identifiers() if "_" not in code):
        assert "Ana" in written(everything, language)


# ---- what is missing


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_missing_value_is_written_as_its_other_words_or_not_at_all(name: str) -> None:
    if lookup(NOBODY, None, name) is None:
        assert render(f"a{{{name}}}b", NOBODY, None, "en", NOW) == "ab"
        assert render(f'a{{{name} or "-"}}b', NOBODY, None, "en", NOW) == "a-b"
    else:
        assert "-" not in render(f'{{{name} or "------"}}', ANA, DISCOUNT, "en", NOW).replace("SAVE-5", "")


@pytest.mark.parametrize("first_name", ["", "   ", "\n\t", "\x00", "\ud83d"])
def test_a_blank_value_is_missing(first_name: str) -> None:
    facts = replace(ANA, contact=replace(ANA.contact, first_name=first_name))
    assert written('Hi {contact.first_name or "there"}', facts=facts) == "Hi there"


def test_an_empty_list_is_missing() -> None:
    assert written('{tags or "none"} {cart.summary or "nothing"}', facts=replace(ANA, tags=frozenset(), cart=replace(CART, lines=()))) == (
        "none nothing"
    )


def test_a_name_nobody_knows_is_missing() -> None:
    assert written('{cart.totl or "x"}{store.links.nowhere}{contact.__class__}') == "x"


# ---- hostile values


@pytest.mark.parametrize(
    ("first_name", "text"),
    [
        ("{store.name}", "{store.name}"),
        ("{{7*7}}", "{{7*7}}"),
        ("%(x)s {0} \\1 $x", "%(x)s {0} \\1 $x"),
        ("Ana\nSTOP", "Ana STOP"),
        ("Ana\r\n\t\x00 Lía", "Ana Lía"),
        ("Ana\u2028\ud83d", "Ana"),
        ("👩‍👩‍👧 علي", "👩‍👩‍👧 علي"),
    ],
)
def test_a_value_is_only_a_value(first_name: str, text: str) -> None:
    facts = replace(ANA, contact=replace(ANA.contact, first_name=first_name))
    assert written("<{contact.first_name}>", facts=facts) == f"<{text}>"
    assert expression("contact.first_name", facts, None, "en", NOW, lambda text, _: text) == text


@settings(deadline=None)  # the first text in a language reads its locale from disk
@given(st.text(), st.sampled_from(["en", "es", "ar", "zz"]))
def test_no_value_breaks_a_text(value: str, language: str) -> None:
    facts = replace(
        ANA,
        contact=replace(ANA.contact, first_name=value, language=value),
        cart=replace(CART, link=value, lines=(Line(value),)),
        store=replace(STORE, currency=value, links={"x": value}),
    )
    text = written("{contact.first_name}{cart.summary}{cart.link}{store.links.x}{contact.language}{store.currency}", language, facts)
    text.encode()
    assert not re.search(r"[\n\r\t]", text)


@given(st.text("{}ab. or\"'", max_size=40))
def test_any_text_is_read_or_refused_and_can_be_written(text: str) -> None:
    try:
        found = placeholders(text)
    except TextError as refused:
        assert 0 <= refused.offset < len(text)  # noqa: PT017 - most texts are refused, some are not
        assert written(text) == text
        return
    assert all(text[placeholder.offset] == "{" for placeholder in found)
    assert found or written(text) == text.replace("{{", "{").replace("}}", "}")


# ---- expressions and templates


def translate(text: str, language: str) -> str:
    return {"there": "amiga", "plain": "llano"}.get(text, text) if language == "es" else text


@pytest.mark.parametrize(
    ("text", "facts", "language", "value"),
    [
        ('contact.first_name or "there"', ANA, "es", "Ana"),
        ('contact.first_name or "there"', NOBODY, "es", "amiga"),
        ('contact.first_name or "there"', NOBODY, "en", "there"),
        ("contact.first_name", NOBODY, "es", ""),
        ('"plain"', ANA, "es", "llano"),
        ("cart.summary", ANA, "es", "2 × House blend y 1 × Mug"),
    ],
)
def test_an_expression_is_written_and_its_words_translated(text: str, facts: Facts, language: str, value: str) -> None:
    assert expression(text, facts, None, language, NOW, translate) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", "-"),
        ("   ", "-"),
        ("\n", "-"),
        ("one\n\ntwo\tthree", "one two three"),
        ("a" + " " * 9 + "b", "a b"),
        ("19,90\xa0€", "19,90\xa0€"),
        ("x" * 2000, "x" * (MAX_TEMPLATE_VALUE - 1) + "…"),
        ("ab " * 1000, "ab " * 340 + "ab…"),
    ],
)
def test_a_templates_value_is_as_meta_takes_it(text: str, value: str) -> None:
    assert template_value(text) == value
    assert len(value) <= MAX_TEMPLATE_VALUE


@given(st.text())
def test_any_value_can_stand_in_a_template(text: str) -> None:
    value = template_value(text)
    assert value.strip()
    assert len(value) <= MAX_TEMPLATE_VALUE
    assert not re.search(r"[\n\r\t]| {5}", value)


def test_a_templates_own_placeholders_are_filled() -> None:
    assert fill("Hi {name}, {{x}} {missing}{name}", {"name": "{name}"}) == "Hi {name}, {x} {name}"
    assert fill("broken {", {}) == "broken {"


@pytest.mark.parametrize(
    ("limit", "text"),
    [(11, "aaa bbb ccc"), (10, "aaa bbb…"), (8, "aaa bbb…"), (7, "aaa…"), (4, "aaa…"), (3, "aa…"), (1, "…")],
)
def test_a_text_is_cut_at_a_word(limit: int, text: str) -> None:
    assert cut("aaa bbb ccc", limit) == text


# ---- names


@pytest.mark.parametrize(
    ("link", "result"),
    [
        ("https://s.example/c", "https://s.example/c?discount=A%20B"),
        ("https://s.example/c?", "https://s.example/c?discount=A%20B"),
        ("https://s.example/c?a=1&b=%20", "https://s.example/c?a=1&b=%20&discount=A%20B"),
        ("https://s.example/c?a=1#top", "https://s.example/c?a=1&discount=A%20B#top"),
        ("https://s.example/c?discount=OLD&a=1", "https://s.example/c?a=1&discount=A%20B"),
        ("http://[broken", "http://[broken?discount=A%20B"),
    ],
)
def test_the_carts_link_carries_the_code(link: str, result: str) -> None:
    assert link_with_code(link, "A B") == result


def test_a_cart_without_a_link_has_none() -> None:
    assert lookup(replace(ANA, cart=replace(CART, link=None)), DISCOUNT, "cart.link") is None
    assert lookup(ANA, None, "cart.link") == CART.link


def test_every_name_reads_what_its_kind_says() -> None:
    kinds: dict[str, type | tuple[type, ...]] = {
        "number": (int, Decimal),
        "money": Money,
        "text": str,
        "words": (tuple, frozenset),
        "moment": datetime,
        "yes_no": bool,
    }
    facts = replace(
        ANA,
        conversation=replace(ANA.conversation, last_message_at=NOW, with_staff_at=NOW),
        staff=replace(ANA.staff, next_open=NOW + timedelta(hours=1)),
    )
    both = replace(DISCOUNT, amount=euros("5"))
    for name, known in KNOWN.items():
        assert isinstance(lookup(facts, both, name), kinds[known.kind.value]), name


def test_any_link_of_the_store_is_a_name() -> None:
    assert find("store.links.whatever") is not None
    assert find("store.links.") is None
    assert find("store.links") is None


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("20", Money(2000, "EUR")),
        (" 19.90 EUR ", Money(1990, "EUR")),
        ("5 JPY", Money(5, "JPY")),
        ("0.125 KWD", Money(125, "KWD")),
        ("0.005 EUR", Money(0, "EUR")),
        ("10 eur", None),
        ("-5", None),
        ("1,5", None),
        ("1e9", None),
        ("٥", None),
        ("9" * 16, None),
    ],
)
def test_money_is_read_as_people_write_it(text: str, amount: Money | None) -> None:
    assert money.parse(text, "EUR") == amount


@given(st.integers(-(10**15), 10**15), st.sampled_from(["EUR", "JPY", "KWD", "CLF", "???"]))
def test_money_comes_back_from_its_amount(minor: int, currency: str) -> None:
    assert money.of(money.amount(Money(minor, currency)), currency) == Money(minor, currency)
