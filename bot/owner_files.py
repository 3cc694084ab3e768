"""The owner's files on disk: read at the start, and again when they change.

A change is taken over as a whole, while conversations go on: who is in the middle of a flow finishes on the revision they began with.
What is wrong never takes anything away: a flow whose file has a mistake goes on in its last good revision, and a mistake in `store.yaml`
leaves everything as it was.
"""

import asyncio
import contextlib
import hashlib
import io
import logging
import os
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from time import time
from typing import TypeAlias

from babel.messages.pofile import read_po

from bot.flow import library
from bot.flow.file import ENDINGS, OwnFile
from bot.flow.library import Library
from bot.settings import SettingsError
from bot.store import files
from bot.store.database import Database, StoreUnavailable
from bot.store.discounts import canonical
from bot.store.file_type import SNIFFED_BYTES, named_type
from bot.store.files import File
from bot.store.pools import BeingWritten
from bot.store.shelf import Shelf, ShelfBroken, ShelfFull
from bot.store.step import Step
from bot.worker.playbook import Playbook

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # a file saved is a flow served a moment later; a look is a few dozen calls of stat
HASHES_KEPT = 1024  # files whose hash is known as long as they stay as they are: more than a store's flows show
CODES = "codes"  # the folder of files of discount codes, beside the flows
CODES_BYTES = 8 * 2**20  # half a million codes
SAVING_SECONDS = 1.0  # a file of codes saved so short a time ago may be half there
_NOT_DECODED = "\ufffd"  # what stands where the bytes are no UTF-8
_PATTERNS = (("flows", "**/*.yaml"), ("locales", "**/*.po"))
_SHOWN = tuple(sorted({ending for endings in ENDINGS.values() for ending in endings} - {".txt"}))  # a story is a text, too

Fingerprint: TypeAlias = frozenset[tuple[str, int, int]]


def read_files(flows: Path, locales: Path) -> dict[str, str]:
    """The owner's files by the paths the library knows them by (`flows/...`, `locales/...`), wherever the folders are.

    Raises SettingsError for one that cannot be read: without the store's rules in it another bot would start.
    """
    return {name: _text(path) for name, path in _found(flows, locales).items()}


def read_own(flows: Path) -> dict[str, OwnFile]:
    """The pictures and papers beside the flows that messages can show, by the paths the library knows them by. Raises SettingsError."""
    return {name: _own(path) for name, path in _found_own(flows).items()}


def _own(path: Path) -> OwnFile:
    try:
        stat = path.stat()
        return _hashed(path, stat.st_mtime_ns, stat.st_size)
    except OSError as error:
        raise SettingsError((f"{path} cannot be read ({error.strerror}): let this user read it, or remove it",)) from None


@lru_cache(maxsize=HASHES_KEPT)
def _hashed(path: Path, _changed_at: int, size: int) -> OwnFile:
    """A file's hash, taken once as long as it stays as it is: a film must not be read every second."""
    with path.open("rb") as file:
        return OwnFile(hashlib.file_digest(file, "sha256").hexdigest(), size)


def codes_of_file(flows: Path, name: str) -> list[str] | None:
    """The discount codes in `flows/codes/<name>.csv`: the first column, each once however it is written, without a heading that says
    `code`. None where there is no such file that can be read. Raises BeingWritten for one that was saved this very moment: half a code is
    promised to nobody."""
    path = flows / CODES / f"{name}.csv"
    try:
        with path.open("rb") as file:
            content = file.read(CODES_BYTES + 1)
            saved_at = os.fstat(file.fileno()).st_mtime
    except OSError:
        return None
    if abs(time() - saved_at) < SAVING_SECONDS:
        raise BeingWritten
    if len(content) > CODES_BYTES:
        log.error("%s is too long: of its codes those in the first %d bytes are given away", path, CODES_BYTES)
        content = content[: content.rfind(b"\n") + 1]
    text = content.decode("utf-8-sig", errors="replace")
    first = (line.replace(";", ",").partition(",")[0].strip().strip('"') for line in text.splitlines())
    codes = (code for code in first if code and code.isprintable() and _NOT_DECODED not in code and code.lower() != "code")
    found: dict[str, str] = {}
    for code in codes:
        found.setdefault(canonical(code), code)
    return list(found.values())


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise SettingsError((f"{path} cannot be read ({error.strerror}): let this user read it, or remove it",)) from None


def read_playbook(flows: Path, locales: Path) -> Playbook:
    """The owner's files as they are now, and the house's own texts in their languages. Raises SettingsError as `read_files` does."""
    texts = read_files(flows, locales)
    return Playbook(library.load(texts, read_own(flows)), _house_texts(texts))


def fingerprint(flows: Path, locales: Path) -> Fingerprint:
    """What tells that a file was added, removed or written, without reading it."""
    seen = set()
    for name, path in (*_found(flows, locales).items(), *_found_own(flows).items()):
        stat = path.stat()
        seen.add((name, stat.st_mtime_ns, stat.st_size))
    return frozenset(seen)


