"""A mapping: which fields of somebody else's webhook are which of the generic contract, and who may post it.

An owner writes one as a file (`mapping_file`); here it is at work. What it makes of a body is a delivery of the generic contract, read as
any other: so a mapping can say no more than the contract can, and everything it says is as hostile as what a shop sends.
"""

import html
import json
import re
from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from urllib.parse import parse_qsl

from babel.numbers import get_territory_currencies, is_currency

from bot.flow import money
from bot.flow.facts import Money
from bot.shop import plain, signature
from bot.shop.delivery import Admission, Delivery
from bot.shop.event import Unreadable
from bot.shop.field import MOST_LINES, Fields, decode
from bot.shop.signature import Encoding
from bot.store.model import Update, from_epoch, update_key

UNMAPPED = "unmapped"  # the type of a delivery that no event of the mapping is meant for
MOST_FORM_FIELDS = 1_000  # of a form-encoded body
MOST_TEXT = 20_000  # characters of one value; a table of products as HTML is long

_MINOR = re.compile(r"[0-9]{1,15}", re.ASCII)
_EPOCH = re.compile(r"([0-9]{1,13})(?:\.[0-9]+)?", re.ASCII)
_TAGS = re.compile(r"<[^<>]{0,1000}>")
_AMOUNT = re.compile(r"[0-9][0-9.,'’\u00a0\u202f ]{0,30}")
_YES = frozenset({"1", "yes", "on", "true", "y"})
_SIGNS: Table[str, str] = {
    "R$": "BRL", "zł": "PLN", "Kč": "CZK", "€": "EUR", "£": "GBP", "₹": "INR", "₺": "TRY", "₪": "ILS", "₩": "KRW", "₫": "VND", "₱": "PHP",
    "฿": "THB", "₦": "NGN", "₴": "UAH", "₽": "RUB",
}  # fmt: skip  # those of one currency alone; $, ¥ and kr are of many, and the shop's region decides


class Form(StrEnum):
    """How a value is written that has to be turned into the contract's own way."""

    PLAIN = "plain"
    MINOR_UNITS = "minor_units"  # 4990 for 49.90 EUR; paise
    MONEY_TEXT = "money_text"  # $49.90, 1.234,50 €
    CURRENCY_SIGN = "currency_sign"  # the currency of such a text
    SECONDS = "seconds"  # since 1970
    MILLISECONDS = "milliseconds"
    YES_OR_NO = "yes_or_no"  # 1, yes, on


class Way(StrEnum):
    """Where a value comes from."""

    PATH = "path"
    HEADER = "header"
    CONSTANT = "constant"


@dataclass(frozen=True, slots=True)
class Source:
    """A value's ways, of which the first that leads somewhere counts, and how it is written."""

    ways: tuple[tuple[Way, str], ...]
    form: Form = Form.PLAIN


@dataclass(frozen=True, slots=True)
class Items:
    """The lines of a cart: where their list is, and each one's fields. `separated_by` cuts a text into them."""

    each: Source
    separated_by: str | None
    fields: Table[str, Source]


@dataclass(frozen=True, slots=True)
class Mapped:
    """One kind of delivery: what must stand where for it to be meant, and what it becomes. `conditions` are texts, any of which will do."""

    conditions: tuple[tuple[Source, frozenset[str]], ...]
    type: str
    at: Source | None
    fields: Table[str, Source]
    items: Items | None = None
    consent: Table[str, Source] = field(default_factory=dict)


class Scheme(StrEnum):
    """How a sender shows who they are."""

    HMAC = "hmac"  # of the raw body, in a header
    SHARED_WORD = "token"  # the secret itself in a header
    STANDARD_WEBHOOKS = "standard_webhooks"
    PATH = "path"  # the secret in the address, for those who do neither


class Body(StrEnum):
    """How a body is encoded."""

    JSON = "json"
    FORM = "form"


@dataclass(frozen=True, slots=True)
class Mapping:
    """All of a mapping file. `delivery` is what a redelivery repeats, where there is such a thing."""

    name: str
    body: Body
    scheme: Scheme
    header: str | None
    encoding: Encoding
    prefix: str
    delivery: Source | None
    region: str | None
    events: tuple[Mapped, ...]


