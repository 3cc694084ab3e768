"""Plays a story: the real flows, policy and store in virtual time, and what came of it as lines.

Every run is written down at each wait and read back before it goes on, as in the house; the flows themselves are read back from what the
store would keep of them. What a random code was is not told: the first one is CODE1.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import assert_never
from zoneinfo import ZoneInfo

from bot.desk import actions
from bot.flow import library, money
from bot.flow.as_read import extras
from bot.flow.library import Library
from bot.flow.model import Trigger
from bot.flow.names import did_you_mean
from bot.flow.revision import Revision
from bot.flow.run import Button, Content, Run, TemplateMessage, read_button_payload
from bot.policy.decision import Consent, Control
from bot.rehearsal.play import NUMBER, Customer, Play
from bot.rehearsal.story import Actor, Deed, Fault, Script, Story, stamp, visible
from bot.store import contacts, conversations, runs
from bot.store import story as known
from bot.store.contacts import Noted
from bot.store.database import Database, open_database
from bot.store.model import Identity, IdentityKind
from bot.worker import flows, lapse, stock
from bot.worker.playbook import Playbook

BEFORE = timedelta(days=90)  # what is given happened that long before: an order of then is no news, and starts nothing
LONGEST_REST = timedelta(days=60)  # how long a story goes on by itself after its last line
MOST_TURNS = 400  # of the clock in that time: a flow that never rests must not hang the test
STAFF = "Sam"
MEDIA = {"photo": "image", "voice note": "audio", "video": "video", "sticker": "sticker", "document": "document", "location": "location"}

_SHOP_SAYS = {
    Trigger.ORDER_PLACED: "placed",
    Trigger.ORDER_PAID: "paid",
    Trigger.ORDER_DELIVERED: "delivered",
    Trigger.ORDER_CANCELLED: "cancelled",
}
PIECES = 10  # of a product that is in stock
OFF = 20  # percent, where a price drops
OF_STOCK = ("sold_out", "back_in_stock", "product_wanted", "price_dropped", "price_raised")
STORE_WORDS = (
    *("cart_abandoned", "cart_emptied", "product_viewed", *_SHOP_SAYS, Trigger.ORDER_REFUNDED, *OF_STOCK),
    *("consent given", "consent withdrawn", "no more codes", "codes again"),
)


# ---- what came of a story


@dataclass(frozen=True, slots=True)
class Told:
    """A story as it came out. `text` is what its file should hold; `flows` are those that started."""

    story: Story
    text: str
    flows: frozenset[str]

    @property
    def came_true(self) -> bool:
        """Whether it came out as it is written."""
        return self.text == f"{self.story.top}\n---\n{visible(self.story.body)}"


@dataclass(frozen=True, slots=True)
class Watched(Revision):
    """A revision that counts which of its steps are done."""

    passed: Counter[str] = field(default_factory=Counter, compare=False)

    def passes(self, path: str) -> None:
        """One more time."""
        self.passed[path] += 1


def watched(playbook: Playbook) -> Playbook:
    """The playbook with its flows read back from what the store would keep of them, and watched."""
    loaded = playbook.library
    flows_read_back = {name: _read_back(revision) for name, revision in loaded.flows.items()}
    return Playbook(replace(loaded, flows=flows_read_back), playbook.house_texts)


def _read_back(revision: Revision) -> Watched:
    kept = library.restore(revision.id, revision.source)
    if kept != revision:
        raise ValueError(f"the flow '{revision.flow.id}' is not what the store would read back")
    return Watched(**{one.name: getattr(kept, one.name) for one in fields(Revision)})


async def play(story: Story, playbook: Playbook, folder: Path) -> Told:
    """Play a story on a scratch database in `folder`, which is its own. Raises Fault for what cannot be done."""
    stage = _Stage(await open_database(folder / "story.db"), playbook, story)
    try:
        await stage.set_up()
        for deed in story.deeds:
            await stage.do(deed)
        await stage.rest()
    finally:
        await stage.close()
    stage.script.remark(story.remarks)
    return Told(story, f"{story.top}\n---\n{stage.script.text}", frozenset(stage.started))


class _Stage(Play):
    """One story under way."""

    def __init__(self, store: Database, playbook: Playbook, story: Story) -> None:
        self.story = story
        self.begins = story.deeds[0].at
        self.script = Script(self.begins)
        self.started: set[str] = set()
        self._heard: list[Content] = []
        self._buttons: dict[str, Button] = {}
        self._seen = _Seen()
        self._order: dict[str, object] | None = None
        self._orders = self._refunds = 0
        self._carts = 0
        self._has_cart = False
        self._codes: dict[str, str] = {}
        self._said_by_staff = ""
        self._is_set_up = False
        super().__init__(store, _silent(playbook), _customer(story, playbook), self.begins - _before(story), self._heard.append)
        self._flows = playbook

    # ---- before it begins

    async def set_up(self) -> None:
        """Who the customer is, what they bought, when they wrote: no flow hears of it."""
        given = self.story.head.given
        await self.tell("customer.updated", {})
        if any(deed.text in OF_STOCK for deed in self.story.deeds):
            await self.stock_is(PIECES)
            await self.price_is(self.price)
        for number in range(given.contact.orders):
            apart = given.contact.every
            await self.wait_until(self.now + timedelta(hours=1) if apart is None else self.begins - (given.contact.orders - number) * apart)
            await self.tell("order.created", {"order_key": f"before-{number}", "order_number": f"#{900 + number}", "status": "delivered"})
        if given.contact.wrote is not None:
            await self.wait_until(self.begins - given.contact.wrote)
            await self.write("hello")
            await self._store.run(actions.hand_back(self.customer.phone, STAFF, self.now))  # no flow answered, so it waits for staff
            await self.settle()
        contact = await self.contact()
        for tag in given.contact.tags:
            await self._store.run(contacts.add_tag(contact, tag, self.now))
        self.codes_run_out = given.codes == "no"
        await self.wait_until(self.begins)
        self._heard.clear()
        self._seen = await self.look(contact)
        self._playbook = self._flows
        await self._store.run(lapse.follow(self._house(), contact))  # a night has gone by
        self._is_set_up = True

    async def contact(self) -> int:
        """The customer, as the store knows them."""
        found = await self._store.read(contacts.find(Identity(IdentityKind.PHONE, self.customer.phone)))
        assert found is not None, "the shop told of the customer when the story was set up"
        return found

    # ---- what happens

    async def do(self, deed: Deed) -> None:
        """Let time pass until then, and do it."""
        await self.wait(deed.at - self.now)
        self.script.remark(deed.remarks)
        self.script.say(deed.at, deed.text if deed.actor is Actor.TIME else f"{deed.actor}: {deed.text}")
        match deed.actor:
            case Actor.CUSTOMER:
                await self.customer_does(deed)
            case Actor.STORE:
                await self.store_does(deed)
            case Actor.STAFF:
                await self.staff_does(deed)
            case Actor.TIME:
                pass
            case never:
                assert_never(never)

    async def customer_does(self, deed: Deed) -> None:
        """They write, send something that is no text, or press a button."""
        pressed = re.fullmatch(r"\[(.+)\]", deed.text)
        sent = re.fullmatch(r"\((.+)\)", deed.text)
        if pressed:
            button = self._buttons.get(pressed[1])
            if button is None:
                there = ", ".join(f"[{title}]" for title in self._buttons) or "none yet"
                raise self._fault(deed, f"no message has the button [{pressed[1]}]; there are: {there}")
            await self.watch_stop(button)
            await self.press(button.title, button.payload)
        elif sent and sent[1] in MEDIA:
            await self._from_whatsapp({"type": MEDIA[sent[1]], MEDIA[sent[1]]: {"id": "1"}})
        else:
            await self.write(deed.text)

    async def watch_stop(self, button: Button) -> None:
        """A button that opts out does so at once, before any flow is asked: its step counts as done all the same."""
        press = read_button_payload(button.payload)
        live = await self._store.read(runs.load(press.run)) if press and press.opts_out else None
        revision = self._flows.library.flows.get(live.run.flow) if live else None
        if press and live and revision and live.run.generation == press.generation:
            revision.passes(f"{live.run.position}.answers.{press.answer}.then.0")

    async def store_does(self, deed: Deed) -> None:
        """Something happens in the shop."""
        match deed.text:
            case "cart_abandoned":
                self._carts += not self._has_cart
                self._has_cart = True
                await self.cart_is({})
            case "cart_emptied":
                await self.cart_is({"items": [], "total": "0.00"})
            case "product_viewed":
                await self.tell("product.viewed", self.page())
            case "consent given" | "consent withdrawn":
                state = "granted" if deed.text.endswith("given") else "withdrawn"
                consent = {"whatsapp": {"state": state, "at": self.now.isoformat(), "source": "the shop"}}
                await self.tell("consent.updated", {"consent": consent})
            case "no more codes" | "codes again":
                self.codes_run_out = deed.text == "no more codes"
            case ware if ware in OF_STOCK:
                await self.ware_is(ware)
            case Trigger.ORDER_REFUNDED:
                if self._order is None:
                    raise self._fault(deed, "there is no order yet: write 'store: order_placed' above")
                self._refunds += 1
                refund = {"refund_key": f"r-{self._refunds}", "refunded": self._bought()["total"]}
                await self.tell("order.refunded", {**self._order, **refund, "items": []})
            case order if order in _SHOP_SAYS:
                await self.order_is(_SHOP_SAYS[Trigger(order)])
            case other:
                hint = did_you_mean(other, STORE_WORDS) or f"; it does: {', '.join(STORE_WORDS)}"
                raise self._fault(deed, f"the store does not do '{other}'{hint}")

    async def ware_is(self, word: str) -> None:
        """Something happens to the first thing in the cart, or the customer wants to hear of it."""
        match word:
            case "sold_out" | "back_in_stock":
                await self.stock_is(PIECES if word == "back_in_stock" else 0)
            case "price_dropped" | "price_raised":
                lower = self.price.minor * (100 - OFF) // 100
                await self.price_is(replace(self.price, minor=lower) if word == "price_dropped" else self.price)
            case _:
                await self.want()

    async def cart_is(self, changed: Mapping[str, object]) -> None:
        """The open cart, as the shop tells it; what was ordered is no cart any more."""
        cart = {"checkout_key": f"cart-{self._carts}", "recovery_url": f"https://shop.example/c/{self._carts}"}
        await self.tell("checkout.updated", {**cart, **changed})

    async def order_is(self, status: str) -> None:
        """The order gets further; there is a new one when it is placed, or when there was none."""
        if self._order is None or status == "placed":
            self._orders += 1
            number = 1000 + self._orders
            self._order = {
                "order_key": f"o-{number}",
                "order_number": f"#{number}",
                "tracking_url": f"https://shop.example/track/{number}",
                "reorder_url": f"https://shop.example/again/{number}",
                "placed_at": self.now.isoformat(),
                **({"checkout_key": f"cart-{self._carts}"} if self._has_cart else {}),
            }
            self._has_cart = False
        await self.tell("order.updated", {**self._order, "status": status})

    async def tell(self, kind: str, told: Mapping[str, object]) -> None:
        """The shop tells something of this customer. What they agreed to it tells once, and when that changes."""
        known_of_them = self._bought()
        if self._is_set_up:
            known_of_them.pop("consent")
        await self._from_shop(kind, {**known_of_them, **told})

    async def staff_does(self, deed: Deed) -> None:
        """They take the conversation over, hand it back, or answer."""
        phone = self.customer.phone
        match deed.text:
            case "takes over":
                await self._store.run(actions.take(phone, STAFF, self.now))
            case "hands back":
                await self._store.run(actions.hand_back(phone, STAFF, self.now))
            case text:
                self._said_by_staff = text
                await self._store.run(actions.say(phone, STAFF, text, self.now))
        await self.settle()

    async def rest(self) -> None:
        """Until nothing of this story can happen any more of its own accord."""
        end = self.now + LONGEST_REST
        for _ in range(MOST_TURNS):
            if not await self.goes_on() or self.now > end or not await self.next_thing():
                return

    async def goes_on(self) -> bool:
        """Whether a run is under way, a message waits, or a flow is about to start. (A purchase that is used up one day is not.)"""
        contact = await self.contact()
        now = await self._store.read(known.story(contact))
        if now.live or any(one.state == "queued" for one in now.asked):
            return True
        return any(_starts(timer.kind) for timer in await self._store.read(known.next_timers()))

    def _fault(self, deed: Deed, message: str) -> Fault:
        return Fault(self.story.file, deed.line, message, self.script.text)

    # ---- what came of it

    async def settle(self) -> None:
        """Until there is nothing to do at this moment; then it is told."""
        await super().settle()
        if self._is_set_up:
            await self.tell_outcomes()

    async def tell_outcomes(self) -> None:
        """Lines for all that changed at this moment, in an order of their own: what is known, what was said, what was decided."""
        before, after = self._seen, await self.look(await self.contact())
        self._seen = after
        self.started |= {run.flow for run in after.runs}
        self._name_codes(after.runs)
        notes = [note for note in after.notes[len(before.notes) :] if not self._is_for_others(note)]
        lines = [
            *(f"tag: {tag}" for tag in sorted(after.tags - before.tags)),
            *(f"untag: {tag}" for tag in sorted(before.tags - after.tags)),
            *_consent_lines(before.consent, after.consent),
            *(f"no code: {note.text.removeprefix(_NO_CODE)}" for note in notes if note.text.startswith(_NO_CODE)),
            *(self._message(content) for content in self._heard if content.body != self._said_by_staff),
            *(line for note in notes if (line := _line_of(note, self.local(self.now)))),
            *([f"handed over: {after.reason}"] if after.reason and not before.reason else ()),
            *(self._ended(run) for number, run in enumerate(after.runs) if run.outcome and not before.has_ended(number)),
        ]
        self._heard.clear()
        self._said_by_staff = ""
        for line in lines:
            self.script.say(self.local(self.now), self._with_names(line))

    def _is_for_others(self, note: Noted) -> bool:
        """Whether a flow that the story is not about was for somebody else."""
        about = self.story.head.flow
        return about not in (None, note.about) and note.text.startswith(_NOT_STARTED) and note.text.endswith(_NOT_SO)

    def _name_codes(self, found: tuple[Run, ...]) -> None:
        for run in found:
            if run.discount:
                self._codes.setdefault(run.discount.code, f"CODE{len(self._codes) + 1}")

    def _with_names(self, line: str) -> str:
        for code, name in self._codes.items():
            line = line.replace(code, name)
        return line

    def local(self, moment: datetime) -> datetime:
        """The moment on the store's clock."""
        return moment.astimezone(ZoneInfo(self._flows.rules.timezone))

    def _message(self, content: Content) -> str:
        """A message as the customer gets it: a template with its name, the buttons below."""
        self._buttons |= {button.title: button for button in content.buttons}
        named = f"[{content.name}] " if isinstance(content, TemplateMessage) else ""
        return "\n".join(filter(None, (f"bot: {named}{content.body}".rstrip(), " ".join(extras(content)))))

    def _ended(self, run: Run) -> str:
        """A run is over; of which flow is told when the story is about another."""
        own = self.story.head.flow or self._seen.runs[0].flow
        return f"run ended: {run.outcome}" if run.flow == own else f"run ended ({run.flow}): {run.outcome}"

    async def look(self, contact: int) -> "_Seen":
        """How things are now."""
        person = await self._store.read(contacts.load(contact))
        conversation = await self._store.read(conversations.load(contact, NUMBER))
        waiting = await self._store.read(actions.waiting())
        found: list[Run] = []
        while (live := await self._store.read(runs.load(len(found) + 1))) is not None:
            found.append(live.run)
        reason = next((one.reason for one in waiting), None) if conversation.control is not Control.BOT else None
        notes = await self._store.read(contacts.audit_of(contact))
        return _Seen(person.tags, person.consent, reason, tuple(found), tuple(notes))