def _found(flows: Path, locales: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder, (name, pattern) in zip((flows, locales), _PATTERNS, strict=True):
        for path in sorted(folder.glob(pattern)):
            if not path.is_dir():
                found[f"{name}/{path.relative_to(folder).as_posix()}"] = path
    return found


def _found_own(flows: Path) -> dict[str, Path]:
    found = (path for path in sorted(flows.rglob("*")) if path.name.lower().endswith(_SHOWN) and path.is_file())
    return {f"flows/{path.relative_to(flows).as_posix()}": path for path in found}


def _house_texts(files: dict[str, str]) -> dict[str, dict[str, str]]:
    texts: dict[str, dict[str, str]] = {}
    for path, text in files.items():
        _, language, *rest = path.split("/")
        if rest == ["LC_MESSAGES", "bot.po"]:
            catalog = read_po(io.BytesIO(text.encode()), ignore_obsolete=True)
            texts[language] = {str(entry.id): str(entry.string) for entry in catalog if entry.id and entry.string and not entry.fuzzy}
    return texts


class Watch:
    """Keeps `playbook` as its owner's files are. `wake` is called when something changed."""

    def __init__(self, flows: Path, locales: Path, clock: Callable[[], datetime]) -> None:
        """Reads the files. Raises SettingsError when they cannot be read."""
        self._folders = (flows, locales)
        self._clock = clock
        self._known: Fingerprint | None = fingerprint(flows, locales)
        self.playbook = read_playbook(flows, locales)
        self._shelf: Shelf | None = None
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self, store: Database, wake: Callable[[], None], shelf: Shelf | None = None) -> None:
        """Fall back on the store where a file has a mistake, and look again and again from now on. What messages show is put on the
        shelf. Raises StoreUnavailable."""
        self._shelf = shelf
        self.playbook = await store.run(self.playbook.begun(self._clock()))
        await self._put_up(store, self.playbook.library)
        self._task = asyncio.create_task(self._keep_looking(store, wake), name="owner-files")

    def look_now(self) -> None:
        """Somebody says the files have changed (SIGHUP)."""
        self._asked.set()

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep_looking(self, store: Database, wake: Callable[[], None]) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._asked.wait()
            try:
                if await self._changed() and await self._take_over(store):
                    wake()
            except (OSError, SettingsError, StoreUnavailable) as error:  # just being replaced, or away: the next look sees
                log.warning("the flow files could not be read again, the next look tries once more: %s", error)
            except Exception:
                log.exception("reading the flow files again stumbled")

    async def _changed(self) -> bool:
        """Whether to read again: somebody said so, or what is on disk differs from what was read and is not being written right now."""
        asked = self._asked.is_set()
        self._asked.clear()
        if asked:
            self._known = None  # until it is taken over: what cannot be kept now is read again by the next look
            return True
        seen = await asyncio.to_thread(fingerprint, *self._folders)
        if seen == self._known:
            return False
        await asyncio.sleep(LOOK_SECONDS / 4)
        return seen == await asyncio.to_thread(fingerprint, *self._folders)

    async def _take_over(self, store: Database) -> bool:
        """Read the files; whether anything is otherwise now. Raises StoreUnavailable: they are not known then, and looked at again."""
        seen, loaded, texts = await asyncio.to_thread(_load, *self._folders)
        renewed = self.playbook.renewed(loaded, texts)
        if renewed is not None:
            await self._put_up(store, renewed.library)
            await store.run(renewed.remember(self._clock()))  # first: no run may begin with a revision that could be lost
        self._known = seen
        for problem in loaded.problems:
            log.error("not taken over: %s", problem)
        if renewed is None:
            log.error("store.yaml has a mistake: everything goes on as it was before")
            return False
        self.playbook = renewed
        log.info("the flow files were read again: %s", ", ".join(renewed.library.flows) or "no flows")
        return True

    async def _put_up(self, store: Database, loaded: Library) -> None:
        """Keep the files that flows show, before anybody is sent one. What cannot be kept is told, and missing when it is sent."""
        if self._shelf is None:
            return
        kept: list[File] = []
        for name, sha256 in loaded.files.items():
            try:
                kept.append(await asyncio.to_thread(_put_up, self._shelf, self._folders[0] / name.removeprefix("flows/"), sha256))
            except (OSError, ShelfBroken, ShelfFull) as error:
                log.error("%s cannot be kept for sending: %s", name, error)
        await store.run(_own_these(kept, self._clock()))


def _put_up(shelf: Shelf, path: Path, sha256: str) -> File:
    """Put a file on the shelf, unless it is there."""
    with path.open("rb") as file:
        mime = named_type(file.read(SNIFFED_BYTES), path.name)
    if not shelf.sound(sha256):
        put = shelf.put(path.read_bytes())
        if put.sha256 != sha256:
            raise OSError("it is being written right now")
    return File(sha256, path.stat().st_size, mime)


def _own_these(kept: list[File], now: datetime) -> Step[None]:
    yield from files.disown(now)
    for file in kept:
        yield from files.keep(file, now, owned=True)


def _load(flows: Path, locales: Path) -> tuple[Fingerprint, Library, dict[str, dict[str, str]]]:
    seen = fingerprint(flows, locales)  # before reading: what is written meanwhile is seen by the next look
    texts = read_files(flows, locales)
    return seen, library.load(texts, read_own(flows)), _house_texts(texts)
