"""The outbox: what is to be sent, what is on the wire, and what became of it.

Towards WhatsApp there is no idempotency key. So a message is committed as `sending` before its request starts, with our key inside
it; a message whose end nobody saw (crash, time-out) is `unknown` and never sent again blindly: a status webhook that carries the key
settles it.
Policy is asked inside the claiming transaction, so what came in between still holds.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.flow.as_read import extras
from bot.flow.codec import decode_content, encode_content
from bot.flow.run import Content, TemplateMessage, Text
from bot.policy import window
from bot.policy.decision import Author, Consent, Control, Decision, Drop, Message, Person, Reason, Send, Wait
from bot.store import contacts, country, templates
from bot.store.arrivals import Name
from bot.store.model import IdentityKind
from bot.store.pace import Candidate, Go, Ration
from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql, sql_many, to_micros

HELD = "held"  # a delivery before the first: the platform took it, and sends it or drops it once it has assessed its quality
_OTHERWISE = '"otherwise":{'  # in the content of a message that is both a text and a template
_HELD_WHY = "taken, held by the platform until it has assessed its quality"
LIMIT_LOOKBACK = timedelta(days=30)  # the longest length of a marketing limit
START_SECONDS = 2.0  # from the begin of its claim a message must start, or is given back: peers who acknowledge an opt-out rely on it
LOOK_AGAIN = timedelta(minutes=1)  # at a text whose template is marketing, while a number sends none
LEASE = timedelta(minutes=2)  # longer than any request may last: beyond it the sender is gone, and the message's fate unknown


class Superseded(Exception):
    """Another process took this database over (its epoch is higher): this one must stop sending at once."""


class Need(StrEnum):
    """What must still be so when a message goes, of the checkout, order, look at a product or news of one it is about."""

    CART_OPEN = "cart_open"
    ORDER_UNPAID = "order_unpaid"
    IN_STOCK = "in_stock"
    PRICE_LOW = "price_low"
    NOT_BOUGHT = "not_bought"  # of a product they looked at: neither bought since, nor anything in a cart


_ASKED = frozenset({Need.CART_OPEN, Need.ORDER_UNPAID})  # what a shop that was silent for long is asked


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to queue. `key` is the same for the same step of the same run, so queueing it twice changes nothing. `needs` is asked of
    the checkout, order or news `needs_of` as it is claimed: nobody is reminded of what they bought, or to pay what they paid, or told of
    what is gone."""

    key: str
    contact: int
    number: str
    shop: str
    content: Content
    author: Author
    marketing: bool
    reply: bool
    expires_at: datetime
    run: int | None = None
    flow: str | None = None
    needs: Need | None = None
    needs_of: int | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is committed as `sending`: its request may start, but not before `after` seconds have passed since the look.

    `answers` is the platform's id of the customer's message that a flow answers with it.
    """

    id: int
    key: str
    contact: int
    number: str
    content: Content
    attempts: int
    phone: str | None
    bsuid: str | None
    names: frozenset[Name]
    answer: bool = False
    after: float = 0.0
    answers: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A message policy did not let go: it waits until `until`, or, with `until` None, was dropped for good.

    `news` is false when it waits once more for the same reason.
    """

    id: int
    contact: int
    run: int | None
    flow: str | None
    why: Reason
    until: datetime | None
    news: bool
    reply: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """What one look at the outbox brought. `more`: there may be more that is due. `doubts`: how many wait for a word of their shop now."""

    claimed: tuple[Claimed, ...]
    held: tuple[Held, ...]
    more: bool
    doubts: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of ours, found again by its key or the platform's id."""

    id: int
    contact: int
    number: str
    run: int | None
    flow: str | None
    author: Author
    state: str
    delivery: str | None
    marketing: bool
    reply: bool
    attempts: int
    content: str  # bot/flow/codec.py


