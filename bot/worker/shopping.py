"""What the shop told: carts, orders, people and what they agreed to."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.flow.facts import Money
from bot.flow.model import Trigger
from bot.flow.run import Subject, SubjectKind
from bot.policy.decision import Consent
from bot.shop.event import (
    NOBODY,
    CartChanged,
    CartClosed,
    ConsentState,
    DraftChanged,
    OrderChanged,
    OrderRemoved,
    OrderStatus,
    Origin,
    PrivacyAsked,
    ProductChanged,
    ProductViewed,
    Refunded,
    ShipmentChanged,
    ShipmentState,
    ShopConsent,
    ShopEvent,
    ShopNotice,
    Shopper,
    ShopperChanged,
    ShoppersMerged,
    ShopUninstalled,
    StockCounted,
    Thin,
    VariantStocked,
)
from bot.shop.field import NO_CURRENCY
from bot.store import contacts, inbox, mirror, runs
from bot.store.contacts import SHOP, Agreement, Resolved
from bot.store.mirror import CartState, OrderRecorded, OrderTold
from bot.store.step import Step
from bot.worker import flows
from bot.worker.playbook import House

BACKLOG = timedelta(seconds=1)  # longer than the rest of a delivery's burst takes to arrive
NEWS = timedelta(days=2)  # how old an order may be for flows to start on it
REORDER_TIMER = "reorder:"  # and the category that should be used up

_TOLD: dict[type[ShopEvent], str] = {
    PrivacyAsked: "asked for what the law grants people",
    ShopUninstalled: "took the app out",
    ShoppersMerged: "made one account of two",
    Refunded: "gave money or goods back",
    DraftChanged: "prepares an order",
    ShipmentChanged: "sent a parcel on its way",
    ProductViewed: "saw a product looked at",
}
_ORDER_TRIGGERS = {
    OrderStatus.PLACED: Trigger.ORDER_PLACED,
    OrderStatus.PAID: Trigger.ORDER_PAID,
    OrderStatus.DELIVERED: Trigger.ORDER_DELIVERED,
    OrderStatus.CANCELLED: Trigger.ORDER_CANCELLED,
}


def told(house: House, shop: str, whose: Resolved | None, event: ShopEvent) -> Step[str | None]:
    """Work an event of the shop off; returns why nothing came of it, where that is so."""
    match event:
        case CartChanged() | OrderChanged() | ShopperChanged():
            return (yield from _about_somebody(house, shop, whose, event))
        case CartClosed():
            return (yield from _cart_closed(house, shop, whose, event))
        case OrderRemoved():
            return (yield from _advanced(house, shop, event.order, OrderStatus.CANCELLED, event.at))
        case ShipmentChanged(state=ShipmentState.DELIVERED):
            return (yield from _advanced(house, shop, event.order, OrderStatus.DELIVERED, event.at))
        case ProductChanged() | VariantStocked() | StockCounted():
            return "nothing comes of it yet"  # and no note: Shopify tells a product with each order of it
        case _:  # kept, and nothing comes of it yet
            yield from contacts.audit(whose.contact if whose else None, house.now, shop, _about(event))
            return None


def _about(event: ShopEvent) -> str:
    match event:
        case ShopNotice(about=about) | Thin(topic=about):
            return about
        case _:
            return _TOLD.get(type(event), type(event).__name__)


def _about_somebody(
    house: House, shop: str, whose: Resolved | None, event: CartChanged | OrderChanged | ShopperChanged
) -> Step[str | None]:
    whose = whose or (yield from _buyer(house, shop, event))
    if whose is None:
        return "it names nobody"
    contact = whose.contact
    yield from _describe(contact, event.shopper)
    yield from _agree(house, shop, contact, event.consents)
    match event:
        case CartChanged():
            return (yield from _cart(house, shop, contact, event))
        case OrderChanged():
            return (yield from _order(house, shop, whose, event))
        case ShopperChanged():
            return None


def _buyer(house: House, shop: str, event: ShopEvent) -> Step[Resolved | None]:
    """An order that names nobody is kept for the checkout it came from: whoever that turns out to be has bought."""
    if not isinstance(event, OrderChanged) or event.checkout is None:
        return None
    known = yield from mirror.buyer(shop, event.order)
    return Resolved(known if known is not None else (yield from contacts.create(house.now)))


def _describe(contact: int, shopper: Shopper) -> Step[None]:
    yield from contacts.describe(
        contact,
        first_name=shopper.first_name,
        language=shopper.language,
        country=shopper.country,
        timezone=shopper.timezone,
    )


def _agree(house: House, shop: str, contact: int, consents: Iterable[ShopConsent]) -> Step[None]:
    for stated in consents:
        state = Consent.GRANTED if stated.state is ConsentState.GRANTED else Consent.WITHDRAWN
        before = yield from contacts.load(contact)
        source = f"{shop}: {stated.source}"
        counts = yield from contacts.agree(contact, Agreement(stated.channel, state, stated.at, SHOP, source), house.now)
        if counts and stated.channel == "whatsapp" and before.consent is not state:
            if state is Consent.WITHDRAWN:
                yield from flows.stop_marketing(house, contact, f"stopped marketing messages ({source})")
            else:
                yield from contacts.audit(contact, house.now, "consent", f"agreed to marketing messages ({source})")


def _cart(house: House, shop: str, contact: int, event: CartChanged) -> Step[str | None]:
    if event.test or event.origin is not Origin.SHOPPER:
        return "a shopper does not leave what was made by staff, at a till, by a subscription or as a test"
    if not event.is_checkout and event.shopper == NOBODY:
        return "the cart before a checkout: what is in it and whose it is, its checkout tells"
    at = min(event.at, house.now)  # a clock that runs ahead must not keep a cart young, or an order ahead of every cart to come
    cart = yield from mirror.record_cart(shop, event.checkout, contact, at, event.lines, event.total, event.link, completed=event.completed)
    if cart is None:
        return "an older word of a cart that is known already"
    subject = Subject(SubjectKind.CART, cart.id)
    if cart.state is CartState.EMPTIED:
        yield from flows.happen(house, contact, house.number, shop, Trigger.CART_EMPTIED, subject)
    elif cart.state is CartState.OPEN:
        yield from _watch(house, contact, cart.id, cart.generation, at)
    elif cart.state is CartState.SUPERSEDED:
        return "the person has a newer cart"
    elif event.completed:
        yield from _bought(house, contact, subject)
    else:
        return "its order is known already"
    return None


def _cart_closed(house: House, shop: str, whose: Resolved | None, event: CartClosed) -> Step[str | None]:
    """It was bought or deleted: as if its last word were that it is done, or empty. Not known yet, it leaves that word as a tombstone."""
    key = event.checkout or event.cart
    if whose is None or key is None:
        return "it names nobody"
    nothing = Money(0, NO_CURRENCY)
    last_word = CartChanged(event.at, key, event.shopper, (), nothing, completed=event.order is not None)
    return (yield from _cart(house, shop, whose.contact, last_word))


def _bought(house: House, contact: int, cart: Subject) -> Step[None]:
    """A cart became an order: whatever was about it is done, also where the order itself is never told."""
    for live in (yield from runs.live(contact)):
        if live.run.subject == cart:
            yield from flows.end(house, live, "goal reached", f"the cart of {live.run.flow} was bought")


def _watch(house: House, contact: int, checkout: int, generation: int, active_at: datetime) -> Step[None]:
    """Look at the cart again when it has been left alone for as long as each flow wants."""
    for revision in house.playbook.starting_on(Trigger.CART_ABANDONED):
        if revision.flow.start.for_ is not None:
            # told late (a backlog), its order may be the next thing told: so never at once
            due = max(active_at + revision.flow.start.for_, house.now + BACKLOG)
            yield from inbox.set_timer(due, contact, flows.START_TIMER + revision.flow.id, checkout, generation)


def _order(house: House, shop: str, whose: Resolved, event: OrderChanged) -> Step[str | None]:
    contact = whose.contact
    if event.test:
        return "a test order counts for nothing"
    told_order = OrderTold(
        key=event.order,
        number=event.number,
        status=event.status,
        at=min(event.at, house.now),
        placed_at=min(event.placed_at, house.now),
        lines=event.lines,
        total=event.total,
        checkout=event.checkout,
        tracking_link=event.tracking_link,
        reorder_link=event.reorder_link,
        codes=event.discount_codes,
    )
    recorded = yield from mirror.record_order(shop, contact, told_order)
    for other in whose.others:
        yield from _may_have_bought(house, other, shop, recorded.order)
    yield from _follow(house, shop, contact, recorded)
    return None


def _advanced(house: House, shop: str, key: str, status: OrderStatus, at: datetime) -> Step[str | None]:
    """Of an order it is told that it arrived, or is gone, and nothing else."""
    recorded = yield from mirror.advance_order(shop, key, status, min(at, house.now))
    if recorded is None:
        return "its order is not known"
    yield from _follow(house, shop, recorded.order.contact, recorded)
    return None


def _follow(house: House, shop: str, contact: int, recorded: OrderRecorded) -> Step[None]:
    """What an order's new state sets off."""
    status = OrderStatus(recorded.order.facts.status)
    subject = Subject(SubjectKind.ORDER, recorded.order.id)
    is_news = house.now - recorded.order.facts.placed_at < NEWS  # an import of last year's orders is no news to anybody
    if recorded.before is None and status is not OrderStatus.CANCELLED:
        yield from _expect_reorder(house, contact, recorded.order)
        if is_news:
            yield from flows.happen(house, contact, house.number, shop, Trigger.ORDER_PLACED, subject)
    if status != recorded.before and status is not OrderStatus.PLACED and (is_news or recorded.before is not None):
        yield from flows.happen(house, contact, house.number, shop, _ORDER_TRIGGERS[status], subject)


def _may_have_bought(house: House, contact: int, shop: str, order: mirror.Order) -> Step[None]:
    """Somebody who goes by one of the order's names, too: better one reminder too few than one for what was bought."""
    yield from mirror.close_carts(contact, shop, order.facts.placed_at)
    yield from flows.happen(house, contact, house.number, shop, Trigger.ORDER_PLACED, begins=False)


def _expect_reorder(house: House, contact: int, order: mirror.Order) -> Step[None]:
    """The owner says after how many days each category is used up; nothing is due for what is never bought again."""
    for category in order.facts.categories:
        length = house.playbook.rules.reorder.get(category)
        if length is not None:
            yield from inbox.set_timer(order.facts.placed_at + length, contact, REORDER_TIMER + category, order.id, 0)
