"""Does a file have the keys and kinds of values it should? Every mistake at once, and what could be understood in spite of them.

pydantic finds the mistakes; here they become sentences. A wrong part is then mended (a misspelt key is taken for the one that was
meant, a wrong value gives way to a harmless one) and the file is read again, so that the rest of it can be checked for its meaning.
What was mended stays known as broken: nothing more is said about it.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.flow.account import Enough
from bot.flow.document import Document, Place, Value
from bot.flow.model import (
    BARE_WORDS,
    TAG,
    VERBS,
    WORDINGS,
    Answer,
    ContactPart,
    Flow,
    LinkPart,
    LocationPart,
    Message,
    NoAnswer,
    SendStep,
    Start,
    Step,
    TemplateUse,
)
from bot.flow.names import did_you_mean
from bot.flow.problem import MAX_PROBLEMS, Mistake, Problem, WrittenWrongly

MAX_ROUNDS = 32  # each round mends all it finds; a mended step can show its own mistakes in the next, so as many as levels
ALIKE = 0.6  # how alike a key must be to what is known before it is read as that (1 is equal)

Model = TypeVar("Model", bound=BaseModel)
Where = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Shape(Generic[Model]):
    """What was read. `value` is None when nothing could be made of it; `broken` are the paths that were mended.

    `document` knows misspelt keys by what was meant as well.
    """

    document: Document
    value: Model | None
    problems: tuple[Problem, ...] = ()
    broken: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Reading:
    """A reading under way: the values as mended so far, and what was said about them."""

    document: Document
    values: Any
    substitutes: Mapping[str, Value]
    problems: list[Problem] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def tell(self, place: Place, kind: Mistake, message: str, remedy: str | None = None) -> None:
        self.problems.append(self.document.problem(place, kind, message, remedy))
        if len(self.problems) > MAX_PROBLEMS:
            raise Enough

    def at(self, where: Where) -> Any:
        value = self.values
        for part in where:
            value = value[part]
        return value

    def written(self, where: Where) -> Where:
        """As much of a path as there is in the file: one text can stand for a list of one, and pydantic names its only entry."""
        value = self.values
        for length, part in enumerate(where):
            if not _holds_others(value):
                return where[:length]
            value = value[part] if length < len(where) - 1 else None
        return where

    def put(self, where: Where, value: Value) -> None:
        self.at(where[:-1])[where[-1]] = value
        self.broken.add(_path(where))

    def substitute(self, where: Where) -> None:
        """A harmless value in place of a missing or wrong one; where none is known, the key goes and its default holds.

        A list loses all with one: an entry taken out would move the paths of those behind it.
        """
        holder, key = self.at(where[:-1]), where[-1]
        if isinstance(holder, list):
            self.substitute(where[:-1])
            return
        self.broken.add(_path(where))
        if key in self.substitutes:
            holder[key] = copy.deepcopy(self.substitutes[str(key)])
        else:
            holder.pop(key, None)

    def is_broken(self, where: Where) -> bool:
        return any(_path(where[:length]) in self.broken for length in range(1, len(where) + 1))

    def rename(self, where: Where, key: str, meant: str) -> None:
        holder = self.at(where)
        holder[meant] = holder.pop(key)
        self.document = self.document.renamed(_path(where), key, meant, holder[meant])


def read(document: Document, model: type[Model], substitutes: Mapping[str, Value], **given: str) -> Shape[Model]:
    """The document as a model. `substitutes` stand in, by key, for what is missing or wrong; `given` is not written in the file."""
    if not isinstance(document.root, dict):
        message = "write keys and values here, as in 'name: Cart reminder'"
        problem = document.problem(document.place(""), Mistake.WRONG_KIND_OF_VALUE, message)
        return Shape(document, None, (problem,), frozenset({""}))
    try:
        return Shape(document, _validated(model, document.root, given))
    except ValidationError:
        reading = _Reading(document, copy.deepcopy(document.root), substitutes)
        try:
            value = _read_and_mend(reading, model, given)
        except Enough:
            value = None
        return Shape(reading.document, value, tuple(reading.problems), frozenset(reading.broken))


def _validated(model: type[Model], values: Mapping[str, Value], given: Mapping[str, str]) -> Model:
    return model.model_validate({**values, **given}, by_alias=True, by_name=False)


def _read_and_mend(reading: _Reading, model: type[Model], given: Mapping[str, str]) -> Model | None:
    for _ in range(MAX_ROUNDS):
        try:
            return _validated(model, reading.values, given)
        except ValidationError as error:
            # unknown keys first: a misspelt key, once understood, is no longer missing
            for mistake in sorted(error.errors(include_url=False), key=lambda mistake: mistake["type"] != "extra_forbidden"):
                _tell_and_mend(reading, mistake, model)
    return None


def _tell_and_mend(reading: _Reading, mistake: ErrorDetails, model: type[BaseModel]) -> None:
    told = tuple(part for part in mistake["loc"] if not _is_tag(part))
    if reading.is_broken(told):
        return
    where = reading.written(told)
    match mistake["type"]:
        case "extra_forbidden":
            _unknown_key(reading, where, _holder(mistake["loc"], model))
        case "union_tag_not_found" | "union_tag_invalid":
            _unknown_step(reading, where)
        case "missing" if where[-1] in reading.at(where[:-1]):
            pass
        case "missing":
            missing = MISSING.get(str(where[-1]), f"add '{where[-1]}:', which is missing here")
            reading.tell(reading.document.key_place(_path(where[:-1])), Mistake.MISSING_KEY, missing, f"add '{where[-1]}:'")
            reading.substitute(where)
        case _:
            kind, sentence = _kind_and_sentence(mistake)
            reading.tell(reading.document.key_place(_path(where)), kind, sentence)
            reading.substitute(where)


# ---- keys and steps that nobody knows


def _unknown_key(reading: _Reading, where: Where, holder: type[BaseModel]) -> None:
    around, key = where[:-1], str(where[-1])
    written = reading.at(around)
    if holder in (TemplateUse, Message) and list(written.values()) == [""]:  # {contact.first_name}
        place = reading.document.place(_path(around))
        reading.tell(place, Mistake.NEEDS_QUOTES, "a text that begins with '{' needs quotes around it")
        reading.put(around, UNKNOWN)
        return
    meant = _meant(key, (name for name in _keys_of(holder) if name not in written))
    place = reading.document.key_place(_path(where))
    if key in VERBS and issubclass(holder, Step):
        reading.tell(place, Mistake.TWO_STEPS_IN_ONE, f"a step does one thing: begin '{key}' as a step of its own, with '- '")
        meant = None
    elif holder is SendStep and key in ("answers", "no_answer"):
        reading.tell(place, Mistake.UNKNOWN_KEY, f"only a question has '{key}': write 'ask:' instead of 'send:'")
    else:
        reading.tell(place, Mistake.UNKNOWN_KEY, f"'{key}' is not known here{_hint(meant, _keys_of(holder))}")
    if meant is None:
        written.pop(key)
    else:
        reading.rename(around, key, meant)


def _unknown_step(reading: _Reading, where: Where) -> None:
    step = reading.at(where)
    if isinstance(step, dict) and step:
        _misspelt_step(reading, where, step)
        return
    reading.tell(reading.document.place(_path(where)), *_about_bare(step))
    meant = _meant(step, BARE_WORDS) if isinstance(step, str) and step not in VERBS else None
    reading.put(where, meant or dict(HARMLESS_STEP))


def _about_bare(step: Value) -> tuple[Mistake, str]:
    if not isinstance(step, str) or not step:
        return Mistake.UNFINISHED_STEP, "write a step here: it begins with a word like send, ask or wait"
    if step in VERBS:
        return Mistake.UNFINISHED_STEP, f"'{step}' needs something after it: write '{step}: ...'"
    return Mistake.UNKNOWN_STEP, f"I do not know the step '{short(step)}'{did_you_mean(step, BARE_WORDS) or _STEPS_BEGIN}"


def _misspelt_step(reading: _Reading, where: Where, step: Mapping[str, Value]) -> None:
    for key in step:
        if meant := _meant(key, VERBS):
            message = f"I do not know the step '{key}'{_hint(meant)}"
            reading.tell(reading.document.key_place(_path((*where, key))), Mistake.UNKNOWN_STEP, message)
            reading.rename(where, key, meant)
            return
    unknown = next((key for key in step if key != "label"), None)
    place = reading.document.key_place(_path((*where, unknown or "label")))
    if unknown is None:
        reading.tell(place, Mistake.UNFINISHED_STEP, "a label needs a step beside it, such as 'send:' or 'ask:'")
    else:
        reading.tell(place, Mistake.UNKNOWN_STEP, f"I do not know the step '{unknown}'{_STEPS_BEGIN}")
    kept: dict[str, Value] = {"label": step["label"]} if "label" in step else {}
    reading.put(where, {**kept, **HARMLESS_STEP})


UNKNOWN = "?"
HARMLESS_STEP: Mapping[str, Value] = {"tag": UNKNOWN}
"""Stands where a step could not be understood: it neither writes, nor waits, nor ends anything."""

_HOLDERS: Mapping[str, type[BaseModel]] = {
    "start": Start,
    "no_answer": NoAnswer,
    "answers": Answer,
    "link": LinkPart,
    "location": LocationPart,
    "contact": ContactPart,
}
"""What stands under a key of a flow, where a mistake's own path does not say it."""


