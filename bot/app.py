"""Puts the parts together: the only module that knows them all."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

import aiohttp

from bot import shops
from bot.channel import SendError
from bot.channel.whatsapp import number as number_state
from bot.channel.whatsapp import templates
from bot.channel.whatsapp.media import Media
from bot.channel.whatsapp.number import NumberState
from bot.channel.whatsapp.templates import TemplateState
from bot.clock import Clock, wall_clock
from bot.owner_files import Watch, codes_of_file
from bot.settings import Settings, SettingsError, WhatsAppSettings
from bot.settings import read as read_settings
from bot.store import erased, erasure_log, optout_log, pace, person_copies, shelf
from bot.store.database import Database, StoreTaken, StoreUnavailable, file_of, is_server, open_database
from bot.store.erasure_log import Erasures
from bot.store.optout_log import OptOutLog
from bot.store.shelf import Shelf, ShelfBroken
from bot.web import overflow as overflow_file
from bot.web import port
from bot.web.desk_socket import DeskSocket, ask_to_leave, socket_path
from bot.web.door import Door
from bot.web.listening import Listening
from bot.web.metrics import Metrics
from bot.web.overflow import Overflow
from bot.web.port import Port
from bot.web.snippet_door import SnippetDoor
from bot.worker.crew import Crew
from bot.worker.discounter import Discounter
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


@dataclass(slots=True)
class _Bell:
    """At the door, for the crew."""

    crew: Crew | None = None

    def ring(self) -> None:
        """Something came in."""
        if self.crew is not None:  # else it need not be woken: a crew that starts looks for itself
            self.crew.wake()


@dataclass(frozen=True, slots=True)
class _Ground:
    """What both the door and the crew stand on. `pages`: where pages are that have our snippet -> the shop they are of."""

    settings: Settings
    whatsapp: WhatsAppSettings
    clock: Clock
    files: Watch
    store: Database
    optouts: OptOutLog
    erasures: Erasures
    shelf: Shelf
    overflow: Overflow
    session: aiohttp.ClientSession
    metrics: Metrics
    pages: Mapping[str, str]
    bell: _Bell

    def house(self) -> House:
        """What the work goes by now."""
        number, now = self.whatsapp.number, self.clock()
        return House(self.files.playbook, self.store.instance, number, now, self.metrics, self.erasures, self.pages)

    @property
    def is_alone(self) -> bool:
        """Whether no other process works on the database."""
        return not is_server(self.settings.database)


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
    Raises SettingsError when the store's rules have a mistake or one of the owner's files cannot be read, StoreTaken or StoreUnavailable
    when the database or what stands beside it is not to be had, PortUnavailable when the port is not.
    """
    async with AsyncExitStack() as rooms:  # closed in the opposite order
        ground = await _lay_ground(rooms, settings, whatsapp, clock, opened)
        door, url = await _open_door(rooms, ground, taken, leave)
        channel_type = await asyncio.to_thread(_load_channel)  # the door is open by now
        crew = await _hire_crew(rooms, ground, channel_type, token)
        ground.bell.crew = crew
        await ground.files.start(ground.store, ground.bell.ring, ground.shelf)
        rooms.push_async_callback(ground.files.stop)
        await crew.start()
        await ground.overflow.start(door.take_in)
        rooms.push_async_callback(ground.overflow.stop)
        return App(ground.store, ground.files, crew, ground.session, url, rooms.pop_all())


async def _lay_ground(
    rooms: AsyncExitStack, settings: Settings, whatsapp: WhatsAppSettings, clock: Clock, opened: Callable[[str], Awaitable[Database]]
) -> _Ground:
    """Read the owner's files, open the database and what belongs to it."""
    files = Watch(settings.flows, settings.locales, clock)
    _refuse_broken_rules(files.playbook)
    for problem in files.playbook.library.problems:
        log.error("not loaded: %s", problem)
    store = await opened(settings.database)
    rooms.push_async_callback(store.close)
    optouts = OptOutLog(settings.optouts or optout_log.beside(settings.database))
    optouts.check()
    return _Ground(
        settings,
        whatsapp,
        clock,
        files,
        store,
        optouts,
        erasures=await erased.open_log(store, erasure_log.beside(settings.database, settings.optouts)),
        shelf=await asyncio.to_thread(_shelf, settings),
        overflow=Overflow(overflow_file.beside(settings.database, settings.optouts)),
        session=await rooms.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS))),
        metrics=Metrics(),
        pages=shops.pages(settings),
        bell=_Bell(),
    )