def body_of(content: Content) -> str:
    """What the customer reads, for the thread: the words, then what is shown beside them."""
    return "\n".join(filter(None, (content.body, *extras(content))))


def enqueue(draft: Draft, now: datetime) -> Step[None]:
    """Queue a message. The same key a second time changes nothing."""
    yield sql(
        "outbox.enqueue",
        key=draft.key,
        contact=draft.contact,
        number=draft.number,
        shop=draft.shop,
        run=draft.run,
        flow=draft.flow,
        author=draft.author,
        marketing=int(draft.marketing),
        reply=int(draft.reply),
        content=encode_content(draft.content),
        body=body_of(draft.content),
        now=to_micros(now),
        expires_at=to_micros(draft.expires_at),
        needs=draft.needs,
        needs_of=draft.needs_of,
    )


def cancel_run(run: int, why: str) -> Step[None]:
    """What a run has queued is not sent."""
    yield sql("outbox.cancel_run", run=run, why=why)


def cancel_contact(contact: int, why: str, *, marketing_only: bool = False) -> Step[None]:
    """What flows have queued for a person is not sent."""
    yield sql("outbox.cancel_contact", contact=contact, why=why, marketing_only=int(marketing_only))


@dataclass(frozen=True, slots=True)
class Queued:
    """A run that is over and has something queued."""

    run: int
    revision: str


def queued_by_ended_runs(contact: int) -> Step[list[Queued]]:
    """The person's ended runs that have nudges queued; answers to what the person wrote are not among them."""
    rows = yield sql("outbox.queued_by_ended_runs", contact=contact)
    return [Queued(row["run"], row["revision"]) for row in rows]


def is_nudge_unsent(run: int) -> Step[bool]:
    """Whether the newest message of a run is one we begin, and has not gone yet."""
    rows = yield sql("outbox.last_of_run", run=run)
    return bool(rows) and rows[0]["reply"] == 0 and rows[0]["state"] in ("queued", "verifying", "held")


def asked_at(run: int) -> Step[tuple[bool, datetime | None]]:
    """Whether the newest message of a run still waits to be sent, and when it was sent (UTC)."""
    rows = yield sql("outbox.last_of_run", run=run)
    if not rows:
        return False, None
    return rows[0]["state"] in ("queued", "verifying", "sending", "held"), from_micros_or_none(rows[0]["sent_at"])


Judge = Callable[[Message, Person], Decision]
NOBODY_ASKED: Mapping[str, datetime] = {}


def claim(
    judge: Judge,
    *,
    owner: str,
    epoch: int,
    now: datetime,
    limit: int,
    ration: Ration | None = None,
    resting: Collection[str] = (),
    heard_since: Mapping[str, datetime] = NOBODY_ASKED,
) -> Step[Claim]:
    """Claim due messages: ask policy for each, and commit those that may go as `sending`.

    `ration` says which of those find room in the platform's limits, and when; without it all do. `resting` are lanes (see `lane`) that
    are not looked at. What needs a cart open or an order unpaid, of a shop that told nothing since its moment in `heard_since`, does not
    go before the shop was asked (`doubted`). Raises Superseded when another process has taken the database over.
    """
    if not (yield sql("outbox.in_charge", epoch=epoch, owner=owner)):
        raise Superseded("another process has taken this database over")
    due = yield from _due(now, limit, resting)
    if not due:
        if ration is not None:
            yield from ration(())  # what came in slows us down, too
        return Claim((), (), more=False)
    addressees = yield from _addressees([row["id"] for row in due], now)
    may_go, held, doubts = yield from _judged(due, addressees, judge, heard_since, now)
    rulings = {} if ration is None else (yield from ration([_candidate(row, addressees[row["id"]], now) for row in may_go.values()]))
    claimed: list[Claimed] = []
    for row in may_go.values():
        ruling = rulings.get(row["id"], Go(0.0))
        if isinstance(ruling, Go):
            if isinstance(row, _Instead):
                yield from _say(row["id"], decode_content(row["content"]), marketing=bool(row["marketing"]))
            claimed.append(_claimed(row, addressees[row["id"]], ruling.after))
        elif isinstance(ruling, Wait):
            held.append((yield from _hold(row, ruling)))
    if claimed:
        mark = {"owner": owner, "epoch": epoch, "lease_until": to_micros(now + LEASE), "now": to_micros(now)}
        yield sql_many("outbox.sending", [{"id": one.id, **mark} for one in claimed])
    return Claim(tuple(claimed), tuple(held), more=len(due) == limit, doubts=doubts)


