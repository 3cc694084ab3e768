"""A disk that is full in the middle of a line: what stood in the logs stands there, and nothing is taken for kept that is not."""

import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.store.database import StoreUnavailable
from bot.store.erasure_log import Erased, ErasureLog, Line
from bot.store.model import Identity, IdentityKind
from bot.store.optout_log import OptOutLog

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
PEOPLE = 1000


@contextmanager
def full_after(size: int) -> Iterator[None]:
    """No file grows beyond so many bytes: like a full disk, it takes a part of what is written, and says no to the rest."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _phone(number: int) -> Identity:
    return Identity(IdentityKind.PHONE, f"+3460000{number:04d}")


def _optouts(folder: Path) -> OptOutLog:
    said = {"at": 1, "channel": "whatsapp", "state": "withdrawn", "method": "word"}
    path = folder / "log.optouts"
    path.write_text("".join(json.dumps(said | {"names": [["phone", _phone(one).value, ""]]}) + "\n" for one in range(PEOPLE)))
    path.chmod(0o640)
    return OptOutLog(path)


def test_the_opt_out_log_is_whole_when_the_disk_fills_up_while_somebody_is_forgotten(tmp_path: Path) -> None:
    log = _optouts(tmp_path)
    before = log.path.read_bytes()
    with full_after(len(before) // 2), pytest.raises(StoreUnavailable, match="opt-out log"):
        log.forget([_phone(0)])
    assert log.path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["log.optouts"]
    assert log.forget([_phone(0)]) == 1
    assert sum(1 for one in log.read() if one) == PEOPLE - 1


def test_the_log_that_is_written_anew_is_the_same_owners(tmp_path: Path) -> None:
    log = _optouts(tmp_path)
    owner = (4711, 4712) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(log.path, *owner)
    log.forget([_phone(0)])
    known = log.path.stat()
    assert (known.st_uid, known.st_gid, known.st_mode & 0o777) == (*owner, 0o640)


def test_an_opt_out_or_an_erasure_of_which_only_a_part_fits_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    optouts, erasures = _optouts(tmp_path), ErasureLog(tmp_path / "log.erased")
    erasures.marks()
    line = Line(NOW, Erased.PERSON, "", ("aa" * 16, "bb" * 16), (), (7,))
    before = optouts.path.read_bytes(), erasures.path.read_bytes()
    with full_after(len(before[0]) + 10), pytest.raises(StoreUnavailable, match="opt-out log"):
        optouts._append("x" * 100 + "\n")
    with full_after(len(before[1]) + 10), pytest.raises(StoreUnavailable, match="erasure log"):
        erasures.append(line)
    assert (optouts.path.read_bytes(), erasures.path.read_bytes()) == before
    erasures.append(line)
    assert list(erasures.read()) == [line]
