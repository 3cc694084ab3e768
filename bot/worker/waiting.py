"""The list of those who want to hear when a product is back: who joins it, and who has it by now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.flow.facts import Line
from bot.flow.run import Subject, SubjectKind
from bot.store import contacts, mirror, products, visitors, wishes
from bot.store.products import Variant
from bot.store.step import Step
from bot.store.wishes import News, Origin, What, Wish
from bot.worker.playbook import House

MAX_WANTED = 10  # products of one cart that somebody waits for


def asked(house: House, contact: int, shop: str, key: str, subject: Subject | None) -> Step[None]:
    """Somebody asked in the chat to be told: of the product that is named, else of what the run is about; of a cart or an order, of what
    is sold out in it."""
    if key:
        yield from _of_key(house, contact, shop, key)
    elif subject is not None and subject.kind is SubjectKind.PRODUCT:
        about = yield from about_news(subject.id)
        if about is not None:
            of = about.variant
            yield from join(house, contact, of.product, of.id, of.name, Origin.CHAT, house.now)
    elif subject is not None and subject.kind is SubjectKind.VIEW:
        seen = yield from visitors.looked(subject.id)
        if seen is not None:
            of_page = yield from products.wanted(seen.shop, seen.product, None)
            yield from join(house, contact, of_page.product, None, seen.facts.name or seen.product, Origin.CHAT, house.now)
    elif subject is not None:
        found = (yield from mirror.cart(subject.id)) if subject.kind is SubjectKind.CART else (yield from mirror.order(subject.id))
        if found is not None:
            yield from _of_lines(house, contact, found.shop, found.facts.lines)


def _of_key(house: House, contact: int, shop: str, key: str) -> Step[None]:
    found = yield from products.named(key, shop)
    if found is None and not shop:
        yield from contacts.audit(contact, house.now, "stock", f"no shop has told of a product '{key}': nobody can say when it is back")
        return
    found = found or (yield from products.wanted(shop, key, None))
    yield from join(house, contact, found.product, found.variant, key, Origin.CHAT, house.now)


def _of_lines(house: House, contact: int, shop: str, lines: Sequence[Line]) -> Step[None]:
    for line in lines[:MAX_WANTED]:
        about = yield from products.of_line(shop, line)
        if about is not None and about.in_stock is False:
            yield from join(house, contact, about.product, about.variant, line.name, Origin.CHAT, house.now)


def join(house: House, contact: int, product: int, variant: int | None, name: str, origin: Origin, at: datetime) -> Step[None]:
    """Put somebody on the list. `name` is what the product is called where the shop told no better."""
    until = at + house.playbook.rules.back_in_stock.waits_for
    if (yield from wishes.join(Wish(contact, product, variant, What.BACK_IN_STOCK, origin, at, until))):
        title = (yield from products.title(product)) or name
        yield from contacts.audit(contact, house.now, "stock", f"wants to hear when {title} is back")


def bought(shop: str, contact: int, lines: Sequence[Line]) -> Step[None]:
    """They ordered these: they want to hear of them no more."""
    seen: set[int] = set()
    for line in lines:
        about = yield from products.of_line(shop, line)
        if about is not None and about.product not in seen:
            seen.add(about.product)
            yield from wishes.forget_product(contact, about.product)


@dataclass(frozen=True, slots=True)
class About:
    """News, and the variant they are of, as it is now."""

    news: News
    variant: Variant


def about_news(news_id: int) -> Step[About | None]:
    """News by their id; None when they are forgotten."""
    news = yield from wishes.load(news_id)
    found = (yield from products.variant(news.variant)) if news else None
    return About(news, found) if news and found else None