@dataclass(frozen=True, slots=True)
class _Seen:
    """How things were at the last look. `reason`: why the conversation waits for staff. `runs` by their number, from 1."""

    tags: frozenset[str] = frozenset()
    consent: Consent = Consent.UNKNOWN
    reason: str | None = None
    runs: tuple[Run, ...] = ()
    notes: tuple[Noted, ...] = ()

    def has_ended(self, number: int) -> bool:
        """Whether the run of that place was over then."""
        return number < len(self.runs) and self.runs[number].outcome is not None


# ---- what notes say

_NO_CODE = "no discount could be made: "
_NOT_STARTED = "did not start: "
_TOLD_OTHERWISE = ("started as run ", "ended: ", "handed over to staff: ", "agreed to ", "stopped marketing messages", _NO_CODE)
_NO_NEWS = re.compile(
    r"[a-z_]+: (the goal of .* is reached|.* stops)|the cart of .* was bought|.* should be used up|the person stopped marketing messages"
    rf"|{STAFF} (took the conversation over|handed the conversation back)|wrote while staff have the conversation"
    r"|.* is back in stock|.* costs less"
)
_NOT_SO = " is not so"
_WAITS = re.compile(r"a message waits until (\d{4}-\d\d-\d\d \d\d:\d\d) UTC: (.*)")
_WORDS = {
    "waits its turn: ": "waits its turn",
    "a message was not sent: ": "not sent",
    "a queued message was cancelled: ": "cancelled",
}


