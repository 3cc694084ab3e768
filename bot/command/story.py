"""The story of `comeback demo --story`: a few days of a shop, over the same HTTP as the real thing, told in the terminal.

Each step says what must have come true; the first that did not ends the story with exit code 1.
"""

import csv
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.audience.match import Destination
from bot.command.audience import Exported, write_audience
from bot.command.stage import STAFF, Stage, StageStaff, open_stage
from bot.command.terminal import paint
from bot.desk import actions
from bot.policy.decision import Reason
from bot.sandbox.cloud.bubble import Bubble
from bot.sandbox.shop.catalog import Shopper
from bot.store import contacts, health
from bot.store.model import Identity, IdentityKind

MADRID = ZoneInfo("Europe/Madrid")
LONDON = ZoneInfo("Europe/London")
BEGIN = datetime(2026, 3, 2, 10, 0, tzinfo=MADRID)  # a Monday
EVA = Shopper(
    "eva", "c-1005", "Eva", "Ruiz", "+34600000005", "ES", "eva@example.com", "es-ES", "ES", "Sevilla", "Europe/Madrid"
)


class Untrue(Exception):
    """A step of the story did not come true."""


@dataclass(slots=True)
class Story:
    """Tells what happens as it happens, and checks it."""

    stage: Stage
    staff: StageStaff
    folder: Path
    steps: int = 0
    _told: set[str] = field(default_factory=set)

    def say(self, who: str, text: str, *styles: str, at: datetime | None = None) -> None:
        """One line of the transcript; `at` is when it happened, now unless told."""
        when = (at or self.stage.clock()).astimezone(MADRID)
        first, *rest = text.splitlines() or [""]
        print(f"{paint(f'{when:%a %H:%M}', 'dim')}  {paint(f'{who:>9}', *styles)}  {first}")
        for line in rest:
            print(f"{'':>9}  {'':>9}  {line}")

    def scene(self, title: str) -> None:
        """A heading."""
        print(f"\n{paint(title, 'bold')}")

    async def rest(self) -> None:
        """Let everything that was set off come to rest, and tell what the phones show."""
        await self.stage.idle()
        self._tell_phones()

    async def turn(self, length: timedelta) -> None:
        """Turn the clock."""
        await self.stage.jump(length)
        self._tell_phones()

    async def turn_to(self, moment: datetime) -> None:
        """Turn the clock to a local moment."""
        await self.turn(moment - self.stage.clock())

    def came_true(self, what: str, truth: object) -> None:
        """A step that must hold."""
        self.steps += 1
        if not truth:
            raise Untrue(what)
        print(f"{'':>9}  {paint('✓', 'green'):>9}  {paint(what, 'dim')}")

    def phone(self, shopper: str) -> str:
        """A shopper's number."""
        return self.stage.shop.shoppers[shopper].phone

    def thread(self, shopper: str) -> tuple[Bubble, ...]:
        """What is on a shopper's phone."""
        return self.stage.cloud.thread(self.phone(shopper))

    def last(self, shopper: str) -> str:
        """The last thing the bot or staff wrote to a shopper."""
        return next((bubble.drawing.body for bubble in reversed(self.thread(shopper)) if not bubble.by_customer), "")

    async def write(self, shopper: str, text: str) -> None:
        """A shopper writes."""
        self.stage.cloud.receive_from(self.phone(shopper), text)
        await self.rest()

    async def press(self, shopper: str, button: str) -> None:
        """A shopper presses a button."""
        self.stage.cloud.press(self.phone(shopper), button)
        await self.rest()

    async def leave_cart(self, shopper: str, *products: tuple[str, int]) -> None:
        """A shopper fills a cart and goes away."""
        for product, pieces in products:
            self.stage.shop.add(shopper, product, pieces)
        name = self.stage.shop.shoppers[shopper].first_name
        self.say("shop", f"{name} leaves {self._cart_words(shopper)} in the cart", "blue")
        await self.rest()

    def _cart_words(self, shopper: str) -> str:
        shop = self.stage.shop
        return ", ".join(f"{pieces} x {shop.products[product].title}" for product, pieces in shop.cart(shopper).lines.items())

    async def reasons(self, shopper: str) -> list[str]:
        """Why things happened to a shopper, or did not."""
        contact = await self.stage.app.store.read(contacts.find(Identity(IdentityKind.PHONE, self.phone(shopper))))
        if contact is None:
            return []
        return [reason.text for reason in await self.stage.app.store.read(contacts.audit_of(contact))]

    def _tell_phones(self) -> None:
        new = [
            (bubble, shopper.first_name)
            for shopper in self.stage.shop.shoppers.values()
            for bubble in self.stage.cloud.thread(shopper.phone)
            if bubble.id not in self._told
        ]
        for bubble, name in sorted(new, key=lambda pair: pair[0].at):
            self._told.add(bubble.id)
            buttons = "".join(f"  [{button.title}]" for button in bubble.drawing.buttons)
            if bubble.by_customer:
                self.say(name, bubble.drawing.body, "cyan", at=bubble.at)
            else:
                self.say(f"to {name}", bubble.drawing.body + (f"\n{buttons.strip()}" if buttons else ""), "green", at=bubble.at)


