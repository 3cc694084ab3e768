"""What a test of any language can do in the sandbox, by HTTP under `/control`: be a customer, be Meta, switch rules and faults, look.

`CONTROLS` is the list of it, for the help of the command and for `GET /control`.
"""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from bot.sandbox.cloud import envelope
from bot.sandbox.cloud.bubble import Advert, Bubble, Drawing, Goods, GoodsKind, Media, MediaKind, Shelf, Ware
from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.cloud.customer import Customer
from bot.sandbox.cloud.drawing import place, shared_contact
from bot.sandbox.cloud.fault import Faults
from bot.sandbox.cloud.graph_error import GraphError
from bot.sandbox.cloud.limit import SendLimit
from bot.sandbox.cloud.rule import Rules

JUMP_LIMIT = timedelta(days=3650)
CALLS_KEPT = 1000  # the newest of a list that a test may read

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Control:
    """One line of the list."""

    method: str
    path: str
    meaning: str
    example: str = ""


_WHO = "/control/customers/{phone}"
_SAYS = f"{_WHO}/messages"
_TEMPLATE = "/control/templates/{name}/{language}"
CONTROLS = (
    Control("GET", "/control", "this list"),
    Control("GET", "/control/state", "what to put into a bot's configuration, the clock, the counts"),
    Control("POST", "/control/reset", "everything as at the start: nobody wrote, no faults, no templates"),
    Control("POST", "/control/idle", "answers when every webhook was delivered or given up"),
    Control("POST", "/control/clock", "the clock goes on", '{"seconds": 86400}'),
    Control("POST", "/control/webhook", "where webhooks go", '{"url": "http://127.0.0.1:8080/webhook"}'),
    Control("GET", "/control/faults", "the faults that are on"),
    Control(
        "POST", "/control/faults", "switches faults; what is left out is off",
        '{"next": {"rate_limited": 3}, "duplicate": 0.5, "batch": 100}',
    ),
    Control("POST", "/control/faults", "the next messages meet any error code", '{"code": {"code": 131049, "late": true, "count": 2}}'),
    Control("GET", "/control/rules", "the rules that hold"),
    Control(
        "POST", "/control/rules", "changes rules; what is left out stays",
        '{"us_gate": true, "marketing_cap": 2, "review_seconds": 60}',
    ),
    Control(
        "POST", "/control/limits", "the number's speed, the pair rate, people a day; null: no limit",
        '{"per_second": 80, "people_a_day": 250}',
    ),
    Control("POST", "/control/token", "the token, its permissions, when it ends", '{"token": "new", "expires_in": 3600, "scopes": [...]}'),
    Control("POST", "/control/numbers", "one more number", '{"id": "42", "display": "15550001111", "name": "Shop"}'),
    Control("POST", "/control/numbers/{number}", "what Meta tells of a number", '{"quality": "RED"} or {"per_second": 1000}'),
    Control("POST", "/control/account", "what Meta tells of the account", '{"event": "ACCOUNT_VIOLATION", "violation_info": {...}}'),
    Control("POST", "/control/change", "any change at all, as a webhook", '{"field": "security", "value": {}}'),
    Control("POST", _TEMPLATE, "a review ends", '{"status": "REJECTED", "reason": "PROMOTIONAL"}'),
    Control("POST", _TEMPLATE, "people complain: 3 hours, 6 hours, disabled", '{"pause": "quality"} or "pace"'),
    Control("POST", _TEMPLATE, "quality, category, assessment", '{"quality": "RED", "category": "MARKETING", "held": true}'),
    Control("POST", "/control/held", "held messages go out, or fail (132015)", '{"fail": true}'),
    Control("GET", "/control/sent", "what the API accepted, oldest first"),
    Control("GET", "/control/events", "conversions that were reported"),
    Control("GET", "/control/deliveries", "webhooks that were taken or given up"),
    Control("POST", "/control/deliveries/{place}/replay", "a delivery once more, byte for byte; -1: the last"),
    Control("GET", "/control/customers", "everybody"),
    Control("POST", _WHO, "who they are", '{"name": "Ana", "username": "ana.g", "blocked": false, "absent": false}'),
    Control("GET", f"{_WHO}/thread", "what is on their phone"),
    Control("POST", _SAYS, "they write", '{"type": "text", "text": "Hi", "reply_to": "wamid..."}'),
    Control("POST", _SAYS, "they come by an ad", '{"type": "text", "text": "Hi", "referral": {"headline": "Sale"}}'),
    Control("POST", _SAYS, "a file", '{"type": "image", "base64": "...", "mime_type": "image/jpeg", "caption": "?"}'),
    Control("POST", _SAYS, "a place", '{"type": "location", "location": {"latitude": 40.4, "longitude": -3.7}}'),
    Control("POST", _SAYS, "contact cards", '{"type": "contacts", "contacts": [{"name": {"formatted_name": "Rosa"}}]}'),
    Control("POST", _SAYS, "an order", '{"type": "order", "order": {"product_items": [{"product_retailer_id": "p"}]}}'),
    Control("POST", _SAYS, "a form's answer", '{"type": "flow", "answers": {"size": "M"}}'),
    Control("POST", _SAYS, "a kind nobody supports", '{"type": "unsupported"}'),
    Control("POST", _SAYS, "anything, in Meta's JSON", '{"raw": {"type": "text", "text": {"body": "Hi"}}}'),
    Control("POST", f"{_WHO}/press", "they press a button or row", '{"button": "title or payload"}'),
    Control("POST", f"{_WHO}/react", "they react; empty takes it back", '{"message_id": "wamid...", "emoji": "👍"}'),
    Control("POST", f"{_WHO}/edit", "they edit what they wrote", '{"message_id": "wamid...", "text": "Hello"}'),
    Control("POST", f"{_WHO}/revoke", "they delete it for everyone", '{"message_id": "wamid..."}'),
    Control("POST", f"{_WHO}/read", "they look at the chat"),
    Control("POST", f"{_WHO}/call", "they call"),
    Control("POST", f"{_WHO}/preference", "WhatsApp's own switch for promotions", '{"value": "stop"} or "resume"'),
    Control("POST", f"{_WHO}/number", "they move to another number", '{"to": "+34600000009"}'),
    Control("POST", f"{_WHO}/user_id", "they get another user id"),
    Control("POST", f"{_WHO}/echo", "staff write to them with the phone app", '{"text": "Hello"}'),
)
"""Everything under `/control`, with an example of what is posted."""


