"""An erasure: a person with all that is theirs, what is found only by reading everything, files.

It is many transactions for whoever has much, and one for most: rows go table by table (`bot/store/personal.py`), and last of all the names,
in one transaction with their marks (`bot/store/erased.py`). Until then they lead to the person; from then on to nobody. Done a second time
it finds nothing.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.policy.decision import Consent
from bot.store import contacts, discounts, erased, mirror, personal, privacy
from bot.store.erasure_log import Erased, Erasures, Line, Stop
from bot.store.model import LEADS, Identity, IdentityKind, Source
from bot.store.personal import EMPTY_BODY
from bot.store.privacy import WHY_CANCELLED, Person
from bot.store.step import Step, sql, sql_many, to_micros

# ---- a person


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
    yield from privacy.go_on(ask_id, now)
    yield from contacts.hold(contact)
    yield from _check_free(contact, before)
    more = yield from _had_before(contact, said)
    yield from privacy.remember(ask_id, names=(*(yield from names(contact)), *more), files=(yield from files_of(contact)))
    yield from discounts.revoke(contact, WHY_CANCELLED, now, shop=shop or None)
    gone = yield from personal.erase(contact, (yield from nobody(now)), shop, to_micros(now), eraser.rows)
    yield from privacy.count(ask_id, gone.counts)
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
    yield from erased.mark(known, stops, eraser.now)
    also = yield sql("privacy.drop_also_known", contact=contact, shop="")
    for name in theirs:
        if name.kind not in LEADS:
            yield sql("privacy.drop_also_told", kind=name.kind, scope=name.scope, value=name.value)
    dropped = yield sql("privacy.drop_names", contact=contact, shop="")
    said = yield sql("privacy.drop_last_words", contact=contact)
    yield from _forget_copies(ask_id, contact)
    yield sql("privacy.drop_people", contact=contact)
    yield sql("privacy.empty_contact", contact=contact, nobody=(yield from nobody(eraser.now)))
    counts = {"contact": 1, "identity": len(dropped), "also_known": len(also), "consent_record": len(said)}
    yield from privacy.count(ask_id, counts, people=1)


def _leave_shop(eraser: Eraser, ask_id: int, contact: int, shop: str) -> Step[None]:
    """What one shop told is gone; the person stays for another."""
    theirs = [name for name in (yield from names(contact)) if name.scope == shop]
    known = eraser.log.marks.of_all(theirs)
    eraser.log.append(Line(eraser.now, Erased.PERSON, shop, known, contacts=(yield from _numbers(contact))))
    yield from erased.mark_bare(known, eraser.now)
    also = yield sql("privacy.drop_also_known", contact=contact, shop=shop)
    dropped = yield sql("privacy.drop_names", contact=contact, shop=shop)
    yield from _forget_copies(ask_id, contact)
    yield sql("privacy.consent_left", contact=contact)
    yield sql("contact.sum_orders", id=contact)
    yield from privacy.count(ask_id, {"identity": len(dropped), "also_known": len(also)}, people=1)


def _numbers(contact: int) -> Step[tuple[int, ...]]:
    """A contact, and those that were merged into it."""
    return tuple(row["id"] for row in (yield sql("privacy.numbers", contact=contact)))


def _forget_copies(ask_id: int, contact: int) -> Step[None]:
    """Copies that were written for them go, too."""
    copies = yield sql("privacy.copies_of", contact=contact)
    if copies:
        yield from privacy.remember(ask_id, copies=[row["file"] for row in copies])
    for row in copies:
        yield sql("privacy.forget_copy", id=row["id"])


def _stops(contact: int, marks: Collection[str], now: datetime) -> Step[tuple[Stop, ...]]:
    """What the person said no to, last, also before they were erased another time; what the shop said in their name counts until the shop
    says otherwise."""
    found = list((yield from _own_stops(contact, now)))
    left = yield from erased.marked(marks)
    for stop in left.stops if left else ():
        if stop.channel not in {one.channel for one in found} and not (yield from erased.said_since(contact, stop)):
            found.append(stop)
    return tuple(found)


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


def erase_order(ask_id: int, shop: str, key: str) -> Step[None]:
    """One order of somebody who stays: it is not theirs, says the shop."""
    for row in (yield sql("privacy.drop_order", shop=shop, key=key)):
        order, contact = row["id"], row["contact"]
        for table in ("awaited_purchase", "credit", "purchase", "order_word", "leaked", "shop_order"):
            yield sql(f"privacy.drop_{table}_of_order", id=order, shop=shop, key=key)
        yield sql("privacy.drop_name_of_order", shop=shop, key=key)
        yield sql("contact.sum_orders", id=contact)
        yield from privacy.count(ask_id, {"shop_order": 1})


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
