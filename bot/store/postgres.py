"""PostgreSQL: many processes on one database."""

from bot.store.database import Database, StoreUnavailable
from bot.store.step import Step, T


async def open_server(url: str) -> Database:
    """Open the database at a URL."""
    raise StoreUnavailable("PostgreSQL is not there yet")


async def read_only(url: str, step: Step[T]) -> T:
    """Run a reading step."""
    raise StoreUnavailable("PostgreSQL is not there yet")
