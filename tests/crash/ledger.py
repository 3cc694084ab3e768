"""What must hold whatever happened: what was acknowledged, what WhatsApp saw and what the database says, held against each other.

Nothing here asks the bot: it is judged from the outside.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from bot.sandbox.cloud.cloud_api import Attempt
from bot.sandbox.cloud.fault import SendFault

from .house import Surroundings
from .load import Load, Person

# A request that has begun (its connection is being opened, its bytes are on the way) when the STOP's 200 goes out may be read here a
# little later. Measured up to 0.11 s with two busy cores and 64 requests at once; a message that was merely queued by then, or claimed
# and kept waiting, would start seconds later, because the load makes the number pause and the bot die while reminders are queued.
STOP_EPSILON = 0.25  # seconds
CLEARLY_NOT_TAKEN = frozenset({SendFault.RATE_LIMITED, SendFault.PAIR_LIMITED})  # told so by WhatsApp's own code: these are sent again

Json = dict[str, Any]
Told = tuple[str, str]  # a part of an envelope (or `shop`), and what it said, in canonical JSON


@dataclass(slots=True)
class Report:
    """What was found. `violations` are sentences; without any, all is well."""

    seed: int
    kills: int
    seconds: float = 0.0
    acknowledged: int = 0
    tries: int = 0
    accepted: int = 0
    reminders: int = 0
    stops: int = 0
    latest_after_stop: float | None = None
    unknown: int = 0
    still_queued: int = 0
    duplicates: int = 0
    resent: int = 0
    lost: int = 0
    after_stop: int = 0
    out_of_order: int = 0
    orphans: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        latest = "none" if self.latest_after_stop is None else f"{1000 * self.latest_after_stop:+.0f} ms"
        faults = ", ".join(f"{number} {name}" for name, number in sorted(self.faults.items())) or "none"
        return (
            f"seed {self.seed}, {self.kills} kills in {self.seconds:.0f} s: {self.acknowledged} updates acknowledged ({self.tries} POSTs), "
            f"{self.lost} lost; {self.accepted} messages taken by WhatsApp, {self.duplicates} twice, {self.resent} sent again blindly; "
            f"{self.stops} STOPs, {self.after_stop} of {self.reminders} reminders after one (latest start {latest}); "
            f"{self.out_of_order} out of order; {self.orphans} on the wire at a kill, {self.unknown} left unknown (none of them taken), "
            f"{self.still_queued} still queued; faults: {faults}"
        )


def judge(around: Surroundings, load: Load, report: Report) -> None:
    """Fill in the report. The bot must have been stopped or be idle."""
    _count(around, load, report)
    _nothing_acknowledged_is_lost(around, load, report)
    _nothing_is_sent_twice(around, report)
    _no_marketing_starts_after_a_stop(around, load, report)
    _reminders_are_about_open_carts(around, load, report)
    _answers_keep_their_order(around, load, report)
    _what_was_taken_is_known_as_sent(around, report)
    integrity = "ok" if around.server else around.rows("pragma integrity_check")[0][0]
    if integrity != "ok":
        report.violations.append(f"the database is damaged: {integrity}")
    if load.postman.strange:
        report.violations.append(f"strange answers: {Counter(load.postman.strange).most_common(3)}")


def _count(around: Surroundings, load: Load, report: Report) -> None:
    report.tries = load.postman.tries + sum(delivery.tries for delivery in around.cloud.webhooks.delivered)
    report.accepted = len(around.cloud.accepted)
    report.reminders = sum(_is_reminder(attempt) for attempt in around.cloud.attempts)
    report.stops = sum(person.stopped_at is not None for person in load.people)
    report.unknown = around.count("select count(*) from outbox where state = 'unknown'")
    report.still_queued = around.count("select count(*) from outbox where state = 'queued'")
    report.faults = Counter(attempt.fault.value for attempt in around.cloud.attempts if attempt.fault)


# ---- 1: nothing acknowledged is lost


def _nothing_acknowledged_is_lost(around: Surroundings, load: Load, report: Report) -> None:
    told = [*(one for delivery in load.postman.acknowledged for one in _updates(delivery.body, delivery.id))]
    told += [one for delivery in around.cloud.webhooks.delivered for one in _updates(delivery.body, None)]
    acknowledged = set(told)
    kept: defaultdict[Told, list[str]] = defaultdict(list)
    for row in around.rows("select source, body, state from inbox where source in ('whatsapp', 'shop')"):
        kept[_kept_as(row["source"], row["body"])].append(row["state"])
    missing = [one for one in acknowledged if one not in kept]
    report.acknowledged, report.lost = len(acknowledged), len(missing)
    if missing:
        report.violations.append(f"{len(missing)} acknowledged updates are not in the inbox, such as {missing[0]}")
    if several := [one for one, states in kept.items() if len(states) > 1]:
        report.violations.append(f"{len(several)} updates were kept twice, such as {several[0]}")
    if unfinished := Counter(state for states in kept.values() for state in states if state != "done"):
        report.violations.append(f"updates were not worked off: {dict(unfinished)}")
    if around.cloud.webhooks.dropped:
        report.violations.append(f"{len(around.cloud.webhooks.dropped)} status deliveries were never taken")


def _updates(body: bytes, shop_id: str | None) -> Iterator[Told]:
    if shop_id is not None:
        yield "shop", _canonical(json.loads(body))
        return
    for entry in json.loads(body)["entry"]:
        for change in entry["changes"]:
            for part in ("messages", "statuses", "user_preferences"):
                for item in change["value"].get(part, ()):
                    yield part, _canonical(item)


def _kept_as(source: str, body: bytes) -> Told:
    told = json.loads(body)
    return ("shop", _canonical(told)) if source == "shop" else (told["part"], _canonical(told["item"]))


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True)


# ---- 2: nothing is sent twice


def _nothing_is_sent_twice(around: Surroundings, report: Report) -> None:
    taken = Counter(message.key for message in around.cloud.accepted)
    report.duplicates = sum(number - 1 for number in taken.values())
    if None in taken:
        report.violations.append("a message was sent without our key")
    if report.duplicates:
        report.violations.append(f"{report.duplicates} messages were taken twice")
    tries: defaultdict[str | None, list[Attempt]] = defaultdict(list)
    for attempt in around.cloud.attempts:
        tries[attempt.key].append(attempt)
    blindly = [key for key, attempts in tries.items() if any(one.fault not in CLEARLY_NOT_TAKEN for one in attempts[:-1])]
    report.resent = len(blindly)
    if blindly:
        marketing = sum(_is_reminder(tries[key][-1]) for key in blindly)
        report.violations.append(f"{len(blindly)} messages ({marketing} of them marketing) were sent again though they may have arrived")


# ---- 3: no marketing after a STOP


def _no_marketing_starts_after_a_stop(around: Surroundings, load: Load, report: Report) -> None:
    stops = {person.customer.wa_id: person.stopped_at for person in load.people if person.stopped_at is not None}
    after = [
        attempt.started - stops[to]
        for attempt in around.cloud.attempts
        if _is_reminder(attempt) and (to := _to(attempt)) in stops
    ]  # fmt: skip
    report.latest_after_stop = max(after, default=None)
    report.after_stop = sum(seconds > STOP_EPSILON for seconds in after)
    if report.after_stop:
        assert report.latest_after_stop is not None
        report.violations.append(f"{report.after_stop} reminders started after a STOP, the last {report.latest_after_stop:.3f} s after it")


def _reminders_are_about_open_carts(around: Surroundings, load: Load, report: Report) -> None:
    """One reminder a cart at most, whatever key it has, and none that starts after the cart's order."""
    by_person = defaultdict(list)
    for attempt in around.cloud.attempts:
        if _is_reminder(attempt):
            by_person[_to(attempt)].append(attempt)
    for person in load.people:
        attempts = by_person[person.customer.wa_id]
        texts = [(attempt, json.dumps(attempt.payload)) for attempt in attempts]
        for number, name in enumerate(person.carts):
            about = [attempt for attempt, text in texts if name in text]
            if len({attempt.key for attempt in about}) > 1:
                report.violations.append(f"a cart was reminded of twice: {name}")
            bought_at = min((at for at, carts in person.ordered_at if number < carts), default=None)
            late = [attempt.started - bought_at for attempt in about if bought_at and attempt.started > bought_at + STOP_EPSILON]
            if late:
                report.violations.append(f"a cart was reminded of {max(late):.3f} s after its order: {name}")


