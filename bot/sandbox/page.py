"""The demo page: rendered here, kept up to date over one stream, and its buttons plain forms.

What it shows lives in the Cloud API, the shop, the caller's clock and the bot's mind (`Thoughts`). Whatever happens, be it by a button
or by itself, reaches an open page one way only, over its stream (server-sent events), in the order in which it happened. The page says
what it has (`since`), so nothing is lost between its making and its connecting. Without JavaScript a form answers with the whole page.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Protocol

from aiohttp import ClientConnectionResetError, web

from bot.sandbox.bubble import ANSWERS, Bubble, Tick
from bot.sandbox.cloud_api import CloudApi
from bot.sandbox.customer import wa_id_of
from bot.sandbox.fault import SendFault
from bot.sandbox.page_view import (
    FILES,
    HERE,
    CartLine,
    DeskDoor,
    NextThing,
    Person,
    SendSwitch,
    Switch,
    View,
    Waiting,
    event_of,
    parts_of,
    render,
    version_of,
)
from bot.sandbox.shop import Shop
from bot.sandbox.thought import Mind, Thoughts
from bot.sandbox.tour import STOP, Hint, Scene, hint

__all__ = ["SAFE_HEADERS", "DeskDoor", "Page", "StaffActions"]

ART_SECONDS = 300  # while somebody visits
FILE_SECONDS = 365 * 24 * 3600  # a file that changes gets another address
TEXT_LIMIT = 4096  # characters; as long as WhatsApp lets a customer write
MAX_FAULTS = 5  # in a row: as often as a message is tried
LOOK_SECONDS = 0.5  # between two looks at what changed, for a page that is open
PING_SECONDS = 15.0
LAST_LOOK_SECONDS = 1.0  # a stream that is just being written may take this long to end
TYPING_SECONDS = 0.6  # an answer shows three dots first: long enough to be seen, too short to wait for
CONVERSING = timedelta(minutes=1)  # what comes later than this after the customer's words is no answer, and shows at once
SEND_SWITCHES = {  # those a visitor may switch on, each with what the bot makes of it
    SendFault.RATE_LIMITED: ("Too many requests (429)", "WhatsApp has had enough for now. The bot waits a moment and tries again."),
    SendFault.PAIR_LIMITED: ("Too many to this person", "WhatsApp protects this one phone. The bot lets it rest, then goes on in order."),
    SendFault.GRAPH_500: (
        "WhatsApp's server fails",
        "A 500 says the message was not taken. The bot tries again, each time a little later.",
    ),
    SendFault.ACCEPT_THEN_CUT: (
        "Taken, but the answer is lost",
        "Nobody knows whether it arrived. The bot never sends it twice: a delivery report settles it, or staff see it.",
    ),
}
JUMP_LIMIT = timedelta(days=60)  # further than any flow waits; a slip of the finger must not end the demo

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SAFE_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # `no-referrer` would also hide the origin of our own forms
    "Cache-Control": "no-store",
}

Wish = Mapping[str, str]


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
    """The demo page. `settled` returns when what an action set off has come to rest, or after a short while."""

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
        self._closing, self._stir = False, asyncio.Event()
        self._streams: set[asyncio.Future[None]] = set()
        self._away: set[str] = set()  # who has left the shop
        self._helped: set[str] = set()  # whom staff has had
        self.desk: DeskDoor | None = None
        self.thoughts: Thoughts | None = None
        self._actions: Mapping[str, Callable[[Wish], Awaitable[None]]] = {
            "cart": self._cart,
            "buy": self._buy,
            "leave": self._leave,
            "return": self._return,
            "order": self._order,
            "consent": self._consent,
            "say": self._say,
            "press": self._press,
            "preference": self._preference,
            "clock": self._turn_clock,
            "take": self._take,
            "answer": self._answer,
            "hand_back": self._hand_back,
            "fault": self._fault,
            "switch": self._switch,
        }
        self._switches: Mapping[str, tuple[str, str, Callable[[], bool], Callable[[bool], None]]] = {
            "twice": (
                "Every webhook arrives twice",
                "As Meta's do now and then. The bot knows each by its key: nothing is counted or answered twice.",
                lambda: cloud.faults.duplicate > 0,
                lambda on: setattr(cloud.faults, "duplicate", float(on)),
            ),
            "overtake": (
                "Webhooks overtake each other",
                "A “read” may come before its “delivered”. The bot's knowledge of a message only climbs.",
                lambda: cloud.faults.reorder > 0,
                lambda on: setattr(cloud.faults, "reorder", float(on)),
            ),
            "no_codes": (
                "The shop has no codes left",
                "A code is made before it is promised: where there is none, the flow says so, or ends.",
                lambda: shop.pool_empty,
                lambda on: setattr(shop, "pool_empty", on),
            ),
            "shop_down": (
                "The shop does not answer",
                "The bot asks again for a while, then goes on without a code.",
                lambda: shop.down,
                lambda on: setattr(shop, "down", on),
            ),
        }

    def routes(self) -> list[web.RouteDef]:
        """The page, its files, its stream and its forms."""
        return [
            web.get("/", self._page),
            *(web.get(path, self._file) for path in FILES),
            web.get(r"/art/{name:[a-z-]+}.svg", self._art),
            web.get(r"/flow/{name:[a-z0-9_-]+}.svg", self._picture),
            web.get("/page/live", self._live),
            web.post("/page/{action}", self._act),
        ]

    async def close(self) -> None:
        """Streams end. Then no page reads the bot's mind any more, and the bot may stop."""
        self._closing = True
        self._wake()
        if self._streams:
            await asyncio.wait(self._streams, timeout=LAST_LOOK_SECONDS)

    # the page and its files

    async def _page(self, request: web.Request) -> web.Response:
        view = await self._look(self._asked_for(request))
        parts = parts_of(view)
        text = render("page.html", view=view, me=view.me, parts=parts, version=version_of(parts))
        return web.Response(text=text, content_type="text/html", headers=SAFE_HEADERS)

    async def _file(self, request: web.Request) -> web.Response:
        path, content_type = FILES[request.path]
        return _text(path, content_type, FILE_SECONDS)

    async def _art(self, request: web.Request) -> web.Response:
        path = HERE / "art" / f"{request.match_info['name']}.svg"
        if not path.is_file():
            raise web.HTTPNotFound
        return _text(path, "image/svg+xml", ART_SECONDS)

    async def _picture(self, request: web.Request) -> web.Response:
        """A flow, drawn. Its colours stand in the picture itself, and nothing else may."""
        picture = await self.thoughts.picture(request.match_info["name"]) if self.thoughts else None
        if picture is None:
            raise web.HTTPNotFound
        headers = SAFE_HEADERS | {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return web.Response(text=picture, content_type="image/svg+xml", headers=headers)

    def _asked_for(self, request: web.Request) -> str:
        shopper = request.query.get("shopper", "")
        return shopper if shopper in self._shop.shoppers else next(iter(self._shop.shoppers))

    # what happens meanwhile

    async def _live(self, request: web.Request) -> web.StreamResponse:
        """The stream of a page: its parts whenever they differ from what it has."""
        since = request.headers.get("Last-Event-ID") or request.query.get("since", "")
        stream = web.StreamResponse(headers={**SAFE_HEADERS, "Content-Type": "text/event-stream"})
        await stream.prepare(request)
        reading = asyncio.ensure_future(self._keep_up(stream, self._asked_for(request), since))
        self._streams.add(reading)
        reading.add_done_callback(self._streams.discard)
        with suppress(ClientConnectionResetError):
            await reading
        return stream

    async def _keep_up(self, stream: web.StreamResponse, shopper: str, since: str) -> None:
        telling, silent = Telling(), 0.0
        while not self._closing:
            stirred = self._stir  # before the look, so that what happens during it is looked at again
            view = await self._look(shopper, telling)
            parts = parts_of(view)
            if news := event_of(parts, since):
                since, silent = version_of(parts), 0.0
                await stream.write(news)
            elif silent >= PING_SECONDS:
                silent = 0.0
                await stream.write(b": still here\n\n")
            if not view.typing:
                self._cloud.read(view.me.phone)  # only a page that is seen keeps its stream: the phone lies open before somebody
            pause = telling.pause
            silent += pause
            with suppress(TimeoutError):
                await asyncio.wait_for(stirred.wait(), pause)

    def _wake(self) -> None:
        stirred, self._stir = self._stir, asyncio.Event()
        stirred.set()

    # what the page shows

    async def _look(self, shopper: str, telling: "Telling | None" = None) -> View:
        me = self._shop.shoppers[shopper]
        customer = self._cloud.customer(me.phone)
        mind = await self.thoughts.of(me.phone) if self.thoughts else None
        following, waiting = await self._following(shopper, mind), await self._waiting()
        thread, typing = telling.told(customer.thread) if telling else (tuple(customer.thread), False)
        cart = self._shop.cart(shopper)
        return View(
            now=self._clock(),
            following=following,
            hint=self._hint(shopper, thread, following, waiting or ()),
            shop=self._shop.name,
            me=me,
            people=tuple(Person(one.key, one.first_name, one.city, self._unread(one.phone)) for one in self._shop.shoppers.values()),
            products=tuple(self._shop.products.values()),
            cart=self._lines(cart.lines),
            total=self._shop.total(cart.lines),
            away=shopper in self._away,
            orders=tuple((one, self._lines(one.lines)) for one in reversed(self._shop.orders) if one.shopper.key == shopper),
            agreed={channel: self._granted(shopper, channel) for channel in ("whatsapp", "ads")},
            business=self._cloud.number.name,
            stopped=customer.stopped_marketing,
            thread=thread,
            typing=typing,
            waiting=waiting,
            desk=self.desk,
            mind=mind,
            send_switches=tuple(
                SendSwitch(fault, title, sentence, self._cloud.faults.next.get(fault, 0))
                for fault, (title, sentence) in SEND_SWITCHES.items()
            ),
            switches=tuple(Switch(name, title, sentence, is_on()) for name, (title, sentence, is_on, _) in self._switches.items()),
        )

    def _unread(self, phone: str) -> int:
        return sum(bubble.tick is Tick.DELIVERED and not bubble.by_customer for bubble in self._cloud.thread(phone))

    def _granted(self, shopper: str, channel: str) -> bool:
        consent = self._shop.consents.get((shopper, channel))
        return consent is not None and consent.state == "granted"

    def _lines(self, lines: Mapping[str, int]) -> tuple[CartLine, ...]:
        products = self._shop.products
        return tuple(CartLine(products[key], pieces, products[key].price * pieces) for key, pieces in lines.items())

    async def _following(self, shopper: str, mind: Mind | None) -> NextThing | None:
        """What the bot does next, for whomever; named as its mind names it, the present customer's first."""
        due = await self._next_due()
        if due is None:
            return None
        if text := _coming_at(mind, due):
            return NextThing(due, text)
        for one in self._shop.shoppers.values():
            if self.thoughts and one.key != shopper and (text := _coming_at(await self.thoughts.of(one.phone), due)):
                return NextThing(due, f"{one.first_name}: {text}")
        return NextThing(due, "")

    async def _waiting(self) -> tuple[Waiting, ...] | None:
        if self._staff is None:
            return None
        reasons = {wa_id_of(phone): reason for phone, reason in await self._staff.waiting()}
        holders = {wa_id_of(phone): staff for phone, staff in (await self._staff.holders()).items()}
        people = [(one, wa_id_of(one.phone)) for one in self._shop.shoppers.values()]
        self._helped |= {one.key for one, wa_id in people if wa_id in holders}
        return tuple(
            Waiting(one.key, one.first_name, reasons.get(wa_id, ""), holders.get(wa_id))
            for one, wa_id in people
            if wa_id in reasons or wa_id in holders
        )

    # the newcomer's guide

    def _hint(self, shopper: str, mine: tuple[Bubble, ...], following: NextThing | None, waiting: tuple[Waiting, ...]) -> Hint:
        me = self._shop.shoppers[shopper]
        threads = {key: self._cloud.thread(one.phone) for key, one in self._shop.shoppers.items()} | {shopper: mine}
        held = next((one for one in waiting if one.holder), None)
        waits = next((one for one in waiting if not one.holder), None)
        menu, press = _menu(mine)
        silent = next((one for key, one in self._shop.shoppers.items() if not threads[key] and key != shopper), None)
        scene = Scene(
            name=me.first_name,
            language=me.locale[:2],
            cart=bool(self._shop.cart(shopper).lines),
            away=shopper in self._away,
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
            somebody_else_name=silent.first_name if silent else "",
            wrote=any(bubble.by_customer for bubble in mine),
        )
        found = hint(scene)
        return replace(found, fields={"shopper": shopper, "seen_as": shopper, **found.fields})

    def _unspent_code(self, thread: tuple[Bubble, ...]) -> str:
        spent = {order.code for order in self._shop.orders}
        words = " ".join(bubble.drawing.body for bubble in thread if not bubble.by_customer)
        return next((code for code in self._shop.discounts if code in words and code not in spent), "")

    # what its buttons do

    async def _act(self, request: web.Request) -> web.Response:
        action = self._actions.get(request.match_info["action"])
        if action is None:
            raise web.HTTPNotFound
        try:
            wish = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
            shopper = self._shop.shoppers[wish["shopper"]]
            await action(wish)
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            return web.Response(status=422, text=str(error) or "not understood", headers=SAFE_HEADERS)
        self._wake()
        await self._settled()
        self._wake()
        if request.headers.get("HX-Request"):
            return web.Response(status=204, headers=SAFE_HEADERS)  # the stream tells what came of it
        raise web.HTTPSeeOther(f"/?shopper={wish.get('seen_as') or shopper.key}", headers=SAFE_HEADERS)

    async def _cart(self, wish: Wish) -> None:
        self._shop.add(wish["shopper"], wish["product"], int(wish["quantity"]))

    async def _buy(self, wish: Wish) -> None:
        self._shop.buy(wish["shopper"], code=wish["code"])

    async def _leave(self, wish: Wish) -> None:
        """The shop is told nothing of it, as in life."""
        self._away.add(wish["shopper"])

    async def _return(self, wish: Wish) -> None:
        self._away.discard(wish["shopper"])

    async def _order(self, wish: Wish) -> None:
        order = self._shop.find_order(wish["order"])
        if order is None or order.shopper.key != wish["shopper"]:
            raise LookupError("there is no such order")
        step = {"deliver": self._shop.deliver, "cancel": self._shop.cancel}[wish["step"]]
        step(order)

    async def _consent(self, wish: Wish) -> None:
        channel = {"whatsapp": "whatsapp", "ads": "ads"}[wish["channel"]]
        self._shop.consent(wish["shopper"], channel, "granted" if "granted" in wish else "withdrawn")

    async def _say(self, wish: Wish) -> None:
        self._cloud.receive_from(self._phone(wish), _words(wish))

    async def _press(self, wish: Wish) -> None:
        self._cloud.press(self._phone(wish), wish["value"], message_id=wish["message"])

    async def _preference(self, wish: Wish) -> None:
        self._cloud.preference(self._phone(wish), {"stop": "stop", "resume": "resume"}[wish["value"]])

    async def _turn_clock(self, wish: Wish) -> None:
        """By so many minutes, or to the next thing that happens."""
        if minutes := wish.get("minutes"):
            await self._jump(min(max(timedelta(minutes=int(minutes)), timedelta()), JUMP_LIMIT))
        elif due := await self._next_due():
            await self._jump(min(max(due - self._clock(), timedelta()), JUMP_LIMIT))

    async def _take(self, wish: Wish) -> None:
        await self._desk().take(self._phone(wish))

    async def _answer(self, wish: Wish) -> None:
        await self._desk().say(self._phone(wish), _words(wish))

    async def _hand_back(self, wish: Wish) -> None:
        await self._desk().hand_back(self._phone(wish))

    async def _fault(self, wish: Wish) -> None:
        """The next message meets this fault; asked for again, the one after it too."""
        fault = SendFault(wish["fault"])
        if fault not in SEND_SWITCHES:
            raise LookupError("a visitor cannot switch this on")
        self._cloud.faults.next[fault] = min(self._cloud.faults.next.get(fault, 0) + 1, MAX_FAULTS)

    async def _switch(self, wish: Wish) -> None:
        *_, turn = self._switches[wish["switch"]]
        turn("on" in wish)

    def _desk(self) -> StaffActions:
        if self._staff is None:
            raise LookupError("there is no desk here")
        return self._staff

    def _phone(self, wish: Wish) -> str:
        return self._shop.shoppers[wish["shopper"]].phone


class Telling:
    """How one open page is told what arrives on the phone: the answer to what its visitor just wrote comes after three dots."""

    def __init__(self, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._shown = -1  # messages; -1: the page came with all there were
        self._since: float | None = None  # when the dots began

    @property
    def pause(self) -> float:
        """Seconds until somebody should look again."""
        left = LOOK_SECONDS if self._since is None else self._since + TYPING_SECONDS - self._ticks()
        return min(max(left, 0.01), LOOK_SECONDS)

    def told(self, thread: list[Bubble]) -> tuple[tuple[Bubble, ...], bool]:
        """What the page shows of the thread now, and whether it shows the dots."""
        if self._shown < 0 or not any(_is_answer(thread, place) for place in range(self._shown, len(thread))):
            self._since = None
        elif self._since is None:
            self._since = self._ticks()
        if self._since is None or self._ticks() - self._since >= TYPING_SECONDS:
            self._shown, self._since = len(thread), None
            return tuple(thread), False
        while self._shown < len(thread) and not _is_answer(thread, self._shown):
            self._shown += 1
        return tuple(thread[: self._shown]), True


def _is_answer(thread: list[Bubble], place: int) -> bool:
    """Whether this message came at once after what the customer wrote."""
    wrote = next((one for one in reversed(thread[:place]) if one.by_customer), None)
    return not thread[place].by_customer and wrote is not None and thread[place].at - wrote.at < CONVERSING


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


def _words(wish: Wish) -> str:
    text = wish["text"].strip()
    if not 1 <= len(text) <= TEXT_LIMIT:
        raise ValueError(f"between 1 and {TEXT_LIMIT} characters")
    return text


@cache
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _text(path: Path, content_type: str, seconds: int) -> web.Response:
    """A file of ours, and for how long a browser may keep it."""
    headers = SAFE_HEADERS | {"Cache-Control": f"max-age={seconds}"}
    return web.Response(text=_read(path), content_type=content_type, headers=headers)
