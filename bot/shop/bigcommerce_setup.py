"""What it takes to connect a BigCommerce store: its webhooks, and what the store says of itself.

Webhooks cannot be made by hand there. The API shows those of our own API account alone, and signs with that account's client secret.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bot.shop import bigcommerce
from bot.shop.bigcommerce_rest import BigRest
from bot.shop.field import country_code
from bot.shop.hooks import Hook
from bot.shop.setup import Reachable, Scope, Store
from bot.shop.wire import ApiRefused, NotThere

PAGE = 250
MOST_PAGES = 4
MOST_ORDERS = 25  # looked at for phones
TOPICS: Mapping[str, str | None] = MappingProxyType(dict.fromkeys(bigcommerce.TOPICS))
_SENTENCE = 200
_OFF = "it was switched off, as BigCommerce does after two days without an answer, or ninety without an event"


class BigSetup:
    """One store. Everything raises ApiRefused where the store says no, ShopUnreachable where it says nothing."""

    scopes: Sequence[Scope] = ()
    topics = TOPICS

    def __init__(self, rest: BigRest) -> None:
        self._rest = rest

    async def obstacle(self) -> str | None:
        """Asks what the store is called, which every token may read."""
        try:
            await self._rest.ask("/v2/store")
        except NotThere:
            return "there is no store under this hash: it stands in the API path of the API account, behind /stores/"
        except ApiRefused as refusal:
            return f"{refusal.why}. Make a store-level API account anew (control panel > Settings > API > Store-level API accounts)"
        return None

    async def hooks(self) -> list[Hook]:
        """Our API account's webhooks."""
        found: list[Hook] = []
        for page in range(1, MOST_PAGES + 1):
            told = (await self._rest.ask("/v3/hooks", {"limit": str(PAGE), "page": str(page)})).json()
            several = _objects(told.get("data") if isinstance(told, dict) else None)
            found += [_hook(one) for one in several]
            if len(several) < PAGE:
                break
        return found

    async def register(self, topic: str, address: str) -> None:
        """Make a webhook."""
        await self._rest.ask("/v3/hooks", method="POST", body={"scope": topic, **_wanted(address)})

    async def mend(self, hook: Hook, address: str) -> None:
        """Make a webhook of ours tell this address, and switch it on."""
        await self._rest.ask(f"/v3/hooks/{int(hook.key)}", method="PUT", body={"scope": hook.topic, **_wanted(address)})

    async def remove(self, hook: Hook) -> None:
        """Take a webhook out."""
        await self._rest.ask(f"/v3/hooks/{int(hook.key)}", method="DELETE")

    async def granted(self) -> frozenset[str] | None:
        """BigCommerce does not say what a token may do: what is missing is refused when it is asked for."""
        return None

    async def store(self) -> Store:
        """What the store says of itself."""
        told = (await self._rest.ask("/v2/store")).json()
        shop: Mapping[str, Any] = told if isinstance(told, dict) else {}
        zone = shop.get("timezone")
        return Store(
            name=_text(shop.get("name")),
            domain=_text(shop.get("id")),
            country=country_code(_text(shop.get("country_code"))),
            currency=_text(shop.get("currency")),
            timezone=_text(zone.get("name")) if isinstance(zone, dict) else None,
        )

    async def reachable(self, granted: frozenset[str] | None) -> Reachable:
        """What recent orders tell of who ordered."""
        orders = _objects((await self._rest.ask("/v2/orders", {"limit": str(MOST_ORDERS), "sort": "id:desc"})).json())
        places = [order.get("billing_address") or {} for order in orders]
        return Reachable(
            orders=len(orders),
            with_phone=sum(bool(place.get("phone")) for place in places),
            with_address=sum(bool(place.get("zip") or place.get("email")) for place in places),
        )


def _wanted(address: str) -> dict[str, Any]:
    return {"destination": address, "is_active": True, "headers": {}}


def _hook(told: Mapping[str, Any]) -> Hook:
    flaw = None if told.get("is_active") else _OFF
    return Hook(str(told.get("id")), str(told.get("scope")), str(told.get("destination") or ""), flaw)


def _objects(told: object) -> list[Mapping[str, Any]]:
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def _text(told: object) -> str | None:
    return " ".join(told.split())[:_SENTENCE] or None if isinstance(told, str) else None