async def _open_door(rooms: AsyncExitStack, ground: _Ground, taken: Port | None, leave: Callable[[], None] | None) -> tuple[Door, str]:
    """Take in what comes from now on; returns the door and its URL."""
    settings, whatsapp, store, clock, ring = ground.settings, ground.whatsapp, ground.store, ground.clock, ground.bell.ring
    listening = Listening()
    rooms.push_async_callback(listening.close)
    door = Door(
        store,
        clock,
        whatsapp.app_secrets,
        whatsapp.verify_token,
        shops.doors(settings),
        ring,
        ground.metrics,
        settings.metrics_token,
        ground.overflow,
    )
    application = door.application()
    if sites := shops.sites(settings):
        SnippetDoor(store, clock, sites, ring, ground.metrics).add_to(application)
    if settings.desk_password:
        from bot.web import desk_pages  # only who has a desk pays for its templates, in time and memory

        looks = desk_pages.Looks(ground.files.playbook.rules.name, ground.files.playbook.rules.timezone)
        desk_pages.add_to(application, desk_pages.DeskPages(store, clock, ring, settings.desk_password, looks, ground.shelf))
    if ground.is_alone:  # a server takes the desk's commands beside us
        desk = DeskSocket(store, clock, ring, leave, erasures=ground.erasures)
        await listening.on_socket(desk.application(), socket_path(file_of(settings.database)))
    return door, await listening.on_port(application, taken or port.take(settings.host, settings.port), door.delivered)


async def _hire_crew(rooms: AsyncExitStack, ground: _Ground, channel_type: "type[WhatsApp]", token: Callable[[], str | None]) -> Crew:
    """Everybody who works off what the door takes in. They have not started."""
    settings, whatsapp, store, clock, house = ground.settings, ground.whatsapp, ground.store, ground.clock, ground.house
    media = Media(whatsapp.token, whatsapp.api)
    rooms.push_async_callback(media.close)
    uploads = Uploads(store, ground.shelf, media, clock)
    channel = channel_type(ground.session, token=whatsapp.token, api_url=whatsapp.api, files=uploads, marketing=whatsapp.marketing)
    held = _Token(whatsapp.token, token, (channel.renew, media.renew))
    registry = _registry(ground, held)
    out = shops.ways_out(ground.session, settings, clock)
    store_reading = StoreReading(store, out.readers, clock)
    await store_reading.start(alone=ground.is_alone)
    verifying = Verifying(store, out.readers, house, settings.shops_silence)
    copies = person_copies.beside(settings.database, settings.optouts)
    crew = Crew(
        store,
        house,
        await _hire_sender(rooms, ground, channel, verifying),
        Discounter(store, ground.session, out.makers, house, out.code_apis, partial(codes_of_file, settings.flows)),
        ground.optouts,
        registry,
        Fetcher(store, ground.shelf, media, clock),
        Keeper(store, ground.shelf, settings.keep_files, clock),
        Limits(store, partial(_probe, ground, held), whatsapp.number, clock),
        Recovery(store, clock, partial(_works, ground, held), held.renew, registry),
        verifying,
        store_reading,
        Privacy(store, house, ground.erasures, ground.optouts, ground.shelf, copies, ground.overflow.waits),
    )
    rooms.push_async_callback(crew.stop)
    rooms.push_async_callback(uploads.stop)
    return crew


async def _hire_sender(rooms: AsyncExitStack, ground: _Ground, channel: "WhatsApp", verifying: Verifying) -> Sender:
    """Who sends, no faster and to no more people than the owner says."""
    whatsapp = ground.whatsapp
    receipts = Receipts(channel, typing=whatsapp.receipts == "typing") if whatsapp.receipts != "off" else None
    if receipts:
        rooms.push_async_callback(receipts.finish)
    await ground.store.run(pace.own_limits(whatsapp.people_a_day, whatsapp.per_second, ground.clock()))
    return Sender(
        ground.store,
        channel,
        ground.house,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        optouts=ground.optouts,
        pacer=Pacer(ground.store.arrivals, alone=ground.is_alone),
        receipts=receipts,
        verifying=verifying,
    )


def _shelf(settings: Settings) -> Shelf:
    """Where files are kept. Raises StoreUnavailable when they cannot be."""
    found = Shelf(settings.files or shelf.beside(settings.database))
    try:
        found.check()
    except ShelfBroken as fault:
        raise StoreUnavailable(f"{fault}. COMEBACK_FILES may name another folder") from fault
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


def _registry(ground: _Ground, held: _Token) -> Registry | None:
    """Who asks how our templates stand; None where it is not said whose account it is."""
    account = ground.whatsapp.account
    if account is None:
        return None

    async def fetch() -> list[TemplateState]:
        return await templates.fetch(ground.session, api_url=ground.whatsapp.api, token=held.value, waba=account)

    return Registry(ground.store, fetch, ground.clock)


async def _probe(ground: _Ground, held: _Token, number: str) -> NumberState:
    """How a number of ours stands. Raises SendError."""
    return await number_state.probe(ground.session, api_url=ground.whatsapp.api, token=held.value, number=number)


async def _works(ground: _Ground, held: _Token, number: str) -> bool:
    """Whether WhatsApp knows a number of ours by our token."""
    try:
        await _probe(ground, held, number)
    except SendError:
        return False
    return True


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
