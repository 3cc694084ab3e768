"""How fast our numbers may send, and to how many people they may write first: what Meta says of it, and what of it is used.

Asked inside the claiming transaction (`ration`), so that several processes share one pace and one daily limit, a process that dies
takes hardly anything of it along, and one that starts begins where the one before it ended. Three rules, from the cheapest:

- a pair (`bot/policy/pair.py`): one person's messages wait, everybody else's go on;
- the day's limit of people: what would be one too many waits until somebody we wrote to longer ago counts no more;
- the number's pace (`bot/policy/pace.py`): what may go gets the moment at which its request may start, and what finds none stays queued.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.policy import pace, pair
from bot.policy.decision import Reason, Wait
from bot.policy.pace import Pace
from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql, sql_many, to_micros

DAY = timedelta(hours=24)  # Cloud API: messaging limits count people in a rolling 24 hours
UNLIMITED = 1_000_000_000  # people; more than there are with a phone
FORGOTTEN_AT_ONCE = 1_000  # a claim must not take long because nothing was sent for a day


def _portfolio() -> Step[Row]:
    """The account behind the numbers, held until the end of the transaction: first of all, before a number or whom it counts. Two who
    hold these in two orders wait for each other for ever."""
    rows = yield sql("pace.portfolio")
    if not rows:
        yield sql("pace.portfolio_known")
        rows = yield sql("pace.portfolio")
    held: Row = rows[0]
    return held


# ---- what Meta says


def number_told(
    number: str,
    now: datetime,
    *,
    phone: str | None = None,
    per_second: int | None = None,
    with_app: bool = False,
    quality: str | None = None,
) -> Step[None]:
    """Keep what Meta says of a sending number; None of what it does not say.

    `phone` are the digits it is displayed with, `per_second` its throughput (messages in and out together), `with_app`: staff use the
    phone app on it, too, which makes it slow for good.
    """
    digits = "".join(filter(str.isdigit, phone)) if phone else None
    yield from _portfolio()
    yield sql(
        "pace.number_told",
        number=number,
        phone=digits or None,
        per_second=per_second,
        with_app=int(with_app),
        quality=quality,
        now=to_micros(now),
    )


def number_by_phone(phone: str) -> Step[str | None]:
    """The id of the number that is displayed with these digits, where it was told."""
    rows = yield sql("pace.by_phone", phone="".join(filter(str.isdigit, phone)))
    return rows[0]["number"] if rows else None


def people_told(people: int | None, now: datetime) -> Step[None]:
    """Meta says to how many people a day we may write first, over all numbers; None: no limit. What waits for it is asked again."""
    yield from _portfolio()
    before = (yield from standing(now)).people
    yield sql("pace.portfolio_told", people=UNLIMITED if people is None else people, now=to_micros(now))
    yield from _go_on(before, now)


def own_limits(people: int | None, per_second: int | None, now: datetime) -> Step[None]:
    """Keep what the owner set, which goes before what Meta says; None: nothing."""
    yield from _portfolio()
    before = (yield from standing(now)).people
    yield sql("pace.own_limits", people=people, per_second=per_second)
    yield from _go_on(before, now)


def _go_on(before: int | None, now: datetime) -> Step[None]:
    """What waits for the day's limit is asked again when that is another one now."""
    if (yield from standing(now)).people != before:
        yield sql("pace.go_on", now=to_micros(now), most=UNLIMITED)


# ---- what came of it


