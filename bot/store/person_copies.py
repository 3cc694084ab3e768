"""Where copies for people stand until the owner hands them over: a folder beside the database, for this user alone."""

from pathlib import Path

from bot.store.database import file_of, is_server


def beside(database: str | Path, optouts: Path | None) -> Path:
    """The folder of a database: beside the file; of a server, beside the opt-out log."""
    if is_server(database):
        return (optouts.parent if optouts else Path()) / "comeback.privacy"
    path = file_of(database)
    return path.with_name(path.name + ".privacy")
