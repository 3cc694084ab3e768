"""What is true for the whole store: `flows/store.yaml`. Every flow obeys it.

A part with a mistake in it is told as a problem and gives way to its default, so a store always has rules.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from babel.numbers import is_currency
from pydantic import BeforeValidator, Field, WithJsonSchema

from bot.flow import names
from bot.flow.account import Account, Enough
from bot.flow.condition import ConditionError, parse, validate
from bot.flow.document import Document, Value
from bot.flow.measure import read_clock_span, read_length
from bot.flow.model import Length, Word, Written, editor_schema
from bot.flow.names import did_you_mean
from bot.flow.price import ELSEWHERE, Prices, read_price
from bot.flow.problem import Mistake, Problem, WrittenWrongly
from bot.flow.shape import read, short
from bot.flow.text import LONGEST_LANGUAGE

DAY = timedelta(days=1)
MAX_SEGMENTS = 200  # more than anyone tells apart; and all of them are followed to see whether one leads back to itself
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
PAYMENT_LEFT = timedelta(minutes=30)  # WooCommerce itself gives up on an unpaid order after an hour
DEFAULT_CURRENCY = "EUR"
DEFAULT_TIMEZONE = "UTC"
DEFAULT_LANGUAGES = ("en",)
DEFAULT_CREDIT = timedelta(days=5)  # as Klaviyo counts who followed a link
DEFAULT_OPT_OUT_WORDS = ("stop", "unsubscribe")  # a store that names none must still let people go


# ---- what the rest of the house reads


@dataclass(frozen=True, slots=True)
class StaffHours:
    """When a person is at the desk: on which weekdays (Monday is 0) and from when to when, on the store's clock."""

    weekdays: frozenset[int]
    start: time
    end: time

    def is_open(self, now: datetime, timezone: str) -> bool:
        """Whether somebody is at the desk at `now` (UTC)."""
        local = now.astimezone(ZoneInfo(timezone))
        return local.weekday() in self.weekdays and self.start <= local.time() < self.end

    def next_open(self, now: datetime, timezone: str) -> datetime:
        """The first moment after `now` (UTC) at which the desk opens, in UTC."""
        zone = ZoneInfo(timezone)
        today = now.astimezone(zone).date()
        days = (today + DAY * ahead for ahead in range(9))  # today to the same weekday next week, and one more for a lost hour
        openings = (datetime.combine(day, self.start, zone).astimezone(UTC) for day in days if day.weekday() in self.weekdays)
        return next(opening for opening in openings if opening > now)


@dataclass(frozen=True, slots=True)
class Audience:
    """A list of people for paid ads: who is in it (a condition), and how long they stay after they last were."""

    condition: str
    keep_for: timedelta


@dataclass(frozen=True, slots=True)
class UsedUp:
    """When a purchase is used up: after `days`, or after so many for each piece; None: it is never bought again."""

    days: float | None
    per_unit: bool = False


@dataclass(frozen=True, slots=True)
class BackInStock:
    """Who is told when that a product is back: so many people for each piece of it, the next after `pause` if pieces are left by then.
    Nobody waits longer than `waits_for`."""

    people_per_piece: int = 3
    pause: timedelta = timedelta(hours=1)
    waits_for: timedelta = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class PriceDropped:
    """What is told of lower prices: those lower `by` so many percent than the lowest of thirty days, to one person again after
    `again_after`."""

    by: Decimal = Decimal(10)
    again_after: timedelta = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class StoreRules:
    """What the owner decided for the whole store. The first of `languages` is the one the flows are written in.

    `marketing_limits`: at most so many messages that we begin in any such length of time. `reorder`: when a purchase is used up, by
    the shop's product id, SKU or category. `credit_for`: how long after a message that arrived an order counts as brought about by it.
    `segments` are conditions by name. `catalog` is the id of the store's catalog at Meta. `payment_left`: how long an order may stand at
    the payment page before its payment counts as failed.
    """

    name: str = ""
    currency: str = DEFAULT_CURRENCY
    timezone: str = DEFAULT_TIMEZONE
    languages: tuple[str, ...] = DEFAULT_LANGUAGES
    quiet_hours: tuple[time, time] | None = None
    marketing_limits: tuple[tuple[int, timedelta], ...] = ()
    opt_out_words: tuple[str, ...] = DEFAULT_OPT_OUT_WORDS
    links: Mapping[str, str] = field(default_factory=dict)
    staff_hours: StaffHours | None = None
    reorder: Mapping[str, UsedUp] = field(default_factory=dict)
    credit_for: timedelta = DEFAULT_CREDIT
    segments: Mapping[str, str] = field(default_factory=dict)
    audiences: Mapping[str, Audience] = field(default_factory=dict)
    prices: Prices = field(default_factory=Prices)
    catalog: str | None = None
    back_in_stock: BackInStock = BackInStock()
    price_dropped: PriceDropped = PriceDropped()
    payment_left: timedelta = PAYMENT_LEFT

    @property
    def source_language(self) -> str:
        """The language the flows are written in."""
        return self.languages[0]

    @property
    def used_up(self) -> tuple[str, ...]:
        """What the owner says is bought again."""
        return tuple(name for name, known in self.reorder.items() if known.days is not None)


