"""YAML text -> plain values whose line and column are known by path.

Every scalar stays the text that was written: YAML 1.1 would make booleans of the buttons Yes and No, 1260 of 21:00 and False of
Norway's NO. What expands, runs code or hides (aliases, anchors, tags, duplicate keys) is refused, and size and depth have limits.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeAlias

import yaml

from bot.flow.problem import Mistake, Problem, problem_at_top

MAX_BYTES = 256 * 1024  # a long flow has 20 KiB; more is a mistake or an attack, and would be slow to report on
MAX_DEPTH = 32  # an ask inside an ask costs 4 levels; deeper than eight of them nobody reads, and recursion stays safe
MAX_VALUES = 5_000  # a long flow has 500; more would take longer to report on than an owner waits for
LONGEST_SENTENCE = 400  # characters of a problem; sentences repeat what was written, and that can be anything
LONGEST_KEY = 64  # characters; the longest word of ours has 16, and sentences repeat keys

Value = str | list["Value"] | dict[str, "Value"]


class Place(NamedTuple):
    """Where something is written. Line and column count from 1; start and end are positions in the whole text."""

    line: int
    column: int
    start: int = 0
    end: int = 0


TOP = Place(1, 1)
_WORD = re.compile(r"\{[^{}\n]*\}?|[\w.-]+|\S")  # a placeholder, a name, a sign
_GUESS = re.compile(r"did you mean '([^']*)'\?$")


Marks: TypeAlias = tuple[Any, Any]
"""Between which marks of the parser something stands. Most places are never asked for, so they are left as they come."""


def _between(marks: Marks) -> Place:
    start, end = marks
    return Place(start.line + 1, start.column + 1, start.index, end.index)


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
    places: Mapping[str, Marks] = field(default_factory=dict)
    keys: Mapping[str, Marks] = field(default_factory=dict)

    def place(self, path: str) -> Place:
        """Where the value of a path begins; for what is not written, where the nearest thing around it begins."""
        while path not in self.places and path:
            path = path.rpartition(".")[0]
        return _between(self.places[path]) if path in self.places else TOP

    def key_place(self, path: str) -> Place:
        """Where the key of a path begins; for what has no key (a list's entry), where the value begins."""
        return _between(self.keys[path]) if path in self.keys else self.place(path)

    def inside(self, path: str, offset: int) -> Place:
        """Where the word at `offset` of a path's text stands, however the text was quoted, folded or indented."""
        place = self.place(path)
        value = self.value(path)
        if not isinstance(value, str):
            return place
        wanted = sum(1 for character in value[:offset] if not character.isspace())
        position = _after_visible(self.text, _first_character(self.text, place), place.end, wanted)
        column = position - self.text.rfind("\n", 0, position)
        word = _WORD.match(self.text, position, place.end)
        end = word.end() if word else position + 1
        return Place(place.line + self.text.count("\n", place.start, position), column, position, end)

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

    def problem(self, place: Place, kind: Mistake, message: str, remedy: str | None = None) -> Problem:
        """A problem of this file. `remedy` where there is a better one than the kind's; what a sentence guesses is one."""
        end_line, end_column = self._end(place)
        guess = _GUESS.search(message)
        better = remedy or (f"write '{guess[1]}'" if guess else kind.remedy)
        sentence = message if len(message) <= LONGEST_SENTENCE else f"{message[: LONGEST_SENTENCE - 1]}…"
        return Problem(self.file, place.line, place.column, sentence, kind, end_line, end_column, better[:LONGEST_SENTENCE])

    def _end(self, place: Place) -> tuple[int, int]:
        """The line and column behind a place; of what is as long as nothing (a mapping), behind the rest of its line."""
        end_of_line = self.text.find("\n", place.start)
        end = place.end if place.end > place.start else end_of_line if end_of_line >= 0 else len(self.text)
        written = self.text[place.start : end].rstrip()
        lines = written.count("\n")
        column = len(written) - written.rfind("\n") if lines else place.column + len(written)
        return place.line + lines, column

    def renamed(self, path: str, key: str, meant: str, value: Value) -> "Document":
        """The document with the places under `path.key` also known under `path.meant`, where a misspelt key was understood.

        `value` is what stands there.
        """
        old, new = _join(path, key), _join(path, meant)
        inside = list(_paths_in(value))
        places = {new + below: self.places[old + below] for below in inside if old + below in self.places}
        keys = {new + below: self.keys[old + below] for below in inside if old + below in self.keys}
        return replace(self, places={**self.places, **places}, keys={**self.keys, **keys})


BYTE_ORDER_MARK = "\ufeff"  # what some editors begin a file with; it says nothing here


def read(file: str, text: str) -> Document:
    """The document in a text. Raises DocumentError with the first thing that makes it unreadable."""
    text = text.removeprefix(BYTE_ORDER_MARK)
    if unreadable := _too_large(file, text) or _not_text(file, text):
        raise DocumentError(unreadable)
    try:
        return _Reader(file, text).document()
    except yaml.YAMLError as error:
        raise DocumentError(_syntax_problem(file, text, error)) from error


class _Reader:
    """Builds the values from the parser's events, one pass: what is refused is refused before anything grows."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.places: dict[str, Marks] = {}
        self.keys: dict[str, Marks] = {}
        self.next: Any = yaml.CSafeLoader(text).get_event  # an event of yaml, each with both its marks

    def document(self) -> Document:
        self.next()  # the stream begins
        begins = self.next()
        if type(begins) is yaml.StreamEndEvent:
            raise self.refused(TOP, Mistake.EMPTY_FILE, "this file is empty: write something into it, or delete it")
        if begins.version or begins.tags:
            raise self.refused(_place(begins), Mistake.DIRECTIVE, "a line that begins with '%' says nothing here: take it out")
        root = self.node(self.next(), "", 1)
        self.next()  # the document ends
        if type(after := self.next()) is not yaml.StreamEndEvent:
            raise self.refused(_place(after), Mistake.SEVERAL_DOCUMENTS, "a file holds one document: take the line '---' out")
        return Document(self.file, self.text, root, self.places, self.keys)

    def node(self, event: Any, path: str, depth: int) -> Value:
        if event.anchor is not None or event.tag is not None:
            self.refuse_what_hides(event)
        if len(self.places) >= MAX_VALUES:
            raise self.refused(_place(event), Mistake.TOO_MANY_VALUES, f"this file holds more than {MAX_VALUES:,} values: split it")
        if depth > MAX_DEPTH:
            message = f"this is nested more than {MAX_DEPTH} levels deep: use a label and go_to instead"
            raise self.refused(_place(event), Mistake.NESTED_TOO_DEEP, message)
        self.places[path] = event.start_mark, event.end_mark
        kind = type(event)
        if kind is yaml.ScalarEvent:
            return str(event.value)
        return self.sequence(path, depth) if kind is yaml.SequenceStartEvent else self.mapping(path, depth)

    def sequence(self, path: str, depth: int) -> list[Value]:
        values: list[Value] = []
        while type(event := self.next()) is not yaml.SequenceEndEvent:
            values.append(self.node(event, _join(path, str(len(values))), depth + 1))
        return values

    def mapping(self, path: str, depth: int) -> dict[str, Value]:
        values: dict[str, Value] = {}
        while type(event := self.next()) is not yaml.MappingEndEvent:
            key = self.key(event)
            if key in values:
                raise self.refused(_place(event), Mistake.WRITTEN_TWICE, f"'{key}' is written twice here: keep one of them")
            here = _join(path, key)
            self.keys[here] = event.start_mark, event.end_mark
            values[key] = self.node(self.next(), here, depth + 1)
        return values

    def key(self, event: Any) -> str:
        if event.anchor is not None or event.tag is not None:
            self.refuse_what_hides(event)
        if type(event) is not yaml.ScalarEvent:
            message = "a list or a mapping cannot be a key; a text that begins with '{' or '[' needs quotes"
            raise self.refused(_place(event), Mistake.BAD_KEY, message)
        key = str(event.value)
        if not key or not key.isprintable():
            raise self.refused(_place(event), Mistake.BAD_KEY, "a word is missing before this ':'")
        if len(key) > LONGEST_KEY:
            message = f"what stands before a ':' has at most {LONGEST_KEY} characters: a text that holds ': ' needs quotes around it"
            raise self.refused(_place(event), Mistake.BAD_KEY, message)
        return key

    def refuse_what_hides(self, event: Any) -> None:
        if type(event) is yaml.AliasEvent:
            message = "aliases (*name) are not allowed; a text that begins with '*' needs quotes"
            raise self.refused(_place(event), Mistake.ALIAS, message)
        if event.anchor is not None:
            message = "anchors (&name) are not allowed; a text that begins with '&' needs quotes"
            raise self.refused(_place(event), Mistake.ALIAS, message)
        raise self.refused(_place(event), Mistake.YAML_TAG, "tags (!name) are not allowed; a text that begins with '!' needs quotes")

    def refused(self, place: Place, kind: Mistake, message: str) -> DocumentError:
        return DocumentError(Document(self.file, self.text, "").problem(place, kind, message))


def _place(event: Any) -> Place:
    return _between((event.start_mark, event.end_mark))


def _join(path: str, part: str) -> str:
    return f"{path}.{part}" if path else part


def _paths_in(value: Value, path: str = "") -> Iterator[str]:
    """The path of a value itself, and of all in it: ``, `.answers`, `.answers.0` ..."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield from _paths_in(one, f"{path}.{key}")


def _too_large(file: str, text: str) -> Problem | None:
    if len(text) <= MAX_BYTES // 4:  # no character has more than four bytes
        return None
    size = len(text) if len(text) > MAX_BYTES else len(text.encode(errors="surrogatepass"))
    if size <= MAX_BYTES:
        return None
    message = f"this file has {size // 1024} KiB, more than the {MAX_BYTES // 1024} KiB a file may have: split it"
    return problem_at_top(file, Mistake.FILE_TOO_LARGE, message)


# All that YAML 1.1 does not take, and what stands for bytes that were no UTF-8.
_NOT_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffc\U00010000-\U0010ffff]")


