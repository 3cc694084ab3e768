"""Where the links of left checkouts lead: the checkout once more, with the code that the link applies, and a button that buys it.

So whoever tries a bot by hand can walk on from the reminder, as a customer would.
"""

from html import escape

from aiohttp import web

from bot.sandbox.pages.page import CONTENT_POLICY, SAFE_HEADERS
from bot.sandbox.pages.rendering import address_of
from bot.sandbox.shop.books import Checkout
from bot.sandbox.shop.catalog import CURRENCY, decimal
from bot.sandbox.shop.store_api import StoreApi
from bot.sandbox.shop.storefront import FRAME
from bot.sandbox.shop.year import Year

NAME = "The sandbox's store"
_PLACES = ("/6100000001/checkouts/{token}/recover", "/6100000001/checkouts/ac/{cart}/recover")


class WayBack:
    """The pages."""

    def __init__(self, store: StoreApi, year: Year) -> None:
        self._store, self._year = store, year

    def routes(self) -> list[web.RouteDef]:
        """The page by GET, its one button by POST."""
        return [route for place in _PLACES for route in (web.get(place, self._show), web.post(place, self._buy))]

    async def _show(self, request: web.Request) -> web.Response:
        left = self._checkout(request)
        if left.completed_at is not None:
            return _page("Thank you", "<p>This order is placed. A parcel is on its way.</p>")
        code = request.query.get("discount", "")
        body = _lines(left) + f'<p class="sum total"><span>Total</span><span>{decimal(left.total)} {CURRENCY}</span></p>'
        if code:
            stands = "is applied" if self._store.exists(code) else "is not valid any more"
            body += f'<p class="quiet">The code {escape(code)} {stands}.</p>'
        return _page("Your checkout", f'{body}<form class="checkout" method="post"><button class="primary">Buy now</button></form>')

    async def _buy(self, request: web.Request) -> web.Response:
        left = self._checkout(request)
        if left.completed_at is None:
            try:
                self._year.buys(left)
            except ValueError as error:
                raise web.HTTPConflict(text=str(error)) from None
        raise web.HTTPSeeOther(request.rel_url)

    def _checkout(self, request: web.Request) -> Checkout:
        told = request.match_info
        for one in self._store.books.checkouts:
            if (one.token, one.cart_token)["cart" in told] == told.get("cart", told.get("token")):
                return one
        raise web.HTTPNotFound


def _lines(left: Checkout) -> str:
    rows = (f"<li><span>{one.quantity} × {escape(one.title)}</span><span>{decimal(one.total)}</span></li>" for one in left.lines)
    return f'<ul class="lines">{"".join(rows)}</ul>'


def _page(title: str, body: str) -> web.Response:
    styles = {"paper": address_of("/paper.css"), "css": address_of("/demo.css")}
    text = FRAME.format(**styles, title=title, shop=NAME, body=body, snippet="")
    return web.Response(text=text, content_type="text/html", headers={**SAFE_HEADERS, "Content-Security-Policy": CONTENT_POLICY})
