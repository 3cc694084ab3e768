"""Fixtures of the store's tests."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest_asyncio

from bot.store.database import Database, open_database


@pytest_asyncio.fixture
async def store(where: str) -> AsyncIterator[Database]:
    """An open database of its own."""
    database = await open_database(where)
    yield database
    await database.close()


@pytest_asyncio.fixture(autouse=True)
async def threads_end() -> AsyncIterator[None]:
    """A connection that could not be opened ends its thread by itself: it must not outlive the test's loop."""
    yield
    for _ in range(100):
        if threading.active_count() == 1:
            break
        await asyncio.sleep(0.01)
