"""An owner edits a flow beside the running bot: it is served at once, `flows` tells whom it concerns, and what becomes of them."""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .serving import ROOT, Served, serving
from .walk import ANA, BEN, CARLA


async def listed(house: Served, flow: str) -> dict[str, Any]:
    """What `flows list` tells of a flow."""
    told = json.loads((await house.run("flows", "list", "--json")).out)
    return next(one for one in told if one["flow"] == flow)


async def once(house: Served, flow: str, so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What is told of a flow once it is so: it happens in another process."""
    async with asyncio.timeout(60):
        while not so(told := await listed(house, flow)):
            pass
    return told


async def test_an_owner_edits_a_flow_that_people_are_in_the_middle_of(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    shutil.copytree(ROOT / "flows", flows)
    async with serving(tmp_path, flows=flows) as house:
        for phone, name in ((ANA, "Ana"), (BEN, "Ben"), (CARLA, "Carla")):
            house.cloud.introduce(phone, name)
            house.cloud.receive_from(phone, "hello")
        for phone in (ANA, BEN, CARLA):
            await house.told(phone, 2)
        first = (await listed(house, "welcome"))["revision"]
        assert (await house.run("flows", "diff")).out == "Nothing differs from what is in force.\n"

        new = tmp_path / "new"
        shutil.copytree(flows, new)
        text = (flows / "welcome.yaml").read_text()
        assert "How can we help you?" in text
        (new / "welcome.yaml").write_text(text.replace("How can we help you?", "What can we do for you?"))
        differs = await house.run("flows", "diff", "welcome", "--flows", str(new))
        assert differs.code == 1
        assert "What can we do for you?" in differs.out
        assert "3 people wait at" in differs.out
        assert "which the new file has, too" in differs.out

        (flows / "welcome.yaml").write_text((new / "welcome.yaml").read_text())
        (standing,) = (await once(house, "welcome", lambda told: told["revision"] != first))["under_way"]
        assert (standing["people"], standing["revision"]) == (3, first)

        asked = await house.run("flows", "move", "welcome", "--at", standing["at"])
        assert (asked.code, "Nothing was done" in asked.err) == (1, True)
        moved = await house.run("flows", "move", "welcome", "--at", standing["at"], "--yes", "--json")
        assert json.loads(moved.out) == {"decided": 3}
        told = await once(house, "welcome", lambda told: all(one["revision"] == told["revision"] for one in told["under_way"]))
        assert sum(one["people"] for one in told["under_way"]) == 3
        house.cloud.press(BEN, "Returns")  # the button of the old version still means the same
        assert any("send anything back" in text for text in await house.told(BEN, 3))

        drawn = await house.run("flows", "graph", "welcome", "--live", "--flows", str(flows))
        assert (drawn.code, "3 people wait here" in drawn.out or "2 people wait here" in drawn.out) == (0, True)
        stopped = await house.run("flows", "stop", "welcome", "--yes")
        assert (stopped.code, stopped.out.partition(":")[0]) == (0, "3 people")
        await once(house, "welcome", lambda told: told["under_way"] == [])
        wrong = await house.run("flows", "stop", "welcom", "--yes")
        assert (wrong.code, "there is no flow 'welcom'" in wrong.err) == (1, True)
