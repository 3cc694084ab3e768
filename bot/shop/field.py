"""The fields of what a shop sends, made clean: texts, moments, money, links, phones, languages.

Shops pass on what customers typed, so every value here is hostile: texts lose control characters and are cut, links are web
links or nothing, phones are valid or nothing, money is exact or `Unreadable`. Sentences name the field, never its value.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import available_timezones

import phonenumbers
from babel.numbers import is_currency

from bot.flow import money
from bot.flow.facts import Money
from bot.shop.event import CLICK, Unreadable

MOST_NAME = 60  # of a person; longer ones are jokes or attacks, and would break a template's limit
MOST_TITLE = 200  # of a product; a template takes 1,024 characters in all
MOST_KEY = 200  # shops' own keys have up to 64; this one stands in an index
MOST_LINK = 2048  # what browsers and WhatsApp both take
MOST_EMAIL = 254  # RFC 5321
MOST_PHONE = 40  # 15 digits and generous punctuation
LAST_PHONES = 4096  # whose reading is remembered: a checkout tells the same number at each step, and reading costs a quarter millisecond
MOST_LINES = 100  # of a cart; messages name a few, and a body of megabytes must not become megabytes of rows
MOST_CODES = 20  # discount codes on one order; shops take five or six
MOST_ORDERS = 10_000  # of one person; a privacy request names each of them
MOST_NOTES = 100  # attributes of an order, or words in a link's query; apps add a few each
NO_CURRENCY = "XXX"  # ISO 4217: no currency is involved
YEARS = range(2000, 2100)  # moments outside are mistakes, and adding a length of time to 9999 would overflow

_AMOUNT = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?", re.ASCII)  # fits 64 bits in every currency's minor units
_COUNT = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_PIECES = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,6}))?", re.ASCII)
_EPOCH = re.compile(r"[0-9]{1,10}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_LANGUAGE = re.compile(r"([a-z]{2,3})\b(?:-[a-z]{4}\b)?(?:-([a-z]{2})\b)?", re.ASCII | re.IGNORECASE)
_TYPE = phonenumbers.PhoneNumberType
_NOBODYS = frozenset(
    {_TYPE.TOLL_FREE, _TYPE.PREMIUM_RATE, _TYPE.SHARED_COST, _TYPE.UAN, _TYPE.VOICEMAIL, _TYPE.PAGER}  # nobody chats from these
)
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # turn the text around them about


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object whose fields are read one by one. `place` is where it stands in the body (`data.items[0].`)."""

    values: Mapping[str, object]
    place: str = ""

    def text(self, name: str, most: int = MOST_TITLE) -> str | None:
        """A text on one line, cut to `most` characters; None when there is none. Whole numbers are texts, too: keys often are."""
        value = self.values.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)[:most]
        return clean(value[: most * 4])[:most].rstrip() or None if isinstance(value, str) else None  # megabytes are cut unread

    def key(self, name: str) -> str | None:
        """The shop's own key of something; None when there is none, or when it is too long to be one."""
        value = self.text(name, MOST_KEY + 1)
        return value if value is not None and len(value) <= MOST_KEY else None

    def flag(self, name: str) -> bool:
        """Whether the field is true; anything else is no."""
        return self.values.get(name) is True

    def moment(self, name: str) -> datetime | None:
        """An ISO 8601 time as UTC; one without an offset is UTC. Raises Unreadable for anything else that stands there."""
        if self.values.get(name) is None:
            return None
        try:
            moment = datetime.fromisoformat(self.text(name) or "")
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.fault(name, "is not an ISO 8601 time such as 2026-11-02T10:00:00Z") from None
        if moment.year not in YEARS:
            raise self.fault(name, f"is not between {YEARS.start} and {YEARS.stop}")
        return moment

    def currency(self, name: str) -> str:
        """An ISO 4217 code. Raises Unreadable when it is missing or unknown."""
        code = (self.text(name, 4) or "").upper()
        if not _is_currency(code):
            raise self.fault(name, "is not an ISO 4217 currency such as EUR")
        return code

    def money(self, name: str, currency: str, *, exact: bool = True) -> Money | None:
        """An amount written like `80.00`, in minor units of the currency; None when there is none.

        An exact amount has at most the currency's digits. The price of one piece may be finer than money is, and is rounded.
        Raises Unreadable for anything that is no plain amount.
        """
        if self.values.get(name) is None:
            return None
        text = self.text(name) or ""
        if not _AMOUNT.fullmatch(text):
            raise self.fault(name, "is not an amount such as 80.00")
        if exact and len(text.partition(".")[2].rstrip("0")) > money.digits(currency):
            raise self.fault(name, f"has more digits than {currency} has")
        return money.of(Decimal(text), currency)

    def quantity(self, name: str) -> int:
        """How many pieces; one when it is not said. Raises Unreadable for what is no plain number."""
        text = "1" if self.values.get(name) is None else self.text(name) or ""
        if not (text.isascii() and text.isdigit() and len(text) <= 6):
            raise self.fault(name, "is not a whole number of pieces")
        return int(text)

    def price(self, name: str, currency: str) -> Money | None:
        """An amount as `money` reads it, rounded; None for whatever else stands there, where an event can do without it."""
        try:
            return self.money(name, currency, exact=False)
        except Unreadable:
            return None

    def amount(self, name: str) -> Decimal | None:
        """An amount of a currency that is not told here; None when there is none that can be read."""
        text = self.text(name) or ""
        return Decimal(text) if _AMOUNT.fullmatch(text) else None

    def pieces(self, name: str) -> int:
        """How many pieces, begun ones counted: shops sell 1.5 metres, too. One when it cannot be read."""
        written = _PIECES.fullmatch(self.text(name) or "")
        return int(written[1]) + bool((written[2] or "").strip("0")) if written else 1

    def count(self, name: str) -> int | None:
        """A whole number, which may be below zero, as stocks are that were sold over; None when there is none."""
        text = self.text(name) or ""
        return int(text) if _COUNT.fullmatch(text) else None

    def moment_if_any(self, *names: str) -> datetime | None:
        """The first of these times that can be read."""
        for name in names:
            try:
                if moment := self.moment(name):
                    return moment
            except Unreadable:
                continue
        return None

    def epoch(self, name: str) -> datetime | None:
        """A time in seconds since 1970, as UTC; None when there is none that can be read."""
        text = self.text(name) or ""
        moment = datetime.fromtimestamp(int(text), UTC) if _EPOCH.fullmatch(text) else None
        return moment if moment is not None and moment.year in YEARS else None

    def required(self, *names: str) -> str:
        """The first of these keys that is there. Raises Unreadable when none is."""
        for name in names:
            if key := self.key(name):
                return key
        raise self.fault(names[0], "is missing or too long")

    def has(self, name: str) -> bool:
        """Whether anything stands there: not null, no empty text."""
        return self.values.get(name) not in (None, "")

    def email(self, name: str) -> str | None:
        """An e-mail address in lower case, None when it is none."""
        value = (self.text(name, MOST_EMAIL + 1) or "").lower()
        return value if len(value) <= MOST_EMAIL and _EMAIL.fullmatch(value) else None

    def link(self, name: str) -> str | None:
        """A web link (http or https, with a host), None for anything else."""
        value = self.values.get(name)
        if not isinstance(value, str) or len(value) > MOST_LINK or value != clean(value) or " " in value:
            return None
        try:
            parts = urlsplit(value)
        except ValueError:
            return None
        return value if parts.scheme in ("http", "https") and parts.hostname else None

    def texts(self, name: str, most: int) -> tuple[str, ...]:
        """A list of texts, at most `most` of them; what is no text is left out."""
        values = self.values.get(name)
        listed = values[:most] if isinstance(values, list) else []
        return tuple(text for value in listed if isinstance(value, str) and (text := clean(value[:MOST_TITLE])))

    def object(self, name: str) -> "Fields":
        """The object in a field; an empty one when there is none."""
        value = self.values.get(name)
        return Fields(value if isinstance(value, dict) else {}, f"{self.place}{name}.")

    def objects(self, name: str, most: int) -> "tuple[Fields, ...] | None":
        """A list of objects, at most `most` of them; None when there is none. Raises Unreadable when it holds anything else."""
        values = self.values.get(name)
        if values is None:
            return None
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise self.fault(name, "is not a list of objects")
        return tuple(Fields(value, f"{self.place}{name}[{number}].") for number, value in enumerate(values[:most]))

    def fault(self, name: str, what: str) -> Unreadable:
        """The error about one field."""
        return Unreadable(f"{self.place}{name} {what}")


