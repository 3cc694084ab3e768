"""What shops never send again is kept while the database cannot be written."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bot.shop.delivery import Delivery
from bot.store.database import StoreUnavailable
from bot.web.overflow import Overflow, beside
from tests.shop.bodies import woo_headers
from tests.web.front import NOW, WOO_SECRET, Front

WOO = "/webhooks/woocommerce/tienda"


def order(number: int) -> bytes:
    told = {"id": number, "number": str(number), "status": "processing", "currency": "EUR", "total": "10.00", "line_items": []}
    dates = {"date_created_gmt": "2026-11-02T09:00:00", "date_modified_gmt": "2026-11-02T09:30:00"}
    return json.dumps(told | dates | {"billing": {"phone": "+34600111222", "country": "ES"}}).encode()


def delivery(number: int) -> Delivery:
    body = order(number)
    return Delivery("tienda", woo_headers("order.created", body, WOO_SECRET), body, NOW)


@contextmanager
def busy(path: Path) -> Iterator[None]:
    """Another program writes, and does not end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        yield
        other.execute("rollback")


async def brought(overflow: Overflow) -> list[int]:
    found: list[int] = []

    async def take_in(one: Delivery) -> None:
        found.append(json.loads(one.body)["id"])

    await overflow.bring_in(take_in)
    return found


async def test_woocommerce_hears_no_refusal_while_the_database_is_busy_and_nothing_is_lost(door: Front, tmp_path: Path) -> None:
    body = order(1)
    with busy(tmp_path / "comeback.db"):
        status, _ = await door.post(WOO, body, woo_headers("order.created", body, WOO_SECRET))
        assert status == 200
        assert door.overflow.waits()
        refused, _ = await door.shop(b'{"type":"x","timestamp":"2026-11-02T10:00:00+00:00","data":{}}')
        assert refused == 503, "a shop that tries again is asked to"
    assert await door.overflow.bring_in(door.door.take_in) == 1
    assert not door.overflow.waits()
    rows = await door.rows("select kind, state from inbox")
    assert [(row["kind"], row["state"]) for row in rows] == [("woocommerce:order.created", "waiting")]


async def test_what_was_brought_in_half_way_is_brought_in_again_and_counts_once(door: Front, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        await door.overflow.keep(delivery(number))
    taken = 0

    async def until_the_second(one: Delivery) -> None:
        nonlocal taken
        taken += 1
        if taken == 3:
            raise StoreUnavailable("gone")
        await door.door.take_in(one)

    with pytest.raises(StoreUnavailable):
        await door.overflow.bring_in(until_the_second)
    await door.overflow.keep(delivery(4))  # meanwhile
    assert door.overflow.waits()
    again = Overflow(door.overflow.path)  # a new process
    assert await again.bring_in(door.door.take_in) == 4
    assert len(await door.rows("select 1 as one from inbox")) == 4


async def test_a_torn_line_is_of_a_delivery_that_nobody_was_told_is_kept(tmp_path: Path) -> None:
    overflow = Overflow(tmp_path / "o")
    await overflow.keep(delivery(1))
    await overflow.keep(delivery(2))
    whole = overflow.path.read_bytes()
    overflow.path.write_bytes(whole[:-20])
    assert await brought(overflow) == [1]


@pytest.mark.parametrize("torn", ["ours", "set aside"])
async def test_what_is_kept_after_a_torn_line_is_brought_in(tmp_path: Path, caplog: pytest.LogCaptureFixture, torn: str) -> None:
    killed = Overflow(tmp_path / "o")
    await killed.keep(delivery(1))
    await killed.keep(delivery(2))
    killed.path.write_bytes(killed.path.read_bytes()[:-20])
    if torn == "set aside":
        killed.path.rename(tmp_path / "o.coming")
    overflow = Overflow(tmp_path / "o")  # the next process
    await overflow.keep(delivery(3))
    assert await brought(overflow) == [1, 3]
    assert not overflow.waits()
    await overflow.keep(delivery(4))
    assert await brought(overflow) == [4]
    assert "are no delivery" in caplog.text


@pytest.mark.parametrize(
    "junk",
    [b"{}\n", b"5\n", b'{"shop": "tienda", "headers": 7\n', b"\0\0\0\n", b'{"shop": 1, "headers": {}, "body": "?", "received_at": "x"}\n'],
)
async def test_a_line_that_cannot_be_read_is_in_nobodys_way(tmp_path: Path, junk: bytes) -> None:
    overflow = Overflow(tmp_path / "o")
    await overflow.keep(delivery(1))
    overflow.path.write_bytes(junk + overflow.path.read_bytes())
    assert await brought(overflow) == [1]


async def test_what_another_process_puts_aside_between_two_looks_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    overflow = Overflow(tmp_path / "o")
    await overflow.keep(delivery(1))
    exists = Path.exists

    def put_aside(path: Path) -> bool:
        was = exists(path)
        if path == tmp_path / "o.coming":
            (tmp_path / "o").rename(path)
        return was

    monkeypatch.setattr(Path, "exists", put_aside)
    assert overflow.waits()


async def test_it_is_private_and_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    overflow = Overflow(tmp_path / "o")
    await overflow.keep(delivery(1))
    assert overflow.path.stat().st_mode & 0o077 == 0
    with pytest.raises(OSError, match="No such file"):
        await Overflow(tmp_path / "nowhere" / "o").keep(delivery(1))


async def test_two_processes_do_not_bring_the_same_in_at_once(tmp_path: Path) -> None:
    one, other = Overflow(tmp_path / "o"), Overflow(tmp_path / "o")
    await one.keep(delivery(1))

    async def meanwhile(_: Delivery) -> None:
        assert await brought(other) == []

    assert await one.bring_in(meanwhile) == 1


def test_it_lies_beside_the_database(tmp_path: Path) -> None:
    assert beside(tmp_path / "comeback.db", None) == tmp_path / "comeback.db.overflow"
    assert beside("postgresql://bot@db/shop", tmp_path / "comeback.optouts") == tmp_path / "comeback.overflow"
    assert beside("postgresql://bot@db/shop", None) == Path("comeback.overflow")
