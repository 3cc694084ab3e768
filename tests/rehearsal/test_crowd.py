"""A crowd breaks no rule, is the same for the same seed, and its store on paper is the real one's twin."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from time import monotonic

import pytest

from bot.owner_files import read_playbook
from bot.rehearsal.crowd import Setting, people, play
from bot.rehearsal.habits import Habits
from bot.rehearsal.news import News, What
from bot.rehearsal.people import Person
from bot.rehearsal.report import Sums
from bot.worker.playbook import Playbook

from .both import Both
from .witness import Line, complaints

ROOT = Path(__file__).parents[2]
BEGINS = datetime(2026, 3, 1, 23, tzinfo=UTC)  # midnight before a Monday in Madrid; summer time begins within the month
MONTH = timedelta(days=30)
RESTLESS = Habits(carts_per_month=6, writes_first_per_month=3, stops=0.1, presses=0.5, writes=0.3, bought_before=0.8)
FULL_SECONDS, FULL_MEGABYTES = 30, 300


@lru_cache(maxsize=1)
def playbook() -> Playbook:
    return read_playbook(ROOT / "flows", ROOT / "locales")


def crowd(customers: int, *, seed: int = 7, first: int = 1, length: timedelta = MONTH, habits: Habits | None = None) -> list[Line]:
    log: list[Line] = []
    play(playbook(), Setting(BEGINS, length, customers, seed, habits or Habits(), first), lambda person, news: log.append((person, news)))
    return log


@lru_cache(maxsize=1)
def restless() -> tuple[Line, ...]:
    """A crowd in which much happens to each."""
    return tuple(crowd(60, habits=RESTLESS))


# ---- no rule is broken


def test_no_rule_is_broken(full: bool) -> None:
    log = crowd(2_000 if full else 150)
    assert list(complaints(log)) == []
    assert sum(news.what is What.SENT and news.marketing and not news.reply for _, news in log) > 100


def test_no_rule_is_broken_among_restless_people() -> None:
    log = restless()
    assert list(complaints(log)) == []
    seen = {(news.what, news.text) for _, news in log}
    for what in What:
        assert any(kind is what for kind, _ in seen), f"nothing of the kind '{what}' ever happens"
    reasons = {text for what, text in seen if what in (What.DROPPED, What.WAITS)}
    assert {"quiet_hours", "limit", "country"} <= reasons


def is_begun(_: Person, news: News) -> bool:
    return news.what is What.SENT and news.marketing and not news.reply


BREACHES: dict[str, tuple[Callable[[Person, News], bool], Callable[[News], News | None]]] = {
    "marketing at night": (is_begun, lambda news: replace(news, at=news.at.replace(hour=2))),
    "marketing without consent": (lambda _, news: news.what is What.CONSENT, lambda _: None),
    "marketing to who stopped it": (
        lambda _, news: news.what is What.CONSENT and news.text == "granted",
        lambda news: replace(news, text="withdrawn"),
    ),
    "said stop, and it was not taken down": (lambda _, news: news.what is What.WROTE, lambda news: replace(news, text="STOP")),
    "a free text outside the reply window": (
        lambda _, news: news.what is What.SENT and news.marketing and not news.reply,
        lambda news: replace(news, free_text=True),
    ),
    "a flow spoke while staff had the conversation": (
        lambda _, news: news.what is What.CONTROL and news.text == "bot",
        lambda _: None,
    ),
    "a reminder of a cart that is bought or empty": (lambda _, news: news.what is What.CART, lambda _: None),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_the_witness_sees_each_breach(breach: str) -> None:
    which, change = BREACHES[breach]
    told = ((person, change(news) if which(person, news) else news) for person, news in restless())
    tampered = [(person, news) for person, news in told if news is not None]
    assert any(breach in complaint for complaint in complaints(tampered))


def test_the_witness_sees_one_message_too_many() -> None:
    log = restless()
    number = next(number for number, line in enumerate(log) if is_begun(*line))
    person, news = log[number]
    twice = [*log[: number + 1], (person, replace(news, at=news.at + timedelta(minutes=1)))]
    assert any("more than 1 in 1 days" in told for told in complaints(twice))


def test_every_message_of_a_flow_is_counted_at_its_step_in_whatever_language() -> None:
    sent = [(person.language, news) for person, news in restless() if news.what is What.SENT and news.by_flow]
    assert {language for language, _ in sent} >= {"en", "es"}
    assert [news for _, news in sent if not news.step] == []


# ---- the same seed, the same people


def test_the_same_seed_tells_the_same() -> None:
    assert crowd(20, habits=RESTLESS) == crowd(20, habits=RESTLESS)
    assert crowd(20) != crowd(20, seed=8)


def test_a_crowd_can_be_played_in_parts() -> None:
    assert [*crowd(10), *crowd(15, first=11)] == crowd(25)


def test_sums_of_parts_add_up() -> None:
    whole, parts = Sums(BEGINS), Sums(BEGINS)
    for person, news in restless():
        whole.tell(person, news)
    for number in range(1, 61):
        part = Sums(BEGINS)
        for person, news in restless():
            if person.number == number:
                part.tell(person, news)
        parts.add(part.finish())
    assert whole.finish() == parts
    assert whole.count(What.SENT) == sum(whole.hours.values()) == sum(whole.charged.values())
    assert sum(whole.begun_each.values()) <= 60
    assert whole.begun() == sum(is_begun(*line) for line in restless())
    assert whole.count(What.ASKED) == whole.count(What.ANSWERED) + _still_open()


def _still_open() -> int:
    log = restless()
    return sum(news.what is What.ASKED for _, news in log) - sum(news.what is What.ANSWERED for _, news in log)


# ---- the store on paper


def test_the_store_on_paper_answers_as_sqlite_does(full: bool) -> None:
    both = Both()
    people = 300 if full else 12
    setting = Setting(BEGINS, MONTH, people, seed=3, habits=RESTLESS)
    play(playbook(), setting, lambda person, news: None, both)
    both.compare_rows()
    assert len(both.asked) > 45


def test_a_wrong_answer_of_the_paper_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Both, "contact_sum_orders", lambda self, values: ())
    with pytest.raises(AssertionError):
        play(playbook(), Setting(BEGINS, MONTH, 12, seed=3, habits=RESTLESS), lambda person, news: None, Both())


# ---- at full size, as the command


def test_ten_thousand_people_live_through_a_month_in_seconds(full: bool, tmp_path: Path) -> None:
    customers = 10_000 if full else 450  # enough for several processes
    log = tmp_path / "log.jsonl"
    words = ["simulate", "--days", "30", "--customers", str(customers), "--seed", "7", "--json"]
    began = monotonic()
    ran = subprocess.run([sys.executable, "-c", MEASURED, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    seconds = monotonic() - began
    worked, megabytes = map(float, ran.stderr.split())
    print(f"{customers:,} people in {seconds:.1f} s ({worked:.1f} s of one processor), {megabytes:.0f} MB")
    assert megabytes < FULL_MEGABYTES
    assert worked < FULL_SECONDS, "also on one processor: others may be busy on this machine"
    again = subprocess.run([sys.executable, "-m", "bot", *words, "--log", str(log)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == again.stdout
    lines = list(_told(log, customers))
    assert list(complaints(lines)) == []
    assert json.loads(ran.stdout)["marketing_messages"] == sum(is_begun(*line) for line in lines) > customers / 2


MEASURED = """
import re, resource, sys
from pathlib import Path
from bot.__main__ import main
main(sys.argv[1:])
own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
worked = own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
most = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])  # ru_maxrss remembers who started it
print(worked, (most + 2 * others.ru_maxrss) / 1024, file=sys.stderr)  # on two processors; what they share is counted twice
"""
"""Runs the command, and says how many seconds it worked and how many megabytes it took at most."""


def _told(log: Path, customers: int) -> Iterator[Line]:
    """The lines of a log file, with the people they are about."""
    met = {shopper.person.number: shopper.person for shopper in people(playbook(), Setting(BEGINS, MONTH, customers, seed=7))}
    for line in log.read_text("utf-8").splitlines():
        told = json.loads(line)
        yield met[told["person"]], _news(told)


def _news(told: dict[str, object]) -> News:
    known = {name: value for name, value in told.items() if name in News.__dataclass_fields__ and name not in ("at", "what", "until")}
    return News(datetime.fromisoformat(str(told["at"])), What(told["what"]), **known)  # type: ignore[arg-type]  # as it was written
