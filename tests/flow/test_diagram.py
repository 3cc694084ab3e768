"""A flow as a picture: well-formed, complete, in reading order, and safe whatever is written in the flow."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from bot.__main__ import main
from bot.flow.diagram import draw
from bot.flow.library import load
from bot.flow.model import Flow, GoToStep, walk
from bot.flow.revision import Revision

from .owner import ROOT, shipped_files
from .playing import revision
from .test_any_flow import revisions

SVG = "{http://www.w3.org/2000/svg}"
SHIPPED = load(shipped_files()).flows


def drawn(flow: Flow, counts: dict[str, int] | None = None) -> ElementTree.Element:
    return ElementTree.fromstring(draw(flow, counts))


@pytest.mark.parametrize("name", ["cart_reminder", "reorder_nudge", "welcome"])
def test_a_picture_says_everything_in_reading_order(name: str) -> None:
    flow = SHIPPED[name].flow
    picture = drawn(flow)
    assert picture.findtext(f"{SVG}title") == flow.name
    heard = [group.findtext(f"{SVG}title") for group in picture.findall(f"{SVG}g") if group.get("class") != "branch"]
    assert len(heard) == 1 + len(list(walk(flow.steps)))
    described = picture.findtext(f"{SVG}desc") or ""
    assert flow.about in described
    at = 0
    for text in heard:
        at = described.index(text or "", at) + 1
    arrows = [path for path in picture.findall(f"{SVG}path") if path.get("class") == "to"]
    assert len(arrows) == sum(isinstance(step, GoToStep) for _, step in walk(flow.steps))


def test_everything_lies_within_the_picture() -> None:
    deep = "[" + "{if: in regulars, then: [" * 8 + "{send: '" + "x" * 200 + "'}" + "]}" * 8 + ", {label: far, send: x}, {go_to: far}]"
    picture = drawn(revision(deep).flow)
    width, height = float(picture.get("width", 0)), float(picture.get("height", 0))
    for box in picture.iter(f"{SVG}rect"):
        assert 0 <= float(box.get("x", 0)) <= float(box.get("x", 0)) + float(box.get("width", 0)) <= width
        assert 0 <= float(box.get("y", 0)) <= float(box.get("y", 0)) + float(box.get("height", 0)) <= height


def test_what_is_written_in_a_flow_stays_text() -> None:
    evil = "</text><script>alert(1)</script>"
    picture = draw(revision(f"[{{send: '{evil}'}}, {{label: '\"><x', tag: a}}]", name="<b>&").flow)
    assert "<script" not in picture
    assert "&lt;script&gt;" in picture
    ElementTree.fromstring(picture)


def test_people_who_wait_stand_beside_their_step() -> None:
    flow = SHIPPED["cart_reminder"].flow
    assert "143 people wait here" in draw(flow, {"steps.0": 143})
    assert "1 person waits here" in draw(flow, {"steps.0": 1})
    assert "here</text>" not in draw(flow)


@settings(max_examples=40, deadline=None)
@given(revisions)
def test_any_flow_can_be_drawn(any_flow: Revision) -> None:
    rows = [group for group in drawn(any_flow.flow).findall(f"{SVG}g") if group.get("class") not in ("branch", "start")]
    assert len(rows) == len(list(walk(any_flow.flow.steps)))


def test_the_command_draws(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["flows", "graph", "welcome"]) == 0
    printed = capsys.readouterr().out
    assert main(["flows", "graph", "flows/welcome.yaml", "--out", str(tmp_path / "welcome.svg")]) == 0
    assert (tmp_path / "welcome.svg").read_text("utf-8") == printed
    assert main(["flows", "graph", "welcom"]) == 1
    assert "did you mean 'welcome'?" in capsys.readouterr().err
    assert main(["flows", "graph", "welcome", "--out", str(tmp_path / "no" / "where.svg")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_message_of_several_parts_says_them_all() -> None:
    steps = """
- send:
    text: Look
    image: https://a.example/x.jpg
    link: {text: Shop, url: https://a.example}
    template: waiting
- send:
    location: {latitude: 1, longitude: 2, name: Here}
- send: {products: [a, b]}
"""
    said = [group.findtext(f"{SVG}title") or "" for group in drawn(revision(steps).flow).findall(f"{SVG}g")]
    assert any("“Look”, image https://a.example/x.jpg, link" in text and "or template waiting" in text for text in said), said
    assert any("location" in text and "Here" in text for text in said)
    assert any("products a, b" in text for text in said)