class Controls:
    """The routes. `jump` turns the clock, where there is one that can be turned."""

    def __init__(self, cloud: CloudApi, jump: Callable[[timedelta], Awaitable[None]], idle: Callable[[], Awaitable[None]]) -> None:
        self._cloud, self._jump, self._idle = cloud, jump, idle

    def routes(self) -> list[web.RouteDef]:
        """Each line of the list."""
        answers: Mapping[tuple[str, str], Callable[[web.Request, Json], Awaitable[Any]]] = {
            ("GET", "/control"): self._list,
            ("GET", "/control/state"): self._state,
            ("POST", "/control/reset"): self._reset,
            ("POST", "/control/idle"): self._rest,
            ("POST", "/control/clock"): self._clock,
            ("POST", "/control/webhook"): self._webhook,
            ("GET", "/control/faults"): self._get_faults,
            ("POST", "/control/faults"): self._set_faults,
            ("GET", "/control/rules"): self._get_rules,
            ("POST", "/control/rules"): self._set_rules,
            ("POST", "/control/limits"): self._limits,
            ("POST", "/control/token"): self._token,
            ("POST", "/control/numbers"): self._add_number,
            ("POST", "/control/numbers/{number}"): self._set_number,
            ("POST", "/control/account"): self._account,
            ("POST", "/control/change"): self._change,
            ("POST", _TEMPLATE): self._template,
            ("POST", "/control/held"): self._held,
            ("GET", "/control/sent"): self._sent,
            ("GET", "/control/events"): self._events,
            ("GET", "/control/deliveries"): self._deliveries,
            ("POST", "/control/deliveries/{place}/replay"): self._replay,
            ("GET", "/control/customers"): self._customers,
            ("POST", _WHO): self._introduce,
            ("GET", f"{_WHO}/thread"): self._thread,
            ("POST", _SAYS): self._message,
            ("POST", f"{_WHO}/{{act}}"): self._act,
        }
        return [web.route(method, path, _guarded(answer)) for (method, path), answer in answers.items()]

    # looking

    async def _list(self, _: web.Request, __: Json) -> Json:
        return {"controls": [asdict(one) for one in CONTROLS]}

    async def _state(self, _: web.Request, __: Json) -> Json:
        cloud = self._cloud
        return {
            "api": cloud.base_url,
            "token": cloud.token,
            "app_id": cloud.app.id,
            "app_secret": cloud.app_secret,
            "phone_number_id": cloud.number.id,
            "waba_id": cloud.waba_id,
            "display_phone_number": cloud.number.display,
            "numbers": list(cloud.numbers),
            "webhook": cloud.webhooks.url,
            "now": cloud.clock().isoformat(),
            "accepted": len(cloud.accepted),
            "attempts": len(cloud.attempts),
            "delivered": len(cloud.webhooks.delivered),
            "dropped": len(cloud.webhooks.dropped),
        }

    async def _sent(self, _: web.Request, __: Json) -> Json:
        return {
            "data": [
                {"id": one.wamid, "to": one.to, "at": one.at.isoformat(), "payload": one.payload}
                for one in self._cloud.accepted[-CALLS_KEPT:]
            ]
        }

    async def _events(self, _: web.Request, __: Json) -> Json:
        return {"data": self._cloud.events[-CALLS_KEPT:]}

    async def _deliveries(self, _: web.Request, __: Json) -> Json:
        hooks = self._cloud.webhooks
        return {
            "data": [
                {"taken": taken, "status": one.status, "tries": one.tries, "headers": dict(one.headers), "body": json.loads(one.body)}
                for taken, some in ((True, hooks.delivered), (False, hooks.dropped))
                for one in some[-CALLS_KEPT:]
            ]
        }

    async def _customers(self, _: web.Request, __: Json) -> Json:
        return {"data": [_who(one) for one in self._cloud.customers.values()]}

    async def _thread(self, request: web.Request, _: Json) -> Json:
        customer = self._cloud.customer(request.match_info["phone"])
        return {"customer": _who(customer), "data": [_bubble(one) for one in customer.thread]}

    # being Meta

    async def _reset(self, _: web.Request, __: Json) -> Json:
        self._cloud.reset()
        return {"ok": True}

    async def _rest(self, _: web.Request, __: Json) -> Json:
        await self._idle()
        return {"ok": True}

    async def _clock(self, _: web.Request, body: Json) -> Json:
        length = timedelta(seconds=float(body["seconds"]))
        if not timedelta() <= length <= JUMP_LIMIT:
            raise ValueError("the clock goes forward, at most ten years")
        await self._jump(length)
        self._cloud.agenda.run_due()
        return {"now": self._cloud.clock().isoformat()}

    async def _webhook(self, _: web.Request, body: Json) -> Json:
        self._cloud.webhooks.url = str(body["url"])
        return {"webhook": self._cloud.webhooks.url}

    async def _get_faults(self, _: web.Request, __: Json) -> Json:
        return self._cloud.faults.as_json()

    async def _set_faults(self, _: web.Request, body: Json) -> Json:
        self._cloud.faults = Faults.from_json(body)
        return self._cloud.faults.as_json()

    async def _get_rules(self, _: web.Request, __: Json) -> Json:
        return self._cloud.rules.as_json()

    async def _set_rules(self, _: web.Request, body: Json) -> Json:
        return Rules.from_json(body, self._cloud.rules).as_json()

    async def _limits(self, _: web.Request, body: Json) -> Json:
        people = body.pop("people_a_day", self._cloud.limit.people_a_day)
        self._cloud.number.limit = SendLimit(**body)
        if people != self._cloud.limit.people_a_day:
            self._cloud.set_daily_people(people)
        return {"per_second": self._cloud.limit.per_second, "people_a_day": self._cloud.limit.people_a_day}

    async def _token(self, _: web.Request, body: Json) -> Json:
        cloud = self._cloud
        cloud.token = str(body.get("token", cloud.token))
        cloud.app.scopes = tuple(str(scope) for scope in body.get("scopes", cloud.app.scopes))
        if "expires_in" in body:
            seconds = body["expires_in"]
            cloud.app.token_expires = None if seconds is None else cloud.clock() + timedelta(seconds=float(seconds))
        return {"token": cloud.token, "scopes": cloud.app.scopes}

    async def _add_number(self, _: web.Request, body: Json) -> Json:
        number = self._cloud.add_number(str(body["id"]), str(body["display"]), str(body["name"]))
        return number.as_json(self._cloud.tier)

    async def _set_number(self, request: web.Request, body: Json) -> Json:
        number = self._cloud.numbers[request.match_info["number"]]
        if "quality" in body:
            self._cloud.set_quality(str(body["quality"]), number)
        if "per_second" in body:
            self._cloud.set_throughput(float(body["per_second"]), number)
        if "registered" in body:
            number.registered = bool(body["registered"])
        return number.as_json(self._cloud.tier)

    async def _account(self, _: web.Request, body: Json) -> Json:
        self._cloud.tell(envelope.account(str(body.pop("event")), **body))
        return {"ok": True}

    async def _change(self, _: web.Request, body: Json) -> Json:
        if not isinstance(body["value"], dict):
            raise TypeError("value is an object")
        self._cloud.tell({"field": str(body["field"]), "value": body["value"]})
        return {"ok": True}

    async def _template(self, request: web.Request, body: Json) -> Json:
        book, name, language = self._cloud.book, request.match_info["name"], request.match_info["language"]
        template = book.by_key[name, language]
        if "status" in body:
            book.review(name, language, str(body["status"]), str(body.get("reason", "NONE")))
        if pause := body.get("pause"):
            {"quality": book.pause, "pace": book.pause_for_pace}[pause](name, language)
        if "quality" in body:
            book.set_quality(name, language, str(body["quality"]))
        if "category" in body:
            book.set_category(name, language, str(body["category"]), at_once=bool(body.get("at_once")))
        if "held" in body:
            template.held = bool(body["held"])
        return template.as_json()

    async def _held(self, _: web.Request, body: Json) -> Json:
        return {"released": self._cloud.release(fail=bool(body.get("fail")))}

    async def _replay(self, request: web.Request, _: Json) -> Json:
        hooks = self._cloud.webhooks
        return {"status": await hooks.replay(hooks.delivered[int(request.match_info["place"])])}

    # being a customer

    async def _introduce(self, request: web.Request, body: Json) -> Json:
        cloud, before = self._cloud, self._cloud.customer(request.match_info["phone"])
        customer = cloud.introduce(
            before.wa_id,
            str(body.get("name", before.name)),
            body.get("username", before.username),
            dialled=str(body.get("dialled", "")),
        )
        for name in ("blocked", "absent", "linked"):
            setattr(customer, name, bool(body.get(name, getattr(customer, name))))
        return _who(customer)

    async def _message(self, request: web.Request, body: Json) -> Json:
        cloud, phone = self._cloud, request.match_info["phone"]
        number = cloud.numbers[str(body["number"])] if body.get("number") else cloud.number
        if raw := body.get("raw"):
            part, drawing = dict(raw), Drawing(body="", header=f"[{raw.get('type')}]")
        else:
            part, drawing = self._part(body)
        reply_to = body.get("reply_to")
        if reply_to:
            part["context"] = {"from": number.display, "id": str(reply_to)}
        return {"id": cloud.receive_raw(phone, part, drawing, reply_to=reply_to, number=number)}

    def _part(self, body: Json) -> tuple[Json, Drawing]:
        kind = str(body.get("type", "text"))
        match kind:
            case "text":
                return _text(body)
            case "location":
                return {"type": kind, kind: body[kind]}, Drawing(body="", place=place(body[kind]))
            case "contacts":
                return {"type": kind, kind: body[kind]}, Drawing(body="", contacts=tuple(shared_contact(one) for one in body[kind]))
            case "order":
                return _order(body["order"])
            case "flow":
                answer = {"name": "flow", "body": "Sent", "response_json": json.dumps(body["answers"])}
                return {"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": answer}}, Drawing(body="Sent")
            case "unsupported":
                error = GraphError(131051, "Message type is currently not supported.").in_status()
                return {"type": kind, "errors": [error], kind: {"type": "poll_creation"}}, Drawing(body="", header="[poll]")
            case "image" | "video" | "audio" | "document" | "sticker":
                return self._file(kind, body)
            case _:
                raise ValueError(f"no messages of type {kind!r} here; send it as `raw`")

    def _file(self, kind: str, body: Json) -> tuple[Json, Drawing]:
        content = base64.b64decode(body["base64"], validate=True)
        file = self._cloud.media.receive(content, str(body["mime_type"]), str(body.get("filename", "")))
        more = {name: body[name] for name in ("caption", "filename", "voice", "animated") if name in body}
        made = MediaKind.VOICE if more.get("voice") else MediaKind(kind)
        drawing = Drawing(body=str(more.get("caption", "")), media=Media(made, id=file.id, filename=file.filename))
        return {"type": kind, kind: self._cloud.file_part(file) | more}, drawing

    async def _act(self, request: web.Request, body: Json) -> Json:
        cloud, phone = self._cloud, request.match_info["phone"]
        match request.match_info["act"]:
            case "press":
                return {"id": cloud.press(phone, str(body["button"]), message_id=body.get("message_id"))}
            case "react":
                cloud.react(phone, str(body["message_id"]), str(body.get("emoji", "")))
            case "edit":
                cloud.edit(phone, str(body["message_id"]), str(body["text"]))
            case "revoke":
                cloud.revoke(phone, str(body["message_id"]))
            case "read":
                cloud.read(phone)
            case "call":
                cloud.ring(phone)
            case "preference":
                cloud.preference(phone, {"stop": "stop", "resume": "resume", "signup": "signup"}[body["value"]])
            case "number":
                cloud.change_number(phone, str(body["to"]))
            case "user_id":
                cloud.change_user_id(phone)
            case "echo":
                return {"id": cloud.echo(phone, str(body["text"]))}
            case _:
                raise LookupError("customers do not do this")
        return {"ok": True}


