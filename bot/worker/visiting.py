"""Visitors of the shops' pages: what they look at counts for a person as soon as it is known whose browser it is.

That becomes known by a message with the browser's code in it, by an order made in it, or by a link of ours that it followed. The last is
weak: who is sent a link may pass it on. So it makes views count and nothing else, and nothing is ever shown back to the page.

Who looked at products and left is reminded of one: of those they looked at most, the first that they have not bought and that the flow
takes. Every view sets a timer; it is judged when it fires, and one that was followed by another view is stale.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.channel.event import MessageReceived
from bot.flow.facts import ProductFacts
from bot.flow.model import Trigger
from bot.flow.revision import Revision
from bot.flow.run import Subject, SubjectKind
from bot.shop.event import NOBODY, CartChanged, ProductViewed, VisitorCame
from bot.shop.snippet import REF
from bot.store import contacts, inbox, visitors
from bot.store.step import Step
from bot.store.visitors import JoinedBy, KeptCart, Looked, Visitor
from bot.worker import flows
from bot.worker.playbook import House

SITTING = timedelta(days=1)  # what was looked at within a day before the last look belongs together
JUST_BOUGHT = timedelta(days=1)  # who looks at what they ordered yesterday wants no reminder of it
FRESH_CART = timedelta(days=3)  # a cart that was touched so shortly before is reminded of by a flow of its own
TOO_LATE = timedelta(days=2)  # after the flow should have started: others had the conversation until now
CATCH_UP = timedelta(days=2)  # what a browser did so long before it was known whose it is counts
_MINUTE = timedelta(minutes=1)
_SPACES = re.compile(r"\s+")


# ---- what a browser tells


def viewed(house: House, shop: str, whose: int | None, event: ProductViewed) -> Step[str | None]:
    """Somebody looked at a product. `whose` browser it is, as far as its name leads to somebody."""
    key = event.visitor or (f"shopper:{whose}" if whose is not None else None)
    if key is None:
        return "it names nobody"
    at = min(event.at, house.now)
    visitor = yield from visitors.touch(shop, key, at)
    if whose is not None and event.shopper != NOBODY:  # the shop itself says who it is
        yield from visitors.join(visitor, whose, JoinedBy.ORDER, house.now)
    elif event.click is not None:
        yield from _followed(house, visitor, event.click)
    facts = ProductFacts(event.title, event.price, link=event.link, image=event.image)
    yield from visitors.look(visitor, event.product, facts, at)
    contact = yield from visitors.owner(visitor)
    if contact is None:
        return "nobody knows yet whose browser it is"
    yield from _watch(house, contact, visitor, at)
    return None


def came(house: House, shop: str, event: VisitorCame) -> Step[str | None]:
    """A browser followed a link of ours, or is about to write to us."""
    visitor = yield from visitors.touch(shop, event.visitor, event.at)
    return (yield from _followed(house, visitor, event.click)) if event.click is not None else None


def _followed(house: House, visitor: Visitor, click: str) -> Step[str | None]:
    contact = yield from visitors.clicked(visitor.shop, click, house.now)
    if contact is None:
        return "nobody was sent this link, or long ago"
    yield from join(house, visitor, contact, JoinedBy.LINK)
    return None


def keep_cart(house: House, shop: str, event: CartChanged) -> Step[int | None]:
    """Keep what a browser says of its cart; returns for whom it counts: never for who was merely sent a link."""
    assert event.visitor is not None, "a cart of the shop's own is recorded, not kept"
    visitor = yield from visitors.touch(shop, event.visitor, event.at)
    yield from visitors.keep_cart(visitor, KeptCart(min(event.at, house.now), event.lines, event.total, event.link))
    return None if visitor.joined_by in (None, JoinedBy.LINK) else (yield from visitors.owner(visitor))


# ---- whose browser it is


def join(house: House, visitor: Visitor, contact: int, by: JoinedBy) -> Step[None]:
    """It is known whose a browser is: what it looked at lately counts from now on."""
    if not (yield from visitors.join(visitor, contact, by, house.now)):
        return
    yield from contacts.audit(contact, house.now, visitor.shop, f"visits the shop's pages (known by {_KNOWN_BY[by]})")
    seen = yield from visitors.looks(contact, visitor.shop, house.now - CATCH_UP)
    if seen:
        yield from _watch(house, contact, visitor, max(one.at for one in seen))


_KNOWN_BY = {JoinedBy.LINK: "a link they were sent", JoinedBy.MESSAGE: "their message", JoinedBy.ORDER: "their order"}


def ordered(house: House, shop: str, contact: int, key: str) -> Step[None]:
    """The shop told of a checkout or an order that was made in this browser."""
    visitor = yield from visitors.touch(shop, key, house.now)
    yield from join(house, visitor, contact, JoinedBy.ORDER)


def wrote(house: House, contact: int, event: MessageReceived) -> Step[tuple[MessageReceived, Visitor | None]]:
    """A message that may name its writer's browser, as in `Hello (ref: K7Q2MX9B)`: the message without that, and the browser. The code is
    no word of the customer's: it was put there by the shop's page."""
    found = REF.search(event.text)
    if found is None:
        return event, None
    words = _SPACES.sub(" ", f"{event.text[: found.start()]} {event.text[found.end() :]}").strip()
    visitor = yield from visitors.by_code(found[1].upper())
    if visitor is not None:
        yield from join(house, visitor, contact, JoinedBy.MESSAGE)
    return replace(event, text=words or event.text), visitor


def cart_of(house: House, visitor: Visitor) -> Step[CartChanged | None]:
    """What a browser had in its cart when it became known whose it is."""
    kept = yield from visitors.kept_cart(visitor, house.now - CATCH_UP)
    if kept is None or not kept.lines:
        return None
    return CartChanged(kept.at, f"visitor:{visitor.key}", NOBODY, kept.lines, kept.total, kept.link, is_checkout=False, visitor=visitor.key)


# ---- who looked, and left


def _watch(house: House, contact: int, visitor: Visitor, at: datetime) -> Step[None]:
    """Look again when they have looked at nothing for as long as each flow wants. By the minute, so that a hundred views set few timers."""
    for revision in house.playbook.starting_on(Trigger.PRODUCT_VIEWED):
        if revision.flow.start.for_ is not None:
            due = max(at + revision.flow.start.for_, house.now)
            yield from inbox.set_timer(_whole_minute(due), contact, flows.START_TIMER + revision.flow.id, visitor.id, 0)


def _whole_minute(moment: datetime) -> datetime:
    """The moment, or the next whole minute."""
    down = moment.replace(second=0, microsecond=0)
    return down if down == moment else down + _MINUTE


@dataclass(frozen=True, slots=True)
class Later:
    """It is too early: look again then."""

    at: datetime


def judge(house: House, revision: Revision, contact: int, visitor_id: int) -> Step[Looked | Later | str]:
    """Of what somebody who looked around and left should be reminded now, or why of nothing."""
    visitor = yield from visitors.find(visitor_id)
    seen = (yield from visitors.looks(contact, visitor.shop, house.now - visitors.KEPT)) if visitor else []
    if visitor is None or not seen:
        return "what they looked at is forgotten"
    last = max(one.at for one in seen)
    left_at = last + (revision.flow.start.for_ or timedelta())
    if left_at > house.now:
        return Later(_whole_minute(left_at))
    if house.now - left_at > TOO_LATE:
        return "too late: others had the conversation until now"
    if (yield from visitors.has_cart(contact, visitor.shop, last - FRESH_CART)):
        return "they have a cart, and that has a flow of its own"
    return (yield from _best(house, revision, contact, [one for one in seen if one.at >= last - SITTING]))


def _best(house: House, revision: Revision, contact: int, seen: list[Looked]) -> Step[Looked | str]:
    """The first of these that they have not bought and that the flow takes; where it takes none, the first that it would be asked of."""
    why, left = "nobody told what it is called, or where it is", None
    for one in seen:
        if (yield from visitors.has_bought(contact, one.shop, one.product, one.at - JUST_BOUGHT)):
            why = f"{one.facts.name or one.product} was bought in the meantime"
        elif one.facts.is_in_stock is False:
            why = f"{one.facts.name or one.product} is sold out"
        elif one.facts.name is not None and one.facts.link is not None:
            left = left or one
            if (yield from flows.takes(house, revision, contact, house.number, Subject(SubjectKind.VIEW, one.id))):
                return one
    return left or why
