"""The .po file of one language, kept in step with the flows: what is new is added, what changed becomes fuzzy, what is gone is set aside.

The same flows and translations give the same file, byte for byte: no dates, no order of its own.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from io import StringIO

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Message
from babel.messages.pofile import PoFileError, normalize, read_po

from bot.flow import plural
from bot.flow.source import Source

ALIKE = 0.5  # how alike an old sentence must be (1 is equal) to be shown to the translator as what the new one was
_NUMBERS_TRIED = 200  # every rule repeats after a hundred
_NUMBERS_SHOWN = 4
_PREVIOUS = "|"  # begins the comment that holds the old sentence
_KEPT_HEADER = re.compile(r'^"((?:Last-Translator|Language-Team|PO-Revision-Date|Report-Msgid-Bugs-To|X-[\w-]+): .*)\\n"$', re.MULTILINE)

Key = tuple[str | None, tuple[str, ...]]
"""The context and the text of a unit; a text that counts something has two."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One text of a .po file. `forms` are its translation: several for a text that counts something, empty where there is none."""

    key: Key
    forms: tuple[str, ...]
    is_fuzzy: bool = False
    previous: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()  # the translator's own

    @property
    def is_missing(self) -> bool:
        """Whether something of it is not translated."""
        return not all(self.forms)


@dataclass(frozen=True, slots=True)
class Update:
    """A .po file after an update: its text, and how it stands. `changed` are the sentences that became fuzzy now."""

    text: str
    total: int
    missing: tuple[str, ...]
    fuzzy: tuple[str, ...]
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def update(old: str | None, sources: Iterable[Source], language: str, holds: str = "What customers read and write") -> Update:
    """The .po file of a language for these texts. `old` is the file until now, `holds` is what it tells of itself.

    Raises ValueError when the file cannot be read.
    """
    known, aside, counting = _read(old, language)
    places = {_key(source): source for source in sources}
    here = _Matching(known, aside, frozenset(places), counting.forms)
    units = [here.unit(key) for key in places]
    gone = {key: unit for key, unit in {**aside, **known}.items() if key not in places and key not in here.used and any(unit.forms)}
    return Update(
        text=_written(_header(language, counting, old or "", holds), units, places, gone, counting),
        total=len(units),
        missing=tuple(unit.key[1][0] for unit in units if unit.is_missing and not unit.is_fuzzy),
        fuzzy=tuple(unit.key[1][0] for unit in units if unit.is_fuzzy),
        changed=tuple(here.changed),
        added=tuple(here.added),
        gone=tuple(key[1][0] for key in known if key not in places and key not in here.used),
    )


def _key(source: Source) -> Key:
    role, texts = source.id
    return role.value if role else None, texts


# ---- what was there


@dataclass(frozen=True, slots=True)
class _Counting:
    """How the forms of this file are counted (`plural.py`)."""

    rule: str
    forms: int

    @property
    def comment(self) -> str:
        """Which form is for which numbers, told by the first few of each."""
        numbers: dict[int, list[str]] = {}
        for number in range(_NUMBERS_TRIED):
            numbers.setdefault(plural.form(self.rule, number, self.forms), []).append(str(number))
        return "; ".join(f"[{form}] for {', '.join(numbers[form][:_NUMBERS_SHOWN])}" for form in sorted(numbers))


def _read(text: str | None, language: str) -> tuple[dict[Key, Unit], dict[Key, Unit], _Counting]:
    """The units in use, those set aside, and how they are counted: as the file says, for in that order its forms stand."""
    own = _Counting(plural.rule_of(language), plural.forms_of(language))
    if not text:
        return {}, {}, own
    try:
        catalog = read_po(StringIO(_without_previous_of_gone(text)), locale=None, abort_invalid=True)
    except PoFileError as error:
        raise ValueError(f"this is not a translation file (line {(error.lineno or 0) + 1}): {error}") from None
    known = [_unit(message) for message in catalog if message.id]
    aside = [_unit(message) for message in catalog.obsolete.values() if message.id]
    counting = _Counting(catalog.plural_expr, catalog.num_plurals) if "Plural-Forms" in text else own
    return {unit.key: unit for unit in known}, {unit.key: unit for unit in aside}, counting