def _not_text(file: str, text: str) -> Problem | None:
    found = _NOT_TEXT.search(text)
    if found is None:
        return None
    line, column = text.count("\n", 0, found.start()) + 1, found.start() - text.rfind("\n", 0, found.start())
    if found.group() == "\ufffd":
        return problem_at_top(file, Mistake.NOT_UTF8, "this file is not UTF-8: save it as UTF-8 in your editor", line=line, column=column)
    message = f"a character that no editor shows stands here (U+{ord(found.group()):04X}): delete it"
    return problem_at_top(file, Mistake.HIDDEN_CHARACTER, message, line=line, column=column)


# What the parser says, and what an owner can do about it. `{}` is the character it stumbled on.
_SENTENCES = (
    ("scanning a tag", Mistake.YAML_TAG, "a text that begins with '!' needs quotes around it"),
    ("parsing a tag", Mistake.YAML_TAG, "a text that begins with '!' needs quotes around it"),
    ("expected alphabetic or numeric character", Mistake.ALIAS, "a text that begins with '*' or '&' needs quotes around it"),
    ("mapping values are not allowed", Mistake.NEEDS_QUOTES, "a text that holds ': ' needs quotes around it"),
    ("cannot start any token", Mistake.ODD_BEGINNING, "a text that begins with '{}' needs quotes around it"),
    ("tab character where an indentation", Mistake.TAB, "this line begins with a tab: indent with spaces"),
    ("unexpected end of stream", Mistake.QUOTE_NEVER_CLOSED, "a quote is opened here and never closed: close it, or take it out"),
    (
        "could not find expected ':'",
        Mistake.BAD_INDENTATION,
        "this line is neither 'key: value' nor a list entry: a ':' is missing, or a quote",
    ),
    ("did not find expected key", Mistake.BAD_INDENTATION, "this line does not fit here: look at the indentation and the quotes around it"),
    ("did not find expected '-' indicator", Mistake.BAD_INDENTATION, "this line does not fit into the list: look at its indentation"),
    ("did not find expected ',' or", Mistake.BAD_INDENTATION, "a ',' is missing here, or the bracket that closes this"),
    ("expected comment or line break", Mistake.NEEDS_QUOTES, "begin the text on the line below this sign, or put it in quotes"),
    ("escape character", Mistake.NEEDS_QUOTES, "a '\\' in double quotes begins a special sign: write the text in single quotes"),
    ("expected <document start>", Mistake.SEVERAL_DOCUMENTS, "a file holds one document: take the line '...' out"),
    ("directive", Mistake.DIRECTIVE, "a line that begins with '%' says nothing here: take it out"),
    ("incompatible YAML document", Mistake.DIRECTIVE, "a line that begins with '%' says nothing here: take it out"),
)
_UNREADABLE = "this line cannot be read: compare its indentation and its quotes with those of the lines around it"
_TOLD_WHERE_IT_BEGAN = ("unexpected end of stream", "could not find expected ':'")  # noticed lines later
_KEY_ALONE = re.compile(r"\s+[\w-]+")
_BEGINS_WITH_BRACE = re.compile(r"\s*(?:- )?[\w-]+:\s+\{")