def _holder(loc: Where, model: type[BaseModel]) -> type[BaseModel]:
    """The model that does not know the last key of a mistake's path."""
    before = loc[-2] if len(loc) > 1 else ""
    if isinstance(before, str) and before in WORDINGS and issubclass(model, Flow):
        return WORDINGS[before]
    if isinstance(before, str) and _is_tag(before) and before.removeprefix(TAG) in VERBS:
        return VERBS[before.removeprefix(TAG)]
    keys = [part for part in loc[:-1] if isinstance(part, str) and not _is_tag(part)]
    if keys and keys[-1] in _HOLDERS and issubclass(model, Flow):
        return _HOLDERS[keys[-1]]
    for key in keys:
        model = _nested(model, key)
    return model


def _nested(model: type[BaseModel], key: str) -> type[BaseModel]:
    """The model inside the annotation of a field: `dict[str, Audience]` -> Audience; the model itself when there is none."""
    pending: list[Any] = [field.annotation for name, field in model.model_fields.items() if key == (field.alias or name)]
    while pending:
        annotation = pending.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return annotation
        pending.extend(getattr(annotation, "__args__", ()))
    return model


def _keys_of(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items() if name != "id"]


def _meant(word: str, known: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(word, list(known), n=1, cutoff=ALIKE)), None)


