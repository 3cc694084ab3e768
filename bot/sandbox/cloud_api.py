"""A WhatsApp Cloud API on loopback: templates, messages, statuses, the customer's phone, and the faults of the real one.

It keeps the rules that a sender can run into (reply window, templates exactly in their language, parameters, speed limits,
"stop promotions") and tells everything else by signed webhooks, as Meta does.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.sandbox import envelope
from bot.sandbox.bubble import ANSWERS, Bubble, Button, Drawing, Tick
from bot.sandbox.customer import Customer, country_of, wa_id_of
from bot.sandbox.drawing import draw
from bot.sandbox.fault import Faults, SendFault
from bot.sandbox.graph_error import GraphError
from bot.sandbox.limit import SendLimit
from bot.sandbox.template import Template, fill, new_template
from bot.sandbox.webhook import RETRY_PAUSES, Webhooks

VERSION = "v24.0"
CALLBACK_DATA_LIMIT = 512  # Cloud API: biz_opaque_callback_data
HANG_SECONDS = 120.0  # longer than any sender waits
REORDER_SECONDS = 0.3  # how far an overtaken update falls back
BLUE_TICK_SECONDS = 0.02  # between a message being seen and the read status going out
PAGE_LIMIT = 250  # templates of one answer, as Meta's largest page
LATE_REFUSALS = frozenset({131047, 131049, 131050})  # may come as a failed status after a 200

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
    """A POST /messages that was read. `at` is the sandbox's clock, `started` `time.monotonic()`, both when its head arrived."""

    at: datetime
    started: float
    key: str | None
    payload: Mapping[str, Any]
    fault: SendFault | None


