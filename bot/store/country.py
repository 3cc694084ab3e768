"""Which country a person's number is of: what a message costs goes by it, and where a number may write to."""

from functools import lru_cache

import phonenumbers

NOWHERE = ""


def of(phone: str | None, bsuid: str | None) -> str:
    """The country (ISO 3166) of a phone (E.164), else the one a business-scoped user id begins with (`ES.134...`); `NOWHERE` for none."""
    return (_of_phone(phone) if phone else None) or _of_user_id(bsuid) or NOWHERE


def national(phone: str) -> str | None:
    """The digits of a phone (E.164) without its country's, as people write it there; None for one that is no number anywhere."""
    try:
        return phonenumbers.national_significant_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return None


@lru_cache(maxsize=4096)
def _of_phone(phone: str) -> str | None:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return None


def _of_user_id(bsuid: str | None) -> str | None:
    code = (bsuid or "").partition(".")[0]
    return code if len(code) == 2 and code.isascii() and code.isupper() else None
