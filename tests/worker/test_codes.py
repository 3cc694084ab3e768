"""Codes out of a store: none promised before it exists there, none given twice, the same one again for the same person."""

import asyncio
import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from time import time

import pytest

from bot.owner_files import codes_of_file
from bot.store import discounts, pools
from bot.store.step import Step

from .bench import DAY, HOUR, LOLA, PEPE, SHOP, Bench, owner_files, playbook
from .till import FLOW, KINDS, Till, till

PEOPLE = tuple(f"346001{n:05d}" for n in range(30))


def nothing_promised_in_vain(house: Till, people: int) -> None:
    promised = house.arrivals.promised
    assert len(promised) == people
    codes = [code for codes in promised.values() for code in set(codes)]
    assert len(codes) == len(set(codes)), "a code was given to two people"
    assert house.arrivals.empty_promises == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_code_exists_in_the_store_when_its_message_arrives(bench: Bench, kind: str) -> None:
    async with till(bench, kind) as house:
        house.api.faults.polls = 3
        await house.left_carts(*PEOPLE)
        await house.settle()
        nothing_promised_in_vain(house, len(PEOPLE))
        assert set(await house.states()) == {"issued"}


@pytest.mark.parametrize("kind", KINDS)
async def test_throttling_lost_answers_and_codes_of_others_give_nobody_a_wrong_code(bench: Bench, kind: str) -> None:
    async with till(bench, kind) as house:
        faults = house.api.faults
        faults.polls, faults.throttled, faults.lost_answers, faults.taken, faults.too_long, faults.down = 3, 2, 2, 40, 5, 1
        await house.left_carts(*PEOPLE)
        await house.settle(120)
        nothing_promised_in_vain(house, len(PEOPLE))
        others = {code.code.upper() for code in house.api.codes.values() if code.owner.endswith("/0")}
        assert len(others) == 40
        assert others.isdisjoint(code for codes in house.arrivals.promised.values() for code in codes)


async def test_after_a_lost_answer_the_store_is_asked_before_anything_else(bench: Bench) -> None:
    async with till(bench) as house:
        house.api.faults.lost_answers = 2
        await house.left_carts(LOLA)
        await house.settle()
        assert house.api.calls[:4] == ["open", "parent", "add", "look"]
        assert len(house.api.discounts) == 1
        nothing_promised_in_vain(house, 1)


async def test_one_parent_serves_everybody_of_a_flow_and_a_month(bench: Bench) -> None:
    async with till(bench) as house:
        await house.left_carts(*PEOPLE)
        await house.settle()
        (parent,) = house.api.discounts.values()
        assert parent["usageLimit"] == 1
        assert parent["combinesWith"] == {"orderDiscounts": False, "productDiscounts": False, "shippingDiscounts": True}
        assert parent["customerGets"]["value"] == {"percentage": 0.05}
        assert parent["endsAt"] == "2026-12-03T02:00:00Z"  # November ends in Madrid, two days, three hours
        assert len(house.api.codes) == 251


@pytest.mark.parametrize("timezone", ["Europe/Madrid", "Europe/London", "America/New_York", "Pacific/Auckland"])
async def test_the_owner_reads_the_stores_own_month_in_the_title(bench: Bench, timezone: str) -> None:
    async with till(bench) as house:
        bench.playbook = playbook(cart_reminder=FLOW, store=owner_files()["flows/store.yaml"].replace("Europe/Madrid", timezone))
        await house.left_carts(LOLA)
        await house.settle(5)
        (parent,) = house.api.discounts.values()
        assert "cart_reminder 5% 2026-11, " in parent["title"]


async def test_a_pool_is_filled_again_below_the_low_water(bench: Bench) -> None:
    async with till(bench) as house:
        await house.left_carts(*(f"346001{n:05d}" for n in range(150)))
        await house.settle(5)
        assert len(house.api.codes) == 1 + 250
        await house.left_carts(LOLA)
        await house.settle(10)
        assert len(house.api.codes) == 1 + 500


