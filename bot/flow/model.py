"""A flow as written: frozen models, one class a verb. The editor's JSON Schema comes from here.

A step is a mapping with exactly one verb (`send:`, `ask:`, `wait:` ...) or one bare word (`continue`, `end`, `opt_in`, `opt_out`,
`tell_when_back`).
A step is found by its path in the file (`steps.0.answers.2.then.1`): the same path names its place in the text and a run's position.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    Tag,
    WithJsonSchema,
)
from pydantic_core import CoreSchema

from bot.flow import limit
from bot.flow.measure import read_gaps, read_length
from bot.flow.problem import Mistake, WrittenWrongly
from bot.flow.run import MediaKind, Purpose


class Trigger(StrEnum):
    """The events a flow can start on, end on, or stop at."""

    MESSAGE_RECEIVED = "message_received"
    CART_ABANDONED = "cart_abandoned"
    CART_EMPTIED = "cart_emptied"
    ORDER_PLACED = "order_placed"
    ORDER_PAID = "order_paid"
    ORDER_DELIVERED = "order_delivered"
    ORDER_CANCELLED = "order_cancelled"
    ORDER_REFUNDED = "order_refunded"
    PAYMENT_FAILED = "payment_failed"
    REORDER_DUE = "reorder_due"
    CUSTOMER_LAPSED = "customer_lapsed"
    PRODUCT_VIEWED = "product_viewed"
    BACK_IN_STOCK = "back_in_stock"
    PRICE_DROPPED = "price_dropped"
    TAG_ADDED = "tag_added"
    ENTERED_SEGMENT = "entered_segment"
    OPTED_IN = "opted_in"
    HANDED_BACK = "handed_back"


NOT_TOLD_YET = frozenset({Trigger.ENTERED_SEGMENT})
"""Events of the language that nothing brings yet: a flow that starts on one would wait for ever."""


class Written(BaseModel):
    """What every written thing has: it is frozen, and a key nobody knows is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _length(value: Any) -> Any:
    return read_length(value) if isinstance(value, str) else value


_LENGTH_PATTERN = r"^\s*\d{1,4}\s+([Ss]econd|[Mm]inute|[Hh]our|[Dd]ay|[Ww]eek)s?\s*$"
_LENGTH_AS_TEXT = {"type": "string", "pattern": _LENGTH_PATTERN, "examples": ["1 hour", "2 days"]}
Length = Annotated[timedelta, BeforeValidator(_length), WithJsonSchema(_LENGTH_AS_TEXT)]
"""A length of time, written like `1 hour` or `2 days`."""

USUAL_GAPS = 3.0  # of a customer without an order: then they did not forget, they left; nudges to reorder end there, too
_GAPS_AS_TEXT = {"type": "string", "pattern": r"^\s*\d{1,2}(\.\d)?\s+[Gg]aps?\s*$", "examples": ["3 gaps"]}
Gaps = Annotated[
    float,
    BeforeValidator(lambda value: read_gaps(value) if isinstance(value, str) else value),
    WithJsonSchema(_GAPS_AS_TEXT),
]
"""So many of the times that usually lie between two orders of a customer, written like `3 gaps`."""

ANY_TEXT: Mapping[str, Any] = {"type": ["string", "number", "boolean"]}
"""To an editor the button `No` or the tag `2024` is no text; to us every scalar is what was written."""


def text_up_to(characters: int) -> WithJsonSchema:
    """What an editor is told of a text with a limit."""
    return WithJsonSchema({**ANY_TEXT, "minLength": 1, "maxLength": characters})


Word = Annotated[str, WithJsonSchema(dict(ANY_TEXT))]
"""A short text."""

LONGEST_TAG = 64  # characters; a tag is a word, not a note
LONGEST_BUTTON = 25  # Cloud API: of a template's button, the longest there is; other buttons have less, and the check says so
MOST_TEXT = 4096  # Cloud API: a text message

Text = Annotated[str, AfterValidator(str.rstrip), text_up_to(MOST_TEXT)]
"""What a customer reads. A block of text ends with a line break that nobody means."""


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class _OneOrSeveral:
    """Tells an editor that a list of one may be written without its brackets."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        several = handler(schema)
        return {"anyOf": [several["items"], several]}


FileName = Annotated[str, text_up_to(limit.MAX_URL)]
"""A file to send: a whole link, or the path of a file in the flows' own folder (`pictures/sale.jpg`)."""

Product = Annotated[str, text_up_to(limit.MAX_URL)]
Products = Annotated[tuple[Product, ...], BeforeValidator(_listed), _OneOrSeveral()]
"""Products by the shop's own ids; `cart` or `order` stands for those that are in it."""


