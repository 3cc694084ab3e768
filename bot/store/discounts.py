"""Discount codes people are promised: kept here first, made in the shop (or taken from a pool), and only then promised.

    wanted -> made (it exists, nobody was told yet) -> issued (its run was told) -> redeemed | expired | revoked
    wanted -> refused; made -> released, where the run it was for is over

A crash in between makes the same code again. The same person gets the same live code of a flow once more instead of a second one.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from bot.flow import money
from bot.flow.facts import Money
from bot.flow.run import NO_TERMS, CodeTerms, Discount
from bot.store import inbox
from bot.store.model import Source
from bot.store.step import Row, Step, among, from_micros, sql, to_micros

STATIC = "static"  # the source of a code that is the same for everybody
CAP_LENGTH = timedelta(days=90)
GRACE = timedelta(hours=3)  # how much longer than told a code works: nobody is refused at the till a minute late
WORTH_REPEATING = timedelta(hours=2)  # what must be left of a live code for it to be promised once more
SUSPECT = 2  # codes within CAP_LENGTH from which on it is told that somebody may leave carts to get them


class State(StrEnum):
    """What became of a code."""

    WANTED = "wanted"
    MADE = "made"
    ISSUED = "issued"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    REVOKED = "revoked"
    RELEASED = "released"
    REFUSED = "refused"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A code a run waits for. `counted`: it was judged already, and counts against its flow's budget and its person's cap."""

    id: int
    run: int
    generation: int
    contact: int
    shop: str
    discount: Discount
    attempts: int
    created_at: datetime
    flow: str = ""
    terms: CodeTerms = NO_TERMS
    counted: bool = False
    state: State = State.WANTED
    why: str | None = None

    @property
    def refused(self) -> bool:
        """Whether there will be no code."""
        return self.state not in (State.MADE, State.ISSUED)


def canonical(code: str) -> str:
    """A code as orders are compared with it: shops take it in any case, and WooCommerce tells it in lower case."""
    return code.strip().upper()


def want(
    run: int,
    generation: int,
    contact: int,
    shop: str,
    discount: Discount,
    now: datetime,
    *,
    flow: str = "",
    terms: CodeTerms = NO_TERMS,
) -> Step[None]:
    """Keep a code that is to be made in the shop. The same wait of the same run a second time changes nothing."""
    code = terms.code or discount.code
    yield sql(
        "discount.want",
        run=run,
        generation=generation,
        contact=contact,
        shop=shop,
        code=code,
        canonical=canonical(code),
        percent=None if discount.percent is None else str(discount.percent),
        amount_minor=discount.amount.minor if discount.amount else None,
        currency=discount.amount.currency if discount.amount else None,
        ends=to_micros(discount.ends),
        flow=flow,
        source=STATIC if terms.code else terms.source,
        cost_minor=terms.cost.minor if terms.cost else None,
        terms=_encode_terms(terms),
        now=to_micros(now),
    )


def wanted(now: datetime, limit: int, *, makers: Collection[str] = (), busy: Collection[str] = ()) -> Step[list[Wanted]]:
    """Codes to make now: not those that one of the shops `makers` makes for one person, none out of a file that is `busy`."""
    rows = yield sql("discount.wanted", now=to_micros(now), limit=limit, makers=among(makers), busy=among(busy))
    return [_wanted(row) for row in rows]


def to_make(now: datetime, limit: int, makers: Collection[str]) -> Step[list[Wanted]]:
    """Codes that one of these shops is to make now, for one person each."""
    rows = yield sql("discount.to_make", now=to_micros(now), limit=limit, makers=among(makers))
    return [_wanted(row) for row in rows]


def load(discount: int) -> Step[Wanted]:
    """A code by the store's own id."""
    rows = yield sql("discount.load", id=discount)
    return _wanted(rows[0])


# ---- may there be one?


class Verdict(StrEnum):
    """Whether a code is to be had: `free` to be made or taken, `same` as the person has already, or `refused`."""

    FREE = "free"
    SAME = "same"
    REFUSED = "refused"


def judge(one: Wanted, month: datetime, now: datetime) -> Step[Verdict]:
    """Ask before a code is made. `month` is when the store's calendar month began (UTC). What is refused or the same is settled at once;
    what is free counts from now on, so that two who come together cannot both have the last of a budget."""
    if one.counted:
        return Verdict.FREE
    yield sql("contact.hold", id=one.contact)
    live = (yield from _live(one, now)) if one.flow and not one.terms.code else None
    if live is not None:
        yield from _same_again(one, live, now)
        return Verdict.SAME
    why = (yield from _over_cap(one, now)) or (yield from _over_budget(one, month, now))
    if why is not None:
        yield from refused(one, why, now)
        return Verdict.REFUSED
    yield sql("discount.count", id=one.id)
    return Verdict.FREE


