"""Each value of each kind, one at a time, is swapped, renamed, wrapped or gone: reading never fails, and nothing is dropped.

The same at random, thousands at once and over HTTP: `tests/worker/test_hostile.py`.
"""

import json
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from bot.channel import telling
from bot.channel.event import MessageReceived
from bot.channel.whatsapp.webhook import Unreadable, read, split

from .mutation import marked, marks, marks_kept, places
from .payloads import AT, CASES, Case, Json, envelope

NOW = AT + timedelta(minutes=1)
STRANGE: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**25,
    "",
    "x",
    "\ud800\x00",
    "9" * 5_000,
    [],
    {},
    [[]],
    [None, 1, {}],
    {"id": {}, "body": []},
]


def judged(written: Json) -> None:
    delivery = json.dumps(written).encode()
    updates = split(delivery, NOW)
    assert marks(delivery) <= {mark for update in updates for mark in marks_kept(update.body)}, delivery
    for update in updates:
        if update.unreadable is None:
            try:
                event = read(update.kind, update.body)
            except Unreadable:
                continue
            if isinstance(event, MessageReceived):
                assert telling.in_short(event)
                telling.about(event)


@pytest.mark.parametrize("case", CASES, ids=[case.title for case in CASES])
def test_any_one_value_may_be_anything(case: Case, full: bool) -> None:
    whole = envelope(marked(case, "mark-1-1-1"))
    for place in range(len(places(whole))):
        for strange in STRANGE if full else STRANGE[place % 4 :: 4]:
            broken = deepcopy(whole)
            container, key = places(broken)[place]
            container[key] = strange
            judged(broken)


@pytest.mark.parametrize("case", CASES, ids=[case.title for case in CASES])
def test_any_one_part_may_be_gone_renamed_wrapped_or_opened(case: Case, full: bool) -> None:
    whole = envelope(marked(case, "mark-1-1-1"))
    for place in range(len(places(whole))):
        for change in CHANGES if full or place < ENVELOPE else CHANGES[place % 2 :: 2]:
            broken = deepcopy(whole)
            change(*places(broken)[place])
            judged(broken)


def _gone(container: Any, key: Any) -> None:
    del container[key]


def _renamed(container: Any, key: Any) -> None:
    if isinstance(container, dict):
        container[f"{key}_2"] = container.pop(key)


def _wrapped(container: Any, key: Any) -> None:
    container[key] = {"wrapped": container[key]}


def _listed(container: Any, key: Any) -> None:
    container[key] = [container[key]]


def _opened(container: Any, key: Any) -> None:
    inside = container[key]
    if inside and isinstance(inside, (dict, list)):
        container[key] = next(iter(inside.values() if isinstance(inside, dict) else inside))


ENVELOPE = 12  # places, from the outside: the delivery, its entry, the change, its lists
CHANGES = (_gone, _wrapped, _renamed, _listed, _opened)
