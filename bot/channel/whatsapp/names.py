"""The names a customer goes by, wherever an update tells them: phone digits, business-scoped and parent user ids."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.channel.whatsapp.wire import Node
from bot.store.line import line_of
from bot.store.model import Identity, IdentityKind

# E.164 allows 15 digits; a wa_id is usually a phone, so a little more room than that is plenty.
_WA_ID = re.compile(r"[0-9]{5,20}")
_E164_DIGITS = re.compile(r"[1-9][0-9]{6,14}")
# `US.13491208655302741918`, `US.ENT.11815799212886844830`; the drafts also show letters after the point, and at most 256 characters.
_USER_ID = re.compile(r"[A-Za-z]{2,8}\.[A-Za-z0-9._-]{1,247}")


@dataclass(frozen=True, slots=True)
class Names:
    """The keys under which an object names the customer: phone digits, business-scoped and parent user ids; old ones before new ones."""

    phones: tuple[str, ...]
    users: tuple[str, ...]
    parents: tuple[str, ...]


NAMES = Names(("wa_id",), ("user_id",), ("parent_user_id",))
MESSAGE = Names(("from",), ("from_user_id",), ("from_parent_user_id",))
# A system message tells what somebody's names were and what they are now. Cloud API changelog, August 2026: `previous_...`.
SYSTEM = Names(("wa_id", "new_wa_id"), ("previous_user_id", "user_id"), ("previous_parent_user_id", "parent_user_id"))
PREVIOUS = Names(("previous_wa_id",), ("previous_user_id",), ("previous_parent_user_id",))
CURRENT = Names(("wa_id", "new_wa_id"), ("user_id",), ("parent_user_id",))


def names_in(source: Node, names: Names) -> Iterator[Identity]:
    """Every name of the customer; absent, null and empty ones are alike (Cloud API, users with usernames: all three are seen)."""
    if not source:
        return
    for wa_id in _ids(source, names.phones, _WA_ID):
        yield Identity(IdentityKind.WA_ID, wa_id)
        if _E164_DIGITS.fullmatch(wa_id):
            yield Identity(IdentityKind.PHONE, f"+{wa_id}")
            if line := line_of(f"+{wa_id}"):
                yield Identity(IdentityKind.LINE, line)
    for keys, kind in ((names.users, IdentityKind.BSUID), (names.parents, IdentityKind.PARENT_BSUID)):
        for user in _ids(source, keys, _USER_ID):
            yield Identity(kind, user)


def _ids(source: Node, keys: Sequence[str], pattern: re.Pattern[str]) -> Iterator[str]:
    for key in keys:
        written = source.get(key)
        # `user_id_update` writes `{"previous": ..., "current": ...}` where the others write the id.
        values = (written.get("previous"), written.get("current")) if isinstance(written, dict) else (written,)
        for value in values:
            if value and (found := matching(pattern, value)):
                yield found


def matching(pattern: re.Pattern[str], value: object) -> str | None:
    """An id in the form it must have. Ids that came as numbers are taken: a STOP must not be lost to a missing quote."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and pattern.fullmatch(value) else None