async def play(folder: Path, flows: Path, locales: Path, database: str | None = None) -> int:
    """Play the story, on a database in `folder` unless told another; returns the exit code."""
    stage = await open_stage(folder, BEGIN, flows=flows, locales=locales, database=database)
    stage.shop.shoppers[EVA.key] = EVA
    stage.shop.change(EVA)
    stage.cloud.introduce(EVA.phone, "Eva Ruiz")
    for channel in ("whatsapp", "ads"):
        stage.shop.consent(EVA.key, channel, "granted")
    told = Story(stage, StageStaff(stage), folder)
    try:
        for scene in SCENES:
            await scene(told)
    except (Untrue, LookupError) as fault:
        print(f"\n{paint('This did not come true:', 'red')} {fault}")
        return 1
    finally:
        await stage.close()
    print(f"\n{paint(f'All {told.steps} steps came true.', 'bold', 'green')}")
    return 0


async def _too_expensive(told: Story) -> None:
    told.scene("Ana leaves a cart, finds it dear, and asks a question")
    await told.leave_cart("ana", ("p-espresso", 2), ("p-grinder", 1))
    await told.turn(timedelta(minutes=59))
    told.came_true("nobody is written to within the hour", not told.thread("ana"))
    await told.turn(timedelta(minutes=2))
    told.came_true("the reminder comes in her language", "Hola, Ana" in told.last("ana"))
    await told.write("ana", "es muy caro")
    codes = list(told.stage.shop.discounts)
    told.came_true("a code was made in the shop before it was promised", len(codes) == 1 and codes[0] in told.last("ana"))
    await told.write("ana", "¿Llega antes del viernes?")
    waiting = await told.staff.waiting()
    told.came_true("a question goes to a person", [phone for phone, _ in waiting] == [told.phone("ana")])
    heard = len(told.thread("ana"))
    await told.write("ana", "¿Hola?")
    told.came_true("the bot is silent while a person is awaited", len(told.thread("ana")) == heard + 1)


async def _staff(told: Story) -> None:
    told.scene("Staff answer, and hand her back")
    phone = told.phone("ana")
    await told.staff.take(phone)
    told.say(STAFF, "takes the conversation over", "yellow")
    await told.staff.say(phone, "Sí, Ana: si lo pides hoy, te llega el jueves.")
    await told.rest()
    told.came_true("the answer reaches her", "jueves" in told.last("ana"))
    await told.staff.hand_back(phone)
    await told.rest()
    told.say(STAFF, "hands the conversation back", "yellow")
    told.came_true("nobody waits any more", not await told.staff.waiting())
    code = next(iter(told.stage.shop.discounts))
    order = told.stage.shop.buy("ana", code=code)
    told.say("shop", f"Ana orders {order.number} with the code {code}", "blue")
    await told.rest()
    told.came_true("the code took something off", order.total < told.stage.shop.total(order.lines))