def _is_reminder(attempt: Attempt) -> bool:
    return attempt.payload.get("type") == "template"


def _to(attempt: Attempt) -> str:
    return str(attempt.payload.get("to", "")).removeprefix("+")


# ---- 4: order


def _answers_keep_their_order(around: Surroundings, load: Load, report: Report) -> None:
    rows = around.rows(
        "select i.value as wa_id, o.id, o.key, o.body, o.state from outbox o join identity i on i.contact = o.contact and i.kind = 'wa_id' "
        "where o.reply = 1 and o.author = 'flow' order by o.id"
    )
    decided: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        decided[row["wa_id"]].append(row)
    places = {row["key"]: row["id"] for row in rows}
    taken: defaultdict[str, list[int]] = defaultdict(list)
    for message in around.cloud.accepted:
        if message.key in places:
            taken[message.to].append(places[message.key])
    for person in load.people:
        wa_id = person.customer.wa_id
        if wrong := _first_difference(person, [row["body"] for row in decided[wa_id]]):
            report.violations.append(wrong)
            report.out_of_order += 1
        swaps = sum(later < earlier for earlier, later in pairwise(taken[wa_id]))
        if swaps:
            report.violations.append(f"answers to one customer left in another order than they were decided ({swaps} times)")
            report.out_of_order += swaps


def _first_difference(person: Person, bodies: Iterable[str]) -> str | None:
    if not person.expected:
        return None
    found = [body.partition("\n")[0] for body in bodies]
    for place, (expected, body) in enumerate(zip(person.expected, found, strict=False)):
        if not body.startswith(expected):
            return f"answer {place + 1} to {person.customer.name} should begin with '{expected}', but is '{body}'"
    if len(found) != len(person.expected):
        return f"{person.customer.name} should have got {len(person.expected)} answers, {len(found)} were decided"
    return None


# ---- 5: what WhatsApp took


def _what_was_taken_is_known_as_sent(around: Surroundings, report: Report) -> None:
    states = {row["key"]: row for row in around.rows("select key, state, delivery, provider_id, sent_at from outbox")}
    ours = [(message, states.get(message.key or "")) for message in around.cloud.accepted]
    if foreign := sum(row is None for _, row in ours):
        report.violations.append(f"WhatsApp took {foreign} messages that the database does not know")
    wrong = Counter(row["state"] for _, row in ours if row is not None and row["state"] != "sent")
    if wrong:
        report.violations.append(f"messages that arrived are not known as sent: {dict(wrong)}")
    taken = {message.key for message in around.cloud.accepted}
    if invented := [key for key, row in states.items() if row["state"] == "sent" and key not in taken]:
        report.violations.append(f"{len(invented)} messages are known as sent that WhatsApp never took")
    if sending := sum(row["state"] == "sending" for row in states.values()):
        report.violations.append(f"{sending} messages are still on the wire")