# ---- how an owner writes it


DEFAULT_PLACE = "default"  # a price for every country that is not listed
_PLACE = re.compile(r"[A-Z]{2}", re.ASCII)
_TIMEZONE = re.compile(r"[\w+-]{1,32}(/[\w+-]{1,32}){0,2}", re.ASCII)
_PERIODS = {"hour": timedelta(hours=1), "day": DAY, "week": timedelta(weeks=1)}
_LIMIT = re.compile(r"(\d{1,3}) per (hour|day|week|\d{1,4} \w+)", re.ASCII)


def read_limits(text: str) -> tuple[tuple[int, timedelta], ...]:
    """`1 per day, 3 per week`, `5 per 30 days`."""
    return tuple(_read_limit(part.strip()) for part in text.split(","))


def _read_limit(text: str) -> tuple[int, timedelta]:
    match = _LIMIT.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise WrittenWrongly(Mistake.BAD_LIMIT, "write a limit like '1 per day, 3 per week'")
    return int(match[1]), _PERIODS.get(match[2]) or read_length(match[2])


def read_staff_hours(text: str) -> StaffHours:
    """`Monday to Friday, 09:00 to 18:00`, `every day, 10:00 to 22:00`, `Monday, Wednesday and Friday, 09:00 to 13:00`."""
    days, _, hours = text.rpartition(",")
    start, end = read_clock_span(hours)
    if end < start:
        raise WrittenWrongly(Mistake.BAD_STAFF_HOURS, "staff hours end on the day they begin: write the earlier time first")
    return StaffHours(_read_weekdays(days.lower()), start, end)


def _read_weekdays(text: str) -> frozenset[int]:
    if text.strip() == "every day":
        return frozenset(range(7))
    return frozenset(day for part in re.split(r",| and ", text) for day in _read_weekday_span(part))


def _read_weekday_span(text: str) -> Iterator[int]:
    first, _, last = text.partition(" to ")
    begin, end = _read_weekday(first), _read_weekday(last or first)
    return (day % 7 for day in range(begin, end + 1 if end >= begin else end + 8))


def _read_weekday(text: str) -> int:
    if (day := text.strip()) not in WEEKDAYS:
        raise WrittenWrongly(Mistake.BAD_STAFF_HOURS, "write staff hours like 'Monday to Friday, 09:00 to 18:00'")
    return WEEKDAYS.index(day)


def _read_used_up(text: str) -> "UsedUpFile":
    """`25 days`, `never`."""
    days = None if text.strip().lower() == "never" else read_length(text) / DAY
    return UsedUpFile.model_construct(days=days, per_unit=False)


def _read_days(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) == 0:
        raise WrittenWrongly(Mistake.BAD_LENGTH_OF_TIME, "write a number of days here, like 25")
    return float(text)


def _read_yes_or_no(text: str) -> bool:
    if text.strip().lower() not in ("yes", "true", "no", "false"):
        raise WrittenWrongly(Mistake.UNKNOWN_CHOICE, "write yes or no here")
    return text.strip().lower() in ("yes", "true")


MOST_PEOPLE_PER_PIECE = 1000


