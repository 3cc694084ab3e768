"""What a night finds out anew of the last days' orders, and what is told of it under the person."""

from datetime import timedelta

from bot.store import contacts, credit
from bot.worker.crediting import AGAIN_AFTER, Ledger

from .bench import DAY, HOUR, PEPE, Bench, owner_files, playbook


async def reached(bench: Bench) -> None:
    """Lola was reminded of a cart, and the reminder arrived; a day later she ordered."""
    await bench.reminded()
    await bench.status(bench.channel.sent[-1], "delivered")
    await bench.work()
    bench.now += DAY


async def flows_of(bench: Bench) -> list[str]:
    return [one.flow for one in await bench.store.read(credit.of_contact(await bench.contact()))]


async def test_people_who_turn_out_to_be_one_are_looked_at_again_at_night(bench: Bench) -> None:
    await reached(bench)
    await bench.order("o1", PEPE, items=[{"product_id": "p", "title": "Pot", "quantity": 1}])
    await bench.work()
    lola, pepe = await bench.contact(), await bench.contact(PEPE)
    await bench.store.run(contacts.merge(min(lola, pepe), max(lola, pepe), bench.now))
    assert await flows_of(bench) == []
    ledger = Ledger(bench.store, bench.house)
    await ledger.keep_fresh()
    assert await flows_of(bench) == ["cart_reminder"]


async def test_an_owner_who_counts_messages_for_less_long_finds_it_so_the_next_night(bench: Bench) -> None:
    await reached(bench)
    await bench.order("o1")
    await bench.work()
    assert await flows_of(bench) == ["cart_reminder"]
    ledger = Ledger(bench.store, bench.house)
    await ledger.keep_fresh()
    bench.playbook = playbook(store=owner_files()["flows/store.yaml"].replace("credit_for: 5 days", "credit_for: 6 hours"))
    bench.now += AGAIN_AFTER - HOUR
    await ledger.keep_fresh()
    assert await flows_of(bench) == ["cart_reminder"], "it was looked less than a night ago"
    bench.now += HOUR
    await ledger.keep_fresh()
    assert await flows_of(bench) == []
    told = [note for note in await bench.notes() if "brought about" in note]
    assert [note.split(": ", 1)[1].split(":")[0] for note in told] == [
        "order o1 counts as brought about by this flow",
        "order o1 does not count as brought about by this flow any more",
    ]


async def test_orders_of_people_whom_nothing_reached_are_not_looked_at(bench: Bench) -> None:
    await bench.order("o1", PEPE)
    await bench.work()
    assert await Ledger(bench.store, bench.house).settle_all() == 0
    await reached(bench)
    await bench.order("o2")
    await bench.work()
    assert await Ledger(bench.store, bench.house).settle_all() == 1
    bench.now += timedelta(days=30)
    assert await Ledger(bench.store, bench.house).settle_all() == 0
