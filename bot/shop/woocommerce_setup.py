"""What it takes to connect a WooCommerce shop: its webhooks, and what the shop says of itself.

The REST API shows all webhooks, of whomever; ours are known by their address. It never shows a secret. So a webhook of ours has a mark
of its secret in its name, by which we see whether it signs with the one in the settings.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import aiohttp

from bot.shop import hooks, woocommerce
from bot.shop.field import country_code
from bot.shop.hooks import Hook
from bot.shop.setup import Reachable, Scope, Store
from bot.shop.wire import Answer, ShopUnreachable, request
from bot.shop.woocommerce_rest import WooRest

PAGE = 100
MOST_PAGES = 10
MOST_ORDERS = 25  # looked at for phones
ACTIVE = "active"
MARK = 8  # letters; enough to see that a secret is another one, and of no use to find it
TOPICS: Mapping[str, str | None] = MappingProxyType(dict.fromkeys(woocommerce.TOPICS))

_STATES = {
    "disabled": "it was switched off, as WooCommerce does after some answers it does not like",
    "paused": "it was paused",
}
_SENTENCE = 200
_SECONDS = 15.0


class WooCommerceSetup:
    """One shop; `name` is ours of it, `secret` what its webhooks are to sign with. Everything raises ApiRefused where the shop says
    no, ShopUnreachable where it says nothing."""

    scopes: Sequence[Scope] = ()
    topics = TOPICS

    def __init__(self, session: aiohttp.ClientSession, rest: WooRest, *, url: str, name: str, secret: str) -> None:
        self._session, self._rest, self._url, self._secret = session, rest, url, woocommerce.unescaped(secret)
        self._title = f"Comeback {name} {_mark(self._secret, name)}"

    async def obstacle(self) -> str | None:
        """Asks for a webhook, and before that whether WordPress has an interface at all."""
        index = await self._index()
        told = _read(index)
        if not isinstance(told, dict) or "namespaces" not in told:
            return _no_interface(index, self._url)
        if "wc/v3" not in told["namespaces"]:
            return "WordPress answers, but without WooCommerce: is the plugin active (WordPress admin > Plugins)?"
        answer = await self._rest.answer("GET", "/webhooks", {"per_page": "1"})
        return None if answer.status == 200 and isinstance(_read(answer), list) else _no_entrance(answer)

    async def hooks(self) -> list[Hook]:
        """All webhooks of the shop."""
        found: list[Hook] = []
        for page in range(1, MOST_PAGES + 1):
            several = await self._list("/webhooks", {"per_page": str(PAGE), "page": str(page), "status": "all"})
            found += [self._hook(one) for one in several]
            if len(several) < PAGE:
                break
        return found

    async def register(self, topic: str, address: str) -> None:
        """Make a webhook. The shop tries the address at once."""
        await self._rest.ask("POST", "/webhooks", body={"topic": topic, **self._wanted(address)})

    async def mend(self, hook: Hook, address: str) -> None:
        """Make a webhook of ours tell this address, signed with our secret, and switch it on."""
        await self._rest.ask("PUT", f"/webhooks/{int(hook.key)}", body=self._wanted(address))

    async def remove(self, hook: Hook) -> None:
        """Take a webhook out."""
        await self._rest.ask("DELETE", f"/webhooks/{int(hook.key)}", {"force": "true"})

    async def granted(self) -> frozenset[str] | None:
        """WooCommerce has no scopes: a key may read, or write, everything."""
        return None

    async def store(self) -> Store:
        """What the shop says of itself: WordPress's own page of its API, and WooCommerce's general settings."""
        told = _read(await self._index())
        index: Mapping[str, Any] = told if isinstance(told, dict) else {}
        settings = {str(one.get("id")): one.get("value") for one in await self._list("/settings/general")}
        country = _text(settings.get("woocommerce_default_country"))  # `ES`, or `ES:M` with a state
        return Store(
            name=_text(index.get("name")),
            country=country_code(country.partition(":")[0]) if country else None,
            currency=_text(settings.get("woocommerce_currency")),
            timezone=_text(index.get("timezone_string")),
        )

    async def reachable(self, granted: frozenset[str] | None) -> Reachable:
        """What recent orders tell of who ordered."""
        orders = await self._list("/orders", {"per_page": str(MOST_ORDERS)})
        places = [[order.get(name) or {} for name in ("billing", "shipping")] for order in orders]
        return Reachable(
            orders=len(orders),
            with_phone=sum(any(place.get("phone") for place in several) for several in places),
            with_address=sum(any(place.get("postcode") or place.get("email") for place in several) for several in places),
        )

    async def _list(self, path: str, query: Mapping[str, str] | None = None) -> list[Mapping[str, Any]]:
        told = (await self._rest.ask("GET", path, query)).json()
        if not isinstance(told, list):
            raise ShopUnreachable("the shop's answer cannot be read")
        return [one for one in told if isinstance(one, dict)]

    async def _index(self) -> Answer:
        """WordPress's page about its interface, which anybody may read."""
        return await request(self._session, "GET", f"{self._url}/wp-json/", headers={}, seconds=_SECONDS)

    def _wanted(self, address: str) -> dict[str, str]:
        return {"name": self._title, "delivery_url": address, "secret": self._secret, "status": ACTIVE}

    def _hook(self, told: Mapping[str, Any]) -> Hook:
        status = str(told.get("status"))
        flaw = None if status == ACTIVE else _STATES.get(status, "it was not active")
        if flaw is None and told.get("name") != self._title:
            flaw = "it may sign with another secret"
        return Hook(str(told.get("id")), str(told.get("topic")), str(told.get("delivery_url") or ""), flaw)


