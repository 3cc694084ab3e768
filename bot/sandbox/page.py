"""The demo page: its files, and the JSON behind its buttons. What it shows lives in the Cloud API, the shop, the caller's clock and the
bot's mind (`Thoughts`).

Every state has a number that rises, so that the page never shows an older one after a newer: they reach it two ways, as the answer to
what a visitor did, and over the stream (server-sent events) that tells what happened meanwhile.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from aiohttp import ClientConnectionResetError, web

from bot.sandbox.bubble import Bubble, Tick
from bot.sandbox.catalog import CURRENCY
from bot.sandbox.cloud_api import CloudApi
from bot.sandbox.customer import wa_id_of
from bot.sandbox.fault import SendFault
from bot.sandbox.shop import Order, Shop
from bot.sandbox.thought import Thoughts

FILES = {
    "/": ("phone.html", "text/html"),
    "/phone.css": ("phone.css", "text/css"),
    "/phone.js": ("phone.js", "text/javascript"),
}
HERE = Path(__file__).parent
TEXT_LIMIT = 4096  # characters; as long as WhatsApp lets a customer write
MAX_FAULTS = 5  # in a row: as often as a message is tried
LOOK_SECONDS = 0.5  # between two looks at what changed, for a page that is open
PING_SECONDS = 15.0
FAULTS = (
    SendFault.RATE_LIMITED,
    SendFault.PAIR_LIMITED,
    SendFault.GRAPH_500,
    SendFault.ACCEPT_THEN_CUT,
)  # those a visitor may switch on
JUMP_LIMIT = timedelta(days=60)  # further than any flow waits; a slip of the finger must not end the demo

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SAFE_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DeskDoor:
    """Where the bot's own desk is, and what opens it: shown to whoever plays."""

    url: str
    password: str


class StaffActions(Protocol):
    """What the page's desk can do. Phones are E.164 with a `+`."""

    async def take(self, phone: str) -> None:
        """A person takes the conversation over."""

    async def say(self, phone: str, text: str) -> None:
        """A person answers."""

    async def hand_back(self, phone: str) -> None:
        """The bot goes on."""

    async def waiting(self) -> list[tuple[str, str]]:
        """Who waits for a person: (phone, reason)."""
        ...

    async def holders(self) -> dict[str, str]:
        """Whose conversation a person has, here or at the bot's own desk: phone -> the name of that person."""
        ...


