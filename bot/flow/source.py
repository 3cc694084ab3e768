"""What there is to translate: every text of the flows and templates, with all its places and what helps to translate it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bot.flow import names
from bot.flow.catalog import Entry, Id
from bot.flow.document import Document
from bot.flow.revision import Role


@dataclass(slots=True)
class Source:
    """One text to translate. `places` are (file, line); without a role it is one of the house's own."""

    id: tuple[Role | None, tuple[str, ...]]
    places: list[tuple[str, int]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)


Fillings = Mapping[tuple[str, str], str]
"""What fills the placeholders of templates: (template, placeholder) -> the name in the flow."""


def gather(found: Iterable[tuple[Document, str, Iterable[Entry]]], fillings: Fillings) -> tuple[Source, ...]:
    """The texts of all files in reading order, each once. With each file comes the template it is, or nothing."""
    sources: dict[Id, Source] = {}
    for written, template, entries in found:
        for entry in entries:
            source = sources.setdefault(entry.id, Source(entry.id))
            source.places.append((written.file, written.place(entry.path).line))
            comments = (*entry.comments, *_about_fillings(entry.text, template, fillings))
            source.comments += [comment for comment in comments if comment not in source.comments]
    return tuple(sources.values())


def _about_fillings(text: str, template: str, fillings: Fillings) -> Iterator[str]:
    for (filled, placeholder), name in fillings.items():
        known = names.find(name)
        if filled == template and f"{{{placeholder}}}" in text and known:
            yield f"{{{placeholder}}}: {known.about}"
