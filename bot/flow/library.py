"""The owner's files -> flows ready to run. Who reads the files, and when they are read again, is not its affair.

A flow with a problem is left out, the rest are there; a store always has rules. Warnings (a text that is not translated yet) keep
nothing out.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType

from babel.messages.catalog import Catalog as Messages

from bot.flow import document, shape
from bot.flow.catalog import Catalog, Entry, flow_entries, read_catalog, template_entries
from bot.flow.check import Surroundings, check
from bot.flow.document import Document, DocumentError
from bot.flow.model import Flow, TemplateUse, Trigger, walk
from bot.flow.problem import Problem
from bot.flow.revision import Revision, Template
from bot.flow.rules import Audience, StaffHours, StoreRules, read_rules
from bot.flow.shape import FLOW_SUBSTITUTES
from bot.flow.template import read_template

__all__ = ["Audience", "Library", "StaffHours", "StoreRules", "extract", "load", "restore"]

STORE_FILE = "flows/store.yaml"
FLOWS = "flows"
TEMPLATES = "flows/templates"
CATALOG = "LC_MESSAGES/flows.po"  # under locales/<language>/
ID_LENGTH = 16  # hexadecimal digits of a revision's hash: 64 bits, and a store has thousands of revisions at most


@dataclass(frozen=True, slots=True)
class Library:
    """All that the owner's files say. `flows` are those without problems, by id; problems and warnings are in file and line order."""

    rules: StoreRules = field(default_factory=StoreRules)
    flows: Mapping[str, Revision] = field(default_factory=dict)
    templates: Mapping[str, Template] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    left_out: frozenset[str] = frozenset()  # flows whose file is there, but has a mistake

    @property
    def broken_rules(self) -> tuple[Problem, ...]:
        """The mistakes in store.yaml: the rules are not what the owner meant."""
        return tuple(problem for problem in self.problems if problem.file == STORE_FILE)

    def starting_on(self, trigger: Trigger) -> tuple[Revision, ...]:
        """The flows that start on this event, by id."""
        return tuple(revision for revision in self.flows.values() if revision.flow.start.when is trigger)


def load(files: Mapping[str, str]) -> Library:
    """The library in these texts, by path: `flows/store.yaml`, `flows/*.yaml`, `flows/templates/*.yaml`,
    `locales/<language>/LC_MESSAGES/flows.po`. Other files are none of its affair."""
    return _Loading(files).library()


def extract(files: Mapping[str, str]) -> Messages:
    """Every text to translate, with its places and what it is, as a gettext catalog without translations.

    A file that cannot be read is left out.
    """
    return _Loading(files).extract()


def restore(id: str, source: str) -> Revision:  # noqa: A002 - the word everyone uses for it
    """A stored revision read back from its source. ValueError when it is not one."""
    if revision_id(source) != id:
        raise ValueError(f"this is not the source of revision {id}")
    stored = json.loads(source)
    read = document.read(f"{FLOWS}/{stored['flow']}.yaml", stored["text"])
    flow = shape.read(read, Flow, FLOW_SUBSTITUTES, id=stored["flow"]).value
    if flow is None:
        raise ValueError(f"the flow of revision {id} cannot be read")
    templates = {name: _stored_template(name, text) for name, text in stored["templates"].items()}
    return Revision(id, flow, stored["language"], source, stored["translations"], templates)


def _stored_template(name: str, text: str) -> Template:
    template, _ = read_template(name, document.read(f"{TEMPLATES}/{name}.yaml", text))
    if template is None:
        raise ValueError(f"the stored template '{name}' cannot be read")
    return template


def revision_id(source: str) -> str:
    """The id of the revision with this source."""
    return hashlib.sha256(source.encode()).hexdigest()[:ID_LENGTH]


