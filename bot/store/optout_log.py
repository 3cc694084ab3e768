"""The opt-out log: every opt-out once more, in a file beside the database, so that a restored copy hears of those it missed.

Append-only, one JSON object a line, on disk (fsync) before the transaction that keeps the opt-out is committed: an opt-out the
database knows, and every confirmation of one, stands in the log. The other way round a line may be of a transaction that was given
up; it is what the person said all the same. A word that takes an opt-out back is logged, too, else a replay would silence who came back.

People stand in it by the names the database has for them, not as hashes: somebody the copy never heard of must be stopped as well. So
it is as private as the database (mode 0600, no texts), and whoever is erased is forgotten here, too: their stop stands, as keyed hashes, in
the erasure log from then on.
"""

import fcntl
import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.policy.consent import Consent
from bot.store import contacts
from bot.store.contacts import Agreement
from bot.store.database import StoreUnavailable, file_of, is_server
from bot.store.model import Identity, IdentityKind
from bot.store.step import Row, Step, T, from_micros, sql, to_micros

SOURCE = "the opt-out log"
_LEADS = frozenset({IdentityKind.CHECKOUT, IdentityKind.CART, IdentityKind.CLICK, IdentityKind.VISITOR})  # they lead to a person only


@dataclass(frozen=True, slots=True)
class Logged:
    """A line of the log: what a person said (UTC) on a channel (`whatsapp`, `ads`), and every name they went by then."""

    at: datetime
    channel: str
    state: Consent
    method: str
    names: tuple[Identity, ...]


def beside(database: str | Path) -> Path:
    """Where the log of a database is: beside the file; of a server, in the folder the process runs in."""
    if is_server(database):
        return Path("comeback.optouts")
    path = file_of(database)
    return path.with_name(path.name + ".optouts")


class OptOutLog:
    """The log in one file. Several processes may append to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
        """Raises StoreUnavailable when it cannot be written: better known at the start than at the first opt-out."""
        self._append("")

    def around(self, step: Step[T]) -> Step[T]:
        """The step, and at its end, in its own transaction, whatever it recorded of opt-outs: on disk before the commit.

        Raises StoreUnavailable when the log cannot be written: then the step is undone, to be tried again.
        """
        before: int = (yield sql("optout.newest"))[0]["id"]
        result = yield from step
        recorded = yield sql("optout.since", after=before)
        if recorded:
            lines = []
            for row in recorded:
                names = yield sql("contact.names", contact=row["contact"])
                lines.append(_line(row, names))
            self._append("".join(lines))
        return result

    def read(self) -> Iterator[Logged | None]:
        """Each line, oldest first; None for one that cannot be read (a crash tore it: its transaction was never committed)."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                if line.strip():
                    yield _logged(line)

    def about(self, names: Collection[Identity]) -> list[Logged]:
        """The lines of whoever goes by one of these names."""
        return [logged for logged in self.read() if logged is not None and not set(logged.names).isdisjoint(names)]

    def forget(self, names: Collection[Identity], living: Collection[Identity] = ()) -> int:
        """Take out the lines of whoever goes by one of these names, and torn lines that hold one; returns how many. A line with a name of
        somebody who stays (`living`) may be theirs, said while they had the other one: it stays with what is left of its names. The log is
        whole at every moment. Raises StoreUnavailable."""
        needles = [name.value.encode() for name in names if name.kind not in _LEADS]
        try:
            if not self.path.exists():
                return 0
            with _alone(self.path) as file:
                with self.path.open("rb") as log:
                    lines = log.readlines()
                kept = [_without(line, names, needles, living) for line in lines]
                changed = sum(after != before for before, after in zip(lines, kept, strict=True))
                if changed:
                    self._rewrite(file, b"".join(kept))
                return changed
        except OSError as error:
            raise self._unwritable(error) from error

    def _rewrite(self, locked: int, content: bytes) -> None:
        """Another file in its place. Whoever waits to append finds out that the one they opened is not the log any more."""
        fresh = self.path.with_name(self.path.name + ".new")
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            known = os.fstat(locked)
            os.fchown(file, known.st_uid, known.st_gid)  # root erases, too; the bot must be able to go on writing
            os.fchmod(file, known.st_mode & 0o777)
            append_whole(file, content)
            fresh.replace(self.path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        finally:
            os.close(file)
        sync_folder(self.path.parent)

    def _append(self, text: str) -> None:
        try:
            new = not self.path.exists()
            with _alone(self.path) as file:
                size = os.fstat(file).st_size
                torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
                append_whole(file, (("\n" if torn else "") + text).encode())
            if new:
                sync_folder(self.path.parent)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(f"the opt-out log {self.path} cannot be written: {error.strerror}")


@contextmanager
def _alone(path: Path) -> Iterator[int]:
    """The file that is the log, open and locked: what is appended while another process rewrites it would be lost."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_still(path, file):
                yield file
                return
        finally:
            os.close(file)


def _is_still(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _without(line: bytes, names: Collection[Identity], needles: Sequence[bytes], living: Collection[Identity]) -> bytes:
    """A line without these names: as it is where it holds none, empty where nobody who stays is in it."""
    logged = _logged(line)
    if logged is None:
        return b"" if any(needle in line for needle in needles) else line
    if set(logged.names).isdisjoint(names):
        return line
    left = [[name.kind, name.value, name.scope] for name in logged.names if name not in names]
    if set(logged.names).isdisjoint(living):
        return b""
    return (json.dumps(json.loads(line) | {"names": left}) + "\n").encode()


def append_whole(file: int, content: bytes) -> None:
    """Write to the end of an open file, and to the disk; all of it or, raising OSError, nothing: a disk that is full takes a part of it
    first, and says no only then."""
    size = os.fstat(file).st_size
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(file, left) :]
        os.fsync(file)
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, size)
        raise


def sync_folder(folder: Path) -> None:
    """A new name in a folder is on disk only after this."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _line(row: Row, names: Sequence[Row]) -> str:
    said = {
        "at": row["at"],
        "channel": row["channel"],
        "state": row["state"],
        "method": row["method"],
        "names": [[name["kind"], name["value"], name["scope"]] for name in names if name["kind"] not in _LEADS],
    }
    return json.dumps(said) + "\n"


def _logged(line: bytes) -> Logged | None:
    try:
        said = json.loads(line)
        names = tuple(Identity(IdentityKind(kind), str(value), str(scope)) for kind, value, scope in said["names"])
        return Logged(from_micros(int(said["at"])), str(said["channel"]), Consent(said["state"]), str(said["method"]), names)
    except (ValueError, KeyError, TypeError):
        return None


def replay(logged: Logged, now: datetime) -> Step[int | None]:
    """Tell a restored copy what the log says; returns the contact whose state that changed, None where it was known already.

    A person the copy does not know is made: they must be stopped before they are heard of again.
    """
    whose = yield from contacts.resolve(logged.names, now, proven=True)  # they were one person's names when it was written
    if whose is None:
        return None
    contact = whose.contact
    stated = {"channel": logged.channel, "state": logged.state, "at": to_micros(logged.at), "method": logged.method}
    if (yield sql("optout.known", contact=contact, **stated)):
        return None
    agreement = Agreement(logged.channel, logged.state, logged.at, logged.method, SOURCE)
    return contact if (yield from contacts.agree(contact, agreement, now)) else None
