"""Quiet hours on every clock of the world."""

from datetime import UTC, datetime, time, timedelta
from functools import cache
from itertools import pairwise, product
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.policy.hours import QuietHours, open_at, zones_of

NIGHT = QuietHours(time(21), time(9))
AT_THE_CHANGE = (NIGHT, QuietHours(time(21), time(2, 30)), QuietHours(time(2, 15), time(2, 45)), QuietHours(time(4), time(0, 30)))
ZONES = sorted(available_timezones() - {"localtime", "Factory"})
LONGEST_JUMP = timedelta(hours=2)  # Troll's clocks; all others move by an hour or less in these years


@cache
def changes(name: str) -> tuple[datetime, ...]:
    """The days on which the clocks of a zone change in 2026, or any day where they never do."""
    zone = ZoneInfo(name)
    days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(366)]
    known = [later for day, later in pairwise(days) if day.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset()]
    return tuple(known) or (days[150],)


def is_quiet(at: datetime, quiet: QuietHours, zone: ZoneInfo) -> bool:
    clock = at.astimezone(zone).time()
    if quiet.start <= quiet.end:
        return quiet.start <= clock < quiet.end
    return not quiet.end <= clock < quiet.start


def assert_found_outside_and_soon(now: datetime, quiet: QuietHours, zone: ZoneInfo) -> None:
    found = open_at(now, quiet, (zone,))
    if not is_quiet(now, quiet, zone):
        assert found == now
    else:
        assert now < found <= now + timedelta(hours=24) + LONGEST_JUMP, (zone, now, quiet)
        assert not is_quiet(found, quiet, zone), (zone, now, quiet)


def test_in_every_zone_of_the_world_the_days_of_the_clock_change_are_right() -> None:
    assert len(ZONES) > 400
    for name in ZONES:
        for change, quarters in product(changes(name), range(-4 * 30, 4 * 12, 3)):
            for quiet in AT_THE_CHANGE:
                assert_found_outside_and_soon(change + timedelta(minutes=15 * quarters), quiet, ZoneInfo(name))


@given(st.data(), st.sampled_from(ZONES), st.timedeltas(-timedelta(hours=40), timedelta(hours=40)), st.times(), st.times())
def test_the_moment_found_is_outside_quiet_hours_and_soon(
    data: st.DataObject, name: str, around: timedelta, start: time, end: time
) -> None:
    now = data.draw(st.sampled_from(changes(name))) + around
    assume((start.hour - end.hour) % 24 > LONGEST_JUMP / timedelta(hours=1))  # else a clock change can swallow the open time
    assert_found_outside_and_soon(now, QuietHours(start, end), ZoneInfo(name))


@pytest.mark.parametrize(
    ("zone", "now", "expected"),
    [
        ("Europe/Madrid", "2026-01-10 22:00", "2026-01-11 08:00"),  # UTC to UTC; 09:00 in winter
        ("Europe/Madrid", "2026-07-10 22:00", "2026-07-11 07:00"),
        ("Europe/Madrid", "2026-03-28 22:00", "2026-03-29 07:00"),  # the night that loses an hour
        ("Europe/Madrid", "2026-10-24 22:00", "2026-10-25 08:00"),  # the night that gains one
        ("America/Los_Angeles", "2026-01-10 08:00", "2026-01-10 17:00"),
        ("Asia/Kathmandu", "2026-01-10 18:00", "2026-01-11 03:15"),
        ("Europe/Madrid", "2026-01-10 12:00", "2026-01-10 12:00"),
    ],
)
def test_quiet_hours_end_by_the_clock_where_the_person_is(zone: str, now: str, expected: str) -> None:
    assert open_at(_utc(now), NIGHT, (ZoneInfo(zone),)) == _utc(expected)


def test_an_hour_that_does_not_exist_moves_forward() -> None:
    quiet = QuietHours(time(21), time(2, 30))
    found = open_at(_utc("2026-03-28 22:00"), quiet, (ZoneInfo("Europe/Madrid"),))
    assert found.astimezone(ZoneInfo("Europe/Madrid")).time() == time(3, 30)


def test_of_an_hour_that_comes_twice_the_first_counts() -> None:
    quiet = QuietHours(time(21), time(2, 30))
    madrid = (ZoneInfo("Europe/Madrid"),)
    assert open_at(_utc("2026-10-24 22:00"), quiet, madrid) == _utc("2026-10-25 00:30")
    assert open_at(_utc("2026-10-25 01:10"), quiet, madrid) == _utc("2026-10-25 01:30")  # within its second coming


def test_equal_times_are_never_quiet() -> None:
    assert open_at(_utc("2026-01-10 00:00"), QuietHours(time(9), time(9)), (ZoneInfo("UTC"),)) == _utc("2026-01-10 00:00")


@pytest.mark.parametrize(
    ("timezone", "country", "store", "expected"),
    [
        ("Asia/Tokyo", "ES", "Europe/Madrid", {"Asia/Tokyo"}),
        (None, "FR", "Europe/Madrid", {"Europe/Paris"}),
        (None, "fr", "Europe/Madrid", {"Europe/Paris"}),
        (None, "ES", "Europe/Madrid", {"Europe/Madrid"}),  # Spain has three; this store lives in one of them
        (None, "ES", "Europe/Paris", {"Europe/Madrid", "Africa/Ceuta", "Atlantic/Canary"}),
        (None, None, "Europe/Madrid", {"Europe/Madrid"}),
        (None, "001", "Europe/Madrid", {"Europe/Madrid"}),
        ("Etc/Unknown", "FR", "Europe/Madrid", {"Europe/Paris"}),
        ("../../etc/passwd", None, "Europe/Madrid", {"Europe/Madrid"}),
        ("America", None, "Europe/Madrid", {"Europe/Madrid"}),
        ("x" * 5000, "\ud800", "Europe/Madrid", {"Europe/Madrid"}),
        ("a\0b", "", "Europe/Madrid", {"Europe/Madrid"}),
    ],
)
def test_the_zone_is_the_persons_else_their_countrys_else_the_stores(
    timezone: str | None, country: str | None, store: str, expected: set[str]
) -> None:
    assert {zone.key for zone in zones_of(timezone, country, store)} == expected


def test_a_foreign_country_of_many_zones_is_written_to_when_all_of_them_are_awake() -> None:
    brazil = zones_of(None, "BR", "Europe/Madrid")
    found = open_at(_utc("2026-01-10 08:00"), NIGHT, brazil)
    assert {is_quiet(found, NIGHT, zone) for zone in brazil} == {False}
    assert found == _utc("2026-01-10 14:00")  # nine o'clock in Acre


def test_zones_without_a_common_hour_follow_the_first() -> None:
    apart = (ZoneInfo("UTC"), ZoneInfo("Pacific/Auckland"))
    narrow = QuietHours(time(10), time(9))
    assert open_at(_utc("2026-01-10 12:00"), narrow, apart) == _utc("2026-01-11 09:00")


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