@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_person_gets_the_same_live_code(bench: Bench, kind: str) -> None:
    async with till(bench, kind) as house:
        await house.left_carts(LOLA, PEPE)
        await house.settle()
        bench.now += DAY
        await house.left_carts(LOLA, key="another")
        await house.settle()
        (first, second), (other,) = house.arrivals.promised[f"+{LOLA}"], house.arrivals.promised[f"+{PEPE}"]
        assert first == second != other
        bench.now += 3 * DAY
        await house.left_carts(LOLA, key="later")
        await house.settle()
        assert house.arrivals.promised[f"+{LOLA}"][-1] != first
        assert house.arrivals.empty_promises == []


# ---- no code: the flow's other way, with a sentence of its own


async def no_code(house: Till, why: str) -> None:
    assert f"no discount could be made: {why}" in " ".join(await house.bench.notes())
    assert (await house.bench.outcomes())[-1] == "no code"


async def test_a_shop_that_is_down_takes_the_other_way(bench: Bench) -> None:
    async with till(bench) as house:
        house.api.faults.down = 1000
        await house.left_carts(LOLA)
        await house.settle(200)
        await no_code(house, "the shop answered 503")
        await house.left_carts(PEPE)
        await house.settle(2)
        assert await bench.outcomes() == ["no code", "no code"]  # nobody waits again for a shop that is known to be down
        house.api.faults.down = 0
        bench.now += timedelta(minutes=6)
        await house.settle(3)
        await house.left_carts(LOLA, key="another")
        await house.settle(10)
        nothing_promised_in_vain(house, 1)


async def test_a_token_that_does_not_do_takes_the_other_way_at_once(bench: Bench) -> None:
    async with till(bench) as house:
        house.api.token = "another"
        await house.left_carts(LOLA)
        await house.settle(10)
        await no_code(house, "the shop does not take the token (401)")


async def test_a_shop_without_an_api_takes_the_other_way(bench: Bench) -> None:
    async with till(bench) as house:
        house.discounter._apis = {}
        await house.left_carts(LOLA)
        await house.settle(2)
        await no_code(house, f"no code can be made for the shop '{SHOP}'")


@pytest.mark.parametrize(
    ("budget", "promised", "why"),
    [
        ("2 codes", 2, "the budget of 2 codes for this month is spent"),
        ("10 EUR", 3, "the budget of 10.00 EUR for this month is spent"),  # 5% of 60 EUR each
    ],
)
async def test_a_budget_is_for_a_month_of_the_flow(bench: Bench, budget: str, promised: int, why: str) -> None:
    async with till(bench, flow=FLOW.replace("from: pool", f"from: pool\n    budget: {budget}")) as house:
        await house.left_carts(LOLA, *PEOPLE[:5])
        await house.settle()
        nothing_promised_in_vain(house, promised)
        refused = await bench.rows("select why from discount where state = 'refused'")
        assert {row["why"] for row in refused} == {why}
        assert len(refused) == 6 - promised
        bench.now += 30 * DAY
        await house.left_carts(*PEOPLE[6:8])
        await house.settle()
        nothing_promised_in_vain(house, promised + 2)


async def test_who_leaves_carts_to_get_codes_is_held_back_by_the_cap_and_told_of(bench: Bench) -> None:
    async with till(bench, flow=FLOW.replace("from: pool", "from: pool\n    cap: 2")) as house:
        for key in ("a", "b", "c"):
            await house.left_carts(LOLA, key=key)
            await house.settle()
            bench.now += 3 * DAY
        assert len(set(house.arrivals.promised[f"+{LOLA}"])) == 2
        await no_code(house, "this person got 2 codes within 90 days, and 2 is the most: got 2 codes for 3 carts in 90 days")
        habit = await bench.store.read(discounts.habit_of(await bench.contact(), bench.now))
        assert habit.sentence == "got 2 codes for 3 carts in 90 days, and may leave carts to get them"


