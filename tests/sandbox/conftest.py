"""Fixtures of the sandbox's tests."""

from collections.abc import AsyncIterator

import pytest_asyncio

from .house import House, house


@pytest_asyncio.fixture
async def home() -> AsyncIterator[House]:
    """A running sandbox with a receiver beside it."""
    async with house() as one:
        yield one
