"""The owner's files -> flows ready to run. Who reads the files, and when they are read again, is not its affair.

A flow with a problem is left out, the rest are there; a store always has rules. Warnings (a text that is not translated yet) keep
nothing out.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import NamedTuple

from bot.flow import document, shape
from bot.flow.catalog import Catalog, Entry, fillings, flow_entries, read_catalog, template_entries
from bot.flow.check import Surroundings, check, judge_rivals
from bot.flow.document import Document, DocumentError, Place
from bot.flow.file import OwnFile, is_link, path_of
from bot.flow.model import Flow, Trigger, Wording, files_of, template_of, walk, wording_of
from bot.flow.problem import Mistake, Problem, Severity, limited, problem_at_top
from bot.flow.revision import Counted, Revision, Template
from bot.flow.rules import Audience, StaffHours, StoreRules, read_rules
from bot.flow.shape import FLOW_SUBSTITUTES
from bot.flow.source import Source, gather
from bot.flow.template import lacking_files, read_template
from bot.flow.text import counts

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
    def files(self) -> Mapping[str, str]:
        """The owner's own files that its flows show: path -> sha256."""
        return {path: sha256 for revision in self.flows.values() for path, sha256 in revision.files.items()}

    @property
    def broken_rules(self) -> tuple[Problem, ...]:
        """The mistakes in store.yaml: the rules are not what the owner meant."""
        return tuple(problem for problem in self.problems if problem.file == STORE_FILE)

    def starting_on(self, trigger: Trigger) -> tuple[Revision, ...]:
        """The flows that start on this event, by id."""
        return tuple(revision for revision in self.flows.values() if revision.flow.start.when is trigger)


def load(files: Mapping[str, str], own: Mapping[str, OwnFile] = MappingProxyType({})) -> Library:
    """The library in these texts, by path: `flows/store.yaml`, `flows/*.yaml`, `flows/templates/*.yaml`,
    `locales/<language>/LC_MESSAGES/flows.po`. Other files are none of its affair. `own` are the pictures and papers beside the flows,
    by path (`flows/pictures/sale.jpg`)."""
    return _Loading(files, own).library()


def extract(files: Mapping[str, str]) -> tuple[Source, ...]:
    """Every text to translate, with its places and what it is. A file that cannot be read is left out."""
    return _Loading(files, {}).extract()


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
    counted = {language: Counted(one["rule"], _tuples(one["forms"])) for language, one in stored.get("counted", {}).items()}
    return Revision(id, flow, stored["language"], source, stored["translations"], templates, counted, stored.get("files", {}))


def _tuples(lists: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(forms) for key, forms in lists.items()}


def _stored_template(name: str, text: str) -> Template:
    template, _ = read_template(name, document.read(f"{TEMPLATES}/{name}.yaml", text))
    if template is None:
        raise ValueError(f"the stored template '{name}' cannot be read")
    return template


def revision_id(source: str) -> str:
    """The id of the revision with this source."""
    return hashlib.sha256(source.encode()).hexdigest()[:ID_LENGTH]


def _in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """By file and line, of each file no more than anyone would mend."""
    ordered = sorted(problems)
    return tuple(problem for _, of_file in groupby(ordered, key=lambda problem: problem.file) for problem in limited(list(of_file)))


class _Start(NamedTuple):
    """A flow, and where it says when it starts."""

    flow: Flow
    place: Place


