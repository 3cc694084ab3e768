"""What messages cost: the owner's price list, by Meta's category and the country of the person's number.

Meta changes its prices several times a year, and they are different in each country, so none are built in. Since 1 October 2026 free
texts (`service`) cost, too. Amounts are whole millionths of a currency, never fractions.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

ELSEWHERE = ""  # stands for every country that is not listed
MICROS = 1_000_000
LONGEST_PRICE = 15  # characters; far from where a Decimal starts to round
_DECIMALS = 6
_PRICE = re.compile(rf"[0-9]+(?:\.[0-9]{{1,{_DECIMALS}}})?", re.ASCII)
_ONE_PRICE = re.compile(r"(?P<price>[0-9.]+)\s*(?P<currency>[A-Z]{3})?", re.ASCII)
_CHARGED_AS = {"marketing_lite": "marketing"}  # Cloud API: a category of its own, for which most lists have no price of its own


@dataclass(frozen=True, slots=True)
class Prices:
    """What one message costs, in millionths of a currency, by country (ISO 3166, or ELSEWHERE) and category."""

    currency: str = ""
    table: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def of(self, country: str, category: str) -> int | None:
        """One message, None where nobody wrote its price down."""
        for name in (category, _CHARGED_AS.get(category, category)):
            for place in (country, ELSEWHERE):
                if (price := self.table.get((place, name))) is not None:
                    return price
        return None

    def total(self, charged: Counter[tuple[str, str]]) -> int:
        """All of these messages, by (country, category); those without a price cost nothing."""
        return sum((self.of(*what) or 0) * times for what, times in charged.items())


def read_price(text: str) -> int:
    """`0.0509` as millionths. Raises ValueError for anything else."""
    written = text.strip()
    if len(written) > LONGEST_PRICE or not _PRICE.fullmatch(written):
        raise ValueError("write a price as a number like 0.0509")
    return int(Decimal(written) * MICROS)


def one_price(text: str, currency: str) -> Prices | None:
    """`0.05` or `0.05 EUR`: the same for each marketing message anywhere. None for anything else."""
    written = _ONE_PRICE.fullmatch(text.strip())
    try:
        price = read_price(written["price"]) if written else None
    except ValueError:
        return None
    return Prices(written["currency"] or currency, {(ELSEWHERE, "marketing"): price}) if written and price is not None else None


def whole(micros: int) -> Decimal:
    """Millionths in whole units: 0.0509 for 50,900."""
    return Decimal(micros) / MICROS
