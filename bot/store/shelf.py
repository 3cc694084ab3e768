"""The shelf: files that customers sent, or that we send, in a folder beside the database.

A file's name there is the hash of its bytes (sha256) and nothing a customer chose, so the same picture stands there once. A file gets
its name when it is whole and on disk (fsync, then rename): a crash leaves something under `unfinished` at most, which the next sweep
throws away. Which files are still wanted, the database knows (`bot/store/files.py`).

Everything here blocks on the disk: whoever lives in an event loop calls it in a thread.
"""

import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.store.database import file_of, is_server
from bot.store.optout_log import sync_folder

SPARE_BYTES = 256 * 1024 * 1024  # left free for the database, which is likely on the same disk: opt-outs come before pictures

_UNFINISHED = "unfinished"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_HASH_LETTERS = frozenset("0123456789abcdef")
_HASH_LENGTH = 64


class ShelfFull(Exception):
    """There is no room on the disk. The message is a sentence for the owner."""


class ShelfBroken(Exception):
    """The folder cannot be used: not there, not ours, a disk that fails. The message is a sentence for the owner."""


@dataclass(frozen=True, slots=True)
class Shelved:
    """A file on the shelf: its hash (hexadecimal) and its size in bytes."""

    sha256: str
    size: int


def beside(database: str | Path) -> Path:
    """Where the files of a database are: beside the file; of a server, in the folder the process runs in."""
    if is_server(database):
        return Path("comeback.files")
    path = file_of(database)
    return path.with_name(path.name + ".files")


def is_hash(text: str) -> bool:
    """Whether it can be the name of a file here."""
    return len(text) == _HASH_LENGTH and _HASH_LETTERS.issuperset(text)


