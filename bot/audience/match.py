"""Addresses and names as each ad platform wants them, and their hashes.

Platforms compare hashes, so one character written differently matches nobody, and the forms differ: the same phone is hashed
without its plus for Meta and with it for Google. What cannot be written in a platform's form is "", never the hash of nothing.

Sources: Meta Marketing API, "Customer file custom audiences" and "Customer information parameters"; Google Ads, "Format
customer data" of the Data Manager API.
"""

import hashlib
import re
import unicodedata
from enum import StrEnum


class Destination(StrEnum):
    """An ad platform that takes lists."""

    META = "meta"
    GOOGLE = "google"


class AlreadyHashedError(ValueError):
    """A hash was about to be hashed again: it would match nobody, and nobody would notice."""


LONGEST_EMAIL = 254  # RFC 5321
LONGEST_NAME = 200  # a longer one is not a name

_GOOGLE_MAIL = frozenset({"gmail.com", "googlemail.com"})
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SEPARATORS = str.maketrans("", "", " ().-/\u00a0")
_COUNTRY = re.compile(r"[A-Z]{2}")
_POSTAL_CODE = re.compile(r"[0-9A-Z][0-9A-Z -]{1,8}[0-9A-Z]")
_OLD_MOBILE_OF_BRAZIL = re.compile(r"\+55([1-9][0-9])([6-9][0-9]{7})")
_OLD_MOBILE_OF_MEXICO = re.compile(r"\+521([0-9]{10})")
_EMOJI_STYLE = "\ufe0f"  # an accent by its Unicode category, yet no part of a name


def is_hashed(text: str) -> bool:
    """Whether the text is a SHA-256 in hexadecimal and not what it should be."""
    return _HASH.fullmatch(text.strip()) is not None


def sha256(normal: str) -> str:
    """The hash of what one of the functions below returned, in lower-case hexadecimal; "" for "".

    Raises AlreadyHashedError for a hash.
    """
    if is_hashed(normal):
        raise AlreadyHashedError("This is a hash already: give the address or name itself.")
    return hashlib.sha256(normal.encode("utf-8", "surrogatepass")).hexdigest() if normal else ""


def email(text: str | None, destination: Destination) -> str:
    """An email in the platform's form, "" when it is none.

    Meta keeps dots and +suffix everywhere; Google drops both in the addresses of its own mail and nowhere else.
    """
    lower = (text or "").strip().lower()
    if destination is Destination.GOOGLE:
        lower = _without_google_aliases("".join(lower.split()))
    return lower if len(lower) <= LONGEST_EMAIL and _EMAIL.fullmatch(lower) else ""


def _without_google_aliases(address: str) -> str:
    local, _, domain = address.rpartition("@")
    if domain not in _GOOGLE_MAIL:
        return address
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"


def phone(text: str | None, destination: Destination) -> str:
    """A phone in the platform's form, "" when it is none: digits alone for Meta, E.164 with its plus for Google.

    A number without its plus is refused: it may be a national one, whose hash would be another person's.
    """
    number = (text or "").translate(_SEPARATORS)
    if not _E164.fullmatch(number):
        return ""
    repaired = _as_dialled_today(number)
    return repaired.removeprefix("+") if destination is Destination.META else repaired


def _as_dialled_today(number: str) -> str:
    """WhatsApp goes on using the forms of the day a number was registered: Brazil without the ninth digit, Mexico with a 1."""
    brazil = _OLD_MOBILE_OF_BRAZIL.fullmatch(number)
    if brazil:
        return f"+55{brazil[1]}9{brazil[2]}"
    mexico = _OLD_MOBILE_OF_MEXICO.fullmatch(number)
    return f"+52{mexico[1]}" if mexico else number


def name(text: str | None, destination: Destination) -> str:
    """A first or last name in the platform's form, "" when nothing of one is left. Accents and every script are kept.

    Meta takes letters alone; Google keeps the spaces, hyphens and apostrophes inside.
    """
    if not text or len(text) > LONGEST_NAME or is_hashed(text):
        return ""
    lower = unicodedata.normalize("NFC", text).lower().replace(_EMOJI_STYLE, "")
    if destination is Destination.META:
        return "".join(character for character in lower if unicodedata.category(character)[0] in "LMN")
    return " ".join("".join(character for character in lower if unicodedata.category(character)[0] in "LMNPZ").split())


def country(text: str | None) -> str:
    """An ISO 3166 code of two capital letters, "" when it is none."""
    code = (text or "").strip().upper()
    return code if _COUNTRY.fullmatch(code) else ""


def postal_code(text: str | None, in_country: str, destination: Destination) -> str:
    """A postal code in the platform's form, "" when it is none: letters, digits, blanks and hyphens alone, for Google takes it
    unhashed. Meta: lower case without blanks, in the United States the first five digits.
    """
    code = (text or "").strip().upper()
    if not _POSTAL_CODE.fullmatch(code):
        return ""
    if destination is Destination.GOOGLE:
        return code
    return code[:5] if in_country == "US" else code.replace(" ", "").lower()
