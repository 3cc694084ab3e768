"""What an app changes by Shopify's Admin GraphQL: discount codes, webhook subscriptions, a customer's consent to WhatsApp."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.sandbox.shop.admin_fields import Args, Fields
from bot.sandbox.shop.admin_listing import Page, Sight, few, gid, iso, number_of
from bot.sandbox.shop.books import Agreed, Consent
from bot.sandbox.shop.subscription import Subscription

Json = dict[str, Any]


def _error(name: str, message: str, code: str | None = None) -> Json:
    told: Json = {"field": [name], "message": message}
    return told if code is None else told | {"code": code, "extraInfo": None}


# ---- discounts


def _create_discount(_: Any, at: Sight, args: Args) -> Json:
    at.need("write_discounts", "discountCodeBasicCreate")
    given = args["basicCodeDiscount"]
    if at.codes.get(given["code"]):
        told = {"field": ["basicCodeDiscount", "code"], "code": "TAKEN", "message": "Code must be unique.", "extraInfo": None}
        return {"codeDiscountNode": None, "userErrors": [told]}
    made = gid("DiscountCodeNode", at.codes.next_id())
    at.codes.discounts[made] = given
    at.codes.keep(given["code"], made, given["endsAt"])
    return {"codeDiscountNode": {"id": made}, "userErrors": []}


def _add_codes(_: Any, at: Sight, args: Args) -> Json:
    at.need("write_discounts", "discountRedeemCodeBulkAdd")
    if args["discountId"] not in at.codes.discounts:
        return {"bulkCreation": None, "userErrors": [_error("discountId", "Code discount does not exist.", "INVALID")]}
    return {"bulkCreation": at.codes.begin(args["discountId"], [one["code"] for one in args["codes"]]), "userErrors": []}


def _delete_codes(_: Any, at: Sight, args: Args) -> Json:
    at.need("write_discounts", "discountCodeRedeemCodeBulkDelete")
    at.codes.drop(set(args.get("ids") or ()))
    return {"job": {"id": gid("Job", 1), "done": False}, "userErrors": []}


def _code(_: Any, at: Sight, args: Args) -> Json | None:
    at.need("read_discounts", "codeDiscountNodeByCode")
    found = at.codes.get(args["code"])
    return {"id": found.owner} if found else None


def _bulk(_: Any, at: Sight, args: Args) -> Any:
    at.need("read_discounts", "discountRedeemCodeBulkCreation")
    found = at.codes.bulks.get(args["id"])
    return at.codes.look(found) if found else None


BULK: Fields = {
    "id": lambda one, _, __: one.id,
    "done": lambda one, _, __: one.done,
    "codesCount": lambda one, _, __: len(one.codes),
    "importedCount": lambda one, _, __: len(one.nodes) - one.failed,
    "failedCount": lambda one, _, __: one.failed,
    "discountCode": lambda one, _, __: {"id": one.owner},
    "createdAt": lambda _, at, __: iso(at.now),
    "codes": lambda one, _, args: few(one.nodes, args, one.nodes.index),
}


# ---- webhooks


def _subscribe(_: Any, at: Sight, args: Args) -> Json:
    """An address that is not https is refused, but for this machine's own."""
    given, topic = args["webhookSubscription"], args["topic"]
    uri = given.get("uri") or given.get("callbackUrl") or ""
    at.need(_SCOPES.get(topic.partition("_")[0]), "webhookSubscriptionCreate")
    if not at.approved and topic.partition("_")[0] in _PROTECTED:
        return {"webhookSubscription": None, "userErrors": [{"field": ["webhookSubscription"], "message": _NOT_APPROVED}]}
    why = _refused(uri)
    if why is None and at.subscriptions.taken(topic, uri, given.get("filter")):
        why = "Address for this topic has already been taken"
    if why is not None:
        return {"webhookSubscription": None, "userErrors": [_address_error(why)]}
    return {"webhookSubscription": at.subscriptions.make(topic, uri, at.version, at.now, **_rest(given)), "userErrors": []}


def _subscription(at: Sight, args: Args) -> Subscription | None:
    return at.subscriptions.get(number_of(args["id"], "WebhookSubscription"))


def _resubscribe(_: Any, at: Sight, args: Args) -> Json:
    there, given = _subscription(at, args), args["webhookSubscription"]
    if there is None:
        return {"webhookSubscription": None, "userErrors": [_error("id", "Webhook subscription does not exist")]}
    uri = given.get("uri") or given.get("callbackUrl") or there.uri
    if (why := _refused(uri)) is not None:
        return {"webhookSubscription": None, "userErrors": [_address_error(why)]}
    at.subscriptions.all[there.id] = replace(there, uri=uri, updated_at=at.now, **_rest(given))
    return {"webhookSubscription": at.subscriptions.all[there.id], "userErrors": []}


def _unsubscribe(_: Any, at: Sight, args: Args) -> Json:
    there = _subscription(at, args)
    if there is None:
        return {"deletedWebhookSubscriptionId": None, "userErrors": [_error("id", "Webhook subscription does not exist")]}
    del at.subscriptions.all[there.id]
    return {"deletedWebhookSubscriptionId": args["id"], "userErrors": []}