async def test_codes_of_a_file_are_given_away_once_each(bench: Bench) -> None:
    async with till(bench, flow=FLOW.replace("from: pool", "from: summer")) as house:
        await house.left_carts(LOLA)
        await house.settle(2)
        await no_code(house, "there is no file flows/codes/summer.csv")
        house.files["summer"] = ["SUN1", "SUN2"]
        await house.left_carts(LOLA, PEPE, PEOPLE[0], key="more")
        await house.settle(2)
        codes = [code for codes in house.arrivals.promised.values() for code in codes]
        assert sorted(codes) == ["SUN1", "SUN2"]
        refused = await bench.rows("select why from discount where state = 'refused' order by id")
        assert refused[-1]["why"] == "every code in flows/codes/summer.csv is given away"


SUMMER = FLOW.replace("from: pool", "from: summer")


async def in_the_pool(bench: Bench) -> dict[str, str]:
    return {row["code"]: row["state"] for row in await bench.rows("select code, state from pool_code order by id")}


async def test_a_code_that_is_taken_out_of_its_file_is_given_to_nobody_and_one_that_is_back_is(bench: Bench) -> None:
    async with till(bench, flow=SUMMER) as house:
        house.files["summer"] = ["SUN1", "SUN2", "SUN3"]
        await house.left_carts(LOLA)
        await house.settle(2)
        house.files["summer"] = ["SUN3", "SUN4"]
        await house.left_carts(PEPE)
        await house.settle(2)
        assert await in_the_pool(bench) == {"SUN1": "taken", "SUN2": "lost", "SUN3": "taken", "SUN4": "ready"}
        house.files["summer"] = ["SUN1", "SUN2"]
        await house.left_carts(PEOPLE[0])
        await house.settle(2)
        assert await in_the_pool(bench) == {"SUN1": "taken", "SUN2": "taken", "SUN3": "taken", "SUN4": "lost"}
        promised = house.arrivals.promised
        assert [promised[f"+{who}"] for who in (LOLA, PEPE, PEOPLE[0])] == [["SUN1"], ["SUN3"], ["SUN2"]]


async def test_who_comes_while_a_file_is_being_written_waits_for_it(bench: Bench) -> None:
    async with till(bench, flow=SUMMER) as house:

        def being_written(_: str) -> None:
            raise pools.BeingWritten

        house.discounter._files = being_written
        await house.left_carts(LOLA)
        await house.settle(2)
        assert await house.states() == ["wanted"]
        house.discounter._files = house.files.get
        house.files["summer"] = ["SUN1"]
        await house.settle(5)
        assert house.arrivals.promised[f"+{LOLA}"] == ["SUN1"]


async def test_a_long_file_is_read_in_some_at_a_time_and_everybody_comes_between(bench: Bench) -> None:
    async with till(bench, flow=SUMMER) as house:
        house.files["summer"] = [f"SUN{number:06d}" for number in range(20_000)]
        await house.left_carts(LOLA)
        counts = set[int]()
        reading = asyncio.create_task(house.discounter.make_wanted())
        while not reading.done():
            counts.add((await bench.rows("select count(*) as n from pool_code"))[0]["n"])
        assert len(counts) > 3
        assert await house.states() == ["made"]


async def test_after_the_last_code_nobody_waits_for_the_whole_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async with till(bench, flow=SUMMER) as house:
        reads = []

        def read(name: str) -> list[str]:
            reads.append(name)
            return ["SUN1", "SUN2"]

        def put_in(pool: pools.Pool, codes: Sequence[str]) -> Step[None]:
            raise AssertionError(f"{codes} are there already")

        house.discounter._files = read
        await house.left_carts(LOLA)
        await house.settle(2)
        monkeypatch.setattr(pools, "add_from_file", put_in)
        reads.clear()
        await house.left_carts(*PEOPLE)
        await house.discounter.make_wanted()
        assert reads == ["summer"]
        assert (await house.states()).count("refused") == len(PEOPLE) - 1