class _Loading:
    """One load under way."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        self.problems: set[Problem] = set()
        self.warnings: set[Problem] = set()
        self.catalogs: list[Catalog] = []
        self.templates: dict[str, Template] = {}
        self.faulty_templates: set[str] = set()

    def library(self) -> Library:
        rules, faulty_segments = self.read_rules()
        self.catalogs = [self.read_catalog(language) for language in rules.languages[1:]]
        self.read_templates()
        around = Surroundings(
            rules, faulty_segments, self.templates, frozenset(self.faulty_templates), template_languages=self.template_languages()
        )
        written = [path for path in self.within(FLOWS) if path != STORE_FILE]
        revisions = [self.read_flow(path, around) for path in written]
        flows = {revision.flow.id: revision for revision in revisions if revision}
        sound = {name: template for name, template in self.templates.items() if name not in self.faulty_templates}
        return Library(
            rules,
            MappingProxyType(flows),
            MappingProxyType(sound),
            tuple(sorted(self.problems)),
            tuple(sorted(self.warnings)),
            frozenset(PurePosixPath(path).stem for path in written) - flows.keys(),
        )

    # ---- files

    def within(self, folder: str) -> list[str]:
        """The YAML files right in a folder."""
        paths = [path for path in sorted(self.files) if str(PurePosixPath(path).parent) == folder]
        for path in paths:
            if path.endswith(".yml"):
                self.problems.add(Problem(path, 1, 1, "let this file's name end with .yaml, else it is not read"))
        return [path for path in paths if path.endswith(".yaml")]

    def read(self, path: str) -> Document | None:
        try:
            return document.read(path, self.files[path])
        except DocumentError as error:
            self.problems.add(error.problem)
            return None

    def read_rules(self) -> tuple[StoreRules, frozenset[str]]:
        """The rules, and the segments that have a mistake."""
        if STORE_FILE not in self.files:
            self.problems.add(Problem(STORE_FILE, 1, 1, "there is no store.yaml: it says the name, currency, timezone and languages"))
            return StoreRules(), frozenset()
        written = self.read(STORE_FILE)
        if written is None:
            return StoreRules(), frozenset()
        rules, faulty_segments, problems = read_rules(written)
        self.problems.update(problems)
        return rules, faulty_segments

    def read_catalog(self, language: str) -> Catalog:
        path = f"locales/{language}/{CATALOG}"
        if path not in self.files:
            self.warnings.add(Problem(path, 1, 1, f"this store speaks {language}, but there are no translations yet"))
            return Catalog(path, language)
        catalog, problems = read_catalog(path, language, self.files[path])
        self.problems.update(problems)
        return catalog

    # ---- templates

    def read_templates(self) -> None:
        for path in self.within(TEMPLATES):
            self.read_template(path, PurePosixPath(path).stem)

    def read_template(self, path: str, name: str) -> None:
        written = self.read(path)
        if written is None:
            self.faulty_templates.add(name)
            return
        template, problems = read_template(name, written)
        self.problems.update(problems)
        if problems:
            self.faulty_templates.add(name)
        if template is not None:
            self.templates[name] = template
            self.judge_translations(template_entries(template), written)

    def template_languages(self) -> dict[str, frozenset[str]]:
        """The languages each template is complete in."""
        return {
            name: frozenset(catalog.language for catalog in self.catalogs if all(map(catalog.sound, template_entries(template))))
            for name, template in self.templates.items()
        }

    def extract(self) -> Messages:
        messages = Messages(fuzzy=False)
        for path in (*self.within(FLOWS), *self.within(TEMPLATES)):
            if path == STORE_FILE or (written := self.read(path)) is None:
                continue
            for entry in _entries(written):
                messages.add(entry.text, locations=[(path, written.place(entry.path).line)], auto_comments=[entry.comment])
        return messages

    # ---- flows

    def read_flow(self, path: str, around: Surroundings) -> Revision | None:
        """The flow in a file, None when something is wrong with it."""
        written = self.read(path)
        if written is None:
            return None
        read = shape.read(written, Flow, FLOW_SUBSTITUTES, id=PurePosixPath(path).stem)
        problems = check(read, around)
        self.problems.update(problems)
        if read.value is None:
            return None
        entries = list(flow_entries(read.value))
        self.judge_translations(entries, read.document)
        return None if problems else self.revision(read.value, entries, around.rules)

    def revision(self, flow: Flow, entries: Iterable[Entry], rules: StoreRules) -> Revision:
        used = {name: self.templates[name] for name in sorted(_templates_of(flow))}
        texts = [*entries, *(entry for template in used.values() for entry in template_entries(template))]
        translations = {catalog.language: _translated(texts, catalog) for catalog in self.catalogs}
        stored = {
            "flow": flow.id,
            "text": self.files[f"{FLOWS}/{flow.id}.yaml"],
            "language": rules.source_language,
            "translations": translations,
            "templates": {name: self.files[f"{TEMPLATES}/{name}.yaml"] for name in used},
        }
        source = json.dumps(stored, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return Revision(revision_id(source), flow, rules.source_language, source, translations, used)

    # ---- translations

    def judge_translations(self, entries: Iterable[Entry], written: Document) -> None:
        """Missing and outdated translations are warnings beside the text; wrong ones are problems of the catalog."""
        for entry in entries:
            for catalog in self.catalogs:
                if catalog.translations and (lack := catalog.lack(entry)):
                    self.warnings.add(written.problem(written.key_place(entry.path), lack))
                if mistake := catalog.mistake(entry):
                    self.problems.add(mistake)


def _entries(written: Document) -> Iterable[Entry]:
    """The texts of a flow or a template."""
    name = PurePosixPath(written.file)
    if str(name.parent) == TEMPLATES:
        template, _ = read_template(name.stem, written)
        return template_entries(template) if template else ()
    flow = shape.read(written, Flow, FLOW_SUBSTITUTES, id=name.stem).value
    return flow_entries(flow) if flow else ()


def _translated(entries: Iterable[Entry], catalog: Catalog) -> dict[str, str]:
    """The translations that can be used, by source text; a text that is used in several ways must fit all of them."""
    found: dict[str, str] = {}
    unfit: set[str] = set()
    for entry in entries:
        translation = catalog.sound(entry)
        if translation is None:
            unfit.add(entry.text)
        else:
            found[entry.text] = translation
    return {text: translation for text, translation in found.items() if text not in unfit}


def _templates_of(flow: Flow) -> set[str]:
    wordings = (getattr(step, "send", None) or getattr(step, "ask", None) for _, step in walk(flow.steps))
    return {wording.template for wording in wordings if isinstance(wording, TemplateUse)}