def _live(one: Wanted, now: datetime) -> Step[Row | None]:
    until = to_micros(now + WORTH_REPEATING)
    rows = yield sql("discount.live", contact=one.contact, flow=one.flow, shop=one.shop, until=until, id=one.id)
    worth = one.discount.percent, one.discount.amount
    return next((row for row in rows if ((found := _discount(row)).percent, found.amount) == worth), None)


def _same_again(one: Wanted, live: Row, now: datetime) -> Step[None]:
    same = {name: live[name] for name in ("code", "canonical", "ends", "pool")}
    if (yield sql("discount.same_again", id=one.id, first=live["id"], **same)):
        yield from _tell_made(one, now)


def _over_cap(one: Wanted, now: datetime) -> Step[str | None]:
    cap = one.terms.cap
    if cap is None:
        return None
    habit = yield from habit_of(one.contact, now, but=one.id)
    if habit.codes < cap:
        return None
    told = f"this person got {_codes(habit.codes)} within {CAP_LENGTH.days} days, and {cap} is the most"
    return f"{told}: {habit.sentence}" if habit.sentence else told


def _over_budget(one: Wanted, month: datetime, now: datetime) -> Step[str | None]:
    budget, cost = one.terms.budget, one.terms.cost
    if budget is None:
        return None
    yield sql("discount.queue_for_budget", flow=one.flow, now=to_micros(now))
    row = (yield sql("discount.spent", flow=one.flow, since=to_micros(month), id=one.id))[0]
    if isinstance(budget, int):
        return None if row["codes"] < budget else f"the budget of {_codes(budget)} for this month is spent"
    if cost is None:
        return "nobody can say what this code would cost, so a budget in money cannot be kept: give it in codes"
    if row["minor"] + cost.minor <= budget.minor:
        return None
    return f"the budget of {money.amount(budget):f} {budget.currency} for this month is spent"


def _codes(count: int) -> str:
    return f"{count} code" if count == 1 else f"{count} codes"


@dataclass(frozen=True, slots=True)
class Habit:
    """How many codes and carts somebody had within CAP_LENGTH."""

    codes: int
    carts: int

    @property
    def sentence(self) -> str | None:
        """What the owner should know of it, None where there is nothing to know."""
        if self.codes < SUSPECT:
            return None
        carts = f"{self.carts} cart" if self.carts == 1 else f"{self.carts} carts"
        return f"got {_codes(self.codes)} for {carts} in {CAP_LENGTH.days} days, and may leave carts to get them"


def habit_of(contact: int, now: datetime, *, but: int = 0) -> Step[Habit]:
    """Codes and carts of a person. `but` is a code that does not count."""
    since = to_micros(now - CAP_LENGTH)
    codes = (yield sql("discount.got", contact=contact, since=since, id=but))[0]["codes"]
    carts = (yield sql("discount.carts", contact=contact, since=since))[0]["carts"]
    return Habit(codes, carts)


def last_habit(contact: int) -> Step[Habit]:
    """The same as it stood when they last wanted a code."""
    at = (yield sql("discount.last", contact=contact))[0]["at"]
    return Habit(0, 0) if at is None else (yield from habit_of(contact, from_micros(at)))


# ---- how it went


def again(discount: int, until: datetime, why: str) -> Step[None]:
    """The shop could not be reached: try again at `until`."""
    yield sql("discount.retry", id=discount, until=to_micros(until), why=why)


def wait_for(discount: int, pool: int, until: datetime) -> Step[None]:
    """Its pool is being filled: look again at `until`, or when it is full."""
    yield sql("discount.wait_for", id=discount, pool=pool, until=to_micros(until))


def made(wanted: Wanted, now: datetime) -> Step[None]:
    """The code exists in the shop: the run hears of it through the inbox."""
    if (yield sql("discount.made", id=wanted.id)):
        yield from _tell_made(wanted, now)


def taken(wanted: Wanted, code: str, pool: int, now: datetime) -> Step[None]:
    """It is this code, of a pool."""
    if (yield sql("discount.taken", id=wanted.id, code=code, canonical=canonical(code), pool=pool)):
        yield from _tell_made(wanted, now)


def _tell_made(wanted: Wanted, now: datetime) -> Step[None]:
    yield from inbox.put(Source.HOUSE, "discount_made", wanted.contact, {"discount": wanted.id}, now)


