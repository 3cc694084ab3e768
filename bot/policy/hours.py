"""Quiet hours: marketing reaches people by day, by the clock where they are.

The hours are wall-clock times, so they are found in local time and only then turned into UTC: on the days the clock changes an
hour that does not exist moves forward (PEP 495, fold=0), and of an hour that comes twice the first one counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.core import get_global

FARTHEST_SEARCH = timedelta(days=2)  # zones that share an open hour share it every day, but for the days the clock changes


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local wall-clock times between which marketing waits; may pass midnight (21:00 to 09:00). Equal times: never quiet."""

    start: time
    end: time


def open_at(moment: datetime, quiet: QuietHours, zones: Sequence[ZoneInfo]) -> datetime:
    """The first time (UTC) from `moment` on that is outside the quiet hours in all `zones`, in the first one if they share none."""
    shared = _first_open(moment, quiet, zones)
    if shared - moment > FARTHEST_SEARCH:
        return _first_open(moment, quiet, zones[:1])
    return shared


def zones_of(timezone: str | None, country: str | None, store: str) -> tuple[ZoneInfo, ...]:
    """The zones a person may be in: their own; else those of their country; else the store's (an IANA name that must be known).

    A country that has the store's zone, too, counts as that one: most of a store's customers live as it does.
    """
    own = _zone(timezone) if timezone else None
    if own is not None:
        return (own,)
    of_country = _zones_of_country(country.upper()) if country and country.isalpha() else ()
    lives_as_the_store = any(zone.key == store for zone in of_country)
    return (ZoneInfo(store),) if lives_as_the_store or not of_country else of_country


def _first_open(moment: datetime, quiet: QuietHours, zones: Sequence[ZoneInfo]) -> datetime:
    reached = moment
    while reached - moment <= FARTHEST_SEARCH:
        later = max(_end_of_quiet(reached, quiet, zone) for zone in zones)
        if later == reached:
            break
        reached = later
    return reached


def _end_of_quiet(moment: datetime, quiet: QuietHours, zone: ZoneInfo) -> datetime:
    """`moment` itself when it is not quiet, else when this stretch of quiet hours ends."""
    local = moment.astimezone(zone)
    if not _is_quiet(local.time(), quiet):
        return moment
    day = local.date() if local.time() < quiet.end else local.date() + timedelta(days=1)
    end = datetime.combine(day, quiet.end, zone)
    return _first_after(moment, (end.replace(fold=0).astimezone(UTC), end.replace(fold=1).astimezone(UTC)))


def _first_after(moment: datetime, times: Iterable[datetime]) -> datetime:
    return next(at for at in times if at > moment)


def _is_quiet(clock: time, quiet: QuietHours) -> bool:
    if quiet.start <= quiet.end:
        return quiet.start <= clock < quiet.end
    return clock >= quiet.start or clock < quiet.end


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    """The zone of that name, None for what is not one: the name comes from a shop's customer record."""
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError, ImportError):  # zoneinfo's answers to unknown, malformed, too long and dotted names
        return None


@lru_cache(maxsize=512)
def _zones_of_country(country: str) -> tuple[ZoneInfo, ...]:
    names: Iterable[str] = get_global("territory_zones").get(country, ())
    return tuple(zone for name in names if (zone := _zone(name)) is not None)
