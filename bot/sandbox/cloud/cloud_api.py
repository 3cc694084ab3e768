"""A WhatsApp Cloud API on loopback: numbers, templates, messages, files, the customers' phones, and the faults of the real one.

It keeps the rules that a sender can run into (reply window, templates exactly in their language, parameters, speed limits,
"stop promotions") and tells everything else by signed webhooks, as Meta does. `graph.py` is its HTTP side.
"""

import asyncio
import hashlib
import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from aiohttp import web

from bot.sandbox.cloud import envelope
from bot.sandbox.cloud.account import App, Number
from bot.sandbox.cloud.agenda import Agenda
from bot.sandbox.cloud.bubble import ANSWERS, Bubble, Button, Drawing, Media, Tick
from bot.sandbox.cloud.customer import REPLY_WINDOW, Customer, region_of, wa_id_of
from bot.sandbox.cloud.drawing import draw, part_of
from bot.sandbox.cloud.fault import Faults, SendFault
from bot.sandbox.cloud.fetch import links_of, trouble_with_link
from bot.sandbox.cloud.graph_error import GraphError
from bot.sandbox.cloud.limit import SendLimit
from bot.sandbox.cloud.media import File, MediaShelf
from bot.sandbox.cloud.rule import SERVICE_CHARGED_FROM, UNCAPPED, Rules
from bot.sandbox.cloud.teller import Teller
from bot.sandbox.cloud.template import Template
from bot.sandbox.cloud.template_book import TemplateBook
from bot.sandbox.cloud.template_fill import fill
from bot.sandbox.cloud.webhook import RETRY_PAUSES, Webhooks

CALLBACK_DATA_LIMIT = 512  # Cloud API: biz_opaque_callback_data
BLUE_TICK_SECONDS = 0.02  # between a message being seen and the read status going out
FREE_ENTRY = timedelta(hours=72)  # Cloud API: free entry point, from the business's first answer
DAY = timedelta(days=1)  # Cloud API: limits count the last 24 hours
TYPING = timedelta(seconds=25)  # Cloud API: the typing indicator vanishes
LATE_REFUSALS = frozenset({131026, 131047, 131048, 131049, 131050, 131053})  # may come as a failed status after a 200
POLICIES = frozenset({"CLOUD_API_FALLBACK", "STRICT"})  # marketing messages: product_policy

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that goes out. `key` is the sender's `biz_opaque_callback_data`, `to` the customer's wa_id."""

    key: str | None
    to: str
    at: datetime
    payload: Mapping[str, Any]
    wamid: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """A POST of a message that was read. `at` is the sandbox's clock, `started` `time.monotonic()`, both when its head arrived."""

    at: datetime
    started: float
    key: str | None
    payload: Mapping[str, Any]
    fault: SendFault | None


@dataclass(frozen=True, slots=True)
class _Sending:
    """A message on its way."""

    number: Number
    customer: Customer
    bubble: Bubble
    price: Json


