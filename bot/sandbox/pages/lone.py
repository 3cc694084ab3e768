"""The world of the Cloud API alone: a phone for each customer, how to connect a bot, what it sent, what it was told, and the clock."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from bot.sandbox.cloud.call_log import CallLog
from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.cloud.customer import REPLY_WINDOW, Customer, wa_id_of
from bot.sandbox.cloud.handshake import trouble_with
from bot.sandbox.pages.demo_view import NextThing, Person
from bot.sandbox.pages.fault_board import Board, FaultBoard
from bot.sandbox.pages.phone_view import PhoneView
from bot.sandbox.pages.phones import PEOPLE_LIMIT, Action, Phones, Wish
from bot.sandbox.pages.someone import Someone
from bot.sandbox.pages.telling import Telling
from bot.sandbox.pages.turning import Turning
from bot.sandbox.shop.catalog import PRODUCTS

LOGGED = 40  # the newest deliveries and calls
WORDS = 160  # characters of what is told of one
NAME_LIMIT = 60  # characters
LANGUAGES = {"en": "English", "es": "Español", "pt-BR": "Português", "fr": "Français", "hi": "हिन्दी", "ar": "العربية"}
PARTS = ("clock", "places", "people", "connection", "phone_bar", "head", "messages", "typing", "composing", "log", "faults")


@dataclass(frozen=True, slots=True)
class Connection:
    """What a bot must know to work with this sandbox. `callback` is its webhook receiver, `asked` whether it was challenged, `trouble` what
    is wrong with it, empty when nothing is."""

    base_url: str
    version: str
    token: str
    number: str
    account: str
    app_secret: str
    verify_token: str
    callback: str = ""
    trouble: str = ""
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that went to or fro: a call by the bot (`sent`), or a webhook to it, with what came of it."""

    sent: bool
    what: str
    outcome: str
    bad: bool


@dataclass(frozen=True, slots=True)
class LoneView:
    """All that the page shows at one moment to whoever is `phone.me`. Times are UTC."""

    parts: ClassVar[tuple[str, ...]] = PARTS

    phone: PhoneView
    following: NextThing | None
    people: tuple[Person, ...]
    connection: Connection
    log: tuple[Entry, ...]
    faults: Board
    languages: Mapping[str, str]


