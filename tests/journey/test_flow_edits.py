"""An owner edits a flow beside the running bot: it is served at once, `flows` tells whom it concerns, and what becomes of them."""

import json
import shutil
from pathlib import Path

from .serving import ROOT, Served, serving
from .walk import ANA, BEN, CARLA


async def in_force(house: Served, flow: str) -> str:
    listed = json.loads((await house.run("flows", "list", "--json")).out)
    return str(next(one["revision"] for one in listed if one["flow"] == flow))


async def served_anew(house: Served, flow: str, before: str) -> None:
    """Until the file that was saved is in force."""
    for _ in range(60):
        if await in_force(house, flow) != before:
            return
    raise AssertionError("the new file was never served")


async def test_an_owner_edits_a_flow_that_people_are_in_the_middle_of(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    shutil.copytree(ROOT / "flows", flows)
    async with serving(tmp_path, flows=flows) as house:
        for phone, name in ((ANA, "Ana"), (BEN, "Ben"), (CARLA, "Carla")):
            house.cloud.introduce(phone, name)
            house.cloud.receive_from(phone, "hello")
        for phone in (ANA, BEN, CARLA):
            await house.told(phone, 2)
        first = await in_force(house, "welcome")
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
        await served_anew(house, "welcome", first)
        listed = json.loads((await house.run("flows", "list", "--json")).out)
        (standing,) = next(one["under_way"] for one in listed if one["flow"] == "welcome")
        assert (standing["people"], standing["revision"]) == (3, first)

        asked = await house.run("flows", "move", "welcome", "--at", standing["at"])
        assert (asked.code, "Nothing was done" in asked.err) == (1, True)
        moved = await house.run("flows", "move", "welcome", "--at", standing["at"], "--yes", "--json")
        assert json.loads(moved.out) == {"decided": 3}
        await house.settled()
        listed = json.loads((await house.run("flows", "list", "--json")).out)
        (standing,) = next(one["under_way"] for one in listed if one["flow"] == "welcome")
        assert standing["people"] == 3
        assert standing["revision"] != first
        house.cloud.press(BEN, "Returns")  # the button of the old version still means the same
        assert "returns" in (await house.told(BEN, 3))[-1]

        stopped = await house.run("flows", "stop", "welcome", "--yes")
        assert (stopped.code, stopped.out.partition(":")[0]) == (0, "3 people")
        await house.settled()
        listed = json.loads((await house.run("flows", "list", "--json")).out)
        assert next(one["under_way"] for one in listed if one["flow"] == "welcome") == []
        wrong = await house.run("flows", "stop", "welcom", "--yes")
        assert (wrong.code, "there is no flow 'welcom'" in wrong.err) == (1, True)