def refused(wanted: Wanted, why: str, now: datetime) -> Step[None]:
    """There will be no code: the run hears of it through the inbox."""
    if (yield sql("discount.refused", id=wanted.id, why=why)):
        yield from inbox.put(Source.HOUSE, "discount_refused", wanted.contact, {"discount": wanted.id}, now)


def issued(discount: int, now: datetime) -> Step[None]:
    """The run was told of the code: from now on somebody may know it."""
    yield sql("discount.issued", id=discount, now=to_micros(now))


def release(discount: int) -> Step[None]:
    """The run it was for is over, and nobody was told of the code: somebody else may have it."""
    if (yield sql("discount.release", id=discount)):
        yield sql("discount.back_to_pool", id=discount)


# ---- what becomes of it afterwards


@dataclass(frozen=True, slots=True)
class Used:
    """A code of ours on an order. `leaked`: it is not of whoever ordered."""

    code: str
    contact: int
    flow: str
    leaked: bool


def redeem(shop: str, order: str, contacts: Sequence[int], codes: Sequence[str]) -> Step[list[Used]]:
    """Codes on an order of one of these people (who may be known by several names): those promised to them are redeemed, those promised
    to somebody else alone have leaked. Told again, nothing changes, and it is told no more."""
    used: list[Used] = []
    for code in dict.fromkeys(canonical(code) for code in codes if code.strip()):
        rows = yield sql("discount.by_code", shop=shop, canonical=code)
        own = [row for row in rows if row["contact"] in contacts]
        for row in own or rows:
            leaked = not own
            if leaked and row["source"] == STATIC:
                continue
            done = yield sql("discount.leaked" if leaked else "discount.redeemed", id=row["id"], order_key=order)
            if done and row["first"] is None:
                used.append(Used(row["code"], row["contact"], row["flow"], leaked))
    return used


def unredeem(shop: str, order: str) -> Step[None]:
    """The order was cancelled: its codes are as they were before it."""
    yield sql("discount.unredeem", shop=shop, order_key=order)


def revoke(contact: int, why: str, now: datetime, *, shop: str | None = None, before: datetime | None = None) -> Step[list[str]]:
    """Take back what a person did not use, where the shop can: of one shop, or of all; what was promised up to `before`, or until now.
    Returns the codes."""
    rows = yield sql("discount.revoke", contact=contact, shop=shop, before=to_micros(before or now), why=why, now=to_micros(now))
    return sorted({str(row["code"]) for row in rows})


def expire(now: datetime) -> Step[int]:
    """Codes whose time is over, and the grace after it; returns how many."""
    return len((yield sql("discount.expire", before=to_micros(now - GRACE), now=to_micros(now))))


# ---- rows


def _wanted(row: Row) -> Wanted:
    return Wanted(
        id=row["id"],
        run=row["run"],
        generation=row["generation"],
        contact=row["contact"],
        shop=row["shop"],
        discount=_discount(row),
        attempts=row["attempts"],
        created_at=from_micros(row["created_at"]),
        flow=row["flow"],
        terms=_decode_terms(row["terms"]),
        counted=bool(row["counted"]),
        state=State(row["state"]),
        why=row["why"],
    )


def _discount(row: Row) -> Discount:
    return Discount(
        code=row["code"],
        ends=from_micros(row["ends"]),
        percent=Decimal(row["percent"]) if row["percent"] is not None else None,
        amount=Money(row["amount_minor"], row["currency"]) if row["amount_minor"] is not None else None,
    )


def _encode_terms(terms: CodeTerms) -> str:
    written = {
        "code": terms.code,
        "source": terms.source,
        "budget": _written(terms.budget) if isinstance(terms.budget, Money) else terms.budget,
        "cap": terms.cap,
        "cost": _written(terms.cost) if terms.cost else None,
    }
    return json.dumps({name: value for name, value in written.items() if value is not None})


def _decode_terms(text: str) -> CodeTerms:
    told: Mapping[str, object] = json.loads(text)
    found = CodeTerms(**{name: told.get(name) for name in ("code", "source", "budget", "cap", "cost")})  # type: ignore[arg-type]  # as encoded
    budget, cost = told.get("budget"), told.get("cost")
    if isinstance(budget, list):
        found = replace(found, budget=Money(*budget))
    return replace(found, cost=Money(*cost)) if isinstance(cost, list) else found


def _written(amount: Money) -> tuple[int, str]:
    return amount.minor, amount.currency
