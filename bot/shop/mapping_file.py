"""A mapping as its owner writes it: read, checked, and proved by its own examples.

A file brings its tests along: under `examples:` stand bodies as the sender posts them, and what each of them gives. A file that does not
give what it says is a mistake in the file, told with line and column like those of flows.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.flow import document, shape
from bot.flow.document import Document, DocumentError, Value
from bot.flow.model import Written
from bot.flow.problem import Mistake, Problem, WrittenWrongly, limited
from bot.shop import mapping, plain
from bot.shop.delivery import Delivery
from bot.shop.event import Unreadable
from bot.shop.field import country_code
from bot.shop.mapping import Body, Form, Items, Mapped, Scheme, Source, Way
from bot.shop.signature import Encoding

_PATH = re.compile(r"\.|[^\s.=]+(\.[^\s.=]+)*")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_AS = re.compile(r"\s+as\s+([a-z_]+)$")
_OR = re.compile(r"\s+or\s+")
_PROVED_AT = datetime(2026, 1, 1, tzinfo=UTC)  # when the examples come in, where they tell no time of their own


def _source(value: object) -> object:
    """`customer.phone or =none as minor_units` as a Source."""
    if not isinstance(value, str):
        return value
    form, written = Form.PLAIN, value.strip()
    if found := _AS.search(written):
        form, written = _form(found[1]), written[: found.start()]
    return Source(tuple(_way(way) for way in _OR.split(written)), form)


def _form(word: str) -> Form:
    if word in list(Form):
        return Form(word)
    near = get_close_matches(word, list(Form), n=1)
    known = f", did you mean '{near[0]}'?" if near else f": write one of {', '.join(Form)}"
    raise WrittenWrongly(Mistake.UNKNOWN_CHOICE, f"'{word[:40]}' is no way in which a value is written{known}")


def _way(written: str) -> tuple[Way, str]:
    if written.startswith("="):
        return Way.CONSTANT, written[1:].strip()
    if written.startswith("header:"):
        name = written.removeprefix("header:").strip()
        if not _HEADER.fullmatch(name):
            raise WrittenWrongly(Mistake.WRONG_KIND_OF_VALUE, "write the name of a header behind 'header:', as in header:X-Event-Id")
        return Way.HEADER, name
    if not _PATH.fullmatch(written):
        message = "write where it stands, with dots between keys, as in 'customer.phone'; other places behind 'or'; a fixed word as '=EUR'"
        raise WrittenWrongly(Mistake.WRONG_KIND_OF_VALUE, message)
    return Way.PATH, written


Where = Annotated[Source, BeforeValidator(_source)]
"""Where a value stands: a path, others after `or`, a word after `=`, a header; and how it is written, after `as`."""

Words = Annotated[tuple[str, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]


class SignaturePart(Written):
    """Who may post. `header` and `encoding` are for `hmac` and `token`."""

    scheme: Scheme
    header: str | None = None
    encoding: Encoding = Encoding.HEX
    prefix: str = ""


class ItemsPart(Written):
    """The lines of a cart, an order or a refund."""

    each: Where
    separated_by: str | None = None
    title: Where
    quantity: Where | None = None
    unit_price: Where | None = None
    product_id: Where | None = None
    variant_id: Where | None = None
    sku: Where | None = None
    category: Where | None = None


class ConsentPart(Written):
    """Consent to WhatsApp: `granted`, `withdrawn`, or a box that is ticked."""

    state: Where
    at: Where | None = None
    source: Where | None = None


class DataPart(Written):
    """The fields of the generic contract (bot/shop/plain.py)."""

    checkout_key: Where | None = None
    cart_key: Where | None = None
    order_key: Where | None = None
    order_number: Where | None = None
    customer_key: Where | None = None
    phone: Where | None = None
    phone_region: Where | None = None
    email: Where | None = None
    first_name: Where | None = None
    locale: Where | None = None
    country: Where | None = None
    timezone: Where | None = None
    currency: Where | None = None
    total: Where | None = None
    refunded: Where | None = None
    recovery_url: Where | None = None
    payment_url: Where | None = None
    tracking_url: Where | None = None
    reorder_url: Where | None = None
    status: Where | None = None
    financial_state: Where | None = None
    completed: Where | None = None
    is_test: Where | None = None
    origin: Where | None = None
    click: Where | None = None
    updated_at: Where | None = None
    placed_at: Where | None = None
    discount_codes: Where | None = None
    refund_key: Where | None = None
    product_id: Where | None = None
    variant_id: Where | None = None
    sku: Where | None = None
    title: Where | None = None
    price: Where | None = None
    stock: Where | None = None
    url: Where | None = None
    visitor_key: Where | None = None
    items: ItemsPart | None = None
    consent: ConsentPart | None = None


class EventPart(Written):
    """One kind of delivery."""

    when: dict[str, Words] = Field(default_factory=dict)
    type: str
    at: Where | None = None
    data: DataPart = DataPart()


class ExamplePart(Written):
    """A body as it is posted, and what it gives."""

    about: str = ""
    headers: dict[str, str] = Field(default_factory=dict)
    body: str
    gives: dict[str, str]


class MappingFile(Written):
    """A mapping as written."""

    about: str = ""
    body: Body = Body.JSON
    signature: SignaturePart
    delivery: Where | None = None
    region: str | None = None
    events: tuple[EventPart, ...]
    examples: tuple[ExamplePart, ...]


_SUBSTITUTES: Mapping[str, Value] = {
    "signature": {"scheme": "path"},
    "scheme": "path",
    "events": [],
    "examples": [],
    "type": "unmapped",
    "each": ".",
    "title": ".",
    "state": ".",
    "body": "json",
    "gives": {},
}


def load(file: str, text: str) -> tuple[mapping.Mapping | None, tuple[Problem, ...]]:
    """The mapping in a file, None when it has mistakes, and all of them."""
    try:
        written = document.read(file, text)
    except DocumentError as error:
        return None, (error.problem,)
    read = shape.read(written, MappingFile, _SUBSTITUTES)
    if read.value is None or read.problems:
        return None, tuple(limited(list(read.problems)))
    reading = _Checking(read.document, read.value)
    reading.check()
    if reading.problems:
        return None, tuple(limited(reading.problems))
    return reading.made(), ()


@dataclass(slots=True)
class _Checking:
    """What the shape does not say: whether it makes sense, and whether it gives what its examples say."""

    document: Document
    written: MappingFile
    problems: list[Problem] = field(default_factory=list)

    def made(self) -> mapping.Mapping:
        """The mapping, of a file whose shape is sound."""
        signed = self.written.signature
        events = tuple(_event(event) for event in self.written.events)
        return mapping.Mapping(
            Path(self.document.file).stem,
            self.written.body,
            signed.scheme,
            signed.header,
            signed.encoding,
            signed.prefix,
            self.written.delivery,
            country_code(self.written.region),
            events,
        )

    def tell(self, path: str, kind: Mistake, message: str, remedy: str) -> None:
        self.problems.append(self.document.problem(self.document.key_place(path), kind, message, remedy))

    def check(self) -> None:
        """Gathers all problems."""
        signed = self.written.signature
        if signed.scheme in (Scheme.HMAC, Scheme.SHARED_WORD) and not signed.header:
            self.tell("signature.scheme", Mistake.MISSING_KEY, "say in which header it comes: add 'header:'", "add 'header:'")
        if self.written.region is not None and country_code(self.written.region) is None:
            self.tell("region", Mistake.WRONG_KIND_OF_VALUE, "write a country's two letters here, such as IN", "write two letters")
        if not self.written.events:
            self.tell("events", Mistake.EMPTY_LIST, "write at least one event here", "add '- type:' with 'data:'")
        for number, event in enumerate(self.written.events):
            self.check_event(f"events.{number}", event)
        if not self.problems:
            self.prove()

    def check_event(self, path: str, event: EventPart) -> None:
        if event.type not in plain.TYPES:
            near = get_close_matches(event.type, plain.TYPES, n=1)
            known = f", did you mean '{near[0]}'?" if near else f": write one of {', '.join(plain.TYPES)}"
            self.tell(f"{path}.type", Mistake.UNKNOWN_CHOICE, f"'{event.type[:40]}' is no event{known}", "write an event's name")
        for condition in event.when:
            try:
                _source(condition)
            except WrittenWrongly as wrong:
                self.tell(f"{path}.when.{condition}", wrong.kind, wrong.message, wrong.kind.remedy)

    # ---- the examples

    def prove(self) -> None:
        """Every example must give what it says, and every event must be proved by one."""
        shown = set()
        made = self.made()
        for number, example in enumerate(self.written.examples):
            shown.add(self.prove_one(made, f"examples.{number}", example))
        for number, event in enumerate(self.written.events):
            if event.type not in shown and None not in shown:
                message = f"no example gives '{event.type}': add one, with a body as it is posted"
                self.tell(f"events.{number}.type", Mistake.MISSING_KEY, message, "add an example")

    def prove_one(self, made: mapping.Mapping, path: str, example: ExamplePart) -> str | None:
        body = example.body.strip().encode()
        delivery = Delivery("example", example.headers, body, _PROVED_AT)
        try:
            told = mapping.translate(made, delivery, made.region)
            given = dict(_flat({"type": told.type, **told.values}))
            happened = plain.read(told.type, told.body, made.region)
        except Unreadable as fault:
            self.tell(f"{path}.body", Mistake.WRONG_KIND_OF_VALUE, f"this body cannot be read: {fault}", "mend the paths, or the body")
            return None
        if phone := getattr(getattr(happened, "shopper", None), "phone", None):
            given["phone"] = phone
        for name, expected in example.gives.items():
            if given.get(name) != expected:
                found = f"'{shape.short(given[name])}'" if name in given else "nothing"
                message = f"this body gives {found} for '{name}', not '{shape.short(expected)}': mend the path, or what is expected"
                self.tell(f"{path}.gives.{name}", Mistake.WRONG_KIND_OF_VALUE, message, "mend the path, or what is expected")
        return told.type


def _flat(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Each text in a value by its path: `items.0.title`."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inside is None:
        yield path, str(value).lower() if isinstance(value, bool) else str(value)
        return
    for key, one in inside:
        yield from _flat(one, f"{path}.{key}" if path else str(key))


def _event(event: EventPart) -> Mapped:
    sources = {name: getattr(event.data, name) for name in DataPart.model_fields if name not in ("items", "consent")}
    return Mapped(
        conditions=tuple((_made(source), frozenset(words)) for source, words in event.when.items()),
        type=event.type,
        at=event.at,
        fields={name: source for name, source in sources.items() if source is not None},
        items=_items(event.data.items) if event.data.items else None,
        consent=_sources(event.data.consent) if event.data.consent else {},
    )


def _items(part: ItemsPart) -> Items:
    fields = {name: source for name, source in _sources(part).items() if name != "each"}
    return Items(part.each, part.separated_by, fields)


def _sources(part: Written) -> dict[str, Source]:
    values = ((name, getattr(part, name)) for name in type(part).model_fields)
    return {name: value for name, value in values if isinstance(value, Source)}


def _made(written: str) -> Source:
    source = _source(written)
    assert isinstance(source, Source)
    return source