def _syntax_problem(file: str, text: str, error: yaml.YAMLError) -> Problem:
    said = f"{getattr(error, 'context', '')} {getattr(error, 'problem', '') or error}"
    began, noticed = getattr(error, "context_mark", None), getattr(error, "problem_mark", None)
    mark = began if began and any(theirs in said for theirs in _TOLD_WHERE_IT_BEGAN) else noticed
    line, column, index = (mark.line + 1, mark.column + 1, mark.index) if mark else (1, 1, 0)
    known = ((kind, ours) for theirs, kind, ours in _SENTENCES if theirs in said)
    kind, sentence = next(known, (Mistake.NOT_YAML, _UNREADABLE))
    if kind is Mistake.ODD_BEGINNING and text[index : index + 1] == "\t":
        kind, sentence = Mistake.TAB, "this line begins with a tab: indent with spaces"
    line_begins = index - column + 1
    if kind is Mistake.BAD_INDENTATION and (brace := _BEGINS_WITH_BRACE.match(text, line_begins, index)):
        kind, sentence, column = Mistake.NEEDS_QUOTES, "a text that begins with '{{' needs quotes around it", brace.end() - line_begins
    if kind is Mistake.NEEDS_QUOTES and _KEY_ALONE.fullmatch(text, line_begins, index):
        kind, sentence = Mistake.BAD_INDENTATION, "this line is indented deeper than the one it belongs to: line it up"
    return problem_at_top(file, kind, sentence.format(text[index : index + 1]), line=line, column=column)


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