class _Loading:
    """One load under way."""

    def __init__(self, files: Mapping[str, str], own: Mapping[str, OwnFile]) -> None:
        self.files = files
        self.own = own
        self.problems: set[Problem] = set()
        self.warnings: set[Problem] = set()
        self.catalogs: list[Catalog] = []
        self.templates: dict[str, Template] = {}
        self.template_entries: dict[str, list[Entry]] = {}
        self.faulty_templates: set[str] = set()
        self.starts: dict[str, _Start] = {}

    def library(self) -> Library:
        rules, faulty_segments = self.read_rules()
        catalogs = [self.read_catalog(language) for language in rules.languages[1:]]
        self.catalogs = [replace(catalog, stop_words=rules.opt_out_words) for catalog in catalogs]
        self.read_templates()
        around = Surroundings(
            rules,
            faulty_segments,
            self.templates,
            frozenset(self.faulty_templates),
            template_languages=self.template_languages(),
            own=self.own,
        )
        written = [path for path in self.within(FLOWS) if path != STORE_FILE]
        revisions = [self.read_flow(path, around) for path in written]
        rivals = self.judge_rivals(rules)
        flows = {revision.flow.id: revision for revision in revisions if revision and revision.flow.id not in rivals}
        sound = {name: template for name, template in self.templates.items() if name not in self.faulty_templates}
        return Library(
            rules,
            MappingProxyType(flows),
            MappingProxyType(sound),
            _in_order(self.problems),
            tuple(sorted(self.warnings)),
            frozenset(PurePosixPath(path).stem for path in written) - flows.keys(),
        )

    # ---- files

    def within(self, folder: str) -> list[str]:
        """The YAML files right in a folder."""
        paths = [path for path in sorted(self.files) if str(PurePosixPath(path).parent) == folder]
        for path in paths:
            if path.endswith(".yml"):
                message = "let this file's name end with .yaml, else it is not read"
                self.problems.add(problem_at_top(path, Mistake.BAD_FILE_NAME, message))
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
            message = "there is no store.yaml: write one that says the name, currency, timezone and languages"
            self.problems.add(problem_at_top(STORE_FILE, Mistake.STORE_FILE_MISSING, message))
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
            message = f"this store speaks {language}, but there are no translations yet: begin with 'comeback translate {language}'"
            self.warnings.add(problem_at_top(path, Mistake.NO_TRANSLATIONS, message))
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
        if template is not None and not problems:
            problems = tuple(lacking_files(template, written, self.own))
        self.problems.update(problems)
        if problems:
            self.faulty_templates.add(name)
        if template is not None:
            self.templates[name] = template
            self.template_entries[name] = list(template_entries(template))
            self.judge_translations(self.template_entries[name], written)

    def template_languages(self) -> dict[str, frozenset[str]]:
        """The languages each template is complete in."""
        return {
            name: frozenset(catalog.language for catalog in self.catalogs if all(catalog.verdict(entry).forms for entry in entries))
            for name, entries in self.template_entries.items()
        }

    def extract(self) -> tuple[Source, ...]:
        paths = [path for path in (*self.within(FLOWS), *self.within(TEMPLATES)) if path != STORE_FILE]
        documents = [written for written in map(self.read, paths) if written is not None]
        filled: dict[tuple[str, str], str] = {}
        for flow in filter(None, map(_flow, documents)):
            filled.update(((template, placeholder), name) for template, placeholder, name in fillings(flow))
        return gather(((written, PurePosixPath(written.file).stem, _entries(written)) for written in documents), filled)

    # ---- flows

    def read_flow(self, path: str, around: Surroundings) -> Revision | None:
        """The flow in a file, None when something is wrong with it."""
        written = self.read(path)
        if written is None:
            return None
        read = shape.read(written, Flow, FLOW_SUBSTITUTES, id=PurePosixPath(path).stem)
        told = check(read, around)
        problems = [problem for problem in told if problem.severity is Severity.PROBLEM]
        self.problems.update(problems)
        self.warnings.update(set(told).difference(problems))
        if read.value is None:
            return None
        if not read.broken & {"start", "start.when", "start.if"}:
            self.starts[read.value.id] = _Start(read.value, written.key_place("start.when"))
        entries = list(flow_entries(read.value))
        self.judge_translations(entries, read.document)
        return None if problems else self.revision(read.value, entries, around.rules)

    def judge_rivals(self, rules: StoreRules) -> set[str]:
        """Flows that start together without saying which wins: of two, the later one by name is told, and left out."""
        left_out = set()
        for flow, message in judge_rivals((start.flow for start in self.starts.values()), rules.segments):
            path = f"{FLOWS}/{flow.id}.yaml"
            written = Document(path, self.files[path].removeprefix(document.BYTE_ORDER_MARK), "")
            self.problems.add(written.problem(self.starts[flow.id].place, Mistake.RIVAL_FLOWS, message))
            left_out.add(flow.id)
        return left_out

    def revision(self, flow: Flow, entries: Iterable[Entry], rules: StoreRules) -> Revision:
        used = {name: self.templates[name] for name in sorted(_templates_of(flow))}
        entries = [*entries, *(entry for name in used for entry in self.template_entries[name])]
        texts = [(entry.role.key(entry.text), entry) for entry in entries]
        counting = frozenset(key for key, entry in texts if counts(entry.text))
        translated = {catalog.language: _translated(texts, counting, catalog) for catalog in self.catalogs}
        counted = {language: one.counted for language, one in translated.items() if one.counted.forms}
        translations = {language: one.plain for language, one in translated.items()}
        stored: dict[str, object] = {
            "flow": flow.id,
            "text": self.files[f"{FLOWS}/{flow.id}.yaml"],
            "language": rules.source_language,
            "translations": translations,
            "templates": {name: self.files[f"{TEMPLATES}/{name}.yaml"] for name in used},
        }
        named = _files_of(flow, used.values())
        kept = {path: self.own[path].sha256 for path in sorted(named & self.own.keys())}
        if kept:
            stored["files"] = kept
        if counted:
            stored["counted"] = {language: {"rule": one.rule, "forms": one.forms} for language, one in counted.items()}
        source = json.dumps(stored, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return Revision(revision_id(source), flow, rules.source_language, source, translations, used, counted, kept)

    # ---- translations

    def judge_translations(self, entries: Iterable[Entry], written: Document) -> None:
        """Missing and outdated translations are warnings beside the text; wrong ones are problems of the catalog."""
        for entry in entries:
            for catalog in self.catalogs:
                verdict = catalog.verdict(entry)
                if verdict.lack and catalog.translations:
                    self.warnings.add(written.problem(written.key_place(entry.path), *verdict.lack))
                if verdict.mistake:
                    self.problems.add(verdict.mistake)


def _entries(written: Document) -> Iterable[Entry]:
    """The texts of a flow or a template."""
    name = PurePosixPath(written.file)
    if str(name.parent) == TEMPLATES:
        template, _ = read_template(name.stem, written)
        return template_entries(template) if template else ()
    flow = _flow(written)
    return flow_entries(flow) if flow else ()


def _flow(written: Document) -> Flow | None:
    name = PurePosixPath(written.file)
    return shape.read(written, Flow, FLOW_SUBSTITUTES, id=name.stem).value if str(name.parent) == FLOWS else None


class _Translated(NamedTuple):
    """The translations of one language that can be used, by `Role.key`."""

    plain: dict[str, str]
    counted: Counted


def _translated(texts: Iterable[tuple[str, Entry]], counting: frozenset[str], catalog: Catalog) -> _Translated:
    """The translations that can be used; a text that is used in several places must fit all of them."""
    found: dict[str, tuple[str, ...]] = {}
    unfit: set[str] = set()
    for key, entry in texts:
        forms = catalog.verdict(entry).forms
        if forms is None:
            unfit.add(key)
        else:
            found[key] = forms
    fit = {key: forms for key, forms in found.items() if key not in unfit}
    plain = {key: forms[0] for key, forms in fit.items() if key not in counting}
    return _Translated(plain, Counted(catalog.rule, {key: fit[key] for key in fit if key in counting}))


def _wordings(flow: Flow) -> Iterator[Wording]:
    return (wording for _, step in walk(flow.steps) if (wording := wording_of(step)) is not None)


def _templates_of(flow: Flow) -> set[str]:
    return {use.template for wording in _wordings(flow) if (use := template_of(wording))}


def _files_of(flow: Flow, templates: Iterable[Template]) -> set[str]:
    """The paths of the owner's files that a flow and its templates show."""
    named = {name for wording in _wordings(flow) if not isinstance(wording, str) for name in files_of(wording).values()}
    named.update(shown.name for template in templates for shown in template.files)
    return {path_of(name) for name in named if not is_link(name)}