class Page:
    """The first demo page. `settled` returns when what an action set off has come to rest, or after a short while."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        cloud: CloudApi,
        shop: Shop,
        *,
        jump: Callable[[timedelta], Awaitable[None]],
        next_due: Callable[[], Awaitable[datetime | None]],
        settled: Callable[[], Awaitable[None]],
        staff: StaffActions | None,
    ) -> None:
        self._clock, self._cloud, self._shop = clock, cloud, shop
        self._jump, self._next_due, self._settled, self._staff = jump, next_due, settled, staff
        self._numbers, self._closing = count(1), asyncio.Event()
        self.desk: DeskDoor | None = None
        self.thoughts: Thoughts | None = None
        self._actions: Mapping[str, Callable[[Json], Awaitable[None]]] = {
            "cart": self._cart,
            "empty": self._empty,
            "buy": self._buy,
            "order": self._order,
            "consent": self._consent,
            "say": self._say,
            "press": self._press,
            "look": self._look,
            "preference": self._preference,
            "clock": self._turn_clock,
            "take": self._take,
            "answer": self._answer,
            "hand_back": self._hand_back,
            "fault": self._fault,
            "twice": self._twice,
        }

    def routes(self) -> list[web.RouteDef]:
        """The page, its files and its JSON."""
        return [
            *(web.get(path, self._file) for path in FILES),
            web.get(r"/art/{name:[a-z-]+}.svg", self._art),
            web.get("/page/state", self._state),
            web.get("/page/live", self._live),
            web.post("/page/{action}", self._act),
        ]

    def close(self) -> None:
        """Streams end."""
        self._closing.set()

    # files

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name, content_type = FILES[request.path]
        text = (HERE / name).read_text(encoding="utf-8")
        return web.Response(text=text, content_type=content_type, headers=SAFE_HEADERS)

    async def _art(self, request: web.Request) -> web.StreamResponse:
        path = HERE / "art" / f"{request.match_info['name']}.svg"
        if not path.is_file():
            raise web.HTTPNotFound
        return web.Response(text=path.read_text(encoding="utf-8"), content_type="image/svg+xml", headers=SAFE_HEADERS)

    # what the page shows

    async def _state(self, request: web.Request) -> web.Response:
        return _answer(await self._show(self._asked_for(request)))

    def _asked_for(self, request: web.Request) -> str:
        shopper = request.query.get("shopper", "")
        return shopper if shopper in self._shop.shoppers else next(iter(self._shop.shoppers))

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """The state now, and again whenever it has changed."""
        stream = web.StreamResponse(headers={**SAFE_HEADERS, "Content-Type": "text/event-stream"})
        await stream.prepare(request)
        with suppress(ClientConnectionResetError):
            await self._keep_up(stream, self._asked_for(request))
        return stream

    async def _keep_up(self, stream: web.StreamResponse, shopper: str) -> None:
        shown, silent = None, 0.0
        while not self._closing.is_set():
            state = await self._show(shopper)
            looks = state | {"number": 0, "now": state["now"].replace(second=0, microsecond=0)}  # the page shows minutes
            if looks != shown:
                shown, silent = looks, 0.0
                await stream.write(f"data: {_as_text(state)}\n\n".encode())
            elif silent >= PING_SECONDS:
                silent = 0.0
                await stream.write(b": still here\n\n")
            silent += LOOK_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), LOOK_SECONDS)

    async def _show(self, shopper: str) -> Json:
        due = await self._next_due()
        mind = await self.thoughts.of(self._shop.shoppers[shopper].phone) if self.thoughts else None
        return {
            "number": next(self._numbers),
            "now": self._clock(),
            "next": due,
            "shop": self._shop_state(),
            "shopper": shopper,
            "cart": self._cart_state(shopper),
            "orders": [self._order_state(order) for order in reversed(self._shop.orders) if order.shopper.key == shopper],
            "phone": self._phone_state(shopper),
            "staff": await self._staff_state(),
            "desk": asdict(self.desk) if self.desk else None,
            "mind": asdict(mind) if mind else None,
            "faults": self._fault_state(),
        }

    def _fault_state(self) -> Json:
        faults = self._cloud.faults
        return {"next": {fault: faults.next.get(fault, 0) for fault in FAULTS}, "twice": faults.duplicate > 0}

    def _shop_state(self) -> Json:
        shoppers = [
            {
                "key": one.key,
                "name": one.first_name,
                "city": one.city,
                "timezone": one.timezone,
                "locale": one.locale,
                "whatsapp": self._granted(one.key, "whatsapp"),
                "ads": self._granted(one.key, "ads"),
                "unread": sum(
                    bubble.tick is Tick.DELIVERED and not bubble.by_customer for bubble in self._cloud.thread(one.phone)
                ),
            }
            for one in self._shop.shoppers.values()
        ]
        products = [asdict(product) for product in self._shop.products.values()]
        return {"name": self._shop.name, "currency": CURRENCY, "shoppers": shoppers, "products": products}

    def _granted(self, shopper: str, channel: str) -> bool:
        consent = self._shop.consents.get((shopper, channel))
        return consent is not None and consent.state == "granted"

    def _cart_state(self, shopper: str) -> Json:
        checkout = self._shop.cart(shopper)
        return {
            "lines": [self._line_state(product, pieces) for product, pieces in checkout.lines.items()],
            "total": self._shop.total(checkout.lines),
        }

    def _line_state(self, product: str, pieces: int) -> Json:
        one = self._shop.products[product]
        return {"product": product, "title": one.title, "quantity": pieces, "price": one.price * pieces}

    def _order_state(self, order: Order) -> Json:
        return {
            "key": order.key,
            "number": order.number,
            "status": order.status,
            "total": order.total,
            "discount": order.discount,
            "code": order.code,
            "lines": [self._line_state(product, pieces) for product, pieces in order.lines.items()],
        }

    def _phone_state(self, shopper: str) -> Json:
        customer = self._cloud.customer(self._shop.shoppers[shopper].phone)
        return {
            "business": self._cloud.number.name,
            "stopped": customer.stopped_marketing,
            "messages": [_bubble_state(bubble) for bubble in customer.thread],
        }

    async def _staff_state(self) -> list[Json] | None:
        if self._staff is None:
            return None
        reasons = {wa_id_of(phone): reason for phone, reason in await self._staff.waiting()}
        holders = {wa_id_of(phone): staff for phone, staff in (await self._staff.holders()).items()}
        people = ((one, wa_id_of(one.phone)) for one in self._shop.shoppers.values())
        return [
            {"shopper": one.key, "name": one.first_name, "reason": reasons.get(wa_id, ""), "holder": holders.get(wa_id)}
            for one, wa_id in people
            if wa_id in reasons or wa_id in holders
        ]

    # what its buttons do

    async def _act(self, request: web.Request) -> web.Response:
        action = self._actions.get(request.match_info["action"])
        if action is None:
            raise web.HTTPNotFound
        try:
            wish = json.loads(await request.read())
            shopper = self._shop.shoppers[wish["shopper"]]
            await action(wish)
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            return web.json_response({"error": str(error) or "not understood"}, status=422, headers=SAFE_HEADERS)
        await self._settled()
        return _answer(await self._show(shopper.key))

    async def _cart(self, wish: Json) -> None:
        self._shop.add(wish["shopper"], wish["product"], int(wish["quantity"]))

    async def _empty(self, wish: Json) -> None:
        self._shop.empty(wish["shopper"])

    async def _buy(self, wish: Json) -> None:
        self._shop.buy(wish["shopper"], code=str(wish.get("code") or ""))

    async def _order(self, wish: Json) -> None:
        order = self._shop.find_order(wish["order"])
        if order is None or order.shopper.key != wish["shopper"]:
            raise LookupError("there is no such order")
        step = {"deliver": self._shop.deliver, "cancel": self._shop.cancel}[wish["step"]]
        step(order)

    async def _consent(self, wish: Json) -> None:
        channel = {"whatsapp": "whatsapp", "ads": "ads"}[wish["channel"]]
        self._shop.consent(wish["shopper"], channel, "granted" if wish["granted"] else "withdrawn")

    async def _say(self, wish: Json) -> None:
        self._cloud.receive_from(self._phone(wish), _words(wish))

    async def _press(self, wish: Json) -> None:
        self._cloud.press(self._phone(wish), str(wish["value"]), message_id=str(wish["message"]))

    async def _look(self, wish: Json) -> None:
        self._cloud.read(self._phone(wish))

    async def _preference(self, wish: Json) -> None:
        self._cloud.preference(self._phone(wish), "stop" if wish["stop"] else "resume")

    async def _turn_clock(self, wish: Json) -> None:
        if "minutes" in wish:
            await self._jump(min(max(timedelta(minutes=int(wish["minutes"])), timedelta()), JUMP_LIMIT))
        elif due := await self._next_due():
            await self._jump(min(max(due - self._clock(), timedelta()), JUMP_LIMIT))

    async def _take(self, wish: Json) -> None:
        await self._desk().take(self._phone(wish))

    async def _answer(self, wish: Json) -> None:
        await self._desk().say(self._phone(wish), _words(wish))

    async def _hand_back(self, wish: Json) -> None:
        await self._desk().hand_back(self._phone(wish))

    async def _fault(self, wish: Json) -> None:
        """The next message meets this fault; asked for again, the one after it too."""
        fault = SendFault(wish["fault"])
        if fault not in FAULTS:
            raise LookupError("a visitor cannot switch this on")
        self._cloud.faults.next[fault] = min(self._cloud.faults.next.get(fault, 0) + 1, MAX_FAULTS)

    async def _twice(self, wish: Json) -> None:
        self._cloud.faults.duplicate = 1.0 if wish["on"] else 0.0

    def _desk(self) -> StaffActions:
        if self._staff is None:
            raise LookupError("there is no desk here")
        return self._staff

    def _phone(self, wish: Json) -> str:
        return self._shop.shoppers[wish["shopper"]].phone


def _as_text(state: Json) -> str:
    return json.dumps(state, default=datetime.isoformat)


def _answer(state: Json) -> web.Response:
    return web.json_response(state, headers=SAFE_HEADERS, dumps=_as_text)


def _words(wish: Json) -> str:
    text = str(wish["text"]).strip()
    if not 1 <= len(text) <= TEXT_LIMIT:
        raise ValueError(f"between 1 and {TEXT_LIMIT} characters")
    return text


def _bubble_state(bubble: Bubble) -> Json:
    return {
        "id": bubble.id,
        "at": bubble.at,
        "mine": bubble.by_customer,
        "tick": bubble.tick.name.lower(),
        "template": bubble.template,
        **asdict(bubble.drawing),
    }