def _read_people(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MOST_PEOPLE_PER_PIECE:
        raise WrittenWrongly(Mistake.BAD_LIMIT, f"write how many people are told for each piece, from 1 to {MOST_PEOPLE_PER_PIECE}")
    return int(text)


def _read_share(text: str) -> Decimal:
    match = re.fullmatch(r"\s*([0-9]{1,2}(?:\.[0-9]{1,2})?)\s*%\s*", text)
    if match is None or not Decimal(match[1]):
        raise WrittenWrongly(Mistake.BAD_DISCOUNT, "write by how much a price must be lower, like '10%'")
    return Decimal(match[1])


def _read_currency(text: str) -> str:
    if not is_currency(text):
        raise WrittenWrongly(Mistake.BAD_CURRENCY, f"I do not know the currency '{short(text)}': write three letters like EUR or USD")
    return text


def _read_timezone(text: str) -> str:
    if not _is_timezone(text):
        hint = did_you_mean(text, _timezones()) or ": write it like Europe/Madrid"
        raise WrittenWrongly(Mistake.BAD_TIMEZONE, f"I do not know the time zone '{short(text)}'{hint}")
    return text


def _is_timezone(text: str) -> bool:
    if not _TIMEZONE.fullmatch(text):  # zoneinfo would take a name to pieces, and import each of them
        return False
    try:
        ZoneInfo(text)
    except (KeyError, OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError; of a folder's name it makes an OSError
        return False
    return True


_timezones = cache(available_timezones)


def _read_language(text: str) -> str:
    code = text.replace("-", "_")
    try:
        Locale.parse(code[:LONGEST_LANGUAGE])
    except (UnknownLocaleError, ValueError, TypeError):
        message = f"I do not know the language '{short(text)}': write a code like en, es or pt_BR"
        raise WrittenWrongly(Mistake.BAD_LANGUAGE, message) from None
    return code[:LONGEST_LANGUAGE]


def _read_link(text: str) -> str:
    if not text.startswith(("https://", "http://")) or any(character.isspace() for character in text):
        raise WrittenWrongly(Mistake.BAD_LINK, "write a whole link that begins with https://")
    return text


def _read_catalog_id(text: str) -> str:
    if not re.fullmatch(r"[0-9]{5,32}", text):
        raise WrittenWrongly(Mistake.NO_CATALOG, "write the catalog's id here, the long number that Meta's Commerce Manager shows")
    return text


def _read_opt_out_word(text: str) -> str:
    if not text.strip():
        raise WrittenWrongly(Mistake.EMPTY_TEXT, "write a word here")
    return text.strip()


def _from_text(reader: Callable[[str], Any], example: str, pattern: str = "") -> list[Any]:
    """How a written value is read, and what an editor is told of it: an example, and the pattern that every right one has."""
    return [
        BeforeValidator(lambda value: reader(value) if isinstance(value, str) else value),
        WithJsonSchema({"type": "string", "examples": [example], **({"pattern": pattern} if pattern else {})}),
    ]


_DAY = "(" + "|".join(f"[{day[0].upper()}{day[0]}]{day[1:]}" for day in WEEKDAYS) + ")"
_DAYS = rf"[Ee]very day|{_DAY}((,| to| and)\s+{_DAY})*"
_CLOCKS = r"\d{1,2}:\d{2}\s* to \s*\d{1,2}:\d{2}\s*$"


def _read_price(text: str) -> int:
    try:
        return read_price(text)
    except ValueError as fault:
        raise WrittenWrongly(Mistake.BAD_PRICE, str(fault)) from fault


def _read_place(text: str) -> str:
    if text != DEFAULT_PLACE and not _PLACE.fullmatch(text):
        message = f"write a country as two letters like ES, or '{DEFAULT_PLACE}' for all others, not '{short(text)}'"
        raise WrittenWrongly(Mistake.BAD_PRICE, message)
    return ELSEWHERE if text == DEFAULT_PLACE else text


def _everywhere(written: Any) -> Any:
    return {DEFAULT_PLACE: written} if isinstance(written, str) else written


class AudienceFile(Written):
    """One list for paid ads, as written."""

    if_: str = Field(alias="if")
    keep_for: Length


Currency = Annotated[str, *_from_text(_read_currency, "EUR", "^[A-Z]{3}$")]
Timezone = Annotated[str, *_from_text(_read_timezone, "Europe/Madrid", "^[A-Za-z0-9_+/-]+$")]
Language = Annotated[str, *_from_text(_read_language, "pt_BR", "^[A-Za-z]{2,3}([_-][A-Za-z0-9]+)*$")]
ClockSpan = Annotated[tuple[time, time] | None, *_from_text(read_clock_span, "21:00 to 09:00", rf"^\s*{_CLOCKS}")]
Limits = Annotated[tuple[tuple[int, timedelta], ...], *_from_text(read_limits, "1 per day, 3 per week", r"^\s*\d{1,3} per ")]
OptOutWord = Annotated[str, *_from_text(_read_opt_out_word, "stop", r"\S")]
Link = Annotated[str, *_from_text(_read_link, "https://shop.example/returns", r"^https?://\S+$")]
Hours = Annotated[StaffHours | None, *_from_text(read_staff_hours, "Monday to Friday, 09:00 to 18:00", rf"^\s*({_DAYS}),\s*{_CLOCKS}")]
NumberOfDays = Annotated[
    float | None,
    BeforeValidator(lambda value: _read_days(value) if isinstance(value, str) else value),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 9999, "examples": [25]}),
]
YesOrNo = Annotated[
    bool,
    BeforeValidator(lambda value: _read_yes_or_no(value) if isinstance(value, str) else value),
    WithJsonSchema({"enum": ["yes", "no", True, False]}),
]


