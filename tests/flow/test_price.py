"""What messages cost, as an owner writes it: whole millionths, by country and category."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.flow.document import read
from bot.flow.price import Prices, one_price, read_price, whole
from bot.flow.rules import read_prices

LIST = """\
currency: USD
marketing:
  default: 0.05
  ES: 0.0509
utility: 0.02
service: 0
"""


def prices(text: str) -> Prices:
    found, problems = read_prices(read("prices.yaml", text), "EUR")
    assert (problems, found is None) == ((), False)
    assert found is not None
    return found


def test_one_price_is_for_marketing_anywhere() -> None:
    found = one_price(" 0.05 ", "EUR")
    assert found is not None
    assert (found.currency, found.of("ES", "marketing"), found.of("ES", "service")) == ("EUR", 50_000, None)
    dear = one_price("1 USD", "EUR")
    assert dear is not None
    assert dear.currency == "USD"


@pytest.mark.parametrize("text", ["", "prices.yaml", "-1", "1 eur", "1 EUR each", "9" * 16, "1e9", "0.0000001", ".", "1.", "٥"])
def test_what_is_no_price_is_none(text: str) -> None:
    assert one_price(text, "EUR") is None


def test_a_list_has_prices_by_country_and_category() -> None:
    found = prices(LIST)
    assert found.currency == "USD"
    assert found.of("ES", "marketing") == 50_900
    assert found.of("NO", "marketing") == 50_000
    assert found.of("NO", "utility") == 20_000
    assert found.of("NO", "service") == 0
    assert found.of("NO", "authentication") is None, "nobody wrote it down, so nobody guesses"
    charged = Counter({("ES", "marketing"): 3, ("NO", "utility"): 2, ("NO", "service"): 9, ("NO", "odd"): 5})
    assert whole(found.total(charged)) == Decimal("0.1927")


def test_what_goes_through_the_marketing_api_costs_what_marketing_does_where_nothing_else_is_said() -> None:
    assert prices(LIST).of("ES", "marketing_lite") == 50_900
    assert prices(LIST + "marketing_lite: 0.04\n").of("ES", "marketing_lite") == 40_000


def test_an_empty_list_is_no_list() -> None:
    assert prices("currency: USD") == Prices()


@given(st.decimals(min_value=0, max_value=10_000, places=6))
def test_no_millionth_is_lost(price: Decimal) -> None:
    assert whole(read_price(f"{price:f}")) == price


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- 1", "write keys and values"),
        ("promotion: 1", "'promotion' is not known here"),
        ("marketing:\n  Spain: 1", "write a country as two letters like ES"),
        ("marketing:\n  ES: cheap", "write a price as a number like 0.0509"),
        ("marketing: -1", "write a price as a number like 0.0509"),
        ("marketing: [1]", "write keys and values"),
        ("currency: euro", "three letters"),
    ],
)
def test_what_is_wrong_in_a_list_is_told_with_its_place(text: str, words: str) -> None:
    _, problems = read_prices(read("prices.yaml", text), "EUR")
    assert [problem.file for problem in problems] == ["prices.yaml"]
    assert words in str(problems[0])