class CloudApi:
    """One number of one WhatsApp business account. `status_delay` is real seconds between a message's statuses."""

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
        self.number = envelope.Number(number_id, display_number, business_name)
        self.waba_id, self.token = waba_id, token
        self.status_delay, self.approve_at_once, self.us_gate = status_delay, approve_at_once, us_gate
        self.limit = limit or SendLimit()
        self.faults = Faults()
        self.templates: dict[tuple[str, str], Template] = {}
        self.customers: dict[str, Customer] = {}
        self.accepted: list[Accepted] = []
        self.attempts: list[Attempt] = []
        self.subscribed = False
        self._clock = clock
        self._random = Random(seed)  # noqa: S311 - faults must be repeatable, not secret
        self._closing = asyncio.Event()
        self._template_ids = iter(range(594_425_479_261_596, 10**18))
        self.webhooks = Webhooks(
            url=webhook_url,
            pack=lambda changes: envelope.pack(waba_id, changes),
            sign=lambda _, body: envelope.sign(app_secret, body),
            taken=lambda status: status == web.HTTPOk.status_code,
            batch=lambda: self.faults.batch,
            retry_pauses=retry_pauses,
            parallel=parallel,
        )

    # the life of it

    async def start(self) -> None:
        """Begins to deliver webhooks."""
        await self.webhooks.start()

    async def close(self) -> None:
        """Ends hanging answers and deliveries."""
        self._closing.set()
        await self.webhooks.close()

    async def idle(self) -> None:
        """Returns when every webhook was delivered or given up."""
        await self.webhooks.idle()

    def routes(self) -> list[web.RouteDef]:
        """Everything under `/{version}`."""
        graph = r"/{version:v\d+\.\d+}"
        number, waba = f"{graph}/{self.number.id}", f"{graph}/{self.waba_id}"
        return [
            web.post(f"{number}/messages", self._guard(self._post_message)),
            web.get(number, self._guard(self._get_number)),
            web.post(f"{waba}/message_templates", self._guard(self._create_template)),
            web.get(f"{waba}/message_templates", self._guard(self._list_templates)),
            web.delete(f"{waba}/message_templates", self._guard(self._delete_template)),
            web.post(f"{waba}/subscribed_apps", self._guard(self._subscribe)),
            web.get(f"{waba}/subscribed_apps", self._guard(self._get_subscription)),
            web.get(graph + r"/{id:\d+}", self._guard(self._get_template)),
            web.post(graph + r"/{id:\d+}", self._guard(self._edit_template)),
            web.route("*", graph + "/{rest:.*}", self._guard(self._unknown)),
        ]

    # the customer's side

    def introduce(self, phone: str, name: str, username: str | None = None) -> Customer:
        """Makes a customer known, or gives them another name. With a `username` their webhooks carry no phone."""
        customer = self.customer(phone)
        customer.name, customer.username = name, username
        return customer

    def customer(self, phone: str) -> Customer:
        """The customer with this phone; everybody is on WhatsApp here. Raises ValueError for what is no phone."""
        wa_id = wa_id_of(phone)
        if wa_id is None:
            raise ValueError("not a phone number")
        return self.customers.setdefault(wa_id, Customer(wa_id, name=f"+{wa_id}"))

    def receive_from(self, phone: str, text: str, *, reply_to: str | None = None) -> str:
        """The customer writes. Returns the message's id."""
        part: Json = {"type": "text", "text": {"body": text}}
        if reply_to:
            part["context"] = {"from": self.number.display, "id": reply_to}
        return self.receive_raw(phone, part, Drawing(body=text), reply_to=reply_to)

    def press(self, phone: str, button: str, *, message_id: str | None = None) -> str:
        """The customer presses the newest button with this title or payload. Raises LookupError when there is none."""
        bubble, pressed = self._find_button(phone, button, message_id)
        part = envelope.press(self.number, pressed, bubble.id)
        return self.receive_raw(phone, part, Drawing(body=pressed.title), reply_to=bubble.id)

    def receive_raw(self, phone: str, part: Json, drawing: Drawing, *, reply_to: str | None = None) -> str:
        """Anything else from the customer: `part` holds `type` and what belongs to it, in Meta's JSON."""
        customer, now = self.customer(phone), self._clock()
        bubble = Bubble(_wamid(customer), now, by_customer=True, drawing=drawing, tick=Tick.DELIVERED, reply_to=reply_to)
        customer.last_wrote = now
        customer.thread.append(bubble)
        self.read(phone)
        self._tell_of(customer, part, bubble.id)
        return bubble.id

    def react(self, phone: str, message_id: str, emoji: str) -> None:
        """The customer reacts to a message, or takes it back with an empty emoji. Raises LookupError when it is not there."""
        customer, bubble = self._on_phone(phone, message_id)
        bubble.react(emoji, by_customer=True)
        customer.last_wrote = self._clock()
        reaction = {"message_id": message_id} | ({"emoji": emoji} if emoji else {})
        self._tell_of(customer, {"type": "reaction", "reaction": reaction})

    def edit(self, phone: str, message_id: str, text: str) -> None:
        """The customer edits what they wrote. Raises LookupError when it is not there."""
        customer, bubble = self._on_phone(phone, message_id)
        bubble.drawing, bubble.edited = replace(bubble.drawing, body=text), True
        customer.last_wrote = self._clock()
        message = {"id": message_id, "type": "text", "text": {"body": text}}
        self._tell_of(customer, {"type": "edit", "edit": {"original_message_id": message_id, "message": message}})

    def revoke(self, phone: str, message_id: str) -> None:
        """The customer deletes what they sent, for everyone. Raises LookupError when it is not there."""
        customer, bubble = self._on_phone(phone, message_id)
        bubble.drawing, bubble.deleted = Drawing(body=""), True
        self._tell_of(customer, {"type": "revoke", "revoke": {"original_message_id": message_id}})

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

    def _on_phone(self, phone: str, message_id: str) -> tuple[Customer, Bubble]:
        customer = self.customer(phone)
        bubble = customer.bubble(message_id)
        if bubble is None:
            raise LookupError("no such message on the phone")
        return customer, bubble

    def _tell_of(self, customer: Customer, part: Json, message_id: str = "") -> None:
        head = {"id": message_id or _wamid(customer), "timestamp": envelope.epoch(self._clock())}
        self._tell(envelope.inbound(self.number, customer, head | part))

    def preference(self, phone: str, value: str) -> None:
        """The customer uses WhatsApp's own switch for promotions: `stop` or `resume`."""
        customer = self.customer(phone)
        customer.stopped_marketing = value == "stop"
        self._tell(envelope.preference(customer, self.number, value, self._clock()))

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

    def _find_button(self, phone: str, button: str, message_id: str | None) -> tuple[Bubble, Button]:
        for bubble in reversed(self.customer(phone).thread):
            if bubble.by_customer or message_id not in (None, bubble.id):
                continue
            for one in bubble.drawing.all_buttons():
                if one.kind in ANSWERS and button in (one.title, one.value):
                    return bubble, one
        raise LookupError(f"no button {button!r} on the phone")

    # webhooks

    def _tell(self, change: Json, after: float = 0, on_due: Callable[[], None] | None = None) -> None:
        after += self.faults.delay
        if self._random.random() < self.faults.reorder:
            after += REORDER_SECONDS * self._random.random()
        self.webhooks.put(change, after=after, on_due=on_due)
        if self._random.random() < self.faults.duplicate:
            self.webhooks.put(change, after=after)

    def _tell_status(self, customer: Customer, bubble: Bubble, tick: Tick, after: float) -> None:
        change = envelope.status(self.number, customer, bubble, tick.name.lower(), self._clock())
        self._tell(change, after, lambda: _climb(bubble, tick))

    def _tell_failed(self, customer: Customer, bubble: Bubble, error: GraphError) -> None:
        bubble.failure = f"{error.code}: {error.title}"
        change = envelope.failed(self.number, customer, bubble, error, self._clock())
        self._tell(change, 2 * self.status_delay, lambda: _climb(bubble, Tick.FAILED))

    # the sender's side: messages

    def _guard(self, answer: Callable[[web.Request], Any]) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                if not secrets.compare_digest(request.headers.get("Authorization", ""), f"Bearer {self.token}"):
                    raise GraphError(190, "the access token is not valid")
                body = await answer(request)
            except GraphError as error:
                return web.json_response(error.body(), status=error.http, headers=self._headers())
            return body if isinstance(body, web.StreamResponse) else web.json_response(body, headers=self._headers())

        return guarded

    def _headers(self) -> Mapping[str, str]:
        return {"facebook-api-version": VERSION, "x-fb-trace-id": secrets.token_urlsafe(8)}

    async def _post_message(self, request: web.Request) -> Json | web.StreamResponse:
        at, started = self._clock(), time.monotonic()
        payload = await _body(request)
        if payload.get("status") == "read":
            return self._mark_read(payload)
        fault = self.faults.draw(self._random)
        self.attempts.append(Attempt(at, started, payload.get("biz_opaque_callback_data"), payload, fault))
        if fault and not fault.accepts:
            return self._refuse(fault, request)
        if coded := self.faults.draw_code(late=False):
            raise GraphError(coded.code, coded.details, subcode=coded.subcode, http=coded.http)
        answer = self._accept(payload)
        return await self._lose_answer(fault, request) if fault else answer

    def _mark_read(self, payload: Json) -> Json:
        message_id = str(payload.get("message_id"))
        for customer in self.customers.values():
            if (bubble := customer.bubble(message_id)) and bubble.by_customer:
                _climb(bubble, Tick.READ)
                return {"success": True}
        raise GraphError(100, "message_id does not belong to an incoming message")

    def _refuse(self, fault: SendFault, request: web.Request) -> web.StreamResponse:
        match fault:
            case SendFault.RATE_LIMITED:
                raise GraphError(130429, "switched on", http=429)
            case SendFault.PAIR_LIMITED:
                raise GraphError(131056, "switched on", http=429)
            case SendFault.GRAPH_500:
                raise GraphError(131000, "switched on")
            case SendFault.CUT:
                return _cut(request)
            case _:
                return web.Response(status=500, content_type="text/html", text="<html><body>Sorry, something went wrong.</body></html>")

    async def _lose_answer(self, fault: SendFault, request: web.Request) -> web.StreamResponse:
        if fault is SendFault.ACCEPT_THEN_503:
            return web.Response(status=503, content_type="text/html", text="<html><body>Service unavailable</body></html>")
        if fault is SendFault.ACCEPT_THEN_HANG:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), HANG_SECONDS)
        return _cut(request)

    def _accept(self, payload: Json) -> Json:
        now = self._clock()
        customer = self._recipient(payload)
        bubble = self._bubble(payload, customer, now)
        late: GraphError | None = None
        try:
            self._check_allowed(customer, bubble, now)
        except GraphError as error:
            if not (self.faults.late_refusals and error.code in LATE_REFUSALS):
                raise
            late = error
        self.limit.check(customer.wa_id, now)
        self.accepted.append(Accepted(bubble.key, customer.wa_id, now, payload, bubble.id))
        self._send(customer, bubble, late or self._drawn_failure())
        return _accepted_answer(payload, customer, bubble)

    def _recipient(self, payload: Json) -> Customer:
        if payload.get("messaging_product") != "whatsapp":
            raise GraphError(100, "messaging_product must be whatsapp")
        if to := payload.get("to"):
            wa_id = wa_id_of(str(to))
            if wa_id is None:
                raise GraphError(131009, "to is not a phone number")
            return self.customer(wa_id)
        for customer in self.customers.values():
            if customer.user_id == payload.get("recipient"):
                return customer
        raise GraphError(131026 if payload.get("recipient") else 131008, "to or recipient must name a WhatsApp user")

    def _bubble(self, payload: Json, customer: Customer, now: datetime) -> Bubble:
        key = payload.get("biz_opaque_callback_data")
        if key is not None and (not isinstance(key, str) or len(key) > CALLBACK_DATA_LIMIT):
            raise GraphError(131009, f"biz_opaque_callback_data must be text of at most {CALLBACK_DATA_LIMIT} characters")
        context = payload.get("context")
        reply_to = str(context.get("message_id")) if isinstance(context, dict) else None
        if payload.get("type") != "template":
            return Bubble(_wamid(customer), now, by_customer=False, drawing=draw(payload), key=key, reply_to=reply_to)
        template, drawing = self._from_template(payload.get("template"))
        return Bubble(
            _wamid(customer),
            now,
            by_customer=False,
            drawing=drawing,
            template=template.name,
            category=template.category.lower(),
            key=key,
            reply_to=reply_to,
        )

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

    def _check_allowed(self, customer: Customer, bubble: Bubble, now: datetime) -> None:
        if bubble.template is None and not customer.in_window(now):
            raise GraphError(131047, "More than 24 hours have passed since the customer last replied to this number.")
        if bubble.category == "marketing" and customer.stopped_marketing:
            raise GraphError(131050, "The user has chosen to stop receiving marketing messages.")
        if bubble.category == "marketing" and self.us_gate and country_of(customer.wa_id) == "US":
            raise GraphError(131049, "Marketing messages to numbers of the United States are paused.")

    def _drawn_failure(self) -> GraphError | None:
        if coded := self.faults.draw_code(late=True):
            return GraphError(coded.code, coded.details)
        unlucky = self._random.random() < self.faults.failed
        return GraphError(self.faults.failed_code, "switched on") if unlucky else None

    def _send(self, customer: Customer, bubble: Bubble, failure: GraphError | None) -> None:
        customer.thread.append(bubble)
        self._tell_status(customer, bubble, Tick.SENT, self.status_delay)
        if customer.blocked:
            return  # Meta tells nobody who blocked them: one tick, and nothing more
        if failure:
            self._tell_failed(customer, bubble, failure)
        else:
            self._tell_status(customer, bubble, Tick.DELIVERED, 2 * self.status_delay)

    # the sender's side: number and templates

    async def _get_number(self, _: web.Request) -> Json:
        return {
            "id": self.number.id,
            "display_phone_number": self.number.display,
            "verified_name": self.number.name,
            "quality_rating": "GREEN",
            "throughput": {"level": "STANDARD"},
            "whatsapp_business_manager_messaging_limit": "TIER_2K",
            "platform_type": "CLOUD_API",
            "code_verification_status": "VERIFIED",
        }

    async def _subscribe(self, _: web.Request) -> Json:
        self.subscribed = True
        return {"success": True}

    async def _get_subscription(self, _: web.Request) -> Json:
        app = {"whatsapp_business_api_data": {"id": "1", "name": "Comeback", "link": "https://comeback.example"}}
        return {"data": [app] if self.subscribed else []}

    async def _create_template(self, request: web.Request) -> Json:
        status = "APPROVED" if self.approve_at_once else "PENDING"
        template = new_template(await _body(request), str(next(self._template_ids)), status)
        if (template.name, template.language) in self.templates:
            raise GraphError(100, f"there is already {template.language} content for this template", subcode=2388024)
        self.templates[template.name, template.language] = template
        if self.approve_at_once:
            self._tell(envelope.template_status(template))
        return {"id": template.id, "status": status, "category": template.category}

    async def _list_templates(self, request: web.Request) -> Json:
        wanted = {name: request.query[name] for name in ("name", "language", "status", "category") if name in request.query}
        found = [one.as_json() for one in self.templates.values()]
        found = [one for one in found if all(one[name] == value for name, value in wanted.items())]
        start, limit = _number(request, "after", 0), min(_number(request, "limit", 25), PAGE_LIMIT)
        end = start + limit
        paging: Json = {"cursors": {"before": str(start), "after": str(end)}}
        if end < len(found):
            paging["next"] = str(request.url.update_query(after=str(end)))
        return {"data": found[start:end], "paging": paging}

    async def _get_template(self, request: web.Request) -> Json:
        return self._template(request).as_json()

    async def _edit_template(self, request: web.Request) -> Json:
        old = self._template(request)
        edited = new_template(old.as_json() | await _body(request), old.id, "APPROVED" if self.approve_at_once else "PENDING")
        self.templates[old.name, old.language] = edited
        return {"success": True}

    async def _delete_template(self, request: web.Request) -> Json:
        name, template_id = request.query.get("name"), request.query.get("hsm_id")
        gone = [key for key, one in self.templates.items() if one.name == name and template_id in (None, one.id)]
        if not gone:
            raise GraphError(100, f"template {name!r} does not exist")
        for key in gone:
            del self.templates[key]
        return {"success": True}

    def review(self, name: str, language: str, status: str, reason: str = "NONE") -> None:
        """A template's review ends, or it is paused: APPROVED, REJECTED, PAUSED, DISABLED. The webhook goes out."""
        template = self.templates[name, language]
        template.status = status
        self._tell(envelope.template_status(template, reason))

    def _template(self, request: web.Request) -> Template:
        for template in self.templates.values():
            if template.id == request.match_info["id"]:
                return template
        raise self._no_object(request)

    async def _unknown(self, request: web.Request) -> Json:
        raise self._no_object(request)

    def _no_object(self, request: web.Request) -> GraphError:
        return GraphError(100, f"Unsupported request: nothing at {request.path}", subcode=33)


def _accepted_answer(payload: Json, customer: Customer, bubble: Bubble) -> Json:
    if payload.get("to"):
        contact = {"input": str(payload["to"]), "wa_id": customer.wa_id}
    else:
        contact = {"input": customer.user_id, "user_id": customer.user_id}
    message = {"id": bubble.id} | ({"message_status": "accepted"} if bubble.template else {})
    return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]}


def _climb(bubble: Bubble, tick: Tick) -> None:
    bubble.tick = max(bubble.tick, tick)


def _wamid(customer: Customer) -> str:
    return f"wamid.HBgL{customer.wa_id}{secrets.token_hex(12).upper()}"


def _cut(request: web.Request) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response()


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else default


async def _body(request: web.Request) -> Json:
    try:
        body = json.loads(await request.read())
    except ValueError:
        raise GraphError(100, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise GraphError(100, "the body is not an object")
    return body
