"""The demo's world: a shop, its customers' phones, the caller's clock, staff at a desk, and the bot's mind (`Thoughts`)."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from aiohttp import web

from bot.sandbox.cloud.bubble import ANSWERS, Bubble
from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.cloud.customer import wa_id_of
from bot.sandbox.pages.demo_view import CartLine, DeskDoor, NextThing, Person, View, Waiting
from bot.sandbox.pages.fault_board import FaultBoard
from bot.sandbox.pages.page import SAFE_HEADERS
from bot.sandbox.pages.phones import Action, Phones, Wish, words_of
from bot.sandbox.pages.rendering import ART
from bot.sandbox.pages.someone import customer_of
from bot.sandbox.pages.telling import Telling
from bot.sandbox.pages.thought import Mind, Thoughts
from bot.sandbox.pages.tour import STOP, Hint, Scene, hint
from bot.sandbox.pages.turning import Turning
from bot.sandbox.shop.shop import Shop

SHOP_PICTURES = "https://casa-bonita.example/pictures/"
PICTURE = re.compile("[a-z-]+")


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


class Demo:
    """What the demo page shows and does."""

    template = "demo.html"

    def __init__(
        self,
        clock: Callable[[], datetime],
        cloud: CloudApi,
        shop: Shop,
        *,
        jump: Callable[[timedelta], Awaitable[None]],
        next_due: Callable[[], Awaitable[datetime | None]],
        staff: StaffActions | None,
    ) -> None:
        self._shop, self._next_due, self._staff = shop, next_due, staff
        self._away: set[str] = set()  # who has left the shop
        self._helped: set[str] = set()  # whom staff has had
        self._board = FaultBoard(cloud, shop)
        self.desk: DeskDoor | None = None
        self.thoughts: Thoughts | None = None
        people = {key: customer_of(shopper) for key, shopper in shop.shoppers.items()}
        wares = {name: one for one in shop.products.values() for name in (one.id, one.sku)}
        self.phones = Phones(clock, cloud, people, wares, lambda link: _here(link, shop.base_url))
        self.actions: Mapping[str, Action] = {
            **Turning(clock, jump, next_due).actions,
            **self._board.actions,
            "cart": self._cart,
            "buy": self._buy,
            "leave": self._leave,
            "return": self._return,
            "order": self._order,
            "consent": self._consent,
            "take": self._take,
            "answer": self._answer,
            "hand_back": self._hand_back,
        }

    def routes(self) -> list[web.RouteDef]:
        """What only the demo has: its flows as pictures."""
        return [web.get(r"/flow/{name:[a-z0-9_-]+}.svg", self._picture)]

    async def _picture(self, request: web.Request) -> web.Response:
        """A flow, drawn. Its colours stand in the picture itself, and nothing else may."""
        picture = await self.thoughts.picture(request.match_info["name"]) if self.thoughts else None
        if picture is None:
            raise web.HTTPNotFound
        headers = SAFE_HEADERS | {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return web.Response(text=picture, content_type="image/svg+xml", headers=headers)

    # what the page shows

    async def look(self, key: str, telling: Telling | None = None) -> View:
        """All that the page shows to this customer."""
        mind = await self.thoughts.of(self.phones.phone(key)) if self.thoughts else None
        following, waiting = await self._following(key, mind), await self._waiting()
        shown = self.phones.look(key, telling)
        cart = self._shop.cart(key)
        return View(
            phone=shown,
            following=following,
            hint=self._hint(key, shown.thread, following, waiting or ()),
            shop=self._shop.name,
            people=tuple(Person(one.key, one.name, one.place, self.phones.unread(one.key)) for one in self.phones.people.values()),
            products=tuple(self._shop.products.values()),
            cart=self._lines(cart.lines),
            total=self._shop.total(cart.lines),
            away=key in self._away,
            orders=tuple((one, self._lines(one.lines)) for one in reversed(self._shop.orders) if one.shopper.key == key),
            agreed={channel: self._granted(key, channel) for channel in ("whatsapp", "ads")},
            waiting=waiting,
            desk=self.desk,
            mind=mind,
            faults=self._board.look(),
        )

    def _granted(self, key: str, channel: str) -> bool:
        consent = self._shop.consents.get((key, channel))
        return consent is not None and consent.state == "granted"

    def _lines(self, lines: Mapping[str, int]) -> tuple[CartLine, ...]:
        products = self._shop.products
        return tuple(CartLine(products[key], pieces, products[key].price * pieces) for key, pieces in lines.items())

    async def _following(self, key: str, mind: Mind | None) -> NextThing | None:
        """What the bot does next, for whomever; named as its mind names it, the present customer's first."""
        due = await self._next_due()
        if due is None:
            return None
        if text := _coming_at(mind, due):
            return NextThing(due, text)
        for one in self.phones.people.values():
            if self.thoughts and one.key != key and (text := _coming_at(await self.thoughts.of(one.phone), due)):
                return NextThing(due, f"{one.name}: {text}")
        return NextThing(due, "")

    async def _waiting(self) -> tuple[Waiting, ...] | None:
        if self._staff is None:
            return None
        reasons = {wa_id_of(phone): reason for phone, reason in await self._staff.waiting()}
        holders = {wa_id_of(phone): staff for phone, staff in (await self._staff.holders()).items()}
        people = [(one, wa_id_of(one.phone)) for one in self.phones.people.values()]
        self._helped |= {one.key for one, wa_id in people if wa_id in holders}
        return tuple(
            Waiting(one.key, one.name, reasons.get(wa_id, ""), holders.get(wa_id))
            for one, wa_id in people
            if wa_id in reasons or wa_id in holders
        )

    # the newcomer's guide

    def _hint(self, key: str, mine: tuple[Bubble, ...], following: NextThing | None, waiting: tuple[Waiting, ...]) -> Hint:
        me, people = self.phones.people[key], self.phones.people
        threads = {other: self.phones.thread(other) for other in people} | {key: mine}
        held = next((one for one in waiting if one.holder), None)
        waits = next((one for one in waiting if not one.holder), None)
        menu, press = _menu(mine)
        silent = next((one for other, one in people.items() if not threads[other] and other != key), None)
        scene = Scene(
            name=me.name,
            language=me.locale[:2],
            cart=bool(self._shop.cart(key).lines),
            away=key in self._away,
            due=following.text or "whatever it is" if following else "",
            reminded=_reminded(mine),
            answered=_reminded(mine) and any(bubble.by_customer for bubble in mine[_first_template(mine) :]),
            menu=menu,
            press=press,
            code=self._unspent_code(mine),
            ever_reminded=any(_reminded(thread) for thread in threads.values()),
            ever_stopped=any(STOP.fullmatch(one.drawing.body) for thread in threads.values() for one in thread if one.by_customer),
            ever_helped=bool(self._helped),
            waits=waits.key if waits else "",
            waits_name=waits.name if waits else "",
            held=held.key if held else "",
            held_name=held.name if held else "",
            somebody_else=silent.key if silent else "",
            somebody_else_name=silent.name if silent else "",
            wrote=any(bubble.by_customer for bubble in mine),
        )
        found = hint(scene)
        return replace(found, fields={"who": key, "seen_as": key, **found.fields})

    def _unspent_code(self, thread: tuple[Bubble, ...]) -> str:
        spent = {order.code for order in self._shop.orders}
        words = " ".join(bubble.drawing.body for bubble in thread if not bubble.by_customer)
        return next((code for code in self._shop.discounts if code in words and code not in spent), "")

    # what its buttons do

    async def _cart(self, wish: Wish) -> None:
        self._shop.add(wish["who"], wish["product"], int(wish["quantity"]))

    async def _buy(self, wish: Wish) -> None:
        self._shop.buy(wish["who"], code=wish["code"])

    async def _leave(self, wish: Wish) -> None:
        """The shop is told nothing of it, as in life."""
        self._away.add(wish["who"])

    async def _return(self, wish: Wish) -> None:
        self._away.discard(wish["who"])

    async def _order(self, wish: Wish) -> None:
        order = self._shop.find_order(wish["order"])
        if order is None or order.shopper.key != wish["who"]:
            raise LookupError("there is no such order")
        step = {"deliver": self._shop.deliver, "cancel": self._shop.cancel}[wish["step"]]
        step(order)

    async def _consent(self, wish: Wish) -> None:
        channel = {"whatsapp": "whatsapp", "ads": "ads"}[wish["channel"]]
        self._shop.consent(wish["who"], channel, "granted" if "granted" in wish else "withdrawn")

    async def _take(self, wish: Wish) -> None:
        await self._desk().take(self._phone(wish))

    async def _answer(self, wish: Wish) -> None:
        await self._desk().say(self._phone(wish), words_of(wish))

    async def _hand_back(self, wish: Wish) -> None:
        await self._desk().hand_back(self._phone(wish))

    def _desk(self) -> StaffActions:
        if self._staff is None:
            raise LookupError("there is no desk here")
        return self._staff

    def _phone(self, wish: Wish) -> str:
        return self.phones.phone(wish["who"])


