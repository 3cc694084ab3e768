"""From the 200 to a STOP on no marketing POST starts, whatever way it was said: also nothing of what was queued and just about to go."""

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import pytest

from bot.flow.run import Button, TemplateMessage, button_payload
from bot.policy.decision import Author, Consent
from bot.policy.words import AGAIN, WORDS
from bot.sandbox.shop.catalog import SHOPPERS, Shopper
from bot.store import outbox
from bot.store.database import is_server
from bot.store.outbox import Draft

from .conftest import held_together
from .walk import Walk, open_walk

LANGUAGES = ("en", "es", "pt", "de", "fr", "it", "nl", "tr", "ar", "hi", "ru", "zh")
WAYS = (*LANGUAGES, "button", "platform", "131050", "block")
PEOPLE = 2  # a way
QUEUED = 5  # marketing messages of each that go one after the other in the morning
OPENING_SECONDS = 0.25  # as in tests/crash: a connection that was being opened when the STOP was acknowledged
SPREAD_SECONDS = 1.5  # over which the STOPs come, while the messages go


@pytest.fixture
def unlimited(tmp_path: Path) -> Path:
    """The shipped flows in a store that sends as much marketing as it likes."""
    folder = tmp_path / "flows"
    shutil.copytree("flows", folder)
    store = folder / "store.yaml"
    store.write_text("\n".join(line for line in store.read_text("utf-8").splitlines() if not line.startswith("marketing_limit")), "utf-8")
    return folder


def _person(way: str, number: int) -> Shopper:
    place = WAYS.index(way) * PEOPLE + number
    return replace(SHOPPERS[0], key=f"s{place}", customer_key=f"c{place}", phone=f"+346002{place:05d}", email=f"s{place}@example.com")


def _people() -> Iterator[tuple[str, Shopper]]:
    return ((way, _person(way, number)) for way in WAYS for number in range(PEOPLE))


async def _queue(walk: Walk, person: Shopper) -> None:
    contact = (await walk.contact(person.key)).id
    for number in range(QUEUED):
        stop = Button("No más mensajes", button_payload(10**6 + contact, number, 2, opts_out=True))
        values = {"name": "Ana", "items": f"café {number}"}
        content = TemplateMessage("cart_waiting", "es", values, "...", (replace(stop, title="a"), replace(stop, title="b"), stop))
        await _enqueue(walk, f"q:{contact}:{number}", contact, content)


async def _enqueue(walk: Walk, key: str, contact: int, content: TemplateMessage) -> None:
    number, until = walk.stage.cloud.number.id, walk.now() + timedelta(days=3)
    draft = Draft(key, contact, number, "", content, Author.FLOW, marketing=True, reply=False, expires_at=until)
    await walk.stage.app.store.run(outbox.enqueue(draft, walk.now()))


async def _stop(walk: Walk, way: str, person: Shopper, after: float) -> None:
    """Say stop in this way; it is acknowledged when WhatsApp was told 200 (or, of 131050, when WhatsApp refused a message)."""
    await asyncio.sleep(after)
    cloud = walk.stage.cloud
    match way:
        case "button":
            await _until_a_message_came(walk, person)
            cloud.press(person.phone, "No más mensajes")
        case "platform":
            cloud.preference(person.phone, "stop")
        case "131050":
            cloud.customer(person.phone).stopped_marketing = True
        case "block":
            await walk.staff.block(person.phone)
        case language:
            cloud.receive_from(person.phone, WORDS[language][0])


async def _until_a_message_came(walk: Walk, person: Shopper) -> None:
    async with asyncio.timeout(20):
        while not walk.stage.cloud.thread(person.phone):  # noqa: ASYNC110 - a thread is no event
            await asyncio.sleep(0.01)


def _acknowledged(walk: Walk) -> dict[str, float]:
    """When WhatsApp was told 200 for a STOP (`monotonic()`), by phone digits."""
    found: dict[str, float] = {}
    for delivery in walk.stage.cloud.webhooks.delivered:
        for who in _stoppers(json.loads(delivery.body)):
            found.setdefault(who, delivery.at)
    return found


