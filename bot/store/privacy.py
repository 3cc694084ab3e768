"""What the law lets people ask of a shop, and the shop of us: the asks with their receipts, whom they are about, and shops that left."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.store import contacts
from bot.store.line import line_of
from bot.store.model import Identity, IdentityKind
from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql, to_micros

DEADLINE = timedelta(days=30)  # the law's month (GDPR 12(3)), and what Shopify grants
LEASE = timedelta(minutes=5)  # longer than a step of an erasure takes, and each step renews it: then another process goes on with it
WHY_CANCELLED = "the person is being erased"
OWNER, RESTORE = "owner", "restore"  # ways to ask besides the kinds of deliveries


class What(StrEnum):
    """What was asked."""

    DATA = "data"
    ERASE_SHOPPER = "erase_shopper"
    ERASE_SHOP = "erase_shop"
    UNINSTALLED = "uninstalled"


@dataclass(frozen=True, slots=True)
class About:
    """Whom an open ask names, and what is still to go. `before` is the id of the first inbox entry that came after it. `files` (hashes) and
    `copies` (names) wait to be removed. `orders` are the shop's keys."""

    before: int
    names: tuple[Identity, ...] = ()
    orders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()

    def plus(self, names: Iterable[Identity] = (), files: Iterable[str] = (), copies: Iterable[str] = ()) -> "About":
        """With more of it."""
        return replace(
            self,
            names=tuple(dict.fromkeys((*self.names, *names))),
            files=tuple(dict.fromkeys((*self.files, *files))),
            copies=tuple(dict.fromkeys((*self.copies, *copies))),
        )

    def without(self, gone: "About") -> "About":
        """Without what has gone of it."""
        names, files, copies = set(gone.names), set(gone.files), set(gone.copies)
        return replace(
            self,
            names=tuple(name for name in self.names if name not in names),
            files=tuple(file for file in self.files if file not in files),
            copies=tuple(copy for copy in self.copies if copy not in copies),
        )

    def joined(self, other: "About") -> "About":
        """Both, for whoever asks once more while the first is not done."""
        both = self.plus(other.names, other.files, other.copies)
        return replace(both, before=max(self.before, other.before), orders=tuple(dict.fromkeys((*self.orders, *other.orders))))


@dataclass(frozen=True, slots=True)
class Ask:
    """An ask, and its receipt. `shop` is empty for one by the owner's hand, which is about every shop. `delivery` is the inbox row that
    asked it, `way` its kind. `people` were found and done; `counts` are rows by table. `about` is None once it is done: a receipt names
    nobody. `file` is the name of the copy that was written. Times UTC."""

    id: int
    what: What
    shop: str
    key: str
    way: str
    delivery: int | None
    asked_at: datetime
    received_at: datetime
    due_at: datetime
    done_at: datetime | None
    people: int
    counts: Mapping[str, int]
    about: About | None
    file: str | None
    attempts: int
    why: str | None

    @property
    def is_open(self) -> bool:
        """Whether it is still to be done."""
        return self.done_at is None

    def is_overdue(self, now: datetime) -> bool:
        """Whether the law's time for it is over."""
        return self.is_open and self.due_at < now


# ---- asks


def ask(
    what: What, shop: str, key: str, way: str, about: About, now: datetime, *, at: datetime | None = None, delivery: int | None = None
) -> Step[int]:
    """Keep an ask; returns its id. The same one once more is done once more, on the same receipt, together with what the first has still
    to do. `at` is when it was asked (UTC)."""
    rows = yield sql(
        "privacy.ask",
        what=what,
        shop=shop,
        key=key,
        way=way,
        delivery=delivery,
        asked_at=to_micros(min(at or now, now)),
        received_at=to_micros(now),
        due_at=to_micros(now + DEADLINE),
        about=_encode(about),
    )
    found: int = rows[0]["id"]
    known = yield from _held(found)
    if known is not None and known.about is not None and known.about != about:
        yield sql("privacy.keep_about", id=found, about=_encode(known.about.joined(about)))
    return found


def claim(now: datetime) -> Step[Ask | None]:
    """The next ask to go on with: ours for the time of a lease."""
    rows = yield sql("privacy.claim", now=to_micros(now), until=to_micros(now + LEASE))
    return (yield from load(rows[0]["id"])) if rows else None


