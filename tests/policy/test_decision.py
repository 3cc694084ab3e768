"""Who may be written to, and when: the rules one by one, and what holds whatever they are."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.decision import (
    Author,
    Consent,
    Control,
    Drop,
    Limit,
    Message,
    Person,
    QuietHours,
    Reason,
    Rules,
    Send,
    Wait,
    decide,
)

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
NIGHT = QuietHours(time(21), time(9))
RULES = Rules("UTC", NIGHT, (Limit(1, timedelta(hours=24)), Limit(3, timedelta(days=7))))
NUDGE = Message(marketing=True, reply=False, free_text=False, author=Author.FLOW, expires_at=NOON + timedelta(days=3))
ANSWER = replace(NUDGE, reply=True, free_text=True)
ANA = Person(Consent.GRANTED, Control.BOT, last_wrote_at=NOON - timedelta(hours=1), phone="+34600111222")


def test_a_reminder_with_consent_goes_by_day() -> None:
    assert decide(NUDGE, ANA, RULES, NOON) == Send()


@pytest.mark.parametrize(
    ("consent", "marketing", "reply", "expected"),
    [
        (Consent.GRANTED, True, False, Send()),
        (Consent.GRANTED, True, True, Send()),
        (Consent.UNKNOWN, True, False, Drop(Reason.NO_CONSENT)),
        (Consent.UNKNOWN, True, True, Send()),
        (Consent.UNKNOWN, False, False, Send()),
        (Consent.WITHDRAWN, True, False, Drop(Reason.OPTED_OUT)),
        (Consent.WITHDRAWN, True, True, Drop(Reason.OPTED_OUT)),
        (Consent.WITHDRAWN, False, False, Send()),
        (Consent.WITHDRAWN, False, True, Send()),
    ],
)
def test_consent_is_needed_for_marketing_alone(consent: Consent, marketing: bool, reply: bool, expected: Send | Drop) -> None:
    assert decide(replace(NUDGE, marketing=marketing, reply=reply), replace(ANA, consent=consent), RULES, NOON) == expected


def test_a_marketing_reply_without_consent_needs_the_open_window() -> None:
    silent = replace(ANA, consent=Consent.UNKNOWN, last_wrote_at=NOON - timedelta(days=2))
    assert decide(replace(NUDGE, reply=True), silent, RULES, NOON) == Drop(Reason.WINDOW_CLOSED)


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (timedelta(), Send()),
        (timedelta(hours=23, minutes=54, seconds=59), Send()),
        (timedelta(hours=23, minutes=55), Drop(Reason.WINDOW_CLOSED)),
        (timedelta(hours=24, seconds=1), Drop(Reason.WINDOW_CLOSED)),
        (None, Drop(Reason.WINDOW_CLOSED)),
    ],
)
@pytest.mark.parametrize("author", list(Author))
def test_a_free_text_needs_the_reply_window_whoever_wrote_it(ago: timedelta | None, expected: Send | Drop, author: Author) -> None:
    person = replace(ANA, last_wrote_at=None if ago is None else NOON - ago)
    assert decide(replace(ANSWER, author=author), person, RULES, NOON) == expected
    assert decide(replace(ANSWER, author=author, free_text=False), person, RULES, NOON) == Send()


@pytest.mark.parametrize(
    ("author", "control", "reply", "expected"),
    [
        (Author.FLOW, Control.BOT, False, Send()),
        (Author.FLOW, Control.WAITING, True, Send()),
        (Author.FLOW, Control.WAITING, False, Drop(Reason.STAFF_HOLDS)),
        (Author.FLOW, Control.HUMAN, True, Drop(Reason.STAFF_HOLDS)),
        (Author.FLOW, Control.HUMAN, False, Drop(Reason.STAFF_HOLDS)),
        (Author.STAFF, Control.HUMAN, True, Send()),
        (Author.STAFF, Control.WAITING, False, Send()),
        (Author.HOUSE, Control.HUMAN, True, Send()),
        (Author.HOUSE, Control.WAITING, False, Send()),
    ],
)
def test_flows_are_silent_while_staff_hold_the_conversation(author: Author, control: Control, reply: bool, expected: Send | Drop) -> None:
    message = replace(NUDGE, marketing=False, author=author, reply=reply)
    assert decide(message, replace(ANA, control=control), RULES, NOON) == expected


def test_the_confirmation_of_an_opt_out_goes_to_one_who_opted_out() -> None:
    confirmation = Message(marketing=False, reply=True, free_text=True, author=Author.HOUSE, expires_at=NOON + timedelta(hours=1))
    gone = replace(ANA, consent=Consent.WITHDRAWN, control=Control.HUMAN, unreachable=True, not_before=NOON + timedelta(days=1))
    assert decide(confirmation, gone, RULES, NOON.replace(hour=2)) == Send()


@pytest.mark.parametrize(("left", "expected"), [(timedelta(seconds=1), Send()), (timedelta(), Drop(Reason.TOO_LATE))])
def test_a_message_is_too_late_from_its_end_on(left: timedelta, expected: Send | Drop) -> None:
    assert decide(replace(NUDGE, expires_at=NOON + left), ANA, RULES, NOON) == expected


def test_an_opt_out_is_the_reason_before_every_other() -> None:
    message = replace(NUDGE, free_text=True, expires_at=NOON)
    gone = Person(Consent.WITHDRAWN, Control.HUMAN, unreachable=True, phone="+12125550123")
    assert decide(message, gone, RULES, NOON) == Drop(Reason.OPTED_OUT)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (NUDGE, Drop(Reason.COUNTRY)),
        (replace(NUDGE, free_text=True), Send()),
        (replace(NUDGE, reply=True), Send()),
        (replace(NUDGE, marketing=False), Send()),
    ],
)
def test_marketing_templates_do_not_go_to_the_united_states(message: Message, expected: Send | Drop) -> None:
    assert decide(message, replace(ANA, phone="+12125550123"), RULES, NOON) == expected


def test_who_cannot_be_reached_is_answered_but_not_written_to() -> None:
    lost = replace(ANA, unreachable=True)
    assert decide(replace(NUDGE, marketing=False), lost, RULES, NOON) == Drop(Reason.UNREACHABLE)
    assert decide(ANSWER, lost, RULES, NOON) == Send()


def test_the_platforms_pause_holds_back_marketing_until_it_is_over() -> None:
    paused = replace(ANA, not_before=NOON + timedelta(hours=3))
    assert decide(NUDGE, paused, RULES, NOON) == Wait(NOON + timedelta(hours=3), Reason.PLATFORM_PAUSE)
    assert decide(NUDGE, paused, RULES, NOON + timedelta(hours=3)) == Send()
    assert decide(replace(NUDGE, marketing=False), paused, RULES, NOON) == Send()
    assert decide(ANSWER, paused, RULES, NOON) == Send()


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        (time(8, 59, 59), Wait(NOON.replace(hour=9), Reason.QUIET_HOURS)),
        (time(9), Send()),
        (time(20, 59, 59), Send()),
        (time(21), Wait(NOON.replace(hour=9) + timedelta(days=1), Reason.QUIET_HOURS)),
    ],
)
def test_quiet_hours_hold_back_marketing_that_nobody_asked_for(clock: time, expected: Send | Wait) -> None:
    now = datetime.combine(NOON.date(), clock, UTC)
    assert decide(NUDGE, ANA, RULES, now) == expected
    assert decide(ANSWER, replace(ANA, last_wrote_at=now), RULES, now) == Send()
    assert decide(replace(NUDGE, marketing=False), ANA, RULES, now) == Send()


def test_what_could_only_go_too_late_is_dropped_with_what_held_it() -> None:
    night = NOON.replace(hour=22)
    morning = NOON.replace(hour=9) + timedelta(days=1)
    assert decide(replace(NUDGE, expires_at=morning), ANA, RULES, night) == Drop(Reason.QUIET_HOURS)
    just_in_time = replace(NUDGE, expires_at=morning + timedelta(seconds=1))
    assert decide(just_in_time, ANA, RULES, night) == Wait(morning, Reason.QUIET_HOURS)
    told = replace(ANA, marketing_sent_at=(NOON - timedelta(hours=1),))
    assert decide(replace(NUDGE, expires_at=NOON + timedelta(hours=23)), told, RULES, NOON) == Drop(Reason.LIMIT)
    paused = replace(ANA, not_before=NUDGE.expires_at)
    assert decide(NUDGE, paused, RULES, NOON) == Drop(Reason.PLATFORM_PAUSE)


def test_after_a_limit_the_quiet_hours_still_count() -> None:
    late_yesterday = replace(ANA, marketing_sent_at=(NOON.replace(hour=22) - timedelta(days=1),))
    assert decide(NUDGE, late_yesterday, RULES, NOON) == Wait(NOON.replace(hour=9) + timedelta(days=1), Reason.LIMIT)


def test_a_limit_never_holds_back_an_answer() -> None:
    told = replace(ANA, marketing_sent_at=tuple(NOON - timedelta(hours=hour) for hour in range(1, 9)))
    assert decide(ANSWER, told, RULES, NOON) == Send()
    assert decide(replace(NUDGE, marketing=False), told, RULES, NOON) == Send()


def test_every_reason_is_a_sentence() -> None:
    sentences = [reason.sentence for reason in Reason]
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in sentences)
    assert len(set(sentences)) == len(Reason)


# ---- what holds whatever comes

FIRST, LAST = datetime(2025, 1, 1), datetime(2027, 12, 31)  # noqa: DTZ001 hypothesis takes bare bounds and adds the zone
times = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
persons = st.builds(
    Person,
    consent=st.sampled_from(Consent),
    control=st.sampled_from(Control),
    last_wrote_at=st.none() | times,
    marketing_sent_at=st.lists(times, max_size=6).map(tuple),
    not_before=st.none() | times,
    unreachable=st.booleans(),
    timezone=st.sampled_from([None, "Europe/Madrid", "Australia/Lord_Howe", "not/a/zone", "../../etc", "America"]) | st.text(max_size=9),
    country=st.sampled_from([None, "ES", "us", "RU", "XX", ""]) | st.text(max_size=3),
    phone=st.sampled_from([None, "+34600111222", "+12125550123", "+14165550123", "", "+"]),
)
messages = st.builds(
    Message,
    marketing=st.booleans(),
    reply=st.booleans(),
    free_text=st.booleans(),
    author=st.sampled_from(Author),
    expires_at=times,
)
rules = st.builds(
    Rules,
    timezone=st.sampled_from(["UTC", "Europe/Madrid", "America/Sao_Paulo"]),
    quiet_hours=st.none() | st.builds(QuietHours, st.times(), st.times()),
    limits=st.lists(st.builds(Limit, st.integers(0, 4), st.timedeltas(timedelta(hours=1), timedelta(days=30))), max_size=3).map(tuple),
)


@given(messages, persons, rules, times)
def test_a_wait_ends_later_than_now_and_before_the_message_is_worthless(
    message: Message, person: Person, store: Rules, now: datetime
) -> None:
    decision = decide(message, person, store, now)
    if isinstance(decision, Wait):
        assert now < decision.until < message.expires_at
        assert message.marketing
        assert not message.reply


@given(messages, persons, rules, times)
def test_no_marketing_ever_reaches_one_who_opted_out(message: Message, person: Person, store: Rules, now: datetime) -> None:
    gone = replace(person, consent=Consent.WITHDRAWN)
    assert decide(replace(message, marketing=True), gone, store, now) == Drop(Reason.OPTED_OUT)


@given(messages, persons, rules, times)
def test_after_the_wait_the_message_goes(message: Message, person: Person, store: Rules, now: datetime) -> None:
    decision = decide(message, person, store, now)
    if isinstance(decision, Wait) and not message.free_text:  # the reply window may close meanwhile
        assert decide(message, person, store, decision.until) == Send()


@given(messages, persons, rules, times)
def test_a_message_that_may_not_go_may_not_go_with_less_consent_either(
    message: Message, person: Person, store: Rules, now: datetime
) -> None:
    granted, unknown, withdrawn = (
        isinstance(decide(message, replace(person, consent=consent), store, now), Send)
        for consent in (Consent.GRANTED, Consent.UNKNOWN, Consent.WITHDRAWN)
    )
    assert granted >= unknown >= withdrawn


@given(messages, persons, rules, times, times)
def test_one_more_message_sent_never_makes_the_next_one_earlier(
    message: Message, person: Person, store: Rules, now: datetime, sent: datetime
) -> None:
    before = decide(message, person, store, now)
    after = decide(message, replace(person, marketing_sent_at=(*person.marketing_sent_at, sent)), store, now)
    assert _goes_at(after, now) >= _goes_at(before, now)


def _goes_at(decision: Send | Wait | Drop, now: datetime) -> datetime:
    match decision:
        case Send():
            return now
        case Wait(until=until):
            return until
        case Drop():
            return datetime.max.replace(tzinfo=UTC)


def test_every_plain_combination_has_an_answer() -> None:
    for marketing, reply, free_text, author, consent, control in product(
        (True, False), (True, False), (True, False), Author, Consent, Control
    ):
        message = Message(marketing, reply, free_text, author, NOON + timedelta(hours=1))
        decision = decide(message, replace(ANA, consent=consent, control=control), RULES, NOON)
        assert isinstance(decision, Send | Drop)
        assert (author is Author.FLOW and control is Control.HUMAN) <= isinstance(decision, Drop)
