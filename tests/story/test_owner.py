"""As a new owner did it, with the guide alone: a win-back flow with a discount and its story, got right by following the errors."""

from pathlib import Path

import pytest

from bot.__main__ import main
from bot.flow.library import load
from bot.flow.problem import Mistake
from bot.owner_files import read_playbook
from bot.rehearsal.story_play import watched

from .guide import files
from .playing import came_of_text

STORE = files()["flows/store.yaml"]

FIRST_TRY = """\
name: Win back
purpose: marketing
start:
  when: entered_segment
  for: 60 days
steps:
  - discount: 10%
    valid for: 1 week
    if_none: end
  - send: "Hi {contact.first_name}, we miss you! Here is {discount.percent} off: {discount.code}"
    answers:
      - button: Show me what is new
      - button: Stop
"""
SECOND_TRY = """\
name: Win back
purpose: marketing
start:
  when: order_placed
  for: 60 days
  if: contact.last_order is before 60 days ago
goal: order_placed
steps:
  - discount: 10%
    valid_for: 1 week
    if_none:
      - end: no code
  - ask:
      template: win_back
      with:
        name: contact.first_name
        percent: discount.percent
        code: discount.code
    answers:
      - button: Show me what is new
        then:
          - send: "Look here: {store.links.news}"
      - button: Stop these messages
        then:
          - opt_out
    no_answer:
      after: 3 days
      then:
        - send: Your code ends soon!
        - end
"""
FIRST_TEMPLATE = """\
category: marketing
body: "Hi {name}, we miss you! Here is {percent} off your next order: {code}"
buttons:
  - quick_reply: Show me what is new
  - quick_reply: Stop
"""
RIGHT = """\
name: Win back
about: Two months after the last order, a reason to come back.
purpose: marketing

start:
  when: order_placed
  for: 60 days
  if: contact.last_order is before 59 days ago
again_after: 180 days
goal: order_placed

steps:
  - discount: 10%
    valid_for: 1 week
    if_none:
      - end: no code
  - ask:
      template: win_back
      with:
        name: contact.first_name or "there"
        percent: discount.percent
        code: discount.code
        ends: discount.ends
    answers:
      - button: Show me what is new
        then:
          - send: "Have a look: https://casa-bonita.example/new. Your code is {discount.code}."
          - end: looked
      - button: Stop these messages
        then:
          - opt_out
      - anything_else:
          - hand_over: Answered the win-back
    no_answer:
      after: 3 days
      then:
        - end: no answer
"""
RIGHT_TEMPLATE = """\
category: marketing
body: "Hi {name}, we miss you! Here is {percent} off your next order: {code}, until {ends}."
buttons:
  - quick_reply: Show me what is new
  - quick_reply: Stop these messages
"""
STORY = """\
story: Ben comes back
flow: win_back
given:
  contact: {first_name: Ben}
---
Mon 10:00  store: order_placed
Fri 1 May 10:00  bot: [win_back] Hi Ben, we miss you! Here is 10% off your next order: CODE1, until Fri, May 8, 10:00 AM.
                      [Show me what is new] [Stop these messages]
Fri 10:30  customer: [Show me what is new]
Fri 10:30  bot: Have a look: https://casa-bonita.example/new. Your code is CODE1.
Fri 10:30  run ended: looked
Sat 10:00  store: order_placed
Wed 1 Jul 10:00  not started: win_back, it ran on 2026-05-01, and starts again only after 180 days
"""


def told(flow: str, template: str | None = None) -> list[tuple[int, Mistake]]:
    """The line and the kind of everything that is wrong with the flow."""
    written = {"flows/store.yaml": STORE, "flows/win_back.yaml": flow}
    if template is not None:
        written["flows/templates/win_back.yaml"] = template
    return [(one.line, one.kind) for one in load(written).problems]


def test_the_first_try_is_told_everything_at_once() -> None:
    assert told(FIRST_TRY) == [
        (2, Mistake.NO_WAY_OUT),
        (4, Mistake.NEVER_HAPPENS),
        (8, Mistake.UNKNOWN_KEY),
        (9, Mistake.WRONG_KIND_OF_VALUE),
        (10, Mistake.WINDOW_CLOSED),
        (10, Mistake.CAN_BE_EMPTY),
        (11, Mistake.UNKNOWN_KEY),
    ]


def test_the_second_try_is_told_what_a_template_needs() -> None:
    assert told(SECOND_TRY, FIRST_TEMPLATE) == [
        (2, Mistake.PLACEHOLDER_AT_THE_EDGE),
        (14, Mistake.FAULTY_TEMPLATE),
        (16, Mistake.CAN_BE_EMPTY),
        (19, Mistake.NO_ANYTHING_ELSE),
        (21, Mistake.BRANCH_WITHOUT_END),
        (22, Mistake.UNKNOWN_LINK),
        (29, Mistake.WINDOW_CLOSED),
    ]


def test_sixty_days_are_not_yet_before_sixty_days_and_the_story_says_so(tmp_path: Path) -> None:
    """The mistake no check can find: `for` and `if` of the same length."""
    write(tmp_path, RIGHT.replace("59 days", "60 days"))
    happened = came_of_text(STORY.partition("Fri 1 May")[0], watched(read_playbook(tmp_path / "flows", tmp_path / "locales")))
    assert happened.text.endswith("Fri 1 May 10:00  not started: win_back, 'contact.last_order is before 60 days ago' is not so\n")


def test_the_right_flow_is_checked_played_and_translated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, RIGHT)
    monkeypatch.chdir(tmp_path)
    assert main(["check"]) == 0
    assert main(["test"]) == 0
    out = capsys.readouterr().out
    assert "1 story came true" in out
    assert "win_back: the stories reach 4 of 8 steps" in out
    assert main(["translate", "es"]) == 0
    assert "es: 0 of 5 translated" in capsys.readouterr().out


def write(folder: Path, flow: str) -> None:
    """The owner's folder."""
    written = {"store.yaml": STORE, "win_back.yaml": flow, "templates/win_back.yaml": RIGHT_TEMPLATE, "stories/win_back.txt": STORY}
    for name, text in written.items():
        path = folder / "flows" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
