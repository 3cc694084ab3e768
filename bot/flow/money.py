"""Money as people write it (`50`, `50 EUR`) and as the house keeps it (minor units)."""

import re
from decimal import Decimal

from bot.flow.facts import Money

# ISO 4217, "minor unit" column: every currency that has other than two decimals. (CLDR tells how many are usually shown,
# which is another number: a Hungarian forint has two decimals that nobody shows.)
_CURRENCIES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DIGITS = {currency: digits for digits, currencies in _CURRENCIES.items() for currency in currencies.split()}
MOST_DIGITS = 4  # the currency with the smallest unit has four decimals
LONGEST_AMOUNT = 15  # characters; more than any shop sells for, and far from where a Decimal starts to round
_WRITTEN = re.compile(r"(?P<amount>[0-9]+(?:\.[0-9]+)?)(?:\s+(?P<currency>[A-Z]{3}))?")


def digits(currency: str) -> int:
    """How many decimals the currency has by ISO 4217: 2 for EUR, 0 for JPY; 2 for one we do not know."""
    return _DIGITS.get(currency, 2)


def of(amount: Decimal, currency: str) -> Money:
    """The amount in minor units; what is smaller than the smallest unit is rounded half to even."""
    return Money(int(amount.scaleb(digits(currency)).to_integral_value()), currency)


def amount(money: Money) -> Decimal:
    """The amount in whole units: 19.90 for 1990 EUR cents."""
    return Decimal(money.minor).scaleb(-digits(money.currency))


def parse(text: str, currency: str) -> Money | None:
    """`20 EUR`, `19.90 EUR`, or `20` in the given currency; None for anything else."""
    written = _WRITTEN.fullmatch(text.strip())
    if written is None or len(written["amount"]) > LONGEST_AMOUNT:
        return None
    return of(Decimal(written["amount"]), written["currency"] or currency)