def decode(body: bytes) -> Fields:
    """The JSON object of a body. Numbers with a point stay the text that was written: money is never a float. Raises Unreadable."""
    try:
        values = json.loads(body, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise Unreadable("the body is not JSON") from None
    if not isinstance(values, dict):
        raise Unreadable("the body is not a JSON object")
    return Fields(values)


def clean(text: str) -> str:
    """The text on one line, without control characters, broken surrogates and marks that turn other text around."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = (" " if char.isspace() else char for char in text if char.isspace() or _harmless(char))
    return " ".join("".join(kept).split())


def _harmless(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cs", "Co") and char not in _BIDI_CONTROLS


@lru_cache(256)
def _is_currency(code: str) -> bool:
    """Babel goes through all of the world's currencies for each question."""
    return is_currency(code)


@lru_cache(LAST_PHONES)
def valid_phone(written: str | None, region: str | None) -> str | None:
    """E.164 of a person's number as a shop writes it, None when it is not valid. `region` (ISO 3166) is for numbers without a plus.

    Letters are refused (a shop's sample `555-555-SHIP` would be somebody's number), and so is what no customer has, such as a
    toll-free number.
    """
    if written is None or len(written) > MOST_PHONE or any(map(str.isalpha, written)):
        return None
    try:
        number = phonenumbers.parse(_without_old_prefix(written), region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) in _NOBODYS:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _without_old_prefix(written: str) -> str:
    """Mexican mobiles were written `+52 1 ...` until 2019, and by many still are; the plan knows them without the 1 alone."""
    digits = "".join(filter(str.isdigit, written))
    return f"+52{digits[3:]}" if written.lstrip().startswith("+") and digits.startswith("521") and len(digits) == 13 else written


def country_code(written: str | None) -> str | None:
    """An ISO 3166 code in upper case, None when no such country has telephones."""
    code = (written or "").upper()
    return code if code in phonenumbers.SUPPORTED_REGIONS else None


def click_of(address: str | None) -> str | None:
    """The id of a click in a link's query, None when there is none."""
    try:
        query = parse_qsl(urlsplit(address or "").query, max_num_fields=MOST_NOTES)
    except ValueError:
        return None
    return next((value[:MOST_KEY] for name, value in query if name == CLICK and value.isascii() and value.isprintable()), None)


def language_code(written: str | None) -> str | None:
    """A language like `es` or `pt_BR` of a BCP 47 tag. A territory that only repeats the language says nothing: `es-ES` is `es`."""
    match = _LANGUAGE.match((written or "").replace("_", "-"))
    if match is None:
        return None
    language, territory = match[1].lower(), (match[2] or "").upper()
    return language if territory in ("", language.upper()) else f"{language}_{territory}"


def timezone_name(written: str | None) -> str | None:
    """An IANA time zone that this system knows, else None."""
    return written if written in _timezones() else None


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())
