"""A backup put back: nothing goes out twice, no opt-out is forgotten, and the owner lets go what is still timely."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.channel import Failure, SendError
from bot.command import restore
from bot.policy.decision import Consent
from bot.store import backup, held, privacy
from bot.store.database import StoreTaken, StoreUnavailable
from bot.store.optout_log import OptOutLog
from bot.worker.restoring import Restored
from tests.worker.bench import DAY, HOUR, LOLA, MONDAY, PEPE, failing

from . import lost_days
from .lost_days import EVENING
from .office import office, settings_of


def copy(folder: Path, now: datetime) -> Path:
    """A backup of the folder's database, taken now."""
    return backup.copy(folder / "comeback.db", folder / "backup.db", now, lambda _: None).path


async def put_back(folder: Path, now: datetime, **more: str) -> Restored:
    """Restore the folder's backup, as the command does (with an event loop of its own)."""
    _, restored = await asyncio.to_thread(restore.restore, settings_of(folder, **more), folder / "backup.db", now)
    return restored


async def test_after_a_backup_500_sends_and_20_opt_outs_a_restore_sends_nothing_again_and_forgets_no_opt_out(tmp_path: Path) -> None:
    async def back_up() -> None:
        copy(tmp_path, house.now)

    async with office(tmp_path, EVENING) as house:
        now = await lost_days.live(house, back_up)
    restored = await put_back(tmp_path, now)
    print(f"\n{restored}")
    lost_days.held(restored)
    async with office(tmp_path, now) as house:
        await lost_days.go_on(house)


async def test_what_is_held_goes_out_after_its_release_once_and_judged_again(tmp_path: Path) -> None:
    async with office(tmp_path, EVENING) as house:
        await house.cart("k1", LOLA)
        await house.cart("k2", PEPE)
        await house.go()
        assert await house.go(HOUR) == []
        copy(tmp_path, house.now)
        await house.writes("STOP", PEPE)
        await house.go()
    morning = house.now + timedelta(hours=12)
    await put_back(tmp_path, morning)
    async with office(tmp_path, morning) as house:
        assert await house.go() == []
        released = await house.store.run(held.release())
        assert (released.queued, released.uncertain) == (1, 0)
        (sent,) = [sent for _ in await house.go() for sent in house.channel.sent]
        assert sent.to.phone == f"+{LOLA}"
        assert not await house.store.run(held.release())


async def test_a_held_message_whose_time_has_passed_never_goes_and_leaves_its_reason(tmp_path: Path) -> None:
    async with office(tmp_path, EVENING) as house:
        await house.cart()
        await house.go()
        await house.go(HOUR)
        copy(tmp_path, house.now)
    later = house.now + 5 * DAY
    await put_back(tmp_path, later)
    async with office(tmp_path, later) as house:
        await house.store.run(held.release())
        assert await house.go() == []
        (message,) = await house.rows("select state, why from outbox")
        assert message["state"] == "cancelled"
        assert message["why"]