def let_go(now: datetime) -> Step[None]:
    """A process starts: what another had in hand when it died is gone on with at once."""
    yield sql("privacy.let_go", now=to_micros(now))


def load(ask_id: int) -> Step[Ask | None]:
    """One ask."""
    rows = yield sql("privacy.load", id=ask_id)
    return _ask(rows[0]) if rows else None


def _held(ask_id: int) -> Step[Ask | None]:
    """One ask, which nobody else changes until the end of the transaction."""
    rows = yield sql("privacy.held", id=ask_id)
    return _ask(rows[0]) if rows else None


class Overtaken(Exception):
    """Another process has done it meanwhile."""


def go_on(ask_id: int, now: datetime) -> Step[None]:
    """An ask is being done: ours for another lease. Raises Overtaken."""
    if not (yield sql("privacy.go_on", id=ask_id, until=to_micros(now + LEASE))):
        raise Overtaken


def every() -> Step[list[Ask]]:
    """All asks, the oldest first."""
    return [_ask(row) for row in (yield sql("privacy.list"))]


def later(ask_id: int, until: datetime, why: str, *, failed: bool) -> Step[None]:
    """It cannot be gone on with now. `why` is a sentence for the owner."""
    yield sql("privacy.later", id=ask_id, until=to_micros(until), why=why, failed=int(failed))


def done(ask_id: int, now: datetime, *, why: str | None = None, file: str | None = None) -> Step[None]:
    """It is done: the receipt names nobody any more."""
    yield sql("privacy.done", id=ask_id, now=to_micros(now), why=why, file=file)


def remember(ask_id: int, names: Iterable[Identity] = (), files: Iterable[str] = (), copies: Iterable[str] = ()) -> Step[About]:
    """What is still to go, before what leads to it is gone."""
    known = yield from _held(ask_id)
    about = (known.about if known and known.about else About(0)).plus(names, files, copies)
    yield sql("privacy.keep_about", id=ask_id, about=_encode(about))
    return about


def forget_about(ask_id: int, gone: About) -> Step[None]:
    """What has gone of what an ask remembered; what another process remembered since is still to go."""
    known = yield from _held(ask_id)
    if known is not None and known.about is not None:
        yield sql("privacy.keep_about", id=ask_id, about=_encode(known.about.without(gone)))


def count(ask_id: int, counts: Mapping[str, int], people: int = 0) -> Step[None]:
    """So much more was done."""
    known = (yield from _held(ask_id)) if counts or people else None
    if known is None:
        return
    summed = {table: known.counts.get(table, 0) + counts.get(table, 0) for table in sorted({*known.counts, *counts})}
    yield sql("privacy.keep_counts", id=ask_id, counts=json.dumps(summed), people=known.people + people)


SOON = timedelta(days=7)  # before an ask is due


@dataclass(frozen=True, slots=True)
class Pressing:
    """What the owner must see to: a sentence without an end. `late`: the law's time for it is over."""

    sentence: str
    late: bool


def pressing(now: datetime) -> Step[list[Pressing]]:
    """Asks that are due soon or too late, and copies that wait to be handed over."""
    found = []
    for row in (yield sql("privacy.pressing", until=to_micros(now + SOON))):
        by = f"{from_micros(row['due_at']):%Y-%m-%d}"
        late = row["due_at"] < to_micros(now)
        if row["state"] == "open":
            why = f" ({row['why']})" if row["why"] else ""
            due = f"{'was' if late else 'is'} due by {by}"
            found.append(Pressing(f"privacy ask {row['id']} ({row['what']}) is not done, and {due}{why}", late))
        else:
            found.append(Pressing(f"the copy of privacy ask {row['id']} is to be handed over by {by}: see 'comeback privacy'", late))
    return found


def handed_over(ask_id: int, why: str) -> Step[bool]:
    """A copy was given to whom it is of; returns whether there was one."""
    return bool((yield sql("privacy.handed_over", id=ask_id, why=why)))


