"""Each measurement can be made and says what it should; how fast anything is, is not tested: a machine may be busy."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bench import conversing, machine, receiving, sending, starting, timers
from tests.bench.ground import Ground
from tests.bench.report import Found, Target, as_json, as_table

LETTERS = {"a": receiving, "b": conversing, "c": sending, "d": timers, "e": starting}


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A fraction of a second of everything."""
    one = Ground(tmp_path, rounds=1, seconds=0.1, cores=machine.cores(), told=lambda _: None)
    yield one
    one.close()


@pytest.mark.parametrize("letter", LETTERS)
def test_a_measurement_gives_positive_figures(letter: str, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "is_naive_there", lambda: False)  # it has a test of its own
    measured: Callable[[Ground], Found] = LETTERS[letter].measured
    found = measured(ground)
    assert found.letter == letter
    assert found.rows
    assert found.targets
    assert all(value > 0 for row in found.rows for value in (*row.values, *row.cpu_us))
    assert all(target.value > 0 for target in found.targets)
    table = as_table(found)
    assert all(row.name in table for row in found.rows)
    assert [each["median"] for each in json.loads(as_json([found]))[0]["rows"]] == [row.value for row in found.rows]


def test_the_naive_bot_keeps_what_it_acknowledges(ground: Ground) -> None:
    pytest.importorskip("fastapi", reason="pip install -e '.[bench]'")
    pytest.importorskip("uvicorn", reason="pip install -e '.[bench]'")
    found = receiving.measured(ground)
    assert receiving.NAIVE in [row.name for row in found.rows]
    assert receiving.kept_by_naive(ground) >= found_events(found)


def found_events(found: Found) -> float:
    """How many deliveries the naive bot acknowledged at least."""
    (naive,) = [row for row in found.rows if row.name == receiving.NAIVE]
    return naive.value * 0.1 * 0.9  # a round is 0.1 seconds; its clock is not exact


@pytest.mark.parametrize(
    ("value", "at_least", "verdict"),
    [(0.5, True, "missed by 50%"), (1.0, True, "met"), (1.5, True, "met"), (0.5, False, "met"), (1.5, False, "missed by 50%")],
)
def test_a_target_says_by_how_much_it_was_missed(value: float, at_least: bool, verdict: str) -> None:
    assert Target("it", 1.0, value, at_least=at_least).verdict == verdict