class UsedUpFile(Written):
    """When something is used up, as written in full: after so many days, or so many for each piece."""

    days: NumberOfDays
    per_unit: YesOrNo = False


_DAYS_EACH = {
    "type": "object",
    "properties": {"days": {"type": "integer", "minimum": 1, "maximum": 9999}, "per_unit": {"enum": ["yes", "no", True, False]}},
    "required": ["days"],
    "additionalProperties": False,
}
_USED_UP = {"type": "string", "examples": ["25 days"], "pattern": r"^\s*([Nn]ever|NEVER|\d{1,4}\s+\w+)\s*$"}
UsedUpAfter = Annotated[
    UsedUpFile,
    BeforeValidator(lambda value: _read_used_up(value) if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [_USED_UP, _DAYS_EACH]}),
]


CatalogId = Annotated[
    str | None,
    BeforeValidator(lambda value: _read_catalog_id(value) if isinstance(value, str) else value),
    WithJsonSchema({"type": ["string", "integer"], "pattern": "^[0-9]{5,32}$", "examples": ["194836987003835"]}),
]


_A_PRICE = {"type": ["number", "string"], "examples": ["0.0509"], "pattern": r"^\s*\d+(\.\d{1,6})?\s*$", "minimum": 0}
_A_PRICE_LIST = {
    "anyOf": [
        _A_PRICE,
        {"type": "object", "propertyNames": {"pattern": rf"^([A-Z]{{2}}|{DEFAULT_PLACE})$"}, "additionalProperties": _A_PRICE},
    ]
}
Price = Annotated[int, BeforeValidator(lambda value: _read_price(value) if isinstance(value, str) else value)]
Where = Annotated[str, BeforeValidator(_read_place)]
PriceList = Annotated[dict[Where, Price], BeforeValidator(_everywhere), WithJsonSchema(_A_PRICE_LIST)]


class PricesFile(Written):
    """What messages cost, as written: by Meta's category one price, or one for each country and a `default`."""

    currency: Currency | None = None
    marketing: PriceList = Field(default_factory=dict)
    marketing_lite: PriceList = Field(default_factory=dict)
    utility: PriceList = Field(default_factory=dict)
    authentication: PriceList = Field(default_factory=dict)
    authentication_international: PriceList = Field(default_factory=dict)
    service: PriceList = Field(default_factory=dict)

    def meant(self, currency: str) -> Prices:
        """The list, in the store's currency where it names none; an empty one when nothing is priced."""
        categories = {name: prices for name, prices in self if name != "currency"}
        table = {(place, name): price for name, prices in categories.items() for place, price in prices.items()}
        return Prices(self.currency or currency, MappingProxyType(table)) if table else Prices()


