"""Puts the parts together: the only module that knows them all."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import aiohttp

from bot.channel import SendError
from bot.channel.whatsapp import number as number_state
from bot.channel.whatsapp import templates
from bot.channel.whatsapp.media import Media
from bot.channel.whatsapp.number import NumberState
from bot.channel.whatsapp.templates import TemplateState
from bot.clock import Clock, wall_clock
from bot.owner_files import Watch, codes_of_file
from bot.settings import Settings, SettingsError, ShopSettings, WhatsAppSettings
from bot.settings import read as read_settings
from bot.shop import (
    bigcommerce,
    bigcommerce_rest,
    mappings,
    plain,
    shopify,
    shopify_api,
    shopify_graphql,
    woocommerce,
    woocommerce_api,
)
from bot.shop.bigcommerce import BigCommerce
from bot.shop.bigcommerce_reader import BigReader
from bot.shop.bigcommerce_rest import BigRest
from bot.shop.delivery import Adapter
from bot.shop.discounts import CodeApi, PutCodes
from bot.shop.mapping import MappedShop
from bot.shop.plain import Plain
from bot.shop.reader import StoreReader
from bot.shop.shopify import Shopify
from bot.shop.shopify_graphql import ShopifyGraphql
from bot.shop.shopify_reader import ShopifyReader
from bot.shop.shopify_token import ClientToken, FixedToken, Token
from bot.shop.snippet import Site
from bot.shop.woocommerce import WooCommerce
from bot.shop.woocommerce_reader import WooReader
from bot.shop.woocommerce_rest import WooRest
from bot.store import erasure_log, optout_log, pace, person_copies, shelf
from bot.store import privacy as asks
from bot.store.database import Database, StoreTaken, file_of, is_server, open_database
from bot.store.erasure_log import ErasureLog, Erasures
from bot.store.optout_log import OptOutLog
from bot.store.shelf import Shelf, ShelfBroken
from bot.web import overflow as overflow_file
from bot.web import port
from bot.web.desk_socket import DeskSocket, ask_to_leave, socket_path
from bot.web.door import Door, ShopDoor
from bot.web.listening import Listening
from bot.web.metrics import Metrics
from bot.web.overflow import Overflow
from bot.web.port import Port
from bot.web.snippet_door import SnippetDoor
from bot.worker.crew import Crew
from bot.worker.discounter import CodeMaker, Discounter
from bot.worker.files import Fetcher, Keeper, Uploads
from bot.worker.limits import Limits
from bot.worker.pacer import Pacer
from bot.worker.playbook import House, Playbook
from bot.worker.privacy import Privacy
from bot.worker.receipts import Receipts
from bot.worker.recovery import Recovery
from bot.worker.registry import Registry
from bot.worker.sender import Sender
from bot.worker.store_reading import StoreReading
from bot.worker.verifying import Verifying

if TYPE_CHECKING:
    from bot.channel.whatsapp.sending import WhatsApp

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 300  # to the channel: 1,000 messages a second at 0.3 s each
STOP_SECONDS = 9.5  # less than the ten that Docker grants; more than what the crew and the door take together at most
TAKE_OVER_SECONDS = 15.0  # a stop takes ten at most
TAKE_OVER_LOOK = 0.02

@dataclass(slots=True)
class App:
    """The bot, running. `start_app` makes one."""

    store: Database
    files: Watch
    crew: Crew
    session: aiohttp.ClientSession
    url: str
    _rooms: AsyncExitStack

    @property
    def playbook(self) -> Playbook:
        """What the owner's files say now."""
        return self.files.playbook

    async def stop(self) -> None:
        """Claim nothing more, finish what is on the wire; the door closes after it, the database last."""
        await self._rooms.aclose()


async def take_over(database: str) -> Database:
    """Open a database in place of the process that serves it, which is asked to stop. Raises StoreTaken when it does not.

    It finishes what is on the wire while its door is open; between its door and ours there is only the opening of the file.
    """
    _load_channel()  # while the other one still serves
    asked, give_up = False, monotonic() + TAKE_OVER_SECONDS
    while True:
        try:
            return await open_database(database)
        except StoreTaken:
            if monotonic() > give_up:
                raise
            asked = asked or await ask_to_leave(socket_path(file_of(database)))
        await asyncio.sleep(TAKE_OVER_LOOK)