def _hint(meant: str | None, known: Iterable[str] = ()) -> str:
    """What was meant; when nothing is near, a short list of what there is."""
    if meant:
        return f", did you mean '{meant}'?"
    words = list(known)
    return f": here can stand {', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else ""


_STEPS_BEGIN = ": a step begins with a word like send, ask, wait, if or end"
LONGEST_REPEATED = 40  # characters of a value that a sentence repeats


def short(written: str) -> str:
    """What was written, or its beginning: a sentence is no place for a whole text."""
    line = " ".join(written[: LONGEST_REPEATED * 4].split())
    return line if len(line) <= LONGEST_REPEATED else f"{line[: LONGEST_REPEATED - 1]}…"


# ---- sentences

MISSING: Mapping[str, str] = {
    "name": "say what this is called: add 'name:'",
    "purpose": "say why these messages are written: add 'purpose: marketing' or 'purpose: service'",
    "start": "say when this starts: add 'start:' with 'when:'",
    "when": "say on which event this starts: add 'when:'",
    "steps": "say what happens: add 'steps:'",
    "answers": "say what can be answered: add 'answers:'",
    "no_answer": "say what happens when nobody answers: add 'no_answer:' with 'after:' and 'then:'",
    "after": "say after how long: add 'after:', as in 'after: 1 day'",
    "then": "say what happens then: add 'then:' with steps",
    "valid_for": "say how long the discount can be used: add 'valid_for:', as in 'valid_for: 2 days'",
    "body": "say what the customer reads: add 'body:'",
    "category": "say what Meta files this under: add 'category: marketing' or 'category: utility'",
    "template": "say which template: add 'template:'",
    "keep_for": "say how long people stay in this list: add 'keep_for:', as in 'keep_for: 30 days'",
    "if": "say who is meant: add 'if:' with a condition",
    "currency": "say what you sell in: add 'currency:', as in 'currency: EUR'",
    "timezone": "say where the store is: add 'timezone:', as in 'timezone: Europe/Madrid'",
    "languages": "say which languages the store speaks: add 'languages:', as in 'languages: [en, es]'",
    "url": "say where the link leads: add 'url:'",
    "text": "say what stands on the button: add 'text:'",
    "latitude": "say where it is: add 'latitude:', as in 'latitude: 40.4168'",
    "longitude": "say where it is: add 'longitude:', as in 'longitude: -3.7038'",
    "phone": "say which number: add 'phone:', as in 'phone: +34600000001'",
    "buttons": "say what can be pressed: add 'buttons:'",
}
"""What to add, by the key that is missing."""