def _judged(
    due: Sequence[Row], addressees: Mapping[int, "_Addressee"], judge: Judge, heard_since: Mapping[str, datetime], now: datetime
) -> Step[tuple[dict[int, Row], list[Held], int]]:
    """Ask policy for each: what may go, by contact; what is held; how many wait for a word of their shop now."""
    obstacles = yield from _obstacles(now)
    may_go: dict[int, Row] = {}
    held: list[Held] = []
    doubts = 0
    for queued in due:
        if queued["contact"] in may_go:
            continue  # the turn of those behind comes when it is settled
        addressee = addressees[queued["id"]]
        row = yield from _as_it_goes(queued, addressee, now)
        decision = (yield from _out_of_lane(row, now)) or judge(_message(row, addressee, obstacles), addressee.person)
        if isinstance(decision, Send) and addressee.is_doubtful(queued, heard_since.get(queued["shop"])):
            doubts += 1
            yield sql("outbox.doubt", id=queued["id"], now=to_micros(now))
        elif isinstance(decision, Send):
            may_go[row["contact"]] = row
        else:
            held.append((yield from _hold(row, decision)))
    return may_go, held, doubts


@dataclass(frozen=True, slots=True)
class Doubted:
    """A message that waits as `verifying`, and what the shop is asked: `need` of the checkout or order with the shop's `key`."""

    id: int
    contact: int
    shop: str
    run: int | None
    flow: str | None
    need: Need
    key: str
    expires_at: datetime


def doubted(now: datetime, again: timedelta, limit: int) -> Step[list[Doubted]]:
    """Messages whose shop is to be asked now; each is given out again after `again`, should nobody settle it by then."""
    rows = yield sql("outbox.doubted", now=to_micros(now), until=to_micros(now + again), limit=limit)
    found: list[Doubted] = []
    for row in rows:
        need = Need(row["needs"])
        keys = yield sql("outbox.doubted_cart" if need is Need.CART_OPEN else "outbox.doubted_order", id=row["needs_of"])
        found.append(
            Doubted(row["id"], row["contact"], row["shop"], row["run"], row["flow"], need, keys[0]["key"], from_micros(row["expires_at"]))
        )
    return found


def verified(message: int, now: datetime) -> Step[None]:
    """The shop says that it is so: the message may be claimed again, where policy is asked anew."""
    yield sql("outbox.verified", id=message, now=to_micros(now))


def disproved(message: int, why: Reason) -> Step[bool]:
    """The shop says that it is not so: the message is cancelled. Returns whether it still waited for that."""
    return bool((yield sql("outbox.disproved", id=message, why=why)))


ANY_NUMBER = "*"


def lane(number: str, *, answers: bool) -> str:
    """A number's queue of answers, or of what can wait, by its name among `resting`. ANY_NUMBER stands for all."""
    return f"{number}:{int(answers)}"


def _due(now: datetime, limit: int, resting: Collection[str]) -> Step[Sequence[Row]]:
    """Messages that may go now: one person's answer, or their nudges, never more people than the limit."""
    looked = limit * 4
    while True:
        rows = yield sql("outbox.due", now=to_micros(now), limit=limit, looked=looked, resting=json.dumps(list(resting)))
        due = [row for row in rows if row["id"] is not None]
        if len(due) >= limit or len(due) == len(rows):
            return due
        looked *= 8  # the oldest are of people who cannot be written to now