async def start_app(
    settings: Settings,
    whatsapp: WhatsAppSettings,
    clock: Clock = wall_clock,
    *,
    taken: Port | None = None,
    opened: Callable[[str], Awaitable[Database]] = open_database,
    leave: Callable[[], None] | None = None,
    token: Callable[[], str | None] = lambda: None,
) -> App:
    """Start everything, the door first: what comes in while the rest is loaded is kept.

    `taken` is the port, where it was taken before; `opened` opens the database, `leave` stops this process when another one takes over;
    `token` reads WhatsApp's token anew, None where it cannot.
    Raises SettingsError when the store's rules have a mistake or a file cannot be read, StoreTaken or StoreUnavailable when the
    database is not to be had, PortUnavailable when the port is not.
    """
    files = Watch(settings.flows, settings.locales, clock)
    _refuse_broken_rules(files.playbook)
    for problem in files.playbook.library.problems:
        log.error("not loaded: %s", problem)
    optouts = OptOutLog(settings.optouts or optout_log.beside(settings.database))
    async with AsyncExitStack() as rooms:  # closed in the opposite order
        store = await opened(settings.database)
        rooms.push_async_callback(store.close)
        optouts.check()
        erasures = await open_erasures(settings, store)
        shelved = await asyncio.to_thread(_shelf, settings)
        session = await rooms.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS)))
        listening, metrics = Listening(), Metrics()
        rooms.push_async_callback(listening.close)
        crew: Crew | None = None

        pages = {host: shop.name for shop in settings.shops.values() for host in sorted(shop.sites)}

        def wake() -> None:
            if crew is not None:  # else it need not be woken: a crew that starts looks for itself
                crew.wake()

        def house() -> House:
            return House(files.playbook, store.instance, whatsapp.number, clock(), metrics, erasures, pages)

        shops = {shop.name: ShopDoor(way_in(shop, settings.flows), shop.platform) for shop in settings.shops.values()}
        overflow = Overflow(overflow_file.beside(settings.database, settings.optouts))
        door = Door(store, clock, whatsapp.app_secrets, whatsapp.verify_token, shops, wake, metrics, settings.metrics_token, overflow)
        application = door.application()
        if pages:
            sites = {shop.name: Site(shop.name, shop.sites, shop.secrets) for shop in settings.shops.values() if shop.sites}
            SnippetDoor(store, clock, sites, wake, metrics).add_to(application)
        if settings.desk_password:
            from bot.web import desk_pages  # only who has a desk pays for its templates, in time and memory

            looks = desk_pages.Looks(files.playbook.rules.name, files.playbook.rules.timezone)
            desk_pages.add_to(application, desk_pages.DeskPages(store, clock, wake, settings.desk_password, looks, shelved))
        if not is_server(settings.database):  # a server takes the desk's commands beside us
            desk = DeskSocket(store, clock, wake, leave, erasures=erasures)
            await listening.on_socket(desk.application(), socket_path(file_of(settings.database)))
        url = await listening.on_port(application, taken or port.take(settings.host, settings.port), door.delivered)

        channel_type = await asyncio.to_thread(_load_channel)  # the door is open by now
        media = Media(whatsapp.token, whatsapp.api)
        rooms.push_async_callback(media.close)
        uploads = Uploads(store, shelved, media, clock)
        channel = channel_type(session, token=whatsapp.token, api_url=whatsapp.api, files=uploads, marketing=whatsapp.marketing)
        held = _Token(whatsapp.token, token, (channel.renew, media.renew))
        registry = _registry(store, session, whatsapp, held, clock)
        owner = f"{socket.gethostname()}:{os.getpid()}"
        receipts = Receipts(channel, typing=whatsapp.receipts == "typing") if whatsapp.receipts != "off" else None
        pacer = Pacer(store.arrivals, alone=not is_server(settings.database))
        wires = {name: wire for name, shop in settings.shops.items() if (wire := wire_to(session, shop)) is not None}
        readers = {name: _reader_of(settings.shops[name], wire) for name, wire in wires.items()}
        store_reading = StoreReading(store, readers, clock)
        await store_reading.start(alone=not is_server(settings.database))
        verifying = Verifying(store, readers, house, settings.shops_silence)
        sender = Sender(store, channel, house, owner=owner, optouts=optouts, pacer=pacer, receipts=receipts, verifying=verifying)
        if receipts:
            rooms.push_async_callback(receipts.finish)
        await store.run(pace.own_limits(whatsapp.people_a_day, whatsapp.per_second, clock()))
        makers = {
            shop.name: CodeMaker(shop.discounts_url, shop.secrets[0])
            for shop in settings.shops.values()
            if shop.discounts_url and shop.platform == plain.PLATFORM
        }
        code_apis = {name: _code_api(session, shop, wires.get(name), clock) for name, shop in settings.shops.items()}
        apis = {name: api for name, api in code_apis.items() if api is not None}
        copies = person_copies.beside(settings.database, settings.optouts)
        crew = Crew(
            store,
            house,
            sender,
            Discounter(store, session, makers, house, apis, partial(codes_of_file, settings.flows)),
            optouts,
            registry,
            Fetcher(store, shelved, media, clock),
            Keeper(store, shelved, settings.keep_files, clock),
            _limits(store, session, whatsapp, held, clock),
            Recovery(store, clock, partial(_works, session, whatsapp, held), held.renew, registry),
            verifying,
            store_reading,
            privacy=Privacy(store, house, erasures, optouts, shelved, copies, overflow.waits),
        )
        rooms.push_async_callback(crew.stop)
        rooms.push_async_callback(uploads.stop)
        await files.start(store, wake, shelved)
        rooms.push_async_callback(files.stop)
        await crew.start()
        await overflow.start(door.take_in)
        rooms.push_async_callback(overflow.stop)
        return App(store, files, crew, session, url, rooms.pop_all())


