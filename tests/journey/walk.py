"""A walk through the whole house: what customers, shop and staff do, what came of it, and a clock that is turned by hand."""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot.command.stage import Stage, StageStaff, open_stage
from bot.policy.decision import Consent
from bot.sandbox.cloud.bubble import Bubble, ButtonKind
from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.cloud.limit import SendLimit
from bot.sandbox.shop.catalog import Shopper
from bot.store import contacts
from bot.store.contacts import Contact
from bot.store.model import Identity, IdentityKind
from tests import outside

MADRID = ZoneInfo("Europe/Madrid")
LONDON = ZoneInfo("Europe/London")
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=MADRID)
ANA, BEN, CARLA, DORA = "+34600000001", "+447400123456", "+5511999990003", "+4915550000004"
STATUS_SECONDS = 0.002  # between a message's statuses: the sandbox's own pace is for people who watch


@dataclass(slots=True)
class Walk:
    """A stage and everything a journey does on it. Shoppers go by their key (`ana`), people without a shop by their phone."""

    stage: Stage
    app_secret: str
    staff: StageStaff
    database: str
    folder: Path
    _seen: dict[str, int] = field(default_factory=dict)

    # time

    def now(self) -> datetime:
        """The turned clock."""
        return self.stage.clock()

    async def rest(self) -> None:
        """Until what was set off has come to rest."""
        await self.stage.idle()

    async def turn(self, **length: float) -> None:
        """Turn the clock by a length of time, as `timedelta` takes it; what was set off comes to rest before."""
        await self.rest()
        await self.stage.jump(timedelta(**length))

    async def turn_to(self, moment: datetime) -> None:
        """Turn the clock to a moment; what was set off comes to rest before."""
        await self.rest()
        await self.stage.jump(moment - self.now())

    # customers

    def phone(self, who: str) -> str:
        """A shopper's phone; a phone is one already."""
        shopper = self.stage.shop.shoppers.get(who)
        return shopper.phone if shopper else who

    async def write(self, who: str, text: str) -> None:
        """Somebody writes."""
        self.stage.cloud.receive_from(self.phone(who), text)
        await self.rest()

    async def press(self, who: str, button: str, message: str | None = None) -> None:
        """Somebody presses the newest button with this title, or the one of a certain message."""
        self.stage.cloud.press(self.phone(who), button, message_id=message)
        await self.rest()

    async def switch(self, who: str, value: str) -> None:
        """Somebody uses WhatsApp's own switch: `stop` or `resume`."""
        self.stage.cloud.preference(self.phone(who), value)
        await self.rest()

    def phone_of(self, who: str) -> tuple[Bubble, ...]:
        """What is on somebody's phone."""
        return self.stage.cloud.thread(self.phone(who))

    def got(self, who: str) -> list[str]:
        """Everything we wrote to somebody, oldest first."""
        return [bubble.drawing.body for bubble in self.phone_of(who) if not bubble.by_customer]

    def last(self, who: str) -> str:
        """The last thing we wrote to somebody; empty when there is nothing."""
        return (self.got(who) or [""])[-1]

    def new(self, who: str) -> list[str]:
        """What we wrote to somebody since this was last asked."""
        got = self.got(who)
        seen, self._seen[who] = self._seen.get(who, 0), len(got)
        return got[seen:]

    def links(self, who: str) -> list[str]:
        """Where the link buttons lead that we sent to somebody, oldest first."""
        ours = (bubble for bubble in self.phone_of(who) if not bubble.by_customer)
        return [button.value for bubble in ours for button in bubble.drawing.buttons if button.kind is ButtonKind.LINK]

    def buttons(self, who: str) -> list[str]:
        """The buttons under the newest message we sent to somebody."""
        bubble = next(bubble for bubble in reversed(self.phone_of(who)) if not bubble.by_customer)
        return [button.title for button in bubble.drawing.buttons]

    # the shop

    def settle_in(self, shopper: Shopper) -> None:
        """A new shopper, who agreed to what their record says."""
        self.stage.shop.shoppers[shopper.key] = shopper
        self.stage.shop.change(shopper)
        self.stage.cloud.introduce(shopper.phone, f"{shopper.first_name} {shopper.last_name}")
        for channel, agreed in (("whatsapp", shopper.whatsapp), ("ads", shopper.ads)):
            if agreed:
                self.stage.shop.consent(shopper.key, channel, "granted")

    async def tell_of(self, *shoppers: str) -> None:
        """The shop tells of its customers, as when it is connected."""
        for who in shoppers:
            self.stage.shop.change(self.stage.shop.shoppers[who])
        await self.rest()

    async def leave_cart(self, who: str, *products: tuple[str, int]) -> None:
        """A shopper fills a cart and goes away."""
        for product, pieces in products or (("p-espresso", 2), ("p-grinder", 1)):
            self.stage.shop.add(who, product, pieces)
        await self.rest()

    async def buy(self, who: str, *products: tuple[str, int], **how: Any) -> None:
        """A shopper orders the open cart, and `products` on top."""
        for product, pieces in products:
            self.stage.shop.add(who, product, pieces)
        self.stage.shop.buy(who, **how)
        await self.rest()

    # staff

    async def staff_takes(self, who: str) -> None:
        """A shopper writes, and staff take the conversation over."""
        await self.tell_of(who)
        await self.write(who, "hola")
        await self.staff.take(self.phone(who))
        await self.rest()

    # what the house knows

    async def contact(self, who: str) -> Contact:
        """The contact behind a shopper or phone."""
        found = await self.stage.app.store.read(contacts.find(Identity(IdentityKind.PHONE, self.phone(who))))
        assert found is not None, f"nobody goes by {who}"
        return await self.stage.app.store.read(contacts.load(found))

    async def consent(self, who: str) -> Consent:
        """What somebody said about marketing."""
        return (await self.contact(who)).consent

    async def reasons(self, who: str) -> str:
        """Why things happened to somebody, or did not: all sentences, a line each."""
        contact = await self.contact(who)
        return "\n".join(noted.text for noted in await self.stage.app.store.read(contacts.audit_of(contact.id)))

    def whys(self) -> list[str]:
        """Why nothing came of events."""
        return [row["why"] for row in self.rows("select why from inbox where why is not null order by id")]

    async def waiting(self) -> list[str]:
        """The phones of who waits for staff or is with them."""
        return [phone for phone, _ in await self.staff.waiting()]

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Rows of the database, read as anybody could. Values stand for question marks."""
        return outside.rows(self.database, query, *values)

    def count(self, query: str, *values: object) -> int:
        """The one number a query answers."""
        return int(next(iter(self.rows(query, *values)[0].values())))

    def fingerprint(self) -> str:
        """A hash over everything every table holds, but for the moment in which each number may next send."""
        told = hashlib.sha256()
        for table in sorted(set(outside.tables(self.database)) - {"sending_number"}):
            rows = sorted(repr(sorted(row.items())) for row in self.rows(f"select * from {table}"))  # names from the schema
            told.update(repr((table, rows)).encode())
        return told.hexdigest()


async def open_walk(
    folder: Path,
    start: datetime = MONDAY,
    *,
    flows: Path = Path("flows"),
    limit: SendLimit | None = None,
    wrote: Collection[str] = (),
    database: str | None = None,
) -> Walk:
    """A stage of its own, on a database in `folder` unless told another.

    `wrote`: phones whose owners wrote just before, so that WhatsApp lets them be answered.
    """
    secrets: list[str] = []

    def make_cloud(clock: Callable[[], datetime], secret: str) -> CloudApi:
        secrets.append(secret)
        cloud = CloudApi(clock, app_secret=secret, status_delay=STATUS_SECONDS, limit=limit)
        for phone in wrote:
            cloud.customer(phone).last_wrote = clock()
        return cloud

    database = database or str(folder / "comeback.db")
    stage = await open_stage(folder, start, flows=flows, make_cloud=make_cloud, database=database)
    return Walk(stage, secrets[0], StageStaff(stage), database, folder)