def _subscriptions(_: Any, at: Sight, args: Args) -> Page:
    listed = [one for one in at.subscriptions.all.values() if _wanted(one, args)]
    return few(listed, args)


def _address_error(why: str) -> Json:
    return {"field": ["webhookSubscription", "callbackUrl"], "message": why}


def _rest(given: Mapping[str, Any]) -> dict[str, Any]:
    named = {
        "format": "format",
        "filter": "filter",
        "name": "name",
        "includeFields": "include_fields",
        "metafieldNamespaces": "metafield_namespaces",
    }
    return {
        ours: tuple(given[theirs]) if isinstance(given[theirs], list) else given[theirs]
        for theirs, ours in named.items()
        if theirs in given
    }


def _wanted(one: Subscription, args: Args) -> bool:
    topics, address = args.get("topics"), args.get("uri") or args.get("callbackUrl")
    return (not topics or one.topic in topics) and (not address or one.uri == address)


def _refused(uri: str) -> str | None:
    if uri.startswith(("https://", "arn:aws:events:", "pubsub://", "http://127.0.0.1", "http://localhost")):
        return None
    return "Address protocol http:// is not supported" if uri.startswith("http://") else "Address is invalid"


_PROTECTED = frozenset({"ORDERS", "CHECKOUTS", "CUSTOMERS", "FULFILLMENTS", "FULFILLMENT", "REFUNDS", "DRAFT"})  # the first word of a topic
_NOT_APPROVED = "This app is not approved to subscribe to webhook topics containing protected customer data. See https://shopify.dev"
_SCOPES = {  # the first word of a topic and the scope that it takes
    "ORDERS": "read_orders",
    "CHECKOUTS": "read_orders",
    "CARTS": "read_orders",
    "REFUNDS": "read_orders",
    "FULFILLMENTS": "read_fulfillments",
    "FULFILLMENT": "read_fulfillments",
    "CUSTOMERS": "read_customers",
    "CUSTOMER": "read_customers",
    "PRODUCTS": "read_products",
    "VARIANTS": "read_products",
    "DRAFT": "read_draft_orders",
    "INVENTORY": "read_inventory",
    "DISCOUNTS": "read_discounts",
    "RETURNS": "read_returns",
}


SUBSCRIPTION: Fields = {
    "id": lambda one, _, __: gid("WebhookSubscription", one.id),
    "legacyResourceId": lambda one, _, __: str(one.id),
    "topic": lambda one, _, __: one.topic,
    "uri": lambda one, _, __: one.uri,
    "callbackUrl": lambda one, _, __: one.uri,
    "endpoint": lambda one, _, __: {"callbackUrl": one.uri},
    "format": lambda one, _, __: one.format,
    "filter": lambda one, _, __: one.filter,
    "name": lambda one, _, __: one.name,
    "includeFields": lambda one, _, __: one.include_fields,
    "metafieldNamespaces": lambda one, _, __: one.metafield_namespaces,
    "apiVersion": lambda one, _, __: {"handle": one.api_version, "displayName": one.api_version, "supported": True},
    "createdAt": lambda one, _, __: iso(one.created_at),
    "updatedAt": lambda one, _, __: iso(one.updated_at),
}


# ---- consent


def _consent(_: Any, at: Sight, args: Args) -> Json:
    at.need("write_customers", "customerWhatsAppMarketingConsentUpdate")
    given = args["input"]
    customer = at.books.customers.get(number_of(given["customerId"], "Customer"))
    if customer is None or customer.phone is None:
        why = "Customer not found" if customer is None else "Customer must have a phone number"
        return {"customerPhoneNumber": None, "userErrors": [{"field": ["input", "customerId"], "message": why, "code": "INVALID"}]}
    wanted = given["whatsAppMarketingConsent"]
    if wanted["state"] == Agreed.NEVER.value:
        told = {"field": ["input", "whatsAppMarketingConsent", "state"], "message": "Cannot be set to never subscribed", "code": "INVALID"}
        return {"customerPhoneNumber": None, "userErrors": [told]}
    state = Agreed.YES if wanted["state"] in ("SUBSCRIBED", "PENDING") else Agreed.NO
    at_moment = datetime.fromisoformat(wanted["updatedAt"]) if wanted.get("updatedAt") else at.now
    return {"customerPhoneNumber": at.books.know(replace(customer, whatsapp=Consent(state, at_moment))), "userErrors": []}


MUTATION: Fields = {
    "discountCodeBasicCreate": _create_discount,
    "discountRedeemCodeBulkAdd": _add_codes,
    "discountCodeRedeemCodeBulkDelete": _delete_codes,
    "webhookSubscriptionCreate": _subscribe,
    "webhookSubscriptionUpdate": _resubscribe,
    "webhookSubscriptionDelete": _unsubscribe,
    "customerWhatsAppMarketingConsentUpdate": _consent,
}
QUESTIONS: Fields = {
    "codeDiscountNodeByCode": _code,
    "discountRedeemCodeBulkCreation": _bulk,
    "webhookSubscription": lambda _, at, args: _subscription(at, args),
    "webhookSubscriptions": _subscriptions,
    "webhookSubscriptionsCount": lambda _, at, __: {"count": len(at.subscriptions.all), "precision": "EXACT"},
}
