"""Where copies for people stand until the owner hands them over: a folder beside the database, for this user alone."""

import os
import shutil
from pathlib import Path

from bot.store.database import StoreUnavailable, file_of, is_server
from bot.store.optout_log import sync_folder


def beside(database: str | Path, optouts: Path | None) -> Path:
    """The folder of a database: beside the file; of a server, beside the opt-out log."""
    if is_server(database):
        return (optouts.parent if optouts else Path()) / "comeback.privacy"
    path = file_of(database)
    return path.with_name(path.name + ".privacy")


def bring(old: Path, new: Path) -> None:
    """The copies of a database that was moved go where its receipts look for them now. Begun once more it goes on. Raises
    StoreUnavailable."""
    try:
        for path in sorted(old.glob("*.zip")) if old != new else ():
            if not new.is_dir():
                new.mkdir(mode=0o700, parents=True)
            _copy(path, new / path.name)
            sync_folder(new)
            path.unlink()
    except OSError as error:
        raise StoreUnavailable(f"the copies for people in {old} cannot be brought to {new}: {error.strerror}") from error


def _copy(path: Path, target: Path) -> None:
    unfinished = target.with_name(target.name + ".unfinished")
    with path.open("rb") as source, os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        shutil.copyfileobj(source, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(target)