People = Annotated[
    int,
    BeforeValidator(lambda value: _read_people(value) if isinstance(value, str) else value),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_PEOPLE_PER_PIECE, "examples": [3]}),
]
Share = Annotated[Decimal, *_from_text(_read_share, "10%", r"^\s*[0-9]{1,2}(\.[0-9]{1,2})?\s*%\s*$")]


class BackInStockFile(Written):
    """Who is told when that a product is back, as written."""

    people_per_piece: People = BackInStock().people_per_piece
    pause: Length = BackInStock().pause
    waits_for: Length = BackInStock().waits_for


class PriceDroppedFile(Written):
    """What is told of lower prices, as written."""

    by: Share = PriceDropped().by
    again_after: Length = PriceDropped().again_after


class StoreFile(Written):
    """`store.yaml` as written."""

    name: Word
    currency: Currency
    timezone: Timezone
    languages: tuple[Language, ...]
    quiet_hours: ClockSpan = None
    marketing_limit: Limits = ()
    opt_out_words: tuple[OptOutWord, ...] = DEFAULT_OPT_OUT_WORDS
    links: dict[str, Link] = Field(default_factory=dict)
    staff_hours: Hours = None
    reorder: dict[str, UsedUpAfter] = Field(default_factory=dict)
    credit_for: Length = DEFAULT_CREDIT
    segments: dict[str, str] = Field(default_factory=dict)
    audiences: dict[str, AudienceFile] = Field(default_factory=dict)
    prices: PricesFile = Field(default_factory=PricesFile)
    catalog: CatalogId = None
    back_in_stock: BackInStockFile = Field(default_factory=BackInStockFile)
    price_dropped: PriceDroppedFile = Field(default_factory=PriceDroppedFile)
    payment_left: Length | None = None


_SUBSTITUTES: Mapping[str, Value] = {
    "name": "",
    "currency": DEFAULT_CURRENCY,
    "timezone": DEFAULT_TIMEZONE,
    "languages": list(DEFAULT_LANGUAGES),
    "if": "",
    "keep_for": "1 day",
}


def read_rules(document: Document) -> tuple[StoreRules, frozenset[str], tuple[Problem, ...]]:
    """The rules in `store.yaml`, with defaults for what is wrong in it; the segments with a mistake; and everything wrong."""
    shape = read(document, StoreFile, _SUBSTITUTES)
    if shape.value is None:
        return StoreRules(), frozenset(), shape.problems
    meaning = _Meaning(shape.document, shape.value, shape.broken)
    try:
        rules = meaning.rules()
    except Enough:
        rules = StoreRules()
    faulty_segments = frozenset(shape.value.segments) - frozenset(rules.segments)
    return rules, faulty_segments, (*shape.problems, *meaning.told.problems)