@dataclass(frozen=True, slots=True)
class _Addressee:
    """Whom a message is for: as policy sees them, and the names they go by, the newest first. `answers` as in Claimed. `pointless`,
    `sold_out`, `dearer`: what the message needs is not so any more. `forbidden`: by the law, or by the shop in whose name it is.
    `heard_at`: when the message's shop last told anything."""

    person: Person
    names: tuple[Name, ...]
    answers: str | None
    pointless: bool
    sold_out: bool
    dearer: bool
    forbidden: Reason | None
    heard_at: int | None

    def is_doubtful(self, message: Row, since: datetime | None) -> bool:
        """Whether what a message needs is known from before that moment only; without one nobody can be asked."""
        if since is None or message["needs"] not in _ASKED:
            return False
        return max(self.heard_at or 0, message["verified_at"] or 0) < to_micros(since)


def _newest(names: Sequence[Name], kind: IdentityKind) -> str | None:
    return next((value for one, _, value in names if one == kind), None)


def _addressees(messages: Sequence[int], now: datetime) -> Step[dict[int, _Addressee]]:
    rows = yield sql("outbox.addressees", ids=json.dumps(messages), since=to_micros(now - LIMIT_LOOKBACK))
    return {row["id"]: _addressee(row) for row in rows}


def _addressee(row: Row) -> _Addressee:
    names = tuple((kind, scope, value) for kind, scope, value in json.loads(row["names"]))
    person = Person(
        consent=Consent(row["consent"]),
        control=Control(row["control"]),
        last_wrote_at=from_micros_or_none(row["last_inbound_at"]),
        marketing_sent_at=tuple(map(from_micros, json.loads(row["marketing_sent"]))),
        not_before=from_micros_or_none(row["not_before"]),
        unreachable=bool(row["unreachable"]),
        timezone=row["timezone"],
        country=row["country"],
        phone=_newest(names, IdentityKind.PHONE),
    )
    pointless, sold_out, dearer = (bool(row[name]) for name in ("pointless", "sold_out", "dearer"))
    forbidden = Reason(row["forbidden"]) if row["forbidden"] else None
    return _Addressee(person, names, row["answers"], pointless, sold_out, dearer, forbidden, row["heard_at"])


def _as_it_goes(row: Row, addressee: _Addressee, now: datetime) -> Step[Row]:
    """The message as it would go now: one that has both a text and a template goes as the text while the reply window is open, else as the
    template. Whether it is marketing follows what goes."""
    if _OTHERWISE not in row["content"] or window.is_open(addressee.person.last_wrote_at, now):
        return row
    content = decode_content(row["content"])
    if not isinstance(content, Text) or content.otherwise is None:
        return row
    marketing = bool(row["marketing"]) or (yield from templates.is_marketing(content.otherwise))
    return _Instead(row, {"content": encode_content(content.otherwise), "marketing": int(marketing)})


@dataclass(frozen=True, slots=True)
class _Instead:
    """A row, some columns of which are otherwise."""

    row: Row
    changed: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.changed[name] if name in self.changed else self.row[name]


def _out_of_lane(row: Row, now: datetime) -> Step[Wait | None]:
    """A template that is marketing, of a message that was queued as none: it stands in a lane that goes on while marketing is stopped."""
    if not isinstance(row, _Instead) or not row["marketing"] or row.row["marketing"]:
        return None
    states = yield sql("outbox.number_states")
    is_stopped = any(one["number"] == row["number"] and one["marketing_stopped"] is not None for one in states)
    return Wait(now + LOOK_AGAIN, Reason.PLATFORM_PAUSE) if is_stopped else None


@dataclass(frozen=True, slots=True)
class _Obstacles:
    """What the platform carries nothing of now: templates by name and language, countries by number and code."""

    paused: frozenset[tuple[str, str]]
    stopped: frozenset[tuple[str, str]]
    closed: frozenset[tuple[str, str]]


