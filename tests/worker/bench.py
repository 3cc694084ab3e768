"""A workbench: what WhatsApp, a shop and staff tell is kept as it would be from the door, and worked off when the test says so."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from bot.channel import Delivered, Outgoing, SendError
from bot.channel.whatsapp import webhook
from bot.desk import actions
from bot.flow import library
from bot.flow.run import Run
from bot.owner_files import read_files
from bot.shop import plain
from bot.store import contacts, discounts, runs
from bot.store.database import Database
from bot.store.model import Identity, IdentityKind
from bot.store.step import Row, Statement, Step
from bot.worker import discounter, dispatcher
from bot.worker.playbook import House, Playbook
from bot.worker.sender import Sender

NUMBER = "106540352242922"
SHOP = "casa"
LOLA = "34600111222"
PEPE = "34600999888"
MONDAY = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)  # 10:00 in Madrid
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ITEMS = [{"product_id": "p-huila", "title": "Huila, 1 kg", "quantity": 2, "unit_price": "30.00", "category": "coffee"}]
ROOT = Path(__file__).parents[2]


@cache
def owner_files() -> dict[str, str]:
    """The texts of the flows that ship, by path."""
    return read_files(ROOT / "flows", ROOT / "locales")


SHIPPED = frozenset(path.stem for path in (ROOT / "flows").glob("*.yaml")) - {"store"}
"""The names of the flows that ship."""


def playbook(**replaced: str | None) -> Playbook:
    """The shipped flows, with some files replaced (`store="..."` is `flows/store.yaml`) or, with None, taken away."""
    files = dict(owner_files())
    for name, text in replaced.items():
        files.pop(f"flows/{name}.yaml", None)
        if text is not None:
            files[f"flows/{name}.yaml"] = text
    loaded = library.load(files)
    assert loaded.problems == (), loaded.problems
    return Playbook(loaded)


class RecordingChannel:
    """A channel that keeps what it was given, and fails as it is told."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.faults: list[Exception | None] = []

    async def deliver(self, message: Outgoing) -> Delivered:
        self.sent.append(message)
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        return Delivered(f"wamid.{len(self.sent)}")


