"""The shop's pages that links in messages lead to: a product, a cart brought back, an order's parcel, an order once more. And its shelf,
where whoever tries the bot sells something out, brings it back, or makes it cheaper.

They run the bot's snippet, as a shop's pages do, under a policy that allows no script but that.
"""

import json
from collections.abc import Mapping
from html import escape
from urllib.parse import urlsplit

from aiohttp import web

from bot.sandbox.pages.page import CONTENT_POLICY, SAFE_HEADERS
from bot.sandbox.pages.rendering import address_of
from bot.sandbox.shop.catalog import CURRENCY, Product, decimal
from bot.sandbox.shop.shop import Shop

FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - {shop}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{paper}">
<link rel="stylesheet" href="{css}">{snippet}
</head>
<body class="storefront">
<header class="shop-head"><p class="shop-name">{shop}</p></header>
<main class="sheet">
<h1>{title}</h1>
{body}
<p class="quiet"><a href="/">Back to the sandbox</a></p>
</main>
</body>
</html>
"""


_PIECES = {"out": 0, "back": 5}
_PRICES = {"cheaper": 80, "dearer": 125}  # percent of what it cost


class Storefront:
    """The pages under `/p/` (product), `/c/` (cart), `/t/` (tracking), `/r/` (reorder), and `/shelf`."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def routes(self) -> list[web.RouteDef]:
        """Pages by GET, their one button by POST."""
        return [
            web.get("/p/{key}", self._product),
            web.get("/c/{key}", self._cart),
            web.post("/c/{key}", self._buy),
            web.get("/t/{key}", self._track),
            web.get("/r/{key}", self._again),
            web.post("/r/{key}", self._reorder),
            web.post("/p/{key}", self._want),
            web.get("/shelf", self._shelf),
            web.post("/shelf", self._restock),
        ]

    async def _product(self, request: web.Request) -> web.Response:
        product = self._shop.products.get(request.match_info["key"])
        if product is None:
            raise web.HTTPNotFound
        ask = '<a rel="noopener" href="https://wa.me/34911000000?text=Hello!">Ask us on WhatsApp</a>'
        body = f'<p>{escape(product.words)}</p><p class="sum total"><span>Price</span><span>{_euro(product.price)}</span></p><p>{ask}</p>'
        stock = self._in_stock(product, asked="asked" in request.query)
        return self._page(escape(product.title), f"{body}{stock}{self._markup(product)}", request)

    def _markup(self, product: Product) -> str:
        """What search engines read, and our snippet."""
        offer = {"@type": "Offer", "price": decimal(product.price), "priceCurrency": CURRENCY}
        told = {"@context": "https://schema.org", "@type": "Product", "productID": product.id, "name": product.title, "offers": offer}
        written = json.dumps({**told, "image": f"{self._shop.base_url}/art/{product.id}.svg"}).replace("<", "\\u003c")
        return f'<script type="application/ld+json">{written}</script>'

    async def _cart(self, request: web.Request) -> web.Response:
        checkout = self._shop.checkouts.get(request.match_info["key"])
        if checkout is None:
            raise web.HTTPNotFound
        if checkout.completed:
            return self._page("Thank you", "<p>This order is placed. A parcel is on its way.</p>", request)
        if not checkout.lines:
            return self._page("Your cart", "<p>Nothing is in it.</p>", request)
        code = request.query.get("discount", "")
        discount = self._shop.valid_discount(code)
        total = self._shop.total(checkout.lines)
        off = discount.off(total) if discount else 0
        body = self._told_cart(checkout.lines, total) + self._lines(checkout.lines)
        if discount:
            body += f'<p class="sum"><span>Code {escape(discount.code)}</span><span>- {_euro(off)}</span></p>'
        elif code:
            body += '<p class="quiet">This code is not valid any more.</p>'
        body += f'<p class="sum total"><span>Total</span><span>{_euro(total - off)}</span></p>'
        form = f'<input type="hidden" name="code" value="{escape(code)}"><button class="primary">Buy now</button>'
        body += f'<form class="checkout" method="post">{form}</form>'
        return self._page(f"Welcome back, {escape(checkout.shopper.first_name)}", body, request)

    async def _buy(self, request: web.Request) -> web.Response:
        checkout = self._shop.checkouts.get(request.match_info["key"])
        if checkout is None:
            raise web.HTTPNotFound
        form = await request.post()
        if not checkout.completed and checkout.lines:
            checkout.visitor = str(form.get("comeback_visitor", ""))[:64] or None
            self._shop.buy(checkout.shopper.key, code=str(form.get("code", "")))
        raise web.HTTPSeeOther(f"/c/{checkout.key}")

    async def _track(self, request: web.Request) -> web.Response:
        order = self._shop.find_order(request.match_info["key"])
        if order is None:
            raise web.HTTPNotFound
        body = self._lines(order.lines) + f'<p class="sum total"><span>State</span><span>{escape(order.status)}</span></p>'
        return self._page(f"Order {order.number}", body, request)

    async def _again(self, request: web.Request) -> web.Response:
        order = self._shop.find_order(request.match_info["key"])
        if order is None:
            raise web.HTTPNotFound
        button = '<form method="post"><button class="primary">Put it all into my cart</button></form>'
        return self._page("Once more?", self._lines(order.lines) + button, request)

    async def _reorder(self, request: web.Request) -> web.Response:
        order = self._shop.find_order(request.match_info["key"])
        if order is None:
            raise web.HTTPNotFound
        for product, pieces in order.lines.items():
            self._shop.add(order.shopper.key, product, pieces)
        raise web.HTTPSeeOther(f"/c/{self._shop.cart(order.shopper.key).key}")

    def _told_cart(self, lines: Mapping[str, int], total: int) -> str:
        """The cart as our snippet reads it."""
        items = [self._told_line(self._shop.products[product], pieces) for product, pieces in lines.items()]
        told = {"items": items, "total": decimal(total), "currency": CURRENCY}
        return f'<div data-comeback-cart="{escape(json.dumps(told))}"></div>'

    def _told_line(self, product: Product, pieces: int) -> dict[str, object]:
        return {"product": product.id, "title": product.title, "quantity": pieces, "price": decimal(product.price)}

    def _in_stock(self, product: Product, *, asked: bool) -> str:
        """Whether it can be bought, and a way to be told when it can again."""
        if not self._shop.is_sold_out(product.id):
            return '<p class="quiet">In stock.</p>'
        if asked:
            return "<p>We write to you on WhatsApp when it is back.</p>"
        people = "".join(f'<option value="{one.key}">{escape(one.first_name)}</option>' for one in self._shop.shoppers.values())
        return (
            '<p class="quiet">Sold out. With this button you agree to a message on WhatsApp when it is back, and to our offers.</p>'
            f'<form method="post"><select name="who" aria-label="Who you are">{people}</select>'
            '<button class="primary">Tell me when it is back</button></form>'
        )

    async def _want(self, request: web.Request) -> web.Response:
        form = await request.post()
        who, product = str(form.get("who", "")), request.match_info["key"]
        if who not in self._shop.shoppers or product not in self._shop.products:
            raise web.HTTPNotFound
        self._shop.want(who, product)
        raise web.HTTPSeeOther(f"/p/{product}?asked")

    async def _shelf(self, request: web.Request) -> web.Response:
        rows = "".join(self._on_shelf(product) for product in self._shop.products.values())
        return self._page("The shelf", f'<p class="quiet">What you change here, the shop tells the bot.</p>{rows}', request)

    def _on_shelf(self, product: Product) -> str:
        pieces = self._shop.stock.get(product.id)
        left = "not counted" if pieces is None else "sold out" if pieces == 0 else f"{pieces} in stock"
        name = escape(product.title)
        return (
            f'<form method="post"><input type="hidden" name="product" value="{product.id}">'
            f'<p class="sum"><span><a href="/p/{product.id}">{name}</a>, {left}</span><span>{_euro(product.price)}</span></p>'
            f'<button class="secondary" name="do" value="out">Sold out</button> '
            f'<button class="secondary" name="do" value="back">Five are back</button> '
            f'<button class="secondary" name="do" value="cheaper">20% cheaper</button> '
            f'<button class="secondary" name="do" value="dearer">25% dearer</button></form>'
        )

    async def _restock(self, request: web.Request) -> web.Response:
        form = await request.post()
        product = self._shop.products.get(str(form.get("product", "")))
        deed = str(form.get("do", ""))
        if product is None or deed not in (*_PIECES, *_PRICES):
            raise web.HTTPBadRequest(text="there is no such product, or nothing like that to do with it")
        if deed in _PIECES:
            self._shop.count(product.id, _PIECES[deed])
        else:
            self._shop.reprice(product.id, max(1, product.price * _PRICES[deed] // 100))
        raise web.HTTPSeeOther("/shelf")

    def _lines(self, lines: Mapping[str, int]) -> str:
        rows = (
            f'<li><span>{pieces} × <a href="/p/{product}">{escape(self._shop.products[product].title)}</a></span>'
            f"<span>{_euro(self._shop.products[product].price * pieces)}</span></li>"
            for product, pieces in lines.items()
        )
        return f'<ul class="lines">{"".join(rows)}</ul>'

    def _page(self, title: str, body: str, request: web.Request) -> web.Response:
        styles = {"paper": address_of("/paper.css"), "css": address_of("/demo.css")}
        consent = ' data-consent="wait"' if "ask" in request.query else ""  # for whoever tries how a shop with a consent banner goes
        snippet = f'\n<script async src="{escape(self._shop.snippet)}"{consent}></script>' if self._shop.snippet else ""
        text = FRAME.format(**styles, title=title, shop=escape(self._shop.name), body=body, snippet=snippet)
        return web.Response(text=text, content_type="text/html", headers={**SAFE_HEADERS, "Content-Security-Policy": self._policy()})

    def _policy(self) -> str:
        """No script and no connection but to this page's own host, and to the bot's for the snippet."""
        if not self._shop.snippet:
            return CONTENT_POLICY
        bot = "{0.scheme}://{0.netloc}".format(urlsplit(self._shop.snippet))
        with_script = CONTENT_POLICY.replace("script-src 'self'", f"script-src 'self' {bot}")
        return with_script.replace("connect-src 'self'", f"connect-src 'self' {bot}")


def _euro(minor: int) -> str:
    return f"€{minor // 100}.{minor % 100:02d}"