def slow_down(number: str, clock: int, rest: timedelta) -> Step[None]:
    """The platform said "too fast": the number rests, then goes half as fast, and climbs back. `clock`: of this machine, microseconds."""
    yield from _portfolio()
    paces = yield from _paces([number], clock)
    stood, now = paces[number]
    yield from _keep({number: pace.slowed(stood, now, rest // timedelta(microseconds=1))})


def bar_pair(contact: int, number: str, until: datetime) -> Step[None]:
    """The platform counts a pair otherwise than we do: nothing goes to this person before `until`."""
    yield sql("pace.bar_pair", contact=contact, number=number, free_at=to_micros(pair.barred_until(until)))


def not_reached(contact: int, message: int, now: datetime) -> Step[None]:
    """A message surely did not reach the person: if it is the one that counted them, they do not count, and the next may go."""
    yield from _portfolio()
    if (yield sql("pace.not_reached", contact=contact, message=message)):
        yield sql("pace.one_less")
        yield sql("pace.go_on", now=to_micros(now), most=1)


# ---- what is used of it


@dataclass(frozen=True, slots=True)
class NumberPace:
    """A number for people and gauges: `per_second` is its limit, `share` the part of it that is used now (0 to 1)."""

    number: str
    per_second: int
    with_app: bool
    quality: str | None
    share: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How the limits stand. `people`: a day, None where nobody told; `reached`: people written to first in 24 hours; `waiting`: messages
    that wait for that limit; `goes_on_at`: when the first of them may go."""

    numbers: tuple[NumberPace, ...]
    people: int | None
    reached: int
    waiting: int
    goes_on_at: datetime | None


def standing(now: datetime, clock: int = 0) -> Step[Standing]:
    """How the limits stand at `now`."""
    numbers = yield sql("pace.numbers", clock=clock)
    row = (yield sql("pace.state"))[0]
    people, oldest = row["people"], from_micros_or_none(row["oldest"])
    full = people is not None and (row["reached"] or 0) >= people
    return Standing(
        numbers=tuple(map(_number_pace, numbers)),
        people=people,
        reached=row["reached"] or 0,
        waiting=row["waiting"],
        goes_on_at=max(oldest + DAY, now) if full and oldest is not None else None,
    )


def _number_pace(row: Row) -> NumberPace:
    stood = Pace(share=row["share"], slowed_at=row["slowed_at"])
    share = stood.share_at(row["clock"]) / pace.WHOLE
    return NumberPace(row["number"], _limit(row), bool(row["with_app"]), row["quality"], share)


def _limit(row: Row) -> int:
    told = pace.WITH_APP if row["with_app"] else row["per_second"]
    return row["own_per_second"] or told or pace.STANDARD


# ---- the ration of one claim


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message that policy lets go. `answer`: it answers the customer, so it overtakes what can wait. `begins`: the person's reply window
    is closed, so they count in the day's limit."""

    id: int
    contact: int
    number: str
    answer: bool
    begins: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Go:
    """It may start `after` so many seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class Stay:
    """It stays queued: its number has no moment to give at present."""


Ruling = Go | Stay | Wait
Ration = Callable[[Sequence[Candidate]], Step[Mapping[int, Ruling]]]


@dataclass(frozen=True, slots=True)
class Lane:
    """What a number's two queues look like after a claim: its limit, and in how many seconds from `clock` (the database's, in
    microseconds) each may be asked for moments again. `spare` are moments, in so many seconds, for those that were claimed before and
    missed theirs; `later` those for whoever gives theirs up to what came in and what is answered."""

    clock: int
    per_second: int
    answers_in: float
    others_in: float
    spare: tuple[float, ...] = ()
    later: tuple[float, ...] = ()


@dataclass(slots=True)
class Rationed:
    """What became of a claim's candidates, by id, and how the numbers stand."""

    rulings: dict[int, Ruling] = field(default_factory=dict)
    lanes: dict[str, Lane] = field(default_factory=dict)


def ration(
    candidates: Sequence[Candidate],
    *,
    now: datetime,
    clock: int,
    heard: Mapping[str, int],
    missed: Mapping[str, int],
    most: Callable[[int], int],
) -> Step[Rationed]:
    """Which of the candidates may go, and when. `clock` is this machine's own, in microseconds, used where the database has none.

    `heard`: messages that came in since the last time, by number; `missed`: how many that were claimed before and can wait missed their
    moment. `most`: how many more of those are given one at once, by the number's limit.
    """
    found = Rationed()
    debts = yield from _debts(candidates)
    free = _by_pair(candidates, debts, now, found.rulings)
    day = (yield from _today(now)) if any(one.begins for one in free) else None
    if day is not None:
        free = yield from _by_day(free, day, now, found.rulings)
    yield from _by_pace(free, clock, heard, missed, most, found)
    went = [one for one in free if isinstance(found.rulings[one.id], Go)]
    if went:
        paid = [(one, pair.free_after(debts.get((one.contact, one.number)), now)) for one in went]
        rows = [{"contact": one.contact, "number": one.number, "free_at": to_micros(at)} for one, at in paid]
        yield sql_many("pace.keep_pair", rows)
    if day is not None:
        yield from _count([one for one in went if one.begins], day, now)
    return found


# ---- pairs

Debts = Mapping[tuple[int, str], datetime]


def _debts(candidates: Sequence[Candidate]) -> Step[Debts]:
    """When what each pair owes is paid off."""
    if not candidates:
        return {}
    rows = yield sql("pace.pairs", contacts=json.dumps([one.contact for one in candidates]))
    return {(row["contact"], row["number"]): from_micros(row["free_at"]) for row in rows}


def _by_pair(candidates: Sequence[Candidate], debts: Debts, now: datetime, rulings: dict[int, Ruling]) -> list[Candidate]:
    """Those whose person may get one more message now."""
    free = []
    for one in candidates:
        may_go = pair.may_go_at(debts.get((one.contact, one.number)), now)
        if may_go > now:
            rulings[one.id] = Wait(may_go, Reason.PAIR)
        else:
            free.append(one)
    return free


# ---- the day


@dataclass(slots=True)
class _Day:
    """The limit of people: how many may be reached, how many are, up to which time who waits has been given one, and whom of the
    candidates we reached already."""

    people: int
    reached: int
    allotted: int
    known: frozenset[int] = frozenset()


def _today(now: datetime) -> Step[_Day]:
    """How the day stands."""
    row = yield from _portfolio()
    gone = yield sql("pace.forget_reached", before=to_micros(now - DAY), most=FORGOTTEN_AT_ONCE)
    return _Day(UNLIMITED if row["people"] is None else row["people"], row["reached"] - len(gone), row["allotted"])


def _by_day(candidates: Sequence[Candidate], day: _Day, now: datetime, rulings: dict[int, Ruling]) -> Step[list[Candidate]]:
    """Those who do not count in the day's limit, count already, or still fit into it."""
    begun = [one for one in candidates if one.begins]
    rows = yield sql("pace.were_reached", contacts=json.dumps([one.contact for one in begun]))
    day.known = frozenset(row["contact"] for row in rows)
    room = max(0, day.people - day.reached)
    too_many = [one for one in begun if one.contact not in day.known][room:]
    if too_many:
        yield from _line_up(too_many, day, now, rulings)
    return [one for one in candidates if one not in too_many]


def _line_up(waiting: Sequence[Candidate], day: _Day, now: datetime, rulings: dict[int, Ruling]) -> Step[None]:
    """Each waits for somebody of their own to count no more, so that not all of them ask again at each who does."""
    rows = yield sql("pace.next_free", after=max(day.allotted, to_micros(now - DAY)), most=len(waiting))
    if len(rows) < len(waiting):  # more wait than may be written to in a day: the rest from the beginning
        rows = [*rows, *(yield sql("pace.next_free", after=to_micros(now - DAY), most=len(waiting) - len(rows)))]
    moments = [from_micros(row["at"]) + DAY for row in rows] or [now + DAY]
    for nth, one in enumerate(waiting):
        moment = min(moments[min(nth, len(moments) - 1)], one.expires_at)
        rulings[one.id] = Wait(max(moment, now + timedelta(seconds=1)), Reason.DAILY_LIMIT)
    if rows:
        day.allotted = rows[-1]["at"]


def _count(begun: Sequence[Candidate], day: _Day, now: datetime) -> Step[None]:
    """Whom we write to first counts from now on."""
    if begun:
        yield sql_many("pace.reach", [{"contact": one.contact, "message": one.id, "now": to_micros(now)} for one in begun])
    new = sum(one.contact not in day.known for one in begun)
    yield sql("pace.keep_portfolio", reached=day.reached + new, allotted=day.allotted)


# ---- the pace


def _by_pace(
    candidates: Sequence[Candidate],
    clock: int,
    heard: Mapping[str, int],
    missed: Mapping[str, int],
    most: Callable[[int], int],
    found: Rationed,
) -> Step[None]:
    """Moments for those that find one; those who missed theirs come first."""
    numbers = sorted({one.number for one in candidates} | {number for told in (heard, missed) for number in told if told[number]})
    if not numbers:
        return
    paces = yield from _paces(numbers, clock)
    kept = {}
    for number, (stood, now) in paces.items():
        free_from = max(stood.next_at, now)
        stood = pace.heard(stood, heard.get(number, 0), now)
        answers = [one for one in candidates if one.number == number and one.answer]
        others = [one for one in candidates if one.number == number and not one.answer]
        stood, moments = pace.answers(stood, len(answers), now)
        later = tuple((moment - now) / 1e6 for moment in range(free_from, stood.next_at, stood.gap(now)))
        _give(answers, moments, now, found.rulings)
        answers_in = max(0, stood.answer_at - pace.ANSWERS_AT_ONCE - now) if len(moments) < len(answers) else 0
        late = missed.get(number, 0)
        stood, moments = pace.others(stood, late + min(len(others), most(stood.per_second)), now)
        _give(others, moments[late:], now, found.rulings)
        kept[number] = stood
        spare = tuple((moment - now) / 1e6 for moment in moments[:late])
        found.lanes[number] = Lane(now, stood.per_second, answers_in / 1e6, max(0, stood.next_at - now) / 1e6, spare, later)
    yield from _keep(kept)


def _give(candidates: Sequence[Candidate], moments: Sequence[int], now: int, rulings: dict[int, Ruling]) -> None:
    for nth, one in enumerate(candidates):
        rulings[one.id] = Go((moments[nth] - now) / 1e6) if nth < len(moments) else Stay()


def _paces(numbers: Sequence[str], clock: int) -> Step[dict[str, tuple[Pace, int]]]:
    """Where these numbers stand, and what time it is by the database's clock. They are held until the end of the transaction."""
    rows = yield sql("pace.paces", numbers=json.dumps(numbers), clock=clock)
    if len(rows) < len(numbers):
        for number in numbers:
            yield sql("pace.known", number=number)
        rows = yield sql("pace.paces", numbers=json.dumps(numbers), clock=clock)
    return {row["number"]: (_pace(row), row["clock"]) for row in rows}


def _pace(row: Row) -> Pace:
    return Pace(_limit(row), row["next_at"], row["answer_at"], row["share"], row["slowed_at"])


def _keep(paces: Mapping[str, Pace]) -> Step[None]:
    for number, one in paces.items():
        kept = {"next_at": one.next_at, "answer_at": one.answer_at, "share": one.share, "slowed_at": one.slowed_at}
        yield sql("pace.keep_pace", number=number, **kept)
