"""`comeback costs`, on a shop that Meta charges: by flow, day, category and country, and what a recovered cart cost."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from shutil import copytree

import pytest

from bot.__main__ import main

from .walk import BEN, MONDAY, open_walk

PRICES = """
prices:
  currency: USD
  marketing: {default: 0.05, ES: 0.0509}
  service: 0.0031
"""


async def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What the command says."""
    capsys.readouterr()
    assert await asyncio.to_thread(main, ["costs", *words]) == 0
    return capsys.readouterr().out


async def test_what_was_spent_is_told_by_flow_day_category_and_country(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flows = Path(copytree("flows", tmp_path / "flows"))
    store = flows / "store.yaml"
    store.write_text(store.read_text("utf-8") + PRICES, "utf-8")
    for name, value in (("DATABASE", where), ("FLOWS", str(flows)), ("LOCALES", "locales"), ("WHATSAPP_NUMBER", "")):
        monkeypatch.setenv(f"COMEBACK_{name}", value)
    monkeypatch.setenv("NO_COLOR", "1")
    walk = await open_walk(tmp_path, flows=flows, database=where)
    try:
        await walk.tell_of("ana")
        await walk.leave_cart("ana")
        await walk.turn(hours=2)  # the reminder: marketing
        await walk.press("ana", walk.buttons("ana")[0])  # and an answer, which was free in March 2026
        await walk.turn(minutes=1)
        await walk.buy("ana")
        await walk.write(BEN, "Hello")
        await walk.turn(minutes=1)
        monday = MONDAY.date().isoformat()
        out = await told(capsys, "--since", monday)
        as_machines = json.loads(await told(capsys, "--since", monday, "--json"))
        by_country = json.loads(await told(capsys, "--since", monday, "--json", "--by", "country"))
        by_category = json.loads(await told(capsys, "--since", monday, "--json", "--by", "category"))
        by_day = json.loads(await told(capsys, "--since", monday, "--json", "--by", "day"))
        nothing = await told(capsys, "--since", "2027-01-01")
    finally:
        await walk.stage.close()
    lines = {line["name"]: line for line in as_machines["lines"]}
    assert lines["cart_reminder"]["goals"] == 1
    assert lines["cart_reminder"]["cost_per_goal"] == lines["cart_reminder"]["cost"]
    assert {line["currency"] for line in as_machines["lines"]} == {"USD"}
    assert {line["name"] for line in by_country["lines"]} == {"ES", "GB"}
    assert "marketing" in {line["name"] for line in by_category["lines"]}
    assert [line["name"] for line in by_day["lines"]] == [monday]
    sums = {sum(Decimal(line["cost"]) for line in one["lines"]) for one in (as_machines, by_country, by_category, by_day)}
    assert len(sums) == 1, "the same money, whichever way it is summed up"
    assert sums.pop() > 0
    assert "cart_reminder" in out
    assert "each goal" in out
    assert nothing.startswith("Nothing was sent since")
