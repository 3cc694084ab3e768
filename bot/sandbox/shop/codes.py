"""The discount codes that really exist in a store, whichever interface made them."""

import itertools
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.shop.fault import StoreFaults

Json = dict[str, Any]


@dataclass(slots=True)
class StoreCode:
    """A code that exists. `owner` is the discount or the description it belongs to, `id` the store's own of it."""

    code: str
    owner: str
    id: str
    ends_at: str


@dataclass(slots=True)
class Bulk:
    """Codes that are being made: `polls_left` is how often it is asked for until it is done."""

    id: str
    owner: str
    codes: list[str]
    polls_left: int
    nodes: list[Json] = field(default_factory=list)
    done: bool = False

    @property
    def failed(self) -> int:
        """How many did not become codes."""
        return sum(1 for node in self.nodes if node["discountRedeemCode"] is None)


class Codes:
    """All codes by their upper-case letters, the discounts they belong to, and bulks under way."""

    def __init__(self, faults: StoreFaults) -> None:
        self.by_letters: dict[str, StoreCode] = {}
        self.discounts: dict[str, Json] = {}
        self.bulks: dict[str, Bulk] = {}
        self._faults = faults
        self._ids = itertools.count(1)

    def next_id(self) -> int:
        """One that nothing has yet."""
        return next(self._ids)

    def get(self, code: str) -> StoreCode | None:
        """The code, however it is written."""
        return self.by_letters.get(code.strip().upper())

    def keep(self, code: str, owner: str, ends_at: str) -> StoreCode:
        """It exists from now on."""
        made = StoreCode(code, owner, f"gid://shopify/DiscountRedeemCode/{self.next_id()}", ends_at)
        self.by_letters[code.upper()] = made
        return made

    def somebody_else_has(self, code: str) -> None:
        """A code that is not the bot's."""
        self.keep(code, "gid://shopify/DiscountCodeNode/0", "")

    def drop(self, ids: set[str]) -> None:
        """Codes that exist no more, by the store's own ids."""
        self.by_letters = {key: one for key, one in self.by_letters.items() if one.id not in ids}

    def begin(self, owner: str, codes: list[str]) -> Bulk:
        """Codes that will exist when they were asked for often enough."""
        bulk = Bulk(f"gid://shopify/DiscountRedeemCodeBulkCreation/{self.next_id()}", owner, codes, self._faults.polls)
        self.bulks[bulk.id] = bulk
        return bulk

    def look(self, bulk: Bulk) -> Bulk:
        """Each time somebody looks, half of what is left comes to exist, or all of it."""
        if not bulk.done:
            bulk.polls_left -= 1
            left = bulk.codes[len(bulk.nodes) :]
            everything = bulk.polls_left <= 0
            for code in left if everything else left[: len(left) // 2]:
                bulk.nodes.append(self._made(bulk, code))
            bulk.done = everything
        return bulk

    def _made(self, bulk: Bulk, code: str) -> Json:
        if self._faults.use("taken"):
            self.somebody_else_has(code)
        why = "must be unique. Please try a different code." if self.get(code) else None
        if why is None and self._faults.use("too_long"):
            why = "is too long (maximum is 255 characters)"
        if why is not None:
            error = {"field": ["code"], "message": why, "code": "TAKEN" if "unique" in why else "TOO_LONG", "extraInfo": None}
            return {"code": code, "errors": [error], "discountRedeemCode": None}
        made = self.keep(code, bulk.owner, self.discounts[bulk.owner]["endsAt"])
        return {"code": code, "errors": [], "discountRedeemCode": {"id": made.id, "code": made.code, "asyncUsageCount": 0}}
