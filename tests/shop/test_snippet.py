"""What browsers post from a shop's pages: exactly what our script writes is understood, and nothing else."""

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flow.facts import Line, Money
from bot.shop import shopify, snippet, woocommerce
from bot.shop.delivery import Told
from bot.shop.event import CartChanged, OrderChanged, ProductViewed, Unreadable, VisitorCame
from bot.shop.field import Fields
from bot.shop.snippet import Refused, Site, harmless
from bot.store.model import IdentityKind, Source

from .bodies import SHOPIFY_CHECKOUT, SHOPIFY_ORDER, WOO_ORDER
from .page import LOOKER, NOW, SITE, cart, event, post, viewed


def test_a_look_at_a_product_is_one_row_under_the_visitors_name() -> None:
    (update,) = SITE.updates(post(viewed(at=int(NOW.timestamp()) - 30)), NOW)
    assert (update.source, update.kind, update.place) == (Source.VISITOR, "viewed", "casa")
    assert [(one.kind, one.scope, one.value) for one in update.identities] == [(IdentityKind.VISITOR, "casa", LOOKER)]
    told = snippet.read(update.kind, update.body)
    assert isinstance(told, ProductViewed)
    assert (told.product, told.title, told.link, told.price) == ("p-moka", "Moka pot", "https://casa.example/p/p-moka", Money(3200, "EUR"))
    assert (told.visitor, told.at) == (LOOKER, NOW - timedelta(seconds=30))


def test_a_cart_and_an_arrival_are_read_as_they_were_told() -> None:
    updates = SITE.updates(post(cart("p-moka", "p-huila"), event("came", click="abcdefgh23456723"), event("came")), NOW)
    told = [snippet.read(update.kind, update.body) for update in updates]
    assert isinstance(told[0], CartChanged)
    assert snippet.is_visitors(told[0])
    assert told[0].lines[0] == Line("The p-moka", 2, Money(1600, "EUR"), "p-moka")
    assert told[0].total == Money(6400, "EUR")
    assert told[1:] == [VisitorCame(NOW, LOOKER, "abcdefgh23456723"), VisitorCame(NOW, LOOKER)]


def test_the_same_event_told_again_has_the_same_key_and_no_key_of_a_shops_delivery() -> None:
    body = post(viewed())
    first, again = SITE.updates(body, NOW)[0], SITE.updates(body, NOW + timedelta(minutes=3))[0]
    assert first.key == again.key
    assert len(first.key) == 16
    assert first.key[0] == 0xFF
    assert SITE.updates(post(viewed()), NOW)[0].key != first.key


def test_a_clock_that_is_off_is_not_believed() -> None:
    for off in (-86_400, 86_400):
        assert SITE.updates(post(viewed(at=int(NOW.timestamp()) + off)), NOW)[0].occurred_at == NOW
    assert SITE.updates(post(viewed(at=int(NOW.timestamp()) + 60)), NOW)[0].occurred_at == NOW


def test_a_token_is_good_for_one_shop_and_for_each_of_its_secrets_and_says_nothing_of_them() -> None:
    other = Site("otra", SITE.hosts, SITE.secrets)
    old = Site("casa", SITE.hosts, SITE.secrets[1:])
    assert SITE.is_genuine(SITE.token)
    assert SITE.is_genuine(old.token)
    assert not SITE.is_genuine(other.token)
    assert not any(SITE.is_genuine(token) for token in (None, 1, "", "ü", SITE.token + "x", SITE.secrets[0], ["x"]))
    with pytest.raises(Refused):
        SITE.updates(post(viewed(), token=other.token), NOW)


@pytest.mark.parametrize(
    ("origin", "is_own"),
    [
        ("https://casa.example", True),
        ("https://www.casa.example", True),
        ("https://CASA.example", True),
        ("http://casa.example", False),
        ("https://casa.example.evil.example", False),
        ("https://evilcasa.example", False),
        ("https://casa.example:8443", False),
        ("https://casa.example@evil.example", False),
        ("null", False),
        ("", False),
        (None, False),
        ("https://[", False),
        ("http://127.0.0.1:8400", False),
    ],
)
def test_only_the_shops_own_pages_may_post(origin: str | None, is_own: bool) -> None:
    assert SITE.is_own(origin) is is_own


def test_pages_on_this_machine_need_no_tls() -> None:
    here = Site("casa", frozenset({"127.0.0.1:8400"}), ("secret",))
    assert here.is_own("http://127.0.0.1:8400")
    assert not here.is_own("http://127.0.0.1:8401")


