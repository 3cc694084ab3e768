"""Stories: the ones that ship come true and reach everything; and what is told of those that do not."""

import json
import re
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.__main__ import main
from bot.owner_files import read_files, read_playbook
from bot.rehearsal import story, story_play
from bot.rehearsal.story import Fault, stamp
from bot.rehearsal.story_cover import cover
from bot.rehearsal.story_play import Watched
from bot.worker.playbook import Playbook

from .guide import ROOT
from .playing import came_of, came_of_text

FLOWS, LOCALES = ROOT / "flows", ROOT / "locales"
SHIPPED = sorted((FLOWS / "stories").glob("*.txt"))
MADRID = ZoneInfo("Europe/Madrid")


@pytest.fixture(scope="module")
def playbook() -> Playbook:
    return story_play.watched(read_playbook(FLOWS, LOCALES))


# ---- the stories that ship


def test_every_shipped_story_comes_true_and_together_they_reach_every_step(request: pytest.FixtureRequest) -> None:
    """In one test, for two processes would each reach a part."""
    playbook = story_play.watched(read_playbook(FLOWS, LOCALES))
    told = [came_of(path, playbook) for path in SHIPPED]
    if request.config.getoption("--update"):
        for one in told:
            Path(one.story.file).write_text(one.text, "utf-8")
    assert [f"{one.story.file}\n{one.text}" for one in told if not one.came_true] == []
    assert [one.story.file for one in told if one.flows and one.story.head.flow not in one.flows] == []
    files = read_files(FLOWS, LOCALES)
    for name, revision in playbook.library.flows.items():
        assert isinstance(revision, Watched)
        assert cover(revision, files[f"flows/{name}.yaml"], revision.passed).gaps == ()


def test_the_cart_reminder_has_a_story_in_each_language_of_the_store(playbook: Playbook) -> None:
    told = (path for path in SHIPPED if path.stem.startswith("cart_reminder_in_"))
    spoken = {story.read(path.name, path.read_text("utf-8"), "UTC").head.given.contact.language for path in told}
    assert spoken == set(playbook.rules.languages)


def test_what_the_eye_does_not_see_makes_no_difference() -> None:
    """CLDR writes `10:00 AM` with a narrow unbreakable space, and Arabic money with a mark: nobody types those."""
    for path in SHIPPED:
        assert not re.search("[\u00a0\u202f\u200f\u2068]", path.read_text("utf-8")), path
    assert story.visible("10:00\u202fAM \u2068A b\u2069 \u200f80\u00a0€") == "10:00 AM A b 80 €"


# ---- a story is more than its last line


STORY = """\
story: too expensive
flow: cart_reminder
given:
  contact: {first_name: Ana, language: es}
---
Mon 10:00  store: cart_abandoned
# she thinks about it
Mon 11:03  customer: es muy caro
Mon 11:04  customer: [No, gracias]
"""


def test_a_story_that_was_written_down_comes_true_and_keeps_its_remarks(playbook: Playbook) -> None:
    first = came_of_text(STORY, playbook)
    assert not first.came_true
    again = came_of_text(first.text, playbook)
    assert again.came_true
    assert again.text == first.text
    assert "\n# she thinks about it\nMon 11:03  customer: es muy caro\n" in again.text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tag: price_sensitive", "tag: other"),
        ("¿Te ayudamos", "¿te ayudamos"),
        ("Mon 11:03  bot", "Mon 11:04  bot"),
        ("[No, gracias] [No más", "[No más"),
        ("Mon 11:04  run ended: not interested\n", ""),
    ],
)
def test_a_story_that_says_something_else_does_not_come_true(old: str, new: str, playbook: Playbook) -> None:
    written = came_of_text(STORY, playbook).text
    assert old in written
    assert not came_of_text(written.replace(old, new), playbook).came_true


def test_what_the_store_would_not_read_back_is_not_played(monkeypatch: pytest.MonkeyPatch) -> None:
    from bot.flow import library

    real = library.restore
    monkeypatch.setattr(library, "restore", lambda number, source: replace(real(number, source), source_language="xx"))
    with pytest.raises(ValueError, match="is not what the store would read back"):
        story_play.watched(read_playbook(FLOWS, LOCALES))


# ---- what cannot be read


HEAD = "story: x\n---\n"
FAULTS = [
    ("story: x\n", "1: write 'story:' and what is given, then a line '---', then what happens"),
    ("story: x\ngivn: {}\n---\nMon 10:00  customer: hi\n", "2: 'givn' is not known here, did you mean 'given'?"),
    ("given: {}\n---\nMon 10:00  customer: hi\n", "1: add 'story:', which is missing here"),
    (HEAD, "3: nothing happens here: begin with a line such as 'Mon 10:00  store: cart_abandoned'"),
    (HEAD + "10:00 customer: hi\n", "3: write a time, who, and what, as in 'Mon 10:00  customer: hello'"),
    (HEAD + "Mon 25:00 customer: hi\n", "3: write a time like 'Mon 10:00'; the days are Mon, Tue, Wed, Thu, Fri, Sat and Sun"),
    (HEAD + "Mon 10:00 custmer: hi\n", "3: I do not know 'custmer' here, did you mean 'customer'?"),
    (HEAD + "Mon 10:00 grandma: hi\n", "3: I do not know 'grandma' here: a line is of customer, store or staff"),
    (HEAD + "Mon 10:00 customer:\n", "3: say what the customer does or writes"),
    (HEAD + "Mon 10:00 customer: a\nTue 30 Feb 10:00 customer: b\n", "4: no Tue 30 Feb follows the line above"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), FAULTS)
