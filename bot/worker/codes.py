"""What becomes of discount codes after they were promised: redeemed by an order, leaked to others, taken back."""

from collections.abc import Sequence

from bot.shop.event import OrderStatus
from bot.store import contacts, discounts
from bot.store.mirror import OrderRecorded
from bot.store.step import Step
from bot.worker.playbook import House


def ordered(
    house: House, shop: str, key: str, people: Sequence[int], codes: Sequence[str], recorded: OrderRecorded
) -> Step[None]:
    """An order of somebody, who may go by several names: their codes on it are redeemed, those of others have leaked, and what else
    they were promised before it is taken back. An order that is called off, or not paid, gives its codes back."""
    order = recorded.order
    if order.facts.status == OrderStatus.CANCELLED or order.unpaid:
        yield from discounts.unredeem(shop, key)
        return
    for used in (yield from discounts.redeem(shop, key, people, codes)):
        number = order.facts.number
        if used.leaked:
            told = f"the code {used.code} was used by somebody else, on order {number}: it does not count for the flow"
        else:
            told = f"the code {used.code} was redeemed, on order {number}"
        yield from contacts.audit(used.contact, house.now, used.flow or shop, told)
    if recorded.before is None or recorded.was_unpaid:
        for person in people:
            yield from _take_back(house, person, "ordered without it", shop, recorded)


def called_off(shop: str, key: str) -> Step[None]:
    """An order is gone: its codes are as they were before it."""
    yield from discounts.unredeem(shop, key)


def opted_out(house: House, contact: int) -> Step[None]:
    """Whoever wants no more marketing has nothing promised any more, either."""
    yield from _take_back(house, contact, "stopped marketing messages")


def _take_back(house: House, contact: int, why: str, shop: str | None = None, recorded: OrderRecorded | None = None) -> Step[None]:
    before = recorded.order.facts.placed_at if recorded else None
    for code in (yield from discounts.revoke(contact, why, house.now, shop=shop, before=before)):
        yield from contacts.audit(contact, house.now, shop or "consent", f"the unused code {code} is taken back: {why}")
