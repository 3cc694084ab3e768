"""Links of ours to the shops' own pages carry the id of a click: who comes by one brings it along (bot/store/visitors.py).

An id is random and says nothing to anybody else; it is kept with the message that has it, and good for a month.
"""

import secrets
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from bot.flow.codec import encode_content
from bot.flow.facts import Facts, OrderFacts
from bot.flow.run import Effect, Send
from bot.shop.event import CLICK
from bot.store import visitors
from bot.store.step import Step
from bot.worker.playbook import House

_CLICK_BYTES = 10  # 80 random bits: 16 letters



def new_click() -> str:
    """An id that a link carries: it tells nobody anything but us."""
    return b32encode(secrets.token_bytes(_CLICK_BYTES)).decode("ascii").lower()


def marked(house: House, known: Facts, click: str) -> Facts:
    """The facts with links to the shops' own pages that carry a click's id, where those pages have our snippet."""
    if not house.sites:
        return known
    last = known.orders.last
    return replace(
        known,
        cart=replace(known.cart, link=_marked(house.sites, known.cart.link, click)) if known.cart else None,
        product=replace(known.product, link=_marked(house.sites, known.product.link, click)) if known.product else None,
        order=_marked_order(house.sites, known.order, click) if known.order else None,
        orders=replace(known.orders, last=_marked_order(house.sites, last, click) if last else None),
    )


def _marked_order(sites: Mapping[str, str], order: OrderFacts, click: str) -> OrderFacts:
    again, pay = _marked(sites, order.reorder_link, click), _marked(sites, order.payment_link, click)
    return replace(order, reorder_link=again, payment_link=pay)


def _marked(sites: Mapping[str, str], link: str | None, click: str) -> str | None:
    if link is None or urlsplit(link).netloc.lower() not in sites:
        return link
    address, hash_sign, fragment = link.partition("#")
    joint = "&" if "?" in address else "?"
    return f"{address}{joint}{CLICK}={click}{hash_sign}{fragment}"


def remember(house: House, contact: int, run: int, effect: Effect, click: str) -> Step[None]:
    """Keep to whom a link goes, if this message has it."""
    if not house.sites or not isinstance(effect, Send) or f"{CLICK}={click}" not in (written := encode_content(effect.content)):
        return
    shop = next((shop for host, shop in sorted(house.sites.items()) if f"//{host}/" in written), None)
    if shop is not None:
        yield from visitors.send_link(click, shop, contact, run, house.now)
