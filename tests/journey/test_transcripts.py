"""Golden stories: what customers and shop did and what came of it, word for word. `--update` rewrites them, to be reviewed as a diff."""

import re
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.command import story
from bot.command.stage import StageStaff
from bot.command.story import Story

from .serving import command
from .walk import MADRID, Walk

TRANSCRIPTS = Path(__file__).parents[1] / "transcripts"
STORY_SECONDS = 60.0  # `comeback demo --story` promises it
CHANGING = (
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://127.0.0.1:PORT"),
    (re.compile(r"\bCASA[A-Z0-9]{8}\b"), "CASA-CODE"),
    (re.compile(r"[?&]comeback=[a-z2-7]{16}"), ""),
    (re.compile(r"\bwamid\.\w+"), "wamid.ID"),
    (re.compile(r"written to \S*/"), "written to FOLDER/"),
)


def _same_every_time(text: str) -> str:
    for changing, name in CHANGING:
        text = changing.sub(name, text)
    return text


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a transcript with its golden file, or write that with `--update`."""

    def compare(name: str, text: str) -> None:
        path, told = TRANSCRIPTS / f"{name}.txt", _same_every_time(text).strip() + "\n"
        if request.config.getoption("--update"):
            path.write_text(told, encoding="utf-8")
        assert path.exists(), f"{path.name} is not there yet: run with --update, then read it"
        assert told == path.read_text(encoding="utf-8")

    return compare


async def test_the_story_of_the_demo_comes_true_in_a_minute(golden: Callable[[str, str], None]) -> None:
    began = time.monotonic()
    ran = await command("demo", "--story")
    assert ran.code == 0, ran
    assert ran.err == ""
    assert time.monotonic() - began < STORY_SECONDS
    golden("demo_story", ran.out)


async def _too_expensive_in_spanish(told: Story) -> None:
    told.scene("Ana leaves a cart and finds it too expensive")
    await told.leave_cart("ana", ("p-espresso", 2), ("p-moka", 1))
    await told.turn(timedelta(hours=1, minutes=1))
    await told.write("ana", "Uy, demasiado caro...")
    await told.press("ana", "Usar mi descuento")
    code = next(iter(told.stage.shop.discounts))
    order = told.stage.shop.buy("ana", code=code)
    told.say("shop", f"Ana orders {order.number} with {code}: {order.total / 100:.2f}, {order.discount / 100:.2f} less")
    await told.rest()
    await told.turn(timedelta(days=6))


async def _welcome_in_portuguese(told: Story) -> None:
    told.scene("Carla writes for the first time, after closing time")
    told.stage.shop.add("carla", "p-gift", 1)
    told.stage.shop.deliver(told.stage.shop.buy("carla"))
    await told.rest()
    await told.turn_to(datetime(2026, 3, 2, 22, 0, tzinfo=MADRID))
    await told.write("carla", "oi!")
    await told.write("carla", "cadê o meu pacote?")
    await told.press("carla", "Não, obrigado")
    await told.press("carla", "Sim, por favor")
    await told.turn(timedelta(hours=1))
    await told.write("carla", "olá de novo")
    await told.press("carla", "Falar com alguém")


async def _stop_at_night(told: Story) -> None:
    told.scene("Ben stops the offers while one waits for the morning")
    await told.turn_to(datetime(2026, 3, 2, 21, 15, tzinfo=story.LONDON))
    await told.leave_cart("ben", ("p-grinder", 1))
    await told.turn(timedelta(hours=2))
    for reason in await told.reasons("ben"):
        told.say("(why)", reason)
    await told.write("ben", "Please stop!")
    await told.write("ben", "stop")
    await told.turn(timedelta(days=3))
    told.say("(why)", (await told.reasons("ben"))[-1])


async def _reorder(told: Story) -> None:
    told.scene("Ben's coffee runs low, and he wants to be asked again")
    told.stage.shop.add("ben", "p-espresso", 1)
    told.stage.shop.buy("ben")
    await told.rest()
    await told.turn(timedelta(days=25, hours=1))
    await told.press("ben", "Remind me in a week")
    await told.turn(timedelta(days=8))
    told.stage.shop.add("ben", "p-espresso", 2)
    order = told.stage.shop.buy("ben")
    told.say("shop", f"Ben orders {order.number}")
    await told.rest()
    await told.turn(timedelta(days=24))
    await told.turn(timedelta(days=2))
    await told.write("ben", "yes please, again!")


SMALL = {
    "too_expensive_in_spanish": _too_expensive_in_spanish,
    "welcome_in_portuguese": _welcome_in_portuguese,
    "stop_at_night": _stop_at_night,
    "reorder": _reorder,
}


@pytest.mark.parametrize("name", SMALL)
async def test_a_small_story_reads_as_it_did(
    walk: Walk, name: str, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    scene: Callable[[Story], Awaitable[None]] = SMALL[name]
    await scene(Story(walk.stage, StageStaff(walk.stage), walk.folder))
    golden(name, capsys.readouterr().out)
