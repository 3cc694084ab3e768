"""What is left of somebody who was erased: marks of their names, with what they had said no to; and the erasure log that made them, which a
restored copy is told by."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.policy.decision import Consent
from bot.store import contacts, privacy
from bot.store.database import Database, StoreUnavailable
from bot.store.erasure_log import Erased, ErasureLog, Erasures, Line, Marks, Stop
from bot.store.model import Identity, IdentityKind
from bot.store.privacy import RESTORE, About, What
from bot.store.step import Step, from_micros, sql, sql_many, to_micros

_LOST = "(Where it is lost for good, put an empty file there: who said stop and was erased cannot be told from others then.)"


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
        if not (yield from said_since(contact, stop)):
            agreement = contacts.Agreement(stop.channel, Consent.WITHDRAWN, stop.at, stop.method, contacts.OUTLIVED)
            news = (yield from contacts.agree(contact, agreement, now)) or news
    return news


def said_since(contact: int, stop: Stop) -> Step[bool]:
    """Whether somebody said something in the chat after a stop, or it is that stop itself."""
    said = {"contact": contact, "channel": stop.channel, "at": to_micros(stop.at), "method": stop.method, "shop": contacts.SHOP}
    return bool((yield sql("privacy.said_since", **said)))


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


async def open_log(database: Database, path: Path) -> Erasures:
    """The erasure log of an open database. Raises StoreUnavailable where it is missing although people were erased, or is another
    database's: without its key nobody can tell who had said stop."""
    log = ErasureLog(path)
    if await database.read(anybody_marked()):
        if not log.is_there:
            raise StoreUnavailable(f"{path} is missing, and people were erased from this database: bring the file back. {_LOST}")
        if await database.read(is_foreign(log)):
            raise StoreUnavailable(f"{path} is of another database, and people were erased from this one: bring its own back. {_LOST}")
    return Erasures(log)


def lost(lines: Sequence[Line]) -> Step[list[Line]]:
    """Of the erasures that a log tells, those a restored copy knows nothing of, and shops as they left and came back."""
    found: list[Line] = []
    for line in lines:
        match line.what:
            case Erased.SHOP_LEFT:
                yield from privacy.close_shop(line.shop, line.at)
            case Erased.SHOP_BACK:
                yield from privacy.reopen_shop(line.shop)
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
        ask_id = yield from privacy.ask(what, line.shop, key, RESTORE, About((yield from privacy.next_entry())), now, at=line.at)
        for contact in people:
            yield from privacy.add_person(ask_id, contact, line.shop)


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
