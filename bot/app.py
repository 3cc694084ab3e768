"""Puts the parts together: the only module that knows them all."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

import aiohttp

from bot.channel.whatsapp.sending import WhatsApp
from bot.owner_files import Watch
from bot.settings import Settings, SettingsError, WhatsAppSettings
from bot.store import optout_log
from bot.store.database import Database, StoreTaken, StoreUnavailable, file_of, is_server, open_database
from bot.store.optout_log import OptOutLog
from bot.web.desk_socket import DeskSocket, ask_to_leave, socket_path
from bot.web.door import Door, ShopDoor
from bot.web.listening import Listening
from bot.web.metrics import Metrics
from bot.worker.crew import Crew
from bot.worker.discounter import CodeMaker, Discounter
from bot.worker.playbook import House, Playbook
from bot.worker.sender import Sender

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 300  # to the channel: 1,000 messages a second at 0.3 s each
TAKE_OVER_SECONDS = 15.0  # a stop takes ten at most
TAKE_OVER_LOOK = 0.02

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """The time now (UTC)."""
    return datetime.now(UTC)


@dataclass(slots=True)
class App:
    """The bot, running. `start_app` makes one."""

    store: Database
    files: Watch
    crew: Crew
    session: aiohttp.ClientSession
    listening: Listening
    url: str

    @property
    def playbook(self) -> Playbook:
        """What the owner's files say now."""
        return self.files.playbook

    async def stop(self) -> None:
        """Claim nothing more, finish what is on the wire; the door closes last, the database after it."""
        await self.files.stop()
        await self.crew.stop()
        await self.listening.close()
        await self.session.close()
        await self.store.close()


async def take_over(database: str) -> Database:
    """Open a database in place of the process that serves it, which is asked to stop. Raises StoreTaken when it does not.

    It finishes what is on the wire while its door is open; between its door and ours there is only the opening of the file.
    """
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
    opened: Callable[[str], Awaitable[Database]] = open_database,
    leave: Callable[[], None] | None = None,
) -> App:
    """Start everything; `opened` opens the database, `leave` stops this process when another one takes over.

    Raises SettingsError when the store's rules have a mistake, StoreTaken or StoreUnavailable when the database is not to be had,
    OSError when the port is not.
    """
    files = Watch(settings.flows, settings.locales, clock)
    _refuse_broken_rules(files.playbook)
    for problem in files.playbook.library.problems:
        log.error("not loaded: %s", problem)
    optouts = OptOutLog(settings.optouts or optout_log.beside(settings.database))
    store = await opened(settings.database)
    try:
        optouts.check()
    except StoreUnavailable:
        await store.close()
        raise
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS))

    def house() -> House:
        return House(files.playbook, store.instance, whatsapp.number, clock(), metrics)

    metrics = Metrics()
    channel = WhatsApp(session, token=whatsapp.token, api_url=whatsapp.api)
    sender = Sender(store, channel, house, owner=f"{socket.gethostname()}:{os.getpid()}", optouts=optouts)
    makers = {shop.name: CodeMaker(shop.discounts_url, shop.secrets[0]) for shop in settings.shops.values() if shop.discounts_url}
    crew = Crew(store, house, sender, Discounter(store, session, makers, house), optouts)
    shops = {shop.name: ShopDoor(shop.secrets, shop.region) for shop in settings.shops.values()}
    door = Door(store, clock, whatsapp.app_secrets, whatsapp.verify_token, shops, crew.wake, metrics, settings.metrics_token)
    application = door.application()
    if settings.desk_password:
        from bot.web import desk_pages  # only who has a desk pays for its templates, in time and memory

        looks = desk_pages.Looks(files.playbook.rules.name, files.playbook.rules.timezone)
        desk_pages.add_to(application, desk_pages.DeskPages(store, clock, crew.wake, settings.desk_password, looks))
    listening = Listening()
    try:
        await files.start(store, crew.wake)
        await crew.start()
        if not is_server(settings.database):  # a server takes the desk's commands beside us
            await listening.on_socket(DeskSocket(store, clock, crew.wake, leave).application(), socket_path(file_of(settings.database)))
        url = await listening.on_port(application, settings.host, settings.port)
    except BaseException:
        await files.stop()
        await crew.stop()
        await listening.close()
        await session.close()
        await store.close()
        raise
    return App(store, files, crew, session, listening, url)


def _refuse_broken_rules(playbook: Playbook) -> None:
    """A flow with a mistake is left out, but without the store's rules people would be written to at night, and too often."""
    if broken := playbook.library.broken_rules:
        raise SettingsError(tuple(map(str, broken)))


async def serve(settings: Settings, whatsapp: WhatsAppSettings, started: Callable[[App], None], *, successor: bool = False) -> bool:
    """Run until SIGTERM or SIGINT, or until another process has taken the database over, which is returned.

    `started` is called once everything runs. A `successor` takes over.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = await start_app(settings, whatsapp, opened=take_over if successor else open_database, leave=stop.set)
    loop.add_signal_handler(signal.SIGHUP, app.files.look_now)
    started(app)
    waiting = [asyncio.create_task(stop.wait()), asyncio.create_task(app.crew.superseded.wait())]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    superseded = app.crew.superseded.is_set()
    for task in waiting:
        task.cancel()
    await app.stop()
    if superseded:
        log.error("another process has taken this database over: this one has stopped")
    return superseded