def _here(link: str, base_url: str) -> str:
    """The path of what lies on this page although it was sent as a link; a link to anywhere else stays as it is.

    The shop that ships names its pictures by its own address; the sandbox plays that shop, so it has them.
    """
    for where, suffix in ((f"{base_url}/art/", ".svg"), (SHOP_PICTURES, ".jpg")):
        name = link.removeprefix(where).removesuffix(suffix)
        if link == f"{where}{name}{suffix}" and PICTURE.fullmatch(name) and (ART / f"{name}.svg").is_file():
            return f"/art/{name}.svg"
    return link


def _first_template(thread: tuple[Bubble, ...]) -> int:
    return next((place for place, bubble in enumerate(thread) if bubble.template), len(thread))


def _reminded(thread: tuple[Bubble, ...]) -> bool:
    return _first_template(thread) < len(thread)


def _menu(thread: tuple[Bubble, ...]) -> tuple[str, Mapping[str, str]]:
    """The last button of the last message while it waits for an answer, and the fields that press it."""
    last = thread[-1] if thread else None
    buttons = [one for one in last.drawing.buttons if one.kind in ANSWERS] if last and not last.by_customer else []
    if not last or not buttons:
        return "", {}
    return buttons[-1].title, {"message": last.id, "value": buttons[-1].value}


def _coming_at(mind: Mind | None, due: datetime) -> str:
    """What happens then, in a few words: without the message that may be sent."""
    return next((one.text.partition(": “")[0] for one in mind.coming if one.due == due), "") if mind else ""
