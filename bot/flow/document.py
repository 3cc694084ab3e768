"""YAML text -> plain values whose line and column are known by path.

Every scalar stays the text that was written: YAML 1.1 would make booleans of the buttons Yes and No, 1260 of 21:00 and False of
Norway's NO. What expands, runs code or hides (aliases, anchors, tags, duplicate keys) is refused, and size and depth have limits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import yaml

from bot.flow.problem import Problem

MAX_BYTES = 256 * 1024  # a long flow has 20 KiB; more is a mistake or an attack, and would be slow to report on
MAX_DEPTH = 32  # an ask inside an ask costs 4 levels; deeper than eight of them nobody reads, and recursion stays safe
MAX_VALUES = 5_000  # a long flow has 500; more would take longer to report on than an owner waits for

Value = str | list["Value"] | dict[str, "Value"]


class Place(NamedTuple):
    """Where something is written. Line and column count from 1; start and end are positions in the whole text."""

    line: int
    column: int
    start: int = 0
    end: int = 0


TOP = Place(1, 1)


class DocumentError(Exception):
    """The text cannot be read at all; the problem says where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Document:
    """A file as values (text, lists, mappings) and the places they stand at.

    A path is keys and indexes joined by dots: `steps.0.answers.2.then.1`; the root's path is empty.
    """

    file: str
    text: str
    root: Value
    places: Mapping[str, Place] = field(default_factory=dict)
    keys: Mapping[str, Place] = field(default_factory=dict)

    def place(self, path: str) -> Place:
        """Where the value of a path begins; for what is not written, where the nearest thing around it begins."""
        while path not in self.places and path:
            path = path.rpartition(".")[0]
        return self.places.get(path, TOP)

    def key_place(self, path: str) -> Place:
        """Where the key of a path begins; for what has no key (a list's entry), where the value begins."""
        return self.keys.get(path) or self.place(path)

    def inside(self, path: str, offset: int) -> Place:
        """Where the character at `offset` of a path's text stands, however the text was quoted, folded or indented."""
        place = self.place(path)
        value = self.value(path)
        if not isinstance(value, str):
            return place
        wanted = sum(1 for character in value[:offset] if not character.isspace())
        position = _after_visible(self.text, _first_character(self.text, place), place.end, wanted)
        column = position - self.text.rfind("\n", 0, position)
        return Place(place.line + self.text.count("\n", place.start, position), column, position, place.end)

    def value(self, path: str) -> Value | None:
        """The value at a path, None when nothing is written there."""
        value: Value = self.root
        for part in path.split(".") if path else ():
            if isinstance(value, dict) and part in value:
                value = value[part]
            elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            else:
                return None
        return value

    def problem(self, place: Place, message: str) -> Problem:
        """A problem of this file."""
        return Problem(self.file, place.line, place.column, message)

    def renamed(self, path: str, key: str, meant: str) -> "Document":
        """The document with the places under `path.key` also known under `path.meant`, where a misspelt key was understood."""
        old, new = _join(path, key), _join(path, meant)
        return replace(self, places=_also_under(self.places, old, new), keys=_also_under(self.keys, old, new))


def read(file: str, text: str) -> Document:
    """The document in a text. Raises DocumentError with the first thing that makes it unreadable."""
    if size_problem := _too_large(file, text):
        raise DocumentError(size_problem)
    try:
        return _Reader(file, text).document()
    except yaml.YAMLError as error:
        raise DocumentError(_syntax_problem(file, text, error)) from error


