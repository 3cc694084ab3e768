"""Fixtures of the store's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from bot.store.database import Database, open_database


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    """An open database in a file of its own."""
    database = await open_database(tmp_path / "comeback.db")
    yield database
    await database.close()