@dataclass(frozen=True, slots=True)
class MappedShop:
    """The way in from one shop that a mapping reads."""

    mapping: Mapping
    secrets: tuple[str, ...] = field(repr=False)
    region: str | None = None
    tries_again: bool = True

    def admit(self, delivery: Delivery) -> Admission:
        """Whether the sender knows our secret, in the way the mapping says."""
        return Admission.GENUINE if self._is_genuine(delivery) else Admission.REFUSED

    def _is_genuine(self, delivery: Delivery) -> bool:
        if self.mapping.scheme is Scheme.PATH:
            return signature.same(delivery.word, self.secrets)
        if self.mapping.scheme is Scheme.STANDARD_WEBHOOKS:
            return signature.signed(delivery.headers, delivery.body, self.secrets, delivery.received_at)
        given = delivery.header(self.mapping.header or "")
        if given is None or not given.startswith(self.mapping.prefix):
            return False
        given = given.removeprefix(self.mapping.prefix)
        if self.mapping.scheme is Scheme.SHARED_WORD:
            return signature.same(given, self.secrets)
        return signature.body_signed(given, delivery.body, self.secrets, self.mapping.encoding)

    def split(self, delivery: Delivery) -> list[Update]:
        """Its one update, as a delivery of the generic contract. What the mapping cannot read is kept as it came."""
        region = self.region or self.mapping.region
        try:
            told = translate(self.mapping, delivery, region)
        except Unreadable as fault:
            [update] = plain.split(delivery.shop, "", b"", delivery.received_at)
            return [replace(update, key=self._key(delivery, None), body=delivery.body, unreadable=str(fault))]
        [update] = plain.split(delivery.shop, "", told.body, delivery.received_at, region)
        body = update.body if update.unreadable is None else delivery.body
        return [replace(update, key=self._key(delivery, told), body=body)]

    def _key(self, delivery: Delivery, told: "Translated | None") -> bytes:
        """The same for every redelivery. Where the sender tells neither an id nor a time, the same words count again on another day."""
        at, name = (told.at, told.delivery) if told else (None, None)
        if name is None:
            name = delivery.fingerprint if at else f"{delivery.fingerprint}:{delivery.received_at:%Y-%m-%d}"
        return update_key(at or from_epoch(0), f"{delivery.shop}:{self.mapping.name}:{name}")


@dataclass(frozen=True, slots=True)
class Translated:
    """A delivery of the generic contract. `at` is None where the sender told no time, `delivery` where they told no id."""

    type: str
    at: datetime | None
    delivery: str | None
    values: Table[str, object]
    body: bytes


def translate(mapping: Mapping, delivery: Delivery, region: str | None) -> Translated:
    """What a body is in the words of the contract. Raises Unreadable."""
    fields = _form(delivery.body) if mapping.body is Body.FORM else decode(delivery.body)
    found = _Found(delivery, fields.values, region)
    name = found.text(mapping.delivery) if mapping.delivery else None
    event = next((event for event in mapping.events if found.fits(event.conditions)), None)
    at = found.moment(event.at) if event and event.at else None
    values = found.data(event) if event else {}
    if phone := plain.phone(Fields(values), region):
        values["phone_e164"] = phone  # the region is known here and now
    kind = event.type if event else UNMAPPED
    told: dict[str, object] = {"type": kind, "timestamp": (at or delivery.received_at).astimezone(UTC).isoformat(), "data": values}
    if event is None:
        told["source"] = dict(fields.values)
    return Translated(kind, at, name, values, json.dumps(told).encode())


def _form(body: bytes) -> Fields:
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FORM_FIELDS, encoding="utf-8")
    except ValueError:  # not UTF-8, or too many
        raise Unreadable("the body is not an encoded form") from None
    if not pairs:
        raise Unreadable("the body is not an encoded form")
    values: dict[str, object] = {}
    for name, value in pairs:
        values.setdefault(name, value)
    return Fields(values)