class TemplateUse(Written):
    """A template Meta approved, what stands in its placeholders (expressions without braces), and what it shows."""

    template: Word
    with_: dict[str, str] = Field(default_factory=dict, alias="with")
    image: FileName | None = None
    video: FileName | None = None
    document: FileName | None = None
    products: Products = ()


class LinkPart(Written):
    """A button that opens a page."""

    text: Annotated[str, text_up_to(limit.MAX_LINK_TITLE)]
    url: Annotated[str, text_up_to(limit.MAX_URL)]


class LocationPart(Written):
    """A spot on the map, in degrees."""

    latitude: Annotated[float, WithJsonSchema({"type": ["number", "string"], "examples": [40.4168]})]
    longitude: Annotated[float, WithJsonSchema({"type": ["number", "string"], "examples": [-3.7038]})]
    name: Word = ""
    address: Word = ""


def place_mistake(place: LocationPart) -> tuple[Mistake, str] | None:
    """What is wrong with a spot on the map."""
    if abs(place.latitude) <= 90 and abs(place.longitude) <= 180:
        return None
    return Mistake.BAD_PLACE, "a latitude lies between -90 and 90, a longitude between -180 and 180: copy both from a map"


class ContactPart(Written):
    """Somebody to write to or to call."""

    name: Word
    phone: Annotated[str, WithJsonSchema({"type": ["string", "number"], "examples": ["+34600000001"]})]


def _yes(value: Any) -> Any:
    if isinstance(value, str) and value.strip().lower() not in ("yes", "true"):
        raise WrittenWrongly(Mistake.UNKNOWN_CHOICE, "write 'yes' here, or take the line out")
    return True


Yes = Annotated[bool, BeforeValidator(_yes), WithJsonSchema({"enum": ["yes", True]})]
"""Said or not said: there is no other answer."""

SmallPrint = Annotated[str, AfterValidator(str.rstrip), text_up_to(limit.MAX_SMALL_PRINT)]


_SAID = ("text", "image", "video", "document", "audio", "sticker", "link", "products", "catalog", "location", "contact")
_ANY_PART: list[JsonValue] = [{"required": [part]} for part in _SAID]
_OF_A_TEMPLATE = frozenset({"template", "with", "image", "video", "document", "products"})
"""With `template` and nothing but these it is a template; anything else beside them makes a message of it."""


class Message(Written):
    """A message that is more than a text: what it says, what it shows, what can be done with it; and the template that is sent instead
    where the customer has been silent for too long."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": _ANY_PART,
            "dependentRequired": {"with": ["template"]},
            "not": {"required": ["template"], "propertyNames": {"enum": [*sorted(_OF_A_TEMPLATE)]}},
        }
    )

    text: Text | None = None
    header: SmallPrint | None = None
    footer: SmallPrint | None = None
    image: FileName | None = None
    video: FileName | None = None
    document: FileName | None = None
    audio: FileName | None = None
    sticker: FileName | None = None
    link: LinkPart | None = None
    products: Products = ()
    catalog: Yes = False
    location: LocationPart | None = None
    contact: ContactPart | None = None
    template: Word | None = None
    with_: dict[str, str] = Field(default_factory=dict, alias="with")

    @property
    def otherwise(self) -> TemplateUse | None:
        """What is sent when a text would be refused. A template shows the same, where it has room for it."""
        if self.template is None:
            return None
        return TemplateUse.model_construct(
            template=self.template,
            with_=self.with_,
            image=self.image,
            video=self.video,
            document=self.document,
            products=self.products,
        )

    @property
    def files(self) -> Mapping[MediaKind, str]:
        """The files it shows, by their kind."""
        return files_of(self)


def files_of(said: Written) -> dict[MediaKind, str]:
    """The files a written thing shows, by their kind."""
    return {kind: name for kind in MediaKind if (name := getattr(said, kind, None))}


_ONLY_IN_A_MESSAGE = frozenset(Message.model_fields) - {"with_", *_OF_A_TEMPLATE}


def _wording(value: Any) -> str:
    if isinstance(value, dict):
        return _TEMPLATE if "template" in value and not _ONLY_IN_A_MESSAGE.intersection(value) else _MESSAGE
    return _TEMPLATE if isinstance(value, TemplateUse) else _MESSAGE if isinstance(value, Message) else _TEXT


TAG = "\x1f"
"""Begins the mark a union puts into a mistake's path to say in which of its kinds it was made: no key of a file can begin so."""


def tag(kind: str) -> str:
    """The mark of a kind."""
    return TAG + kind