def _obstacles(now: datetime) -> Step[_Obstacles]:
    found: dict[str, set[tuple[str, str]]] = {"paused": set(), "stopped": set(), "closed": set()}
    for row in (yield sql("outbox.obstacles", since=to_micros(now - templates.LONGEST_PAUSE))):
        found[row["what"]].add((row["name"], row["part"]))
    return _Obstacles(**{what: frozenset(names) for what, names in found.items()})


def _message(row: Row, addressee: _Addressee, obstacles: _Obstacles) -> Message:
    content = decode_content(row["content"])
    template = (content.name, content.language) if isinstance(content, TemplateMessage) else None
    return Message(
        marketing=bool(row["marketing"]),
        reply=bool(row["reply"]),
        free_text=isinstance(content, Text),
        author=Author(row["author"]),
        expires_at=from_micros(row["expires_at"]),
        paused=template in obstacles.paused,
        stopped=template in obstacles.stopped,
        barred=bool(obstacles.closed) and (row["number"], _country(addressee)) in obstacles.closed,
        pointless=addressee.pointless,
        sold_out=addressee.sold_out,
        dearer=addressee.dearer,
        forbidden=addressee.forbidden,
    )


def _country(addressee: _Addressee) -> str:
    return country.of(_newest(addressee.names, IdentityKind.PHONE), _newest(addressee.names, IdentityKind.BSUID))


def _candidate(row: Row, addressee: _Addressee, now: datetime) -> Candidate:
    return Candidate(
        id=row["id"],
        contact=row["contact"],
        number=row["number"],
        answer=bool(row["reply"]),
        begins=not window.is_open(addressee.person.last_wrote_at, now),
        expires_at=from_micros(row["expires_at"]),
    )


def _claimed(row: Row, addressee: _Addressee, after: float) -> Claimed:
    return Claimed(
        id=row["id"],
        key=row["key"],
        contact=row["contact"],
        number=row["number"],
        content=decode_content(row["content"]),
        attempts=row["attempts"] + 1,
        phone=addressee.person.phone,
        bsuid=_newest(addressee.names, IdentityKind.BSUID),
        names=frozenset(addressee.names),
        answer=bool(row["reply"]),
        after=after,
        answers=addressee.answers,
    )


def _hold(row: Row, decision: Wait | Drop) -> Step[Held]:
    until = decision.until if isinstance(decision, Wait) else None
    if until is None:
        yield sql("outbox.cancel", id=row["id"], why=decision.why)
    else:
        yield sql("outbox.postpone", id=row["id"], until=to_micros(until), why=decision.why)
    return Held(
        id=row["id"],
        contact=row["contact"],
        run=row["run"],
        flow=row["flow"],
        why=decision.why,
        until=until,
        news=row["why"] != decision.why,
        reply=bool(row["reply"]),
    )


def release(message: int) -> Step[None]:
    """A claimed message whose request did not start: back to the queue, as if it had not been claimed."""
    yield sql("outbox.release", id=message)


def release_unheard(owner: str, epoch: int, in_hand: Collection[int]) -> Step[int]:
    """What a claim has committed that its owner never heard of goes back to the queue; returns how many messages.

    `in_hand` are those that the owner was given: their requests may have started. No claim of the owner's may be under way.
    """
    rows = yield sql("outbox.claimed_by", owner=owner, epoch=epoch)
    unheard = [row["id"] for row in rows if row["id"] not in in_hand]
    free = (yield sql("outbox.settle", ids=json.dumps(unheard))) if unheard else ()
    for row in free:
        yield from release(row["id"])
    return len(free)


def sent(message: int, provider_id: str, *, held: bool) -> Step[None]:
    """The platform took it. `held`: it will send it only after assessing its quality."""
    yield sql("outbox.sent", id=message, provider_id=provider_id, delivery=HELD if held else None, why=_HELD_WHY if held else None)


