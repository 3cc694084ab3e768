"""Phone lines whose number is written in two ways: who goes by one of them goes by the other, too.

Brazil put a 9 before its mobile numbers, Mexico took away the 1 that followed its country code. People, shops and WhatsApp use both
forms, and WhatsApp may answer with another than it was asked for (Cloud API: "Phone number formats", Brazil and Mexico).
"""

import re

# +55, two digits of the area, then 8 digits that begin like a mobile's; landlines begin with 2 to 5 and never had the 9.
_BRAZIL = re.compile(r"\+55([1-9][0-9])9?([6-9][0-9]{7})")
# +52, then 10 digits of which the first is no 1.
_MEXICO = re.compile(r"\+521?([2-9][0-9]{9})")


def line_of(phone: str) -> str | None:
    """The one form of a number (E.164) that stands for both; None for numbers that are written in one way only."""
    if not phone.startswith(("+55", "+52")):
        return None
    if found := _BRAZIL.fullmatch(phone):
        return f"+55{found[1]}9{found[2]}"
    if found := _MEXICO.fullmatch(phone):
        return f"+52{found[1]}"
    return None
