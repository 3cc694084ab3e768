"""Copies of a PostgreSQL database: PostgreSQL's own pg_dump, one moment of the database while it is used.

It is put back by pg_restore, and made safe to start by `comeback restore --in-place`.
"""

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from bot.store.backup import Copied, NotACopy
from bot.store.database import StoreUnavailable
from bot.store.optout_log import sync_folder

MARK = b"PGDMP"  # how a file in pg_dump's custom format begins


def copy(address: str, target: Path) -> Copied:
    """Dump a database into `target`, replacing an older dump there.

    Raises NotACopy when `target` is a file of another kind, StoreUnavailable when pg_dump is not there or fails.
    """
    if target.exists() and _beginning(target) != MARK:
        raise NotACopy(f"{target} is there already, and is no backup of PostgreSQL")
    unfinished = target.with_name(target.name + ".unfinished")
    address, password = _without_password(address)
    try:
        unfinished.touch(mode=0o600)
        _run("pg_dump", f"--dbname={address}", "--format=custom", "--no-owner", f"--file={unfinished}", password=password)
        _run("pg_restore", "--list", str(unfinished), password=None)  # it can be read to its table of contents
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise StoreUnavailable(f"{target} cannot be written: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return Copied(target, target.stat().st_size, None)


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(MARK))


def _without_password(address: str) -> tuple[str, str | None]:
    """Whoever may list the processes of this machine would read it among a command's words."""
    parts = urlsplit(address)
    if parts.password is None:
        return address, None
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{host}")), unquote(parts.password)


def _run(program: str, *words: str, password: str | None) -> None:
    path = shutil.which(program)
    if path is None:
        raise StoreUnavailable(f"{program} is not installed here: it comes with PostgreSQL's client (apt install postgresql-client)")
    environ = os.environ if password is None else os.environ | {"PGPASSWORD": password}
    done = subprocess.run([path, *words], env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - PostgreSQL's own program
    if done.returncode:
        raise StoreUnavailable(f"{program} failed: {done.stderr.strip() or done.returncode}")
