"""The people of a crowd: who they are, where they live, what the shop knows of them. The same seed makes the same people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random
from zoneinfo import ZoneInfo

from babel.core import get_global
from phonenumbers import country_code_for_region

from bot.policy.decision import Consent
from bot.rehearsal.habits import Habits

STORE_WEIGHT = 8.0  # most of a store's customers live as it does
SPOKEN_WEIGHT = 2.0
NAMES = ("Ana", "Ben", "Carla", "Dora", "Eva", "Farid", "Gita", "Hugo", "Ines", "Jonas", "Kim", "Lea", "Omar", "Noor", None)


@dataclass(frozen=True, slots=True)
class Place:
    """Where people live: country (ISO 3166), time zone (IANA), language, the beginning of a mobile number."""

    country: str
    zone: str
    language: str
    prefix: str


PLACES = (
    Place("ES", "Europe/Madrid", "es", "+3460"),
    Place("MX", "America/Mexico_City", "es", "+5255"),
    Place("AR", "America/Argentina/Buenos_Aires", "es", "+54911"),
    Place("GB", "Europe/London", "en", "+4474"),
    Place("US", "America/New_York", "en", "+1212"),
    Place("AU", "Australia/Sydney", "en", "+6141"),
    Place("BR", "America/Sao_Paulo", "pt_BR", "+55119"),
    Place("PT", "Europe/Lisbon", "pt", "+35191"),
    Place("AE", "Asia/Dubai", "ar", "+97150"),
    Place("SA", "Asia/Riyadh", "ar", "+96650"),
    Place("IN", "Asia/Kolkata", "hi", "+9198"),
    Place("DE", "Europe/Berlin", "de", "+49151"),
    Place("FR", "Europe/Paris", "fr", "+3361"),
    Place("IT", "Europe/Rome", "it", "+3934"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody. `zone` is where they are; `told_zone` and `told_country` are what the shop knows of it. `agreed` is their consent as the
    shop tells it, UNKNOWN when it was never asked."""

    number: int
    first_name: str | None
    language: str
    country: str
    zone: str
    phone: str | None
    told_zone: str | None
    told_country: str | None
    agreed: Consent
    on_whatsapp: bool


def person(number: int, rng: Random, places: Sequence[tuple[Place, float]], languages: Sequence[str], habits: Habits) -> Person:
    """The person of that number."""
    place = rng.choices([place for place, _ in places], [weight for _, weight in places])[0]
    language = place.language if _spoken(place.language, languages) or rng.random() < habits.other_language else rng.choice(languages)
    agreed = rng.random()
    return Person(
        number=number,
        first_name=rng.choice(NAMES),
        language=language,
        country=place.country,
        zone=place.zone,
        phone=None if rng.random() < habits.no_phone else f"{place.prefix}{number:06d}",
        told_zone=place.zone if rng.random() < habits.tells_time_zone else None,
        told_country=place.country if rng.random() < habits.tells_country else None,
        agreed=_consent(agreed, habits),
        on_whatsapp=rng.random() >= habits.not_on_whatsapp,
    )


def _consent(drawn: float, habits: Habits) -> Consent:
    if drawn < habits.agreed:
        return Consent.GRANTED
    return Consent.WITHDRAWN if drawn < habits.agreed + habits.refused else Consent.UNKNOWN


def places_of(zone: str, languages: Sequence[str]) -> tuple[tuple[Place, float], ...]:
    """Where a store's customers live, with weights: around the store most of all, then where its languages are spoken."""
    around = [place for place in PLACES if place.zone == zone] or [_own(zone, languages[0])]
    elsewhere = [place for place in PLACES if place.zone != zone and _spoken(place.language, languages)]
    return (*((place, STORE_WEIGHT) for place in around), *((place, SPOKEN_WEIGHT / max(1, len(elsewhere)) * 2) for place in elsewhere))


def _own(zone: str, language: str) -> Place:
    country = str(get_global("zone_territories").get(zone, "ES"))
    return Place(country, zone, language, f"+{country_code_for_region(country) or 34}9")


def _spoken(language: str, languages: Sequence[str]) -> bool:
    return any(language.partition("_")[0] == spoken.partition("_")[0] for spoken in languages)


# ---- their days


def awake(moment: datetime, zone: str, waking: tuple[int, int], rng: Random) -> datetime:
    """The moment itself, or a little after they wake when they are asleep then (UTC)."""
    local = moment.astimezone(zone_of(zone))
    if waking[0] <= local.hour < waking[1]:
        return moment
    day = local.date() if local.hour < waking[0] else local.date() + timedelta(days=1)
    wakes = datetime(day.year, day.month, day.day, waking[0], tzinfo=zone_of(zone))
    return wakes.astimezone(moment.tzinfo) + timedelta(minutes=rng.randrange(90))


def spread(median: timedelta, rng: Random, sigma: float = 1.0) -> timedelta:
    """A lognormal length of time: half are shorter than the median."""
    return timedelta(seconds=max(1, round(median.total_seconds() * rng.lognormvariate(0, sigma))))


@lru_cache(maxsize=512)
def zone_of(name: str) -> ZoneInfo:
    """The zone of that name."""
    return ZoneInfo(name)