async def test_a_code_of_the_shops_own_is_the_same_for_everybody(bench: Bench) -> None:
    async with till(bench, flow=FLOW.replace("from: pool", "code: Welcome5")) as house:
        house.api.somebody_else_has("WELCOME5")
        await house.left_carts(LOLA, PEPE)
        await house.settle(2)
        assert [*house.arrivals.promised.values()] == [["Welcome5"], ["Welcome5"]]
        await bench.order("o1", PEOPLE[1], discount_codes=["WELCOME5"])
        await bench.work()
        assert await house.states() == ["issued", "issued"]  # no leak: anybody may use it


# ---- afterwards


async def promised(house: Till, *who: str) -> list[str]:
    await house.left_carts(*who)
    await house.settle(5)
    return [house.arrivals.promised[f"+{one}"][0] for one in who]


async def test_an_order_redeems_the_code_however_it_is_written_and_a_cancelled_one_does_not(bench: Bench) -> None:
    async with till(bench) as house:
        (code,) = await promised(house, LOLA)
        await bench.order(discount_codes=[f" {code.lower()} "])
        await bench.work()
        await bench.order(discount_codes=[code], kind="order.updated")
        await bench.work()
        assert await house.states() == ["redeemed"]
        assert sum("was redeemed, on order" in note for note in await bench.notes()) == 1
        bench.now += HOUR
        await bench.order(discount_codes=[code], kind="order.cancelled", status="cancelled")
        await bench.work()
        assert await house.states() == ["issued"]


async def test_a_code_that_somebody_else_uses_has_leaked_and_does_not_count(bench: Bench) -> None:
    async with till(bench) as house:
        code, _ = await promised(house, LOLA, PEPE)
        await bench.order(who=PEPE, discount_codes=[code])
        await bench.work()
        rows = await bench.rows("select state, leaked_order, redeemed_order from discount order by id")
        assert [row["state"] for row in rows] == ["issued", "revoked"]
        assert [(row["leaked_order"], row["redeemed_order"]) for row in rows] == [("o1", None), (None, None)]
        assert any("was used by somebody else" in note for note in await bench.notes())


async def test_a_code_that_somebody_else_used_up_is_not_promised_again(bench: Bench) -> None:
    async with till(bench) as house:
        (code,) = await promised(house, LOLA)
        await bench.order(who=PEPE, discount_codes=[code])
        await bench.work()
        bench.now += DAY
        await house.left_carts(LOLA, key="another")
        await house.settle(5)
        first, second = house.arrivals.promised[f"+{LOLA}"]
        assert first == code != second


async def test_a_code_that_was_promised_again_after_an_order_outlives_the_news_of_it(bench: Bench) -> None:
    async with till(bench) as house:
        (code,) = await promised(house, LOLA)
        bench.now += HOUR
        ordered_at = bench.now
        bench.now += DAY
        await house.left_carts(LOLA, key="another")
        await house.settle(5)
        assert house.arrivals.promised[f"+{LOLA}"] == [code, code]
        await bench.order(placed_at=ordered_at.isoformat())
        await bench.work()
        await house.settle(5)
        assert house.api.exists(code)
        assert await house.states() == ["issued", "issued"]
        bench.now += 3 * DAY
        await house.settle(2)
        assert not house.api.exists(code)
        assert await house.states() == ["expired", "expired"]


async def test_a_code_that_was_taken_back_stays_so_when_the_order_it_was_used_on_is_cancelled(bench: Bench) -> None:
    async with till(bench) as house:
        (code,) = await promised(house, LOLA)
        await bench.order()
        await bench.work()
        await house.settle(2)
        assert not house.api.exists(code)
        await bench.order(discount_codes=[code], kind="order.updated")
        await bench.work()
        assert await house.states() == ["redeemed"]
        bench.now += HOUR
        await bench.order(discount_codes=[code], kind="order.cancelled", status="cancelled")
        await bench.work()
        assert await house.states() == ["revoked"]
        bench.now += DAY
        await house.left_carts(LOLA, key="another")
        await house.settle(5)
        assert house.arrivals.promised[f"+{LOLA}"][1] != code
        assert house.arrivals.empty_promises == []


