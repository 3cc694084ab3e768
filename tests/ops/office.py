"""The workbench of the worker's tests on a file that can be copied, lost and restored, with its opt-out log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from bot import settings as settings_module
from bot.settings import Settings
from bot.store import optout_log
from bot.store.database import Database, open_database
from bot.store.erasure_log import ErasureLog, Erasures
from bot.store.optout_log import OptOutLog
from bot.store.shelf import Shelf
from bot.worker import dispatcher
from bot.worker.playbook import House
from bot.worker.privacy import Privacy
from bot.worker.restoring import Beside
from bot.worker.sender import Sender
from tests.worker.bench import MONDAY, NUMBER, ROOT, Bench, playbook


class Office(Bench):
    """A bench that writes the opt-out log."""

    def __init__(self, store: Database, log: OptOutLog) -> None:
        super().__init__(store, playbook())
        self.log = log
        self.sender = Sender(store, self.channel, self.house, owner="test", optouts=log)
        erasures = Erasures(ErasureLog(log.path.with_suffix(".erased")))
        shelf = Shelf(log.path.with_suffix(".files"), spare=0)
        self.beside = Beside(log, erasures, shelf, log.path.with_suffix(".privacy"))

    def house(self) -> House:
        return replace(super().house(), erasures=self.beside.erasures)

    async def erase(self) -> None:
        """Carry out what the law let somebody ask."""
        await self.work()
        beside = self.beside
        work = Privacy(self.store, self.house, beside.erasures, beside.optouts, beside.shelf, beside.copies)
        while await work.work():
            pass

    async def work(self) -> int:
        """Work the inbox off until nothing more can be; returns how many entries were."""
        done = 0
        while True:
            worked = await self.store.run(self.log.around(dispatcher.work(self.house())))
            done += worked.entries
            if not worked.entries and not worked.more:
                return done


@asynccontextmanager
async def office(folder: Path, now: datetime = MONDAY) -> AsyncIterator[Office]:
    """Open the database of a folder at a moment."""
    path = folder / "comeback.db"
    async with office_at(str(path), optout_log.beside(path), now) as one:
        yield one


@asynccontextmanager
async def office_at(where: str, log: Path, now: datetime = MONDAY) -> AsyncIterator[Office]:
    """Open any database at a moment."""
    one = Office(await open_database(where), OptOutLog(log))
    one.now = now
    try:
        yield one
        await one.sender.finish()
    finally:
        await one.store.close()


def settings_of(folder: Path, **more: str) -> Settings:
    """The settings of a folder's database, as `comeback restore` reads them."""
    return settings_module.read(environ_of(folder) | more, serving=False)


def environ_of(folder: Path) -> dict[str, str]:
    """What the environment says of a folder's database."""
    return {
        "COMEBACK_DATABASE": str(folder / "comeback.db"),
        "COMEBACK_FLOWS": str(ROOT / "flows"),
        "COMEBACK_LOCALES": str(ROOT / "locales"),
        "COMEBACK_WHATSAPP_TOKEN": "token",
        "COMEBACK_WHATSAPP_APP_SECRET": "secret",
        "COMEBACK_WHATSAPP_VERIFY_TOKEN": "verify",
        "COMEBACK_WHATSAPP_NUMBER": NUMBER,
    }
