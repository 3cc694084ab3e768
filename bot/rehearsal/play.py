"""A play: one customer, the real engine and policy, a scratch store, and a clock that jumps. Nothing leaves this machine.

What the customer and the shop do goes in as the same updates that webhooks make; what the bot sends comes out as lines.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from bot.channel import Delivered, Outgoing
from bot.channel.whatsapp import webhook
from bot.flow import money
from bot.flow.facts import Money
from bot.flow.run import Content
from bot.shop import plain
from bot.store import contacts, discounts, health
from bot.store.contacts import Noted
from bot.store.database import Database, open_database
from bot.store.model import Identity, IdentityKind
from bot.worker import discounter, dispatcher
from bot.worker.playbook import House, Playbook
from bot.worker.sender import Sender

NUMBER = "100000000000000"
SHOP = "rehearsal"
PHONE = "+34600000001"
NO_CODES = "the shop has no more codes"
_OF_A_PERSON = ("phone", "country", "email", "first_name", "locale", "consent")
MAX_ROUNDS = 1_000  # of work at one moment: flows that feed each other must not hang the play


@dataclass(frozen=True, slots=True)
class Customer:
    """Who plays: `cart` in minor units of the store's currency, `language` like `es`, `category` of what they buy, `items` how many of
    what. `consents` is None for who was never asked."""

    name: str | None = "Ana"
    language: str = "en"
    cart: int = 8_000
    category: str = "coffee"
    consents: bool | None = True
    items: tuple[tuple[int, str], ...] = ((1, "House blend"),)
    phone: str = PHONE
    country: str | None = None

    @property
    def ware(self) -> str:
        """The first thing that they buy: here a product goes by its name."""
        return self.items[0][1]


@dataclass(slots=True)
class _Recorder:
    """A channel that delivers to the play."""

    heard: Callable[[Content], None]
    ids: "count[int]" = field(default_factory=count)

    async def deliver(self, message: Outgoing) -> Delivered:
        """Taken at once."""
        self.heard(message.content)
        return Delivered(f"wamid.play{next(self.ids)}")


class Play:
    """One customer's play. `heard` is called with each message as the customer gets it."""

    def __init__(self, store: Database, playbook: Playbook, customer: Customer, now: datetime, heard: Callable[[Content], None]) -> None:
        self.now = now
        self.customer = customer
        self.codes_run_out = False  # whether the shop makes discount codes
        self._store = store
        self._playbook = playbook
        self._sender = Sender(store, _Recorder(heard), self._house, owner="rehearsal")
        self._ids = count(1)
        self._last_order: dict[str, object] = {}

    def _house(self) -> House:
        return House(self._playbook, self._store.instance, NUMBER, self.now)

    # ---- what the customer and the shop do

    async def write(self, text: str) -> None:
        """The customer writes."""
        await self._from_whatsapp({"type": "text", "text": {"body": text}})

    async def press(self, title: str, payload: str) -> None:
        """The customer presses a button."""
        await self._from_whatsapp({"type": "button", "button": {"text": title, "payload": payload}})

    async def fill_cart(self) -> None:
        """The customer has something in the cart."""
        await self._from_shop("checkout.updated", {**self._bought(), "checkout_key": "cart-1", "recovery_url": "https://shop.example/c/1"})

    async def empty_cart(self) -> None:
        """The customer takes everything out again."""
        emptied = {**self._bought(), "checkout_key": "cart-1", "items": [], "total": "0.00"}
        await self._from_shop("checkout.updated", emptied)

    async def visit(self) -> None:
        """The customer looks at the page of the first thing they would buy."""
        await self._from_shop("product.viewed", {**self._bought(), **self.page()})

    def page(self) -> dict[str, object]:
        """What that page tells of it."""
        (_, title), *_ = self.customer.items
        price = Money(self.customer.cart // max(1, sum(quantity for quantity, _ in self.customer.items)), self._playbook.rules.currency)
        return {"product_id": title, "title": title, "url": "https://shop.example/p/1", "price": str(money.amount(price))}

    async def order(self, status: str = "placed") -> None:
        """The customer orders."""
        number = next(self._ids)
        order: dict[str, object] = {
            **self._bought(),
            "tracking_url": f"https://shop.example/t/{number}",
            "reorder_url": f"https://shop.example/r/{number}",
            "order_key": f"o-{number}",
            "order_number": f"#{1000 + number}",
            "status": status,
        }
        self._last_order = order
        await self._from_shop("order.created", order)

    async def stock_is(self, pieces: int) -> None:
        """So many pieces of the first thing that the customer buys are left."""
        await self._from_shop("product.updated", {**self._product(), "stock": pieces})

    async def price_is(self, price: Money) -> None:
        """The first thing that the customer buys costs this."""
        await self._from_shop("product.updated", {**self._product(), "price": str(money.amount(price)), "currency": price.currency})

    async def want(self) -> None:
        """The customer asks on a page of the shop to be told when it is back."""
        told = self._bought()
        await self._from_shop("product.wanted", {name: told[name] for name in _OF_A_PERSON} | {"product_id": self.customer.ware})

    def _product(self) -> dict[str, object]:
        pictured = {"url": "https://shop.example/p/1", "image_url": "https://shop.example/p/1.jpg"}
        return {"product_id": self.customer.ware, "title": self.customer.ware, **pictured}

    @property
    def price(self) -> Money:
        """What a piece costs in the customer's cart."""
        return Money(self.customer.cart // max(1, sum(quantity for quantity, _ in self.customer.items)), self._playbook.rules.currency)

    async def give_back(self) -> None:
        """What they ordered last is paid back."""
        refund = {"refund_key": f"r-{next(self._ids)}", "refunded": self._last_order["total"], "items": []}
        await self._from_shop("order.refunded", {**self._last_order, **refund})

    async def next_thing(self) -> bool:
        """Jump to the next thing that happens of its own accord; False when nothing will."""
        due = await self._store.read(health.next_due())
        if due is None:
            return False
        await self.wait_until(due)
        return True

    async def wait(self, length: timedelta) -> None:
        """Let time pass, stopping at each thing that happens on the way."""
        target = self.now + length
        for _ in range(MAX_ROUNDS):
            due = await self._store.read(health.next_due())
            if due is None or due > target:
                break
            await self.wait_until(due)
        await self.wait_until(target)

    async def wait_until(self, moment: datetime) -> None:
        """Jump to a moment (UTC) that is not past, and let happen what is due then."""
        self.now = max(self.now, moment)
        await self.settle()

    async def reasons(self) -> list[Noted]:
        """Why things happened, or did not."""
        contact = await self._store.read(contacts.find(Identity(IdentityKind.PHONE, self.customer.phone)))
        return [] if contact is None else await self._store.read(contacts.audit_of(contact))

    # ---- what the house does

    async def settle(self) -> None:
        """Until there is nothing to do at this moment."""
        for _ in range(MAX_ROUNDS):
            worked = await self._store.run(dispatcher.work(self._house()))
            wanted = await self._store.run(discounts.wanted(self.now, 100))
            for one in wanted:
                decided = discounts.refused(one, NO_CODES, self.now) if self.codes_run_out else discounter.made_at_once(one, self._house())
                await self._store.run(decided)
            sent = (await self._sender.send_due(lambda: None)).moved
            await self._sender.finish()
            if not (worked.entries or worked.more or wanted or sent):
                return

    async def close(self) -> None:
        """Let go of the scratch database."""
        await self._store.close()

    async def _from_whatsapp(self, part: dict[str, object]) -> None:
        number = self.customer.phone.lstrip("+")
        message = {"from": number, "id": f"wamid.in{next(self._ids)}", "timestamp": str(int(self.now.timestamp())), **part}
        value = {
            "metadata": {"phone_number_id": NUMBER},
            "contacts": [{"wa_id": number, "profile": {"name": self.customer.name or "~"}}],
            "messages": [message],
        }
        envelope = {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}]}
        await self._store.receive(webhook.split(json.dumps(envelope).encode(), self.now), self.now)
        await self.settle()

    async def _from_shop(self, kind: str, told: dict[str, object]) -> None:
        body = json.dumps({"type": kind, "timestamp": self.now.isoformat(), "data": {**told, "updated_at": self.now.isoformat()}}).encode()
        await self._store.receive(plain.split(SHOP, f"msg-{next(self._ids)}", body, self.now), self.now)
        await self.settle()

    def _bought(self) -> dict[str, object]:
        """Who buys what, as a shop tells it."""
        currency = self._playbook.rules.currency
        total: object = str(money.amount(Money(self.customer.cart, currency)))
        state = {True: "granted", False: "withdrawn", None: "unknown"}[self.customer.consents]
        each = str(money.amount(self.price))
        return {
            "phone": self.customer.phone,
            "country": self.customer.country,
            "email": "ana@example.com",
            "first_name": self.customer.name,
            "locale": self.customer.language.replace("_", "-"),
            "currency": currency,
            "total": total,
            "items": [
                {"title": title, "quantity": quantity, "unit_price": each, "category": self.customer.category}
                for quantity, title in self.customer.items
            ],
            "consent": {"whatsapp": {"state": state, "at": self.now.isoformat(), "source": "rehearsal"}},
            "placed_at": self.now.isoformat(),
        }


async def open_play(folder: Path, playbook: Playbook, customer: Customer, now: datetime, heard: Callable[[Content], None]) -> Play:
    """A play on a scratch database in `folder`. `close` ends it."""
    return Play(await open_database(folder / "rehearsal.db"), playbook, customer, now, heard)
