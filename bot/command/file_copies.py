"""What becomes of the files in messages when a database is copied, restored or moved: they go along, each checked by its hash."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.command.terminal import paint
from bot.settings import Settings
from bot.store import files, shelf
from bot.store.database import read_only
from bot.store.files import File
from bot.store.shelf import Shelf


@dataclass(frozen=True, slots=True)
class FilesCopied:
    """How many files a database names that are in `folder` now, whole, and their bytes; `missing` are those that were not to be had."""

    folder: Path
    files: int
    bytes: int
    missing: int


def beside_copy(copy: Path) -> Path:
    """Where the files of a backup are."""
    return copy.with_name(copy.name + ".files")


def folder_of(settings: Settings) -> Path:
    """Where the files of the database in use are."""
    return settings.files or shelf.beside(settings.database)


def named_by(database: str | Path) -> list[File]:
    """The files a database names. Raises StoreUnavailable."""
    return asyncio.run(read_only(database, files.live()))


def bring(wanted: list[File], source: Path, target: Path, progress: Callable[[float], None]) -> FilesCopied:
    """Bring files from one folder into another, by links where the disk can. Raises ShelfFull, ShelfBroken."""
    from_there, to_here = Shelf(source), Shelf(target)
    there = [one for nth, one in enumerate(wanted) if _brought(one, from_there, to_here, progress, nth / len(wanted))]
    if wanted:
        progress(1.0)
    return FilesCopied(target, len(there), sum(one.size for one in there), len(wanted) - len(there))


def _brought(file: File, source: Shelf, target: Shelf, progress: Callable[[float], None], share: float) -> bool:
    progress(share)
    return target.adopt(source.path(file.sha256), file.sha256)


def lines(copied: FilesCopied) -> Iterator[str]:
    """What was done, in sentences."""
    if copied.files or copied.missing:
        yield f"Files in messages: {copied.files} in {copied.folder} ({copied.bytes / 1e6:.1f} MB), each checked by its hash."
    if copied.missing:
        told = "1 file is" if copied.missing == 1 else f"{copied.missing} files are"
        yield paint(f"  {told} not to be had: their messages say so at the desk.", "yellow")
