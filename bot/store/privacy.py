"""What the law lets people ask of a shop, and the shop of us: the asks with their receipts, whom they are about, and what is left of
somebody who was erased.

An erasure is many transactions for whoever has much, and one for most: rows go table by table (`bot/store/personal.py`), and last of all
the names, in one transaction with their marks. Until then they lead to the person; from then on to nobody. Done a second time it finds
nothing.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.policy.decision import Consent
from bot.store import contacts, discounts, mirror, personal
from bot.store.erasure_log import Erased, ErasureLog, Erasures, Line, Marks, Stop
from bot.store.line import line_of
from bot.store.model import Identity, IdentityKind, Source
from bot.store.personal import EMPTY_BODY
from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql, sql_many, to_micros

DEADLINE = timedelta(days=30)  # the law's month (GDPR 12(3)), and what Shopify grants
LEASE = timedelta(minutes=5)  # longer than a step of an erasure takes, and each step renews it: then another process goes on with it
WHY_CANCELLED = "the person is being erased"
OWNER, RESTORE = "owner", "restore"  # ways to ask besides the kinds of deliveries
LEADS = frozenset({IdentityKind.CHECKOUT, IdentityKind.CART, IdentityKind.ORDER, IdentityKind.CLICK, IdentityKind.VISITOR})


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


def erase_order(ask_id: int, shop: str, key: str) -> Step[None]:
    """One order of somebody who stays: it is not theirs, says the shop."""
    for row in (yield sql("privacy.drop_order", shop=shop, key=key)):
        order, contact = row["id"], row["contact"]
        for table in ("awaited_purchase", "credit", "purchase", "order_word", "leaked", "shop_order"):
            yield sql(f"privacy.drop_{table}_of_order", id=order, shop=shop, key=key)
        yield sql("privacy.drop_name_of_order", shop=shop, key=key)
        yield sql("contact.sum_orders", id=contact)
        yield from count(ask_id, {"shop_order": 1})


def next_entry() -> Step[int]:
    """The id that no inbox entry has had yet."""
    return int((yield sql("inbox.last"))[0]["id"]) + 1


# ---- erasing a person


class StillBusy(Exception):
    """A person cannot be erased at this moment. The message is a sentence for the owner."""


@dataclass(frozen=True, slots=True)
class Erasing:
    """One step of an erasure: `over` when the person is gone."""

    over: bool


@dataclass(frozen=True, slots=True)
class Eraser:
    """What erasing needs to know: the log, and what time it is (UTC). `rows` of each table go in a transaction."""

    log: Erasures
    now: datetime
    rows: int


def erase(eraser: Eraser, ask_id: int, person: Person, before: int, said: Collection[frozenset[Identity]]) -> Step[Erasing]:
    """Erase some rows of each table of a person; when none is left, the person, in the same transaction: the line of the log is on disk
    before it is committed. `before` is the first inbox entry that came after the ask; `said` are the names that stand together in the
    opt-out log, one of theirs in each. Raises StillBusy, Overtaken."""
    contact, shop, now = person.contact, person.erases or "", eraser.now
    yield from go_on(ask_id, now)
    yield from contacts.hold(contact)
    yield from _check_free(contact, before)
    more = yield from _had_before(contact, said)
    yield from remember(ask_id, names=(*(yield from names(contact)), *more), files=(yield from files_of(contact)))
    yield from discounts.revoke(contact, WHY_CANCELLED, now, shop=shop or None)
    gone = yield from personal.erase(contact, (yield from nobody(now)), shop, to_micros(now), eraser.rows)
    yield from count(ask_id, gone.counts)
    if gone.more:
        return Erasing(over=False)
    if shop:
        yield from _leave_shop(eraser, ask_id, contact, shop)
    else:
        yield from _vanish(eraser, ask_id, contact, more)
    yield sql("privacy.drop_person", contact=contact, ask=ask_id)
    return Erasing(over=True)


def _had_before(contact: int, said: Collection[frozenset[Identity]]) -> Step[list[Identity]]:
    """Names a person had before. Where one of them is somebody else's by now, so may be what was said under them: numbers change hands."""
    found: set[Identity] = set()
    for together in said:
        if (yield from contacts.owners(together)) == [contact]:
            found |= together
    return sorted(found.difference((yield from names(contact))), key=repr)


def living(found: Iterable[Identity]) -> Step[frozenset[Identity]]:
    """Those of these names that lead to somebody."""
    kept: set[Identity] = set()
    for name in found:
        if (yield from contacts.owners([name])):
            kept.add(name)
    return frozenset(kept)


