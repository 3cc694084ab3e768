"""What it takes to connect a Shopify store: its webhook subscriptions, what our app may do there, and what the store says of itself.

Admin GraphQL shows an app its own subscriptions alone, made for this store; those of the app's configuration file and those made by hand
under Settings, Notifications are not among them. The privacy topics can be subscribed to in the app's configuration only.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bot.shop import shopify
from bot.shop.field import country_code
from bot.shop.hooks import Hook
from bot.shop.setup import Reachable, Scope, Store
from bot.shop.shopify_graphql import ShopifyGraphql, first_message, object_of
from bot.shop.shopify_scopes import READ_CUSTOMERS, READ_FULFILLMENTS, READ_ORDERS, SCOPES
from bot.shop.wire import ApiRefused, NotThere

WHATSAPP_CONSENT_SINCE = "2026-07"  # bodies of older versions cannot tell the consent to WhatsApp
PAGE = 100
MOST_PAGES = 10
MOST_ORDERS = 25  # looked at for phones
_SENTENCE = 200

_SCOPE_OF: Mapping[str, str | None] = MappingProxyType(
    {  # the first word of a topic, where the whole topic does not stand here
        **dict.fromkeys(("carts", "checkouts", "orders", "refunds"), READ_ORDERS),
        **dict.fromkeys(("fulfillments", "fulfillment_events"), READ_FULFILLMENTS),
        "draft_orders": "read_draft_orders",
        **dict.fromkeys(
            ("customers", "customers_marketing_consent", "customers_email_marketing_consent", "customers_whats_app_marketing_consent"),
            READ_CUSTOMERS,
        ),
        "customers/merge": "read_customer_merge",
        **dict.fromkeys(("products", "variants"), "read_products"),
        "inventory_levels": "read_inventory",
        "app": None,
    }
)
TOPICS: Mapping[str, str | None] = MappingProxyType(
    {topic: _SCOPE_OF[topic if topic in _SCOPE_OF else topic.partition("/")[0]] for topic in shopify.TOPICS}
)
"""Each topic that is read, and the scope that it needs."""

_OBSTACLES: Mapping[int, str] = MappingProxyType(
    {
        402: ": the store is frozen, its owner has a bill to pay",
        423: ": the store is locked by Shopify",
    }
)

_LIST = f"""query webhooks($after: String) {{ webhookSubscriptions(first: {PAGE}, after: $after) {{
  nodes {{ id topic uri format filter includeFields apiVersion {{ handle }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
_CREATE = """mutation subscribe($topic: WebhookSubscriptionTopic!, $webhookSubscription: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $webhookSubscription) {
    webhookSubscription { id } userErrors { field message } } }"""
_UPDATE = """mutation mend($id: ID!, $webhookSubscription: WebhookSubscriptionInput!) {
  webhookSubscriptionUpdate(id: $id, webhookSubscription: $webhookSubscription) {
    webhookSubscription { id } userErrors { field message } } }"""
_DELETE = """mutation unsubscribe($id: ID!) {
  webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId userErrors { field message } } }"""
_SCOPES = "query access { currentAppInstallation { accessScopes { handle } } }"
_SHOP = "query shop { shop { name myshopifyDomain currencyCode ianaTimezone shopAddress { countryCodeV2 } } }"
_ORDERS = f"""query reachable {{ orders(first: {MOST_ORDERS}, sortKey: CREATED_AT, reverse: true) {{ nodes {{
  phone email shippingAddress {{ phone zip }} billingAddress {{ phone zip }} %s }} }} }}"""
_CUSTOMER = "customer { defaultPhoneNumber { phoneNumber } }"


class ShopifySetup:
    """One store. Everything raises ApiRefused where the store says no, ShopUnreachable where it says nothing."""

    scopes: Sequence[Scope] = SCOPES
    topics = TOPICS

    def __init__(self, wire: ShopifyGraphql) -> None:
        self._wire = wire

    async def obstacle(self) -> str | None:
        """Asks for the store's name, which every token may read."""
        try:
            await self._wire.ask(_SHOP, {})
        except NotThere:
            return "there is no store under this name: its own name ends in .myshopify.com (admin > Settings > Domains)"
        except ApiRefused as refusal:
            return f"{refusal.why}{_OBSTACLES.get(refusal.status, '')}"
        return None

    async def hooks(self) -> list[Hook]:
        """This app's subscriptions in the store."""
        found: list[Hook] = []
        after: str | None = None
        for _ in range(MOST_PAGES):
            page = object_of(await self._wire.ask(_LIST, {"after": after}), "webhookSubscriptions")
            found += [_hook(node) for node in _objects(page.get("nodes"))]
            told = page.get("pageInfo") or {}
            after = told.get("endCursor")
            if not told.get("hasNextPage") or not after:
                break
        return found

    async def register(self, topic: str, address: str) -> None:
        """Subscribe to a topic."""
        asked = {"topic": _name(topic), "webhookSubscription": _input(address)}
        _judge(await self._wire.ask(_CREATE, asked), "webhookSubscriptionCreate")

    async def mend(self, hook: Hook, address: str) -> None:
        """Make a subscription tell everything to this address."""
        _judge(await self._wire.ask(_UPDATE, {"id": hook.key, "webhookSubscription": _input(address)}), "webhookSubscriptionUpdate")

    async def remove(self, hook: Hook) -> None:
        """Take a subscription out."""
        _judge(await self._wire.ask(_DELETE, {"id": hook.key}), "webhookSubscriptionDelete")

    async def granted(self) -> frozenset[str] | None:
        """The scopes our app has in this store."""
        installation = object_of(await self._wire.ask(_SCOPES, {}), "currentAppInstallation")
        return frozenset(str(scope.get("handle")) for scope in _objects(installation.get("accessScopes")))

    async def store(self) -> Store:
        """What the store says of itself."""
        shop = object_of(await self._wire.ask(_SHOP, {}), "shop")
        address = shop.get("shopAddress") or {}
        return Store(
            name=_text(shop.get("name")),
            domain=_text(shop.get("myshopifyDomain")),
            country=country_code(_text(address.get("countryCodeV2"))),
            currency=_text(shop.get("currencyCode")),
            timezone=_text(shop.get("ianaTimezone")),
        )

    async def reachable(self, granted: frozenset[str] | None) -> Reachable:
        """What recent orders tell of who ordered. Unapproved fields are null, or the whole question is refused: ApiRefused."""
        may_see_customers = granted is None or not {READ_CUSTOMERS, "write_customers"}.isdisjoint(granted)
        answer, _ = await self._wire.ask_partly(_ORDERS % (_CUSTOMER if may_see_customers else ""), {})
        orders = _objects((answer.get("orders") or {}).get("nodes"))
        return Reachable(
            orders=len(orders),
            with_phone=sum(any(_phones(order)) for order in orders),
            with_address=sum(any(_addresses(order)) for order in orders),
        )


def _name(topic: str) -> str:
    """A topic in GraphQL's words: `orders/create` is ORDERS_CREATE."""
    return topic.replace("/", "_").upper()


_TOPIC_OF = {_name(topic): topic for topic in TOPICS}


def _input(address: str) -> dict[str, Any]:
    """All fields of all events, as JSON."""
    return {"uri": address, "format": "JSON", "includeFields": [], "filter": ""}


def _hook(node: Mapping[str, Any]) -> Hook:
    topic = str(node.get("topic"))
    version = node.get("apiVersion") or {}
    return Hook(str(node.get("id")), _TOPIC_OF.get(topic, topic), str(node.get("uri") or ""), _flaw(node), _text(version.get("handle")))


def _flaw(node: Mapping[str, Any]) -> str | None:
    if node.get("format") not in (None, "JSON"):
        return "it told in another format than JSON"
    if node.get("filter"):
        return "a filter kept some of it back"
    return "it told some fields only" if node.get("includeFields") else None


def _phones(order: Mapping[str, Any]) -> list[Any]:
    customer = order.get("customer") or {}
    places = [order.get("shippingAddress") or {}, order.get("billingAddress") or {}]
    return [order.get("phone"), *(place.get("phone") for place in places), (customer.get("defaultPhoneNumber") or {}).get("phoneNumber")]


def _addresses(order: Mapping[str, Any]) -> list[Any]:
    places = [order.get("shippingAddress") or {}, order.get("billingAddress") or {}]
    return [order.get("email"), *(place.get("zip") for place in places)]


def _judge(answer: Mapping[str, Any], name: str) -> None:
    errors = _objects(object_of(answer, name).get("userErrors"))
    if errors:
        raise ApiRefused(first_message(errors))


def _objects(told: object) -> list[Mapping[str, Any]]:
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def _text(told: object) -> str | None:
    return " ".join(told.split())[:_SENTENCE] or None if isinstance(told, str) else None
