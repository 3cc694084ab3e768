"""A store on paper: the rows of one person at a time, in plain dictionaries. Nothing is kept, nothing is awaited.

The house's own steps run on it (flows, timers, sender ...) as they do on a database: a rehearsal of ten thousand people has no second
engine, only a faster place to keep rows. Each method answers the statement of its name (`contact_load` is `contact.load` in
`bot/store/sql`); `tests/rehearsal` plays the same people on SQLite and compares every row. A statement that is not here is a LookupError
with its text: write its method. Rows that a step may still hold while they change are given out as copies.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from typing import Any, ClassVar

from bot.store.step import Statement, Step, T, Together, from_micros, statements, to_micros

Values = Mapping[str, Any]
Rows = Sequence[dict[str, Any]]
NONE: Rows = ()
ONE: Rows = ({},)
_SAVEPOINTS = ("savepoint ", "release ")
_QUEUED = frozenset({"queued", "verifying", "held"})
_LIVE_CODE = frozenset({"made", "issued"})
_GOT_CODE = _LIVE_CODE | {"redeemed", "expired", "revoked"}
_SPENT_CODE = _LIVE_CODE | {"wanted", "redeemed"}
_ON_THE_WIRE = frozenset({"sending", "sent", "unknown"})


@dataclass(frozen=True, slots=True, order=True)
class Timer:
    """A timer that is due (microseconds of the store)."""

    due: int
    kind: str
    subject: int
    generation: int


class Paper:
    """One person's rows. `admit` begins the next person and forgets the one before."""

    epoch: ClassVar[int] = 1

    def __init__(self) -> None:
        self._answers = self._named()
        self._revisions: dict[str, dict[str, Any]] = {}
        self._last_contact = self._last_run = self._last_message = self._last_checkout = self._last_order = 0
        self._last_discount = self._last_entry = 0
        self.heard: dict[str, int] = {}  # it outlives the person, and so do the keys of products
        self.products: dict[str, int] = {}
        self._clear()

    def _clear(self) -> None:
        self.contact: dict[str, Any] = {}
        self.names: list[dict[str, Any]] = []
        self.tags: dict[str, int] = {}
        self.consents: list[dict[str, Any]] = []
        self.conversation: dict[str, Any] | None = None
        self.written: list[dict[str, Any]] = []
        self.checkouts: dict[int, dict[str, Any]] = {}
        self.orders: dict[int, dict[str, Any]] = {}
        self.order_words: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.bought: dict[bytes | None, int] = {}
        self.purchases: list[dict[str, Any]] = []
        self.sold: dict[str, dict[str, Any]] = {}
        self.awaited: dict[str, dict[str, Any]] = {}
        self.wishes: set[int] = set()
        self.runs: dict[int, dict[str, Any]] = {}
        self.outbox: dict[int, dict[str, Any]] = {}
        self.discounts: dict[int, dict[str, Any]] = {}
        self.audits: list[dict[str, Any]] = []
        self._timers: list[Timer] = []
        self._timers_set: set[Timer] = set()

    @classmethod
    def _named(cls) -> "dict[str, Callable[[Paper, Values], Rows]]":
        """What answers each statement, by its text."""
        named = ((sql, getattr(cls, name.replace(".", "_"), None)) for name, sql in statements().items())
        return {sql: answer for sql, answer in named if answer is not None}

    # ---- what the rehearsal asks

    def admit(self, phone: str | None, now: datetime) -> int:
        """A new person, who goes by a phone (E.164) or by no name that reaches them; returns their contact id."""
        self._clear()
        self._last_contact += 1
        stamp = to_micros(now)
        self.contact = {
            **dict.fromkeys(("first_name", "language", "country", "timezone", "not_before", "orders_currency", "last_order_at")),
            **{"id": self._last_contact, "created_at": stamp, "consent": "unknown", "ads_consent": "unknown", "unreachable": 0},
            **{"orders_count": 0, "orders_minor": 0, "last_engaged_at": None},
        }
        if phone:
            self.names.append({"kind": "phone", "scope": "", "value": phone, "since": stamp})
        return self._last_contact

    def next_due(self) -> datetime | None:
        """When something happens next of its own accord: a timer, a message that waits."""
        timer = from_micros(self._timers[0].due) if self._timers else None
        message = self.next_message()
        return min(timer, message) if timer and message else timer or message

    def next_message(self) -> datetime | None:
        """When the next message that waits may go."""
        queued = [message["not_before"] for message in self.outbox.values() if message["state"] == "queued"]
        return from_micros(min(queued)) if queued else None

    def wants_code(self) -> bool:
        """Whether a code is to be made."""
        return any(one["state"] == "wanted" for one in self.discounts.values())

    def due_timers(self, now: datetime) -> list[Timer]:
        """The timers that are due, the oldest first; each fires once."""
        stamp, due = to_micros(now), list[Timer]()
        while self._timers and self._timers[0].due <= stamp:
            timer = heappop(self._timers)
            self._timers_set.discard(timer)
            due.append(timer)
        return due

    def run(self, step: Step[T]) -> T:
        """Run a step to its end."""
        try:
            statement = next(step)
            while True:
                statement = step.send(self._answer(statement))
        except StopIteration as done:
            result: T = done.value
            return result

    def _answer(self, statement: Statement | Together) -> Sequence[Any]:
        if isinstance(statement, Together):
            return [self.run(piece()) for piece in statement.pieces]
        answer = self._answers.get(statement.sql)
        if answer is None:
            return self._unknown(statement)
        if statement.many is None:
            return answer(self, statement.parameters)
        for values in statement.many:
            answer(self, values)
        return NONE

    @staticmethod
    def _unknown(statement: Statement) -> Rows:
        if statement.sql.startswith(_SAVEPOINTS):
            return NONE
        if statement.sql.startswith("rollback "):
            raise RuntimeError("a piece of the house's work failed in a rehearsal") from None
        name = next((name for name, sql in statements().items() if sql == statement.sql), statement.sql)
        raise LookupError(f"the store on paper does not know the statement {name}")

    # ---- contact.sql

    def contact_load(self, _: Values) -> Rows:
        return (self.contact,)

    def contact_hold(self, _: Values) -> Rows:
        return ONE

    def contact_names(self, _: Values) -> Rows:
        return self.names

    def contact_tags(self, _: Values) -> Rows:
        return [{"tag": tag} for tag in self.tags]

    def contact_describe(self, values: Values) -> Rows:
        for column in ("first_name", "language", "country", "timezone"):
            if values[column] is not None:
                self.contact[column] = values[column]
        return NONE

    def contact_first_name_if_none(self, values: Values) -> Rows:
        if self.contact["first_name"] is None:
            self.contact["first_name"] = values["first_name"]
        return NONE

    def contact_engaged(self, values: Values) -> Rows:
        self.contact["last_engaged_at"] = max(self.contact["last_engaged_at"] or 0, values["at"])
        self.contact["unreachable"] = 0
        return NONE

    def contact_set_consent(self, values: Values) -> Rows:
        self.contact["consent"] = values["state"]
        return NONE

    def contact_set_ads_consent(self, values: Values) -> Rows:
        self.contact["ads_consent"] = values["state"]
        return NONE

    def contact_record_consent(self, values: Values) -> Rows:
        self.consents.append(dict(values))
        return NONE

    def contact_latest_consent(self, values: Values) -> Rows:
        told = (one["at"] for one in self.consents if one["effective"] and one["channel"] == values["channel"])
        return ({"at": max(told, default=None)},)

    def contact_said_in_chat(self, values: Values) -> Rows:
        last = {one["channel"]: one for one in self.consents if one["effective"] and one["method"] != values["shop"]}
        return list(last.values())

    def contact_has_tag(self, values: Values) -> Rows:
        return ONE if values["tag"] in self.tags else NONE

    def contact_add_tag(self, values: Values) -> Rows:
        self.tags[values["tag"]] = values["now"]
        return NONE

    def contact_remove_tag(self, values: Values) -> Rows:
        self.tags.pop(values["tag"], None)
        return NONE

    def contact_pause(self, values: Values) -> Rows:
        self.contact["not_before"] = max(self.contact["not_before"] or 0, values["until"])
        return NONE

    def contact_unreachable(self, _: Values) -> Rows:
        self.contact["unreachable"] = 1
        return NONE

    def contact_audit(self, values: Values) -> Rows:
        self.audits.append(dict(values))
        return NONE

    def contact_sum_orders(self, _: Values) -> Rows:
        counted = [order for order in self.orders.values() if order["counted"]]
        self.contact["orders_count"] = len(counted)
        newest = max(counted, key=lambda order: (order["placed_at"], order["id"]), default=None)
        self.contact["orders_currency"] = currency = newest["currency"] if newest else None
        self.contact["orders_minor"] = sum(order["total_minor"] for order in counted if order["currency"] == currency)
        self.contact["last_order_at"] = max((order["placed_at"] for order in counted), default=None)
        return NONE

    def contact_spent_in(self, values: Values) -> Rows:
        spent = [order["total_minor"] for order in self.orders.values() if order["counted"] and order["currency"] == values["currency"]]
        return ({"orders": len(spent), "minor": sum(spent)},)

    # ---- conversation.sql: everybody writes to the one number

    def conversation_load(self, _: Values) -> Rows:
        return ({**self.conversation, "answered_at": None},) if self.conversation else NONE  # nobody in a rehearsal comes by an ad

    def conversation_open(self, values: Values) -> Rows:
        if self.conversation is None:
            self.conversation = {
                **{"control": "bot", "epoch": 0, "reason": None, "staff": None, "last_inbound_at": None, "free_until": None},
                "changed_at": values["now"],
            }
        return NONE

    def conversation_inbound(self, values: Values) -> Rows:
        if self.conversation is not None:
            self.conversation["last_inbound_at"] = max(self.conversation["last_inbound_at"] or 0, values["at"])
        return NONE

    def conversation_set_control(self, values: Values) -> Rows:
        if self.conversation is not None:
            changed = {name: values[name] for name in ("control", "reason", "staff")}
            self.conversation.update(changed, epoch=self.conversation["epoch"] + 1, changed_at=values["now"])
        return NONE

    def conversation_add_message(self, values: Values) -> Rows:
        self.written.append(dict(values))
        return NONE

    def conversation_count_written(self, _: Values) -> Rows:
        return ({"written": min(2, sum(message["author"] == "customer" for message in self.written))},)

    def conversation_said(self, values: Values) -> Rows:
        same = (one for one in self.written if one["text"] == values["text"] and one["at"] >= values["since"])
        return [one for one in same if one["author"] == "customer"][:2]

    # ---- inbox.sql

    def inbox_names(self, _: Values) -> Rows:
        return NONE  # everybody's names are known from the beginning

    def inbox_set_timer(self, values: Values) -> Rows:
        timer = Timer(values["due"], values["kind"], values["subject"], values["generation"])
        if timer not in self._timers_set:
            self._timers_set.add(timer)
            heappush(self._timers, timer)
        return NONE

    def inbox_insert(self, _: Values) -> Rows:
        self._last_entry += 1
        return ({"id": self._last_entry},)

    # ---- mirror.sql: one shop

    def mirror_checkout(self, values: Values) -> Rows:
        return [dict(checkout) for checkout in self.checkouts.values() if checkout["key"] == values["key"]]

    def mirror_checkout_by_id(self, values: Values) -> Rows:
        checkout = self.checkouts.get(values["id"])
        return (checkout,) if checkout else NONE

    def mirror_insert_checkout(self, values: Values) -> Rows:
        self._last_checkout += 1
        row = {**values, "id": self._last_checkout, "updated_at": values["at"], "generation": 1}
        self.checkouts[self._last_checkout] = row
        return (row,)

    def mirror_update_checkout(self, values: Values) -> Rows:
        row = self.checkouts[values["id"]]
        kept = {name: row[name] for name in ("link", "cart_key", "click") if values[name] is None}
        row.update({**values, "updated_at": values["at"], "generation": row["generation"] + 1, **kept})
        return (row,)

    def mirror_began(self, values: Values) -> Rows:
        self.checkouts[values["id"]]["started_at"] = values["started_at"]
        return NONE

    def mirror_checkout_behind(self, values: Values) -> Rows:
        behind = (one for one in self.checkouts.values() if one["cart_key"] == values["cart"] != one["key"])
        return ONE if any(behind) else NONE

    def mirror_supersede(self, values: Values) -> Rows:
        for checkout in self._open_checkouts():
            if checkout["key"] == values["key"]:
                _close(checkout, "superseded")
        return NONE

    def mirror_open_cart(self, values: Values) -> Rows:
        return ONE if any(checkout["updated_at"] >= values["since"] for checkout in self._open_checkouts()) else NONE

    def mirror_close_ordered(self, values: Values) -> Rows:
        for checkout in self._open_checkouts():
            since = checkout["started_at"] - values["late"]
            if any(order["placed_at"] >= since for order in self.orders.values()):
                _close(checkout, "ordered")
        return NONE

    def mirror_close_carts(self, values: Values) -> Rows:
        for checkout in self._open_checkouts():
            if checkout["started_at"] <= values["placed_at"]:
                _close(checkout, "ordered")
        return NONE

    def mirror_supersede_older(self, _: Values) -> Rows:
        open_ones = sorted(self._open_checkouts(), key=lambda checkout: (checkout["updated_at"], checkout["id"]))
        for checkout in open_ones[:-1]:
            _close(checkout, "superseded")
        return NONE

    def mirror_close_checkout(self, values: Values) -> Rows:
        for checkout in self.checkouts.values():
            if checkout["key"] == values["key"] and checkout["state"] != "ordered":
                _close(checkout, "ordered")
        return NONE

    def mirror_close_cart(self, values: Values) -> Rows:
        return self._close_by("cart_key", values["cart"])

    def mirror_close_click(self, values: Values) -> Rows:
        return self._close_by("click", values["click"])

    def _close_by(self, name: str, value: str) -> Rows:
        for checkout in self.checkouts.values():
            if checkout[name] == value and checkout["state"] != "ordered":
                _close(checkout, "ordered")
        return NONE

    def mirror_bought_at(self, values: Values) -> Rows:
        strong = [self.bought[values[name]] for name in ("checkout", "cart", "click") if values[name] in self.bought]
        weak = [self.bought[values[name]] for name in ("customer", "phone", "email") if values[name] in self.bought]
        placed = [order["placed_at"] for order in self.orders.values() if order["checkout_key"] == values["key"]]
        return ({"at": max([*strong, *(at for at in weak if at >= values["since"]), *placed], default=None)},)

    def mirror_bury_names(self, values: Values) -> Rows:
        self.bought[values["key"]] = max(self.bought.get(values["key"], 0), values["placed_at"])
        return NONE

    def mirror_is_heard(self, values: Values) -> Rows:
        return ONE if self.heard.get(values["shop"], -1) >= values["since"] else NONE

    def mirror_hear(self, values: Values) -> Rows:
        self.heard[values["shop"]] = max(self.heard.get(values["shop"], 0), values["at"])
        return NONE

    def reading_half_read(self, _: Values) -> Rows:
        return NONE  # a rehearsal's shop tells all it has

    def mirror_add_word(self, values: Values) -> Rows:
        self.order_words.setdefault((values["order_key"], values["kind"], values["key"]), dict(values))
        return NONE

    def mirror_order_words(self, values: Values) -> Rows:
        return [word for (order, _, _), word in self.order_words.items() if order == values["order_key"]]

    def _open_checkouts(self) -> list[dict[str, Any]]:
        return [checkout for checkout in self.checkouts.values() if checkout["state"] == "open"]

    def mirror_order(self, values: Values) -> Rows:
        return [dict(order) for order in self.orders.values() if order["key"] == values["key"]]

    def mirror_order_by_id(self, values: Values) -> Rows:
        order = self.orders.get(values["id"])
        return (order,) if order else NONE

    def mirror_last_order(self, _: Values) -> Rows:
        live = [order for order in self.orders.values() if order["counted"]]
        return (max(live, key=lambda order: (order["placed_at"], order["id"])),) if live else NONE

    def mirror_nth(self, values: Values) -> Rows:
        own = self.orders[values["id"]]
        place = own["placed_at"], own["id"]
        earlier = sum(order["counted"] and (order["placed_at"], order["id"]) <= place for order in self.orders.values())
        return ({"nth": earlier},) if own["counted"] else NONE

    def mirror_insert_order(self, values: Values) -> Rows:
        self._last_order += 1
        row = {**values, "id": self._last_order}
        self.orders[self._last_order] = row
        return (row,)

    def mirror_update_order(self, values: Values) -> Rows:
        self.orders[values["id"]].update(values)
        return NONE

    # ---- purchase.sql: one shop, and nothing is known of what others did

    def purchase_delivered(self, values: Values) -> Rows:
        order = self.orders[values["id"]]
        order["delivered_at"] = min(order.get("delivered_at") or values["at"], values["at"])
        return NONE

    def purchase_order(self, values: Values) -> Rows:
        order = self.orders[values["id"]]
        came = [word["at"] for word in self.order_words.values() if word["order_key"] == order["key"] and word["kind"] == "delivered"]
        return ({"counted": order["counted"], "delivered_at": order.get("delivered_at"), "arrived_at": min(came, default=None)},)

    def purchase_of_order(self, values: Values) -> Rows:
        return [one for one in self.purchases if one["shop_order"] == values["shop_order"]]

    def purchase_forget_order(self, values: Values) -> Rows:
        self.purchases = [one for one in self.purchases if one["shop_order"] != values["shop_order"]]
        return NONE

    def purchase_insert(self, values: Values) -> Rows:
        self.purchases.append(dict(values))
        return NONE

    def purchase_sell(self, values: Values) -> Rows:
        self.sold[values["product"]] = dict(values)
        return NONE

    def purchase_sold(self, values: Values) -> Rows:
        one = self.sold.get(values["product"])
        return (one,) if one else NONE

    def purchase_of_product(self, values: Values) -> Rows:
        return _in_order(one for one in self.purchases if one["product"] == values["product"])

    def purchase_of_category(self, values: Values) -> Rows:
        return _in_order(one for one in self.purchases if self.sold[one["product"]]["category"] == values["category"])

    def purchase_evidence(self, _: Values) -> Rows:
        return NONE

    def purchase_bought_by(self, _: Values) -> Rows:
        return [self.sold[product] for product in sorted({one["product"] for one in self.purchases})]

    def purchase_order_days(self, _: Values) -> Rows:
        counted = sorted(order["placed_at"] for order in self.orders.values() if order["counted"])
        return [{"placed_at": at} for at in counted]

    def purchase_awaited(self, values: Values) -> Rows:
        one = self.awaited.get(values["what"])
        return (one,) if one else NONE

    def purchase_save_awaited(self, values: Values) -> Rows:
        self.awaited[values["what"]] = dict(values)
        return NONE

    def purchase_forget_awaited(self, values: Values) -> Rows:
        self.awaited.pop(values["what"], None)
        return NONE

    # ---- product.sql, wish.sql: in a rehearsal nothing is ever sold out, so whoever waits is not called

    def product_kinds_of_line(self, _: Values) -> Rows:
        return NONE

    def product_by_key(self, _: Values) -> Rows:
        return NONE

    def product_find(self, values: Values) -> Rows:
        return ({"id": self.products.setdefault(values["key"], len(self.products) + 1)},)

    def product_title(self, _: Values) -> Rows:
        return NONE

    def wish_is_waiting(self, values: Values) -> Rows:
        return ONE if values["product"] in self.wishes else NONE

    def wish_join(self, values: Values) -> Rows:
        self.wishes.add(values["product"])
        return NONE

    def wish_forget_contact(self, _: Values) -> Rows:
        self.wishes.clear()
        return NONE

    # ---- credit.sql: in a rehearsal nothing tells when a message arrived, and nobody comes by a link

    def credit_order(self, values: Values) -> Rows:
        order = self.orders[values["id"]]
        return ({**order, "click": None, "known_kind": order.get("credited"), "known_flow": order.get("credited_to")},)

    def credit_touch(self, values: Values) -> Rows:
        redeemed = (one for one in self.discounts.values() if one["redeemed_order"] == values["key"])
        run = max(((one["id"], one["run"]) for one in redeemed), default=(0, 0))[1]
        return ({"kind": "code", "flow": self.runs[run]["flow"], "run": run, "message": None},) if run else NONE

    def credit_save(self, values: Values) -> Rows:
        self.orders[values["shop_order"]].update(credited=values["kind"], credited_to=values["flow"])
        return NONE

    def credit_forget(self, values: Values) -> Rows:
        self.orders[values["id"]].update(credited=None, credited_to=None)
        return NONE

    # ---- run.sql

    def run_keep_revision(self, values: Values) -> Rows:
        self._revisions.setdefault(values["id"], dict(values))
        return NONE

    def run_revision(self, values: Values) -> Rows:
        revision = self._revisions.get(values["id"])
        return (revision,) if revision else NONE

    def run_create(self, values: Values) -> Rows:
        self._last_run += 1
        row = {**values, "id": self._last_run, "state": "active", "body": "", "started_at": values["now"]}
        row.update(outcome=None, ended_at=None, goal_order=None)
        self.runs[self._last_run] = row
        return (row,)

    def run_save(self, values: Values) -> Rows:
        self.runs[values["id"]].update(values)
        return NONE

    def run_reached(self, values: Values) -> Rows:
        self.runs[values["id"]]["goal_order"] = values["shop_order"]
        return NONE

    def run_live(self, _: Values) -> Rows:
        return [run for run in self.runs.values() if run["state"] != "ended"]

    def run_load(self, values: Values) -> Rows:
        run = self.runs.get(values["id"])
        return (run,) if run else NONE

    def run_last_start(self, values: Values) -> Rows:
        return ({"started_at": max((run["started_at"] for run in self.runs.values() if run["flow"] == values["flow"]), default=None)},)

    # ---- outbox.sql

    def outbox_in_charge(self, _: Values) -> Rows:
        return ONE

    def outbox_enqueue(self, values: Values) -> Rows:
        if any(message["key"] == values["key"] for message in self.outbox.values()):
            return NONE
        self._last_message += 1
        nothing = dict.fromkeys(("why", "sent_at", "delivery", "provider_id", "code"))
        times = {"created_at": values["now"], "not_before": values["now"], "attempts": 0}
        self.outbox[self._last_message] = {**values, **times, **nothing, "id": self._last_message, "state": "queued"}
        return NONE

    def outbox_cancel_run(self, values: Values) -> Rows:
        for message in self.outbox.values():
            if message["run"] == values["run"] and message["state"] in _QUEUED:
                message.update(state="cancelled", why=values["why"])
        return NONE

    def outbox_cancel_contact(self, values: Values) -> Rows:
        for message in self.outbox.values():
            meant = message["author"] == "flow" and (not values["marketing_only"] or message["marketing"])
            if meant and message["state"] in _QUEUED:
                message.update(state="cancelled", why=values["why"])
        return NONE

    def outbox_queued_by_ended_runs(self, _: Values) -> Rows:
        queued = {one["run"] for one in self.outbox.values() if one["run"] and not one["reply"] and one["state"] in _QUEUED}
        return [{"run": run, "revision": self.runs[run]["revision"]} for run in sorted(queued) if self.runs[run]["state"] == "ended"]

    def outbox_last_of_run(self, values: Values) -> Rows:
        of_run = [message for message in self.outbox.values() if message["run"] == values["run"]]
        return of_run[-1:]

    def outbox_due(self, values: Values) -> Rows:
        live = [message for message in self.outbox.values() if message["state"] in ("queued", "verifying", "sending")]
        if not live or any(message["state"] == "sending" for message in live):
            return NONE
        due = [message for message in live if message["not_before"] <= values["now"] and message["state"] == "queued"]
        free = [message for message in due if not any(_stands_before(other, message) for other in live)]
        first = sorted(free, key=lambda message: (-message["reply"], message["not_before"], message["id"]))
        return [dict(message) for message in first[: values["limit"]]]

    def outbox_sending(self, values: Values) -> Rows:
        message = self.outbox[values["id"]]
        message.update(state="sending", attempts=message["attempts"] + 1, sent_at=values["now"], why=None, delivery=None, provider_id=None)
        return NONE

    def outbox_postpone(self, values: Values) -> Rows:
        self.outbox[values["id"]].update(not_before=values["until"], why=values["why"])
        return NONE

    def outbox_cancel(self, values: Values) -> Rows:
        self.outbox[values["id"]].update(state="cancelled", why=values["why"])
        return NONE

    def outbox_addressees(self, values: Values) -> Rows:
        talk = self.conversation or {"control": "bot", "last_inbound_at": None}
        names = [[one["kind"], one["scope"], one["value"]] for one in reversed(self.names)]
        counted = (one for one in self.outbox.values() if one["marketing"] and one["state"] in _ON_THE_WIRE and one["delivery"] != "failed")
        known = {
            **{name: self.contact[name] for name in ("consent", "unreachable", "not_before", "timezone", "country")},
            **{name: talk[name] for name in ("control", "last_inbound_at")},
            "names": _json(names),
            "marketing_sent": _json([one["sent_at"] for one in counted if one["sent_at"] > values["since"]]),
        }
        return [
            {
                **{"id": message, "answers": self._answered_by(self.outbox[message])},
                **{"sold_out": 0, "dearer": 0},
                **{"pointless": int(self._is_pointless(self.outbox[message])), "heard_at": self.heard.get(self.outbox[message]["shop"])},
                "forbidden": None,
                **known,
            }
            for message in json.loads(values["ids"])
        ]

    def _is_pointless(self, message: Values) -> bool:
        if message["needs"] == "cart_open":
            return bool(self.checkouts[message["needs_of"]]["state"] != "open")
        if message["needs"] != "order_unpaid":
            return False
        order = self.orders[message["needs_of"]]
        anew = any(one["placed_at"] > order["placed_at"] and one["counted"] for one in self.orders.values())
        return bool(order["payment"] != "failed" or order["status"] != "placed" or anew)

    def _answered_by(self, message: Values) -> str | None:
        """The platform's id of what a flow answers."""
        said = [one for one in self.written if one["author"] == "customer" and one["number"] == message["number"]]
        return said[-1]["provider_id"] if said and message["reply"] and message["author"] == "flow" else None

    def outbox_obstacles(self, _: Values) -> Rows:
        return NONE

    def outbox_use_instead(self, values: Values) -> Rows:
        self.outbox[values["id"]].update(content=values["content"], body=values["body"], marketing=values["marketing"])
        return NONE

    def outbox_number_states(self, _: Values) -> Rows:
        return NONE

    def outbox_sent(self, values: Values) -> Rows:
        self.outbox[values["id"]].update(state="sent", why=values["why"], provider_id=values["provider_id"])
        return NONE

    def outbox_by_key(self, values: Values) -> Rows:
        return [message for message in self.outbox.values() if message["key"] == values["key"]]

    def outbox_by_provider(self, values: Values) -> Rows:
        return [message for message in self.outbox.values() if message["provider_id"] == values["provider_id"]]

    def outbox_further(self, values: Values) -> Rows:
        self.outbox[values["id"]].update(delivery=values["delivery"], why=None)
        return NONE

    def outbox_deliver(self, values: Values) -> Rows:
        message = self.outbox[values["id"]]
        failed, settled = values["delivery"] == "failed", message["state"] in ("refused", "cancelled")
        message.update(
            delivery=values["delivery"],
            provider_id=message["provider_id"] or values["provider_id"],
            state=message["state"] if settled else "sent",
            why=values["why"] if failed else message["why"] if settled else None,
            sent_at=message["sent_at"] or message["created_at"],
        )
        return NONE

    def outbox_refused(self, values: Values) -> Rows:
        self.outbox[values["id"]].update(state="refused", why=values["why"], sent_at=None)
        return NONE

    def outbox_failed_with(self, values: Values) -> Rows:
        self.outbox[values["id"]]["code"] = values["code"]
        return NONE

    def outbox_newest_codes(self, values: Values) -> Rows:
        ended = [one for one in self.outbox.values() if one["state"] == "refused" or (one["state"] == "sent" and one["delivery"])]
        return [{"code": one["code"]} for one in reversed(ended)][: values["limit"]]

    # ---- charge.sql: a rehearsal has prices of its own

    def charge_take_back(self, _: Values) -> Rows:
        return NONE

    # ---- template.sql: in a rehearsal Meta agrees with the files

    def template_load(self, _: Values) -> Rows:
        return NONE

    # ---- discount.sql

    def discount_want(self, values: Values) -> Rows:
        known = ((one["run"], one["generation"]) for one in self.discounts.values())
        if (values["run"], values["generation"]) not in known:
            self._last_discount += 1
            row = {
                **{**values, "id": self._last_discount, "state": "wanted", "why": None, "attempts": 0, "retry_at": values["now"]},
                **{"created_at": values["now"], "counted": 0},
                **dict.fromkeys(("first", "pool", "issued_at", "redeemed_order", "leaked_order", "close_at")),
            }
            self.discounts[self._last_discount] = row
        return NONE

    def discount_wanted(self, values: Values) -> Rows:
        due = (one for one in self.discounts.values() if one["state"] == "wanted" and one["retry_at"] <= values["now"])
        return sorted(due, key=lambda one: int(one["retry_at"]))[: values["limit"]]

    def discount_load(self, values: Values) -> Rows:
        return (self.discounts[values["id"]],)

    def discount_made(self, values: Values) -> Rows:
        return self._decide(values["id"], {"state": "made"})

    def discount_refused(self, values: Values) -> Rows:
        return self._decide(values["id"], {"state": "refused", "why": values["why"]})

    def discount_live(self, values: Values) -> Rows:
        own = (one for one in self.discounts.values() if one["first"] is None and one["id"] != values["id"])
        live = (one for one in own if one["state"] in _LIVE_CODE and one["leaked_order"] is None)
        found = [one for one in live if (one["flow"], one["shop"]) == (values["flow"], values["shop"]) and one["ends"] >= values["until"]]
        return [dict(one) for one in reversed(found)]

    def discount_same_again(self, values: Values) -> Rows:
        same = {name: values[name] for name in ("code", "canonical", "ends", "pool", "first")}
        return self._decide(values["id"], {"state": "made", **same})

    def discount_count(self, values: Values) -> Rows:
        self.discounts[values["id"]]["counted"] = 1
        return NONE

    def discount_got(self, values: Values) -> Rows:
        own = (one for one in self.discounts.values() if one["first"] is None and one["id"] != values["id"])
        got = [one for one in own if one["state"] in _GOT_CODE or (one["state"] == "wanted" and one["counted"])]
        return ({"codes": sum(one["created_at"] >= values["since"] for one in got)},)

    def discount_carts(self, values: Values) -> Rows:
        counted = (one for one in self.checkouts.values() if one["state"] != "emptied")
        return ({"carts": sum(one["updated_at"] >= values["since"] for one in counted)},)

    def discount_queue_for_budget(self, _: Values) -> Rows:
        return NONE  # nobody else is there

    def discount_spent(self, values: Values) -> Rows:
        own = (one for one in self.discounts.values() if one["flow"] == values["flow"] and one["counted"] and one["id"] != values["id"])
        spent = [one for one in own if one["created_at"] >= values["since"] and one["state"] in _SPENT_CODE]
        return ({"codes": len(spent), "minor": sum(one["cost_minor"] or 0 for one in spent)},)

    def discount_issued(self, values: Values) -> Rows:
        row = self.discounts[values["id"]]
        if row["state"] == "made":
            row.update(state="issued", issued_at=values["now"])
        return NONE

    def discount_release(self, values: Values) -> Rows:
        row = self.discounts[values["id"]]
        again = any(one["first"] == row["id"] and one["state"] != "released" for one in self.discounts.values())
        if row["state"] != "made" or again:
            return NONE
        row["state"] = "released"
        return (row,)

    def discount_back_to_pool(self, _: Values) -> Rows:
        return NONE  # no shop is asked, so there are no pools

    def discount_by_code(self, values: Values) -> Rows:
        mine = (one for one in self.discounts.values() if one["canonical"] == values["canonical"] and one["shop"] == values["shop"])
        return [dict(one) for one in mine if one["state"] in _GOT_CODE]

    def discount_redeemed(self, values: Values) -> Rows:
        row = self.discounts[values["id"]]
        if row["redeemed_order"] is not None:
            return NONE
        row.update(state="redeemed", redeemed_order=values["order_key"], close_at=None)
        return (row,)

    def discount_leaked(self, values: Values) -> Rows:
        row = self.discounts[values["id"]]
        if row["leaked_order"] is not None or row["redeemed_order"] is not None:
            return NONE
        row["leaked_order"] = values["order_key"]
        return (row,)

    def discount_unredeem(self, values: Values) -> Rows:
        for row in self.discounts.values():
            if row["redeemed_order"] == values["order_key"]:
                row.update(redeemed_order=None, state="issued" if row["state"] == "redeemed" else row["state"])
            if row["leaked_order"] == values["order_key"]:
                row["leaked_order"] = None
        return NONE

    def discount_revoke(self, _: Values) -> Rows:
        return NONE  # only codes of a pool are taken back

    def _decide(self, discount: int, decision: Values) -> Rows:
        row = self.discounts[discount]
        if row["state"] != "wanted":
            return NONE
        row.update(decision)
        return (row,)


def _json(value: object) -> str:
    """As SQLite writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _in_order(bought: Iterable[dict[str, Any]]) -> Rows:
    return sorted(bought, key=lambda one: (one["at"], one["shop_order"]))


def _close(checkout: dict[str, Any], state: str) -> None:
    checkout.update(state=state, generation=checkout["generation"] + 1)


def _stands_before(other: Values, message: Values) -> bool:
    """Whether a queued message must go before this one: of its run, among answers, and an answer before a nudge."""
    if other["id"] < message["id"] and (other["run"] == message["run"] is not None or (other["reply"] and message["reply"])):
        return True
    return bool(other["reply"]) and not message["reply"]
