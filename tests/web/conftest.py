"""Fixtures of the door's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from .front import Front, front


@pytest_asyncio.fixture
async def door(tmp_path: Path) -> AsyncIterator[Front]:
    """A door that is open."""
    async with front(tmp_path / "comeback.db") as opened:
        yield opened