_TEXT, _TEMPLATE, _MESSAGE = tag("text"), tag("template"), tag("message")
WORDINGS: Mapping[str, type[Written]] = {_TEMPLATE: TemplateUse, _MESSAGE: Message}
"""The kinds of wording that have keys, by their mark."""

Wording = Annotated[
    Annotated[Text, Tag(_TEXT)] | Annotated[TemplateUse, Tag(_TEMPLATE)] | Annotated[Message, Tag(_MESSAGE)],
    Discriminator(_wording),
]
"""What is said: a text, a template, or a message of several parts."""


def text_of(wording: Wording) -> str | None:
    """The words of a wording, None for a template: those are in its own file."""
    return wording if isinstance(wording, str) else wording.text or "" if isinstance(wording, Message) else None


def template_of(wording: Wording) -> TemplateUse | None:
    """The template a wording sends, at once or when a text would be refused."""
    return wording if isinstance(wording, TemplateUse) else wording.otherwise if isinstance(wording, Message) else None


class Step(Written):
    """What every step has."""

    label: Word | None = None


class SendStep(Step):
    """`send:` a text, a template, or a message of several parts."""

    send: Wording


class Answer(Written):
    """One way to answer an ask: a button and/or words; or `anything_else` with its own steps."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": ["button"]}, {"required": ["words"]}, {"required": ["anything_else"]}],
            "if": {"required": ["anything_else"]},
            "then": {"maxProperties": 1},
        }
    )

    button: Annotated[str, text_up_to(LONGEST_BUTTON)] | None = None
    description: Annotated[str, text_up_to(limit.MAX_DESCRIPTION)] | None = None
    words: tuple[Word, ...] = ()
    then: tuple["AnyStep", ...] = ()
    anything_else: tuple["AnyStep", ...] | None = None

    @property
    def steps(self) -> tuple["AnyStep", ...]:
        """What happens when this answer is given."""
        return self.then if self.anything_else is None else self.anything_else


_EXACTLY_ONE_ANYTHING_ELSE = Field(
    json_schema_extra={"contains": {"type": "object", "required": ["anything_else"]}, "minContains": 1, "maxContains": 1}
)


class NoAnswer(Written):
    """What happens when the customer has not answered for `after`."""

    after: Length
    then: tuple["AnyStep", ...]


class AskStep(Step):
    """`ask:` sends and waits. Each branch ends by saying what comes next."""

    ask: Wording
    menu: Annotated[str, text_up_to(limit.MAX_MENU)] | None = None
    answers: Annotated[tuple[Answer, ...], _EXACTLY_ONE_ANYTHING_ELSE]
    no_answer: NoAnswer


class WaitStep(Step):
    """`wait:` a length of time."""

    wait: Length


class IfStep(Step):
    """`if:` a condition `then:` steps, `else:` other steps. Without a last word both go on with the step below."""

    if_: str = Field(alias="if")
    then: tuple["AnyStep", ...]
    else_: tuple["AnyStep", ...] = Field(default=(), alias="else")


MOST_CODES = 90  # of one person within 90 days: more is no cap
_SOURCE = {"type": "string", "pattern": r"^[a-z0-9][a-z0-9_-]{0,39}$", "examples": ["pool"]}  # the name of a file, too
_CODE = {"type": "string", "pattern": r"^[A-Za-z0-9_-]{3,40}$", "examples": ["WELCOME5"]}
_DISCOUNT = r"^\s*\d+(\.\d+)?\s*(%|[A-Z]{3})?\s*$"


def _is_source(text: str) -> str:
    if not re.fullmatch(str(_SOURCE["pattern"]), text):
        raise WrittenWrongly(Mistake.BAD_DISCOUNT, "write 'from: pool', or the name of a file of codes in small letters, such as 'summer'")
    return text


def _is_code(text: str) -> str:
    if not re.fullmatch(str(_CODE["pattern"]), text):
        raise WrittenWrongly(Mistake.BAD_DISCOUNT, "a code has 3 to 40 letters and digits, such as WELCOME5")
    return text


def _as_cap(written: object) -> int:
    if not re.fullmatch(r"[0-9]{1,2}", str(written)) or not 1 <= int(str(written)) <= MOST_CODES:
        raise WrittenWrongly(Mistake.BAD_DISCOUNT, f"write how many codes one person gets within 90 days, from 1 to {MOST_CODES}")
    return int(str(written))


class DiscountStep(Step):
    """`discount:` a share (`5%`) or a sum (`10 EUR`); the run goes on when the code exists, or with `if_none:`.

    The code is one of the customer's own: made for them, or with `from: pool` taken from those that were made in the shop ahead of time,
    with another word from the file `flows/codes/<word>.csv`. With `code:` it is one the shop has, the same for everybody.
    `budget:` is for a calendar month ("500 EUR", "200 codes"), `cap:` how many codes one person gets within 90 days.
    """

    discount: Annotated[str, WithJsonSchema({"type": ["string", "number"], "pattern": _DISCOUNT, "examples": ["5%", "10 EUR"]})]
    valid_for: Length
    from_: Annotated[str, AfterValidator(_is_source), WithJsonSchema(_SOURCE)] | None = Field(default=None, alias="from")
    code: Annotated[str, AfterValidator(_is_code), WithJsonSchema(_CODE)] | None = None
    budget: Annotated[str, WithJsonSchema({"type": ["string", "number"], "examples": ["500 EUR", "200 codes"]})] | None = None
    cap: Annotated[int, BeforeValidator(_as_cap), WithJsonSchema({"type": ["string", "integer"], "examples": [2]})] | None = None
    if_none: tuple["AnyStep", ...] | None = None


class TagStep(Step):
    """`tag:` puts a tag on the contact."""

    tag: Annotated[str, text_up_to(LONGEST_TAG)]


class UntagStep(Step):
    """`untag:` takes a tag off."""

    untag: Annotated[str, text_up_to(LONGEST_TAG)]


class TellWhenBackStep(Step):
    """`tell_when_back:` puts the contact on the list of those who are told when a product is back in stock: the one with that key or SKU.
    The bare word means what the flow is about: that product, or what is sold out in that cart or order."""

    tell_when_back: Word = ""


class HandOverStep(Step):
    """`hand_over:` gives the conversation to staff, with the reason they will read. Ends the run."""

    hand_over: Word


class GoToStep(Step):
    """`go_to:` a label."""

    go_to: Word


class EndStep(Step):
    """`end:` ends the run; the words are its outcome in reports. The bare word `end` has none."""

    end: Word


class ContinueStep(Step):
    """`continue`: go on with the step below the one this branch belongs to."""

    continue_: bool = Field(default=True, alias="continue")


class OptInStep(Step):
    """`opt_in`: the customer agreed to marketing messages."""

    opt_in: bool = True


class OptOutStep(Step):
    """`opt_out`: the customer wants no more marketing messages. Ends the run."""

    opt_out: bool = True


VERBS: Mapping[str, type[Step]] = {
    "send": SendStep,
    "ask": AskStep,
    "wait": WaitStep,
    "if": IfStep,
    "discount": DiscountStep,
    "tag": TagStep,
    "untag": UntagStep,
    "tell_when_back": TellWhenBackStep,
    "hand_over": HandOverStep,
    "go_to": GoToStep,
    "end": EndStep,
    "continue": ContinueStep,
    "opt_in": OptInStep,
    "opt_out": OptOutStep,
}
BARE_WORDS: Mapping[str, bool | str] = {"continue": True, "end": "", "opt_in": True, "opt_out": True, "tell_when_back": ""}
"""The verbs that need nothing after them, and what is then meant."""
_VERB_OF = {model: verb for verb, model in VERBS.items()}
_TAGS = {verb: tag(verb) for verb in VERBS}


def verb_of(value: Any) -> str | None:
    """The verb of a step, written or read; None when there is none that we know."""
    if type(value) is dict:
        for key in value:
            if key in VERBS:
                return str(key)
        return None
    return _VERB_OF.get(type(value))


def _spelled_out(value: Any) -> Any:
    """The step behind a bare word: `continue`, and `continue:` with nothing after it."""
    if isinstance(value, str):
        return {value: BARE_WORDS[value]} if value in BARE_WORDS else value
    verb = verb_of(value)
    if verb is not None and verb in BARE_WORDS and type(value) is dict and value[verb] == "":
        return {**value, verb: BARE_WORDS[verb]}
    return value


def _kind_of_step(value: Any) -> str | None:
    return _TAGS.get(verb_of(value) or "")


class _BareWordsToo:
    """Tells an editor that a step may also be one bare word."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        kinds: list[dict[str, Any]] = handler(schema)["oneOf"]
        return {"anyOf": [{"type": "string", "enum": list(BARE_WORDS)}, *kinds]}


