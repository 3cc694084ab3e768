"""The platforms' own examples, and what they warn of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.audience import match
from bot.audience.match import AlreadyHashedError, Destination

META, GOOGLE = Destination.META, Destination.GOOGLE


@pytest.mark.parametrize(
    ("normal", "published"),
    [
        (match.email(" John_Smith@gmail.com ", META), "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"),
        (match.phone("+1 (650)555-1212", META), "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"),
        (match.name("Mary", META), "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"),
        (match.name("Valéry", META), "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"),
        (match.name("Vale\u0301ry", META), "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"),
        (match.name("정", META), "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14"),
    ],
)
def test_the_hashes_are_those_that_meta_publishes(normal: str, published: str) -> None:
    assert match.sha256(normal) == published


@pytest.mark.parametrize(
    ("email", "meta", "google"),
    [
        ("Ana.Ruiz+Shop@GMail.com", "ana.ruiz+shop@gmail.com", "anaruiz@gmail.com"),
        ("A.na.R@googlemail.com", "a.na.r@googlemail.com", "anar@googlemail.com"),
        ("Ana.Ruiz+Shop@Example.org", "ana.ruiz+shop@example.org", "ana.ruiz+shop@example.org"),
        (" ana@example.org\n", "ana@example.org", "ana@example.org"),
        ("ana @example.org", "", "ana@example.org"),
        ("josé@exämple.org", "josé@exämple.org", "josé@exämple.org"),
        ("+tag@gmail.com", "+tag@gmail.com", ""),
        (None, "", ""),
        ("", "", ""),
        ("ana", "", ""),
        ("ana@", "", ""),
        ("ana@localhost", "", ""),
        ("ana@a@example.org", "", ""),
        ("x" * 250 + "@example.org", "", ""),
        ("a" * 64, "", ""),
    ],
)
def test_an_email_takes_the_form_of_each_platform(email: str | None, meta: str, google: str) -> None:
    assert match.email(email, META) == meta
    assert match.email(email, GOOGLE) == google


@pytest.mark.parametrize(
    ("phone", "meta"),
    [
        ("+34 600-111.222", "34600111222"),
        ("+551188887777", "5511988887777"),  # Brazil, from before the ninth digit
        ("+5511988887777", "5511988887777"),
        ("+551130001000", "551130001000"),  # a landline has eight digits to this day
        ("+5215512345678", "525512345678"),  # Mexico, from before 2019
        ("+525512345678", "525512345678"),
        ("+5491112345678", "5491112345678"),  # Argentina's 9 is part of a mobile number
        ("600111222", ""),
        ("0034600111222", ""),
        ("+0034600111222", ""),
        ("+34 60O 111 222", ""),
        ("+٣٤٦٠٠١١١٢٢٢", ""),
        ("+", ""),
        ("", ""),
        (None, ""),
        ("1" * 64, ""),
    ],
)
def test_a_phone_has_its_country_code_and_no_plus_for_meta_but_one_for_google(phone: str | None, meta: str) -> None:
    assert match.phone(phone, META) == meta
    assert match.phone(phone, GOOGLE) == (f"+{meta}" if meta else "")


@pytest.mark.parametrize(
    ("name", "meta", "google"),
    [
        ("  Ana   María ", "anamaría", "ana maría"),
        ("O'Neill-Smith", "oneillsmith", "o'neill-smith"),
        ("Ana ❤️🛍️", "ana", "ana"),
        ("نور", "نور", "نور"),
        ("संजय", "संजय", "संजय"),
        ("=cmd|' /C calc'!A0\r\n", "cmdccalca0", "cmd' /c calc'!a0"),
        ("\x00\ud800", "", ""),
        ("x" * 300, "", ""),
        ("0" * 64, "", ""),
        (None, "", ""),
    ],
)
def test_a_name_keeps_its_script_and_its_accents(name: str | None, meta: str, google: str) -> None:
    assert match.name(name, META) == meta
    assert match.name(name, GOOGLE) == google


@pytest.mark.parametrize(
    ("code", "country", "meta", "google"),
    [
        ("94035-1234", "US", "94035", "94035-1234"),
        (" sw1a 1aa ", "GB", "sw1a1aa", "SW1A 1AA"),
        ("28013", "ES", "28013", "28013"),
        ("=1+1", "ES", "", ""),
        ("ana@example.org", "ES", "", ""),
        (None, "ES", "", ""),
    ],
)
def test_a_postal_code_is_nothing_but_one(code: str | None, country: str, meta: str, google: str) -> None:
    assert match.postal_code(code, country, META) == meta
    assert match.postal_code(code, country, GOOGLE) == google


@pytest.mark.parametrize(("text", "code"), [("es", "ES"), (" ES ", "ES"), ("ESP", ""), ("=1", ""), ("ñ1", ""), ("", ""), (None, "")])
def test_a_country_is_two_letters(text: str | None, code: str) -> None:
    assert match.country(text) == code


def test_nothing_has_no_hash() -> None:
    assert match.sha256("") == ""


@pytest.mark.parametrize("again", ["a" * 64, "A" * 64, match.sha256("ana@example.org"), f" {match.sha256('x')} "])
def test_a_hash_is_never_hashed_again(again: str) -> None:
    with pytest.raises(AlreadyHashedError):
        match.sha256(again)


@given(st.text(), st.sampled_from(Destination))
def test_any_text_is_written_in_a_form_or_refused(text: str, destination: Destination) -> None:
    forms = (match.email(text, destination), match.phone(text, destination), match.name(text, destination), match.country(text))
    for form in (*forms, match.postal_code(text, "US", destination)):
        assert match.sha256(form) == "" or match.is_hashed(match.sha256(form))


@given(st.emails(), st.sampled_from(Destination))
def test_writing_a_form_twice_changes_nothing(address: str, destination: Destination) -> None:
    once = match.email(address, destination)
    assert match.email(once, destination) == once
