"""`comeback check` as an owner and an editor meet it: what is printed, what is told as JSON, and the exit codes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bot.__main__ import main
from bot.flow.problem import Mistake
from tests.flow.owner import ROOT

BROKEN = ROOT / "tests" / "flow" / "broken"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shop that ships, with the command line in it."""
    for folder in ("flows", "locales"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_a_sound_shop_is_told_nothing_and_exits_0(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert capsys.readouterr().out == "Nothing is wrong.\n"
    assert main(["check", "--json"]) == 0
    assert told(capsys) == []


def test_an_editor_is_told_where_it_begins_and_ends_what_kind_it_is_and_what_to_do(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(BROKEN / "ten_mistakes.yaml", shop / "flows")
    assert main(["check", "--json", "flows/ten_mistakes.yaml"]) == 1
    problems = [problem for problem in told(capsys) if problem["severity"] == "problem"]
    assert len(problems) == 10
    assert problems[7] == {
        "file": "flows/ten_mistakes.yaml",
        "line": 21,
        "column": 17,
        "end": {"line": 21, "column": 26},
        "kind": "unknown_name",
        "severity": "problem",
        "message": "I do not know 'cart.totl', did you mean 'cart.total'?",
        "remedy": "write 'cart.total'",
    }
    assert {problem["kind"] for problem in problems} <= set(Mistake)


def test_what_is_underlined_is_what_is_wrong(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(BROKEN / "ten_mistakes.yaml", shop / "flows")
    main(["check", "--json", "flows/ten_mistakes.yaml"])
    lines = (shop / "flows" / "ten_mistakes.yaml").read_text("utf-8").splitlines()
    underlined = [
        lines[one["line"] - 1][one["column"] - 1 : one["end"]["column"] - 1]
        for one in told(capsys)
        if one["severity"] == "problem"
    ]
    places = ["{contact.first_name}", "cart.totl", "{discount.code}", "send"]
    assert underlined == ["for", "iff", "tga", "template", "button", "then", *places]


def test_a_mistake_exits_1_and_is_printed_with_its_place_and_a_count(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "flows" / "hello.yaml").write_text("name: Hello\n", "utf-8")
    assert main(["check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "flows/hello.yaml:1:1: say what happens: add 'steps:'",
        "flows/hello.yaml:1:1: say when this starts: add 'start:' with 'when:'",
        "flows/hello.yaml:1:1: say why these messages are written: add 'purpose: marketing' or 'purpose: service'",
        "3 mistakes",
    ]


def test_a_warning_keeps_nothing_out_and_exits_0(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = shop / "locales" / "es" / "LC_MESSAGES" / "flows.po"
    catalog.write_text(catalog.read_text("utf-8").replace("Terminar mi pedido", ""), "utf-8")
    assert main(["check", "flows/cart_reminder.yaml"]) == 1  # the template is not whole in Spanish any more
    capsys.readouterr()
    catalog.unlink()
    main(["check", "--json"])
    assert "warning" in {problem["severity"] for problem in told(capsys)}


def test_a_path_that_is_not_there_exits_2_and_says_so_beside_the_json(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", "flows/nothing.yaml"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "flows/nothing.yaml is not there\n"


def test_the_help_names_every_key_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    text = capsys.readouterr().out
    for word in ("file", "line", "column", "end", "kind", "severity", "message", "remedy", "Exit codes: 0", "1 something", "2 a path"):
        assert word in text
