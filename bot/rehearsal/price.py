"""What messages cost: a price list of the owner's, by country and by Meta's category.

    currency: EUR
    marketing:
      default: 0.05
      ES: 0.0509
    utility:
      default: 0.02
    service:
      default: 0

Meta changes its prices, per country and several times a year, so none are built in. Since 1 October 2026 free texts (`service`) cost, too.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from bot.flow.document import DocumentError, Value, read

CATEGORIES = ("marketing", "utility", "service")
DEFAULT = "default"
LONGEST_PRICE = 15  # characters; far from where a Decimal starts to round
_PRICE = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_ONE_PRICE = re.compile(r"(?P<price>[0-9]+(?:\.[0-9]+)?)\s*(?P<currency>[A-Z]{3})?")
_COUNTRY = re.compile(r"[A-Z]{2}")


class PriceError(ValueError):
    """A price list that cannot be read: a sentence for its owner."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What one message costs, in whole units of a currency, by (country, category); the country "" is any other."""

    currency: str
    table: Mapping[tuple[str, str], Decimal]

    def of(self, country: str, category: str) -> Decimal:
        """One message."""
        return self.table.get((country, category), self.table.get(("", category), Decimal(0)))

    def total(self, charged: Counter[tuple[str, str]]) -> Decimal:
        """All of these messages, by (country, category)."""
        return sum((self.of(*what) * times for what, times in charged.items()), Decimal(0))


def one_price(text: str, currency: str) -> Prices | None:
    """`0.05` or `0.05 EUR`: the same for each marketing message anywhere. None for anything else."""
    written = _ONE_PRICE.fullmatch(text.strip())
    if written is None or len(written["price"]) > LONGEST_PRICE:
        return None
    return Prices(written["currency"] or currency, {("", "marketing"): Decimal(written["price"])})


def price_list(file: str, text: str, currency: str) -> Prices:
    """A price list's text, in the store's currency where it names none. Raises PriceError."""
    try:
        root = read(file, text).root
    except DocumentError as error:
        raise PriceError(str(error)) from error
    if not isinstance(root, dict):
        raise PriceError(f"{file}: write prices like 'marketing:' and below it 'default: 0.05'")
    named = root.get("currency", currency)
    if not isinstance(named, str) or not re.fullmatch(r"[A-Z]{3}", named):
        raise PriceError(f"{file}: write the currency as three letters like EUR")
    table: dict[tuple[str, str], Decimal] = {}
    for category, prices in root.items():
        if category != "currency":
            table.update(_by_country(file, category, prices))
    return Prices(named, table)


def _by_country(file: str, category: str, prices: Value) -> dict[tuple[str, str], Decimal]:
    if category not in CATEGORIES:
        raise PriceError(f"{file}: I do not know the category '{category}': there are {', '.join(CATEGORIES)}")
    if isinstance(prices, str):
        prices = {DEFAULT: prices}
    if not isinstance(prices, dict):
        raise PriceError(f"{file}: under '{category}' write a price for each country, and 'default: 0.05' for the rest")
    return {("" if where == DEFAULT else _country(file, where), category): _price(file, where, price) for where, price in prices.items()}


def _country(file: str, where: str) -> str:
    if not _COUNTRY.fullmatch(where):
        raise PriceError(f"{file}: write a country as two letters like ES, or 'default', not '{where}'")
    return where


def _price(file: str, where: str, price: Value) -> Decimal:
    if not isinstance(price, str) or len(price) > LONGEST_PRICE or not _PRICE.fullmatch(price):
        raise PriceError(f"{file}: write the price of '{where}' as a number like 0.05")
    return Decimal(price)