def _text(body: Json) -> tuple[Json, Drawing]:
    text = body.get("text", "")
    words = str(text["body"] if isinstance(text, dict) else text)
    part: Json = {"type": "text", "text": {"body": words}}
    if (referral := body.get("referral")) is None:
        return part, Drawing(body=words)
    whole = {"source_url": "https://fb.me/sandbox", "source_id": "120226305854810726", "source_type": "ad", "ctwa_clid": "sandbox-click"}
    whole |= dict(referral)
    advert = Advert(str(whole.get("headline", "")), str(whole.get("body", "")), str(whole["source_url"]))
    return part | {"referral": whole}, Drawing(body=words, advert=advert)


def _order(order: Json) -> tuple[Json, Drawing]:
    lines: list[Json] = [{"quantity": 1, "item_price": 0, "currency": "EUR"} | dict(line) for line in order["product_items"]]
    whole = {"catalog_id": "194836987003835", "text": "", **order, "product_items": lines}
    wares = tuple(
        Ware(str(line["product_retailer_id"]), int(line["quantity"]), f"{line['item_price']} {line['currency']}") for line in lines
    )
    goods = Goods(GoodsKind.ORDER, (Shelf("", wares),))
    return {"type": "order", "order": whole}, Drawing(body=str(whole["text"]), goods=goods)