def _check_free(contact: int, before: int) -> Step[None]:
    row = (yield sql("privacy.under_way", contact=contact, before=before))[0]
    if row["sending"]:
        raise StillBusy("a message to them is on the wire: it is waited for")
    if row["unread"]:
        raise StillBusy("something that came before the ask is not worked off yet: it may be an opt-out")


def names(contact: int) -> Step[list[Identity]]:
    """Every name a person goes by, keys of carts and orders included."""
    rows = yield sql("privacy.names", contact=contact)
    return [Identity(IdentityKind(row["kind"]), row["value"], row["scope"]) for row in rows]


def _vanish(eraser: Eraser, ask_id: int, contact: int, more: Collection[Identity]) -> Step[None]:
    """The names go, and with them what leads to the person. Who said stop stays stopped by the marks of their names."""
    theirs = yield from names(contact)
    known = eraser.log.marks.of_all((*theirs, *more))
    stops = yield from _stops(contact, known, eraser.now)
    eraser.log.append(Line(eraser.now, Erased.PERSON, "", known, stops, (yield from _numbers(contact))))
    yield from mark(known, stops, eraser.now)
    also = yield sql("privacy.drop_also_known", contact=contact, shop="")
    for name in theirs:
        if name.kind not in LEADS:
            yield sql("privacy.drop_also_told", kind=name.kind, scope=name.scope, value=name.value)
    dropped = yield sql("privacy.drop_names", contact=contact, shop="")
    said = yield sql("privacy.drop_last_words", contact=contact)
    yield from _forget_copies(ask_id, contact)
    yield sql("privacy.drop_people", contact=contact)
    yield sql("privacy.empty_contact", contact=contact, nobody=(yield from nobody(eraser.now)))
    yield from count(ask_id, {"contact": 1, "identity": len(dropped), "also_known": len(also), "consent_record": len(said)}, people=1)


def _leave_shop(eraser: Eraser, ask_id: int, contact: int, shop: str) -> Step[None]:
    """What one shop told is gone; the person stays for another."""
    theirs = [name for name in (yield from names(contact)) if name.scope == shop]
    known = eraser.log.marks.of_all(theirs)
    eraser.log.append(Line(eraser.now, Erased.PERSON, shop, known, contacts=(yield from _numbers(contact))))
    yield from mark_bare(known, eraser.now)
    also = yield sql("privacy.drop_also_known", contact=contact, shop=shop)
    dropped = yield sql("privacy.drop_names", contact=contact, shop=shop)
    yield from _forget_copies(ask_id, contact)
    yield sql("privacy.consent_left", contact=contact)
    yield sql("contact.sum_orders", id=contact)
    yield from count(ask_id, {"identity": len(dropped), "also_known": len(also)}, people=1)


def _numbers(contact: int) -> Step[tuple[int, ...]]:
    """A contact, and those that were merged into it."""
    return tuple(row["id"] for row in (yield sql("privacy.numbers", contact=contact)))


def _forget_copies(ask_id: int, contact: int) -> Step[None]:
    """Copies that were written for them go, too."""
    copies = yield sql("privacy.copies_of", contact=contact)
    if copies:
        yield from remember(ask_id, copies=[row["file"] for row in copies])
    for row in copies:
        yield sql("privacy.forget_copy", id=row["id"])


def _stops(contact: int, marks: Collection[str], now: datetime) -> Step[tuple[Stop, ...]]:
    """What the person said no to, last, also before they were erased another time; what the shop said in their name counts until the shop
    says otherwise."""
    found = list((yield from _own_stops(contact, now)))
    left = yield from marked(marks)
    for stop in left.stops if left else ():
        if stop.channel not in {one.channel for one in found} and not (yield from _said_since(contact, stop)):
            found.append(stop)
    return tuple(found)


def _said_since(contact: int, stop: Stop) -> Step[bool]:
    """Whether somebody said something in the chat after a stop, or it is that stop itself."""
    said = {"contact": contact, "channel": stop.channel, "at": to_micros(stop.at), "method": stop.method, "shop": contacts.SHOP}
    return bool((yield sql("privacy.said_since", **said)))


def _own_stops(contact: int, now: datetime) -> Step[tuple[Stop, ...]]:
    row = (yield sql("contact.load", id=contact))[0]
    in_chat = {stop.channel: Stop(stop.channel, stop.at, stop.method) for stop in (yield from contacts.stops_in_chat(contact))}
    found: list[Stop] = []
    for channel, state in (("whatsapp", row["consent"]), ("ads", row["ads_consent"])):
        if channel in in_chat:
            found.append(in_chat[channel])
        elif state == Consent.WITHDRAWN:
            found.append(Stop(channel, now, contacts.SHOP))
    return tuple(found)


