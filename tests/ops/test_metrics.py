"""What a monitor reads: true numbers, for whoever has the token, and nothing about a person."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.channel import Failure, SendError
from bot.store import outbox
from bot.store.gauges import Gauges
from bot.store.gauges import read as read_gauges
from bot.web import metrics
from bot.web.metrics import Metrics
from bot.worker.playbook import House
from tests.crash.house import surroundings
from tests.worker.bench import HOUR, LOLA, NUMBER, PEPE, failing

from .office import Office, office

TOKEN = "a-token-nobody-guesses"
Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Counted(Office):
    """An office whose work is counted."""

    metrics: Metrics

    def house(self) -> House:
        return House(self.playbook, self.store.instance, NUMBER, self.now, self.metrics)

    async def numbers(self) -> Numbers:
        """What a monitor would read now."""
        return parsed(self.metrics.page(await self.gauges()).body)

    async def gauges(self) -> Gauges:
        return await self.store.read(read_gauges(self.now))


@asynccontextmanager
async def counted(folder: Path) -> AsyncIterator[Counted]:
    async with office(folder) as house:
        one = Counted(house.store, house.log)
        one.metrics = Metrics()
        yield one
        await one.sender.finish()


def parsed(page: object) -> Numbers:
    assert isinstance(page, bytes)
    families = text_string_to_metric_families(page.decode())
    return {(sample.name, frozenset(sample.labels.items())): sample.value for family in families for sample in family.samples}


def of(numbers: Numbers, name: str, **labels: str) -> float:
    return numbers.get((f"comeback_{name}", frozenset(labels.items())), 0.0)


async def test_what_happens_is_counted(tmp_path: Path) -> None:
    async with counted(tmp_path) as house:
        await house.cart()
        await house.go()
        assert len(await house.go(HOUR)) == 1
        await house.status(house.channel.sent[0], "delivered")
        await house.writes("STOP")
        house.channel.faults = failing(lambda: SendError(Failure.REFUSED, "no", code=131026))
        await house.writes("hello", PEPE)
        await house.go()
        numbers = await house.numbers()
    assert of(numbers, "entries_worked_off_total", source="shop") == 1
    assert of(numbers, "entries_worked_off_total", source="whatsapp") == 3
    assert of(numbers, "runs_started_total", flow="cart_reminder") == 1
    assert of(numbers, "runs_ended_total", flow="cart_reminder", outcome="opted out") == 1
    assert of(numbers, "messages_total", state="sent", reason="") >= 2
    assert of(numbers, "messages_total", state="delivered", reason="") == 1
    assert of(numbers, "messages_total", state="refused", reason="131026") == 1
    assert of(numbers, "send_seconds_count") == len(house.channel.sent)
    assert of(numbers, "inbox_waiting") == 0


async def test_what_waits_is_shown_with_its_age(tmp_path: Path) -> None:
    async with counted(tmp_path) as house:
        await house.cart()
        await house.go()
        await house.writes("hello", PEPE)
        await house.store.run(outbox.stop_number(NUMBER, "the token has expired"))
        house.now += HOUR + timedelta(seconds=5)
        numbers = await house.numbers()
        assert (of(numbers, "inbox_waiting"), of(numbers, "inbox_oldest_seconds")) == (1, 3605)
        assert of(numbers, "timers_overdue") == 1
        await house.work()
        house.now += timedelta(seconds=90)
        numbers = await house.numbers()
        assert (of(numbers, "outbox_queued"), of(numbers, "outbox_due"), of(numbers, "outbox_oldest_due_seconds")) == (3, 3, 90)
        assert of(numbers, "number_stopped", number=NUMBER, what="all") == 1
        await house.store.run(outbox.resume_numbers())
        house.channel.faults = failing(lambda: SendError(Failure.UNKNOWN, "?"))
        await house.go()
        numbers = await house.numbers()
        assert (of(numbers, "outbox_unknown"), of(numbers, "outbox_queued")) == (1, 0)
        assert ("comeback_number_stopped", frozenset({("number", NUMBER), ("what", "all")})) not in numbers


async def test_why_policy_holds_messages_back_is_counted_once(tmp_path: Path) -> None:
    async with counted(tmp_path) as house:
        house.now += timedelta(hours=10, minutes=30)
        await house.cart()
        await house.go()
        for _ in range(3):
            await house.go(HOUR)
        numbers = await house.numbers()
    assert of(numbers, "messages_total", state="postponed", reason="quiet_hours") == 1


async def test_an_event_that_cannot_be_worked_off_is_counted_as_dead(tmp_path: Path) -> None:
    async with counted(tmp_path) as house:
        await house.whatsapp(messages=[{"from": LOLA, "id": "wamid.1", "timestamp": str(int(house.now.timestamp()))}])
        await house.go()
        dead = await house.gauges()
        numbers = await house.numbers()
    assert of(numbers, "inbox_dead") == dead.dead
    assert of(numbers, "entries_dead_total", source="whatsapp") + of(numbers, "entries_worked_off_total", source="whatsapp") == 1


def test_every_name_is_one_prometheus_takes_and_stands_in_the_manual() -> None:
    names = {family.name for family in metrics.Metrics().registry.collect() if family.name.startswith("comeback")}
    described = {re.sub(r"_(total|info)$", "", name) for name in re.findall(r"comeback_\w+", metrics.__doc__ or "")}
    assert names == described
    assert all(re.fullmatch(r"[a-z_]+", name) for name in names)


async def test_a_running_bot_shows_its_numbers_to_the_token_and_to_nobody_else(tmp_path: Path) -> None:
    async with surroundings(tmp_path) as around, aiohttp.ClientSession() as session:
        around.environ["COMEBACK_METRICS_TOKEN"] = TOKEN
        bot = around.bot()
        await bot.start()
        try:
            around.cloud.introduce("+34600111222", "Lola")
            around.cloud.receive_from("+34600111222", "STOP, Lola Canary")
            await around.cloud.idle()
            await asyncio.sleep(0.5)
            async with session.post(f"{around.url}/webhooks/whatsapp", data=b"{}") as answer:
                assert answer.status == 401
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": "Bearer "}):
                async with session.get(f"{around.url}/metrics", headers=headers) as answer:
                    assert answer.status == 404
                    assert "comeback_" not in await answer.text()
            async with session.get(f"{around.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
                assert answer.status == 200
                page = await answer.read()
        finally:
            assert await bot.terminate() == 0
    numbers = parsed(page)
    assert of(numbers, "updates_acknowledged_total", source="whatsapp") >= 1
    assert of(numbers, "acknowledge_seconds_count", source="whatsapp") >= 1
    assert of(numbers, "deliveries_refused_total", source="whatsapp", status="401") == 1
    assert numbers["process_resident_memory_bytes", frozenset()] > 1e6
    for private in (b"34600111222", b"Lola", b"Canary", around.cloud.token.encode()):
        assert private not in page


async def test_without_a_token_in_the_settings_the_numbers_are_shut(tmp_path: Path) -> None:
    async with surroundings(tmp_path) as around, aiohttp.ClientSession() as session:
        bot = around.bot()
        await bot.start()
        try:
            for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
                async with session.get(f"{around.url}/metrics", headers=headers) as answer:
                    assert answer.status == 404
        finally:
            assert await bot.terminate() == 0


@pytest.mark.parametrize("token", ["hunter22", "with a blank in it, and long"])
async def test_a_token_that_is_easy_to_guess_is_refused(tmp_path: Path, token: str) -> None:
    async with surroundings(tmp_path) as around:
        around.environ["COMEBACK_METRICS_TOKEN"] = token
        bot = around.bot()
        await bot.spawn()
        assert await bot.ended() == 78
        assert "COMEBACK_METRICS_TOKEN" in bot.log()
        assert token not in bot.log()
