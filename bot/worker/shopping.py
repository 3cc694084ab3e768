"""What the shop told: carts, orders, people and what they agreed to."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bot.channel.event import MessageReceived
from bot.flow.facts import Money
from bot.flow.model import Trigger
from bot.flow.run import Subject, SubjectKind
from bot.policy.decision import Consent
from bot.shop import delivery
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
    ProductChanged,
    ProductViewed,
    ProductWanted,
    Refunded,
    ShipmentChanged,
    ShipmentState,
    ShopConsent,
    ShopEvent,
    ShopNotice,
    Shopper,
    ShopperChanged,
    ShoppersMerged,
    StockCounted,
    Thin,
    VariantStocked,
    VisitorCame,
)
from bot.shop.field import NO_CURRENCY
from bot.shop.snippet import is_visitors
from bot.store import contacts, inbox, mirror, readings, runs, visitors
from bot.store.contacts import SHOP, Agreement, Resolved
from bot.store.mirror import Cart, CartState, CartTold, OrderRecorded, OrderTold, Word
from bot.store.model import Identity, IdentityKind
from bot.store.readings import Wanted
from bot.store.step import Step
from bot.worker import codes, crediting, flows, lapse, reorder, stock, visiting, waiting
from bot.worker.playbook import House

BACKLOG = timedelta(seconds=1)  # longer than the rest of a delivery's burst takes to arrive
STALE = timedelta(hours=5)  # Shopify: a delivery is tried for four hours, always with the body of the first try
PAYMENT_TIMER = "payment"  # an order whose shopper may have left the payment page
NEWS = timedelta(days=2)  # how old an order may be for flows to start on it

_TOLD: dict[type[ShopEvent], str] = {
    DraftChanged: "prepares an order",
    ShipmentChanged: "sent a parcel on its way",
}
_ORDER_TRIGGERS = {
    OrderStatus.PLACED: Trigger.ORDER_PLACED,
    OrderStatus.PAID: Trigger.ORDER_PAID,
    OrderStatus.DELIVERED: Trigger.ORDER_DELIVERED,
    OrderStatus.CANCELLED: Trigger.ORDER_CANCELLED,
}


def told(house: House, shop: str, whose: Resolved | None, event: ShopEvent, *, by_webhook: bool = True) -> Step[str | None]:
    """Work an event of the shop off; returns why nothing came of it, where that is so. What the shop was asked for (not `by_webhook`) says
    nothing of whether it tells us what happens."""
    if by_webhook:
        yield from mirror.hear(shop, house.now)
    match event:
        case Thin():
            yield from readings.want(Wanted(shop, event.address, event.resource, event.key, event.topic, event.at), house.now)
            return "it does not say how: that is fetched"
        case CartChanged() | OrderChanged() | ShopperChanged() | ProductWanted():
            return (yield from _about_somebody(house, shop, whose, event))
        case CartClosed():
            return (yield from _cart_closed(house, shop, whose, event))
        case OrderRemoved():
            return (yield from _told_apart(house, shop, event.order, Word.REMOVED, event.at))
        case ShipmentChanged(state=ShipmentState.DELIVERED):
            return (yield from _told_apart(house, shop, event.order, Word.DELIVERED, event.at))
        case Refunded():
            return (yield from _refunded(house, shop, event))
        case ShoppersMerged():
            return (yield from _merged(house, shop, event))
        case ProductViewed():
            return (yield from _viewed(house, shop, whose.contact if whose else None, event))
        case ProductChanged() | VariantStocked() | StockCounted():
            return (yield from stock.told(house, shop, event))  # and no note: Shopify tells a product with each order of it
        case _:  # kept, and nothing comes of it yet
            yield from contacts.audit(whose.contact if whose else None, house.now, shop, _about(event))
            return None


def visited(house: House, shop: str, contact: int | None, event: ProductViewed | CartChanged | VisitorCame) -> Step[str | None]:
    """Work off what a browser told; `contact` is whose it is, where that is known. It is no word of the shop's: only the cart of somebody
    who is known by their message or their order counts, and of it what a page says is believed."""
    match event:
        case ProductViewed():
            return (yield from _viewed(house, shop, contact, event))
        case VisitorCame():
            return (yield from visiting.came(house, shop, event))
        case CartChanged():
            owner = yield from visiting.keep_cart(house, shop, event)
            return "nobody knows well enough whose cart it is" if owner is None else (yield from _cart(house, shop, owner, event))


def _viewed(house: House, shop: str, contact: int | None, event: ProductViewed) -> Step[str | None]:
    why = yield from visiting.viewed(house, shop, contact, event)
    if contact is not None:
        yield from flows.happen(house, contact, house.number, shop, Trigger.PRODUCT_VIEWED, begins=False)
    return why


def referred(house: House, contact: int, event: MessageReceived) -> Step[MessageReceived]:
    """A message without the code that the shop's page put into it. What its writer has in the cart there counts from now on."""
    event, visitor = yield from visiting.wrote(house, contact, event)
    cart = (yield from visiting.cart_of(house, visitor)) if visitor else None
    if visitor is not None and cart is not None:
        yield from _cart(house, visitor.shop, contact, cart)
    return event