async def open_erasures(settings: Settings, store: Database) -> Erasures:
    """The erasure log of an open database. Raises SettingsError where it is missing although people were erased, or is another
    database's: without its key nobody can tell who had said stop."""
    log = ErasureLog(erasure_log.beside(settings.database, settings.optouts))
    if await store.read(asks.anybody_marked()):
        if not log.path.exists():
            raise SettingsError((f"{log.path} is missing, and people were erased from this database: bring the file back. {_LOST}",))
        if await store.read(asks.is_foreign(log)):
            raise SettingsError((f"{log.path} is of another database, and people were erased from this one: bring its own back. {_LOST}",))
    return Erasures(log)


_LOST = "(Where it is lost for good, put an empty file there: who said stop and was erased cannot be told from others then.)"


Wire = ShopifyGraphql | WooRest | BigRest


def wire_to(session: aiohttp.ClientSession, shop: ShopSettings) -> Wire | None:
    """The way to a store's own interface; None where nothing is said of it."""
    if shop.platform == shopify.PLATFORM and (shop.api_url or shop.domain):
        url = f"{shop.api_url}{shopify_graphql.PATH}" if shop.api_url else shopify_graphql.graphql_url(shop.domain or "")
        token = _shopify_token(session, shop, url.removesuffix(shopify_graphql.PATH))
        return ShopifyGraphql(session, url=url, token=token) if token is not None else None
    if shop.platform == woocommerce.PLATFORM and shop.api_url and shop.api_key and shop.api_secret:
        return WooRest(session, url=shop.api_url, key=shop.api_key, secret=shop.api_secret)
    if shop.platform == bigcommerce.PLATFORM and shop.api_token and (shop.api_url or shop.domain):
        return BigRest(session, url=shop.api_url or bigcommerce_rest.store_url(shop.domain or ""), token=shop.api_token)
    return None


def _reader_of(shop: ShopSettings, wire: Wire) -> StoreReader:
    """What reads a store by its own interface."""
    match wire:
        case ShopifyGraphql():
            return ShopifyReader(wire, shop.name, shop.region, shop.domain)
        case WooRest():
            return WooReader(wire, shop.name, shop.region, shop.consent_key)
        case BigRest():
            return BigReader(wire, shop.name, shop.region)


def _shopify_token(session: aiohttp.ClientSession, shop: ShopSettings, front: str) -> Token | None:
    """Where a Shopify store's access token comes from. The client secret is what webhooks are signed with, unless told otherwise."""
    if shop.api_token:
        return FixedToken(shop.api_token)
    secret = shop.api_secret or next(iter(shop.secrets), None)
    return ClientToken(session, url=front, key=shop.api_key, secret=secret) if shop.api_key and secret else None


def _code_api(session: aiohttp.ClientSession, shop: ShopSettings, wire: Wire | None, clock: Clock) -> CodeApi | None:
    """Where a shop makes codes many at a time; None where nothing is said of it."""
    match wire:
        case ShopifyGraphql():
            return shopify_api.Shopify(wire)
        case WooRest():
            return woocommerce_api.WooCommerce(wire)
    if shop.platform == plain.PLATFORM and shop.discounts_url:
        return PutCodes(session, url=shop.discounts_url, secret=shop.secrets[0], clock=clock)
    return None


