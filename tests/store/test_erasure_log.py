"""The erasure log: marks that nobody can read back, a key of its own, lines that a crash tore."""

import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.command.move import _bring_erasures
from bot.store import erased, erasure_log
from bot.store.database import Database, StoreUnavailable
from bot.store.erasure_log import Erased, ErasureLog, Erasures, Line, Stop
from bot.store.model import Identity, IdentityKind
from bot.store.optout_log import OptOutLog

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
PHONE = Identity(IdentityKind.PHONE, "+34600111222")
STOP = Stop("whatsapp", NOW, "word")


def test_a_number_has_one_mark_with_the_plus_or_without_and_a_cart_has_none(tmp_path: Path) -> None:
    marks = ErasureLog(tmp_path / "log").marks()
    wa_id, cart = Identity(IdentityKind.WA_ID, "34600111222"), Identity(IdentityKind.CART, "k1", "casa")
    assert marks.of(PHONE) == marks.of(wa_id)
    assert marks.of_all((PHONE, wa_id, cart)) == (marks.of(PHONE),)
    casa, otra = (Identity(IdentityKind.CUSTOMER, "7", shop) for shop in ("casa", "otra"))
    assert marks.of(casa) != marks.of(otra)


def test_the_key_is_made_once_and_another_log_has_another(tmp_path: Path) -> None:
    first, second = ErasureLog(tmp_path / "log"), ErasureLog(tmp_path / "log")
    assert first.marks().of(PHONE) == second.marks().of(PHONE)
    assert ErasureLog(tmp_path / "other").marks().of(PHONE) != first.marks().of(PHONE)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_nothing_is_written_while_nobody_is_erased(tmp_path: Path) -> None:
    erasures = Erasures(ErasureLog(tmp_path / "log"))
    assert erasures.marks_of([PHONE]) == ()
    assert not (tmp_path / "log").exists()
    erasures.append(Line(NOW, Erased.PERSON, marks=erasures.marks.of_all([PHONE]), stops=(STOP,)))
    assert Erasures(ErasureLog(tmp_path / "log")).marks_of([PHONE]) == erasures.marks_of([PHONE]) != ()


def test_a_line_that_a_crash_tore_does_not_swallow_the_next(tmp_path: Path) -> None:
    erasures = Erasures(ErasureLog(tmp_path / "log"))
    lines = [Line(NOW, Erased.PERSON, "", ("a" * 32,), (STOP,)), Line(NOW, Erased.SHOP_LEFT, "casa")]
    erasures.append(lines[0])
    with (tmp_path / "log").open("a") as file:
        file.write('{"at": 1, "what": "per')
    erasures.append(lines[1])
    assert list(erasures.log.read()) == lines


def test_what_is_no_log_is_told(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("something else\n")
    with pytest.raises(StoreUnavailable, match="its first line has no key"):
        ErasureLog(tmp_path / "log").marks()


def test_it_goes_along_when_the_database_moves_and_never_over_another(tmp_path: Path) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    marks = ErasureLog(tmp_path / "old.db.erased").marks()
    _bring_erasures(str(old), str(new))
    assert ErasureLog(tmp_path / "new.db.erased").marks().of(PHONE) == marks.of(PHONE)
    (tmp_path / "new.db.erased").write_text("mine")
    _bring_erasures(str(old), str(new))
    assert (tmp_path / "new.db.erased").read_text() == "mine"


def test_a_disk_that_is_full_in_the_middle_of_a_copy_leaves_no_half_of_it(tmp_path: Path) -> None:
    log = Erasures(ErasureLog(tmp_path / "old.db.erased"))
    for _ in range(100):
        log.append(Line(NOW, Erased.PERSON, "", ("a" * 32,), (STOP,)))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.log.path.stat().st_size // 2, limits[1]))
    try:
        with pytest.raises(StoreUnavailable, match="cannot be copied"):
            erasure_log.copy(log.log.path, tmp_path / "new.db.erased")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["old.db.erased"]


async def test_the_log_of_another_database_is_known_as_such(store: Database, tmp_path: Path) -> None:
    ours, theirs = (Erasures(ErasureLog(tmp_path / name)) for name in ("ours", "theirs"))
    for erasures in (ours, theirs):
        erasures.append(Line(NOW, Erased.PERSON, marks=erasures.marks.of_all([PHONE])))
    assert not await store.read(erased.anybody_marked())
    await store.run(erased.mark(ours.marks.of_all([PHONE]), (STOP,), NOW))
    assert await store.read(erased.anybody_marked())
    assert [await store.read(erased.is_foreign(one.log)) for one in (ours, theirs)] == [False, True]


def test_an_opt_out_log_forgets_one_person_and_keeps_what_is_appended_meanwhile(tmp_path: Path) -> None:
    log = OptOutLog(tmp_path / "optouts")
    line = '{"at": 1, "channel": "whatsapp", "state": "withdrawn", "method": "word", "names": [["phone", "%s", ""]]}\n'
    log._append(line % "+34600111222")
    log._append(line % "+34600999888")
    assert log.forget([PHONE]) == 1
    log._append(line % "+34600777666")
    assert [logged.names[0].value for logged in log.read() if logged] == ["+34600999888", "+34600777666"]
    assert log.forget([PHONE]) == 0
