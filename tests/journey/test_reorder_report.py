"""`comeback reorder report`, on a shop with a little history: what is bought again, what the nudges rest on, and one person's dates."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from bot.__main__ import main
from bot.store.database import open_database
from bot.worker.reorder import Foresight
from tests.worker.bench import DAY, LOLA, MONDAY, PEPE, Bench, playbook

SOAP = {"product_id": "p-soap", "title": "Olive soap \x1b[31m", "quantity": 1, "unit_price": "4.00"}
COFFEE = {"product_id": "p-huila", "title": "Huila, 1 kg", "quantity": 2, "unit_price": "30.00", "category": "coffee"}
CARD = {"product_id": "p-gift", "title": "Gift card", "quantity": 1, "unit_price": "50.00", "category": "gift-card"}
BUYERS = 12


@pytest_asyncio.fixture
async def shop(where: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """Twelve people buy soap every twenty days; Lola also coffee, and Pepe soap once."""
    for name, value in (("DATABASE", where), ("FLOWS", "flows"), ("LOCALES", "locales"), ("WHATSAPP_NUMBER", "")):
        monkeypatch.setenv(f"COMEBACK_{name}", value)
    monkeypatch.setenv("NO_COLOR", "1")
    store = await open_database(where)
    one = Bench(store, playbook())
    for number in range(3):
        one.now = MONDAY + 20 * number * DAY
        for person in range(BUYERS):
            await one.order(f"o{person}-{number}", f"346001120{person:02d}", items=[SOAP])
        await one.work()
    await one.order("coffee", LOLA, items=[COFFEE, CARD])
    await one.order("soap", PEPE, items=[SOAP])
    await one.work()
    await Foresight(store, one.house).work_out()
    await one.order("later", PEPE, items=[SOAP])
    await one.work()
    yield one
    await store.close()


async def says(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What the command tells."""
    capsys.readouterr()
    assert await asyncio.to_thread(main, ["reorder", "report", *words]) == code
    out = capsys.readouterr()
    return out.err if code else out.out


async def test_products_are_told_with_what_the_nudges_rest_on(shop: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    out = await says(capsys)
    assert "\x1b" not in out, "a shop's text moves no cursor"
    rows = {line.split("  ")[1]: line for line in out.splitlines() if line.startswith("  ")}
    assert rows["Olive soap [31m"].split()[3:] == ["13", "12", "24", "20", "20", "to", "20", "people:", "asked", "after", "16", "days"]
    assert rows["Huila, 1 kg"].endswith("owner: 25 days (category coffee)")
    assert rows["Gift card"].endswith("owner: never (category gift-card)")
    told = json.loads(await says(capsys, "--json", "--product", "p-soap"))
    (soap,) = told["products"]
    assert (soap["buyers"], soap["came_back"], soap["times"], soap["days"], soap["basis"]) == (13, 12, 24, 20.0, "people")
    assert datetime.fromisoformat(told["worked_out_at"]) == MONDAY + 40 * DAY
    assert "No product like that was sold." in await says(capsys, "--product", "tea")


async def test_one_persons_dates_are_told_with_what_they_rest_on(shop: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (await says(capsys, "--person", f"+{LOLA}")).splitlines()
    assert [line.split("  ")[1] for line in lines[1:]] == ["Huila, 1 kg", "Gift card"]
    assert lines[1].endswith("the owner's days")
    assert "nobody can say" in lines[2]
    (soap,) = json.loads(await says(capsys, "--person", f"+{PEPE}", "--json"))
    last = MONDAY + 40 * DAY
    assert (soap["basis"], soap["own_gaps"], soap["asked"]) == ("product", 0, False)
    assert datetime.fromisoformat(soap["expected"]) == last + 20 * DAY
    assert datetime.fromisoformat(soap["asks_at"]) == last + timedelta(days=16)
    assert "what others did" in await says(capsys, "--person", f"+{PEPE}")
    assert "their own habit: came back 2 times" in await says(capsys, "--person", "+34600112000")
    assert "nobody here goes by" in await says(capsys, "--person", "+34600000777", code=1)


async def test_before_the_first_night_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new.db"
    await (await open_database(path)).close()
    monkeypatch.setenv("COMEBACK_DATABASE", str(path))
    monkeypatch.setenv("COMEBACK_WHATSAPP_NUMBER", "")
    assert "Nothing is worked out yet" in await says(capsys)


def test_its_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["reorder", "report", "--help"])
    out = capsys.readouterr().out
    assert "at least 10 people came back, 20 times in all" in out
    assert "comeback reorder report --person" in out