def way_in(shop: ShopSettings, flows: Path) -> Adapter:
    """What admits and reads one shop's deliveries. Raises SettingsError where its mapping cannot be read, or has a mistake."""
    match shop.platform:
        case shopify.PLATFORM:
            return Shopify(shop.secrets, shop.region, shop.domain)
        case woocommerce.PLATFORM:
            return WooCommerce(shop.secrets, shop.region, shop.consent_key)
        case bigcommerce.PLATFORM:
            return BigCommerce(shop.secrets, shop.region, shop.domain)
        case plain.PLATFORM:
            return Plain(shop.secrets, shop.region)
    from bot.shop import mapping_file  # only who has one pays for reading it, in time and memory

    try:
        loaded, problems = mapping_file.load(*mappings.find(flows, shop.platform))
    except OSError as error:
        raise SettingsError((f"the mapping {shop.platform} cannot be read ({error.strerror}): let this user read it",)) from None
    if loaded is None:
        raise SettingsError(tuple(map(str, problems)))
    return MappedShop(loaded, shop.secrets, shop.region)


def _shelf(settings: Settings) -> Shelf:
    """Where files are kept. Raises SettingsError when they cannot be."""
    found = Shelf(settings.files or shelf.beside(settings.database))
    try:
        found.check()
    except ShelfBroken as fault:
        raise SettingsError((f"COMEBACK_FILES: {fault}",)) from fault
    return found


@dataclass(slots=True)
class _Token:
    """WhatsApp's token. `read` reads it anew, `users` hear of a new one."""

    value: str
    read: Callable[[], str | None]
    users: tuple[Callable[[str], None], ...]

    def renew(self) -> bool:
        """Look for a new one; returns whether there was one."""
        fresh = self.read()
        if fresh is None or fresh == self.value:
            return False
        self.value = fresh
        for tell in self.users:
            tell(fresh)
        return True


def _registry(store: Database, session: aiohttp.ClientSession, whatsapp: WhatsAppSettings, held: _Token, clock: Clock) -> Registry | None:
    """Who asks how our templates stand; None where it is not said whose account it is."""
    account = whatsapp.account
    if account is None:
        return None

    async def fetch() -> list[TemplateState]:
        return await templates.fetch(session, api_url=whatsapp.api, token=held.value, waba=account)

    return Registry(store, fetch, clock)


async def _works(session: aiohttp.ClientSession, whatsapp: WhatsAppSettings, held: _Token, number: str) -> bool:
    """Whether WhatsApp knows a number of ours by our token."""
    try:
        await number_state.probe(session, api_url=whatsapp.api, token=held.value, number=number)
    except SendError:
        return False
    return True


def _limits(store: Database, session: aiohttp.ClientSession, whatsapp: WhatsAppSettings, held: _Token, clock: Clock) -> Limits:
    """Who asks how our numbers stand."""

    async def probe(number: str) -> NumberState:
        return await number_state.probe(session, api_url=whatsapp.api, token=held.value, number=number)

    return Limits(store, probe, whatsapp.number, clock)


def _load_channel() -> "type[WhatsApp]":
    """Loading pywa takes as long as a third of everything else, and nobody needs it before something is sent."""
    from bot.channel.whatsapp.sending import WhatsApp

    return WhatsApp


def _refuse_broken_rules(playbook: Playbook) -> None:
    """A flow with a mistake is left out, but without the store's rules people would be written to at night, and too often."""
    if broken := playbook.library.broken_rules:
        raise SettingsError(tuple(map(str, broken)))


async def serve(
    settings: Settings, whatsapp: WhatsAppSettings, started: Callable[[App], None], *, taken: Port | None = None, successor: bool = False
) -> bool:
    """Run until SIGTERM or SIGINT, or until another process has taken the database over, which is returned.

    `started` is called once everything runs. `taken` is the port, where it was taken before. A `successor` takes over.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)  # a second one changes nothing: what is on the wire is finished, in under ten seconds
    opened = take_over if successor else open_database
    app = await start_app(settings, whatsapp, taken=taken, opened=opened, leave=stop.set, token=_token_now)
    loop.add_signal_handler(signal.SIGHUP, app.files.look_now)
    started(app)
    waiting = [asyncio.create_task(stop.wait()), asyncio.create_task(app.crew.superseded.wait())]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    superseded = app.crew.superseded.is_set()
    for task in waiting:
        task.cancel()
    log.info("stopping: what is on the wire is finished first")
    loop.call_later(STOP_SECONDS, _break_off)
    await app.stop()
    if superseded:
        log.error("another process has taken this database over: this one has stopped")
    return superseded


def _token_now() -> str | None:
    """The token as the settings have it now: a file that COMEBACK_WHATSAPP_TOKEN_FILE names may have been written anew."""
    try:
        found = read_settings(os.environ, serving=True).whatsapp
    except SettingsError:  # being edited, perhaps
        return None
    return found.token if found else None


def _break_off() -> None:
    """Something hangs, such as the database's server. To end like a kill -9 loses nothing either: the store is made for it."""
    log.error("the stop takes too long: broken off, and what was on the wire is settled by its status")
    logging.shutdown()
    os._exit(1)