def test_what_cannot_be_read_is_told_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(Fault) as caught:
        story.read("x.txt", text, "Europe/Madrid")
    assert str(caught.value).startswith(f"x.txt:{sentence}")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "Mon 10:01  customer: [Nothing]",
            "no message has the button [Nothing]; there are: [Where is my order?], [Returns], [Talk to a person]",
        ),
        ("Mon 10:01  store: order placed", "the store does not do 'order placed', did you mean 'order_placed'?"),
    ],
)
def test_what_cannot_be_done_is_told_with_what_happened_until_then(line: str, sentence: str, playbook: Playbook) -> None:
    with pytest.raises(Fault) as caught:
        came_of_text(f"{HEAD}Mon 10:00  customer: hi\n{line}\n", playbook)
    assert caught.value.message == sentence
    assert "bot: How can we help you?" in caught.value.until_then


@settings(max_examples=60, deadline=None)
@given(st.lists(st.timedeltas(timedelta(), timedelta(days=300)), min_size=1, max_size=8))
def test_times_that_are_written_are_read_again(gaps: list[timedelta]) -> None:
    now = start = datetime(2026, 3, 2, tzinfo=MADRID)
    moments, lines = [], []
    for gap in gaps:
        at = (now + gap).replace(second=0, microsecond=0)
        moments.append(at)
        lines.append(f"{stamp(at, now)}  customer: hi")
        now = at
    read = story.read("x", HEAD + "\n".join(lines) + "\n", "Europe/Madrid")
    if gaps[0] < timedelta(days=7):
        assert [deed.at for deed in read.deeds] == moments
    assert read.deeds[0].at >= start


# ---- the command


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the shipped flows, and one story."""
    shutil.copytree(FLOWS, tmp_path / "flows", ignore=shutil.ignore_patterns("stories"))
    shutil.copytree(LOCALES, tmp_path / "locales")
    (tmp_path / "flows" / "stories").mkdir()
    (tmp_path / "flows" / "stories" / "too_expensive.txt").write_text(STORY, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_story_is_written_out_and_then_comes_true(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test"]) == 1
    out = capsys.readouterr().out
    assert "+ Mon 11:03  tag: price_sensitive" in out
    assert "  flows/cart_reminder.yaml:25: no story answers 'Finish my order'" in out
    assert "  flows/welcome.yaml:1: no story starts this flow" in out
    assert main(["test", "--update"]) == 0
    assert "0 stories came true, 1 rewritten" in capsys.readouterr().out
    assert main(["test", "cart_reminder"]) == 0
    out = capsys.readouterr().out
    assert "1 story came true" in out
    assert "welcome" not in out
    assert "\x1b" not in out


def test_a_changed_flow_shows_the_lines_that_differ(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["test", "--update"])
    flow = shop / "flows" / "cart_reminder.yaml"
    flow.write_text(flow.read_text("utf-8").replace("- tag: price_sensitive", "- tag: thrifty"), "utf-8")
    capsys.readouterr()
    assert main(["test"]) == 1
    out = capsys.readouterr().out
    assert "not so: too expensive (flows/stories/too_expensive.txt)" in out
    assert [line.strip() for line in out.splitlines() if line.lstrip()[:1] in "+-"] == [
        "- Mon 11:03  tag: price_sensitive",
        "+ Mon 11:03  tag: thrifty",
    ]


def test_machines_are_told_the_same(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    [one] = told["stories"]
    assert (one["file"], one["came_true"], one["flows"]) == ("flows/stories/too_expensive.txt", False, ["cart_reminder"])
    assert "+ Mon 11:03  tag: price_sensitive" in one["difference"]
    gaps = {cover["flow"]: cover["gaps"] for cover in told["cover"]}
    assert gaps["welcome"] == [{"file": "flows/welcome.yaml", "line": 1, "message": "no story starts this flow"}]


def test_a_mistake_in_a_story_or_a_flow_is_its_own_exit_code(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shop / "flows" / "stories" / "too_expensive.txt"
    path.write_text(STORY.replace("[No, gracias]", "[Nein, danke]"), "utf-8")
    assert main(["test"]) == 2
    out = capsys.readouterr().out
    assert re.search(r"too_expensive.txt:9: no message has the button \[Nein, danke\]; there are: \[", out)
    assert "    Mon 11:03  tag: price_sensitive" in out
    path.write_text(STORY.replace("flow: cart_reminder", "flow: cart_remindr"), "utf-8")
    assert main(["test"]) == 2
    assert "there is no flow 'cart_remindr', did you mean 'cart_reminder'?" in capsys.readouterr().out
    assert main(["test", "nothing"]) == 2
    (shop / "flows" / "welcome.yaml").write_text("name: x\n", "utf-8")
    assert main(["test"]) == 2
    assert "see 'comeback check'" in capsys.readouterr().err


WHOLE = (FLOWS / "stories" / "reorder_nudge_regular.txt").read_text("utf-8") + "# the end\n"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 12), st.text(max_size=6)), min_size=1, max_size=4))
def test_a_story_with_any_slip_of_the_pen_is_read_or_told(slips: list[tuple[int, int, str]]) -> None:
    text = WHOLE
    for at, length, inserted in slips:
        text = text[:at] + inserted + text[at + length :]
    told: Fault | None = None
    try:
        story.read("x.txt", text, "Europe/Madrid")
    except Fault as fault:
        told = fault
    assert told is None or (told.message and 1 <= told.line <= text.count("\n") + 3)