@dataclass(frozen=True, slots=True)
class _Found:
    """The values of one body. `root` is where paths begin: the body, or one of its lines."""

    delivery: Delivery
    root: object
    region: str | None

    def value(self, source: Source) -> object:
        """What the first way that leads somewhere leads to; None when none does."""
        for way, where in source.ways:
            match way:
                case Way.CONSTANT:
                    return where
                case Way.HEADER:
                    value: object = self.delivery.header(where)
                case _:
                    value = _follow(self.root, where)
            if value is not None and value != "":
                return value
        return None

    def text(self, source: Source) -> str | None:
        """The value as a text; None for lists and the like."""
        value = self.value(source)
        if isinstance(value, bool):
            return str(value).lower()
        return str(value)[:MOST_TEXT] if isinstance(value, str | int) else None

    def fits(self, conditions: Sequence[tuple[Source, frozenset[str]]]) -> bool:
        return all(self.text(source) in words for source, words in conditions)

    def moment(self, source: Source) -> datetime | None:
        """The time there, None when there is none. Raises Unreadable for one that is written otherwise."""
        value = self.converted(source, None)
        return Fields({"at": value}).moment("at") if value is not None else None

    def data(self, event: Mapped) -> dict[str, object]:
        """The contract's `data`. The currency comes first: it says how many digits the amounts have."""
        currency = self._currency(event.fields.get("currency"))
        values = {name: self.converted(source, currency) for name, source in event.fields.items()}
        if currency is not None:
            values["currency"] = currency
        if event.items is not None:
            values["items"] = self._items(event.items, currency)
        if event.consent:
            stated = {name: self.converted(source, None) for name, source in event.consent.items()}
            values["consent"] = {"whatsapp": stated | {"state": _state(stated.get("state"))}}
        return {name: value for name, value in values.items() if value is not None}

    def _currency(self, source: Source | None) -> str | None:
        text = self.text(source) if source else None
        if source is None or text is None:
            return None
        return _currency_of(text, self.region) if source.form is Form.CURRENCY_SIGN else text.upper()

    def _items(self, items: Items, currency: str | None) -> list[dict[str, object]]:
        told = self.value(items.each)
        if items.separated_by is not None and isinstance(told, str):
            told = [part.strip() for part in html.unescape(told[:MOST_TEXT]).split(items.separated_by) if part.strip()]
        lines = told[:MOST_LINES] if isinstance(told, list) else []
        return [replace(self, root=line)._line(items, currency) for line in lines]

    def _line(self, items: Items, currency: str | None) -> dict[str, object]:
        values = {name: self.converted(source, currency) for name, source in items.fields.items()}
        return {name: value for name, value in values.items() if value is not None}

    def converted(self, source: Source, currency: str | None) -> object:
        """The value in the contract's own way; None when there is none. Raises Unreadable for one that is written otherwise."""
        if source.form is Form.PLAIN:
            return self.value(source)
        text = self.text(source)
        if text is None:
            return None
        if source.form is Form.YES_OR_NO:
            return text.lower() in _YES
        if source.form in (Form.SECONDS, Form.MILLISECONDS):
            return _moment(text, 1000 if source.form is Form.MILLISECONDS else 1)
        if source.form is Form.CURRENCY_SIGN:
            return _currency_of(text, self.region)
        if currency is None or not is_currency(currency):
            raise Unreadable("currency is missing, or is not an ISO 4217 currency such as EUR")
        amount = _minor_units(text, currency) if source.form is Form.MINOR_UNITS else _money_text(text, currency)
        return f"{money.amount(amount):f}"


def _follow(value: object, path: str) -> object:
    """Where a path leads: keys and numbers of list entries between dots; `.` alone is the value itself."""
    for part in path.split(".") if path != "." else ():
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and len(part) < 6 and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _state(told: object) -> object:
    """A box that is ticked is a yes; one that is not says nothing."""
    return "granted" if told is True or (isinstance(told, str) and told.lower() in _YES) else told if isinstance(told, str) else None


def _minor_units(text: str, currency: str) -> Money:
    if not _MINOR.fullmatch(text):
        raise Unreadable("an amount is not a whole number of minor units, such as 4990")
    return Money(int(text), currency)


def _money_text(text: str, currency: str) -> Money:
    """An amount as a page shows it. The last sign is a decimal point if as many digits follow as decimals do; else it parts thousands."""
    found = _AMOUNT.search(_TAGS.sub(" ", html.unescape(text)))
    if found is None:
        raise Unreadable("an amount is not written like $49.90")
    written = re.sub(r"[^0-9.,]", "", found.group()).rstrip(".,")
    whole, separator, decimals = written, "", ""
    if match := re.fullmatch(r"(.*)([.,])([0-9]+)", written):
        whole, separator, decimals = match.groups()
    is_point = bool(separator) and separator not in whole and (len(decimals) != 3 or money.digits(currency) == 3)
    digits = re.sub(r"[^0-9]", "", whole if is_point else whole + decimals)
    return money.of(Decimal(f"{digits[:12] or '0'}.{decimals[:6] if is_point else '0'}"), currency)


def _currency_of(text: str, region: str | None) -> str:
    shown = html.unescape(text)
    if (code := re.search(r"\b[A-Z]{3}\b", shown)) and is_currency(code.group()):
        return code.group()
    for sign, currency in _SIGNS.items():
        if sign in shown:
            return currency
    of_region = get_territory_currencies(region) if region else []
    if not of_region:
        raise Unreadable("the currency is not told: say where the shop is by its REGION")
    return str(of_region[0])


def _moment(text: str, per_second: int) -> str:
    written = _EPOCH.fullmatch(text)
    seconds = int(written[1]) / per_second if written else -1
    if not 0 <= seconds < 4_102_444_800:  # the year 2100
        raise Unreadable("a time is not written as a number since 1970")
    return datetime.fromtimestamp(seconds, UTC).isoformat()