class _Meaning:
    """What the written rules mean: drops what makes no sense, and tells it."""

    def __init__(self, document: Document, written: StoreFile, broken: frozenset[str]) -> None:
        self.told = Account(document)
        self.written = written
        self.broken = broken

    def rules(self) -> StoreRules:
        written = self.written
        segments = self.segments()
        return StoreRules(
            name=written.name,
            currency=written.currency,
            timezone=written.timezone,
            languages=self.filled("languages", written.languages, DEFAULT_LANGUAGES),
            quiet_hours=written.quiet_hours,
            marketing_limits=written.marketing_limit,
            opt_out_words=self.filled("opt_out_words", written.opt_out_words, DEFAULT_OPT_OUT_WORDS),
            links=MappingProxyType(written.links),
            staff_hours=written.staff_hours,
            reorder=MappingProxyType({name: UsedUp(known.days, known.per_unit) for name, known in written.reorder.items()}),
            credit_for=written.credit_for,
            segments=MappingProxyType(segments),
            audiences=MappingProxyType(self.audiences(segments)),
            prices=written.prices.meant(written.currency),
            catalog=written.catalog,
            back_in_stock=BackInStock(**dict(written.back_in_stock)),
            price_dropped=PriceDropped(**dict(written.price_dropped)),
            payment_left=written.payment_left or PAYMENT_LEFT,
        )

    def filled(self, key: str, written: tuple[str, ...], default: tuple[str, ...]) -> tuple[str, ...]:
        """The list without what could not be read, the default when nothing is left."""
        if not written and self.told.document.value(key) == []:
            self.told.tell(key, Mistake.EMPTY_LIST, f"name at least one here, as in '{key}: [{default[0]}]'")
        return written or default

    def segments(self) -> dict[str, str]:
        """The segments that make sense, and so do those they name."""
        known = self.written.segments
        if len(known) > MAX_SEGMENTS:
            self.told.tell("segments", Mistake.TOO_MANY_VALUES, f"a store has at most {MAX_SEGMENTS} segments, these are {len(known)}")
            return {}
        sound = {name: text for name, text in known.items() if self.makes_sense(f"segments.{name}", text)}
        circles = {name: circle for name in sound if (circle := _circle(name, sound))}
        self.tell_circles(circles)
        sound = {name: text for name, text in sound.items() if name not in circles}
        while unsound := [name for name, text in sound.items() if parse(text).segments() - sound.keys()]:
            sound = {name: text for name, text in sound.items() if name not in unsound}
        return sound

    def tell_circles(self, circles: Mapping[str, tuple[str, ...]]) -> None:
        """Each circle once, at the first of its segments."""
        told: set[str] = set()
        for name, (_, *others) in circles.items():
            if name in told:
                continue
            told.update((name, *others))
            message = f"the segment '{name}' names itself: say in other words who is in it"
            if others:
                message = f"the segment '{name}' leads back to itself through '{others[0]}': define one of them without the other"
            self.told.tell(f"segments.{name}", Mistake.SEGMENT_NAMES_ITSELF, message)

    def audiences(self, segments: Mapping[str, str]) -> dict[str, Audience]:
        return {
            name: Audience(audience.if_, audience.keep_for)
            for name, audience in self.written.audiences.items()
            if self.is_whole(f"audiences.{name}")
            and self.makes_sense(f"audiences.{name}.if", audience.if_)
            and parse(audience.if_).segments() <= segments.keys()
        }

    def is_whole(self, path: str) -> bool:
        return not any(broken.startswith(f"{path}.") for broken in self.broken)

    def makes_sense(self, path: str, condition: str) -> bool:
        mistakes = condition_mistakes(condition, self.written.segments)
        for offset, kind, message in mistakes:
            self.told.tell_inside(path, offset, kind, message)
        return not mistakes


def condition_mistakes(text: str, segments: Collection[str]) -> list[tuple[int, Mistake, str]]:
    """What is wrong with a condition: where in it, the kind, a sentence. `segments` are the known ones."""
    try:
        condition = parse(text)
    except ConditionError as error:
        return [(error.offset, Mistake.BAD_CONDITION, error.message)]
    named = {offset for offset, _ in condition.members}
    return [(offset, _kind(text, offset, named), message) for offset, message in validate(condition, segments)]


_WORD = re.compile(r"[\w.\-]+")


def _kind(text: str, offset: int, segments: AbstractSet[int]) -> Mistake:
    if offset in segments:
        return Mistake.UNKNOWN_SEGMENT
    word = _WORD.match(text, offset)
    return Mistake.UNKNOWN_NAME if word and names.find(word.group()) is None else Mistake.CANNOT_COMPARE


def _circle(name: str, segments: Mapping[str, str]) -> tuple[str, ...] | None:
    """The segments on the shortest way from one back to itself, beginning with it; None when there is none."""
    ways: list[tuple[str, ...]] = [(name,)]
    seen = {name}
    for way in ways:  # grows while it is read
        for segment in sorted(parse(segments[way[-1]]).segments() & segments.keys()):
            if segment == name:
                return way
            if segment not in seen:
                seen.add(segment)
                ways.append((*way, segment))
    return None


def read_prices(document: Document, currency: str) -> tuple[Prices | None, tuple[Problem, ...]]:
    """A price list in a file of its own, in `currency` where it names none; and everything wrong with it."""
    shape = read(document, PricesFile, {})
    return (shape.value.meant(currency) if shape.value else None), shape.problems


def schema() -> dict[str, Any]:
    """The JSON Schema of `store.yaml`, for editors; shipped as `store.schema.json` beside this module."""
    return editor_schema(StoreFile)
