"""The commands that work beside a running `comeback serve`: the desk, the audience; and the demo as a visitor starts it."""

import csv
import json
import shutil
import time
from pathlib import Path

from .serving import ROOT, command, serving
from .walk import ANA, BEN, DORA

STORY_SECONDS = 60.0  # the issue's own promise


async def test_staff_work_on_the_command_line_beside_the_running_bot(tmp_path: Path) -> None:
    async with serving(tmp_path) as house:
        assert (await house.run("desk", "list")).out == "Nobody waits.\n"

        house.cloud.introduce(BEN, "Ben Ashworth")
        house.cloud.receive_from(BEN, "hello")
        assert await house.told(BEN, 2) == ["Hi Ben, welcome to Casa Bonita!", "How can we help you?"]

        taken = await house.run("desk", "take", BEN, "--staff", "Sam")
        assert (taken.code, taken.out) == (0, "The conversation is yours; the bot is silent until you hand it back.\n")
        house.cloud.press(BEN, "Returns")
        house.cloud.receive_from(BEN, "is anybody there?")
        await house.settled()
        assert len(house.said(BEN)) == 2

        (waiting,) = json.loads((await house.run("desk", "list", "--json")).out)
        assert (waiting["phone"], waiting["first_name"], waiting["control"], waiting["staff"]) == (BEN, "Ben", "human", "Sam")
        assert waiting["last_text"] == "is anybody there?"
        listed = await house.run("desk", "list")
        assert "Ben" in listed.out
        assert "with Sam" in listed.out

        said = await house.run("desk", "say", str(waiting["contact"]), "Yes: {store.name} *here* 👋", "--staff", "Sam")
        assert (said.code, said.out) == (0, "On its way.\n")
        assert (await house.told(BEN, 3))[-1] == "Yes: {store.name} *here* 👋"

        read = await house.run("desk", "read", BEN)
        assert read.code == 0
        assert [line.split()[1:3] for line in read.out.splitlines() if line[:2] == "20"] != []
        thread = json.loads((await house.run("desk", "read", BEN, "--json")).out)
        authors = [one["author"] for one in thread["messages"]]
        assert authors == ["customer", "flow", "flow", "customer", "customer", "staff"]
        assert thread["messages"][-1]["text"] == "Yes: {store.name} *here* 👋"

        back = await house.run("desk", "return", BEN)
        assert (back.code, back.out) == (0, "Handed back to the bot.\n")
        assert json.loads((await house.run("desk", "list", "--json")).out) == []
        house.cloud.receive_from(BEN, "thanks")
        assert (await house.told(BEN, 4))[-1] == "How can we help you?"


async def test_what_the_desk_cannot_do_is_a_sentence_and_exit_1(tmp_path: Path) -> None:
    async with serving(tmp_path) as house:
        house.cloud.receive_from(BEN, "hello")
        await house.told(BEN, 2)
        for words, expected in (
            (("take", "+34999999999"), "nobody here goes by +34999999999"),
            (("read", "nobody@example.com"), "nobody here goes by nobody@example.com"),
            (("say", BEN, "   "), "write something to send"),
            (("say", BEN, "x" * 5000), "at most 4096 characters"),
            (("take", "4711"), "4711"),
        ):
            ran = await house.run("desk", *words)
            assert (ran.code, ran.out) == (1, ""), (words, ran)
            assert expected in ran.err
            assert "Traceback" not in ran.err
            assert len(ran.err.splitlines()) == 1
        assert len(house.said(BEN)) == 2


async def test_the_desk_works_on_the_database_while_nobody_serves(tmp_path: Path) -> None:
    async with serving(tmp_path) as house:
        house.cloud.receive_from(BEN, "hello")
        await house.told(BEN, 2)
        await house.settled()
        environment = house.environment
    taken = await command("desk", "say", BEN, "We are back soon.", environment=environment, folder=tmp_path)
    assert (taken.code, taken.err) == (0, "")
    none = await command("desk", "list", environment=environment | {"COMEBACK_DATABASE": str(tmp_path / "none.db")}, folder=tmp_path)
    assert none.code == 1
    assert "there is no database" in none.err


async def test_an_audience_is_exported_while_the_bot_serves(tmp_path: Path) -> None:
    async with serving(tmp_path) as house:
        for who in ("ana", "ben", "dora"):
            for _ in range(3):
                house.shop.add(who, "p-moka")
                house.shop.buy(who)
        house.shop.add("carla", "p-moka")
        house.shop.buy("carla")
        await house.settled()
        house.cloud.receive_from(BEN, "stop")
        await house.told(BEN, 1)
        for platform in ("meta", "google"):
            exported = await house.run("audience", "export", "loyal_customers", "--for", platform)
            assert (exported.code, exported.err) == (0, "")
            assert exported.out.startswith("1 person written to")
            written = tmp_path / f"loyal_customers-{platform}.csv"
            with written.open(newline="") as file:
                assert len(list(csv.DictReader(file))) == 1
            text = written.read_text()
            assert not any(word in text for word in (ANA[1:], "example.com", "Ana", "García"))
        told = json.loads((await house.run("audience", "export", "loyal_customers", "--for", "meta", "--json")).out)
        assert told["written"] == 1
        assert told["left_out"] == {"opted_out": 1, "no_ads_consent": 1, "not_in_segment": 1}
        unknown = await house.run("audience", "export", "nobody", "--for", "meta")
        assert unknown.code == 1
        assert "there is no audience 'nobody' in store.yaml" in unknown.err
    assert DORA not in text


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


async def test_the_story_of_the_demo_comes_true_in_a_minute() -> None:
    began = time.monotonic()
    ran = await command("demo", "--story")
    assert ran.code == 0, ran
    assert ran.err == ""
    assert time.monotonic() - began < STORY_SECONDS
