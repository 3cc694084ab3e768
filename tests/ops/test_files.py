"""Files of messages when a database is copied, restored, moved: they go along, and what cannot is told."""

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.command.file_copies import beside_copy
from bot.store import files
from bot.store.database import open_database
from bot.store.files import File
from bot.store.shelf import Shelf, beside
from bot.store.step import Step

NOW = datetime(2026, 11, 2, tzinfo=UTC)
CONTENTS = [b"a picture", b"a paper", b"a film" * 1000]


def filled(database: str) -> Shelf:
    """A database that names files, and its shelf."""
    kept = Shelf(beside(database), spare=0)
    kept.check()

    def step() -> Step[None]:
        for content in CONTENTS:
            put = kept.put(content)
            yield from files.keep(File(put.sha256, put.size, "image/png"), NOW)

    async def fill() -> None:
        store = await open_database(database)
        await store.run(step())
        await store.close()

    asyncio.run(fill())
    return kept


def on(shelf: Shelf) -> set[str]:
    return {name for _, names in shelf.names() for name in names}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("COMEBACK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMEBACK_DATABASE", str(tmp_path / "comeback.db"))
    return tmp_path


def test_a_backup_takes_the_files_along_and_a_restore_brings_them_back(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shelf = filled(str(home / "comeback.db"))
    orphan = shelf.put(b"nobody names this").sha256
    assert main(["backup", str(home / "copy.db"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["files"], told["files_missing"], told["files_bytes"]) == (3, 0, sum(map(len, CONTENTS)))
    copies = Shelf(beside_copy(home / "copy.db"))
    assert on(copies) == on(shelf) - {orphan}

    for name in on(shelf):
        shelf.path(name).unlink()
    assert main(["restore", str(home / "copy.db")]) == 0
    assert "Files in messages: 3 in" in capsys.readouterr().out
    assert on(shelf) == on(copies)
    assert all(shelf.sound(name) for name in on(shelf))


def test_what_is_damaged_or_lost_is_told_and_not_taken(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shelf = filled(str(home / "comeback.db"))
    lost, damaged, _ = sorted(on(shelf))
    shelf.path(lost).unlink()
    shelf.path(damaged).write_bytes(b"something else")
    assert main(["backup", str(home / "copy.db")]) == 0
    out = capsys.readouterr().out
    assert "Files in messages: 1 in" in out
    assert "2 files are not to be had" in out
    copies = Shelf(beside_copy(home / "copy.db"))
    assert on(copies) == on(shelf) - {damaged}
    assert list((copies.folder / "unfinished").iterdir()) == []


def test_a_backup_may_leave_the_files_out(home: Path) -> None:
    filled(str(home / "comeback.db"))
    assert main(["backup", str(home / "copy.db"), "--without-files"]) == 0
    assert not beside_copy(home / "copy.db").exists()


def test_a_backup_twice_over_the_same_takes_only_what_is_new(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(str(home / "comeback.db"))
    for _ in range(2):
        assert main(["backup", str(home / "copy.db")]) == 0
        assert "Files in messages: 3 in" in capsys.readouterr().out


def test_a_move_takes_the_files_along(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = home / "comeback.db", home / "other.db"
    shelf = filled(str(source))
    assert main(["move", "--from", str(source), "--to", str(target)]) == 0
    assert "Files in messages: 3 in" in capsys.readouterr().out
    assert on(Shelf(beside(target))) == on(shelf)


def test_a_folder_of_its_own_stays_where_it_is(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shelf = filled(str(home / "comeback.db"))
    shelf.folder.rename(home / "elsewhere")
    monkeypatch.setenv("COMEBACK_FILES", str(home / "elsewhere"))
    assert main(["move", "--from", str(home / "comeback.db"), "--to", str(home / "other.db")]) == 0
    assert f"Files in messages: 3 in {home / 'elsewhere'}" in capsys.readouterr().out
    assert not beside(str(home / "other.db")).exists()