AnyStep = Annotated[
    Annotated[SendStep, Tag(tag("send"))]
    | Annotated[AskStep, Tag(tag("ask"))]
    | Annotated[WaitStep, Tag(tag("wait"))]
    | Annotated[IfStep, Tag(tag("if"))]
    | Annotated[DiscountStep, Tag(tag("discount"))]
    | Annotated[TagStep, Tag(tag("tag"))]
    | Annotated[UntagStep, Tag(tag("untag"))]
    | Annotated[TellWhenBackStep, Tag(tag("tell_when_back"))]
    | Annotated[HandOverStep, Tag(tag("hand_over"))]
    | Annotated[GoToStep, Tag(tag("go_to"))]
    | Annotated[EndStep, Tag(tag("end"))]
    | Annotated[ContinueStep, Tag(tag("continue"))]
    | Annotated[OptInStep, Tag(tag("opt_in"))]
    | Annotated[OptOutStep, Tag(tag("opt_out"))],
    Discriminator(_kind_of_step),
    BeforeValidator(_spelled_out),
    _BareWordsToo(),
]
"""One step. Its kind is the one verb it has."""


Triggers = Annotated[tuple[Trigger, ...], BeforeValidator(_listed), _OneOrSeveral()]


class Start(Written):
    """When a flow starts: an event, a length of time without activity, a condition. `after` is for customers who stay away: a length
    measured by their own habit."""

    when: Trigger
    for_: Length | None = Field(default=None, alias="for")
    after: Gaps | None = None
    if_: str | None = Field(default=None, alias="if")


