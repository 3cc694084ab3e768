"""The HTTP side of the sandbox's Cloud API: every object and edge under `/{version}`, with Graph's headers, paging and refusals."""

import asyncio
import json
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import BodyPartReader, web
from aiohttp.typedefs import Handler

from bot.sandbox.cloud import envelope
from bot.sandbox.cloud.account import PROFILE_FIELDS, Number, only
from bot.sandbox.cloud.cloud_api import Attempt, CloudApi
from bot.sandbox.cloud.customer import Customer, wa_id_of
from bot.sandbox.cloud.fault import SendFault
from bot.sandbox.cloud.graph_error import GraphError
from bot.sandbox.cloud.handshake import trouble_with
from bot.sandbox.cloud.media import ATTACHMENTS, MB, File
from bot.sandbox.cloud.template import Template
from bot.sandbox.cloud.template_book import LISTED, TEMPLATE_LIMIT, cursor_of, place_of

VERSION = "v24.0"
HANG_SECONDS = 120.0  # longer than any sender waits
PAGE = 25  # objects of one answer, unless asked for more
PAGE_LIMIT = 250
BODY_LIMIT = 110 * MB  # the largest document, and what multipart adds
BLOCK_LIMIT = 64_000  # Cloud API: people on a block list
EVENT_AGE = timedelta(days=7)  # Conversions API: older events are refused
TTL_LIMIT = 43_200  # minutes; Cloud API: ttl_minutes of an upload, 30 days
HOUR = timedelta(hours=1)
DATASET = "1000000000000042"
SYSTEM_USER = "122100000000000042"
UPLOAD_PREFIX = "upload:"
MESSAGING, MANAGEMENT = "whatsapp_business_messaging", "whatsapp_business_management"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the object it is about, and what it says in query and body together."""

    request: web.Request
    node: Any
    query: Mapping[str, str]
    body: Json

    @property
    def base_url(self) -> str:
        """Where this sandbox is, as the client sees it."""
        return str(self.request.url.origin())

    def get(self, name: str) -> Any:
        """A parameter, wherever it stands."""
        return self.body.get(name, self.query.get(name))


Answer = Callable[[Asked], Awaitable[Json | web.StreamResponse]]


class Graph:
    """The routes of a Cloud API."""

    def __init__(self, cloud: CloudApi) -> None:
        self._cloud = cloud
        self._uploads: dict[str, tuple[int, bytearray]] = {}
        self._calls: deque[float] = deque()
        self._edges: Mapping[tuple[str, str, str], tuple[Answer, str]] = {
            ("number", "GET", ""): (self._get_number, MANAGEMENT),
            ("number", "POST", ""): (self._set_number, MANAGEMENT),
            ("number", "POST", "messages"): (self._post_message, MESSAGING),
            ("number", "POST", "marketing_messages"): (self._post_marketing_message, MESSAGING),
            ("number", "POST", "media"): (self._upload_media, MESSAGING),
            ("number", "GET", "block_users"): (self._blocked, MESSAGING),
            ("number", "POST", "block_users"): (self._block, MESSAGING),
            ("number", "DELETE", "block_users"): (self._unblock, MESSAGING),
            ("number", "GET", "whatsapp_business_profile"): (self._get_profile, MANAGEMENT),
            ("number", "POST", "whatsapp_business_profile"): (self._set_profile, MANAGEMENT),
            ("number", "POST", "register"): (self._register, MANAGEMENT),
            ("number", "POST", "deregister"): (self._deregister, MANAGEMENT),
            ("number", "POST", "request_code"): (self._agree, MANAGEMENT),
            ("number", "POST", "verify_code"): (self._agree, MANAGEMENT),
            ("number", "GET", "settings"): (self._settings, MANAGEMENT),
            ("number", "POST", "settings"): (self._agree, MANAGEMENT),
            ("number", "GET", "whatsapp_commerce_settings"): (self._commerce, MANAGEMENT),
            ("number", "POST", "whatsapp_commerce_settings"): (self._agree, MANAGEMENT),
            ("waba", "GET", ""): (self._get_waba, MANAGEMENT),
            ("waba", "GET", "phone_numbers"): (self._list_numbers, MANAGEMENT),
            ("waba", "GET", "message_templates"): (self._list_templates, MANAGEMENT),
            ("waba", "POST", "message_templates"): (self._create_template, MANAGEMENT),
            ("waba", "DELETE", "message_templates"): (self._delete_template, MANAGEMENT),
            ("waba", "GET", "subscribed_apps"): (self._get_subscription, MANAGEMENT),
            ("waba", "POST", "subscribed_apps"): (self._subscribe, MANAGEMENT),
            ("waba", "DELETE", "subscribed_apps"): (self._unsubscribe, MANAGEMENT),
            ("waba", "GET", "dataset"): (self._dataset, MANAGEMENT),
            ("waba", "POST", "dataset"): (self._dataset, MANAGEMENT),
            ("template", "GET", ""): (self._get_template, MANAGEMENT),
            ("template", "POST", ""): (self._edit_template, MANAGEMENT),
            ("template", "POST", "unpause"): (self._unpause, MANAGEMENT),
            ("media", "GET", ""): (self._get_media, MESSAGING),
            ("media", "DELETE", ""): (self._delete_media, MESSAGING),
            ("dataset", "POST", "events"): (self._events, ""),
            ("app", "GET", ""): (self._get_app, ""),
            ("app", "POST", "uploads"): (self._begin_upload, ""),
            ("app", "GET", "subscriptions"): (self._subscriptions, ""),
            ("app", "POST", "subscriptions"): (self._set_subscription, ""),
            ("upload", "POST", ""): (self._upload, ""),
            ("upload", "GET", ""): (self._upload_state, ""),
            ("me", "GET", ""): (self._me, ""),
            ("debug_token", "GET", ""): (self._debug_token, ""),
            ("oauth", "GET", "access_token"): (self._app_token, "none"),
            ("oauth", "POST", "access_token"): (self._app_token, "none"),
        }

    def routes(self) -> list[web.RouteDef]:
        """Everything under `/{version}`, and the other hosts' paths that clients are led to."""
        archive = r"/{object:\d+}/message_templates/{edge:archive|unarchive}"
        return [
            web.get(ATTACHMENTS, self._guard(self._attachment)),
            web.post(archive, self._guard(self._archive)),
            web.route("*", r"/{version:v\d+\.\d+}/{object:[^/]+}{edge:/?.*}", self._guard(self._dispatch)),
        ]

    # every request

    def _guard(self, answer: Callable[[web.Request], Awaitable[Json | web.StreamResponse]]) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                body = await answer(request)
            except GraphError as error:
                return web.json_response(error.body(), status=error.http, headers=self._headers(request))
            return body if isinstance(body, web.StreamResponse) else web.json_response(body, headers=self._headers(request))

        return guarded

    def _headers(self, request: web.Request) -> Mapping[str, str]:
        limit = self._cloud.rules.management_calls
        share = min(100 * len(self._calls) // limit, 100) if limit else 0
        kind = "messages" if request.path.endswith("messages") else MANAGEMENT
        usage = {"type": kind, "call_count": share, "total_cputime": 1, "total_time": 1, "estimated_time_to_regain_access": 0}
        return {
            "facebook-api-version": request.match_info.get("version", VERSION),
            "x-fb-trace-id": secrets.token_urlsafe(8),
            "x-business-use-case-usage": json.dumps({self._cloud.waba_id: [usage]}),
            "x-app-usage": json.dumps({"call_count": share, "total_cputime": 1, "total_time": 1}),
        }

    async def _dispatch(self, request: web.Request) -> Json | web.StreamResponse:
        name, edge = request.match_info["object"], request.match_info["edge"].strip("/")
        body = {} if request.content_type == "multipart/form-data" or name.startswith(UPLOAD_PREFIX) else await _body(request)
        kind, node = self._object(name)
        found = self._edges.get((kind, request.method, edge))
        asked = Asked(request, node, request.query, body)
        self._check_token(asked, found[1] if found else "")
        if found is None:
            raise self._nothing(kind, edge, request)
        if found[1] == MANAGEMENT:
            self._count_call()
        return await found[0](asked)

    def _object(self, name: str) -> tuple[str, Any]:
        cloud = self._cloud
        if name in ("me", "debug_token", "oauth"):
            return name, None
        if name.startswith(UPLOAD_PREFIX):
            return ("upload", name) if name in self._uploads else ("", None)
        if name in cloud.numbers:
            return "number", cloud.numbers[name]
        fixed = {cloud.waba_id: "waba", cloud.app.id: "app", DATASET: "dataset"}
        if name in fixed:
            return fixed[name], name
        if template := cloud.book.find(name):
            return "template", template
        if file := cloud.media.get(name):
            return "media", file
        return "", None

    def _nothing(self, kind: str, edge: str, request: web.Request) -> GraphError:
        if kind and edge and not any(one[0] == kind and one[2] == edge for one in self._edges):
            return GraphError(2500, f"Unknown path components: /{edge}")
        verb = request.method.lower()
        details = (
            f"Unsupported {verb} request. Object with ID '{request.match_info['object']}' does not exist, cannot be loaded due to missing "
            "permissions, or does not support this operation."
        )
        return GraphError(100, details, subcode=33)

    def _check_token(self, asked: Asked, scope: str) -> None:
        if scope == "none":
            return
        cloud = self._cloud
        scheme, _, token = asked.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "oauth"):
            token = str(asked.get("access_token") or "")
        by_app = secrets.compare_digest(token.encode(), f"{cloud.app.id}|{cloud.app_secret}".encode())
        if not by_app and not secrets.compare_digest(token.encode(), cloud.token.encode()):
            raise GraphError(190, "the access token is not valid")
        if not by_app and (cloud.faults.token_expired or cloud.app.expired(cloud.clock())):
            raise GraphError(190, "Session has expired.", subcode=463)
        if scope and scope not in cloud.app.scopes and not by_app:
            code = 10 if scope == MESSAGING else 200
            raise GraphError(code, f"the token does not have the permission {scope}")

    def _count_call(self) -> None:
        """The account's own edges take so many calls an hour."""
        limit, now = self._cloud.rules.management_calls, self._cloud.clock().timestamp()
        while self._calls and now - self._calls[0] >= HOUR.total_seconds():
            self._calls.popleft()
        if limit is not None and len(self._calls) >= limit:
            raise GraphError(80007, "There have been too many calls to this WhatsApp Business account. Wait a bit and try again.")
        self._calls.append(now)

    # messages

    async def _post_message(self, asked: Asked) -> Json | web.StreamResponse:
        return await self._message(asked, marketing=False)

    async def _post_marketing_message(self, asked: Asked) -> Json | web.StreamResponse:
        return await self._message(asked, marketing=True)

    async def _message(self, asked: Asked, *, marketing: bool) -> Json | web.StreamResponse:
        cloud, payload = self._cloud, asked.body
        at, started = cloud.clock(), time.monotonic()
        if payload.get("status") == "read":
            cloud.mark_read(payload)
            return {"success": True}
        fault = cloud.faults.draw(cloud.random)
        cloud.attempts.append(Attempt(at, started, payload.get("biz_opaque_callback_data"), payload, fault))
        if fault and not fault.accepts:
            return await self._refuse(fault, asked.request)
        if coded := cloud.faults.draw_code(late=False):
            raise GraphError(coded.code, coded.details, subcode=coded.subcode, http=coded.http)
        answer = cloud.accept(payload, asked.node, marketing=marketing)
        return await self._lose_answer(fault, asked.request, answer) if fault else answer

    async def _refuse(self, fault: SendFault, request: web.Request) -> web.StreamResponse:
        match fault:
            case SendFault.RATE_LIMITED:
                raise GraphError(130429, "switched on", http=429)
            case SendFault.PAIR_LIMITED:
                raise GraphError(131056, "switched on", http=429)
            case SendFault.GRAPH_500:
                raise GraphError(131000, "switched on")
            case SendFault.CUT:
                return _cut(request)
            case SendFault.HANG:
                return await self._hang(request)
            case _:
                return web.Response(status=500, content_type="text/html", text="<html><body>Sorry, something went wrong.</body></html>")

    async def _lose_answer(self, fault: SendFault, request: web.Request, answer: Json) -> Json | web.StreamResponse:
        match fault:
            case SendFault.ACCEPT_THEN_503:
                return web.Response(status=503, content_type="text/html", text="<html><body>Service unavailable</body></html>")
            case SendFault.ACCEPT_THEN_500:
                raise GraphError(131000, "switched on")
            case SendFault.ACCEPT_WITHOUT_CONTACTS:
                return {name: value for name, value in answer.items() if name != "contacts"}
            case SendFault.ACCEPT_WITHOUT_JSON:
                return web.Response(text="OK")
            case SendFault.ACCEPT_THEN_HANG:
                return await self._hang(request)
            case _:
                return _cut(request)

    async def _hang(self, request: web.Request) -> web.StreamResponse:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._cloud.closing.wait(), HANG_SECONDS)
        return _cut(request)

    # files

    async def _upload_media(self, asked: Asked) -> Json:
        fields, file = await _form(asked.request)
        if fields.get("messaging_product") != "whatsapp":
            raise GraphError(100, "(#100) The parameter messaging_product is required.")
        if file is None:
            raise GraphError(100, "The parameter file is required.")
        content, mime, filename = file
        ttl = fields.get("ttl_minutes")
        if ttl is not None and not (ttl.isdecimal() and 1 <= int(ttl) <= TTL_LIMIT):
            raise GraphError(100, f"ttl_minutes is between 1 and {TTL_LIMIT}")
        life = {"life": timedelta(minutes=int(ttl))} if ttl else {}
        told = fields.get("type", "")
        return {"id": self._cloud.media.upload(content, told if "/" in told else mime, filename, **life).id}

    async def _get_media(self, asked: Asked) -> Json:
        file: File = asked.node
        number = asked.get("phone_number_id")
        if number is not None and number not in self._cloud.numbers:
            raise GraphError(100, "phone_number_id is not the number the file belongs to")
        return self._cloud.media.as_json(file, asked.base_url)

    async def _delete_media(self, asked: Asked) -> Json:
        self._cloud.media.delete(asked.node.id)
        return {"success": True}

    async def _attachment(self, request: web.Request) -> web.StreamResponse:
        """The file itself. An address that is too old is a 404, a wrong token a 401, both without Graph's words."""
        try:
            self._check_token(Asked(request, None, request.query, {}), "")
        except GraphError:
            return web.Response(status=401)
        file = self._cloud.media.at(request.query.get("hash", ""))
        if file is None or file.id != request.query.get("mid"):
            return web.Response(status=404)
        return web.Response(body=file.content, headers={"Content-Type": file.mime})

    async def _begin_upload(self, asked: Asked) -> Json:
        length = str(asked.get("file_length") or "")
        if not length.isdecimal() or not asked.get("file_type"):
            raise GraphError(100, "file_length and file_type are required")
        session = f"{UPLOAD_PREFIX}{secrets.token_urlsafe(24)}"
        self._uploads[session] = (int(length), bytearray())
        return {"id": session}

    async def _upload(self, asked: Asked) -> Json:
        length, have = self._uploads[asked.node]
        if asked.request.headers.get("file_offset", "0") != str(len(have)):
            raise GraphError(100, f"file_offset must be {len(have)}")
        have += await asked.request.read()
        if len(have) != length:
            raise GraphError(100, f"{len(have)} bytes came, {length} were announced")
        return {"h": f"4::{secrets.token_urlsafe(32)}"}

    async def _upload_state(self, asked: Asked) -> Json:
        return {"id": asked.node, "file_offset": len(self._uploads[asked.node][1])}

    # people who are blocked

    async def _blocked(self, asked: Asked) -> Json:
        return self._page(asked, [{"messaging_product": "whatsapp", "wa_id": wa_id} for wa_id in asked.node.blocked])

    async def _block(self, asked: Asked) -> Json | web.StreamResponse:
        return self._change_blocks(asked, "added_users", self._block_one)

    async def _unblock(self, asked: Asked) -> Json | web.StreamResponse:
        return self._change_blocks(asked, "removed_users", lambda number, _, customer: number.blocked.pop(customer.wa_id, None))

    def _block_one(self, number: Number, name: str, customer: Customer) -> None:
        if not customer.in_window(self._cloud.clock()):
            raise GraphError(131047, "Only those who wrote in the last 24 hours can be blocked.")
        if len(number.blocked) >= BLOCK_LIMIT:
            raise GraphError(139101, "The block list is full.")
        number.blocked[customer.wa_id] = name

    def _change_blocks(self, asked: Asked, done_name: str, change: Callable[[Number, str, Customer], Any]) -> Json | web.StreamResponse:
        users = asked.body.get("block_users")
        if not isinstance(users, list) or not users or not all(isinstance(user, dict) for user in users):
            raise GraphError(100, "block_users is a list of users")
        done, failed = list[Json](), list[Json]()
        for user in users:
            name = str(user.get("user") or user.get("user_id") or "")
            try:
                customer = self._known(name)
                change(asked.node, name, customer)
                done.append({"input": name, "wa_id": customer.wa_id} if user.get("user") else {"input": name, "user_id": customer.user_id})
            except GraphError as error:
                told = {"message": error.title, "code": error.code, "error_data": {"details": error.details}}
                failed.append({"input": name, "errors": [told]})
        whole: Json = {"messaging_product": "whatsapp", "block_users": {done_name: done} if done else {}}
        if not failed:
            return whole
        whole["block_users"]["failed_users"] = failed
        refusal = GraphError(139100, "Failed to block/unblock some users.")
        return web.json_response(whole | refusal.body(), status=refusal.http, headers=self._headers(asked.request))

    def _known(self, name: str) -> Customer:
        known = self._cloud.customers.get(wa_id_of(name) or "") or self._cloud.by_user_id(name)
        if known is None:
            raise GraphError(131047, "Only those who wrote in the last 24 hours can be blocked.")
        return known

    # numbers

    async def _get_number(self, asked: Asked) -> Json:
        number: Number = asked.node
        return only(number.as_json(self._cloud.tier), asked.get("fields"))

    async def _set_number(self, asked: Asked) -> Json:
        wish = _object(asked.get("webhook_configuration"))
        if wish is not None:
            await self._cloud.redirect(asked.node, await self._verified(wish))
        if name := asked.get("new_display_name"):
            asked.node.name = str(name)
        return {"success": True}

    async def _list_numbers(self, asked: Asked) -> Json:
        return self._page(asked, [only(one.as_json(self._cloud.tier), asked.get("fields")) for one in self._cloud.numbers.values()])

    async def _get_profile(self, asked: Asked) -> Json:
        whole = {"messaging_product": "whatsapp", **asked.node.profile}
        picked = only(whole, asked.get("fields"), frozenset({"messaging_product"}))
        return {"data": [picked | {"messaging_product": "whatsapp"}]}

    async def _set_profile(self, asked: Asked) -> Json:
        _check_product(asked)
        asked.node.profile |= {name: value for name, value in asked.body.items() if name in PROFILE_FIELDS}
        return {"success": True}

    async def _register(self, asked: Asked) -> Json:
        _check_product(asked)
        pin = str(asked.get("pin") or "")
        if not (pin.isdecimal() and len(pin) == 6):
            raise GraphError(133005, "pin has six digits")
        asked.node.registered = True
        return {"success": True}

    async def _deregister(self, asked: Asked) -> Json:
        asked.node.registered = False
        return {"success": True}

    async def _agree(self, _: Asked) -> Json:
        return {"success": True}

    async def _settings(self, asked: Asked) -> Json:
        return {"id": asked.node.id, "calling": {"status": "DISABLED"}, "storage_configuration": {"status": "DEFAULT"}}

    async def _commerce(self, asked: Asked) -> Json:
        return {"data": [{"id": asked.node.id, "is_cart_enabled": True, "is_catalog_visible": True}]}

    # the account and its app

    async def _get_waba(self, asked: Asked) -> Json:
        whole = {
            "id": self._cloud.waba_id,
            "name": self._cloud.number.name,
            "timezone_id": "1",
            "message_template_namespace": "sandbox_namespace",
            "currency": "EUR",
            "country": "ES",
            "account_review_status": self._cloud.app.account_review,
            "business_verification_status": "verified" if self._cloud.app.business_verified else "not_verified",
            "ownership_type": "SELF",
            "status": "ACTIVE",
            "is_enabled_for_insights": True,
            "marketing_messages_lite_api_status": "ONBOARDED" if self._cloud.rules.mm_signed else "ELIGIBLE",
            "whatsapp_business_manager_messaging_limit": self._cloud.tier,
            "health_status": {"can_send_message": "AVAILABLE", "entities": []},
        }
        return only(whole, asked.get("fields"))

    async def _subscribe(self, asked: Asked) -> Json:
        if asked.get("override_callback_uri"):
            self._cloud.webhooks.url = await self._verified(asked.body | dict(asked.query))
        self._cloud.app.subscribed = True
        return {"success": True}

    async def _unsubscribe(self, _: Asked) -> Json:
        self._cloud.app.subscribed = False
        return {"success": True}

    async def _get_subscription(self, _: Asked) -> Json:
        app = self._cloud.app
        one: Json = {"whatsapp_business_api_data": {"id": app.id, "name": app.name, "link": f"https://www.facebook.com/games/?app_id={app.id}"}}
        if self._cloud.webhooks.url:
            one["override_callback_uri"] = self._cloud.webhooks.url
        return {"data": [one] if app.subscribed else []}

    async def _get_app(self, asked: Asked) -> Json:
        return only({"id": self._cloud.app.id, "name": self._cloud.app.name, "category": "Business"}, asked.get("fields"))

    async def _subscriptions(self, _: Asked) -> Json:
        url, fields = self._cloud.webhooks.url, [{"name": name, "version": VERSION} for name in self._cloud.app.fields]
        one = {"object": "whatsapp_business_account", "callback_url": url, "active": True, "fields": fields}
        return {"data": [one] if url else []}

    async def _set_subscription(self, asked: Asked) -> Json:
        fields = asked.get("fields") or ""
        names = fields if isinstance(fields, list) else [name.strip() for name in str(fields).split(",")]
        url = await self._verified({"override_callback_uri": asked.get("callback_url"), "verify_token": asked.get("verify_token")})
        self._cloud.webhooks.url = url
        self._cloud.app.fields = tuple(str(name) for name in names if name)
        return {"success": True}

    async def _verified(self, wish: Mapping[str, Any]) -> str:
        """The address that is asked for, when its owner answers the challenge. Empty: none any more."""
        url = str(wish.get("override_callback_uri") or "")
        if url and (trouble := await trouble_with(url, str(wish.get("verify_token") or ""))):
            raise GraphError(2200, f"The URL couldn't be validated. Callback verification failed: {trouble}")
        return url

    async def _me(self, asked: Asked) -> Json:
        return only({"id": SYSTEM_USER, "name": "Sandbox system user"}, asked.get("fields"))

    async def _debug_token(self, asked: Asked) -> Json:
        cloud, app = self._cloud, self._cloud.app
        expired = cloud.faults.token_expired or app.expired(cloud.clock())
        valid = asked.get("input_token") == cloud.token and not expired
        seconds = int(app.token_expires.timestamp()) if app.token_expires else 0
        whole: Json = {"app_id": app.id, "type": "SYSTEM_USER", "application": app.name, "is_valid": valid, "expires_at": seconds}
        if not valid:
            whole["error"] = {"code": 190, "message": "Error validating access token", "subcode": 463 if expired else 467}
            return {"data": whole | {"scopes": []}}
        targets = {MESSAGING: [cloud.waba_id], MANAGEMENT: [cloud.waba_id]}
        whole |= {"data_access_expires_at": 0, "issued_at": 1_767_225_600, "user_id": SYSTEM_USER, "scopes": list(app.scopes)}
        whole["granular_scopes"] = [{"scope": scope} | ({"target_ids": targets[scope]} if scope in targets else {}) for scope in app.scopes]
        return {"data": whole}

    async def _app_token(self, asked: Asked) -> Json:
        cloud = self._cloud
        if asked.get("client_id") != cloud.app.id or asked.get("client_secret") != cloud.app_secret:
            raise GraphError(1, "Error validating client secret.")
        return {"access_token": f"{cloud.app.id}|{cloud.app_secret}", "token_type": "bearer"}

    async def _dataset(self, _: Asked) -> Json:
        return {"id": DATASET}

    async def _events(self, asked: Asked) -> Json:
        events = asked.body.get("data")
        events = json.loads(events) if isinstance(events, str) else events
        if not isinstance(events, list) or not events or not all(isinstance(event, dict) for event in events):
            raise GraphError(100, "data is a list of events", subcode=2804001)
        for event in events:
            self._check_event(event)
        self._cloud.events += events
        return {"events_received": len(events), "messages": [], "fbtrace_id": secrets.token_urlsafe(16)}

    def _check_event(self, event: Json) -> None:
        at, now = event.get("event_time"), self._cloud.clock().timestamp()
        if not event.get("event_name") or not isinstance(at, int):
            raise GraphError(100, "an event has an event_name and an event_time in seconds", subcode=2804002)
        if now - at > EVENT_AGE.total_seconds():
            raise GraphError(100, "event_time is more than 7 days ago", subcode=2804003)
        user = event.get("user_data")
        if event.get("action_source") != "business_messaging" or event.get("messaging_channel") != "whatsapp":
            raise GraphError(100, "action_source is business_messaging, messaging_channel whatsapp", subcode=2804019)
        if not isinstance(user, dict) or not (user.get("ctwa_clid") or user.get("ph")) or not user.get("whatsapp_business_account_id"):
            raise GraphError(100, "user_data has ctwa_clid or ph, and whatsapp_business_account_id", subcode=2804050)

    # templates

    async def _create_template(self, asked: Asked) -> Json:
        template = self._cloud.book.create(asked.body)
        return {"id": template.id, "status": template.status, "category": template.category}

    async def _list_templates(self, asked: Asked) -> Json:
        self._cloud.agenda.run_due()
        found, _ = self._cloud.book.page(asked.query)
        if asked.get("order") == "DESC":
            found.reverse()
        whole = self._page(asked, [only(one, asked.get("fields"), LISTED) for one in found])
        if asked.get("summary"):
            count = {"total_count": len(found), "message_template_count": len(self._cloud.templates)}
            whole["summary"] = count | {"message_template_limit": TEMPLATE_LIMIT, "are_translations_complete": False}
        return whole

    async def _get_template(self, asked: Asked) -> Json:
        self._cloud.agenda.run_due()
        template: Template = asked.node
        return only(template.as_json(), asked.get("fields"), LISTED)

    async def _edit_template(self, asked: Asked) -> Json:
        template: Template = asked.node
        self._cloud.book.edit(template, asked.body)
        return {"success": True, "id": template.id, "name": template.name, "category": template.category}

    async def _delete_template(self, asked: Asked) -> Json:
        self._cloud.book.delete(str(asked.get("name") or ""), asked.get("hsm_id"))
        return {"success": True}

    async def _unpause(self, asked: Asked) -> Json:
        try:
            self._cloud.book.unpause(asked.node)
        except GraphError as error:
            return {"success": False, "reason": error.details}
        return {"success": True}

    async def _archive(self, request: web.Request) -> Json:
        body = await _body(request)
        self._check_token(Asked(request, None, request.query, body), MANAGEMENT)
        archiving, ids = request.match_info["edge"] == "archive", body.get("template_ids") or body.get("hsm_ids") or []
        done, failed = list[str](), dict[str, str]()
        for one in ids if isinstance(ids, list) else str(ids).split(","):
            template = self._cloud.book.find(str(one))
            if template is None:
                failed[str(one)] = "the template does not exist"
                continue
            template.status = "ARCHIVED" if archiving else "APPROVED"
            self._cloud.tell(envelope.template_status(template))
            done.append(template.id)
        return {f"{request.match_info['edge']}d_templates": done, "failed_templates": failed}

    # lists

    def _page(self, asked: Asked, rows: list[Json]) -> Json:
        """One page of a list, with Graph's cursors."""
        limit = asked.query.get("limit", "")
        size = min(int(limit), PAGE_LIMIT) if limit.isdecimal() and int(limit[:9]) > 0 else PAGE
        start = place_of(asked.query["after"]) if asked.query.get("after") else 0
        if before := asked.query.get("before"):
            start = max(place_of(before) - size, 0)
        end = min(start + size, len(rows))
        if start >= end:
            return {"data": []}
        paging: Json = {"cursors": {"before": cursor_of(start), "after": cursor_of(end)}}
        url = asked.request.url
        if end < len(rows):
            paging["next"] = str(url.with_query({**_without(asked.query, "before"), "after": cursor_of(end)}))
        if start > 0:
            paging["previous"] = str(url.with_query({**_without(asked.query, "after"), "before": cursor_of(start)}))
        return {"data": rows[start:end], "paging": paging}