_A_LIST = "write a list here, each entry on a line that begins with '- '"
_KEYS = "write keys and values here, each on a line of its own, as in 'after: 1 day'"
_KINDS: Mapping[str, str] = {
    "string_type": "write a text here",
    "tuple_type": _A_LIST,
    "list_type": _A_LIST,
    "dict_type": _KEYS,
    "model_type": _KEYS,
    "time_delta_type": "write a length of time like '1 hour' or '2 days'",
    "float_type": "write a number like 40.4168",
    "float_parsing": "write a number like 40.4168",
    "finite_number": "write a number like 40.4168",
    "bool_type": "nothing stands behind this word: take out what follows it",
    "bool_parsing": "nothing stands behind this word: take out what follows it",
}


def _kind_and_sentence(mistake: ErrorDetails) -> tuple[Mistake, str]:
    if mistake["type"] == "value_error" and isinstance(error := mistake["ctx"]["error"], WrittenWrongly):
        return error.kind, error.message
    if mistake["type"] == "enum":
        return Mistake.UNKNOWN_CHOICE, _one_of(mistake["input"], str(mistake["ctx"]["expected"]))
    if mistake["type"] == "too_long":
        return Mistake.TOO_MANY_BUTTONS, f"a template has at most {mistake['ctx']['max_length']} buttons"
    return Mistake.WRONG_KIND_OF_VALUE, _KINDS.get(mistake["type"], mistake["msg"])


def _one_of(written: object, expected: str) -> str:
    allowed = expected.replace("'", "").replace(" or ", ", ").split(", ")
    choice = f"write {', '.join(allowed[:-1])} or {allowed[-1]}"
    if not isinstance(written, str):
        return choice
    return f"'{short(written)}' is not known here{did_you_mean(written, allowed) or f': {choice}'}"


# ---- paths


def _is_tag(part: object) -> bool:
    return isinstance(part, str) and part.startswith(TAG)


def _holds_others(value: Any) -> bool:
    return isinstance(value, dict | list)


def _path(where: Where) -> str:
    return ".".join(str(part) for part in where)


_LENGTH = "1 day"
FLOW_SUBSTITUTES: Mapping[str, Value] = {
    **dict.fromkeys(("name", "about", "label", "template", "send", "ask", "tag", "untag", "hand_over", "go_to", "end", "text"), UNKNOWN),
    "tell_when_back": UNKNOWN,
    **dict.fromkeys(("latitude", "longitude"), "0"),
    "url": "https://example.com",
    "phone": "+10000000",
    **dict.fromkeys(("after", "wait", "valid_for"), _LENGTH),
    "purpose": "service",
    "start": {"when": "message_received"},
    "when": "message_received",
    "steps": [],
    "answers": [],
    "no_answer": {"after": _LENGTH, "then": ["end"]},
    "then": ["end"],
    "anything_else": ["end"],
    "if": UNKNOWN,
    "discount": "5%",
}
"""What stands in for a missing or wrong part of a flow."""
