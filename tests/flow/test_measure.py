"""Lengths of time, clock times and discounts, as an owner writes them."""

from datetime import time, timedelta
from decimal import Decimal

import pytest

from bot.flow.facts import Money
from bot.flow.measure import read_clock, read_clock_span, read_discount, read_length, span


@pytest.mark.parametrize(
    ("written", "length"),
    [
        ("30 seconds", timedelta(seconds=30)),
        ("1 minute", timedelta(minutes=1)),
        ("10 Minutes", timedelta(minutes=10)),
        (" 1  hour ", timedelta(hours=1)),
        ("1 day", timedelta(days=1)),
        ("9999 weeks", timedelta(weeks=9999)),
    ],
)
def test_a_length_of_time_is_a_number_and_a_unit(written: str, length: timedelta) -> None:
    assert read_length(written) == length


@pytest.mark.parametrize(
    "written", ["", "1", "1h", "0 days", "-1 day", "1.5 hours", "1 month", "one day", "10000 days", "1 day 2 hours", "١ day"]
)
def test_anything_else_is_no_length_of_time(written: str) -> None:
    with pytest.raises(ValueError, match="write a length of time like '1 hour' or '2 days'"):
        read_length(written)


def test_a_clock_time_has_hours_and_minutes() -> None:
    assert read_clock("9:05") == time(9, 5)
    assert read_clock_span("21:00 to 09:00") == (time(21), time(9))
    for written in ("24:00", "9", "9:60", "9:5", "0:5:1", "9 am"):
        with pytest.raises(ValueError, match="write a time like"):
            read_clock(written)


def test_a_span_may_pass_midnight() -> None:
    assert span(time(21), time(9)) == timedelta(hours=12)
    assert span(time(9), time(21, 30)) == timedelta(hours=12, minutes=30)


@pytest.mark.parametrize(
    ("written", "discount"),
    [
        ("5%", Decimal(5)),
        ("7.5 %", Decimal("7.5")),
        ("100%", Decimal(100)),
        ("10 EUR", Money(1000, "EUR")),
        ("10.50", Money(1050, "EUR")),
    ],
)
def test_a_discount_is_a_share_or_a_sum(written: str, discount: Decimal | Money) -> None:
    assert read_discount(written, "EUR") == discount


@pytest.mark.parametrize("written", ["0%", "101%", "0", "0.00 EUR", "10 USD", "-5%", "five", "", "%", "5% off"])
def test_a_discount_is_neither_nothing_nor_more_than_everything(written: str) -> None:
    with pytest.raises(ValueError, match=r"discount|this store counts in EUR"):
        read_discount(written, "EUR")