class Bench:
    """The house without its loops."""

    def __init__(self, store: Database, flows: Playbook) -> None:
        self.store = store
        self.playbook = flows
        self.now = MONDAY
        self.channel = RecordingChannel()
        self.sender = Sender(store, self.channel, self.house, owner="test")
        self._count = 0

    def house(self) -> House:
        return House(self.playbook, self.store.instance, NUMBER, self.now)

    # ---- what comes in

    async def whatsapp(self, field: str = "messages", **value: Any) -> None:
        """One change, as Meta posts it."""
        shared = {"metadata": {"phone_number_id": NUMBER}, **value}
        body = {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": field, "value": shared}]}]}
        await self.store.receive(webhook.split(json.dumps(body).encode(), self.now), self.now)

    async def writes(self, text: str, who: str = LOLA, *, at: datetime | None = None) -> None:
        await self._message(who, at, type="text", text={"body": text})

    async def presses(self, title: str, who: str = LOLA, *, payload: str | None = None) -> None:
        """Press a button of the last message that has one with this title."""
        buttons = (button for sent in reversed(self.channel.sent) for button in sent.content.buttons if button.title == title)
        payload = payload or next(buttons).payload
        await self._message(who, None, type="button", button={"text": title, "payload": payload})

    async def _message(self, who: str, at: datetime | None, **content: Any) -> None:
        self._count += 1
        stamp = str(int((at or self.now).timestamp()))
        await self.whatsapp(messages=[{"from": who, "id": f"wamid.in{self._count}", "timestamp": stamp, **content}])

    async def status(self, sent: Outgoing, status: str, code: int | None = None) -> None:
        told: dict[str, Any] = {
            "id": f"wamid.of.{sent.key}",
            "status": status,
            "timestamp": str(int(self.now.timestamp())),
            "recipient_id": LOLA,
            "biz_opaque_callback_data": sent.key,
        }
        if code is not None:
            told["errors"] = [{"code": code, "title": "x"}]
        await self.whatsapp(statuses=[told])

    async def shop(self, kind: str, at: datetime | None = None, **data: Any) -> None:
        """One delivery of the shop."""
        self._count += 1
        body = {"type": kind, "timestamp": (at or self.now).isoformat(), "data": {"currency": "EUR", **data}}
        updates = plain.split(SHOP, f"d{self._count}", json.dumps(body).encode(), self.now)
        assert [update.unreadable for update in updates] == [None]
        await self.store.receive(updates, self.now)

    async def cart(self, key: str = "k1", who: str | None = LOLA, *, consent: str | None = "granted", **more: Any) -> None:
        data: dict[str, Any] = {"checkout_key": key, "items": ITEMS, "total": "60.00", "recovery_url": "https://casa.example/c", **more}
        if who is not None:
            data["phone"] = f"+{who}"
        if consent is not None:
            data["consent"] = {"whatsapp": {"state": consent, "source": "checkout"}}
        await self.shop("checkout.updated", **data)

    async def order(self, key: str = "o1", who: str | None = LOLA, *, kind: str = "order.created", **more: Any) -> None:
        data: dict[str, Any] = {"order_key": key, "total": "60.00", "items": ITEMS, "placed_at": self.now.isoformat(), **more}
        if who is not None:
            data["phone"] = f"+{who}"
        await self.shop(kind, **data)

    async def takes(self) -> None:
        await self.store.run(actions.take(f"+{LOLA}", "Ana", self.now))

    async def says(self, text: str) -> None:
        await self.store.run(actions.say(f"+{LOLA}", "Ana", text, self.now))

    async def hands_back(self) -> None:
        await self.store.run(actions.hand_back(f"+{LOLA}", "Ana", self.now))

    # ---- what the house does

    async def work(self) -> int:
        """Work the inbox off until nothing more can be; returns how many entries were."""
        done = 0
        while True:
            worked = await self.store.run(dispatcher.work(self.house()))
            done += worked.entries
            if not worked.entries and not worked.more:
                return done

    async def send(self) -> list[str]:
        """Send what is due; the bodies, in order."""
        before = len(self.channel.sent)
        while (await self.sender.send_due(lambda: None)).moved:
            await self.sender.finish()
        return [sent.content.body for sent in self.channel.sent[before:]]

    async def go(self, length: timedelta = timedelta()) -> list[str]:
        """Let time pass at once, then work and send; the bodies that were sent."""
        self.now += length
        await self.work()
        bodies = await self.send()
        await self.work()
        return bodies + await self.send()

    async def codes(self, *, refuse: str | None = None) -> int:
        """The shop makes the codes that are wanted, or refuses them; returns how many."""
        wanted = await self.store.run(discounts.wanted(self.now, 50))
        for one in wanted:
            await self.store.run(discounts.refused(one, refuse, self.now) if refuse else discounter.made_at_once(one, self.house()))
        return len(wanted)

    # ---- what became of it

    async def contact(self, who: str = LOLA) -> int:
        found = await self.store.run(contacts.find(Identity(IdentityKind.PHONE, f"+{who}")))
        assert found is not None
        return found

    async def person(self, who: str = LOLA) -> contacts.Contact:
        return await self.store.run(contacts.load(await self.contact(who)))

    async def notes(self, who: str = LOLA) -> list[str]:
        noted = await self.store.run(contacts.audit_of(await self.contact(who)))
        return [f"{note.about}: {note.text}" for note in noted]

    async def live(self, who: str = LOLA) -> list[Run]:
        return [one.run for one in await self.store.run(runs.live(await self.contact(who)))]

    async def outcomes(self) -> list[str | None]:
        return [row["outcome"] for row in await self.rows("select outcome from run order by id")]

    async def rows(self, sql: str) -> list[Row]:
        def step() -> Step[list[Row]]:
            return list((yield Statement(sql, {})))

        return await self.store.read(step())

    async def states(self) -> list[str]:
        return [row["state"] for row in await self.rows("select state from outbox order by id")]

    async def reminded(self) -> None:
        """Lola left a cart an hour ago and has been asked about it."""
        await self.cart()
        await self.go()
        assert len(await self.go(HOUR)) == 1


def failing(error: Callable[[], SendError], times: int = 1) -> list[Exception | None]:
    """That many failures of one kind."""
    return [error() for _ in range(times)]
