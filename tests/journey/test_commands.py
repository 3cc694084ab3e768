"""The commands that work beside a running `comeback serve`: the desk, the audience; and the demo as a visitor starts it."""

import asyncio
import csv
import json
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from bot.command import story

from .serving import ROOT, Served, clean_environment, command, serving
from .walk import ANA, BEN, CARLA, open_walk

NORA = "+34600777002"
OLGA = "+34600777009"
together = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """One running bot for the commands of this module; each test has customers of its own."""
    async with serving(tmp_path_factory.mktemp("served")) as served:
        yield served


@together
async def test_an_owner_reads_why_somebody_was_answered_and_why_no_more(house: Served) -> None:
    house.cloud.introduce(OLGA, "Olga")
    house.cloud.receive_from(OLGA, "hello")
    await house.told(OLGA, 2)
    await asyncio.sleep(1)  # WhatsApp tells whole seconds
    house.cloud.receive_from(OLGA, "STOP")
    await house.told(OLGA, 3)
    await house.settled()

    told = await house.run("explain", OLGA)
    assert told.code == 0, told.err
    lines = [line.split(maxsplit=1)[1] for line in told.out.splitlines() if line[2:4].isdigit()]
    order = [
        "They wrote: “\u2068hello\u2069”",
        "Welcome: Started as run",
        "They wrote: “\u2068STOP\u2069”",
        "Consent: Stopped marketing messages",
    ]
    found = [next(at for at, line in enumerate(lines) if line.startswith(words)) for words in order]
    assert found == sorted(found)
    assert "wants no offers" in told.out

    as_data = json.loads((await house.run("explain", OLGA, "--since", "1 hour", "--json")).out)
    assert [one["about"] for one in as_data["timeline"]].count("They wrote") == 2
    assert as_data["flows"] == [] or all(flow["over"] for flow in as_data["flows"])
    nobody = await house.run("explain", "+34600000777")
    assert (nobody.code, "nobody here goes by" in nobody.err) == (1, True)


@together
async def test_staff_work_on_the_command_line_beside_the_running_bot(house: Served) -> None:
    house.cloud.introduce(BEN, "Ben Ashworth")
    house.cloud.receive_from(BEN, "hello")
    assert await house.told(BEN, 2) == ["Hi Ben, welcome to Casa Bonita!", "How can we help you?"]

    taken = await house.run("desk", "take", BEN, "--staff", "Sam")
    assert (taken.code, taken.out) == (0, "The conversation is yours; the bot is silent until you hand it back.\n")
    house.cloud.press(BEN, "Returns")
    house.cloud.receive_from(BEN, "is anybody there?")
    await house.settled()
    assert len(house.said(BEN)) == 2

    listed, told = await asyncio.gather(house.run("desk", "list"), house.run("desk", "list", "--json"))
    assert "Ben" in listed.out
    assert "with Sam" in listed.out
    (waiting,) = json.loads(told.out)
    assert (waiting["phone"], waiting["first_name"], waiting["control"], waiting["staff"]) == (BEN, "Ben", "human", "Sam")
    assert waiting["last_text"] == "is anybody there?"

    said = await house.run("desk", "say", str(waiting["contact"]), "Yes: {store.name} *here* 👋", "--staff", "Sam")
    assert (said.code, said.out) == (0, "On its way.\n")
    assert (await house.told(BEN, 3))[-1] == "Yes: {store.name} *here* 👋"

    read, told = await asyncio.gather(house.run("desk", "read", BEN), house.run("desk", "read", BEN, "--json"))
    assert "is anybody there?" in read.out
    messages = json.loads(told.out)["messages"]
    assert [one["author"] for one in messages] == ["customer", "flow", "flow", "customer", "customer", "staff"]
    assert messages[-1]["text"] == "Yes: {store.name} *here* 👋"

    back = await house.run("desk", "return", BEN)
    assert (back.code, back.out) == (0, "Handed back to the bot.\n")
    house.cloud.receive_from(BEN, "thanks")
    assert (await house.told(BEN, 4))[-1] == "How can we help you?"
    assert (await house.run("desk", "list")).out == "Nobody waits.\n"


@together
async def test_what_the_desk_cannot_do_is_a_sentence_and_exit_1(house: Served) -> None:
    house.cloud.receive_from(NORA, "hello")
    await house.told(NORA, 2)
    wrong = {
        ("take", "+34999999999"): "nobody here goes by +34999999999",
        ("say", NORA, "x" * 5000): "at most 4096 characters",
        ("read", "4711"): "4711",
    }
    for words, ran in zip(wrong, await asyncio.gather(*(house.run("desk", *words) for words in wrong)), strict=True):
        assert (ran.code, ran.out) == (1, ""), (words, ran)
        assert wrong[words] in ran.err
        assert len(ran.err.splitlines()) == 1
    assert len(house.said(NORA)) == 2