def _line_of(note: Noted, at: datetime) -> str | None:
    """The line of a note, if it says what no other line does. `at`: now, on the store's clock."""
    if note.text.startswith(_TOLD_OTHERWISE) or _NO_NEWS.fullmatch(note.text):
        return None
    if waits := _WAITS.fullmatch(note.text):
        until = datetime.fromisoformat(f"{waits[1]}+00:00").astimezone(at.tzinfo)
        return f"held: until {stamp(until, at)}. {waits[2]}"
    if note.text.startswith(_NOT_STARTED):
        return f"not started: {note.about}, {note.text.removeprefix(_NOT_STARTED)}"
    for beginning, word in _WORDS.items():
        if note.text.startswith(beginning):
            return f"{word}: {note.text.removeprefix(beginning)}"
    return f"note: {note.about}: {note.text}"


def _consent_lines(before: Consent, after: Consent) -> tuple[str, ...]:
    if before is after or after is Consent.UNKNOWN:
        return ()
    return ("opted in: marketing messages are welcome",) if after is Consent.GRANTED else ("opted out: no more marketing messages",)


def _starts(timer: str) -> bool:
    return timer.startswith(flows.START_TIMER) or timer in (stock.NEWS_TIMER, stock.TURN_TIMER)


# ---- the parts


def _silent(playbook: Playbook) -> Playbook:
    """The same store without flows: what is given starts none."""
    return Playbook(Library(rules=playbook.rules), playbook.house_texts)


def _before(story: Story) -> timedelta:
    """How long before the story what is given of it begins."""
    given = story.head.given.contact
    return max(BEFORE, given.orders * given.every) if given.every else BEFORE


def _customer(story: Story, playbook: Playbook) -> Customer:
    given = story.head.given
    total = money.parse(given.cart.total, playbook.rules.currency)
    if total is None:
        raise Fault(story.file, 1, f"'{given.cart.total}' is no sum of money: write '80' or '80 {playbook.rules.currency}'")
    language = given.contact.language or playbook.rules.source_language
    return Customer(
        name=given.contact.first_name or None,
        language=language,
        cart=total.minor,
        category=given.cart.category or next(iter(playbook.rules.used_up), "coffee"),
        consents={"yes": True, "no": False, "unknown": None}[given.contact.consent],
        items=given.cart.items,
        phone=given.contact.phone,
        country=given.contact.country,
    )
