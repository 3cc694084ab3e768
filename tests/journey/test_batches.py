"""What WhatsApp really sends: a thousand updates in one POST, of every kind, in any order, and all of it again."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Any

import aiohttp

from bot.command import story
from bot.command.stage import StageStaff
from bot.command.story import Story
from bot.sandbox import envelope
from bot.sandbox.customer import country_of
from bot.sandbox.limit import SendLimit
from bot.sandbox.webhook import Delivery

from .walk import Walk, open_walk

WRITERS, REFUSERS, APP_USERS, PRESSERS = 60, 40, 20, 30
Json = dict[str, Any]


@dataclass(slots=True)
class Mixed:
    """Changes for one big POST. `expected` counts the updates by how the house should call them."""

    walk: Walk
    changes: list[Json] = field(default_factory=list)
    count: int = 0

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
            {"from": digits, "id": f"wamid.T{round_}{digits}", "timestamp": self.at(), "type": "text", "text": {"body": f"{words} {digits}"}}
            for digits in people
        ]
        self.add("messages", "messages", items, contacts)

    def status(self, wamid: str, key: str, digits: str, word: str) -> None:
        item = {"id": wamid, "status": word, "timestamp": self.at(), "recipient_id": digits, "biz_opaque_callback_data": key}
        self.add("messages", "statuses", [item])

    def stop(self, digits: str) -> None:
        item = {"wa_id": digits, "category": "marketing_messages", "value": "stop", "timestamp": int(self.at()), "detail": "asked"}
        self.add("user_preferences", "user_preferences", [item], [{"wa_id": digits}])

    def echo(self, digits: str) -> None:
        item = {"from": "34911000000", "to": digits, "id": f"wamid.E{digits}", "timestamp": self.at(), "type": "text", "text": {"body": "Soy Eva"}}
        self.add("smb_message_echoes", "message_echoes", [item])

    def other(self, number: int) -> None:
        """Of the rest, something different each time."""
        match number % 4:
            case 0:
                self.changes.append({"field": "message_template_status_update", "value": {"event": "APPROVED", "message_template_id": number, "message_template_name": "x", "message_template_language": "es"}})
                self.count += 1
            case 1:
                self.changes.append({"field": "something_new", "value": {"number": number}})
                self.count += 1
            case 2:
                self.add("messages", "errors", [{"code": 130429, "title": f"Rate limit hit {number}", "message": "slower"}])
            case _:
                self.add("messages", "messages", [{"from": f"3460088{number:04d}", "timestamp": self.at(), "type": "text", "text": {"body": "no id"}}])


def _digits(group: int, number: int) -> str:
    return f"34600{group}{number:05d}"


def _batched(items: list[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


async def _post(walk: Walk, body: bytes) -> int:
    headers = {"Content-Type": "application/json", **envelope.sign(walk.app_secret, body)}
    async with aiohttp.ClientSession() as http, http.post(walk.stage.cloud.webhooks.url, data=body, headers=headers) as response:
        return response.status


async def test_a_thousand_mixed_updates_in_one_post_are_all_worked_off(tmp_path: Any) -> None:
    walk = await open_walk(tmp_path, limit=SendLimit(per_second=None, pair_seconds=None))
    try:
        await _a_thousand(walk)
    finally:
        await walk.stage.close()


async def _a_thousand(walk: Walk) -> None:
    known = [_digits(1, number) for number in range(PRESSERS)]
    for digits in known:
        walk.stage.cloud.introduce(digits, "Kim Novak")
        walk.stage.cloud.receive_from(digits, "hello")
    await walk.rest()
    sent = list(walk.stage.cloud.accepted)
    assert len(sent) == 2 * PRESSERS

    mixed = Mixed(walk)
    writers = [_digits(2, number) for number in range(WRITERS)]
    for round_, people in enumerate(_batched(writers, 7)):
        mixed.texts(people, "hello from", round_)
    for digits in writers:
        walk.stage.cloud.customer(digits).last_wrote = walk.now()  # the sandbox's phones know nothing of what this POST tells
    refusers, app_users = [_digits(3, number) for number in range(REFUSERS)], [_digits(4, number) for number in range(APP_USERS)]
    for digits in refusers:
        mixed.texts([digits], "hi", 1)
        mixed.stop(digits)
    for digits in app_users:
        mixed.echo(digits)
    for accepted in sent:
        for word in ("read", "delivered", "sent"):
            mixed.status(accepted.wamid, accepted.key or "", accepted.to, word)
        mixed.status(f"{accepted.wamid}X", "another:house:1", accepted.to, "delivered")  # not ours
    for number in range(1000 - mixed.count):
        mixed.other(number)
    assert mixed.count == 1000

    Random(7).shuffle(mixed.changes)
    entries = [{"id": walk.stage.cloud.waba_id, "time": int(mixed.at()), "changes": part} for part in _batched(mixed.changes, 90)]
    before = walk.count("select count(*) from inbox")
    repeats = walk.count("select count(*) from inbox where kind = 'status'")
    body = json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()
    assert len(entries) > 5
    assert await _post(walk, body) == 200
    kept = walk.count("select count(*) from inbox") - before  # at once: whatever the 200 promised is on disk
    await walk.rest()
    await walk.rest()

    already = len([one for one in mixed.changes for status in one["value"].get("statuses", []) if status["status"] in ("sent", "delivered") and "X" not in status["id"][-1]])
    assert repeats == already  # the sandbox had told `sent` and `delivered` of each message before: those are repetitions
    assert kept >= 1000 - already
    states = {row["state"]: row["n"] for row in walk.rows("select state, count(*) as n from inbox group by state")}
    no_id = sum(1 for one in mixed.changes for message in one["value"].get("messages", []) if "id" not in message)
    assert states["dead"] == no_id
    assert set(states) == {"done", "dead"}

    for digits in writers:
        assert walk.count("select count(*) from message m join identity i on i.contact = m.contact where i.kind = 'phone' and i.value = ?", f"+{digits}") == 1
        assert walk.got(digits) == ["Hi Nora, welcome to Casa Bonita!", "How can we help you?"]
    for digits in refusers:
        assert (await walk.contact(f"+{digits}")).consent == "withdrawn"
    for digits in app_users:
        (control,) = walk.rows("select v.control from conversation v join identity i on i.contact = v.contact where i.kind = 'phone' and i.value = ?", f"+{digits}")
        assert control == {"control": "human"}
    keys = tuple(accepted.key for accepted in sent)
    deliveries = {row["key"]: row["delivery"] for row in walk.rows("select key, delivery from outbox")}
    assert {deliveries[key] for key in keys if key} == {"read"}
    assert country_of(known[0]) == "ES"

    print_before = walk.fingerprint()
    accepted_before = len(walk.stage.cloud.accepted)
    for _ in range(3):
        assert await _post(walk, body) == 200
    await walk.rest()
    assert walk.fingerprint() == print_before
    assert len(walk.stage.cloud.accepted) == accepted_before


async def test_every_delivery_of_the_whole_story_three_times_more_changes_nothing(walk: Walk) -> None:
    walk.settle_in(story.EVA)
    told = Story(walk.stage, StageStaff(walk.stage), walk.database.parent)
    for scene in story.SCENES:
        await scene(told)
    await walk.rest()
    whatsapp, shop = list(walk.stage.cloud.webhooks.delivered), list(walk.stage.shop.webhooks.delivered)
    assert len(whatsapp) > 40
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