@together
async def test_an_audience_is_exported_while_the_bot_serves(house: Served) -> None:
    for who in ("ana", "carla", "dora"):
        for _ in range(3):
            house.shop.add(who, "p-moka")
            house.shop.buy(who)
    house.shop.add("ben", "p-moka")
    house.shop.buy("ben")
    await house.settled()
    house.cloud.receive_from(CARLA, "stop")
    await house.told(CARLA, 1)
    export = ("audience", "export", "loyal_customers", "--for")
    meta, google, told, unknown, nowhere = await asyncio.gather(
        house.run(*export, "meta"),
        house.run(*export, "google"),
        house.run(*export, "meta", "--json", "--out", "again.csv"),
        house.run("audience", "export", "nobody", "--for", "meta"),
        house.run(*export, "meta", "--out", "not/there.csv"),
    )
    assert (nowhere.code, nowhere.err) == (1, "not/there.csv cannot be written: No such file or directory. Name another file with --out\n")
    for platform, exported in (("meta", meta), ("google", google)):
        assert (exported.code, exported.err) == (0, "")
        assert exported.out.startswith("1 person written to")
        text = (house.folder / f"loyal_customers-{platform}.csv").read_text()
        assert len(list(csv.DictReader(text.splitlines()))) == 1
        assert not any(word in text for word in (ANA[1:], "example.com", "Ana", "García"))
    numbers = json.loads(told.out)
    assert numbers["written"] == 1
    assert (numbers["left_out"]["opted_out"], numbers["left_out"]["no_ads_consent"]) == (1, 1)
    assert unknown.code == 1
    assert "there is no audience 'nobody' in store.yaml" in unknown.err


async def test_what_the_desk_says_while_nobody_serves_leaves_when_the_bot_starts(tmp_path: Path) -> None:
    first = await open_walk(tmp_path, datetime.now(UTC))
    await first.write(BEN, "hello")
    await first.stage.close()
    environment = clean_environment(COMEBACK_DATABASE=first.database)
    said, none = await asyncio.gather(
        command("desk", "say", BEN, "We are back soon.", environment=environment),
        command("desk", "list", environment=environment | {"COMEBACK_DATABASE": str(tmp_path / "none.db")}),
    )
    assert (said.code, said.err) == (0, "")
    assert none.code == 1
    assert "there is no database" in none.err
    second = await open_walk(tmp_path, datetime.now(UTC), wrote=[BEN])
    try:
        await second.rest()
        assert second.got(BEN) == ["We are back soon."]
    finally:
        await second.stage.close()


async def test_the_story_of_the_demo_comes_true_on_both_databases(tmp_path: Path, where: str) -> None:
    assert await story.play(tmp_path, ROOT / "flows", ROOT / "locales", where) == 0


async def test_the_story_of_the_demo_is_no_longer_true_when_the_reminder_comes_days_later(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    shutil.copytree(ROOT / "flows", flows)
    reminder = flows / "cart_reminder.yaml"
    text = reminder.read_text()
    assert "for: 1 hour" in text
    reminder.write_text(text.replace("for: 1 hour", "for: 3 days"))
    ran = await command("demo", "--story", "--flows", str(flows))
    assert ran.code == 1
    assert "This did not come true: the reminder comes in her language" in ran.out


async def test_the_demo_without_flows_is_a_sentence(tmp_path: Path) -> None:
    ran = await command("demo", "--story", "--flows", str(tmp_path))
    assert ran.code == 1
    assert "store.yaml" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("words", [("check",), ("simulate", "welcome"), ("test",), ("demo", "--port", "0")], ids=lambda words: words[0])
async def test_a_flow_file_that_cannot_be_read_is_a_sentence(words: tuple[str, ...], tmp_path: Path) -> None:
    for name in ("flows", "locales"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "flows" / "gone.yaml").symlink_to(tmp_path / "nowhere")
    ran = await command(*words, folder=tmp_path)
    assert (ran.code, ran.out) == (78, "")
    assert "gone.yaml cannot be read" in ran.err
    assert "remove it" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("words", [("desk", "list"), ("explain", "1"), ("flows", "list"), ("flows", "graph", "welcome", "--live")], ids=str)
async def test_a_command_that_needs_a_database_says_how_to_get_one(words: tuple[str, ...], tmp_path: Path) -> None:
    ran = await command(*words, environment=clean_environment(COMEBACK_DATABASE=str(tmp_path / "none.db")))
    assert (ran.code, ran.out) == (1, "")
    assert "start 'comeback serve' first" in ran.err
    wrong = await command(*words, environment=clean_environment(COMEBACK_PORT="door"))
    assert (wrong.code, "COMEBACK_PORT" in wrong.err, "Traceback" in wrong.err) == (78, True, False)
