"""Lengths of time, clock times and discounts, as an owner writes them: "1 hour", "21:00 to 09:00", "5%".

Every function raises WrittenWrongly (a ValueError) with a sentence that says how to write it.
"""

import re
from datetime import time, timedelta
from decimal import Decimal

from bot.flow import money
from bot.flow.facts import Money
from bot.flow.problem import Mistake, WrittenWrongly

_UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_LENGTH = re.compile(r"(\d{1,4})\s+(second|minute|hour|day|week)s?", re.ASCII)
_GAPS = re.compile(r"(\d{1,2}(?:\.\d)?)\s+gaps?", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})", re.ASCII)
_CODES = re.compile(r"(\d{1,9})\s+codes?", re.ASCII)
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,2})?)\s?%", re.ASCII)


def read_length(text: str) -> timedelta:
    """`10 minutes`, `1 day`: a length of time longer than nothing."""
    match = _LENGTH.fullmatch(text.strip().lower())
    if match is None or int(match[1]) == 0:
        raise WrittenWrongly(Mistake.BAD_LENGTH_OF_TIME, "write a length of time like '1 hour' or '2 days'")
    return int(match[1]) * _UNITS[match[2]]


def read_gaps(text: str) -> float:
    """`3 gaps`, `2.5 gaps`: so many times what usually lies between two orders; at least one."""
    match = _GAPS.fullmatch(text.strip().lower())
    if match is None or float(match[1]) < 1:
        raise WrittenWrongly(Mistake.BAD_GAPS, "write how many of their usual gaps without an order, like '3 gaps', and at least one")
    return float(match[1])


def read_clock(text: str) -> time:
    """`09:00`: a time on the clock, 24 hours."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        raise WrittenWrongly(Mistake.BAD_CLOCK_TIME, "write a time like '09:00' or '21:30'")
    return time(int(match[1]), int(match[2]))


def read_clock_span(text: str) -> tuple[time, time]:
    """`21:00 to 09:00`: from one clock time to another, perhaps past midnight."""
    start, to, end = text.partition(" to ")
    if not to:
        raise WrittenWrongly(Mistake.BAD_CLOCK_TIME, "write two times like '21:00 to 09:00'")
    span = read_clock(start), read_clock(end)
    if span[0] == span[1]:
        raise WrittenWrongly(Mistake.BAD_CLOCK_TIME, "these two times are the same, so nothing lies between them")
    return span


def span(start: time, end: time) -> timedelta:
    """How long it is from one clock time to the next time it is the other."""
    minutes = (end.hour - start.hour) * 60 + end.minute - start.minute
    return timedelta(minutes=minutes % (24 * 60))


def read_budget(text: str, currency: str) -> Money | int:
    """`500 EUR`, or `500` in the store's currency -> Money; `200 codes` -> 200. Nothing is a mistake."""
    if match := _CODES.fullmatch(text.strip()):
        if int(match[1]) > 0:
            return int(match[1])
    elif (amount := money.parse(text, currency)) is not None and amount.currency == currency and amount.minor > 0:
        return amount
    raise WrittenWrongly(Mistake.BAD_DISCOUNT, f"write a budget like '500 {currency}' or '200 codes', it is for a month")


def read_discount(text: str, currency: str) -> Decimal | Money:
    """`5%` -> Decimal("5"); `10 EUR`, or `10` in the store's currency -> Money. Nothing and more than everything are mistakes."""
    if match := _PERCENT.fullmatch(text.strip()):
        share = Decimal(match[1])
        if not 0 < share <= 100:
            raise WrittenWrongly(Mistake.BAD_DISCOUNT, "a discount is more than 0% and at most 100%")
        return share
    amount = money.parse(text, currency)
    if amount is None:
        raise WrittenWrongly(Mistake.BAD_DISCOUNT, f"write a discount like '5%' or '10 {currency}'")
    if amount.currency != currency:
        raise WrittenWrongly(Mistake.BAD_DISCOUNT, f"this store counts in {currency}, not in {amount.currency}")
    if amount.minor == 0:
        raise WrittenWrongly(Mistake.BAD_DISCOUNT, "a discount is more than nothing")
    return amount
