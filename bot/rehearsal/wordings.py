"""Which step of a flow a message came from, and what an owner calls that step: its label, its template, or its first words."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from bot.flow.itself import Itself
from bot.flow.model import AnyStep, AskStep, Flow, Message, SendStep, Wording, template_of, text_of, walk
from bot.flow.revision import Revision, Role
from bot.flow.run import Content, TemplateMessage
from bot.flow.spoken import parts
from bot.flow.text import fill

TITLE = 40  # characters of a text that stand for it
FLOWS_KEPT = 512  # flows and languages whose wordings are kept ready
_HERE = "\x00"  # where a value stands: no text holds it


@dataclass(frozen=True, slots=True)
class Wordings:
    """The wordings of a flow in one language: templates by name, texts by what they look like once filled; each with its step's path."""

    templates: dict[str, str]
    texts: tuple[tuple[re.Pattern[str], str], ...]

    def step_of(self, content: Content) -> str:
        """The path of the step that writes this; empty when none does. Of two that write the same it is the first."""
        if isinstance(content, TemplateMessage):
            return self.templates.get(content.name, "")
        return next((path for pattern, path in self.texts if pattern.fullmatch(content.body)), "")


def wordings_of(revision: Revision, language: str) -> Wordings:
    """The wordings of a revision in a language."""
    return _read(Itself(revision), language)


@lru_cache(maxsize=FLOWS_KEPT)
def _read(kept: Itself[Revision], language: str) -> Wordings:
    revision = kept.it
    said = list(_said(revision.flow))
    templates = {use.template: path for path, wording in reversed(said) if (use := template_of(wording))}
    written = ((form, path) for path, wording in said if (words := text_of(wording)) for form in _forms(revision, words, language))
    return Wordings(templates, tuple((_looks_like(form.strip()), path) for form, path in written))


def _forms(revision: Revision, text: str, language: str) -> tuple[str, ...]:
    """A text in a language: one, or the several forms of one that counts something."""
    for code in (language, language.partition("_")[0]):
        counted = revision.counted.get(code)
        forms = next((counted.forms[role.key(text)] for role in Role if role.key(text) in counted.forms), ()) if counted else ()
        if forms:
            return tuple(forms)
    return (revision.translate(text, language),)


class _AnyValue(defaultdict[str, str]):
    """A value for every placeholder."""

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]  # a dict's own takes any default
        return _HERE


def _looks_like(text: str) -> re.Pattern[str]:
    """What a text looks like once its placeholders are filled, whatever with."""
    return re.compile(".*?".join(map(re.escape, fill(text, _AnyValue()).split(_HERE))), re.DOTALL)


def _said(flow: Flow) -> Iterator[tuple[str, Wording]]:
    for path, step in walk(flow.steps):
        wording = _wording(step)
        if wording is not None:
            yield path, wording


def _wording(step: AnyStep) -> Wording | None:
    if isinstance(step, SendStep):
        return step.send
    return step.ask if isinstance(step, AskStep) else None


def titles(flow: Flow) -> dict[str, str]:
    """What an owner calls each step that says something, by its path, in reading order."""
    return {path: _title(step) for path, step in walk(flow.steps) if _wording(step) is not None}


def _title(step: AnyStep) -> str:
    wording = _wording(step)
    use = template_of(wording) if wording is not None else None
    words = " ".join((text_of(wording) or "").split()) if wording is not None else ""
    if use is not None:
        return use.template
    if not words and isinstance(wording, Message):
        return ", ".join(parts(wording))
    return f'"{words if len(words) <= TITLE else words[: TITLE - 1].rstrip() + "…"}"'