def _who(customer: Customer) -> Json:
    return {
        "wa_id": customer.wa_id,
        "user_id": customer.user_id,
        "name": customer.name,
        "username": customer.username,
        "stopped_marketing": customer.stopped_marketing,
        "blocked": customer.blocked,
        "absent": customer.absent,
        "last_wrote": customer.last_wrote.isoformat() if customer.last_wrote else None,
        "free_until": customer.free_until.isoformat() if customer.free_until else None,
        "typing_until": customer.typing_until.isoformat() if customer.typing_until else None,
    }


def _bubble(bubble: Bubble) -> Json:
    whole = asdict(bubble)
    whole["at"], whole["tick"] = bubble.at.isoformat(), bubble.tick.name.lower()
    whole["reactions"] = {("customer" if by_customer else "business"): emoji for by_customer, emoji in bubble.reactions.items()}
    return whole


def _guarded(answer: Callable[[web.Request, Json], Awaitable[Any]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Reads the body; what makes no sense is a 422 with the reason."""

    async def guarded(request: web.Request) -> web.Response:
        try:
            raw = await request.read()
            body = json.loads(raw) if raw.strip() else {}
            if not isinstance(body, dict):
                raise TypeError("the body is an object")
            return web.json_response(await answer(request, body), dumps=_dump)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError, GraphError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=422)

    return guarded


def _dump(value: Any) -> str:
    return json.dumps(value, default=lambda one: one.isoformat() if isinstance(one, datetime) else str(one))