def _about(event: ShopEvent) -> str:
    match event:
        case ShopNotice(about=about):
            return about
        case _:
            return _TOLD.get(type(event), type(event).__name__)


def _about_somebody(
    house: House, shop: str, whose: Resolved | None, event: CartChanged | OrderChanged | ShopperChanged | ProductWanted
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
        case ProductWanted():
            yield from stock.wanted(house, shop, contact, event)
            return None
        case ShopperChanged():
            return None


def _buyer(house: House, shop: str, event: ShopEvent) -> Step[Resolved | None]:
    """An order that names nobody is kept for the cart it came from: whoever that turns out to be has bought."""
    if not isinstance(event, OrderChanged) or event.test or (event.checkout, event.cart, event.click) == (None, None, None):
        return None
    nobody = yield from contacts.create(house.now)
    yield from contacts.lead(nobody, tuple(delivery.names(event, shop)), house.now)
    return Resolved(nobody)


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
    if not event.is_checkout and event.shopper == NOBODY and not is_visitors(event):
        return "the cart before a checkout: what is in it and whose it is, its checkout tells"
    told_cart = CartTold(
        key=event.checkout,
        at=min(event.at, house.now),  # a clock that runs ahead must not keep a cart young, or an order ahead of every cart to come
        lines=event.lines,
        total=event.total,
        link=event.link,
        completed=event.completed,
        cart=event.cart,
        click=event.click,
        names=tuple(delivery.names(event, shop)),
    )
    if event.visitor is not None and event.shopper != NOBODY:
        yield from visiting.ordered(house, shop, contact, event.visitor)
    cart = yield from mirror.record_cart(shop, contact, told_cart)
    if cart is None:
        return "an older word of a cart that is known already"
    subject = Subject(SubjectKind.CART, cart.id)
    if cart.state is CartState.EMPTIED and is_visitors(event):
        return "a page tells no more of an emptied cart than of a bought one"
    if cart.state is CartState.EMPTIED:
        yield from flows.happen(house, contact, house.number, shop, Trigger.CART_EMPTIED, subject)
    elif cart.state is CartState.OPEN:
        yield from _go_on_in(house, contact, cart)
        if house.now - told_cart.at > STALE:
            return "told too late to remind of it"
        yield from _watch(house, contact, cart.id, cart.generation, told_cart.at)
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
    last_word = CartChanged(event.at, key, event.shopper, (), nothing, completed=event.order is not None, cart=event.cart)
    return (yield from _cart(house, shop, whose.contact, last_word))


def _bought(house: House, contact: int, cart: Subject) -> Step[None]:
    """A cart became an order: whatever was about it is done, also where the order itself is never told."""
    for live in (yield from runs.live(contact)):
        if live.run.subject == cart:
            yield from flows.end(house, live, "goal reached", f"the cart of {live.run.flow} was bought")


def _go_on_in(house: House, contact: int, cart: Cart) -> Step[None]:
    """The person went on in a newer cart: so does what was begun about the older. (A reminder of the older that still waits to be sent does
    not go; with it ends its run, and the newer is waited for by itself.)"""
    for live in (yield from runs.live(contact)):
        about = live.run.subject
        if about is None or about.kind is not SubjectKind.CART or about.id == cart.id:
            continue
        older = yield from mirror.cart(about.id)
        if older is not None and older.state is CartState.SUPERSEDED and older.shop == cart.shop:
            yield from runs.save(replace(live.run, subject=Subject(SubjectKind.CART, cart.id)), house.now)


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
        payment=event.payment,
        payment_link=event.payment_link,
        refunded=event.refunded,
        names=tuple(delivery.names(event, shop)),
    )
    recorded = yield from mirror.record_order(shop, contact, told_order)
    for other in whose.others:
        yield from _may_have_bought(house, other, shop, recorded.order)
    yield from _of_browser(house, shop, contact, event, recorded.order)
    if recorded.before is None and event.status is not OrderStatus.CANCELLED:
        for buyer in (contact, *whose.others):
            yield from waiting.bought(shop, buyer, event.lines)
    yield from codes.ordered(house, shop, event.order, (contact, *whose.others), event.discount_codes, recorded)
    yield from crediting.settle(house, recorded.order.id)
    yield from reorder.follow(house, recorded.order, told_order.at if event.status is OrderStatus.DELIVERED else None)
    yield from lapse.follow(house, contact)
    yield from _follow(house, shop, contact, recorded, told_order.at, chased=event.origin is Origin.SHOPPER)
    return None


