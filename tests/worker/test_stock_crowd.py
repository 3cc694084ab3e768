"""Thousands wait for one product: they are called in batches, and whoever writes meanwhile is answered as ever."""

from time import monotonic

from bot.policy.decision import Consent
from bot.store import contacts, products, wishes
from bot.store.contacts import Agreement
from bot.store.model import Identity, IdentityKind
from bot.store.step import Step
from bot.store.wishes import Origin, What, Wish
from bot.worker import dispatcher, stock

from .bench import DAY, LOLA, SHOP, Bench
from .test_stock import rules, told

AT_ONCE = 500
LONGEST_TRANSACTION = 5.0  # seconds, on a very busy machine; a quiet one takes a twentieth


def _settle(bench: Bench, first: int, people: int) -> Step[None]:
    """People who agreed to marketing, and wait."""
    about = yield from products.wanted(SHOP, "p-soap", None)
    for number in range(first, first + people):
        name = Identity(IdentityKind.PHONE, f"+346{number:08d}")
        whose = yield from contacts.resolve((name,), bench.now, proven=False)
        assert whose is not None
        contact = whose.contact
        yield from contacts.agree(contact, Agreement("whatsapp", Consent.GRANTED, bench.now, "form", "test"), bench.now)
        wish = Wish(contact, about.product, about.variant, What.BACK_IN_STOCK, Origin.FORM, bench.now, bench.now + 90 * DAY)
        yield from wishes.join(wish)


async def test_thousands_are_called_in_batches_and_others_are_answered_meanwhile(bench: Bench, full: bool, where: str) -> None:
    people = 10_000 if full else 150 if where.startswith("postgres") else 500
    bench.playbook = rules()
    await bench.shop("product.updated", product_id="p-soap", title="Soap", available=False)
    await bench.work()
    for first in range(0, people, AT_ONCE):
        await bench.store.run(_settle(bench, first, min(AT_ONCE, people - first)))
    bench.now += DAY
    await bench.shop("product.updated", product_id="p-soap", title="Soap", available=True)
    await bench.work()
    bench.now += stock.SETTLES
    await bench.store.run(dispatcher.work(bench.house()))  # the first look: the first page of timers stands now
    await bench.writes("hello", LOLA)
    answered_after, batches, longest, began = None, 0, 0.0, monotonic()
    while True:
        start = monotonic()
        worked = await bench.store.run(dispatcher.work(bench.house()))
        longest, batches = max(longest, monotonic() - start), batches + 1
        if answered_after is None and await bench.rows("select 1 from outbox where reply = 1"):
            answered_after = batches
        if not worked.entries and not worked.more:
            break
    took = monotonic() - began
    queued = (await bench.rows("select count(*) as n from outbox where needs = 'in_stock'"))[0]["n"]
    print(f"\n{people} people: called and queued in {took:.1f} s, {batches} batches, the longest {longest * 1000:.0f} ms")
    assert queued == people
    assert answered_after is not None
    assert answered_after <= 3, "somebody who writes stands behind a page of timers at most"
    assert longest < LONGEST_TRANSACTION
    if not full:
        assert told(await bench.send()) == people