@dataclass(frozen=True, slots=True)
class Taken:
    """The platform took a message. `held`: it will send it only after assessing its quality."""

    message: int
    provider_id: str
    held: bool


def settle(taken: Sequence[Taken]) -> Step[frozenset[int]]:
    """Keep what the platform took; returns the messages that are settled: others touch the rest at this moment."""
    rows = yield sql("outbox.settle", ids=json.dumps([one.message for one in taken]))
    free = frozenset(row["id"] for row in rows)
    kept = [
        {"id": one.message, "provider_id": one.provider_id, "delivery": HELD if one.held else None, "why": _HELD_WHY if one.held else None}
        for one in taken
        if one.message in free
    ]
    if kept:
        yield sql_many("outbox.sent", kept)
    return free


def again(message: int, until: datetime, why: str, *, code: int | None = None, counts: bool = False) -> Step[None]:
    """Surely not sent, or told to have failed: try again at `until`. `counts`: it counts in the marketing limits all the same."""
    yield sql("outbox.requeue", id=message, until=to_micros(until), why=why, code=code, counts=int(counts))


def refused(message: int, why: str, *, code: int | None = None, counts: bool = False) -> Step[None]:
    """Surely not sent, and never will be. `counts`: it counts in the marketing limits all the same."""
    yield sql("outbox.refused", id=message, why=why, code=code, counts=int(counts))


def failed_with(message: int, code: int | None, *, counts: bool) -> Step[None]:
    """With which code a message that was taken has failed for good."""
    yield sql("outbox.failed_with", id=message, code=code, counts=int(counts))


def use_instead(message: int, content: TemplateMessage, *, marketing: bool) -> Step[None]:
    """A message that waits to be tried again says something else, which the platform takes."""
    yield from _say(message, content, marketing=marketing or (yield from templates.is_marketing(content)))


def _say(message: int, content: Content, *, marketing: bool) -> Step[None]:
    yield sql("outbox.use_instead", id=message, content=encode_content(content), body=body_of(content), marketing=int(marketing))


def fails_always(contact: int, code: int, times: int) -> Step[bool]:
    """Whether the person's newest messages, that many of them, have all failed with one code."""
    rows = yield sql("outbox.newest_codes", contact=contact, limit=times)
    return [row["code"] for row in rows] == [code] * times


def unknown(message: int, why: str) -> Step[None]:
    """Nobody knows whether it was sent: a status settles it, or staff see it."""
    yield sql("outbox.unknown", id=message, why=why)


def say_arrived(message: int, contact: int, why: str) -> Step[bool]:
    """A person says that an unknown message arrived; returns whether it was unknown still."""
    return bool((yield sql("outbox.say_arrived", id=message, contact=contact, why=why)))


def send_again(message: int, contact: int, now: datetime) -> Step[bool]:
    """A person wants an unknown message sent again, though it may arrive twice; policy is asked as ever. Returns whether it was unknown
    still."""
    return bool((yield sql("outbox.send_again", id=message, contact=contact, now=to_micros(now))))


def orphans(epoch: int, now: datetime) -> Step[int]:
    """What an earlier process left on the wire, or a lease that ran out, is unknown now; returns how many."""
    why = "the process that sent it ended before it heard the answer"
    rows = yield sql("outbox.orphans", epoch=epoch, now=to_micros(now), why=why)
    for row in rows:
        yield from contacts.audit(row["contact"], now, row["flow"] or "message", f"nobody knows whether a message was sent: {why}")
    return len(rows)


def find(key: str | None, provider_id: str) -> Step[Sent | None]:
    """A message of ours, by our key (a status can come before our own answer), else by the platform's id."""
    rows = (yield sql("outbox.by_key", key=key)) if key else ()
    rows = rows or (yield sql("outbox.by_provider", provider_id=provider_id))
    if not rows:
        return None
    row = rows[0]
    return Sent(
        id=row["id"],
        contact=row["contact"],
        number=row["number"],
        run=row["run"],
        flow=row["flow"],
        author=Author(row["author"]),
        state=row["state"],
        delivery=row["delivery"],
        marketing=bool(row["marketing"]),
        reply=bool(row["reply"]),
        attempts=row["attempts"],
        content=row["content"],
    )