async def test_a_message_of_which_nobody_knows_the_end_is_never_sent_again_not_even_after_its_release(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        await house.cart()
        await house.go()
        house.channel.faults = failing(lambda: SendError(Failure.UNKNOWN, "no answer"))
        await house.go(HOUR)
        assert await house.states() == ["unknown"]
        copy(tmp_path, house.now)
    restored = await put_back(tmp_path, house.now)
    assert restored.held.uncertain == 1
    async with office(tmp_path, house.now) as again:
        await again.store.run(held.release())
        assert await again.go() == []
        assert await again.states() == ["unknown"]
        await again.status(house.channel.sent[0], "delivered")
        await again.go()
        assert await again.states() == ["sent"]


async def test_a_released_timer_does_what_it_was_set_for(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        await house.cart()
        await house.go()
        copy(tmp_path, house.now)
    later = MONDAY + 2 * HOUR
    assert (await put_back(tmp_path, later)).held.timers == 1
    async with office(tmp_path, later) as house:
        assert await house.go() == []
        await house.store.run(held.release())
        assert len(await house.go()) == 1


async def test_what_had_come_in_is_worked_off_and_its_answer_is_held(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        await house.writes("hello")
        await house.writes("stop", PEPE)
        copy(tmp_path, house.now)
    restored = await put_back(tmp_path, house.now)
    assert (restored.worked_off, restored.held.queued) == (2, 3)
    async with office(tmp_path, house.now) as house:
        assert await house.go(DAY) == []
        assert (await house.person(PEPE)).consent is Consent.WITHDRAWN


async def test_events_that_wait_are_not_worked_off_without_the_settings_to_do_so(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        await house.writes("hello")
        copy(tmp_path, house.now)
    before = (tmp_path / "comeback.db").read_bytes()
    with pytest.raises(restore.Refused, match="1 events wait in it"):
        await put_back(tmp_path, house.now, COMEBACK_FLOWS=str(tmp_path))
    assert (tmp_path / "comeback.db").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.db", "comeback.db", "comeback.db.lock"]


async def test_an_opt_out_of_somebody_the_copy_never_heard_of_counts(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        copy(tmp_path, house.now)
        await house.writes("STOP", PEPE)
        await house.go()
    restored = await put_back(tmp_path, house.now)
    assert restored.replayed.stopped == 1
    async with office(tmp_path, house.now) as house:
        await house.cart("k1", PEPE)
        assert await house.go() + await house.go(2 * HOUR) == []


async def test_who_came_back_is_not_silenced(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        await house.cart()
        await house.go()
        copy(tmp_path, house.now)
        await house.writes("STOP")
        await house.go()
        await house.go(HOUR)
        at = str(int(house.now.timestamp()))
        resumed = {"wa_id": LOLA, "category": "marketing_messages", "detail": "d", "value": "resume", "timestamp": at}
        await house.whatsapp("user_preferences", user_preferences=[resumed])
        await house.go(HOUR)
        assert (await house.person()).consent is Consent.GRANTED
    restored = await put_back(tmp_path, house.now)
    assert (restored.replayed.lines, restored.replayed.stopped) == (2, 0)
    async with office(tmp_path, house.now) as house:
        assert (await house.person()).consent is Consent.GRANTED


async def test_an_opt_out_that_the_copy_has_already_is_not_recorded_twice(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        await house.writes("STOP")
        await house.go()
        copy(tmp_path, house.now)
    for _ in range(2):
        restored = await put_back(tmp_path, house.now)
        assert (restored.replayed.lines, restored.replayed.stopped) == (1, 0)
    async with office(tmp_path, house.now) as house:
        assert len(await house.rows("select * from consent_record")) == 1


async def test_a_restored_house_gives_its_messages_other_keys_than_the_lost_one(tmp_path: Path) -> None:
    """Else a late status of a lost message would settle another one."""
    async with office(tmp_path) as house:
        copy(tmp_path, house.now)
        await house.writes("hello")
        await house.go()
        lost = {sent.key for sent in house.channel.sent}
    await put_back(tmp_path, house.now)
    async with office(tmp_path, house.now) as house:
        await house.writes("hello", PEPE)
        await house.go()
        assert lost
        assert not lost & {sent.key for sent in house.channel.sent}


async def test_the_present_database_is_kept_with_all_that_a_killed_process_left(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        await house.writes("hello")
        await house.go()
        copy(tmp_path, house.now)
        await house.writes("hello again", PEPE)
        wal = (tmp_path / "comeback.db-wal").read_bytes()
        database = (tmp_path / "comeback.db").read_bytes()
        assert wal
    (tmp_path / "comeback.db-wal").write_bytes(wal)  # as if it had been killed before its last checkpoint
    (tmp_path / "comeback.db").write_bytes(database)
    placed, _ = await asyncio.to_thread(restore.restore, settings_of(tmp_path), tmp_path / "backup.db", house.now)
    assert placed is not None
    assert placed.aside is not None
    assert _inbox(tmp_path / "comeback.db") == 1
    assert _inbox(placed.aside) == 2
    with closing(sqlite3.connect(tmp_path / "comeback.db")) as connection:
        assert connection.execute("pragma integrity_check").fetchone()[0] == "ok"


async def test_a_restore_that_is_cut_short_takes_nothing_from_the_present_database(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        await house.writes("hello")
        wal, database = (tmp_path / "comeback.db-wal").read_bytes(), (tmp_path / "comeback.db").read_bytes()
    (tmp_path / "comeback.db-wal").write_bytes(wal)  # as if it had been killed before its last checkpoint
    (tmp_path / "comeback.db").write_bytes(database)
    with pytest.raises(StoreUnavailable, match="cannot be replaced"):
        backup.place(tmp_path / "gone.restoring", tmp_path / "comeback.db", house.now)
    assert _inbox(tmp_path / "comeback.db") == 1


def _inbox(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        count: int = connection.execute("select count(*) from inbox where source = 'whatsapp'").fetchone()[0]
        return count


async def test_a_database_that_is_served_is_not_replaced(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        copy(tmp_path, house.now)
        with pytest.raises(StoreTaken, match="stop it first"):
            await put_back(tmp_path, house.now)


@pytest.mark.parametrize("damage", ["half", "page", "text", "nothing"])
async def test_a_damaged_backup_is_refused_and_the_database_stays_as_it_is(tmp_path: Path, damage: str) -> None:
    async with office(tmp_path) as house:
        for number in range(300):
            await house.writes(f"hello {number}", f"3461000{number:04d}")
        await house.go()
        whole = copy(tmp_path, house.now).read_bytes()
    spoiled = {
        "half": whole[: len(whole) // 2],
        "page": whole[:8192] + b"\xff" * 65536 + whole[8192 + 65536 :],
        "text": b"this is not a database",
        "nothing": b"",
    }
    (tmp_path / "backup.db").write_bytes(spoiled[damage])
    before = (tmp_path / "comeback.db").read_bytes()
    with pytest.raises((backup.NotACopy, StoreUnavailable)):
        await put_back(tmp_path, house.now)
    assert (tmp_path / "comeback.db").read_bytes() == before
    assert not list(tmp_path.glob("*.restoring*"))


async def test_a_backup_of_a_newer_version_is_refused_and_the_database_stays_as_it_is(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        newer = copy(tmp_path, house.now)
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute("pragma user_version = 9999")
    before = (tmp_path / "comeback.db").read_bytes()
    with pytest.raises(StoreUnavailable, match="newer version of Comeback"):
        await put_back(tmp_path, house.now)
    assert (tmp_path / "comeback.db").read_bytes() == before
    assert not list(tmp_path.glob("*.restoring*"))


async def test_lines_that_a_crash_tore_are_told_and_the_rest_is_read(tmp_path: Path) -> None:
    log = tmp_path / "comeback.db.optouts"
    async with office(tmp_path) as house:
        copy(tmp_path, house.now)
        await house.writes("STOP")
        await house.go()
        with log.open("ab") as file:
            file.write(log.read_bytes()[:40])  # the power failed half-way
        await house.writes("STOP", PEPE)
        await house.go()
    restored = await put_back(tmp_path, house.now)
    assert (restored.replayed.lines, restored.replayed.unreadable, restored.replayed.stopped) == (3, 1, 2)


async def test_without_the_log_an_opt_out_is_not_worked_off(tmp_path: Path) -> None:
    """What cannot be written to the log must not be confirmed."""
    (tmp_path / "comeback.db.optouts").mkdir()
    async with office(tmp_path) as house:
        await house.writes("STOP")
        with pytest.raises(StoreUnavailable, match="opt-out log"):
            await house.work()
        assert [row["state"] for row in await house.rows("select state from inbox")] == ["waiting"]
        (tmp_path / "comeback.db.optouts").rmdir()
        assert len(await house.go()) == 1
    assert [logged.names[0].value for logged in OptOutLog(tmp_path / "comeback.db.optouts").read() if logged] != []


async def test_the_log_is_for_this_user_alone_and_holds_no_word_of_the_customer(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        await house.cart()
        await house.writes("STOP!!")
        await house.go()
    log = tmp_path / "comeback.db.optouts"
    assert log.stat().st_mode & 0o777 == 0o600
    assert "STOP" not in log.read_text()
    assert len(log.read_text().splitlines()) == 1


async def test_a_shop_that_repeats_itself_does_not_fill_the_log(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        for number in range(5):
            await house.cart(f"k{number}", consent="withdrawn")
            await house.cart(f"p{number}", PEPE, consent="granted")
            await house.go(timedelta(minutes=1))
    assert len((tmp_path / "comeback.db.optouts").read_text().splitlines()) == 1


async def test_two_people_who_turn_out_to_be_one_stay_stopped(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        await house.cart("k1", None, email="lola@example.com")
        await house.cart("k2", LOLA)
        await house.go()
        copy(tmp_path, house.now)
        await house.writes("STOP", LOLA)
        await house.go()
        await house.shop("customer.updated", phone=f"+{LOLA}", email="lola@example.com")
        await house.go()
    await put_back(tmp_path, house.now)
    async with office(tmp_path, house.now) as house:
        assert len(await house.rows("select distinct contact from identity where value like '%lola%' or value like '%34600%'")) == 1
        assert (await house.person()).consent is Consent.WITHDRAWN


async def test_who_was_erased_after_the_backup_is_erased_again_and_stays_stopped(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        await house.cart("k1", LOLA, email="lola@example.com")
        await house.cart("k2", PEPE)
        await house.go()
        copy(tmp_path, house.now)
        await house.writes("STOP", LOLA)
        await house.go()
        await house.shop("privacy.redact", phone=f"+{LOLA}", email="lola@example.com")
        await house.erase()
        assert (await house.rows("select count(*) as n from identity where value like '%lola%'"))[0]["n"] == 0
        house.now += HOUR
    assert LOLA not in (tmp_path / "comeback.db.optouts").read_text()
    restored = await put_back(tmp_path, house.now)
    assert restored.erased == 1
    content = (tmp_path / "comeback.db").read_bytes()
    assert [word for word in (LOLA, "lola@example.com") if word.encode() in content] == []
    assert PEPE.encode() in content
    again = await put_back(tmp_path, house.now)
    assert again.erased == 1, "each copy is made safe by itself"
    async with office(tmp_path, house.now + HOUR) as house:
        await house.cart("k9", LOLA)
        await house.go()
        assert (await house.person()).consent is Consent.WITHDRAWN
        assert {ask.way for ask in await house.store.read(privacy.every())} == {"restore"}


async def test_who_was_erased_before_the_backup_and_came_back_is_not_erased_by_a_restore(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        await house.cart()
        await house.go()
        await house.shop("privacy.redact", phone=f"+{LOLA}")
        await house.erase()
        await house.go(HOUR)
        await house.cart("k-new")
        await house.go()
        copy(tmp_path, house.now)
    assert (await put_back(tmp_path, house.now)).erased == 0
    async with office(tmp_path, house.now) as house:
        assert await house.person()


async def test_a_shop_that_left_after_the_backup_is_left_alone_after_the_restore(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        await house.cart()
        await house.go()
        copy(tmp_path, house.now)
        await house.shop("store.uninstalled")
        await house.erase()
    now = house.now + HOUR
    await put_back(tmp_path, now)
    async with office(tmp_path, now) as house:
        await house.store.run(held.release())
        assert await house.go() == []
        assert await house.go(HOUR) == []
        assert list(await house.store.read(privacy.closed_shops())) == ["casa"]


async def test_without_the_erasure_log_a_copy_that_knows_of_erasures_is_not_put_back(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        await house.cart()
        await house.go()
        await house.shop("privacy.redact", phone=f"+{LOLA}")
        await house.erase()
        copy(tmp_path, house.now)
    (tmp_path / "comeback.db.erased").unlink()
    with pytest.raises(StoreUnavailable, match="people were erased from this database: bring the file back"):
        await put_back(tmp_path, house.now)
