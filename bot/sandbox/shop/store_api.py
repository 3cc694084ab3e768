"""The stores' own interfaces over one set of books: Shopify's Admin GraphQL, WooCommerce's and BigCommerce's REST APIs.

They fail as real stores do, when they are told to: an answer that is lost after the work was done, a bucket of points that is empty, codes
that somebody else has, a bulk that takes its time, one that fails in part.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

from aiohttp import web

from bot.sandbox.shop import big_teller, shopify_teller
from bot.sandbox.shop.admin_api import AdminApi
from bot.sandbox.shop.admin_cost import Plan
from bot.sandbox.shop.big_api import BigApi, Quota
from bot.sandbox.shop.big_teller import BigTeller
from bot.sandbox.shop.books import Books
from bot.sandbox.shop.codes import Codes, Json, StoreCode
from bot.sandbox.shop.courier import Courier
from bot.sandbox.shop.fault import StoreFaults
from bot.sandbox.shop.shopify_teller import ShopifyTeller
from bot.sandbox.shop.woo_api import WooApi
from bot.sandbox.shop.woo_teller import WooTeller


def _now() -> datetime:
    return datetime.now(UTC)


class StoreApi:
    """One store by all interfaces, with one token. Without `books` it has nothing to tell; codes can be made all the same.

    `plan` is how much may be asked of Shopify, `quota` of
    BigCommerce; `seconds` is the clock of both. `calls` names what was asked, by any interface.
    """

    def __init__(
        self,
        *,
        token: str,
        key: str = "ck_sandbox",
        books: Books | None = None,
        plan: Plan | None = None,
        quota: Quota | None = None,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self.books = books or Books(_now)
        self.faults = StoreFaults()
        self.calls: list[str] = []
        self._codes = Codes(self.faults)
        self.shopify = AdminApi(self.books, self._codes, self.faults, self.calls, token=token, plan=plan or Plan(), seconds=seconds)
        self.woo = WooApi(self.books, self._codes, self.faults, self.calls, key=key, token=token)
        self.big = BigApi(self.books, self.faults, self.calls, token=token, quota=quota or Quota(), seconds=seconds)
        self._tell()

    def _tell(self) -> None:
        """Webhooks that were asked for are told what happens, each platform's in its own way."""
        self.couriers = {"shopify": Courier(shopify_teller.PAUSES), "woocommerce": Courier(), "bigcommerce": Courier(big_teller.PAUSES)}
        ShopifyTeller(self.shopify, self.couriers["shopify"])
        BigTeller(self.big, self.couriers["bigcommerce"])
        self.woo.saved = WooTeller(self.woo, self.couriers["woocommerce"]).saved

    async def start(self) -> None:
        """Begins to deliver what webhooks tell."""
        for courier in self.couriers.values():
            await courier.start()

    async def close(self) -> None:
        """Stops to deliver."""
        for courier in self.couriers.values():
            await courier.close()

    async def idle(self) -> None:
        """Returns when every webhook was delivered or given up."""
        for courier in self.couriers.values():
            await courier.idle()

    def routes(self) -> list[web.RouteDef]:
        """All interfaces, where the platforms have them."""
        return [*self.shopify.routes(), *self.woo.routes(), *self.big.routes()]

    def at(self, base_url: str) -> None:
        """Where it can be reached: its links lead there."""
        self.shopify.base_url = self.woo.base_url = self.big.base_url = base_url

    @property
    def token(self) -> str:
        """What a client shows: Shopify's and BigCommerce's access token, the secret of WooCommerce's key. A new one turns the old away."""
        return self.shopify.token

    @token.setter
    def token(self, token: str) -> None:
        self.shopify.token = self.woo.token = self.big.token = token

    @property
    def codes(self) -> dict[str, StoreCode]:
        """All codes that exist, by their upper-case letters."""
        return self._codes.by_letters

    @property
    def discounts(self) -> dict[str, Json]:
        """What Shopify's codes belong to, as they were asked for."""
        return self._codes.discounts

    def exists(self, code: str) -> bool:
        """Whether a customer who types it gets something."""
        return self._codes.get(code) is not None

    def somebody_else_has(self, code: str) -> None:
        """A code that is not the bot's."""
        self._codes.somebody_else_has(code)