class Lone:
    """What the page of the Cloud API alone shows and does."""

    template = "lone.html"

    def __init__(
        self,
        clock: Callable[[], datetime],
        cloud: CloudApi,
        people: Iterable[Someone],
        connection: Connection,
        jump: Callable[[timedelta], Awaitable[None]],
    ) -> None:
        self._clock, self._cloud = clock, cloud
        self._board = FaultBoard(cloud)
        self.calls = CallLog()
        self.connection = connection
        wares = {name: one for one in PRODUCTS for name in (one.id, one.sku)}
        self.phones = Phones(clock, cloud, {}, wares)
        for one in people:
            self.phones.introduce(one)
        self.actions: Mapping[str, Action] = {
            **Turning(clock, jump, self.next_due).actions,
            **self._board.actions,
            "add": self._add,
            "callback": self._callback,
        }

    async def look(self, key: str, telling: Telling | None = None) -> LoneView:
        """All that the page shows to this customer."""
        self.phones.discover()
        return LoneView(
            phone=self.phones.look(key, telling),
            following=self._coming(),
            people=tuple(Person(one.key, one.name, one.place, self.phones.unread(one.key)) for one in self.phones.people.values()),
            connection=self._connected(),
            log=self._log(),
            faults=self._board.look(),
            languages=LANGUAGES,
        )

    def _connected(self) -> Connection:
        """As it is now: the address may come from the control interface, which asks no challenge."""
        url = self._cloud.webhooks.url or ""
        return self.connection if url == self.connection.callback else replace(self.connection, callback=url, trouble="", asked=False)

    def customers(self) -> tuple[Customer, ...]:
        """Everybody, as the Cloud API knows them."""
        return tuple(self.phones.customer(key) for key in self.phones.people)

    # what comes by itself

    async def next_due(self) -> datetime | None:
        """When something here changes next of its own accord."""
        coming = self._coming()
        return coming.due if coming else None

    def _coming(self) -> NextThing | None:
        now = self._clock()
        coming = [NextThing(due, text) for due, text in self._ends() if due > now]
        return min(coming, key=lambda one: one.due, default=None)

    def _ends(self) -> Iterable[tuple[datetime, str]]:
        for someone in self.phones.people.values():
            customer = self.phones.customer(someone.key)
            if customer.last_wrote:
                yield customer.last_wrote + REPLY_WINDOW, f"{someone.name}’s reply window closes"
            for bubble in customer.thread:
                if bubble.drawing.offer and bubble.drawing.offer.ends:
                    yield bubble.drawing.offer.ends, f"{someone.name}’s offer ends"
        if due := self._cloud.agenda.next_due():
            yield due, "what Meta does next"

    # what went to and fro

    def _log(self) -> tuple[Entry, ...]:
        calls = [(one.at, Entry(True, one.what[:WORDS], one.outcome[:WORDS], one.status >= 300)) for one in self.calls.calls]
        queue = self._cloud.webhooks
        told = [(one.at, _delivery(one.body, one.status, one.tries)) for one in (*queue.delivered[-LOGGED:], *queue.dropped[-LOGGED:])]
        newest = sorted([*calls, *told], key=lambda one: one[0], reverse=True)
        return tuple(entry for _, entry in newest[:LOGGED])

    # what its buttons do

    async def _add(self, wish: Wish) -> str:
        """Another customer, with a number or, with an `@` before it, with a username only."""
        if len(self.phones.people) >= PEOPLE_LIMIT:
            raise ValueError(f"{PEOPLE_LIMIT} customers are enough")
        someone = person(wish["address"], wish.get("name", ""), {code: code for code in LANGUAGES}[wish["language"]])
        if someone.key in self.phones.people:
            raise ValueError(f"{someone.place} is there already")
        self.phones.introduce(someone)
        return someone.key

    async def _callback(self, wish: Wish) -> None:
        await self.listen_at(wish["url"].strip())

    async def listen_at(self, url: str) -> None:
        """Webhooks go there from now on, whatever it answers to the question that Meta asks first; what is wrong is shown."""
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("an address that begins with http:// or https://")
        self._cloud.webhooks.url = url
        trouble = await trouble_with(url, self.connection.verify_token) if url else ""
        self.connection = replace(self.connection, callback=url, trouble=trouble, asked=True)


def person(address: str, name: str = "", language: str = "en") -> Someone:
    """A customer by a phone number or `@username`. Raises ValueError when it is neither."""
    address, name = address.strip(), " ".join(name.split())[:NAME_LIMIT]
    if address.startswith("@"):
        username = address[1:]
        if not (3 <= len(username) <= 35 and username.replace(".", "").replace("_", "").isalnum() and username.isascii()):
            raise ValueError("a username has 3 to 35 letters, digits, dots and underscores")
        return Someone(f"u-{username}", name or username, f"+{_hidden_number(username)}", f"@{username}", language, username=username)
    wa_id = wa_id_of(address)
    if wa_id is None:
        raise ValueError("a number with its country's prefix, or @username")
    return Someone(wa_id, name or f"+{wa_id}", f"+{wa_id}", f"+{wa_id}", language)


def _hidden_number(username: str) -> str:
    """The number of somebody who hides it: nobody ever sees it, but WhatsApp has one."""
    digits = int.from_bytes(hashlib.sha256(username.encode()).digest()[:4], "big") % 10_000_000
    return f"1555{digits:07d}"


def _delivery(body: bytes, status: int | None, tries: int) -> Entry:
    what = ", ".join(_told(json.loads(body)))[:WORDS]
    if not tries:
        return Entry(False, what, "nobody listens", bad=False)
    outcome = f"no answer, {tries} tries" if status is None else str(status) if tries == 1 else f"{status} after {tries} tries"
    return Entry(False, what, outcome, bad=status is None or status >= 300)


def _told(body: Mapping[str, Any]) -> Sequence[str]:
    """What a webhook tells, in few words."""
    found = []
    for change in (change for entry in body["entry"] for change in entry["changes"]):
        value = change["value"]
        found += [f"message {one.get('type', '')}" for one in value.get("messages", [])]
        found += [f"status {one.get('status', '')}" for one in value.get("statuses", [])]
        if not value.get("messages") and not value.get("statuses"):
            found.append(str(change["field"]).replace("_", " "))
    return found
