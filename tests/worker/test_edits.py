"""An owner edits flows while customers are in the middle of them: nobody is stuck, nobody hears two versions in one conversation."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from bot.desk import actions
from bot.flow import library
from bot.store.database import open_database
from bot.worker.playbook import Playbook

from .bench import Bench, owner_files

EVERY_TEXT = """
name: Edited
purpose: service
start:
  when: message_received
again_after: 1 second
steps:
{steps}
"""
QUESTION = """\
  - ask: "{mark} question {number}"
    answers:
      - button: Go on
        then:
          - send: "{mark} goes on"
          - wait: {wait} minutes
          - continue
      - anything_else:
          - send: "{mark} did not get that"
          - continue
    no_answer:
      after: {patience} hours
      then:
        - continue
"""
PEOPLE = [f"346001112{number:02}" for number in range(12)]


@dataclass(slots=True)
class Editor:
    """Writes the flow again and again, sometimes with a mistake. Every text of a version carries its mark."""

    random: Random
    files: dict[str, str] = field(default_factory=lambda: dict(owner_files()))
    versions: int = 0

    def save(self) -> dict[str, str]:
        self.versions += 1
        mark = f"v{self.versions}."
        steps = [
            QUESTION.format(mark=mark, number=number, wait=self.random.randint(1, 90), patience=self.random.randint(1, 9))
            for number in range(self.random.randint(1, 4))
        ]
        steps.append(f"  - send: '{mark} bye'\n  - end: done\n")
        text = EVERY_TEXT.format(steps="".join(steps))
        if self.versions > 1 and self.random.random() < 0.2:
            text = text.replace("- ask:", self.random.choice(["- aks:", "- ask", "  - ask:"]), 1)
        self.files["flows/welcome.yaml"] = text
        return self.files


async def test_a_flow_edited_at_any_moment_leaves_nobody_stuck_and_nobody_with_two_versions(where: str, full: bool) -> None:
    """Messages, answers and silence of twelve people, and the flow written anew between any two of them."""
    edits, random = (200 if full else 25), Random(7)
    editor = Editor(random)
    store = await open_database(where)
    try:
        bench = Bench(store, Playbook(library.load(editor.save())))
        served = 0
        for _ in range(edits):
            for _ in range(random.randint(1, 6)):
                await _something_happens(bench, random)
            served += await _edit(bench, editor)
            await _staff_hand_back(bench)
        assert served > edits / 2, "there were hardly any edits that could be served"
        await _staff_hand_back(bench)
        for _ in range(20):
            await bench.go(timedelta(hours=6))
        assert await bench.rows("select id, flow from run where state <> 'ended'") == [], "somebody is stuck"
        assert await bench.rows("select id, why from inbox where state = 'dead'") == []
        heard = await _versions_heard(bench)
        assert len(heard) > edits / 2
        assert [run for run, marks in heard.items() if len(marks) > 1] == []
        assert len({mark for marks in heard.values() for mark in marks}) > edits / 4, "new versions were hardly ever served"
    finally:
        await bench.sender.finish()
        await store.close()


async def _something_happens(bench: Bench, random: Random) -> None:
    who = random.choice(PEOPLE)
    match random.randrange(3):
        case 0:
            await bench.writes("hello", who)
        case 1 if any(sent.content.buttons for sent in bench.channel.sent):
            asked = random.choice([sent for sent in bench.channel.sent[-20:] if sent.content.buttons] or bench.channel.sent[-1:])
            payload = next((button.payload for button in asked.content.buttons), None)
            if payload:
                await bench.presses("Go on", who, payload=payload)
        case _:
            bench.now += timedelta(minutes=random.randint(1, 240))
    await bench.go(timedelta(minutes=1))


async def _staff_hand_back(bench: Bench) -> None:
    for row in await bench.rows("select distinct contact from conversation where control <> 'bot'"):
        await bench.store.run(actions.hand_back(f"#{row['contact']}", "Ana", bench.now))


async def _edit(bench: Bench, editor: Editor) -> bool:
    """Save and take over as `serve` does; whether new words are served now."""
    renewed = bench.playbook.renewed(library.load(editor.save()), {})
    assert renewed is not None
    before = bench.playbook.library.flows["welcome"].id
    await bench.store.run(renewed.remember(bench.now))
    bench.playbook = renewed
    return renewed.library.flows["welcome"].id != before


async def _versions_heard(bench: Bench) -> dict[int, set[str]]:
    heard: dict[int, set[str]] = defaultdict(set)
    for row in await bench.rows("select run, body from outbox where run is not null"):
        heard[row["run"]].add(row["body"].partition(".")[0])
    return heard
