"""Products at work: what the shop tells of stock and prices, who wants to hear of it, and who is told when.

    back in stock, or cheaper -> news, after a moment in which it may be gone again -> those who wait are called, a few at a time
    called -> a timer of their own -> the flows, where it is still so

Who left a cart with it waits, too. Of a variant that is counted, so many people are called at a time as its pieces are worth; the next
when those have heard and pieces are left. Everybody is judged again as their turn comes, and once more as their message goes.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from bot.flow import money
from bot.flow.facts import Money
from bot.flow.model import Trigger
from bot.flow.run import Subject, SubjectKind
from bot.shop.event import ProductChanged, ProductWanted, StockCounted, VariantStocked
from bot.shop.event import Variant as Told
from bot.store import contacts, inbox, products, runs, wishes
from bot.store.inbox import NOBODY
from bot.store.products import Changed, ProductTold, Variant, VariantTold
from bot.store.step import Step, to_micros
from bot.store.wishes import News, Origin, What, Wish
from bot.worker import flows, waiting
from bot.worker.playbook import House

NEWS_TIMER = "news"  # of nobody's: the next of those who wait may be called
TURN_TIMER = "turn"  # of one person: their turn has come
SETTLES = timedelta(minutes=2)  # how long it must be there before anybody is told: a checkout that times out gives it back for moments
COOL_DOWN = timedelta(days=1)  # nobody is told of one product more often than that, however often its stock comes and goes
MISSED_IN_CART = timedelta(hours=1)  # how long it must have been gone for those who left it in a cart to care
CART_AGE = timedelta(days=60)  # nobody remembers what they left in a cart before
PAGE = 200  # people or carts at once: some milliseconds of the one writer

_TRIGGERS = {What.BACK_IN_STOCK: Trigger.BACK_IN_STOCK, What.PRICE_DROPPED: Trigger.PRICE_DROPPED}
_SAID = {What.BACK_IN_STOCK: "is back in stock", What.PRICE_DROPPED: "costs less"}


# ---- what the shop tells


def told(house: House, shop: str, event: ProductChanged | VariantStocked | StockCounted) -> Step[str | None]:
    """Keep what the shop tells of a product; returns why nothing came of it, where that is so."""
    at = min(event.at, house.now)  # a clock that runs ahead must not make all that comes later old
    match event:
        case ProductChanged():
            variants = tuple(_variant(house, one) for one in event.variants)
            word = ProductTold(event.product, at, event.title, event.link, event.image, variants, event.removed)
            changed = yield from products.keep(shop, word)
        case VariantStocked():
            changed = yield from products.keep(shop, ProductTold(event.product, at, variants=(_variant(house, event.variant),)))
        case StockCounted():
            changed = yield from products.count(shop, event.stock_item, event.place, event.available, at)
    for one in changed:
        yield from _follow(house, one)
    return None if changed else "nothing that anybody waits for changed"


def _variant(house: House, one: Told) -> VariantTold:
    price = None if one.price is None else money.of(one.price, one.currency or house.playbook.rules.currency)
    return VariantTold(one.variant, one.title, one.sku, price, one.stock, one.available, one.stock_item)


def _follow(house: House, one: Changed) -> Step[None]:
    """What a change sets off."""
    if one.went:
        yield from wishes.end(one.variant, What.BACK_IN_STOCK)
    if one.price is not None and one.price != one.price_before:
        yield from wishes.end_dearer(one.variant, one.price)
        if one.in_stock is not False and (was := (yield from _reduced_from(house, one))) is not None:
            yield from _begin(house, one.variant, What.PRICE_DROPPED, one.price, was.known)
    if one.came_back:
        was_missed = one.was_in_stock is False and one.since is not None and one.at - one.since >= MISSED_IN_CART
        yield from _begin(house, one.variant, What.BACK_IN_STOCK, carts=was_missed)


@dataclass(frozen=True, slots=True)
class _Was:
    """What a reduced price is reduced from. `known` is None until its prices are known for thirty days: then nobody can say what it was."""

    known: Money | None


def _reduced_from(house: House, one: Changed) -> Step[_Was | None]:
    """The lowest price of the thirty days before, where the new one is lower by as much as the owner wants told. A price that is struck
    through proves nothing, and neither does one that was raised first."""
    if one.price is None or one.price_before is None or one.price_before.currency != one.price.currency:
        return None
    lowest = yield from products.lowest(one.variant, one.at, one.price.currency)
    if lowest is None or one.price.minor > lowest.price.minor * (1 - house.playbook.rules.price_dropped.by / Decimal(100)):
        return None
    return _Was(lowest.price if lowest.known_since <= one.at - products.PRICE_WINDOW else None)


def _begin(
    house: House, variant: int, what: What, price: Money | None = None, was: Money | None = None, *, carts: bool = True
) -> Step[None]:
    """What may be told: looked at again when it has settled. `carts`: who left it in a cart waits, too."""
    if not house.playbook.starting_on(_TRIGGERS[what]):
        return
    news = yield from wishes.begin(variant, what, house.now, price, was, carts=carts)
    yield from _look_again(news, house.now, house.now + SETTLES)


def _look_again(news: int, began: datetime, at: datetime) -> Step[None]:
    """A look that belongs to news of another moment is stale."""
    yield from inbox.set_timer(at, NOBODY, NEWS_TIMER, news, to_micros(began))


def wanted(house: House, shop: str, contact: int, event: ProductWanted) -> Step[None]:
    """Somebody asked on a page of the shop to be told."""
    about = yield from products.wanted(shop, event.product, event.variant)
    yield from waiting.join(house, contact, about.product, about.variant, event.product, Origin.FORM, min(event.at, house.now))


# ---- whose turn it is


def look(house: House, news_id: int, began: int) -> Step[str | None]:
    """Call the next of those who wait for some news, and look again while there are more; returns why nobody was, where that is so."""
    news = yield from wishes.load(news_id, hold=True)
    if news is None or news.over or to_micros(news.at) != began:
        return "it is no news any more"
    about = yield from products.variant(news.variant)
    if about is None or not _still_so(news, about):
        yield from wishes.finish(news.id)
        return "it is not so any more"
    if news.looked is not None:
        yield from _from_carts(house, news, about)
        return None
    if news.places is None:
        news = replace(news, places=(yield from _places(house, news, about)))
    called = yield from _call(house, news, about)
    left = None if news.places is None else news.places - called
    if called and left != 0:
        yield from wishes.save(replace(news, places=left))
        yield from _look_again(news.id, news.at, house.now)
    elif called or news.places == 0:
        yield from wishes.save(replace(news, places=None))
        yield from _look_again(news.id, news.at, house.now + house.playbook.rules.back_in_stock.pause)
    else:
        yield from wishes.finish(news.id)
    return None


def _still_so(news: News, about: Variant) -> bool:
    if news.what is What.BACK_IN_STOCK:
        return about.in_stock is True
    return about.in_stock is not False and is_that_low(news, about)


def is_that_low(news: News, about: Variant) -> bool:
    """Whether it costs no more than was told."""
    price, now = news.price, about.price
    return price is not None and now is not None and (now.currency, now.minor <= price.minor) == (price.currency, True)


def _places(house: House, news: News, about: Variant) -> Step[int | None]:
    """How many may be called now: as the pieces are worth, without those who may not have heard yet; None where nobody counts pieces."""
    if about.pieces is None:
        return None
    on_their_way = yield from wishes.on_their_way(news.id)
    return max(0, about.pieces * house.playbook.rules.back_in_stock.people_per_piece - on_their_way)


def _call(house: House, news: News, about: Variant) -> Step[int]:
    page = PAGE if news.places is None else min(PAGE, news.places)
    if page == 0:
        return 0
    since = house.now - _cool_down(house, news.what)
    if news.what is What.PRICE_DROPPED:
        yield from wishes.also_of_price(news, about.product, house.now, since, page)
    called = yield from wishes.call(news, about.product, house.now, since, page)
    if called:
        yield from inbox.set_timers(house.now, called, TURN_TIMER, news.id)
    return len(called)


def _cool_down(house: House, what: What) -> timedelta:
    return COOL_DOWN if what is What.BACK_IN_STOCK else house.playbook.rules.price_dropped.again_after


def _from_carts(house: House, news: News, about: Variant) -> Step[None]:
    """Who left it in a cart joins those who wait: a page of open carts."""
    keys = [key for key in (about.product_key, about.key, about.sku) if key]
    found, looked = yield from wishes.open_carts(about.shop, news.looked or 0, PAGE, keys)
    for cart in found:
        if house.now - cart.left_at <= CART_AGE and any(products.is_about(line, about) for line in cart.lines):
            until = house.now + house.playbook.rules.back_in_stock.waits_for
            yield from wishes.join(Wish(cart.contact, about.product, about.id, news.what, Origin.CART, cart.left_at, until))
    yield from wishes.save(replace(news, looked=looked))
    yield from _look_again(news.id, news.at, house.now)


# ---- one person's turn


@dataclass(frozen=True, slots=True)
class Turn:
    """They may be told now."""

    news: News
    about: Variant

    @property
    def trigger(self) -> Trigger:
        """What happened to them."""
        return _TRIGGERS[self.news.what]


def judge(contact: int, news_id: int) -> Step[Turn | str]:
    """Whether it is still so that somebody was called for, or why not."""
    if not (yield from wishes.is_called(contact, news_id)):
        return "they want to hear of it no more"
    about = yield from waiting.about_news(news_id)
    if about is None:
        return "it is no news any more"
    if not _still_so(about.news, about.variant):
        yield from wishes.wait_again(contact, news_id, untold=True)
        gone = "is sold out again" if about.news.what is What.BACK_IN_STOCK else "costs more again, or is sold out"
        return f"{about.variant.name} {gone}"
    return Turn(about.news, about.variant)


def tell(house: House, contact: int, turn: Turn) -> Step[None]:
    """Their turn: flows begin."""
    yield from wishes.told(contact, turn.news.id, house.now)
    yield from contacts.audit(contact, house.now, "stock", f"{turn.about.name} {_SAID[turn.news.what]}")
    subject = Subject(SubjectKind.PRODUCT, turn.news.id)
    yield from flows.happen(house, contact, house.number, turn.about.shop, turn.trigger, subject)


def is_busy(house: House, contact: int, turn: Turn) -> Step[bool]:
    """Whether they are being told of another product: one after the other."""
    starting = {revision.flow.id for revision in house.playbook.starting_on(turn.trigger)}
    return any(live.run.flow in starting for live in (yield from runs.live(contact)))