def nobody(now: datetime) -> Step[int]:
    """The contact whose are the emptied rows of everybody who was erased."""
    while not (known := (yield sql("privacy.nobody"))):
        fresh = yield from contacts.create(now)
        yield sql("privacy.merge_into_itself", id=fresh)
        yield sql("privacy.be_nobody", id=str(fresh))
    return int(known[0]["value"])


def forget_bought(shops: Iterable[str], about: Sequence[Identity]) -> Step[None]:
    """Tombstones of orders under any of these names."""
    keys = sorted({key for shop in shops for key in mirror.tombstones(shop, about)})
    if keys:
        yield sql_many("privacy.drop_bought", [{"key": key} for key in keys])


# ---- marks


def mark(marks: Collection[str], stops: Collection[Stop], now: datetime) -> Step[None]:
    """These names were erased, and under them this was said no to."""
    said = {stop.channel: stop for stop in stops}
    columns: dict[str, object] = {}
    for channel in ("whatsapp", "ads"):
        stop = said.get(channel)
        columns[f"{channel}_stopped_at"] = to_micros(stop.at) if stop else None
        columns[f"{channel}_method"] = stop.method if stop else None
    if marks:
        yield sql_many("privacy.mark", [{"mark": one, "at": to_micros(now), **columns} for one in sorted(marks)])


def mark_bare(marks: Collection[str], now: datetime) -> Step[None]:
    """These names were erased; what was said under them before still holds."""
    if marks:
        yield sql_many("privacy.mark_bare", [{"mark": one, "at": to_micros(now)} for one in sorted(marks)])


@dataclass(frozen=True, slots=True)
class Marked:
    """What is left of somebody: when they were erased (UTC), and what they had said no to."""

    at: datetime
    stops: tuple[Stop, ...]


def marked(marks: Collection[str]) -> Step[Marked | None]:
    """Whether anybody who went by one of these names was erased; of several the newest."""
    rows = (yield sql("privacy.marked", marks=json.dumps(sorted(marks)))) if marks else ()
    if not rows:
        return None
    stops: dict[str, Stop] = {}
    for row in rows:
        for channel in ("whatsapp", "ads"):
            at = row[f"{channel}_stopped_at"]
            if at is not None and (channel not in stops or stops[channel].at < from_micros(at)):
                stops[channel] = Stop(channel, from_micros(at), row[f"{channel}_method"])
    return Marked(from_micros(max(row["at"] for row in rows)), tuple(stops.values()))


def stay_stopped(contact: int, left: Marked, now: datetime) -> Step[bool]:
    """Somebody is known again who had said stop before they were erased: it holds until they say otherwise in the chat. Returns whether
    it was news."""
    news = False
    for stop in left.stops:
        if not (yield from _said_since(contact, stop)):
            agreement = contacts.Agreement(stop.channel, Consent.WITHDRAWN, stop.at, stop.method, "before they were erased")
            news = (yield from contacts.agree(contact, agreement, now)) or news
    return news


def anybody_marked() -> Step[bool]:
    """Whether anybody was ever erased here."""
    return bool((yield sql("privacy.marks_are_there")))


def is_foreign(log: ErasureLog) -> Step[bool]:
    """Whether a log tells of erasures, and of none that this database knows."""
    tells = False
    for line in log.read():
        tells = tells or bool(line.marks)
        if (yield from marked(line.marks)) is not None:
            return False
    return tells


def lost(lines: Sequence[Line]) -> Step[list[Line]]:
    """Of the erasures that a log tells, those a restored copy knows nothing of, and shops as they left and came back."""
    found: list[Line] = []
    for line in lines:
        match line.what:
            case Erased.SHOP_LEFT:
                yield from close_shop(line.shop, line.at)
            case Erased.SHOP_BACK:
                yield from reopen_shop(line.shop)
            case Erased.SHOP:
                done_at = (yield sql("privacy.shop_erased_at", shop=line.shop))[0]["at"]
                if done_at is None or done_at < to_micros(line.at):
                    found.append(line)
            case Erased.NAMES:
                yield from mark_bare(line.marks, line.at)
            case Erased.PERSON:
                known = yield from marked(line.marks)
                if known is None or known.at < line.at:
                    found.append(line)
    return found


