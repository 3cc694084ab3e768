"""Fixtures of the worker's tests."""

from collections.abc import AsyncIterator

import pytest_asyncio

from bot.store.database import open_database

from .bench import Bench, playbook


@pytest_asyncio.fixture
async def bench(where: str) -> AsyncIterator[Bench]:
    """A database, the shipped flows, a channel that records, and a clock on Monday, 10:00 in Madrid."""
    store = await open_database(where)
    one = Bench(store, playbook())
    yield one
    await one.sender.finish()
    await store.close()