def _without_previous_of_gone(text: str) -> str:
    """Other tools write the old sentence beside texts that are set aside, too, which Babel cannot read."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#~|"))


def _unit(message: Message) -> Unit:
    texts = (message.id,) if isinstance(message.id, str) else tuple(message.id)
    forms = (message.string or "",) if isinstance(message.string, str | None) else tuple(message.string)
    previous = tuple(comment for comment in message.user_comments if comment.startswith(_PREVIOUS))
    remarks = tuple(comment for comment in message.user_comments if not comment.startswith(_PREVIOUS))
    return Unit((message.context, texts), forms, message.fuzzy, previous, remarks)


@dataclass(slots=True)
class _Matching:
    """Finds the translation of each text: its own, one that was set aside, or that of the sentence it was before."""

    known: Mapping[Key, Unit]
    aside: Mapping[Key, Unit]
    wanted: AbstractSet[Key]
    count: int
    used: set[Key] = field(default_factory=set)
    changed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)

    def unit(self, key: Key) -> Unit:
        own = self.known.get(key) or self.known.get((None, key[1])) or self.aside.get(key)
        if own is not None:
            self.used.add(own.key)
            return replace(own, key=key, forms=self.forms(key, own.forms))
        before = self.before(key)
        if before is None:
            self.added.append(key[1][0])
            return Unit(key, self.forms(key, ()))
        self.used.add(before.key)
        if before.is_fuzzy and before.previous == _previous(key[1]):  # the sentence is again what it was when it was translated
            return replace(before, key=key, is_fuzzy=False, previous=())
        self.changed.append(key[1][0])
        previous = before.previous if before.is_fuzzy and before.previous else _previous(before.key[1])
        return replace(before, key=key, forms=self.forms(key, before.forms), is_fuzzy=True, previous=previous)

    def forms(self, key: Key, translated: tuple[str, ...]) -> tuple[str, ...]:
        """As many forms as the text needs in this language."""
        wanted = self.count if len(key[1]) > 1 else 1
        if wanted > 1 and len(translated) == 1:
            return translated * wanted  # a sentence that began to count: the translator tells the forms apart
        return (*translated, *("",) * wanted)[:wanted]

    def before(self, key: Key) -> Unit | None:
        """The sentence that this one most likely was: of those no longer there, the most alike in the same role."""
        context, texts = key
        best: Unit | None = None
        likeness = ALIKE
        matcher = SequenceMatcher(b=texts[0])
        for other, unit in self.known.items():
            if self.is_there(other) or other in self.used or other[0] not in (context, None) or not any(unit.forms):
                continue
            matcher.set_seq1(other[1][0])
            if matcher.real_quick_ratio() > likeness and matcher.quick_ratio() > likeness and matcher.ratio() > likeness:
                best, likeness = unit, matcher.ratio()
        return best



    def is_there(self, key: Key) -> bool:
        """Whether the flows still have this text; one without a context (files of older releases) in whatever role."""
        return key in self.wanted or (key[0] is None and any(texts == key[1] for _, texts in self.wanted))


def _previous(texts: tuple[str, ...]) -> tuple[str, ...]:
    words = ("msgid", "msgid_plural")
    lines = (f"{word} {normalize(text, width=0)}" for word, text in zip(words, texts, strict=False))
    return tuple(f"{_PREVIOUS} {line}" for text in lines for line in text.splitlines())


# ---- what is written


def _header(language: str, counting: _Counting, old: str, holds: str) -> list[str]:
    try:
        name = Locale.parse(language).english_name or language
    except (UnknownLocaleError, ValueError):
        name = language
    fields = [
        f"Language: {language}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        f"Plural-Forms: nplurals={counting.forms}; plural={counting.rule};",
        *_KEPT_HEADER.findall(old.partition("\n\n")[0]),
    ]
    about = [
        f"# {holds}, in {name}. Write each translation behind msgstr; leave what stands in {{braces}} as it is.",
        f"# 'comeback translate {language}' keeps this file in step with the flows, 'comeback check' says what is wrong in it.",
    ]
    return [*about, 'msgid ""', 'msgstr ""', *(f'"{line}\\n"' for line in fields), ""]


def _written(
    header: list[str], units: Iterable[Unit], places: Mapping[Key, Source], gone: Mapping[Key, Unit], counting: _Counting
) -> str:
    lines = list(header)
    for unit in units:
        lines += _unit_lines(unit, places[unit.key], counting)
    for unit in gone.values():
        lines += [*(f"# {remark}" for remark in unit.remarks), *(f"#~ {line}" for line in _message_lines(unit)), ""]
    return "\n".join(lines)


def _unit_lines(unit: Unit, source: Source, counting: _Counting) -> Iterator[str]:
    yield from (f"# {remark}" for remark in unit.remarks)
    yield from (f"#. {comment}" for comment in source.comments)
    if len(unit.key[1]) > 1:
        yield f"#. {counting.comment}"
    if source.places:
        yield "#: " + " ".join(f"{file}:{line}" for file, line in dict.fromkeys(source.places))
    if unit.is_fuzzy:
        yield "#, fuzzy"
        yield from (f"#{line}" for line in unit.previous)
    yield from _message_lines(unit)
    yield ""


def _message_lines(unit: Unit) -> Iterator[str]:
    context, texts = unit.key
    if context is not None:
        yield f"msgctxt {normalize(context)}"
    yield from f"msgid {normalize(texts[0], width=0)}".splitlines()
    if len(texts) == 1:
        yield from f"msgstr {normalize(unit.forms[0], width=0)}".splitlines()
        return
    yield from f"msgid_plural {normalize(texts[1], width=0)}".splitlines()
    for number, form in enumerate(unit.forms):
        yield from f"msgstr[{number}] {normalize(form, width=0)}".splitlines()
