"""What all tests share: how much of the heavy ones is run, and the databases they run on."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.postgres_server import Server, running


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--full`: the nightly tier. `--update`: golden files are written, to be reviewed as a diff."""
    parser.addoption("--full", action="store_true", help="run the heavy tests (kills, power cuts, schedules) at full size")
    parser.addoption("--update", action="store_true", help="rewrite the golden transcripts of tests/transcripts")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the heavy tests run at full size."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A real PostgreSQL server, for the whole session."""
    with running() as one:
        yield one


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def where(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a database that is empty or not there yet: the test runs on both."""
    if request.param == "sqlite":
        yield str(tmp_path / "comeback.db")
        return
    async with request.getfixturevalue("server").fresh() as address:
        yield address