def _mark(secret: str, name: str) -> str:
    return hmac.digest(secret.encode(), name.encode(), "sha256").hex()[:MARK]


def _read(answer: Answer) -> object:
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError):
        return None


def _no_interface(index: Answer, url: str) -> str:
    """What stands where WordPress's page about its interface should be."""
    if 300 <= index.status < 400:
        there = hooks.host(index.headers.get("Location", ""))
        return f"the shop sends {hooks.host(url)} on to {there}: set that as the address (COMEBACK_SHOP_..._API_URL)"
    if index.status in (401, 403):
        return f"something keeps all of WordPress's interface shut ({index.status}): a security plugin or a firewall. Allow /wp-json/ there"
    if index.status >= 500:
        return f"the shop answered {index.status}"
    return (
        "WordPress does not answer under /wp-json/: choose any but 'Plain' under Settings > Permalinks in its admin, and see that the "
        "address is that of the shop's front page"
    )


def _no_entrance(answer: Answer) -> str:
    """Why the key does not open: WooCommerce's own codes of errors."""
    told = _read(answer)
    code = str(told.get("code")) if isinstance(told, dict) else ""
    if code == "woocommerce_rest_authentication_error":
        return f"WooCommerce does not know the key or its secret ({answer.sentence()}): make a new one (Settings > Advanced > REST API)"
    if answer.status in (401, 403) and code.startswith("woocommerce_rest_cannot"):
        return (
            "WooCommerce knows no such key, or one that may not see webhooks: copy the whole consumer key, of an administrator or shop "
            "manager and with permissions Read/Write. Is it so? Then the shop's server takes the header Authorization away: for Apache "
            "write 'SetEnvIf Authorization (.+) HTTP_AUTHORIZATION=$1' into its .htaccess"
        )
    if answer.status in (401, 403):
        return f"something before WooCommerce refuses us ({answer.status}): a security plugin or a firewall. Allow /wp-json/wc/v3/ there"
    return answer.sentence()


def _text(told: object) -> str | None:
    return " ".join(told.split())[:_SENTENCE] or None if isinstance(told, str) else None