def once_more(line: Line, people: Collection[int], key: str, now: datetime) -> Step[None]:
    """An erasure that a restored copy knows nothing of is asked for again, and its marks are kept."""
    if line.shop:
        yield from mark_bare(line.marks, line.at)
    else:
        yield from mark(line.marks, line.stops, line.at)
    what = What.ERASE_SHOP if line.what is Erased.SHOP else What.ERASE_SHOPPER
    if what is What.ERASE_SHOP or people:
        ask_id = yield from ask(what, line.shop, key, RESTORE, About((yield from next_entry())), now, at=line.at)
        for contact in people:
            yield from add_person(ask_id, contact, line.shop)


def newest_contact() -> Step[int]:
    """The number of the contact that was made last; 0 where there is none."""
    return int((yield sql("privacy.newest_contact"))[0]["id"])


def owners_of(marks: Marks, wanted: Collection[str]) -> Step[dict[str, int]]:
    """Whom these marks are of, in a database that knows them by their names still."""
    found: dict[str, int] = {}
    for row in (yield sql("privacy.names_page")):
        one = marks.of(Identity(IdentityKind(row["kind"]), row["value"], row["scope"]))
        if one in wanted and one is not None:
            found[one] = yield from contacts.live_id(row["contact"])
    return found


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


# ---- what is found by reading everything


@dataclass(frozen=True, slots=True)
class Body:
    """An inbox row's body. `linked`: it is of somebody who was erased. `waiting`: it is not worked off."""

    id: int
    place: str
    body: bytes
    linked: bool
    waiting: bool


def bodies(after: int, before: int, limit: int) -> Step[list[Body]]:
    """Inbox rows by id, from after one to before another."""
    gone = yield sql("privacy.nobody")
    nameless = int(gone[0]["value"]) if gone else None
    rows = yield sql("privacy.inbox_page", after=after, before=before, limit=limit)
    return [
        Body(
            row["id"],
            row["place"] if row["source"] in (Source.SHOP, Source.VISITOR) else "",
            bytes(row["body"]),
            nameless is not None and row["merged_into"] == nameless,
            row["state"] == "waiting",
        )
        for row in rows
    ]


def empty_entries(entries: Sequence[int]) -> Step[None]:
    """Inbox rows keep no more than that something came."""
    if entries:
        yield sql_many("privacy.empty_entry", [{"id": entry, "empty": EMPTY_BODY} for entry in entries])
        yield sql_many("inbox.forget_names", [{"id": entry} for entry in entries])


def forget_body(entry: int) -> Step[None]:
    """What an entry said is not kept, whatever becomes of it."""
    yield sql("privacy.forget_entry", id=entry, empty=EMPTY_BODY)


def dead_timers() -> Step[list[dict[str, object]]]:
    """Timers of people who were erased."""
    gone = yield sql("privacy.nobody")
    rows = (yield sql("privacy.timers", nobody=int(gone[0]["value"]))) if gone else ()
    columns = ("due", "contact", "kind", "subject", "generation")
    return [{column: row[column] for column in columns} for row in rows]


def drop_timers(timers: Sequence[Mapping[str, object]]) -> Step[None]:
    """These are not to fire."""
    if timers:
        yield sql_many("privacy.drop_timer", list(timers))


# ---- files


def files_of(contact: int) -> Step[list[str]]:
    """The files (hashes) that messages from and to a person show."""
    attached = [row["sha256"] for row in (yield sql("privacy.attached", contact=contact))]
    enclosed = [row["content"] for row in (yield sql("privacy.enclosed", contact=contact))]
    return [*attached, *(one for content in enclosed for one in hashes_in(content))]


def hashes_in(content: str) -> list[str]:
    """The files a message's content names."""
    found: list[str] = []

    def look(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("file"), str):
                found.append(value["file"])
            for one in value.values():
                look(one)
        elif isinstance(value, list):
            for one in value:
                look(one)

    look(json.loads(content))
    return found


def shown() -> Step[frozenset[str]]:
    """All files that messages of anybody show."""
    rows = yield sql("privacy.shown")
    return frozenset(one for row in rows for one in ([row["text"]] if len(row["text"]) == 64 else hashes_in(row["text"])))


def drop_file(sha256: str) -> Step[bool]:
    """A file that nobody's message shows any more; returns whether it goes: the owner's own stay."""
    if (yield sql("privacy.owned", sha256=sha256)):
        return False
    yield sql("privacy.drop_upload", sha256=sha256)
    yield sql("privacy.drop_file", sha256=sha256)
    return True
