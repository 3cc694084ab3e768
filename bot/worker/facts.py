"""Facts: what a flow can ask about a person now, put together from the store and the owner's rules."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from statistics import median

from bot.flow.facts import (
    CartFacts,
    ContactFacts,
    ConversationFacts,
    Facts,
    Line,
    Money,
    OrderFacts,
    OrdersFacts,
    ProductFacts,
    StaffFacts,
    StoreFacts,
)
from bot.flow.run import Subject, SubjectKind
from bot.policy import hours
from bot.policy.decision import Control
from bot.policy.reorder import gaps_of
from bot.store import contacts, conversations, mirror, products, purchases, visitors
from bot.store.contacts import Contact
from bot.store.conversations import Conversation
from bot.store.step import Step
from bot.worker import waiting
from bot.worker.playbook import House


def load(house: House, contact_id: int, number: str, subject: Subject | None) -> Step[Facts]:
    """Everything a flow can ask about this person, for a run about `subject`."""
    contact = yield from contacts.load(contact_id)
    conversation = yield from conversations.load(contact_id, number)
    is_first = yield from conversations.is_first(contact_id, number)
    cart = order = product = None
    if subject is not None and subject.kind is SubjectKind.CART:
        cart = yield from _cart(subject.id)
    elif subject is not None and subject.kind is SubjectKind.PRODUCT:
        product = yield from _product(subject.id)
    elif subject is not None and subject.kind is SubjectKind.VIEW:
        product = yield from _seen(subject.id)
    elif subject is not None:
        order = yield from _order(subject)
    rules = house.playbook.rules
    return Facts(
        contact=_contact(house, contact),
        conversation=_conversation(conversation, house.now, is_first=is_first),
        orders=(yield from _orders(contact, rules.currency)),
        store=StoreFacts(rules.name, rules.currency, rules.timezone, rules.links, rules.catalog),
        staff=_staff(house),
        cart=cart,
        order=order,
        product=product,
        tags=contact.tags,
    )


def _cart(checkout: int) -> Step[CartFacts | None]:
    cart = yield from mirror.cart(checkout)
    if cart is None:
        return None
    sold_out = yield from products.sold_out(cart.shop, cart.facts.lines)
    return replace(cart.facts, sold_out=sold_out) if sold_out else cart.facts


def _seen(view: int) -> Step[ProductFacts | None]:
    """What they looked at, as its page told it; whether it can be bought now, the shop tells."""
    looked = yield from visitors.looked(view)
    if looked is None:
        return None
    about = yield from products.of_line(looked.shop, Line(looked.product, product=looked.product))
    return replace(looked.facts, is_in_stock=about.in_stock) if about else looked.facts


def _product(news: int) -> Step[ProductFacts | None]:
    about = yield from waiting.about_news(news)
    if about is None:
        return None
    one, was = about.variant, about.news.was
    cheaper = was if was and one.price and was.currency == one.price.currency and was.minor > one.price.minor else None
    return ProductFacts(one.name, one.price, cheaper, one.link, one.image, one.in_stock)


def _orders(contact: Contact, currency: str) -> Step[OrdersFacts]:
    """All they ordered; whoever ordered nothing is not looked through."""
    if not contact.orders_count:
        return OrdersFacts(0, Money(0, currency))
    total = Money(contact.orders_minor, contact.orders_currency or currency)
    if total.currency != currency and (spent := (yield from contacts.spent_in(contact.id, currency))) is not None:
        total = Money(spent, currency)
    last = yield from mirror.last_order(contact.id)
    sold = yield from purchases.bought_by(contact.id)
    gaps = gaps_of((yield from purchases.order_days(contact.id)))
    return OrdersFacts(
        count=contact.orders_count,
        total=total,
        last=last.facts if last else None,
        products=tuple(dict.fromkeys(name for one in sold for name in (one.product, one.sku, one.name) if name)),
        categories=tuple(dict.fromkeys(one.category for one in sold if one.category)),
        usual_gap=Decimal(str(median(gaps))) if gaps else None,
    )


def _order(subject: Subject) -> Step[OrderFacts | None]:
    order = yield from mirror.order(subject.id)
    return replace(_part_of(order.facts, subject), nth=(yield from mirror.nth(order))) if order else None


def _part_of(order: OrderFacts, subject: Subject) -> OrderFacts:
    """What the run is about of an order: who is asked whether the coffee runs low is not asked about the mug beside it."""
    if subject.category is not None:
        return replace(order, lines=tuple(line for line in order.lines if line.category == subject.category))
    if subject.product is not None:
        return replace(order, lines=tuple(line for line in order.lines if purchases.key_of(line) == subject.product))
    return order


def _contact(house: House, contact: Contact) -> ContactFacts:
    language = house.playbook.language_of(contact.language)
    zones = hours.zones_of(contact.timezone, contact.country, house.playbook.rules.timezone)
    own = zones[0].key if len(zones) == 1 else None  # of several the person may live in any
    return ContactFacts(language, contact.first_name, contact.country, contact.last_order_at, own)


def _conversation(conversation: Conversation, now: datetime, *, is_first: bool) -> ConversationFacts:
    handed_back = conversation.changed_at if conversation.epoch else None
    with_staff_at = handed_back if conversation.control is Control.BOT else now
    return ConversationFacts(is_first=is_first, last_message_at=conversation.last_wrote_at, with_staff_at=with_staff_at)


def _staff(house: House) -> StaffFacts:
    rules = house.playbook.rules
    if rules.staff_hours is None:
        return StaffFacts()
    return StaffFacts(
        is_available=rules.staff_hours.is_open(house.now, rules.timezone),
        next_open=rules.staff_hours.next_open(house.now, rules.timezone),
    )