def _ask(row: Row) -> Ask:
    return Ask(
        id=row["id"],
        what=What(row["what"]),
        shop=row["shop"],
        key=row["key"],
        way=row["way"],
        delivery=row["delivery"],
        asked_at=from_micros(row["asked_at"]),
        received_at=from_micros(row["received_at"]),
        due_at=from_micros(row["due_at"]),
        done_at=from_micros_or_none(row["done_at"]),
        people=row["people"],
        counts=json.loads(row["counts"]),
        about=None if row["about"] is None else _decode(row["about"]),
        file=row["file"],
        attempts=row["attempts"],
        why=row["why"],
    )


def _encode(about: About) -> str:
    names = [[name.kind, name.value, name.scope] for name in about.names]
    return json.dumps({"before": about.before, "names": names, "orders": about.orders, "files": about.files, "copies": about.copies})


def _decode(text: str) -> About:
    told: dict[str, Any] = json.loads(text)
    names = tuple(Identity(IdentityKind(kind), value, scope) for kind, value, scope in told["names"])
    return About(told["before"], names, tuple(told["orders"]), tuple(told["files"]), tuple(told["copies"]))


# ---- whom they are about


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody an ask is about. `erases` is of which shop all of theirs goes, empty: of every one; None: they get a copy."""

    contact: int
    erases: str | None


def add_person(ask_id: int, contact: int, erases: str | None) -> Step[None]:
    """An ask is about this person. Who is to be erased is sent nothing from now on."""
    yield sql("privacy.add_person", ask=ask_id, contact=contact, erases=erases)
    if erases is not None:
        yield sql("privacy.cancel", contact=contact, shop=erases, why=WHY_CANCELLED)


def owners(names: Iterable[Identity]) -> Step[list[int]]:
    """Everybody who goes by one of these names, a number however it is written."""
    found = list(names)
    lines = [line for name in found if name.kind is IdentityKind.PHONE and (line := line_of(name.value))]
    return (yield from contacts.owners([*found, *(Identity(IdentityKind.LINE, line) for line in lines)]))


def people(ask_id: int) -> Step[list[Person]]:
    """Whom an ask is still about."""
    return [Person(row["contact"], row["erases"]) for row in (yield sql("privacy.people", ask=ask_id))]


def extent(contact: int, shop: str) -> Step[str]:
    """What of a person goes when a shop asks for it: where another shop of the same owner knows them, too, what this one told, else all."""
    return shop if shop and (yield sql("privacy.elsewhere", contact=contact, shop=shop)) else ""


def only_by_orders(contact: int, shop: str, orders: Collection[str]) -> Step[bool]:
    """Whether a person is known by these orders of a shop alone, and never wrote."""
    theirs = yield sql("privacy.orders_of", contact=contact)
    if not theirs or any(row["shop"] != shop or row["key"] not in orders for row in theirs):
        return False
    return bool((yield sql("privacy.of_order", shop=shop, key=theirs[0]["key"]))[0]["silent"])


def whose_order(shop: str, key: str) -> Step[int | None]:
    """Whose an order is."""
    rows = yield sql("privacy.of_order", shop=shop, key=key)
    return rows[0]["contact"] if rows else None


def of_shop(shop: str) -> Step[list[int]]:
    """Everybody a shop told of."""
    nobody = yield sql("privacy.nobody")
    rows = yield sql("privacy.of_shop", shop=shop, nobody=int(nobody[0]["value"]) if nobody else 0)
    return [row["contact"] for row in rows]


def next_entry() -> Step[int]:
    """The id that no inbox entry has had yet."""
    return int((yield sql("inbox.last"))[0]["id"]) + 1


# ---- shops that left


def close_shop(shop: str, since: datetime) -> Step[None]:
    """A shop took us out: nothing is sent in its name from now on."""
    yield sql("privacy.close_shop", shop=shop, since=to_micros(since))


def reopen_shop(shop: str) -> Step[bool]:
    """A shop is back; returns whether it had left."""
    return bool((yield sql("privacy.open_shop", shop=shop)))


def closed_since(shop: str) -> Step[datetime | None]:
    """When a shop took us out (UTC); None for one that did not."""
    rows = yield sql("privacy.closed", shop=shop)
    return from_micros(rows[0]["since"]) if rows else None


def closed_shops() -> Step[dict[str, datetime]]:
    """Every shop that took us out, and when (UTC)."""
    return {row["shop"]: from_micros(row["since"]) for row in (yield sql("privacy.closed_shops"))}