HOSTILE: list[bytes] = [
    b"",
    b"null",
    b"[]",
    b"{",
    b"\xff\xfe",
    b'{"token":' + b"[" * 8000,
    post(),
    post(*[viewed()] * 11),
    post(viewed(), visitor="short"),
    post(viewed(), visitor=LOOKER.lower()),
    post(viewed(), visitor=LOOKER + "\n"),
    post(viewed(), visitor=None),
    post(viewed(), visitor={"$gt": ""}),
    post(viewed(), email="ana@example.com"),
    post(viewed(phone="+34600000001")),
    post(viewed(email="ana@example.com")),
    post(viewed(visitor="ABCDEFGH23456789ABCDEFGH")),
    post(viewed(product=None)),
    post(viewed(product="'; drop table visitor; --")),
    post(viewed(product={"id": 1})),
    post(viewed(product="x" * 200)),
    post(viewed(at="now")),
    post(viewed(at=-1)),
    post(viewed(at=1e300)),
    post(viewed(id="x")),
    post(event("paid")),
    post(event("came", click="../../etc/passwd")),
    post(event("came", click=7)),
    post(cart("p-moka", items="many")),
    post(cart("p-moka", items=[1])),
    post(cart("p-moka", items=[{"product": "p", "title": "T", "quantity": 1, "price": "1.00", "note": "my address"}])),
    post(cart("p-moka", items=[{"product": "p", "title": "T", "quantity": -1, "price": "1.00"}])),
    post(cart("p-moka", items=[{"product": "p", "title": "T", "quantity": "9" * 50, "price": "1.00"}])),
    post(cart("p-moka", currency="DOLLARS")),
    post(cart("p-moka", total="1e9")),
    post(cart("p-moka", total="NaN")),
    json.dumps({"token": SITE.token, "visitor": LOOKER, "events": {"type": "viewed"}}).encode(),
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_what_our_script_does_not_write_is_refused(body: bytes) -> None:
    with pytest.raises((Unreadable, Refused)) as refused:
        SITE.updates(body, NOW)
    assert "ana@example.com" not in str(refused.value)


_any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.sampled_from(["EUR", "p-moka", "1.00", LOOKER]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["product", "title", "price", "x"]), inner, max_size=4),
    max_leaves=10,
)


@given(
    kind=st.sampled_from(["viewed", "cart", "came"]),
    told=st.dictionaries(st.sampled_from(["product", "title", "url", "image", "price", "currency", "items", "total", "click"]), _any_json),
)
def test_whatever_a_browser_posts_is_understood_or_refused(kind: str, told: dict[str, Any]) -> None:
    with suppress(Unreadable):
        for update in SITE.updates(post(event(kind, **told)), NOW):
            assert snippet.read(update.kind, update.body)


def test_links_and_pictures_that_lead_away_from_the_shop_are_left_out() -> None:
    away = viewed(url="https://evil.example/p", image="https://evil.example/x.jpg")
    told = snippet.read("viewed", SITE.updates(post(away), NOW)[0].body)
    assert isinstance(told, ProductViewed)
    assert (told.link, told.image) == (None, None)
    near = viewed(image="https://www.casa.example/x.jpg", url="javascript:alert(1)")
    told = snippet.read("viewed", SITE.updates(post(near), NOW)[0].body)
    assert isinstance(told, ProductViewed)
    assert (told.link, told.image) == (None, "https://www.casa.example/x.jpg")


def test_a_price_that_cannot_be_read_is_none() -> None:
    for price, currency in (("1.299,00 €", "EUR"), ("12", None), ("12", "coins"), (None, "EUR")):
        told = snippet.read("viewed", SITE.updates(post(viewed(price=price, currency=currency)), NOW)[0].body)
        assert isinstance(told, ProductViewed)
        assert told.price is None


@pytest.mark.parametrize(
    "name", ["Moka pot, six cups", "House espresso, 1 kg", "Café 2.0", "N.º 5", "AC/DC mug", "¡Oferta! 3 × 250 g", "モカポット"]
)
def test_a_products_name_is_kept(name: str) -> None:
    assert harmless(name) == name


def test_a_name_is_read_as_people_do() -> None:
    assert harmless("Coffee &amp; cake &#8211; for two") == "Coffee & cake – for two"
    assert harmless("evil&period;example") is None
    assert harmless("a\u202eb") == "ab"


@pytest.mark.parametrize(
    "name",
    [
        *("You won! https://evil.example", "visit WWW.evil", "pay at evil.example now", "evil.example/x", "write to x@evil.example"),
        *("call +34 600000001", "WhatsApp 34600000001", "ring 600 00 00 01", "your code: 12345678"),
    ],
)
def test_a_name_that_leads_away_is_none(name: str) -> None:
    assert harmless(name) is None
    lines = [{"product": "p", "title": name, "quantity": 1, "price": "1.00"}]
    told = snippet.read("cart", SITE.updates(post(cart(items=lines)), NOW)[0].body)
    assert isinstance(told, CartChanged)
    assert told.lines == ()


def test_the_key_that_a_cart_carries_is_read_from_the_orders_of_the_platforms() -> None:
    notes = {"note_attributes": [{"name": "gift", "value": "yes"}, {"name": "comeback_visitor", "value": LOOKER}]}
    for topic, body in (("orders/create", SHOPIFY_ORDER), ("checkouts/update", SHOPIFY_CHECKOUT)):
        told = shopify.read(Told(topic, NOW), Fields({**body, **notes}))
        assert isinstance(told, OrderChanged | CartChanged)
        assert told.visitor == LOOKER
    for key in ("comeback_visitor", "_comeback_visitor"):
        kept = {"meta_data": [{"id": 1, "key": key, "value": LOOKER}]}
        told = woocommerce.read(Told("order.updated", NOW), Fields({**WOO_ORDER, **kept}))
        assert isinstance(told, OrderChanged)
        assert told.visitor == LOOKER