class _Reader:
    """Builds the values from the parser's events, one pass: what is refused is refused before anything grows."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.places: dict[str, Place] = {}
        self.keys: dict[str, Place] = {}
        self.parser = yaml.CSafeLoader(text)

    def next(self) -> yaml.Event:
        event = self.parser.get_event()
        assert event is not None, "nothing is read beyond the end of the stream"
        return event

    def document(self) -> Document:
        self.next()  # the stream begins
        if isinstance(self.next(), yaml.StreamEndEvent):  # else the document begins
            raise self.refused(TOP, "this file is empty")
        root = self.node(self.next(), "", 1)
        self.next()  # the document ends
        if not isinstance(after := self.next(), yaml.StreamEndEvent):
            raise self.refused(_place(after), "a file holds one document: take the line '---' out")
        return Document(self.file, self.text, root, self.places, self.keys)

    def node(self, event: yaml.Event, path: str, depth: int) -> Value:
        place = _place(event)
        self.refuse_what_hides(event, place)
        if len(self.places) >= MAX_VALUES:
            raise self.refused(place, f"this file holds more than {MAX_VALUES:,} values: split it")
        if depth > MAX_DEPTH:
            raise self.refused(place, f"this is nested more than {MAX_DEPTH} levels deep")
        self.places[path] = place
        if isinstance(event, yaml.ScalarEvent):
            return str(event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(path, depth)
        return self.mapping(path, depth)

    def sequence(self, path: str, depth: int) -> list[Value]:
        values: list[Value] = []
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            values.append(self.node(event, _join(path, str(len(values))), depth + 1))
        return values

    def mapping(self, path: str, depth: int) -> dict[str, Value]:
        values: dict[str, Value] = {}
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            key, place = self.key(event), _place(event)
            if key in values:
                raise self.refused(place, f"'{key}' is written twice here")
            here = _join(path, key)
            self.keys[here] = place
            values[key] = self.node(self.next(), here, depth + 1)
        return values

    def key(self, event: yaml.Event) -> str:
        self.refuse_what_hides(event, _place(event))
        if not isinstance(event, yaml.ScalarEvent):
            raise self.refused(_place(event), "a list or a mapping cannot be a key; a text that begins with '{' or '[' needs quotes")
        key = str(event.value)
        if not key or not key.isprintable():
            raise self.refused(_place(event), "a word is missing before this ':'")
        return key

    def refuse_what_hides(self, event: yaml.Event, place: Place) -> None:
        if isinstance(event, yaml.AliasEvent):
            raise self.refused(place, "aliases (*name) are not allowed; a text that begins with '*' needs quotes")
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise self.refused(place, "anchors (&name) are not allowed; a text that begins with '&' needs quotes")
        if getattr(event, "tag", None) is not None:
            raise self.refused(place, "tags (!name) are not allowed; a text that begins with '!' needs quotes")

    def refused(self, place: Place, message: str) -> DocumentError:
        return DocumentError(Problem(self.file, place.line, place.column, message))


def _place(event: yaml.Event) -> Place:
    start, end = event.start_mark, event.end_mark
    assert start is not None, "the parser marks every event"
    assert end is not None, "the parser marks every event"
    return Place(start.line + 1, start.column + 1, start.index, end.index)


def _join(path: str, part: str) -> str:
    return f"{path}.{part}" if path else part


def _also_under(places: Mapping[str, Place], old: str, new: str) -> dict[str, Place]:
    moved = {new + path[len(old) :]: place for path, place in places.items() if path == old or path.startswith(f"{old}.")}
    return {**places, **moved}


def _too_large(file: str, text: str) -> Problem | None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        return Problem(file, line, 1, "this line holds a character that is not text (half of a surrogate pair)")
    if size > MAX_BYTES:
        return Problem(file, 1, 1, f"this file has {size // 1024} KiB, more than the {MAX_BYTES // 1024} KiB a file may have")
    return None


# What the parser says, and what an owner can do about it.
_SENTENCES = (
    ("mapping values are not allowed", "a text that holds ': ' needs quotes around it"),
    ("cannot start any token", "this character cannot begin a value: put the text in quotes, and indent with spaces, never with tabs"),
    ("unexpected end of stream", "a quote is opened here and never closed"),
    ("could not find expected ':'", "this line is neither 'key: value' nor a list entry: a ':' is missing, or a quote"),
    ("did not find expected key", "this line does not fit here: look at the indentation and the quotes around it"),
    ("did not find expected '-' indicator", "this line does not fit into the list: look at its indentation"),
    ("control characters are not allowed", "this file holds a control character that no editor shows: take it out"),
)

_TOLD_WHERE_IT_BEGAN = ("unexpected end of stream", "could not find expected ':'")  # noticed lines later


def _syntax_problem(file: str, text: str, error: yaml.YAMLError) -> Problem:
    said = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    sentence = next((ours for theirs, ours in _SENTENCES if theirs in said), f"this is not YAML: {said}")
    began, noticed = getattr(error, "context_mark", None), getattr(error, "problem_mark", None)
    mark = began if began and any(theirs in said for theirs in _TOLD_WHERE_IT_BEGAN) else noticed
    if mark is None:
        position = getattr(error, "position", 0)
        return Problem(file, text.count("\n", 0, position) + 1, 1, sentence)
    return Problem(file, mark.line + 1, mark.column + 1, sentence)


def _first_character(text: str, place: Place) -> int:
    """Where a scalar's own characters begin: behind its quote, or behind the line with `|` or `>`."""
    opening = text[place.start : place.start + 1]
    if opening in ("|", ">"):
        return text.find("\n", place.start) + 1
    return place.start + 1 if opening in ('"', "'") else place.start


def _after_visible(text: str, start: int, end: int, wanted: int) -> int:
    """The position of the first visible character behind `wanted` visible ones."""
    seen = 0
    for position in range(start, end):
        if not text[position].isspace():
            if seen == wanted:
                return position
            seen += 1
    return start
