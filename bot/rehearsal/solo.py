"""A play for one owner: everything a customer, a shop and staff can do, by name, and what the house knows of it all."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from bot.channel.whatsapp import webhook
from bot.desk import actions
from bot.flow.run import Content
from bot.policy import window
from bot.policy.decision import Control
from bot.rehearsal.play import NUMBER, Customer, Play
from bot.store import contacts, conversations, health, runs
from bot.store.contacts import Contact
from bot.store.database import open_database
from bot.store.model import Identity, IdentityKind
from bot.store.runs import Live
from bot.worker.playbook import Playbook

STAFF = "Sam"
FIRST_ORDER = timedelta(days=400)  # ago: nothing of it is used up only now
BETWEEN_ORDERS = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Known:
    """What the house knows of the customer. Times UTC; `writable_until` is the end of the reply window, None when it is closed."""

    contact: Contact
    control: Control
    writable_until: datetime | None
    runs: tuple[Live, ...]


class Solo(Play):
    """One customer's play, with a hand on everything."""

    async def change_cart(self, minor: int) -> None:
        """The cart is worth something else now."""
        self.customer = replace(self.customer, cart=minor)
        await self.fill_cart()

    async def introduce(self) -> None:
        """The shop tells who the customer is, and what they agreed to."""
        await self._from_shop("customer.updated", self._bought())

    async def bought_before(self, orders: int) -> None:
        """So many orders, long ago."""
        for number in range(min(orders, 10)):
            at = self.now - FIRST_ORDER + number * BETWEEN_ORDERS
            key = {"order_key": f"before-{number}", "order_number": f"#{number + 1}", "status": "delivered"}
            await self._from_shop("order.created", {**self._bought(), **key, "placed_at": at.isoformat()})

    async def bought_lately(self, orders: int) -> None:
        """So many orders, the next of which would be placed about now."""
        for number in range(orders):
            at = self.now - (orders - number) * BETWEEN_ORDERS
            key = {"order_key": f"lately-{number}", "order_number": f"#{number + 501}", "status": "delivered"}
            await self._from_shop("order.created", {**self._bought(), **key, "placed_at": at.isoformat()})

    async def agree(self) -> None:
        """The customer allows marketing on WhatsApp's own control."""
        await self._prefer("resume")

    async def switch_off(self) -> None:
        """The customer stops marketing on WhatsApp's own control."""
        await self._prefer("stop")

    async def _prefer(self, value: str) -> None:
        wa_id = self.customer.phone.lstrip("+")
        about = {"wa_id": wa_id, "category": "marketing_messages", "value": value, "timestamp": int(self.now.timestamp())}
        told = {"metadata": {"phone_number_id": NUMBER}, "contacts": [{"wa_id": wa_id}], "user_preferences": [about]}
        entry = {"id": "1", "changes": [{"field": "user_preferences", "value": told}]}
        body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
        await self._store.receive(webhook.split(body, self.now), self.now)
        await self.settle()

    # ---- staff

    async def take(self) -> None:
        """Staff take the conversation over."""
        await self._store.run(actions.take(self.customer.phone, STAFF, self.now))
        await self.settle()

    async def say(self, text: str) -> None:
        """Staff answer."""
        await self._store.run(actions.say(self.customer.phone, STAFF, text, self.now))
        await self.settle()

    async def hand_back(self) -> None:
        """Staff hand the conversation back to the bot."""
        await self._store.run(actions.hand_back(self.customer.phone, STAFF, self.now))
        await self.settle()

    # ---- what is known

    async def tag(self, tag: str, *, on: bool) -> None:
        """Put a tag on the customer or take it off, as if a flow had done so long ago: nothing starts on it."""
        contact = await self._contact()
        if contact is not None:
            await self._store.run(contacts.add_tag(contact, tag, self.now) if on else contacts.remove_tag(contact, tag))

    async def next_moment(self) -> datetime | None:
        """When something happens next of its own accord (UTC)."""
        return await self._store.read(health.next_due())

    async def known(self) -> Known | None:
        """What the house knows of the customer, None before it has heard of them."""
        contact = await self._contact()
        if contact is None:
            return None
        conversation = await self._store.read(conversations.load(contact, NUMBER))
        wrote = conversation.last_wrote_at
        open_until = wrote + window.LENGTH if wrote and window.is_open(wrote, self.now) else None
        live = await self._store.read(runs.live(contact))
        return Known(await self._store.read(contacts.load(contact)), conversation.control, open_until, tuple(live))

    async def _contact(self) -> int | None:
        return await self._store.read(contacts.find(Identity(IdentityKind.PHONE, self.customer.phone)))


async def open_solo(folder: Path, playbook: Playbook, customer: Customer, now: datetime, heard: Callable[[Content], None]) -> Solo:
    """A play on a scratch database in `folder`. `close` ends it."""
    return Solo(await open_database(folder / "rehearsal.db"), playbook, customer, now, heard)