def _of_browser(house: House, shop: str, contact: int, event: OrderChanged, order: mirror.Order) -> Step[None]:
    """The browser it was made in is the buyer's; and whoever was sent the link it was come by may have bought."""
    if event.visitor is not None and event.shopper != NOBODY:
        yield from visiting.ordered(house, shop, contact, event.visitor)
    sent_to = (yield from visitors.clicked(shop, event.click, house.now)) if event.click else None
    if sent_to is not None and sent_to != contact:
        yield from _may_have_bought(house, sent_to, shop, order)


def _told_apart(house: House, shop: str, key: str, word: Word, at: datetime) -> Step[str | None]:
    """Of an order it is told that it arrived, or is gone, and nothing else."""
    recorded = yield from mirror.tell_apart(shop, key, word, min(at, house.now))
    if recorded is None:
        return "its order is not known yet"
    if recorded.order.facts.status == OrderStatus.CANCELLED:
        yield from codes.called_off(shop, key)
    yield from crediting.settle(house, recorded.order.id)
    yield from reorder.follow(house, recorded.order)
    yield from lapse.follow(house, recorded.order.contact)
    yield from _follow(house, shop, recorded.order.contact, recorded)
    return None


def _refunded(house: House, shop: str, event: Refunded) -> Step[str | None]:
    at = min(event.at, house.now)
    recorded = yield from mirror.tell_apart(shop, event.order, Word.REFUND, at, name=event.refund, amount=event.amount, lines=event.lines)
    if recorded is None:
        return "its order is not known yet"
    yield from crediting.settle(house, recorded.order.id)
    yield from reorder.follow(house, recorded.order)
    yield from lapse.follow(house, recorded.order.contact)
    yield from contacts.audit(recorded.order.contact, house.now, shop, "gave money or goods back")
    yield from _follow(house, shop, recorded.order.contact, recorded)
    return None


