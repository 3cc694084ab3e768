"""Who is in an audience, and why the others are not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.audience.match import Destination
from bot.audience.member import Candidate, LeftOut, choose
from bot.policy.consent import Consent

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MONTH = timedelta(days=30)
ANA = Candidate(
    contact=1,
    consent=Consent.GRANTED,
    ads_consent=Consent.GRANTED,
    in_segment=True,
    entered_at=NOW - timedelta(days=1),
    phone="+34600111222",
    email="ana@example.org",
)


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (ANA, None),
        (replace(ANA, consent=Consent.UNKNOWN), None),  # marketing messages are one purpose, ads another
        (replace(ANA, consent=Consent.WITHDRAWN), LeftOut.OPTED_OUT),
        (replace(ANA, ads_consent=Consent.UNKNOWN), LeftOut.NO_ADS_CONSENT),
        (replace(ANA, ads_consent=Consent.WITHDRAWN), LeftOut.NO_ADS_CONSENT),
        (replace(ANA, in_segment=False), LeftOut.NOT_IN_SEGMENT),
        (replace(ANA, in_segment=False, consent=Consent.WITHDRAWN), LeftOut.NOT_IN_SEGMENT),
        (replace(ANA, entered_at=NOW - MONTH + timedelta(seconds=1)), None),
        (replace(ANA, entered_at=NOW - MONTH), LeftOut.EXPIRED),
        (replace(ANA, phone=None), None),
        (replace(ANA, email=None), None),
        (replace(ANA, phone=None, email=None), LeftOut.NO_IDENTIFIER),
        (replace(ANA, phone="600111222", email="ana"), LeftOut.NO_IDENTIFIER),
        (replace(ANA, phone=None, email="f" * 64), LeftOut.ALREADY_HASHED),
        (replace(ANA, email="f" * 64), None),  # the phone is enough
    ],
)
@pytest.mark.parametrize("destination", list(Destination))
def test_each_person_is_in_or_left_out_for_a_reason(candidate: Candidate, reason: LeftOut | None, destination: Destination) -> None:
    selection = choose([candidate], MONTH, NOW, destination)
    assert selection.members == ((candidate,) if reason is None else ())
    assert selection.left_out == (() if reason is None else ((1, reason),))


def test_without_an_end_membership_does_not_expire() -> None:
    assert choose([replace(ANA, entered_at=NOW - 100 * MONTH)], None, NOW, Destination.META).left_out == ()


def test_what_one_platform_cannot_match_another_may() -> None:
    candidate = replace(ANA, phone=None, email="+tag@gmail.com")
    assert choose([candidate], None, NOW, Destination.META).members == (candidate,)
    assert choose([candidate], None, NOW, Destination.GOOGLE).left_out == ((1, LeftOut.NO_IDENTIFIER),)


def test_every_reason_is_a_sentence() -> None:
    assert all(reason.sentence[0].isupper() and reason.sentence.endswith(".") for reason in LeftOut)


def test_personal_fields_stay_out_of_the_repr() -> None:
    named = replace(ANA, first_name="Ana", last_name="Ruiz", postal_code="28013")
    assert not any(secret in repr(named) for secret in ("Ana", "Ruiz", "28013", "600111222", "example.org"))


candidates = st.builds(
    Candidate,
    contact=st.integers(1, 10**9),
    consent=st.sampled_from(Consent),
    ads_consent=st.sampled_from(Consent),
    in_segment=st.booleans(),
    entered_at=st.timedeltas(-MONTH, 2 * MONTH).map(lambda age: NOW - age),
    phone=st.none() | st.sampled_from(["+34600111222", "600", ""]) | st.text(max_size=16),
    email=st.none() | st.emails() | st.text(max_size=20),
)


@given(st.lists(candidates, max_size=20), st.none() | st.timedeltas(timedelta(), MONTH), st.sampled_from(Destination))
def test_nobody_is_lost_and_nobody_is_in_without_consent_to_ads(
    people: list[Candidate], keep_for: timedelta | None, destination: Destination
) -> None:
    selection = choose(people, keep_for, NOW, destination)
    found = [person.contact for person in selection.members] + [contact for contact, _ in selection.left_out]
    assert sorted(found) == sorted(person.contact for person in people)
    assert all(person.ads_consent is Consent.GRANTED for person in selection.members)
    assert all(person.consent is not Consent.WITHDRAWN for person in selection.members)
