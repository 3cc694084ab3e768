"""WooCommerce's REST API v3 over HTTP: orders, customers, products, coupons and webhooks, with keys that may write or only read."""

import base64
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from bot.sandbox.shop.books import Books, Checkout, Customer, Order, Shelf
from bot.sandbox.shop.codes import Codes, StoreCode
from bot.sandbox.shop.fault import StoreFaults, lose
from bot.sandbox.shop.listing import Key, chosen, created, is_open, modified, numbered
from bot.sandbox.shop.woo_body import customer_body, draft_body, order_body, product_body, status_of

MOST_PAGE = 100
USUAL_PAGE = 10
MOST_BATCH = 100
DRAFT = "checkout-draft"
STATUSES = ("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", DRAFT)
BASE = "/wp-json/wc/v3"

Json = dict[str, Any]
Work = Callable[[web.Request], Any]


class Refusal(Exception):
    """An answer that is none: WordPress's code, its sentence, the status."""

    def __init__(self, code: str, message: str, status: int, **data: Any) -> None:
        super().__init__(message)
        self.told = {"code": code, "message": message, "data": {"status": status, **data}}
        self.status = status


_SORTS: Mapping[str, Key] = {"date": created, "registered_date": created, "modified": modified, "id": numbered}


class WooApi:
    """One store as WooCommerce's keys see it. `key` and `token` read and write; `reading_key` with the same secret only reads.

    `saved` hears of each webhook that is saved.
    """

    def __init__(self, books: Books, codes: Codes, faults: StoreFaults, calls: list[str], *, key: str, token: str) -> None:
        self.books, self.codes, self.faults = books, codes, faults
        self.key, self.token, self.reading_key = key, token, f"{key}_read"
        self.base_url = "http://127.0.0.1"
        self.calls = calls
        self.webhooks: dict[int, Json] = {}
        self.saved: Callable[[Json], None] = _nobody
        self._next_webhook = 1

    def routes(self) -> list[web.RouteDef]:
        """All addresses, where WordPress has them."""
        return [
            web.get("/wp-json/", self._wordpress),
            web.get(BASE, self._door(self._index)),
            web.get(f"{BASE}/settings/general", self._door(self._settings)),
            web.get(f"{BASE}/system_status", self._door(self._system)),
            web.get(f"{BASE}/orders", self._door(self._orders)),
            web.get(f"{BASE}/orders/{{id}}", self._door(self._order)),
            web.get(f"{BASE}/customers", self._door(self._customers)),
            web.get(f"{BASE}/customers/{{id}}", self._door(self._customer)),
            web.get(f"{BASE}/products", self._door(self._products)),
            web.get(f"{BASE}/products/{{id}}", self._door(self._product)),
            web.get(f"{BASE}/webhooks", self._door(self._list_webhooks)),
            web.post(f"{BASE}/webhooks", self._door(self._make_webhook)),
            web.get(f"{BASE}/webhooks/{{id}}", self._door(self._webhook)),
            web.put(f"{BASE}/webhooks/{{id}}", self._door(self._change_webhook)),
            web.delete(f"{BASE}/webhooks/{{id}}", self._door(self._drop_webhook)),
            web.get(f"{BASE}/coupons", self._door(self._coupons)),
            web.post(f"{BASE}/coupons/batch", self._door(self._batch)),
            web.delete(f"{BASE}/coupons/{{id}}", self._door(self._delete_coupon)),
        ]

    # ---- the door

    def _door(self, work: Work) -> Callable[[web.Request], Any]:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._admit(request)
                if (trouble := await self.faults.before(request)) is not None:
                    return trouble
                if self.faults.use("throttled"):
                    return web.Response(status=429, headers={"Retry-After": "1"}, text="Too many requests")
                response = await work(request)
            except Refusal as refusal:
                return web.json_response(refusal.told, status=refusal.status)
            return await self.faults.after(request, response)

        return answer

    def _admit(self, request: web.Request) -> None:
        user, _, secret = _basic(request.headers.get("Authorization", "")).partition(":")
        if user in (self.key, self.reading_key) and not hmac.compare_digest(secret.encode(), self.token.encode()):
            raise Refusal("woocommerce_rest_authentication_error", "Consumer secret is invalid.", 401)
        if user not in (self.key, self.reading_key):
            what = "view" if request.method == "GET" else "create"
            raise Refusal(f"woocommerce_rest_cannot_{what}", "Sorry, you cannot list resources.", 401)
        if user == self.reading_key and request.method != "GET":
            raise Refusal("woocommerce_rest_authentication_error", "The API key provided does not have write permissions.", 401)

    async def _wordpress(self, _: web.Request) -> web.Response:
        """WordPress's page about its interface, which needs no key."""
        told = {
            "name": self.books.name,
            "url": self.base_url,
            "home": self.base_url,
            "timezone_string": self.books.timezone,
            "namespaces": ["oembed/1.0", "wc/v3", "wp/v2"],
            "routes": {},
        }
        return web.json_response(told)

    async def _index(self, _: web.Request) -> web.Response:
        return web.json_response({"namespace": "wc/v3", "routes": {f"/wc/v3/{name}": {} for name in ("orders", "customers", "products")}})

    async def _system(self, _: web.Request) -> web.Response:
        environment = {"home_url": self.base_url, "site_url": self.base_url, "version": "10.4.2", "wp_version": "6.9"}
        settings = {"currency": self.books.currency, "currency_symbol": "&euro;", "thousand_separator": ".", "decimal_separator": ","}
        return web.json_response({"environment": environment, "settings": settings})

    async def _settings(self, _: web.Request) -> web.Response:
        values = {"woocommerce_default_country": f"{self.books.country}:M", "woocommerce_currency": self.books.currency}
        return web.json_response([{"id": name, "value": value} for name, value in values.items()])

    # ---- lists

    async def _orders(self, request: web.Request) -> web.Response:
        """Orders, and the drafts of those that are none yet."""
        self.calls.append("orders")
        wanted = _several(request.query.get("status", "any"))
        if unknown := [one for one in wanted if one not in (*STATUSES, "any", "trash")]:
            raise _invalid("status", f"status[0] is not one of any, trash, {', '.join(STATUSES)}. ({unknown[0]})")
        customer = request.query.get("customer")
        shelves: list[Shelf[Any]] = [self.books.orders]
        if "any" in wanted or DRAFT in wanted:
            shelves.append(self.books.checkouts)

        def meant(one: Order | Checkout) -> bool:
            if not is_open(one):
                return False
            status = DRAFT if isinstance(one, Checkout) else "" if "any" in wanted else status_of(one)
            return ("any" in wanted or status in wanted) and customer in (None, str(one.customer or 0))

        return self._page(request, shelves, self._told, meant)

    def _told(self, one: Order | Checkout) -> Json:
        return order_body(self.books, one, self.base_url) if isinstance(one, Order) else draft_body(self.books, one, self.base_url)

    async def _customers(self, request: web.Request) -> web.Response:
        """They cannot be asked for by when they changed."""
        self.calls.append("customers")
        email = request.query.get("email", "").lower()

        def meant(one: Customer) -> bool:
            return not email or (one.email or "").lower() == email

        return self._page(request, [self.books.customers], partial(customer_body, self.books), meant, dated=False)

    async def _products(self, request: web.Request) -> web.Response:
        self.calls.append("products")
        sku = request.query.get("sku")
        return self._page(
            request,
            [self.books.products],
            lambda one: product_body(self.books, one, self.base_url),
            lambda one: sku is None or any(variant.sku == sku for variant in one.variants),
        )

    def _page(
        self,
        request: web.Request,
        shelves: list[Shelf[Any]],
        told: Callable[[Any], Json],
        meant: Callable[[Any], bool],
        *,
        dated: bool = True,
    ) -> web.Response:
        """A page by number: what changes while pages are read moves others from page to page."""
        query = request.query
        size, page = _whole(query, "per_page", USUAL_PAGE, MOST_PAGE), _whole(query, "page", 1)
        by = query.get("orderby", "date")
        if by not in _SORTS:
            raise _invalid("orderby", f"orderby is not one of {', '.join(_SORTS)}. ({by})")
        within, include = self._within(query if dated else {}), _several(query.get("include", ""))
        found = chosen(
            shelves,
            by,
            _SORTS[by],
            lambda one: within(one) and meant(one) and (not include or str(one.id) in include),
            self._moment(query, "modified_after") if dated else None,
        )
        if query.get("order", "desc") == "desc":
            found.reverse()
        start = int(query["offset"]) if query.get("offset", "").isdecimal() else (page - 1) * size
        pages = ceil(len(found) / size)
        headers = {"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(pages)}
        links = [(page - 1, "prev")] * (page > 1) + [(page + 1, "next")] * (page < pages)
        if links:
            headers["Link"] = ", ".join(f'<{request.url.update_query(page=number)}>; rel="{rel}"' for number, rel in links)
        fields = _several(query.get("_fields", ""))
        bodies = [_cut(told(one), fields) for one in found[start : start + size]]
        return web.json_response(bodies, headers=headers)

    def _moment(self, query: Mapping[str, str], name: str) -> datetime | None:
        """By the shop's clock unless `dates_are_gmt`."""
        zone = UTC if query.get("dates_are_gmt", "false").lower() in ("true", "1") else ZoneInfo(self.books.timezone)
        return _moment(query, name, zone)

    def _within(self, query: Mapping[str, str]) -> Callable[[Any], bool]:
        """`modified_after` and the like."""
        after, before = self._moment(query, "after"), self._moment(query, "before")
        modified_after, modified_before = self._moment(query, "modified_after"), self._moment(query, "modified_before")

        def within(one: Any) -> bool:
            return (
                (modified_after is None or one.updated_at > modified_after)
                and (modified_before is None or one.updated_at < modified_before)
                and (after is None or created(one)[0] > after)
                and (before is None or created(one)[0] < before)
            )

        return within

    # ---- single things

    async def _order(self, request: web.Request) -> web.Response:
        self.calls.append("order")
        key = _number(request)
        draft = self.books.checkouts.get(key)
        found = self.books.orders.get(key) or (draft if draft and draft.completed_at is None else None)
        if found is None:
            raise Refusal("woocommerce_rest_shop_order_invalid_id", "Invalid ID.", 404)
        return web.json_response(_cut(self._told(found), _several(request.query.get("_fields", ""))))

    async def _customer(self, request: web.Request) -> web.Response:
        self.calls.append("customer")
        found = self.books.customers.get(_number(request))
        if found is None:
            raise Refusal("woocommerce_rest_invalid_id", "Invalid resource ID.", 404)
        return web.json_response(customer_body(self.books, found))

    async def _product(self, request: web.Request) -> web.Response:
        self.calls.append("product")
        found = self.books.products.get(_number(request))
        if found is None:
            raise Refusal("woocommerce_rest_product_invalid_id", "Invalid ID.", 404)
        return web.json_response(product_body(self.books, found, self.base_url))

    # ---- webhooks

    async def _list_webhooks(self, request: web.Request) -> web.Response:
        self.calls.append("webhooks")
        size, page = _whole(request.query, "per_page", USUAL_PAGE, MOST_PAGE), _whole(request.query, "page", 1)
        status = request.query.get("status", "all")
        listed = [one for one in self.webhooks.values() if status in ("all", one["status"])][::-1]
        headers = {"X-WP-Total": str(len(listed)), "X-WP-TotalPages": str(ceil(len(listed) / size))}
        return web.json_response([_without_secret(one) for one in listed[(page - 1) * size : page * size]], headers=headers)

    async def _make_webhook(self, request: web.Request) -> web.Response:
        self.calls.append("make webhook")
        given = await _object(request)
        topic, url = str(given.get("topic", "")), str(given.get("delivery_url", ""))
        _check_topic(topic)
        _check_url(url)
        now = self.books.clock().astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
        made: Json = {
            "id": self._next_webhook,
            "name": given.get("name") or f"Webhook created on {now}",
            "status": "active",
            "topic": topic,
            "resource": topic.partition(".")[0],
            "event": topic.partition(".")[2],
            "hooks": [],
            "delivery_url": url,
            "secret": given.get("secret", ""),
            **dict.fromkeys(("date_created", "date_created_gmt", "date_modified", "date_modified_gmt"), now),
        }
        self._next_webhook += 1
        self.webhooks[made["id"]] = made
        self.saved(made)
        return web.json_response(_without_secret(made), status=201)

    async def _webhook(self, request: web.Request) -> web.Response:
        return web.json_response(_without_secret(self._webhook_of(request)))

    async def _change_webhook(self, request: web.Request) -> web.Response:
        self.calls.append("change webhook")
        there, given = self._webhook_of(request), await _object(request)
        if "topic" in given:
            _check_topic(str(given["topic"]))
        if "delivery_url" in given:
            _check_url(str(given["delivery_url"]))
        if given.get("status", "active") not in ("active", "paused", "disabled"):
            raise _invalid("status", "status is not one of all, active, paused, and disabled.")
        there.update({name: given[name] for name in ("name", "status", "topic", "delivery_url", "secret") if name in given})
        self.saved(there)
        return web.json_response(_without_secret(there))

    async def _drop_webhook(self, request: web.Request) -> web.Response:
        self.calls.append("drop webhook")
        there = self._webhook_of(request)
        if request.query.get("force", "false") != "true":
            raise Refusal("woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.", 501)
        return web.json_response(_without_secret(self.webhooks.pop(there["id"])))

    def _webhook_of(self, request: web.Request) -> Json:
        found = self.webhooks.get(_number(request) or 0)
        if found is None:
            raise Refusal("woocommerce_rest_shop_webhook_invalid_id", "Invalid ID.", 404)
        return found

    # ---- coupons

    async def _coupons(self, request: web.Request) -> web.Response:
        self.calls.append("get")
        found = self.codes.get(request.query.get("code", ""))
        return web.json_response([_coupon(found)] if found else [])

    async def _batch(self, request: web.Request) -> web.Response:
        self.calls.append("batch")
        wanted = (await _object(request))["create"]
        if len(wanted) > MOST_BATCH:
            why = "Unable to accept more than 100 items for this request."
            raise Refusal("woocommerce_rest_request_entity_too_large", why, 413)
        made = [self._make_coupon(one) for one in wanted]
        if self.faults.use("lost_answers"):
            return await lose(request)
        return web.json_response({"create": made})

    def _make_coupon(self, given: Json) -> Json:
        if self.faults.use("taken"):
            self.codes.somebody_else_has(given["code"])
        if self.codes.get(given["code"]):
            error = {"code": "woocommerce_rest_coupon_code_already_exists", "message": "The coupon code already exists"}
            return {"id": 0, "error": {**error, "data": {"status": 400}}}
        made = self.codes.keep(given["code"].lower(), given["description"], given["date_expires_gmt"])
        made.id = str(self.codes.next_id())
        return _coupon(made)

    async def _delete_coupon(self, request: web.Request) -> web.Response:
        self.calls.append("delete")
        gone = next((one for one in self.codes.by_letters.values() if one.id == request.match_info["id"]), None)
        if gone is None:
            raise Refusal("woocommerce_rest_shop_coupon_invalid_id", "Invalid ID.", 404)
        self.codes.drop({gone.id})
        return web.json_response(_coupon(gone))


def _coupon(one: StoreCode) -> Json:
    number = int(one.id.rsplit("/", 1)[-1])
    return {"id": number, "code": one.code.lower(), "description": one.owner, "date_expires_gmt": one.ends_at, "usage_limit": 1}


def _basic(header: str) -> str:
    try:
        return base64.b64decode(header.removeprefix("Basic "), validate=True).decode()
    except ValueError:
        return ""


def _invalid(name: str, why: str) -> Refusal:
    return Refusal("rest_invalid_param", f"Invalid parameter(s): {name}", 400, params={name: why})


def _several(given: str) -> list[str]:
    return [one.strip() for one in given.split(",") if one.strip()]


def _whole(query: Mapping[str, str], name: str, usual: int, most: int | None = None) -> int:
    given = query.get(name, str(usual))
    if not given.isdecimal() or int(given) < 1 or (most is not None and int(given) > most):
        upto = f"between 1 (inclusive) and {most} (inclusive)" if most else "greater than or equal to 1"
        raise _invalid(name, f"{name} must be {upto}")
    return int(given)


def _moment(query: Mapping[str, str], name: str, zone: Any) -> datetime | None:
    given = query.get(name)
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise _invalid(name, "Invalid date.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _nobody(_: Json) -> None:
    """Nobody tries the address of a webhook that was saved."""


def _cut(body: Json, fields: list[str]) -> Json:
    return {name: body[name] for name in fields if name in body} if fields else body


def _number(request: web.Request) -> int | None:
    given = request.match_info["id"]
    return int(given) if given.isdecimal() else None


async def _object(request: web.Request) -> Json:
    try:
        given = await request.json()
    except ValueError:
        raise Refusal("rest_invalid_json", "Invalid JSON body passed.", 400) from None
    if not isinstance(given, dict):
        raise Refusal("rest_invalid_json", "Invalid JSON body passed.", 400)
    return given


def _without_secret(webhook: Json) -> Json:
    """A secret is written and never read."""
    return {name: value for name, value in webhook.items() if name != "secret"}


def _check_topic(topic: str) -> None:
    thing, _, happened = topic.partition(".")
    things, events = ("order", "customer", "product", "coupon"), ("created", "updated", "deleted", "restored")
    if thing != "action" and (thing not in things or happened not in events):
        raise Refusal("woocommerce_rest_shop_webhook_invalid_topic", "Webhook topic is required and must be valid.", 400)


def _check_url(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        why = "Webhook delivery URL must be a valid URL starting with http:// or https://."
        raise Refusal("woocommerce_rest_shop_webhook_invalid_delivery_url", why, 400)
