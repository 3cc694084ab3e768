"""The demo page: its files, and the JSON behind its buttons. What it shows lives in the Cloud API, the shop and the caller's clock."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from bot.sandbox.bubble import Bubble, Tick
from bot.sandbox.catalog import CURRENCY
from bot.sandbox.cloud_api import CloudApi
from bot.sandbox.customer import wa_id_of
from bot.sandbox.shop import Order, Shop

FILES = {
    "/": ("phone.html", "text/html"),
    "/phone.css": ("phone.css", "text/css"),
    "/phone.js": ("phone.js", "text/javascript"),
}
HERE = Path(__file__).parent
TEXT_LIMIT = 4096  # characters; as long as WhatsApp lets a customer write
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
        self._held: set[str] = set()
        self.desk: DeskDoor | None = None
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
        }

    def routes(self) -> list[web.RouteDef]:
        """The page, its files and its JSON."""
        return [
            *(web.get(path, self._file) for path in FILES),
            web.get(r"/art/{name:[a-z-]+}.svg", self._art),
            web.get("/page/state", self._state),
            web.post("/page/{action}", self._act),
        ]

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
        shopper = request.query.get("shopper", "")
        return await self._show(shopper if shopper in self._shop.shoppers else next(iter(self._shop.shoppers)))

    async def _show(self, shopper: str) -> web.Response:
        due = await self._next_due()
        state = {
            "now": self._clock().isoformat(),
            "next": due.isoformat() if due else None,
            "shop": self._shop_state(),
            "shopper": shopper,
            "cart": self._cart_state(shopper),
            "orders": [self._order_state(order) for order in reversed(self._shop.orders) if order.shopper.key == shopper],
            "phone": self._phone_state(shopper),
            "staff": await self._staff_state(),
            "desk": asdict(self.desk) if self.desk else None,
        }
        return web.json_response(state, headers=SAFE_HEADERS)

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
                "unread": sum(bubble.tick is Tick.DELIVERED and not bubble.by_customer for bubble in self._cloud.thread(one.phone)),
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
        people = ((one, wa_id_of(one.phone)) for one in self._shop.shoppers.values())
        return [
            {"shopper": one.key, "name": one.first_name, "reason": reasons.get(wa_id, ""), "held": one.key in self._held}
            for one, wa_id in people
            if wa_id in reasons or one.key in self._held
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
        return await self._show(shopper.key)

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
        self._held.add(wish["shopper"])

    async def _answer(self, wish: Json) -> None:
        await self._desk().say(self._phone(wish), _words(wish))

    async def _hand_back(self, wish: Json) -> None:
        await self._desk().hand_back(self._phone(wish))
        self._held.discard(wish["shopper"])

    def _desk(self) -> StaffActions:
        if self._staff is None:
            raise LookupError("there is no desk here")
        return self._staff

    def _phone(self, wish: Json) -> str:
        return self._shop.shoppers[wish["shopper"]].phone


def _words(wish: Json) -> str:
    text = str(wish["text"]).strip()
    if not 1 <= len(text) <= TEXT_LIMIT:
        raise ValueError(f"between 1 and {TEXT_LIMIT} characters")
    return text


def _bubble_state(bubble: Bubble) -> Json:
    return {
        "id": bubble.id,
        "at": bubble.at.isoformat(),
        "mine": bubble.by_customer,
        "tick": bubble.tick.name.lower(),
        "template": bubble.template,
        **asdict(bubble.drawing),
    }
