"""What WhatsApp really sends: a thousand updates in one POST, of every kind, in any order, and all of it again."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import aiohttp

from bot.command import story
from bot.command.stage import StageStaff
from bot.command.story import Story
from bot.sandbox.cloud import envelope
from bot.sandbox.cloud.cloud_api import Accepted
from bot.sandbox.cloud.fault import Faults
from bot.sandbox.cloud.limit import SendLimit
from bot.sandbox.cloud.webhook import Delivery

from .walk import Walk, open_walk

PRESSERS = 30
ENTRY = 90  # changes in one entry of the POST
T = TypeVar("T")
Json = dict[str, Any]


@dataclass(slots=True)
class Mixed:
    """Changes for one big POST. `count` is that of their updates, `without_id` of those that nobody can understand."""

    walk: Walk
    changes: list[Json] = field(default_factory=list)
    count: int = 0
    without_id: int = 0

    def body(self) -> bytes:
        """One POST of several entries, everything in it shuffled."""
        shuffled = Random(7).sample(self.changes, len(self.changes))
        account, time = self.walk.stage.cloud.waba_id, int(self.at())
        entries = [{"id": account, "time": time, "changes": part} for part in _batched(shuffled, ENTRY)]
        return json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()

    def add(self, field_name: str, part: str, items: list[Json], contacts: list[Json] | None = None) -> None:
        value: Json = {"messaging_product": "whatsapp", "metadata": self.walk.stage.cloud.number.metadata(), part: items}
        if contacts:
            value["contacts"] = contacts
        self.changes.append({"field": field_name, "value": value})
        self.count += len(items)

    def at(self) -> str:
        return str(int(self.walk.now().timestamp()))

    def texts(self, people: list[str], words: str, round_: int) -> None:
        """One change with a message of each of these people."""
        contacts = [{"profile": {"name": f"Nora {digits}"}, "wa_id": digits} for digits in people]
        items = [
            {"from": digits, "id": f"wamid.T{round_}{digits}", "timestamp": self.at(), "type": "text", "text": {"body": words}}
            for digits in people
        ]
        self.add("messages", "messages", items, contacts)

    def told_at(self) -> dict[tuple[str, str], str]:
        """The timestamp of each status that was told already: a redelivery repeats it, whenever it comes."""
        rows = self.walk.rows("select body from inbox where kind = 'status'")
        items = [json.loads(row["body"])["item"] for row in rows]
        return {(item["id"], item["status"]): item["timestamp"] for item in items}

    def status(self, wamid: str, key: str, digits: str, word: str, at: str | None = None) -> None:
        item = {"id": wamid, "status": word, "timestamp": at or self.at(), "recipient_id": digits, "biz_opaque_callback_data": key}
        self.add("messages", "statuses", [item])

    def stop(self, digits: str) -> None:
        item = {"wa_id": digits, "category": "marketing_messages", "value": "stop", "timestamp": int(self.at()), "detail": "asked"}
        self.add("user_preferences", "user_preferences", [item], [{"wa_id": digits}])

    def echo(self, digits: str) -> None:
        item = {"from": "34911000000", "to": digits, "id": f"wamid.E{digits}", "timestamp": self.at()}
        self.add("smb_message_echoes", "message_echoes", [item | {"type": "text", "text": {"body": "Soy Eva"}}])

    def other(self, number: int) -> None:
        """Of the rest, something different each time."""
        match number % 4:
            case 0:
                self.changes.append(_template_reviewed(number))
                self.count += 1
            case 1:
                self.changes.append({"field": "something_new", "value": {"number": number}})
                self.count += 1
            case 2:
                self.add("messages", "errors", [{"code": 130429, "title": f"Rate limit hit {number}", "message": "slower"}])
            case _:
                nameless = {"from": f"3460088{number:04d}", "timestamp": self.at(), "type": "text", "text": {"body": "no id"}}
                self.add("messages", "messages", [nameless])
                self.without_id += 1


def _template_reviewed(number: int) -> Json:
    value = {
        "event": "APPROVED",
        "message_template_id": number,
        "message_template_name": "cart_waiting",
        "message_template_language": "es",
    }
    return {"field": "message_template_status_update", "value": value}


def _digits(group: int, number: int) -> str:
    return f"34600{group}{number:05d}"


WRITERS = tuple(_digits(2, number) for number in range(60))
REFUSERS = tuple(_digits(3, number) for number in range(40))
APP_USERS = tuple(_digits(4, number) for number in range(20))


def _batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


async def _post(walk: Walk, body: bytes) -> int:
    headers = {"Content-Type": "application/json", **envelope.sign(walk.app_secret, body)}
    async with aiohttp.ClientSession() as http, http.post(walk.stage.cloud.webhooks.url, data=body, headers=headers) as response:
        return response.status


async def test_a_thousand_mixed_updates_in_one_post_are_all_worked_off(tmp_path: Path) -> None:
    walk = await open_walk(tmp_path, limit=SendLimit(per_second=None, pair_seconds=None))
    try:
        await _a_thousand(walk)
    finally:
        await walk.stage.close()


async def _a_thousand(walk: Walk) -> None:
    pressers = [_digits(1, number) for number in range(PRESSERS)]
    for digits in pressers:
        walk.stage.cloud.introduce(digits, "Kim Novak")
        walk.stage.cloud.receive_from(digits, "hello")
    await walk.rest()
    sent = list(walk.stage.cloud.accepted)
    assert len(sent) == 2 * PRESSERS

    mixed = _mixed(walk, sent)
    assert mixed.count == 1000
    body = mixed.body()
    told_before = walk.count("select count(*) from inbox where kind = 'status'")
    before = walk.count("select count(*) from inbox")
    assert await _post(walk, body) == 200
    # The sandbox had told `sent` and `delivered` of each message already, so those are repetitions; all else is on disk by now.
    assert told_before == 2 * len(sent)
    assert walk.count("select count(*) from inbox") - before == 1000 - told_before
    await walk.rest()
    await walk.rest()
    _all_came_true(walk, mixed, sent)

    before_again, accepted = walk.fingerprint(), len(walk.stage.cloud.accepted)
    for _ in range(3):
        assert await _post(walk, body) == 200
    await walk.rest()
    assert walk.fingerprint() == before_again
    assert len(walk.stage.cloud.accepted) == accepted


def _mixed(walk: Walk, sent: list[Accepted]) -> Mixed:
    """A thousand updates: messages of writers, refusers who stop at once, staff on the phone app, statuses, and the rest."""
    mixed = Mixed(walk)
    for round_, people in enumerate(_batched(WRITERS, 7)):
        mixed.texts(people, "hello from", round_)
    for digits in WRITERS:
        walk.stage.cloud.customer(digits).last_wrote = walk.now()  # the sandbox's phones know nothing of what this POST tells
    for digits in REFUSERS:
        mixed.texts([digits], "hi", 1)
        mixed.stop(digits)
    for digits in APP_USERS:
        mixed.echo(digits)
    told_at = mixed.told_at()
    for accepted in sent:
        for word in ("read", "delivered", "sent"):
            mixed.status(accepted.wamid, accepted.key or "", accepted.to, word, told_at.get((accepted.wamid, word)))
        mixed.status(f"{accepted.wamid}X", "another:house:1", accepted.to, "delivered")  # not ours
    for number in range(1000 - mixed.count):
        mixed.other(number)
    return mixed


def _all_came_true(walk: Walk, mixed: Mixed, sent: list[Accepted]) -> None:
    states = {row["state"]: row["n"] for row in walk.rows("select state, count(*) as n from inbox group by state")}
    assert states == {"done": walk.count("select count(*) from inbox") - mixed.without_id, "dead": mixed.without_id}
    for digits in WRITERS:
        assert _of(walk, digits, "select count(*) as n from message m join identity i on i.contact = m.contact") == {"n": 1}
        assert walk.got(digits) == ["Hi Nora, welcome to Casa Bonita!", "How can we help you?"]
    for digits in REFUSERS:
        assert _of(walk, digits, "select c.consent from contact c join identity i on i.contact = c.id") == {"consent": "withdrawn"}
    for digits in APP_USERS:
        assert _of(walk, digits, "select v.control from conversation v join identity i on i.contact = v.contact") == {"control": "human"}
    deliveries = {row["key"]: row["delivery"] for row in walk.rows("select key, delivery from outbox")}
    assert {deliveries[accepted.key] for accepted in sent if accepted.key} == {"read"}


def _of(walk: Walk, digits: str, query: str) -> dict[str, Any]:
    (row,) = walk.rows(f"{query} where i.kind = 'phone' and i.value = ?", f"+{digits}")
    return row


async def test_every_delivery_of_the_whole_story_three_times_more_changes_nothing(walk: Walk) -> None:
    walk.stage.cloud.faults = Faults(duplicate=0.3, reorder=0.3, batch=5)  # it comes true on a bad line, too
    walk.settle_in(story.EVA)
    told = Story(walk.stage, StageStaff(walk.stage), walk.folder)
    for scene in story.SCENES:
        await scene(told)
    await walk.rest()
    whatsapp, shop = list(walk.stage.cloud.webhooks.delivered), list(walk.stage.shop.webhooks.delivered)
    assert len(whatsapp) > 20
    assert len(shop) > 15
    before, accepted, attempts = walk.fingerprint(), len(walk.stage.cloud.accepted), len(walk.stage.cloud.attempts)
    discounts = dict(walk.stage.shop.discounts)

    for _ in range(3):
        statuses = await asyncio.gather(*(walk.stage.cloud.webhooks.replay(delivery) for delivery in whatsapp))
        assert set(statuses) == {200}
        for delivery in shop:
            assert await walk.stage.shop.webhooks.replay(_signed_now(walk, delivery)) == 200
        await walk.rest()

    assert walk.fingerprint() == before
    assert (len(walk.stage.cloud.accepted), len(walk.stage.cloud.attempts)) == (accepted, attempts)
    assert walk.stage.shop.discounts == discounts


def _signed_now(walk: Walk, delivery: Delivery) -> Delivery:
    """The delivery as a shop sends it once more: its own id and body, signed again because an old signature has run out."""
    delivery_id = delivery.headers["webhook-id"]
    signed = walk.stage.shop._sign(delivery_id, delivery.body)
    return Delivery(delivery.body, {"Content-Type": "application/json", **signed}, delivery.status, delivery.tries, delivery.at)