# `failed` stands below the proofs of arrival: a later `delivered` or `read` shows that it arrived all the same
_CLIMB = {None: 0, HELD: 0, "sent": 1, "failed": 2, "delivered": 3, "read": 4}


def climb(message: Sent, delivery: str, provider_id: str, why: str | None = None) -> Step[bool]:
    """Keep how far a message got, if that is further than known; returns whether it was."""
    if _CLIMB[delivery] <= _CLIMB[message.delivery]:
        return False
    if message.state == "sent" and delivery != "failed":
        yield sql("outbox.further", id=message.id, delivery=delivery)
    else:
        yield sql("outbox.deliver", id=message.id, delivery=delivery, provider_id=provider_id, why=why)
    return True


def arrived(message: int, at: datetime) -> Step[bool]:
    """A message was in the customer's hands at that time; returns whether nothing earlier was known."""
    return bool((yield sql("outbox.arrived", id=message, at=to_micros(at))))


def next_due() -> Step[datetime | None]:
    """When the next queued message may go (UTC)."""
    rows = yield sql("outbox.next_due")
    return from_micros_or_none(rows[0]["not_before"])


def pause_number(number: str, until: datetime) -> Step[None]:
    """Nothing goes out from a number before `until`."""
    yield sql("outbox.pause_number", number=number, until=to_micros(until))


def stop_marketing(number: str, why: str) -> Step[None]:
    """No marketing goes out from a number until a person has looked."""
    yield sql("outbox.stop_marketing", number=number, why=why)


class Awaits(StrEnum):
    """What ends a stop."""

    OWNER = "owner"  # a person who has acted
    TOKEN = "token"  # noqa: S105 - a token that works


def stop_number(number: str, why: str, awaits: Awaits = Awaits.OWNER, until: datetime | None = None) -> Step[bool]:
    """Nothing goes out from a number until the owner has acted, or until `until`; what is queued stays queued. Returns whether that is
    news."""
    known = yield sql("outbox.stopped", number=number)
    yield sql("outbox.stop_number", number=number, why=why, awaits=awaits, until=None if until is None else to_micros(until))
    return not known


@dataclass(frozen=True, slots=True)
class Stopped:
    """A number that sends nothing: why, what ends that, and until when (UTC) where that is known."""

    number: str
    why: str
    awaits: Awaits
    until: datetime | None


def stopped_numbers() -> Step[list[Stopped]]:
    """The numbers that send nothing."""
    rows = yield sql("outbox.stopped_numbers")
    return [Stopped(row["number"], row["stopped"], Awaits(row["awaits"]), from_micros_or_none(row["stopped_until"])) for row in rows]


def start_number(number: str) -> Step[None]:
    """What stopped a number is over."""
    yield sql("outbox.start_number", number=number)


def close_country(number: str, place: str, now: datetime) -> Step[None]:
    """A number may write to nobody in a country (ISO 3166)."""
    yield sql("outbox.close_country", number=number, country=place, now=to_micros(now))


def closed_countries() -> Step[list[tuple[str, str]]]:
    """Which numbers may write to nobody in which countries."""
    return [(row["number"], row["country"]) for row in (yield sql("outbox.closed_countries"))]


def resume_numbers() -> Step[None]:
    """A person has looked and acted: every number may send again, marketing too, to every country, and every template."""
    yield sql("outbox.resume_numbers")
    yield sql("outbox.open_countries")
    yield from templates.resume()


def try_numbers_again() -> Step[None]:
    """The bot was started anew, perhaps with a new token: what stopped everything is found out again, if it is still so."""
    yield sql("outbox.try_numbers_again")
