"""Fixtures of the journeys."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from .walk import Walk, open_walk


@pytest_asyncio.fixture
async def walk(tmp_path: Path, where: str, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Walk]:
    """The whole house on a Monday at ten. At its end nothing may have stumbled, and no event may be dead that a test did not expect."""
    opened = await open_walk(tmp_path, database=where)
    async with held_together(opened, caplog):
        yield opened


@asynccontextmanager
async def held_together(opened: Walk, caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """Closes a walk. At its end nothing may have stumbled, and no event may be dead that a test did not expect."""
    try:
        yield
        assert opened.rows("select kind, why from inbox where state = 'dead'") == []
        assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    finally:
        await opened.stage.close()
