"""The erasure log: who was erased, in a file beside the database, so that a restored copy does not bring them back.

It knows people by marks, and by the number of their contact, which leads to an emptied row. Marks are hashes of their names, keyed with a
secret that stands in the first line of this file and nowhere else.
The database keeps the same marks without the key, so that who said stop stays stopped under every name they had; so neither the database
nor a stolen copy of it tells who they were, while whoever has both can ask "was it this number?", as the house itself does.

Append-only, one JSON object a line, on disk (fsync) before the transaction that erases is committed: a line may be of an erasure that was
given up and is done once more, never the other way round. Mode 0600. It has to be kept as the opt-out log is.
"""

import fcntl
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from bot.store.database import StoreUnavailable, file_of, is_server
from bot.store.model import LEADS, Identity, IdentityKind
from bot.store.optout_log import append_whole, sync_folder
from bot.store.step import from_micros, to_micros

KEY_BYTES = 32
MARK_BYTES = 16
_NUMBERS = frozenset({IdentityKind.PHONE, IdentityKind.WA_ID})  # the same digits, with the plus or without


class Erased(StrEnum):
    """What a line tells of."""

    PERSON = "person"
    NAMES = "names"  # that led to nobody: what comes late under them is not taken in
    SHOP_LEFT = "shop_left"  # it took us out: nothing is sent in its name
    SHOP_BACK = "shop_back"
    SHOP = "shop"  # everything of it


@dataclass(frozen=True, slots=True)
class Stop:
    """A person's last word about marketing over a channel (`whatsapp`, `ads`), where it was no. Times UTC."""

    channel: str
    at: datetime
    method: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `shop` is of which shop, empty: of every one. `marks` are of a person's names, `stops` what they said. `contacts` are the
    numbers they had in the database: whoever else had one of the names before them is not meant."""

    at: datetime
    what: Erased
    shop: str = ""
    marks: tuple[str, ...] = ()
    stops: tuple[Stop, ...] = ()
    contacts: tuple[int, ...] = ()


def beside(database: str | Path, optouts: Path | None) -> Path:
    """Where the log of a database is: beside the file; of a server, beside the opt-out log."""
    if is_server(database):
        return (optouts.parent if optouts else Path()) / "comeback.erased"
    path = file_of(database)
    return path.with_name(path.name + ".erased")


def copy(old: Path, new: Path) -> None:
    """The log of a database that was moved. Raises StoreUnavailable."""
    unfinished = new.with_name(new.name + ".unfinished")
    try:
        file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            append_whole(file, old.read_bytes())
        finally:
            os.close(file)
        unfinished.replace(new)
        sync_folder(new.parent)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise StoreUnavailable(f"the erasure log {old} cannot be copied to {new}: {error.strerror}") from error


class Marks:
    """Makes marks of names."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, name: Identity) -> str | None:
        """The mark of a name; None for one that is nobody's, such as a cart's."""
        if name.kind in LEADS:
            return None
        kind, value = ("number", name.value.removeprefix("+")) if name.kind in _NUMBERS else (name.kind.value, name.value)
        return self._hash(f"{kind}\0{name.scope}\0{value}")

    def of_all(self, names: Iterable[Identity]) -> tuple[str, ...]:
        """Their marks, each once, in one order always."""
        return tuple(sorted({mark for name in names if (mark := self.of(name)) is not None}))

    def of_ask(self, text: str) -> str:
        """The key of an ask that has none of its own."""
        return self._hash(f"ask\0{text}")

    def _hash(self, text: str) -> str:
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256)[:MARK_BYTES].hex()


class ErasureLog:
    """The log in one file. Several processes may append to it; they must share it, as they share its key."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def marks(self) -> Marks:
        """The marks of this log, with a key that is made where there is none yet. Raises StoreUnavailable when it cannot be read or
        written."""
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)  # two processes that start at once make one key
                if os.fstat(file).st_size == 0:
                    append_whole(file, (json.dumps({"key": secrets.token_hex(KEY_BYTES)}) + "\n").encode())
                    sync_folder(self.path.parent)
            finally:
                os.close(file)
            with self.path.open("rb") as log:
                return Marks(bytes.fromhex(json.loads(log.readline())["key"]))
        except OSError as error:
            raise self._unusable(error) from error
        except (ValueError, KeyError, TypeError) as error:
            raise StoreUnavailable(f"{self.path} is no erasure log: its first line has no key") from error

    @property
    def is_there(self) -> bool:
        """Whether there is one."""
        return self.path.exists()

    def append(self, line: Line) -> None:
        """Keep a line; it is on disk when this returns. Raises StoreUnavailable."""
        told = {
            "at": to_micros(line.at),
            "what": line.what,
            "shop": line.shop,
            "marks": line.marks,
            "stops": [[stop.channel, to_micros(stop.at), stop.method] for stop in line.stops],
            "contacts": line.contacts,
        }
        try:
            file = os.open(self.path, os.O_RDWR | os.O_APPEND)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                size = os.fstat(file).st_size
                torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
                append_whole(file, (("\n" if torn else "") + json.dumps(told) + "\n").encode())
            finally:
                os.close(file)
        except OSError as error:
            raise self._unusable(error) from error

    def read(self) -> Iterator[Line]:
        """Each line, oldest first. One that a crash tore was of a transaction that was never committed. Raises StoreUnavailable when it
        cannot be read."""
        try:
            with self.path.open("rb") as file:
                for text in file:
                    if (line := _line(text)) is not None:
                        yield line
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(f"the erasure log {self.path} cannot be used: {error.strerror}")


class Erasures:
    """The log, open, and what makes its marks: there is none until somebody is erased."""

    def __init__(self, log: ErasureLog) -> None:
        self.log = log
        self._marks: Marks | None = None

    @property
    def marks(self) -> Marks:
        """What makes marks; with a log that is made where there is none yet. Raises StoreUnavailable."""
        if self._marks is None:
            self._marks = self.log.marks()
        return self._marks

    def marks_of(self, names: Iterable[Identity]) -> tuple[str, ...]:
        """The marks of names; none while nobody was ever erased."""
        return self.marks.of_all(names) if self._marks is not None or self.log.is_there else ()

    def append(self, line: Line) -> None:
        """Keep a line; it is on disk when this returns. Raises StoreUnavailable."""
        _ = self.marks  # the key stands first
        self.log.append(line)


def _line(text: bytes) -> Line | None:
    try:
        told = json.loads(text)
        stops = tuple(Stop(str(channel), from_micros(int(at)), str(method)) for channel, at, method in told["stops"])
        marks, numbers = tuple(map(str, told["marks"])), tuple(map(int, told["contacts"]))
        return Line(from_micros(int(told["at"])), Erased(told["what"]), str(told["shop"]), marks, stops, numbers)
    except (ValueError, KeyError, TypeError):
        return None