async def test_a_code_whose_time_was_over_before_it_was_made_is_promised_to_nobody(bench: Bench) -> None:
    async with till(bench) as house:
        await promised(house, PEPE)  # there are codes
        await house.left_carts(LOLA)
        bench.now += 3 * DAY  # nobody was at work meanwhile
        await house.settle(5)
        assert f"+{LOLA}" not in house.arrivals.promised
        await no_code(house, "its time was over before it could be made")


async def test_a_code_whose_time_was_over_before_anybody_was_told_goes_to_somebody_else(bench: Bench) -> None:
    async with till(bench) as house:
        await house.left_carts(LOLA)
        while await house.states() != ["made"]:
            await house.discounter.make_wanted()
            bench.now += timedelta(seconds=1)
        bench.now += 2 * DAY
        await bench.work()
        assert await house.states() == ["released"]
        await no_code(house, "its time was over before anybody could be told")


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_not_used_is_taken_back_on_an_order_an_opt_out_and_when_its_time_is_over(bench: Bench, kind: str) -> None:
    async with till(bench, kind) as house:
        by_order, by_word, by_time = await promised(house, LOLA, PEPE, PEOPLE[0])
        await bench.order()
        await bench.writes("STOP", PEPE)
        await bench.work()
        await house.discounter.make_wanted()
        assert [house.api.exists(code) for code in (by_order, by_word, by_time)] == [False, False, True]
        bench.now += 2 * DAY + discounts.GRACE - HOUR
        await house.discounter.make_wanted()
        assert house.api.exists(by_time)
        bench.now += 2 * HOUR
        await house.discounter.make_wanted()
        await house.discounter.make_wanted()
        assert not house.api.exists(by_time)
        assert await house.states() == ["revoked", "revoked", "expired"]


async def test_a_code_nobody_was_told_goes_to_somebody_else(bench: Bench) -> None:
    async with till(bench) as house:
        await house.left_carts(PEPE)
        while await house.states() != ["made"]:
            await house.discounter.make_wanted()
            bench.now += timedelta(seconds=1)
        await bench.order(who=PEPE)  # his run is over before it hears of the code
        await bench.work()
        await house.settle(5)
        assert (await house.states())[0] in ("released", "revoked")
        assert house.arrivals.promised == {}


def codes_file(folder: Path, content: bytes, *, age: float = 60.0) -> Path:
    """A file of codes, saved so many seconds ago."""
    path = folder / "codes" / "summer.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    saved_at = time() - age
    os.utime(path, (saved_at, saved_at))
    return path


def test_a_file_of_codes_is_read_as_spreadsheets_write_it(tmp_path: Path) -> None:
    codes_file(tmp_path, '\ufeffCode;note\r\n"SUN1";x\r\nSUN2,y\r\n\r\nSUN1\r\nsun2\r\n'.encode())
    assert codes_of_file(tmp_path, "summer") == ["SUN1", "SUN2"]
    assert codes_of_file(tmp_path, "winter") is None


def test_half_a_code_of_a_file_is_given_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes_file(tmp_path, b"SUN1\nSUN2", age=0)  # the rest of it is on its way
    with pytest.raises(pools.BeingWritten):
        codes_of_file(tmp_path, "summer")
    monkeypatch.setattr("bot.owner_files.CODES_BYTES", 12)
    codes_file(tmp_path, b"SUN1\nSUN2\nSUNSET\n")
    assert codes_of_file(tmp_path, "summer") == ["SUN1", "SUN2"]
    codes_file(tmp_path, "CAFÉ\nSUN2\n".encode("latin-1"))
    assert codes_of_file(tmp_path, "summer") == ["SUN2"]
