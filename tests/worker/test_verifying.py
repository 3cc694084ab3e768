"""Where a shop has been silent for long, it is asked itself before anybody is reminded."""

from datetime import timedelta

import pytest

from bot.shop.verifier import Doubt, NoAnswer
from bot.worker.sender import Sender
from bot.worker.verifying import Verifying

from .bench import HOUR, SHOP, Bench

MINUTE = timedelta(minutes=1)
SILENT = timedelta(minutes=30)  # shorter than the flow waits


class Shop:
    """A shop that answers as it is told."""

    def __init__(self) -> None:
        self.answers: list[bool | Exception] = []
        self.asked: list[tuple[Doubt, str]] = []

    async def is_so(self, doubt: Doubt, key: str) -> bool:
        self.asked.append((doubt, key))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def verifying(bench: Bench, shop: Shop) -> Verifying:
    one = Verifying(bench.store, {SHOP: shop}, bench.house, SILENT)
    bench.sender = Sender(bench.store, bench.channel, bench.house, owner="test", verifying=one)
    return one


async def leave(bench: Bench) -> None:
    await bench.cart("k1")
    await bench.work()


async def states(bench: Bench) -> list[str]:
    return [row["state"] for row in await bench.rows("select state from outbox order by id")]


async def test_a_silent_shop_is_asked_and_its_yes_lets_the_reminder_go(bench: Bench, shop: Shop, verifying: Verifying) -> None:
    await leave(bench)
    assert await bench.go(HOUR) == []
    assert await states(bench) == ["verifying"]
    shop.answers = [True]
    assert await verifying.ask_due() == 1
    assert len(await bench.send()) == 1
    assert shop.asked == [(Doubt.CART_OPEN, "k1")]


async def test_its_no_cancels_the_reminder_and_ends_the_run(bench: Bench, shop: Shop, verifying: Verifying) -> None:
    await leave(bench)
    await bench.go(HOUR)
    shop.answers = [False]
    await verifying.ask_due()
    assert await bench.go(HOUR) == []
    assert await states(bench) == ["cancelled"]
    assert await bench.outcomes() == ["not sent"]


async def test_an_order_that_comes_while_the_shop_is_asked_counts(bench: Bench, shop: Shop, verifying: Verifying) -> None:
    await leave(bench)
    await bench.go(HOUR)
    await bench.order(checkout_key="k1")
    await bench.work()
    shop.answers = [True]
    await verifying.ask_due()
    assert await bench.go() == []
    assert await states(bench) == ["cancelled"]


async def test_a_shop_that_does_not_answer_is_asked_again(bench: Bench, shop: Shop, verifying: Verifying) -> None:
    await leave(bench)
    await bench.go(HOUR)
    shop.answers = [NoAnswer(), True]
    assert await verifying.ask_due() == 1
    assert await verifying.ask_due() == 0  # not at once; nor would another process, while this one asks
    bench.now += 6 * MINUTE
    assert await verifying.ask_due() == 1
    assert len(await bench.send()) == 1


async def test_a_shop_that_told_something_just_now_is_not_asked(bench: Bench, shop: Shop, verifying: Verifying) -> None:
    await leave(bench)
    bench.now += 50 * MINUTE
    await bench.shop("customer.updated", customer_key="9")
    assert len(await bench.go(10 * MINUTE)) == 1
    assert shop.asked == []


async def test_a_shop_that_cannot_be_asked_is_taken_at_its_last_word(bench: Bench) -> None:
    nobody = Verifying(bench.store, {}, bench.house, SILENT)
    bench.sender = Sender(bench.store, bench.channel, bench.house, owner="test", verifying=nobody)
    await leave(bench)
    assert len(await bench.go(HOUR)) == 1
