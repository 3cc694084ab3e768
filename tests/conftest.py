"""What all tests share: how much of the heavy ones is run."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--full`: the nightly tier. `--update`: golden files are written, to be reviewed as a diff."""
    parser.addoption("--full", action="store_true", help="run the heavy tests (kills, power cuts, schedules) at full size")
    parser.addoption("--update", action="store_true", help="rewrite the golden transcripts of tests/transcripts")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the heavy tests run at full size."""
    return bool(request.config.getoption("--full"))