async def _stop(told: Story) -> None:
    told.scene("Ben stops the messages while one is queued")
    await told.turn_to(datetime(2026, 3, 2, 20, 30, tzinfo=LONDON))
    await told.leave_cart("ben", ("p-moka", 1), ("p-huila", 2))
    await told.turn_to(datetime(2026, 3, 3, 8, 55, tzinfo=LONDON))
    told.came_true("no reminder comes at night", not told.thread("ben"))
    told.came_true("the reason can be read", any(Reason.QUIET_HOURS.sentence in reason for reason in await told.reasons("ben")))
    await told.turn_to(datetime(2026, 3, 3, 9, 5, tzinfo=LONDON))
    told.came_true("it comes in the morning, by his clock", "Ben" in told.last("ben"))
    await told.turn_to(datetime(2026, 3, 3, 22, 0, tzinfo=LONDON))
    await told.press("ben", "Finish my order")
    told.came_true("who presses at night is answered at night", "http" in told.last("ben"))
    await told.turn_to(datetime(2026, 3, 4, 22, 30, tzinfo=LONDON))
    queued = (await told.stage.app.store.read(health.state())).queued
    told.came_true("a day later the next reminder is queued for the morning", queued == 1 and len(told.thread("ben")) == 3)
    await told.write("ben", "STOP")
    heard = len(told.thread("ben"))
    told.came_true("STOP is confirmed at once", heard == 5)
    await told.turn_to(datetime(2026, 3, 6, 12, 0, tzinfo=LONDON))
    told.came_true("the queued reminder never comes, nor any other", len(told.thread("ben")) == heard)


async def _hesitant(told: Story) -> None:
    told.scene("Eva wants to think about it; Dora never agreed to be written to")
    await told.leave_cart("eva", ("p-dripper", 1), ("p-espresso", 1))
    await told.leave_cart("dora", ("p-grinder", 1))
    await told.turn(timedelta(hours=1, minutes=1))
    told.came_true("nothing is sent without consent", not told.thread("dora"))
    told.came_true("the reason can be read", any("no consent" in reason for reason in await told.reasons("dora")))
    await told.press("eva", "Terminar mi pedido")
    told.came_true("the button brings the cart back", "http" in told.last("eva"))
    await told.turn(timedelta(days=1, hours=1))
    told.came_true("a day later she gets a small discount", "%" in told.last("eva"))


async def _export(told: Story) -> None:
    told.scene("The audience for paid ads")
    exported = await _write(told, "cart_abandoners")
    print("\n".join(f"{'':>20} {line}" for line in exported.lines()))
    with exported.path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    told.came_true("one person is on the list: Eva", len(rows) == 1)
    text = exported.path.read_text()
    told.came_true("no address can be read in it", not any(word in text for word in ("600000005", "example.com", "Eva", "eva")))
    left_out = {reason.value for _, reason in exported.selection.left_out}
    told.came_true("Ben is left out: he opted out", "opted_out" in left_out)
    told.came_true("who did not hesitate is left out", "not_in_segment" in left_out)


async def _write(told: Story, name: str) -> Exported:
    stage = told.stage
    path = told.folder / f"{name}.csv"
    return await write_audience(stage.app.store.read, stage.app.playbook, name, Destination.META, path, stage.clock())


async def _first_order(told: Story) -> None:
    told.scene("Carla buys coffee")
    told.stage.shop.add("carla", "p-huila", 2)
    order = told.stage.shop.buy("carla")
    told.say("shop", f"Carla orders {order.number}: coffee for about 25 days", "blue")
    await told.rest()


async def _reorder(told: Story) -> None:
    told.scene("Carla's coffee should be used up")
    await told.turn_to(datetime(2026, 3, 27, 18, 0, tzinfo=MADRID))
    told.came_true("after 25 days she is asked, in her language", "Carla" in told.last("carla"))
    await told.press("carla", told.thread("carla")[-1].drawing.buttons[0].title)
    told.came_true("one tap brings the same order back", "http" in told.last("carla"))
    told.stage.shop.add("carla", "p-huila", 2)
    order = told.stage.shop.buy("carla", email_only=True)
    told.say("shop", f"Carla orders {order.number} again, naming only her e-mail address", "blue")
    await told.rest()
    carla = await told.stage.app.store.read(actions.find("carla@example.com"))
    by_phone = await told.stage.app.store.read(actions.find(told.phone("carla")))
    told.came_true("the order is hers, though it told no phone", carla == by_phone)


SCENES: tuple[Callable[[Story], Awaitable[None]], ...] = (_first_order, _too_expensive, _staff, _stop, _hesitant, _export, _reorder)