def _merged(house: House, shop: str, event: ShoppersMerged) -> Step[str | None]:
    """Two accounts of the shop are one: the shop's own word, so nobody is shown what is another's."""
    kept = yield from contacts.find(Identity(IdentityKind.CUSTOMER, event.kept, shop))
    gone = yield from contacts.find(Identity(IdentityKind.CUSTOMER, event.gone, shop))
    if kept is None or gone is None or kept == gone:
        return "the accounts are known as one person, or not both"
    yield from contacts.merge(min(kept, gone), max(kept, gone), house.now)
    return None


def _follow(
    house: House, shop: str, contact: int, recorded: OrderRecorded, told_at: datetime | None = None, *, chased: bool = True
) -> Step[None]:
    """What an order's new state sets off. One whose payment failed is not placed yet: it ends reminders, and begins none but its own, if
    it is to be `chased`: who tried to pay is, not whom staff or a subscription charged. Nothing begins with what changed long ago
    (`told_at`): it is heard of because the shop was asked."""
    order, status = recorded.order, OrderStatus(recorded.order.facts.status)
    subject = Subject(SubjectKind.ORDER, order.id)
    is_news = house.now - order.facts.placed_at < NEWS  # an import of last year's orders is no news to anybody
    is_new = recorded.before is None or recorded.was_unpaid or recorded.was_begun
    is_placed = not order.unpaid and not order.begun
    if is_new and is_news and status is not OrderStatus.CANCELLED and is_placed:
        yield from flows.happen(house, contact, house.number, shop, Trigger.ORDER_PLACED, subject)
    has_just_changed = told_at is None or house.now - told_at < NEWS
    if status != recorded.before and status is not OrderStatus.PLACED and (is_news or recorded.before is not None):
        yield from flows.happen(house, contact, house.number, shop, _ORDER_TRIGGERS[status], subject, begins=has_just_changed)
    if recorded.before is None and order.begun and is_news:
        yield from flows.happen(house, contact, house.number, shop, Trigger.ORDER_PLACED, subject, begins=False)
        yield from inbox.set_timer(order.facts.placed_at + house.playbook.rules.payment_left, contact, PAYMENT_TIMER, order.id, 0)
    if order.unpaid and not recorded.was_unpaid and is_news:
        yield from flows.happen(house, contact, house.number, shop, Trigger.ORDER_PLACED, subject, begins=False)
        yield from flows.happen(house, contact, house.number, shop, Trigger.PAYMENT_FAILED, subject, begins=chased)
    if order.given_back and not recorded.was_given_back and (is_news or recorded.before is not None):
        yield from flows.happen(house, contact, house.number, shop, Trigger.ORDER_REFUNDED, subject, begins=has_just_changed)
    if recorded.was_unpaid and not order.unpaid:
        yield from _paid_after_all(house, contact, subject)


def payment_left(house: House, order_id: int) -> Step[str | None]:
    """Somebody has been at the payment page of an order for too long: they left it."""
    recorded = yield from mirror.payment_left(order_id, house.now)
    if recorded is None:
        return "the payment came to something, or the order was cancelled"
    yield from reorder.follow(house, recorded.order)
    yield from _follow(house, recorded.order.shop, recorded.order.contact, recorded)
    return None


def _paid_after_all(house: House, contact: int, order: Subject) -> Step[None]:
    """What was begun because a payment failed is pointless."""
    for live in (yield from runs.live(contact)):
        revision = yield from house.playbook.revision(live.run.revision)
        if live.run.subject == order and revision.flow.start.when is Trigger.PAYMENT_FAILED:
            yield from flows.end(house, live, "goal reached", f"{live.run.flow} is pointless: the payment did not stay failed")


def _may_have_bought(house: House, contact: int, shop: str, order: mirror.Order) -> Step[None]:
    """Somebody who goes by one of the order's names, too: better one reminder too few than one for what was bought."""
    yield from mirror.close_carts(contact, shop, order.facts.placed_at)
    yield from flows.happen(house, contact, house.number, shop, Trigger.ORDER_PLACED, Subject(SubjectKind.ORDER, order.id), begins=False)