class Flow(Written):
    """One flow. `id` is the file's name without `.yaml`; it is not written in the file."""

    id: str
    name: str
    about: Word = ""
    purpose: Purpose
    start: Start
    again_after: Length | None = None
    goal: Triggers = ()
    stop_when: Triggers = ()
    steps: Annotated[tuple[AnyStep, ...], Field(json_schema_extra={"minItems": 1})]


def branches(step: AnyStep) -> Sequence[tuple[str, tuple[AnyStep, ...]]]:
    """The lists of steps inside a step, each with the path that leads to it from the step (`answers.2.then`)."""
    # not by isinstance, which pydantic makes cost a microsecond a class: steps are walked often
    if type(step) is AskStep:
        return [*map(_branch, range(len(step.answers)), step.answers), ("no_answer.then", step.no_answer.then)]
    if type(step) is IfStep:
        return [("then", step.then), ("else", step.else_)]
    if type(step) is DiscountStep and step.if_none is not None:
        return [("if_none", step.if_none)]
    return ()


def _branch(number: int, answer: Answer) -> tuple[str, tuple[AnyStep, ...]]:
    return f"answers.{number}.{'then' if answer.anything_else is None else 'anything_else'}", answer.steps


def wording_of(step: Step) -> Wording | None:
    """What a step says to the customer, None for one that says nothing."""
    return step.send if type(step) is SendStep else step.ask if type(step) is AskStep else None


def walk(steps: tuple[AnyStep, ...], path: str = "steps") -> Iterator[tuple[str, AnyStep]]:
    """Every step with its path, in reading order."""
    for number, step in enumerate(steps):
        here = f"{path}.{number}"
        yield here, step
        for inner, nested in branches(step):
            yield from walk(nested, f"{here}.{inner}")


def schema() -> dict[str, Any]:
    """The JSON Schema of a flow file, for editors; shipped as `flow.schema.json` beside this module."""
    written = editor_schema(Flow)
    written["properties"].pop("id")  # the file's name, not written in it
    written["required"].remove("id")
    step = written["properties"]["steps"]["items"]
    shared: dict[str, Any] = _with_reference(written, step, {"$ref": "#/$defs/Step"})
    shared["$defs"]["Step"] = step
    return shared


def editor_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a file that is written by this model. Whatever it refuses, the check refuses too."""
    plain: dict[str, Any] = _plain(model.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **plain}


def _plain(written: Any) -> Any:
    """A schema without what only pydantic needs: titles that repeat the key, defaults and nulls that nobody writes."""
    if isinstance(written, list):
        return [_plain(one) for one in written if one != {"type": "null"}]
    if not isinstance(written, dict):
        return written
    plain = {key: _plain(value) for key, value in written.items() if key not in ("title", "default") or isinstance(value, dict)}
    choices = plain.get("anyOf", ())
    return {**{key: value for key, value in plain.items() if key != "anyOf"}, **choices[0]} if len(choices) == 1 else plain


def _with_reference(written: Any, repeated: Any, reference: dict[str, str]) -> Any:
    """The schema with a part that stands in many places written as a reference to it."""
    if written == repeated:
        return reference
    if isinstance(written, dict):
        return {key: _with_reference(value, repeated, reference) for key, value in written.items()}
    return [_with_reference(value, repeated, reference) for value in written] if isinstance(written, list) else written
