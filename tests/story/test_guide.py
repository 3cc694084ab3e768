"""The owners' guide: its reference is that of the models, and every example in it is right."""

import re
from pathlib import Path

import pytest

from bot.flow.library import load
from bot.owner_files import read_files, read_playbook
from bot.rehearsal import story
from bot.rehearsal.story_play import watched

from .guide import FENCE, README, ROOT, blocks, files, write
from .playing import came_of
from .reference import BEGIN, END, reference


def test_the_reference_is_that_of_the_models(request: pytest.FixtureRequest) -> None:
    text = README.read_text("utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    if request.config.getoption("--update"):
        README.write_text(f"{before}{reference()}{after}", "utf-8")
    assert text == f"{before}{reference()}{after}", "run this test with --update"


def test_every_example_says_which_file_it_is() -> None:
    text = README.read_text("utf-8")
    assert len(FENCE.findall(text)) == len(blocks()) >= 20


def test_nothing_is_wrong_in_any_example() -> None:
    loaded = load(files())
    assert [str(one) for one in (*loaded.problems, *loaded.warnings)] == []
    assert len(loaded.flows) == sum(bool(re.fullmatch(r"flows/(?!store)\w+\.yaml", name)) for name in files())


def test_the_stories_of_the_guide_come_true_or_are_only_added_to(tmp_path: Path) -> None:
    write(tmp_path)
    playbook = watched(read_playbook(tmp_path / "flows", tmp_path / "locales"))
    told = [came_of(path, playbook) for path in sorted((tmp_path / "flows" / "stories").glob("*.txt"))]
    assert [one.came_true for one in told] == [True, False]
    written, happened = told[1].story.body.splitlines(), told[1].text.splitlines()
    assert set(written) <= set(happened)
    assert any("[parcel_arrived] Hi Ben" in line for line in happened)


def test_the_links_and_files_it_names_are_there() -> None:
    text = README.read_text("utf-8")
    heads = {re.sub(r"[^\w-]", "", head.strip().lower().replace(" ", "-")) for head in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= heads
    for schema in re.findall(r"\b(\w+\.schema\.json)", text):
        assert (ROOT / "bot" / "flow" / schema).exists(), schema


def test_the_guides_own_store_is_read_with_its_stories(tmp_path: Path) -> None:
    write(tmp_path)
    found = read_files(tmp_path / "flows", tmp_path / "locales")
    assert not any(name.endswith(".txt") for name in found)
    assert story.read("x", (tmp_path / "flows/stories/parcel_arrived_wet.txt").read_text(), "Europe/Madrid").head.flow == "parcel_arrived"