def _stoppers(envelope: dict[str, Any]) -> Iterator[str]:
    for change in (change for entry in envelope["entry"] for change in entry["changes"]):
        value = change["value"]
        yield from (one["from"] for one in value.get("messages", ()) if one["type"] in ("text", "button"))
        yield from (one["wa_id"] for one in value.get("user_preferences", ()))
        refused = (one for one in value.get("statuses", ()) if [fault["code"] for fault in one.get("errors", ())] == [131050])
        yield from (one["recipient_id"] for one in refused)


async def test_nothing_starts_after_the_200_to_a_stop_in_twelve_languages_by_button_switch_refusal_and_block(
    tmp_path: Path, unlimited: Path, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    walk = await open_walk(tmp_path, flows=unlimited, database=where)
    async with held_together(walk, caplog):
        random = Random(5)
        for _, person in _people():
            walk.settle_in(person)
        await walk.turn(hours=12)  # night
        for _, person in _people():
            await _queue(walk, person)
        assert walk.count("select count(*) from outbox where state = 'queued' and marketing = 1") == len(WAYS) * PEOPLE * QUEUED
        blocked: dict[str, float] = {}

        # WhatsApp may refuse at once, or say yes and tell it later: each is tried on one of the databases
        walk.stage.cloud.faults.late_refusals = is_server(where)

        async def stops(way: str, person: Shopper) -> None:
            await _stop(walk, way, person, random.uniform(0, SPREAD_SECONDS))
            if way == "block":
                blocked[person.phone[1:]] = monotonic()

        walk.stage.clock.forward_to(walk.now() + timedelta(hours=11))  # 9:00
        walk.stage.app.crew.wake()
        await asyncio.gather(*(stops(way, person) for way, person in _people()))
        await walk.rest()
        await walk.turn(days=2)
        _no_marketing_after(walk, _acknowledged(walk) | blocked)
        await _everybody_stopped(walk)
        await _start_brings_it_back(walk)


def _no_marketing_after(walk: Walk, stopped: dict[str, float]) -> None:
    late = Counter[str]()
    for attempt in walk.stage.cloud.attempts:
        who = str(attempt.payload.get("to", "")).lstrip("+")
        if attempt.payload.get("type") == "template" and who in stopped and attempt.started > stopped[who] + OPENING_SECONDS:
            late[who] += 1
    assert late == Counter()


async def _everybody_stopped(walk: Walk) -> None:
    for way, person in _people():
        contact = await walk.contact(person.key)
        assert contact.consent is Consent.WITHDRAWN, way
        left = walk.rows("select state, count(*) as number from outbox where contact = ? and marketing = 1 group by state", contact.id)
        states = {row["state"]: row["number"] for row in left}
        assert set(states) <= {"sent", "refused", "cancelled"}, (way, states)
        assert states.get("refused", 0) <= 1, "one refusal is enough to know"
    cancelled = walk.rows("select count(*) as number from outbox where state = 'cancelled' and marketing = 1")[0]["number"]
    assert cancelled >= len(WAYS) * PEOPLE, "the STOPs came too late to show anything"


async def _start_brings_it_back(walk: Walk) -> None:
    for language in LANGUAGES:
        person = _person(language, 0)
        said = AGAIN.get(language, AGAIN["en"])[0]
        await walk.write(person.key, said)
        contact = await walk.contact(person.key)
        assert contact.consent is Consent.GRANTED, language
        proof = walk.rows("select method, state, text from consent_record where contact = ? order by id desc limit 1", contact.id)
        assert proof == [{"method": "word", "state": "granted", "text": said}]
    back, silent = _person("ar", 0), _person("ar", 1)
    sent = len(walk.got(back.key)), len(walk.got(silent.key))
    for person in (back, silent):
        await _queue_one_more(walk, person)
    await walk.turn(hours=13)
    assert (len(walk.got(back.key)), len(walk.got(silent.key))) == (sent[0] + 1, sent[1])


async def _queue_one_more(walk: Walk, person: Shopper) -> None:
    contact = (await walk.contact(person.key)).id
    content = TemplateMessage("cart_waiting", "es", {"name": "Ana", "items": "té"}, "...", tuple(Button(title, title) for title in "abc"))
    await _enqueue(walk, f"more:{contact}", contact, content)
