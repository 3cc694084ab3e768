"""One broken file for each kind of mistake, with the exact sentences its owner reads. `--update` writes them: read the diff aloud.

A folder of `broken/` is named for its kind. Its files lie over a small sound shop: flows, `store.yaml`, `templates/`, translations
(`es.po`), and in `without` the files that are missing. `expected.txt` holds what is told of the folder's own files.
"""

from pathlib import Path

import pytest

from bot.flow.file import OwnFile
from bot.flow.library import Library, load
from bot.flow.problem import MAX_PROBLEMS, REMEDIES, Mistake, Problem, Severity
from tests.flow.owner import STORE, TEMPLATES

BROKEN = Path(__file__).parent / "broken"
SHOP = {"flows/store.yaml": STORE, **{f"flows/templates/{name}.yaml": text for name, text in TEMPLATES.items()}}
OWN = {"flows/pictures/heavy.jpg": OwnFile("0" * 64, 7_300_000)}
HEAD = "name: Help\npurpose: service\nstart:\n  when: message_received\nsteps:\n"
TOO_MUCH = {
    Mistake.FILE_TOO_LARGE: HEAD + "  - send: Hello\n" + "# nothing but comments\n" * 12_000,
    Mistake.TOO_MANY_VALUES: HEAD + "  - opt_in\n" * 5_000,
    Mistake.TOO_MANY_MISTAKES: HEAD + "".join(f"  - send: Hello {{customer.{number}}}\n" for number in range(MAX_PROBLEMS + 1)),
}
"""What no repository should hold."""


def written(kind: Mistake) -> dict[str, str]:
    """The files of a folder by the paths the library knows them by."""
    files = {_path(path.relative_to(BROKEN / kind)): path.read_text("utf-8", errors="replace") for path in _files(kind)}
    return files | ({"flows/flow.yaml": TOO_MUCH[kind]} if kind in TOO_MUCH else {})


def _files(kind: Mistake) -> list[Path]:
    return [path for path in sorted((BROKEN / kind).rglob("*")) if path.is_file() and path.name not in ("expected.txt", "without")]


def _path(name: Path) -> str:
    return f"locales/{name.stem}/LC_MESSAGES/flows.po" if name.suffix == ".po" else f"flows/{name.as_posix()}"


def missing(kind: Mistake) -> list[str]:
    """The files a folder takes away."""
    without = BROKEN / kind / "without"
    return without.read_text("utf-8").split() if without.exists() else []


def loaded(kind: Mistake) -> Library:
    files = {path: text for path, text in SHOP.items() if path not in missing(kind)} | written(kind)
    return load(files, OWN)


def told(kind: Mistake) -> list[Problem]:
    """What is told of the folder's own files. Of the file with too many mistakes only that there are too many."""
    library = loaded(kind)
    own = {*written(kind), *missing(kind), "locales/es/LC_MESSAGES/flows.po"}
    found = [problem for problem in (*library.problems, *library.warnings) if problem.file in own]
    return found[-1:] if kind is Mistake.TOO_MANY_MISTAKES else found


@pytest.fixture(scope="module")
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update"))


def test_every_kind_of_mistake_has_a_broken_file_and_every_file_a_kind() -> None:
    folders = {path.name for path in BROKEN.iterdir() if path.is_dir()}
    assert folders == {str(kind) for kind in Mistake}


@pytest.mark.parametrize("kind", Mistake, ids=str)
def test_a_broken_file_is_told_its_own_mistake_in_these_words_and_no_other(kind: Mistake, update: bool) -> None:
    found = told(kind)
    expected = BROKEN / kind / "expected.txt"
    if update:
        expected.write_text("".join(f"{problem}\n" for problem in found), "utf-8")
    consequences = ALSO.get(kind, set())
    assert {problem.kind for problem in found} - consequences == {kind}
    assert [str(problem) for problem in found] == expected.read_text("utf-8").splitlines()


ALSO: dict[Mistake, set[Mistake]] = {
    Mistake.FAULTY_SEGMENT: {Mistake.CANNOT_COMPARE},  # the segment's own mistake
}
"""Mistakes that cannot come alone."""


@pytest.mark.parametrize("kind", Mistake, ids=str)
def test_a_problem_ends_behind_where_it_begins_and_says_what_to_do(kind: Mistake) -> None:
    for problem in told(kind):
        assert (problem.end_line, problem.end_column) > (problem.line, problem.column)
        assert problem.remedy
        assert problem.message == problem.message.strip()
        assert not problem.message.endswith(".")


def test_every_kind_has_a_remedy_and_only_what_can_wait_is_a_warning() -> None:
    assert set(REMEDIES) == set(Mistake)
    warnings = {kind for kind in Mistake if kind.severity is Severity.WARNING}
    waits = {Mistake.QUESTION_STILL_OPEN, Mistake.THANKS_TWICE, Mistake.NO_TRANSLATIONS, Mistake.NOT_TRANSLATED}
    assert warnings == {*waits, Mistake.TRANSLATION_OUT_OF_DATE}


@pytest.mark.parametrize("kind", [kind for kind in Mistake if kind.severity is Severity.PROBLEM], ids=str)
def test_what_is_broken_is_not_loaded(kind: Mistake) -> None:
    library = loaded(kind)
    ids = {Path(problem.file).stem for problem in library.problems if problem.file.startswith("flows/")}
    assert ids.isdisjoint(library.flows)
    assert ids.isdisjoint(library.templates)