def _without(query: Mapping[str, str], name: str) -> dict[str, str]:
    return {one: value for one, value in query.items() if one != name}


def _check_product(asked: Asked) -> None:
    if asked.get("messaging_product") != "whatsapp":
        raise GraphError(100, "The parameter messaging_product is required.")


def _object(value: object) -> Mapping[str, Any] | None:
    """A parameter that is an object, written as JSON in a form."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise GraphError(100, "a parameter is not JSON") from None
    return value if isinstance(value, Mapping) else None


def _cut(request: web.Request) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response()


async def _body(request: web.Request) -> Json:
    """What a request says in JSON, or in a form whose values may be JSON; nothing for an empty one."""
    raw = await request.read()
    if request.content_type == "application/x-www-form-urlencoded":
        return {name: _form_value(str(value)) for name, value in (await request.post()).items()}
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except ValueError:
        raise GraphError(100, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise GraphError(100, "the body is not an object")
    return body


def _form_value(text: str) -> Any:
    if text[:1] not in "[{" and text not in ("true", "false"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


async def _form(request: web.Request) -> tuple[dict[str, str], tuple[bytes, str, str] | None]:
    """The fields of a multipart body, and its file: (content, type, name). Raises GraphError 100."""
    fields, file = dict[str, str](), None
    if request.content_type != "multipart/form-data":
        raise GraphError(100, "a file is uploaded as multipart/form-data")
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                continue
            content, size = bytearray(), 0
            while chunk := await part.read_chunk(MB):
                size += len(chunk)
                if size > BODY_LIMIT:
                    raise GraphError(100, "the file is too large")
                content += chunk
            if part.filename or part.name == "file":
                file = bytes(content), part.headers.get("Content-Type", "application/octet-stream"), part.filename or "file"
            elif part.name:
                fields[part.name] = content.decode(errors="replace")
    except ValueError:
        raise GraphError(100, "the multipart body is not valid") from None
    return fields, file
