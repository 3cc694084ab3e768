"""Fixtures of the door's tests."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from . import desk
from .front import Front, front


@pytest_asyncio.fixture
async def door(tmp_path: Path) -> AsyncIterator[Front]:
    """A door that is open."""
    async with front(tmp_path / "comeback.db") as opened:
        yield opened


@pytest_asyncio.fixture(autouse=True)
async def threads_end() -> AsyncIterator[None]:
    """A connection that could not be opened ends its thread by itself: it must not outlive the test's loop."""
    yield
    for _ in range(100):
        if threading.active_count() == 1:
            break
        await asyncio.sleep(0.01)


@pytest_asyncio.fixture(name="front")
async def desk_front(where: str, tmp_path: Path) -> AsyncIterator[desk.Front]:
    """A desk that is open."""
    async with desk.desk(where, tmp_path / "files") as opened:
        yield opened


@pytest_asyncio.fixture
async def lola(front: desk.Front) -> int:
    """Lola asked for a person."""
    return await desk.asked_for_a_person(front)
