"""What the world does to a process: a second one beside it, a full disk, a locked database, a polite and an impolite end."""

import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from time import monotonic

import aiohttp
import pytest

from bot.command.exit_code import EX_TEMPFAIL

from .harness import Plan, settled, under_load
from .house import ROOT, BotProcess, Surroundings, surroundings
from .ledger import Report, judge
from .load import Load

EXIT_SECONDS = 1.0  # of the second process: whoever starts it by mistake sees at once
STOP_SECONDS = 10.0  # what Docker grants by default between SIGTERM and SIGKILL
LOCK_SECONDS = 5.0  # two of the bot's own time-outs and a half: some deliveries come right after the first
SPARE_BYTES = 64 * 1024  # what the disk still has room for when it becomes full
CALM = Plan(climbers=8, talkers=8, shoppers=8, pause=0.5, shares={})  # WhatsApp is well: whatever goes wrong, we did


# ---- two processes, one file


async def test_a_second_process_on_the_same_database_leaves_at_once_with_a_sentence(tmp_path: Path) -> None:
    async with surroundings(tmp_path) as around:
        first = around.bot()
        await first.start()
        log = tmp_path / "second.log"
        second = BotProcess(around.environ | {"COMEBACK_PORT": "0"}, log)
        await second.spawn()
        code = await second.ended()
        seconds = monotonic() - second.started_at
        own = seconds - _seconds_of("import bot.app")
        print(f"\nthe second process was gone after {seconds:.2f} s, of which {own:.2f} s were not python and its imports")
        assert code == EX_TEMPFAIL
        assert log.read_text("utf-8").strip() == (
            f"another Comeback process (pid {first.pid}) is using {around.database}: stop it first, or give this one its own database"
        )
        assert own < EXIT_SECONDS
        assert await first.terminate() == 0


def _seconds_of(statement: str) -> float:
    """How long a fresh python takes for a statement, on this machine as it is now."""
    began = monotonic()
    subprocess.run([sys.executable, "-c", statement], check=True, cwd=ROOT)
    return monotonic() - began


async def test_after_kill_9_a_new_process_starts_at_once(tmp_path: Path) -> None:
    async with surroundings(tmp_path) as around:
        first, second = around.bot(), around.bot()
        usual = await first.start()
        await first.kill()
        again = await second.start()
        print(f"\nfirst start {usual:.2f} s, start after kill -9 {again:.2f} s")
        assert again < 2 * usual + 1
        assert await _health(around) == 200
        assert await second.terminate() == 0


# ---- the disk is full


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own, 8 MB large. Skips where this user may not mount one."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"this user may not mount a file system: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_on_a_full_disk_webhooks_are_refused_and_after_room_is_made_all_goes_on(tmp_path: Path) -> None:
    ballast: list[Path] = []

    def fill(around: Surroundings, _: BotProcess) -> None:
        ballast.append(around.database.with_name("ballast"))
        with ballast[0].open("wb", buffering=0) as file:
            room = os.statvfs(around.database.parent)
            file.write(b"x" * max(room.f_bavail * room.f_frsize - SPARE_BYTES, 0))

    with _small_disk(tmp_path / "disk") as disk:
        await _starve(tmp_path, disk / "comeback.db", fill, lambda _: ballast[0].unlink())


async def test_at_the_largest_size_a_file_may_have_webhooks_are_refused_and_afterwards_all_goes_on(tmp_path: Path) -> None:
    """As a full disk, and for every user: a limit on the size of files, given to the running process."""

    def limit(_: Surroundings, bot: BotProcess) -> None:  # the write-ahead log is used from its start again and again
        resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (SPARE_BYTES, resource.RLIM_INFINITY))

    def lift(bot: BotProcess) -> None:
        resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    await _starve(tmp_path, tmp_path / "comeback.db", limit, lift)


async def _starve(
    folder: Path, database: Path, take: Callable[[Surroundings, BotProcess], None], give: Callable[[BotProcess], None]
) -> None:
    async with _calm(folder, database) as (around, load, people, bot):
        await asyncio.sleep(1)
        take(around, bot)
        await _until(lambda: load.postman.refused >= 20, "webhooks are refused")
        healthy, stored = await _health(around), len(load.postman.acknowledged)
        await asyncio.sleep(1)
        print(f"\nfull: {load.postman.refused} deliveries answered 503, {stored} acknowledged before, /health {healthy}")
        assert healthy in (200, 503)
        assert around.rows("pragma integrity_check")[0][0] == "ok"
        give(bot)
        await _until(lambda: len(load.postman.acknowledged) > stored + 20, "deliveries are taken again")
        await _all_is_well(around, load, people, bot)


# ---- somebody else locks the database


async def test_while_the_database_is_locked_webhooks_are_refused_and_nothing_is_lost_or_kept_twice(tmp_path: Path) -> None:
    async with _calm(tmp_path, tmp_path / "comeback.db") as (around, load, people, bot):
        await asyncio.sleep(1)
        other = sqlite3.connect(around.database, isolation_level=None, timeout=10)
        other.execute("begin exclusive")
        before = load.postman.refused
        await asyncio.sleep(LOCK_SECONDS)
        other.execute("rollback")
        other.close()
        print(f"\nlocked for {LOCK_SECONDS:.0f} s: {load.postman.refused - before} deliveries answered 503")
        assert load.postman.refused > before
        await asyncio.sleep(1)
        await _all_is_well(around, load, people, bot)


# ---- a polite end


async def test_a_stop_under_load_is_quick_and_leaves_nothing_on_the_wire(tmp_path: Path, full: bool) -> None:
    async with _calm(tmp_path, tmp_path / "comeback.db") as (around, load, people, bot):
        slowest = 0.0
        for _ in range(20 if full else 2):
            await asyncio.sleep(around.random.uniform(0.3, 1.5))
            began = monotonic()
            assert await bot.terminate() == 0
            slowest = max(slowest, monotonic() - began)
            assert not around.count("select count(*) from outbox where state in ('sending', 'unknown')")
            await bot.start()
        print(f"\nthe slowest stop took {slowest:.2f} s")
        assert slowest < STOP_SECONDS
        await _all_is_well(around, load, people, bot)
        assert not around.count("select count(*) from outbox where state = 'unknown'")


# ---- what these tests share


@asynccontextmanager
async def _calm(folder: Path, database: Path) -> AsyncIterator[tuple[Surroundings, Load, list[asyncio.Task[None]], BotProcess]]:
    """The bot under a load without faults."""
    async with under_load(folder, CALM, database) as (around, load, people):
        bot = around.bot()
        await bot.start()
        try:
            yield around, load, people, bot
        finally:
            if bot.running:
                await bot.kill()


async def _all_is_well(around: Surroundings, load: Load, people: list[asyncio.Task[None]], bot: BotProcess) -> None:
    """Everybody is heard and answered in the end, the bot stops as asked, and every promise was kept."""
    load.over.set()
    assert await settled(around, load, people, 30), bot.log()[-2000:]
    assert await bot.terminate() == 0
    report = Report(CALM.seed, 0)
    judge(around, load, report)
    print(report)
    assert not report.violations, "\n".join(report.violations)
    assert "never retrieved" not in bot.log(), "what became of a message was forgotten: " + bot.log()[-2000:]


async def _health(around: Surroundings) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{around.url}/health") as answer:
        await answer.read()
        return answer.status


async def _until(happened: Callable[[], bool], what: str) -> None:
    for _ in range(150):
        if happened():
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"it never came to be that {what}")
