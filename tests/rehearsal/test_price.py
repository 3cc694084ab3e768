"""What messages cost, as an owner writes it."""

from collections import Counter
from decimal import Decimal

import pytest

from bot.rehearsal.price import PriceError, one_price, price_list

LIST = """\
currency: USD
marketing:
  default: 0.05
  ES: 0.0509
utility: 0.02
"""


def test_one_price_is_for_marketing_anywhere() -> None:
    prices = one_price(" 0.05 ", "EUR")
    assert prices is not None
    assert (prices.currency, prices.of("ES", "marketing")) == ("EUR", Decimal("0.05"))
    assert prices.of("ES", "service") == 0
    dear = one_price("1 USD", "EUR")
    assert dear is not None
    assert dear.currency == "USD"


@pytest.mark.parametrize("text", ["", "prices.yaml", "-1", "1 eur", "1 EUR each", "9" * 16, "1e9"])
def test_what_is_no_price_is_none(text: str) -> None:
    assert one_price(text, "EUR") is None


def test_a_list_has_prices_by_country_and_category() -> None:
    prices = price_list("prices.yaml", LIST, "EUR")
    assert prices.currency == "USD"
    assert prices.of("ES", "marketing") == Decimal("0.0509")
    assert prices.of("NO", "marketing") == Decimal("0.05")
    assert prices.of("NO", "utility") == Decimal("0.02")
    assert prices.of("NO", "service") == 0
    assert prices.total(Counter({("ES", "marketing"): 3, ("NO", "utility"): 2, ("NO", "service"): 9})) == Decimal("0.1927")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- 1", "write prices like"),
        ("promotion: 1", "I do not know the category 'promotion'"),
        ("marketing:\n  Spain: 1", "write a country as two letters like ES"),
        ("marketing:\n  ES: cheap", "write the price of 'ES' as a number like 0.05"),
        ("marketing: [1]", "write a price for each country"),
        ("currency: euro", "three letters"),
        ("marketing: &a 1", "prices.yaml:1:"),
    ],
)
def test_what_is_wrong_in_a_list_is_told(text: str, words: str) -> None:
    with pytest.raises(PriceError) as error:
        price_list("prices.yaml", text, "EUR")
    assert words in str(error.value)
