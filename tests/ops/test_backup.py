"""`comeback backup` and `comeback restore` as an owner runs them, beside a bot under load."""

import asyncio
import json
import os
import pty
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from bot.command.exit_code import EX_TEMPFAIL
from tests.crash.harness import Plan, settled, under_load
from tests.crash.house import Surroundings, surroundings
from tests.journey.serving import Ran, command

BUSY = Plan(climbers=6, talkers=6, shoppers=8, pause=0.3, shares={})
BACKUPS = 3


async def comeback(around: Surroundings, *words: str) -> Ran:
    """A command with the environment of the bot."""
    return await command(*words, environment=around.environ | {"NO_COLOR": "1"})


async def test_a_backup_under_load_is_whole_is_one_moment_and_disturbs_nobody(tmp_path: Path) -> None:
    async with under_load(tmp_path, BUSY) as (around, load, people):
        bot = around.bot()
        await bot.start()
        try:
            copies = []
            for number in range(BACKUPS):
                await asyncio.sleep(0.5)
                target = tmp_path / f"backup-{number}.db"
                ran = await comeback(around, "backup", str(target), "--json")
                assert ran.code == 0, ran.err
                told = json.loads(ran.out)
                assert (told["file"], told["bytes"]) == (str(target), target.stat().st_size)
                assert target.stat().st_mode & 0o777 == 0o600
                copies.append(_inbox(target))
            load.over.set()
            assert await settled(around, load, people), bot.log()
            print(f"\nentries in the copies: {copies}; the slowest acknowledgement took {1000 * load.postman.longest:.0f} ms")
            assert copies == sorted(set(copies))
            assert load.postman.refused == 0
            assert "ERROR" not in bot.log()
            assert not list(tmp_path.glob("*.unfinished*"))
        finally:
            await bot.terminate()


def _inbox(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma integrity_check").fetchone()[0] == "ok"
        count: int = connection.execute("select count(*) from inbox").fetchone()[0]
        return count


async def test_an_owner_backs_up_loses_days_restores_and_releases(tmp_path: Path) -> None:
    async with surroundings(tmp_path) as around:
        bot = around.bot()
        await bot.start()
        try:
            target = tmp_path / "backups"
            target.mkdir()
            ran = await comeback(around, "backup", str(target))
            assert ran.code == 0, ran.err
            (file,) = target.iterdir()
            assert ran.out.startswith(f"{file}: ")
            assert ran.out.endswith("checked whole.\n")
            await _stopped(around)
            ran = await comeback(around, "restore", str(file))
            assert (ran.code, ran.out) == (EX_TEMPFAIL, "")
            assert "stop it first" in ran.err
        finally:
            await bot.kill()  # the lock goes with its process
        ran = await comeback(around, "restore", str(file))
        assert ran.code == 0, ran.err
        lines = ran.out.splitlines()
        assert lines[0].startswith(f"{around.database} is restored (taken 20")
        assert lines[1].startswith(f"The database that was there is kept as {around.database}.before-")
        assert lines[2:] == [
            f"Opt-outs: 1 person is stopped who had opted out since (1 lines in {around.database}.optouts).",
            "Nothing had to be held.",
        ]
        await bot.start()
        try:
            ran = await comeback(around, "restore", "--release")
            assert (ran.code, ran.out) == (0, "Nothing is held.\n")
            assert around.rows("select consent from contact")[0]["consent"] == "withdrawn"
            ran = await comeback(around, "doctor")
            assert "nobody serves" not in ran.out
        finally:
            assert await bot.terminate() == 0


async def _stopped(around: Surroundings) -> None:
    """Somebody opts out, and the bot has worked it off."""
    around.cloud.introduce("+34600111222", "Lola")
    around.cloud.receive_from("+34600111222", "STOP")
    async with asyncio.timeout(20):
        while not around.count("select count(*) from consent_record"):  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.05)


async def test_what_cannot_be_done_is_said_in_a_sentence_and_changes_nothing(tmp_path: Path) -> None:
    async with surroundings(tmp_path) as around:
        bot = around.bot()
        ran = await comeback(around, "backup", str(tmp_path / "copy.db"))
        assert (ran.code, ran.err) == (1, f"there is no database at {around.database}\n")
        ran = await comeback(around, "restore", "--release")
        assert (ran.code, ran.err) == (1, f"there is no database at {around.database}\n")
        await bot.start()
        assert await bot.terminate() == 0
        (tmp_path / "notes.txt").write_text("my notes")
        for words, sentence in (
            (("backup", str(tmp_path / "notes.txt")), "is not a database of Comeback"),
            (("backup", str(around.database)), "is the database itself: give the copy another name"),
            (("backup", str(tmp_path / "nowhere" / "copy.db")), "cannot be written: No such file or directory"),
            (("restore", str(tmp_path / "notes.txt")), "is not a database of Comeback"),
            (("restore", str(tmp_path / "missing.db")), "there is no database at"),
            (("restore", str(around.database)), "is the database itself: give a backup, or --in-place"),
        ):
            ran = await comeback(around, *words)
            assert ran.code == 1, words
            assert sentence in ran.err
            assert ran.err.count("\n") == 1
        assert (tmp_path / "notes.txt").read_text() == "my notes"
        assert not list(tmp_path.glob("*.unfinished*")) + list(tmp_path.glob("*.restoring*"))


async def test_a_database_restored_by_other_means_is_made_safe_in_place(tmp_path: Path) -> None:
    async with surroundings(tmp_path) as around:
        bot = around.bot()
        await bot.start()
        await _stopped(around)
        await around.cloud.idle()  # every status has been told
        await asyncio.sleep(0.5)
        assert await bot.terminate() == 0
        with closing(sqlite3.connect(around.database)) as connection, connection:
            connection.execute("update outbox set state = 'queued', sent_at = null")
        ran = await comeback(around, "restore", "--in-place", "--json")
        assert ran.code == 0, ran.err
        assert json.loads(ran.out)["held"] == {"queued": 1, "uncertain": 0, "timers": 0, "codes": 0}
        ran = await comeback(around, "restore", "--release")  # nobody serves: on the database itself
        assert ran.code == 0, ran.err
        assert "1  messages that were queued" in ran.out
        assert around.rows("select state from outbox")[0]["state"] == "queued"


async def test_on_a_terminal_a_backup_shows_how_far_it_is(tmp_path: Path) -> None:
    async with surroundings(tmp_path) as around:
        bot = around.bot()
        await bot.start()
        with closing(sqlite3.connect(around.database)) as connection, connection:
            connection.executemany("insert into meta values (?, ?)", ((f"n{number}", "x" * 900) for number in range(30_000)))
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "backup", str(tmp_path / "copy.db"),
            env=around.environ, stdout=asyncio.subprocess.PIPE, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        await process.communicate()
        shown = os.read(ours, 65_536).decode()
        os.close(ours)
        assert process.returncode == 0
        assert "copying " in shown
        assert shown.endswith("\r\x1b[K")
        assert await bot.terminate() == 0