class Shelf:
    """The files in one folder. Several processes may share it. `spare` bytes of the disk are left free."""

    def __init__(self, folder: Path, spare: int = SPARE_BYTES) -> None:
        self.folder = folder
        self._spare = spare

    def check(self) -> None:
        """Make the folder. Raises ShelfBroken when files cannot be kept there: better known at the start than at the first picture."""
        try:
            self._make(self.folder)
            self._make(self.folder / _UNFINISHED)
            with self._alone():
                pass
        except OSError as error:
            raise ShelfBroken(f"files cannot be kept in {self.folder}: {error.strerror}") from error

    def path(self, sha256: str) -> Path:
        """Where a file is, if it is there. Raises ValueError for what is no hash."""
        if not is_hash(sha256):
            raise ValueError("not a hash")
        return self.folder / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        """Whether a file is there."""
        return self.path(sha256).is_file()

    def begin(self, size: int = 0) -> "Draft":
        """A new file, of about that many bytes. Raises ShelfFull, ShelfBroken."""
        with self._failing():
            self._make(self.folder / _UNFINISHED)
            if shutil.disk_usage(self.folder).free < self._spare + size:
                raise ShelfFull(f"there is no room for files in {self.folder}: {self._spare // 2**20} MB are left to the database")
            return Draft(self, self.folder / _UNFINISHED / secrets.token_hex(16))

    def put(self, content: bytes) -> Shelved:
        """Keep these bytes. Raises ShelfFull, ShelfBroken."""
        with self.begin(len(content)) as draft:
            draft.write(content)
            return draft.finish()

    def sound(self, sha256: str) -> bool:
        """Whether a file is there and its bytes are those it is called by."""
        return _is_sound(self.path(sha256), sha256)

    def adopt(self, path: Path, sha256: str) -> bool:
        """Take a file over from elsewhere, by a link where the disk can, else as a copy; whether its bytes are those it is called by.

        Nothing is taken whose bytes are others. Files here never change, so a link is as good as a copy. Raises ShelfFull, ShelfBroken.
        """
        if self.sound(sha256):
            return True
        if not path.is_file():
            return False
        with self._failing():
            self._make(self.folder / _UNFINISHED)
            unfinished = self.folder / _UNFINISHED / secrets.token_hex(16)
            try:
                _link_or_copy(path, unfinished)
                if not _is_sound(unfinished, sha256):
                    return False
                self.keep(unfinished, sha256)
            except FileNotFoundError:
                return False
            finally:
                unfinished.unlink(missing_ok=True)
        return True

    def names(self) -> Iterator[tuple[str, frozenset[str]]]:
        """All files, a part of the shelf at a time: how their hashes begin, and the hashes."""
        for part in sorted(self._folders()):
            yield part.name, frozenset(one.name for one in part.iterdir() if is_hash(one.name))

    def sweep(self, part: str, wanted: Set[str], before: datetime) -> int:
        """Remove the files of a part of the shelf that nobody wants and that were put there `before` then (UTC, the disk's own clock);
        returns how many. Younger ones are left: whoever put them there may be about to tell the database.
        """
        removed = 0
        with self._failing():
            for path in [one for one in (self.folder / part).iterdir() if one.name not in wanted]:
                with self._alone():  # nobody puts the same file back between the look and the removal
                    if _is_older(path, before):
                        path.unlink()
                        removed += 1
        return removed

    def remove(self, sha256: str, before: datetime) -> bool:
        """Remove a file that nobody wants, unless it was put there anew since `before` (UTC, the disk's clock); whether it was there."""
        path = self.path(sha256)
        with self._failing(), self._alone():
            if not _is_older(path, before):
                return False
            path.unlink()
            sync_folder(path.parent)
            return True

    def sweep_unfinished(self, before: datetime) -> int:
        """Remove what crashes left half written `before` then; returns how many."""
        unfinished = self.folder / _UNFINISHED
        left = [one for one in unfinished.iterdir() if _is_older(one, before)] if unfinished.is_dir() else []
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def keep(self, unfinished: Path, sha256: str) -> None:
        """Give a whole file its name. Put anew even where it is already, so that no sweep takes it for an old one."""
        target = self.path(sha256)
        self._make(target.parent)
        with self._alone():
            unfinished.replace(target)
        sync_folder(target.parent)

    def _folders(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return [one for one in self.folder.iterdir() if len(one.name) == 2 and _HASH_LETTERS.issuperset(one.name)]

    def _make(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(folder.parent)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time, and one thread."""
        lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise broken(self.folder, error) from error


class Draft:
    """A file that is being written. Left without `finish` it is gone, at any moment: a thread that still writes is waited for."""

    def __init__(self, shelf: Shelf, path: Path) -> None:
        self._shelf, self._path = shelf, path
        self._hash = hashlib.sha256()
        self._busy = threading.Lock()
        self.size = 0
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise broken(path.parent, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.discard()

    @property
    def sha256(self) -> str:
        """The hash of what is written by now."""
        return self._hash.hexdigest()

    def write(self, content: bytes) -> None:
        """The next bytes. Raises ShelfFull, ShelfBroken."""
        self._hash.update(content)
        self.size += len(content)
        self._try(lambda: _write_all(self._file, content))

    def finish(self) -> Shelved:
        """It is whole: on disk under its name when this returns. Raises ShelfFull, ShelfBroken."""
        sha256 = self.sha256
        self._try(lambda: os.fsync(self._file))
        self._try(lambda: self._shelf.keep(self._path, sha256))
        return Shelved(sha256, self.size)

    def discard(self) -> None:
        """Let go; what is not finished is removed. A second time it does nothing."""
        with self._busy:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _try(self, act: Callable[[], None]) -> None:
        try:
            with self._busy:
                act()
        except OSError as error:
            raise broken(self._path.parent, error) from error


def broken(folder: Path, error: OSError) -> ShelfFull | ShelfBroken:
    """What an error of the disk means."""
    if error.errno in _FULL:
        return ShelfFull(f"there is no room for files in {folder}")
    return ShelfBroken(f"files cannot be kept in {folder}: {error.strerror}")


def _write_all(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def _is_sound(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _link_or_copy(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or one without links
        shutil.copyfile(path, target)
        target.chmod(0o600)
        with target.open("rb") as file:
            os.fsync(file.fileno())


def _is_older(path: Path, before: datetime) -> bool:
    """Whether it was written before then; not when it is gone by now."""
    try:
        return path.stat().st_mtime < before.timestamp()
    except FileNotFoundError:
        return False