class CloudApi:
    """One WhatsApp business account with its first number. `status_delay` is real seconds between a message's statuses."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        number_id: str = "106540352242922",
        waba_id: str = "102290129340398",
        token: str = "sandbox-token",  # noqa: S107 - an invented token for an invented API
        app_secret: str = "sandbox-app-secret",  # noqa: S107 - likewise
        webhook_url: str = "",
        business_name: str = "Casa Bonita",
        display_number: str = "34911000000",
        status_delay: float = 0.05,
        approve_at_once: bool = True,
        us_gate: bool = False,
        limit: SendLimit | None = None,
        seed: int = 0,
        retry_pauses: Sequence[float] = RETRY_PAUSES,
        parallel: int = 1,
    ) -> None:
        """`us_gate`: marketing templates to +1 numbers are refused (131049). `parallel`: webhook POSTs at the same time."""
        self.number = Number(number_id, display_number, business_name, limit=limit or SendLimit())
        self.numbers = {number_id: self.number}
        self.waba_id, self.token, self.app_secret = waba_id, token, app_secret
        self.app = App()
        self.status_delay = status_delay
        self.rules = Rules(approve_at_once=approve_at_once, us_gate=us_gate)
        self.faults = Faults()
        self.customers: dict[str, Customer] = {}
        self.accepted: list[Accepted] = []
        self.attempts: list[Attempt] = []
        self.events: list[Json] = []
        """Conversions that the business reported."""
        self.media = MediaShelf(clock)
        self.base_url = "https://lookaside.fbsbx.com"
        """Where the files of customers lie; a sandbox that listens writes its own address here."""
        self.clock = clock
        self.random = Random(seed)  # noqa: S311 - faults must be repeatable, not secret
        self.closing = asyncio.Event()
        self._aliases: dict[str, str] = {}
        self._held: list[_Sending] = []
        self._writers: dict[str, Customer] = {}  # who wrote a message, by its id
        self._by_user_id: dict[str, Customer] = {}

        def queue(url: str) -> Webhooks:
            return Webhooks(
                url=url,
                pack=self._pack,
                sign=lambda _, body: envelope.sign(app_secret, body),
                taken=lambda status: status == web.HTTPOk.status_code,
                batch=lambda: self.faults.batch,
                repeat=lambda: self._happens(self.faults.repeat),
                retry_pauses=retry_pauses,
                parallel=parallel,
            )

        self.webhooks = queue(webhook_url)
        self._teller = Teller(self.webhooks, queue, lambda: self.faults, self._is_wanted, self.random)
        self.agenda = Agenda(clock)
        self._keeping: asyncio.Task[None] | None = None
        self._fetching: set[asyncio.Task[None]] = set()
        self.book = TemplateBook(clock, self.agenda, self.rules, self.tell)

    # the life of it

    async def start(self) -> None:
        """Begins to deliver webhooks, and to do what falls due."""
        await self._teller.start()
        self._keeping = asyncio.create_task(self.agenda.keep())

    async def close(self) -> None:
        """Ends hanging answers and deliveries."""
        self.closing.set()
        for task in (self._keeping, *self._fetching):
            if task:
                task.cancel()
        await self._teller.close()

    async def idle(self) -> None:
        """Returns when every webhook was delivered or given up."""
        self.agenda.run_due()
        while self._fetching:
            await asyncio.wait(self._fetching)
        await self._teller.idle()

    def reset(self) -> None:
        """Everything as at the start, but for where webhooks go, the numbers and the limits."""
        self.customers.clear()
        for index in (self._aliases, self._held, self._writers, self._by_user_id):
            index.clear()
        for some in (self.accepted, self.attempts, self.events, self.webhooks.delivered, self.webhooks.dropped):
            some.clear()
        self.book.forget()
        self.faults = Faults()
        self.app.token_expires = None

    # what the business has

    @property
    def limit(self) -> SendLimit:
        """The speed limits of the first number."""
        return self.number.limit

    @property
    def templates(self) -> dict[tuple[str, str], Template]:
        """All templates by name and language."""
        return self.book.by_key

    @property
    def approve_at_once(self) -> bool:
        """Whether templates need no review."""
        return self.rules.approve_at_once

    @approve_at_once.setter
    def approve_at_once(self, at_once: bool) -> None:
        self.rules.approve_at_once = at_once

    @property
    def tier(self) -> str:
        """The messaging limit as the API names it."""
        return self.limit.tier

    def add_number(self, number_id: str, display: str, name: str, limit: SendLimit | None = None) -> Number:
        """Gives the account another number."""
        self.numbers[number_id] = Number(number_id, display, name, limit=limit or SendLimit())
        return self.numbers[number_id]

    async def redirect(self, number: Number, url: str) -> None:
        """The number's webhooks go to another address from now on, empty: where the account's go."""
        await self._teller.redirect(number, url)

    def review(self, name: str, language: str, status: str, reason: str = "NONE") -> None:
        """A template's review ends, or it is paused: APPROVED, REJECTED, PAUSED, DISABLED. The webhook goes out."""
        self.book.review(name, language, status, reason)

    def set_daily_people(self, people: int | None) -> None:
        """The portfolio may write to so many people a day from now on, None: to all; the webhooks go out."""
        before, self.limit.people_a_day = self.limit.people_a_day, people
        up = people is None or (before is not None and people >= before)
        self.tell(envelope.capability(people))
        self.tell(envelope.number_quality(self.number, "UPGRADE" if up else "DOWNGRADE", self.tier))

    def set_quality(self, quality: str, number: Number | None = None) -> None:
        """The number's quality: GREEN, YELLOW or RED; the webhook goes out."""
        number = number or self.number
        number.quality = quality
        self.tell(envelope.number_quality(number, "FLAGGED" if quality == "RED" else "UNFLAGGED", self.tier), number=number)

    def set_throughput(self, per_second: float, number: Number | None = None) -> None:
        """The number may send so many messages a second from now on; the webhook goes out."""
        number = number or self.number
        number.limit.set_speed(per_second)
        self.tell(envelope.number_quality(number, "THROUGHPUT_UPGRADE", self.tier), number=number)

    # the customer's side

    def introduce(self, phone: str, name: str, username: str | None = None, *, dialled: str = "") -> Customer:
        """Makes a customer known, or gives them another name. With a `username` their webhooks carry no phone.

        `dialled`: another form of their number that reaches them as well, as with Brazil's ninth digit and Mexico's 1.
        """
        customer = self.customer(phone)
        customer.name, customer.username = name, username
        if alias := wa_id_of(dialled):
            self._aliases[alias] = customer.wa_id
        return customer

    def customer(self, phone: str) -> Customer:
        """The customer with this phone; everybody is on WhatsApp here. Raises ValueError for what is no phone."""
        wa_id = wa_id_of(phone)
        if wa_id is None:
            raise ValueError("not a phone number")
        wa_id = self._aliases.get(wa_id, wa_id)
        return self.customers.setdefault(wa_id, Customer(wa_id, name=f"+{wa_id}"))

    def by_user_id(self, user_id: str) -> Customer | None:
        """The customer with this user id or parent user id, as they are now."""
        found = self._by_user_id.get(user_id)
        if found is None or user_id not in (found.user_id, found.parent_user_id):
            self._by_user_id = {one: who for who in self.customers.values() for one in (who.user_id, who.parent_user_id)}
            found = self._by_user_id.get(user_id)
        return found

    def receive_from(self, phone: str, text: str, *, reply_to: str | None = None) -> str:
        """The customer writes. Returns the message's id."""
        part: Json = {"type": "text", "text": {"body": text}}
        if reply_to:
            part["context"] = {"from": self.number.display, "id": reply_to}
        return self.receive_raw(phone, part, Drawing(body=text), reply_to=reply_to)

    def press(self, phone: str, button: str, *, message_id: str | None = None) -> str:
        """The customer presses the newest button with this title or payload. Raises LookupError when there is none."""
        bubble, pressed = self._find_button(phone, button, message_id)
        number = self.numbers.get(bubble.number, self.number)
        part = envelope.press(number, pressed, bubble.id)
        return self.receive_raw(phone, part, Drawing(body=pressed.title), reply_to=bubble.id, number=number)

    def receive_raw(
        self, phone: str, part: Json, drawing: Drawing, *, reply_to: str | None = None, number: Number | None = None
    ) -> str:
        """Anything else from the customer: `part` holds `type` and what belongs to it, in Meta's JSON."""
        customer, number, now = self.customer(phone), number or self.number, self.clock()
        bubble = Bubble(
            _wamid(customer), now, by_customer=True, drawing=drawing, tick=Tick.DELIVERED, reply_to=reply_to, number=number.id
        )
        self._wrote(customer, number)
        if "referral" in part:
            customer.came_by_ad, customer.free_until = now, None
        customer.thread.append(bubble)
        self._writers[bubble.id] = customer
        self.read(phone)
        self._tell_of(customer, part, bubble.id, number)
        return bubble.id

    def receive_file(self, phone: str, kind: str, content: bytes, mime: str, drawing: Drawing, **more: Any) -> str:
        """The customer sends a file; `more` is what else belongs to it: `caption`, `filename`, `voice`, `animated`."""
        file = self.media.receive(content, mime, str(more.get("filename", "")))
        return self.receive_raw(phone, {"type": kind, kind: self.file_part(file) | more}, drawing)

    def file_part(self, file: File) -> Json:
        """What a webhook says of a file that a customer sent."""
        digest = b64encode(hashlib.sha256(file.content).digest()).decode()
        return {"id": file.id, "mime_type": file.mime, "sha256": digest, "url": self.media.link(file, self.base_url)}

    def react(self, phone: str, message_id: str, emoji: str) -> None:
        """The customer reacts to a message, or takes it back with an empty emoji. Raises LookupError when it is not there."""
        customer, bubble = self._on_phone(phone, message_id)
        bubble.react(emoji, by_customer=True)
        self._wrote(customer, self.number)
        reaction = {"message_id": message_id} | ({"emoji": emoji} if emoji else {})
        self._tell_of(customer, {"type": "reaction", "reaction": reaction})

    def edit(self, phone: str, message_id: str, text: str) -> None:
        """The customer edits what they wrote. Raises LookupError when it is not there."""
        customer, bubble = self._on_phone(phone, message_id)
        bubble.drawing, bubble.edited = replace(bubble.drawing, body=text), True
        self._wrote(customer, self.number)
        message = {"id": message_id, "type": "text", "text": {"body": text}}
        self._tell_of(customer, {"type": "edit", "edit": {"original_message_id": message_id, "message": message}})

    def revoke(self, phone: str, message_id: str) -> None:
        """The customer deletes what they sent, for everyone. Raises LookupError when it is not there."""
        customer, bubble = self._on_phone(phone, message_id)
        bubble.drawing, bubble.deleted = Drawing(body=""), True
        self._tell_of(customer, {"type": "revoke", "revoke": {"original_message_id": message_id}})

    def ring(self, phone: str) -> None:
        """The customer calls; nobody picks up. A call opens the reply window as words do."""
        customer, now = self.customer(phone), self.clock()
        self._wrote(customer, self.number)
        call_id = f"wacid.{secrets.token_hex(10).upper()}"
        for event in ("connect", "terminate"):
            self.tell(envelope.call(self.number, customer, call_id, event, self.stamp(now)))

    def change_number(self, phone: str, new: str) -> None:
        """The customer has a new number; their chat goes with them. Raises ValueError when it is no number, or taken."""
        wa_id, customer = wa_id_of(new), self.customer(phone)
        if wa_id is None or wa_id in self.customers:
            raise ValueError("not a phone number, or somebody else's")
        old = customer.wa_id
        system = {
            "body": f"User {customer.name} changed from {old} to {wa_id}",
            "wa_id": wa_id,
            "type": "user_changed_number",
        }
        self._tell_of(customer, {"type": "system", "system": system})
        customer.wa_id = wa_id
        self.customers[wa_id] = self.customers.pop(old)

    def change_user_id(self, phone: str) -> None:
        """The customer gets another business-scoped user id."""
        customer, now = self.customer(phone), self.stamp(self.clock())
        before = customer.user_id
        customer.turns += 1
        system = {
            "body": f"User {customer.name} changed from {before} to {customer.user_id}",
            "type": "user_changed_user_id",
            "user_id": customer.user_id,
        }
        if not customer.username:
            system["wa_id"] = customer.wa_id
        message = {"from_user_id": before, "id": _wamid(customer), "timestamp": envelope.epoch(now), "system": system}
        self.tell(envelope.system(self.number, customer, message, named=True))
        self.tell(envelope.user_id_update(self.number, customer, before, now))

    def echo(self, phone: str, text: str) -> str:
        """Staff write to the customer with the app on the same number (coexistence). Returns the message's id."""
        customer, now = self.customer(phone), self.clock()
        bubble = Bubble(_wamid(customer), now, by_customer=False, drawing=Drawing(body=text), tick=Tick.DELIVERED, number=self.number.id)
        customer.thread.append(bubble)
        message = {"id": bubble.id, "timestamp": envelope.epoch(self.stamp(now)), "type": "text", "text": {"body": text}}
        self.tell(envelope.echo(self.number, customer, message))
        return bubble.id

    def preference(self, phone: str, value: str) -> None:
        """The customer uses WhatsApp's own switch for promotions: `stop` or `resume`."""
        customer = self.customer(phone)
        customer.stopped_marketing = value == "stop"
        self.tell(envelope.preference(customer, self.number, value, self.stamp(self.clock())))

    def read(self, phone: str) -> None:
        """The customer looks at the chat: what was delivered becomes read."""
        customer = self.customer(phone)
        for bubble in customer.thread:
            if not bubble.by_customer and bubble.tick is Tick.DELIVERED and not bubble.read_reported:
                bubble.read_reported = True
                self._tell_status(customer, bubble, Tick.READ, BLUE_TICK_SECONDS)

    def thread(self, phone: str) -> tuple[Bubble, ...]:
        """Everything on the customer's phone, oldest first."""
        return tuple(self.customer(phone).thread)

    def _wrote(self, customer: Customer, number: Number) -> None:
        number.limit.heard(self.clock())
        if number is self.number:
            customer.last_wrote = self.clock()
        else:
            customer.wrote_elsewhere[number.id] = self.clock()

    def _on_phone(self, phone: str, message_id: str) -> tuple[Customer, Bubble]:
        customer = self.customer(phone)
        bubble = customer.bubble(message_id)
        if bubble is None:
            raise LookupError("no such message on the phone")
        return customer, bubble

    def _find_button(self, phone: str, button: str, message_id: str | None) -> tuple[Bubble, Button]:
        for bubble in reversed(self.customer(phone).thread):
            if bubble.by_customer or message_id not in (None, bubble.id):
                continue
            for one in bubble.drawing.all_buttons():
                if one.kind in ANSWERS and button in (one.title, one.value):
                    return bubble, one
        raise LookupError(f"no button {button!r} on the phone")

    # webhooks

    def tell(self, change: Json, after: float = 0, on_due: Callable[[], None] | None = None, number: Number | None = None) -> None:
        """Queues a change that falls due in `after` seconds; `on_due` runs just before it is posted."""
        self._teller.tell(change, after, on_due, number)

    def stamp(self, at: datetime) -> datetime:
        """The time as webhooks write it: Meta's clock may be ahead of everybody's."""
        return at + timedelta(seconds=self.faults.clock_skew)

    def _pack(self, changes: Sequence[Json]) -> bytes:
        return envelope.pack(self.waba_id, changes, self.clock(), merge=self.faults.merge, strange=self.faults.strange)

    def _happens(self, share: float) -> bool:
        """Draws only for what is switched on, so that a switch does not change what all the others draw."""
        return share > 0 and self.random.random() < share

    def _is_wanted(self) -> bool:
        return self.app.subscribed or not self.rules.needs_subscription

    def _tell_of(self, customer: Customer, part: Json, message_id: str = "", number: Number | None = None) -> None:
        number = number or self.number
        if customer.wa_id in number.blocked:
            return  # the business hears nothing of whom it blocked
        head = {"id": message_id or _wamid(customer), "timestamp": envelope.epoch(self.stamp(self.clock()))}
        self.tell(envelope.inbound(number, customer, head | part, envelope.Hiding(empty=self.faults.empty_phone)), number=number)

    def _tell_status(self, customer: Customer, bubble: Bubble, tick: Tick, after: float, price: Json | None = None) -> None:
        number = self.numbers.get(bubble.number, self.number)
        at, named = self.stamp(self.clock()), not self.faults.no_contacts
        change = envelope.status(number, customer, bubble, tick.name.lower(), at, named=named, cost=price)
        self.tell(change, after, lambda: _climb(bubble, tick), number)

    def _tell_failed(self, customer: Customer, bubble: Bubble, error: GraphError) -> None:
        bubble.failure = f"{error.code}: {error.title}"
        number = self.numbers.get(bubble.number, self.number)
        named = self.faults.failed_with_contacts
        change = envelope.failed(number, customer, bubble, error, self.stamp(self.clock()), named=named)
        self.tell(change, 2 * self.status_delay, lambda: _climb(bubble, Tick.FAILED), number)

    # the sender's side

    def mark_read(self, payload: Json) -> None:
        """The business saw a message; with `typing_indicator` it is shown as typing. Raises GraphError 100."""
        customer = self._writers.get(str(payload.get("message_id")))
        bubble = customer.bubble(str(payload["message_id"])) if customer else None
        if customer is None or bubble is None:
            raise GraphError(100, "message_id does not belong to an incoming message")
        _climb(bubble, Tick.READ)
        if isinstance(payload.get("typing_indicator"), dict):
            customer.typing_until = self.clock() + TYPING

    def accept(self, payload: Json, number: Number, *, marketing: bool = False) -> Json:
        """Takes a message, and answers as the API does. `marketing`: it came by `/marketing_messages`. Raises GraphError."""
        now = self.clock()
        self.agenda.run_due()
        if not number.registered:
            raise GraphError(133010, "the phone number is not registered")
        customer = self._recipient(payload, number)
        bubble, template = self._bubble(payload, customer, number, now)
        self._check_way(payload, template, marketing=marketing)
        if marketing:
            bubble.category = "marketing_lite"
        late = self._late(lambda: self._check_allowed(customer, bubble, number, now))
        number.limit.check(customer.wa_id, now)
        if not self._in_window(customer, number, now):
            late = late or self._late(lambda: self.limit.begin(customer.wa_id, now))  # all numbers share this one
        self.accepted.append(Accepted(bubble.key, customer.wa_id, now, payload, bubble.id))
        sending = _Sending(number, customer, bubble, self._price(customer, bubble, number, now))
        self._count(sending, now)
        held = template is not None and (template.held or self._happens(self.faults.hold))
        if held:
            self._held.append(sending)
        else:
            self._send(sending, late or self._drawn_failure(customer), payload)
        return _accepted_answer(payload, customer, bubble, held=held)

    def _late(self, check: Callable[[], None]) -> GraphError | None:
        """What a check refuses, where that is told later; what is told at once is raised."""
        try:
            check()
        except GraphError as error:
            if self.faults.late_refusals and error.code in LATE_REFUSALS:
                return error
            raise
        return None

    def release(self, *, fail: bool = False) -> int:
        """The assessment of held messages ends: they go out, or fail (132015). Returns how many there were."""
        held, self._held = self._held, []
        for sending in held:
            self._send(sending, GraphError(132015, "the template got too many complaints") if fail else None, {})
        return len(held)

    def _recipient(self, payload: Json, number: Number) -> Customer:
        if payload.get("messaging_product") != "whatsapp":
            raise GraphError(100, "messaging_product must be whatsapp")
        if payload.get("recipient_type", "individual") != "individual":
            raise GraphError(131009, "recipient_type must be individual: there are no groups here")
        if to := payload.get("to"):
            wa_id = wa_id_of(str(to))
            if wa_id is None:
                raise GraphError(131009, "to is not a phone number")
            if wa_id == number.display:
                raise GraphError(131021, "the recipient is the sender")
            if self.rules.allow_list and wa_id not in self.rules.allow_list:
                raise GraphError(131030, "the recipient is not among the test numbers")
            return self.customer(wa_id)
        recipient = payload.get("recipient")
        if not recipient:
            raise GraphError(131008, "to or recipient is required")
        customer = self.by_user_id(str(recipient))
        if customer is None:
            raise GraphError(131026, "recipient is nobody's user id")
        return customer

    def _bubble(self, payload: Json, customer: Customer, number: Number, now: datetime) -> tuple[Bubble, Template | None]:
        key = payload.get("biz_opaque_callback_data")
        if key is not None and (not isinstance(key, str) or len(key) > CALLBACK_DATA_LIMIT):
            raise GraphError(131009, f"biz_opaque_callback_data must be text of at most {CALLBACK_DATA_LIMIT} characters")
        context = payload.get("context")
        bubble = Bubble(
            _wamid(customer),
            now,
            by_customer=False,
            drawing=Drawing(body=""),
            key=key,
            reply_to=str(context.get("message_id")) if isinstance(context, dict) else None,
            number=number.id,
        )
        template = None
        match payload.get("type"):
            case "template":
                template, bubble.drawing = self._from_template(payload.get("template"))
                bubble.template, bubble.category = template.name, template.category.lower()
                if template.category == "AUTHENTICATION" and not payload.get("to"):
                    raise GraphError(131062, "authentication templates need a phone number")
            case "reaction":
                self._check_reaction(customer, payload)
            case _:
                bubble.drawing = draw(payload)
        self._check_files(payload, bubble.drawing)
        return bubble, template

    def _check_reaction(self, customer: Customer, payload: Json) -> None:
        reaction = part_of(payload, "reaction")
        bubble = customer.bubble(str(reaction.get("message_id")))
        if bubble is None:
            raise GraphError(131009, "reaction.message_id is not a message of this chat")
        if self.clock() - bubble.at > timedelta(days=30):
            raise GraphError(131009, "the message is older than 30 days")
        if not isinstance(reaction.get("emoji", ""), str):
            raise GraphError(131009, "reaction.emoji is not valid")

    def _check_files(self, payload: Json, drawing: Drawing) -> None:
        """Files must lie here, products must be in the catalog."""
        kind = str(payload.get("type"))
        for one in (drawing.media, *(card.media for card in drawing.cards)):
            if one and one.id:
                self.media.check_message("audio" if one.kind == "voice" else one.kind.value, {"id": one.id})
        wares = drawing.goods.wares if drawing.goods else ()
        if self.rules.catalog and (missing := [ware.id for ware in wares if ware.id not in self.rules.catalog]):
            raise GraphError(131009, f"{kind}: products not found in the catalog: {', '.join(missing)}")

    def _from_template(self, part: object) -> tuple[Template, Drawing]:
        if not isinstance(part, dict) or not isinstance(part.get("language"), dict):
            raise GraphError(131008, "template needs a name and a language")
        name, language = str(part.get("name")), str(part["language"].get("code"))
        template = self.templates.get((name, language))
        if template is None:
            raise GraphError(132001, f"template name ({name}) does not exist in {language}")
        if template.status == "PAUSED":
            raise GraphError(132015, f"template {name} is paused")
        if template.status == "DISABLED":
            raise GraphError(132016, f"template {name} is disabled")
        if template.status != "APPROVED":
            raise GraphError(132001, f"template name ({name}) is not approved in {language}")
        components = part.get("components") or []
        if not isinstance(components, list) or not all(isinstance(one, dict) for one in components):
            raise GraphError(131008, "components must be a list of objects")
        return template, fill(template, components)

    def _check_way(self, payload: Json, template: Template | None, *, marketing: bool) -> None:
        is_marketing = template is not None and template.category == "MARKETING"
        if not marketing:
            if is_marketing and self.rules.marketing_only_by_mm:
                raise GraphError(131063, "send marketing templates by marketing_messages")
            return
        if not is_marketing:
            raise GraphError(134100, "only marketing templates go by marketing_messages")
        if payload.get("product_policy", "CLOUD_API_FALLBACK") not in POLICIES:
            raise GraphError(100, f"product_policy is one of {', '.join(sorted(POLICIES))}")
        if not isinstance(payload.get("message_activity_sharing", True), bool):
            raise GraphError(100, "message_activity_sharing is true or false")
        if not self.rules.mm_signed:
            raise GraphError(134102, "the terms of marketing messages were not accepted")

    def _check_allowed(self, customer: Customer, bubble: Bubble, number: Number, now: datetime) -> None:
        rules, in_window = self.rules, self._in_window(customer, number, now)
        if customer.absent or customer.wa_id in number.blocked:
            raise GraphError(131026, "Message undeliverable.")
        if bubble.template is None:
            if rules.window and not in_window:
                raise GraphError(131047, "More than 24 hours have passed since the customer last replied to this number.")
            return
        if bubble.category.startswith("marketing"):
            self._check_marketing(customer, now, in_window=in_window)

    def _check_marketing(self, customer: Customer, now: datetime, *, in_window: bool) -> None:
        rules, country = self.rules, region_of(customer.wa_id)
        if rules.stop and customer.stopped_marketing:
            raise GraphError(131050, "The user has chosen to stop receiving marketing messages.")
        if rules.us_gate and country == "US":
            raise GraphError(131049, "Marketing messages to numbers of the United States are paused.")
        capped = rules.cap_everywhere or country not in UNCAPPED
        if rules.marketing_cap is not None and capped and not in_window:
            customer.marketed = [at for at in customer.marketed if now - at < DAY]
            if len(customer.marketed) >= rules.marketing_cap:
                raise GraphError(131049, "In order to maintain a healthy ecosystem engagement, the message failed to be delivered.")

    def _count(self, sending: _Sending, now: datetime) -> None:
        """Counts a marketing message against the person's cap."""
        customer, bubble = sending.customer, sending.bubble
        if bubble.category.startswith("marketing") and not self._in_window(customer, sending.number, now):
            customer.marketed.append(now)
        customer.typing_until = None

    def _in_window(self, customer: Customer, number: Number, now: datetime) -> bool:
        if number is self.number:
            return customer.in_window(now)
        wrote = customer.wrote_elsewhere.get(number.id)
        return wrote is not None and now - wrote < REPLY_WINDOW

    def _price(self, customer: Customer, bubble: Bubble, number: Number, now: datetime) -> Json:
        """What Meta takes for it (per-message pricing)."""
        if customer.came_by_ad and customer.free_until is None and now - customer.came_by_ad < REPLY_WINDOW:
            customer.free_until = now + FREE_ENTRY
        if customer.free_until and now < customer.free_until:
            return envelope.price(
                bubble.category, free="free_entry_point", until=customer.free_until, conversation=f"{customer.wa_id}{customer.came_by_ad}"
            )
        in_window = self._in_window(customer, number, now)
        free = now < SERVICE_CHARGED_FROM and (bubble.category == "service" or (bubble.category == "utility" and in_window))
        return envelope.price(bubble.category, free="free_customer_service" if free else "")

    def _drawn_failure(self, customer: Customer) -> GraphError | None:
        if coded := self.faults.draw_code(late=True):
            return GraphError(coded.code, coded.details)
        if customer.blocked and self.rules.blocked_is_told:
            return GraphError(131026, "Message undeliverable.")
        unlucky = self.random.random() < self.faults.failed
        return GraphError(self.faults.failed_code, "switched on") if unlucky else None

    def _send(self, sending: _Sending, failure: GraphError | None, payload: Json) -> None:
        links = links_of(sending.bubble.drawing) if self.rules.fetch_links and not failure else ()
        if not links:
            self._deliver(sending, failure, payload)
            return
        task = asyncio.create_task(self._fetch(sending, links, payload))
        self._fetching.add(task)
        task.add_done_callback(self._fetching.discard)

    async def _fetch(self, sending: _Sending, links: Sequence[Media], payload: Json) -> None:
        """Delivers a message once all its files were had."""
        troubles = [trouble for one in links if (trouble := await trouble_with_link(one))]
        self._deliver(sending, GraphError(131053, troubles[0]) if troubles else None, payload)

    def _deliver(self, sending: _Sending, failure: GraphError | None, payload: Json) -> None:
        customer, bubble = sending.customer, sending.bubble
        if payload.get("type") == "reaction":
            reacted = customer.bubble(str(payload["reaction"].get("message_id")))
            if reacted and not failure:
                reacted.react(str(payload["reaction"].get("emoji", "")), by_customer=False)
        else:
            customer.thread.append(bubble)
        if not (failure and self.faults.failed_alone):
            self._tell_status(customer, bubble, Tick.SENT, self.status_delay, sending.price)
        if failure:
            self._tell_failed(customer, bubble, failure)
        elif customer.blocked:
            return  # Meta tells nobody who blocked them: one tick, and nothing more
        elif self._happens(self.faults.skip_delivered):
            bubble.read_reported = True
            self._tell_status(customer, bubble, Tick.READ, 2 * self.status_delay, sending.price)
        else:
            price = sending.price if self.rules.delivered_price else None
            self._tell_status(customer, bubble, Tick.DELIVERED, 2 * self.status_delay, price)


def _accepted_answer(payload: Json, customer: Customer, bubble: Bubble, *, held: bool) -> Json:
    if payload.get("to"):
        contact = {"input": str(payload["to"]), "wa_id": customer.wa_id}
    else:
        contact = {"input": str(payload["recipient"]), "user_id": customer.user_id}
    status = "held_for_quality_assessment" if held else "accepted"
    message = {"id": bubble.id} | ({"message_status": status} if bubble.template else {})
    return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]}


def _climb(bubble: Bubble, tick: Tick) -> None:
    bubble.tick = max(bubble.tick, tick)


def _wamid(customer: Customer) -> str:
    return f"wamid.HBgL{customer.wa_id}{secrets.token_hex(12).upper()}"
