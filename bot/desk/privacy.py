"""What the owner asks for by hand: a copy of what is kept of a person, their erasure, a shop that is back."""

import re
from datetime import datetime

from bot.desk import actions
from bot.store import contacts, privacy
from bot.store.arrivals import Name
from bot.store.erasure_log import Erased, Erasures, Line
from bot.store.model import Identity, IdentityKind
from bot.store.privacy import OWNER, About, What
from bot.store.step import Step, to_micros

SHORTEST_NUMBER = 9  # digits of what is taken for a phone number when it leads to nobody


def ask(erasures: Erasures, what: What, who: str, now: datetime) -> Step[int]:
    """A copy or an erasure, of what every shop told; returns the id of the ask. `who` is as staff name people, or `shop:customer`. Raises
    NotFound for somebody unknown; what old deliveries hold of a number or an address can be erased all the same."""
    names = _named_so(who)
    people = yield from privacy.owners(names)
    if not people and (what is What.DATA or not names):
        people = [(yield from actions.find(who))]
    about = f"contact:{people[0]}" if people else f"{names[0].kind}:{names[0].value}"
    key = erasures.marks.of_ask(about) + (f"-{to_micros(now)}" if what is What.DATA else "")
    ask_id = yield from privacy.ask(what, "", key, OWNER, About((yield from privacy.next_entry()), names), now)
    for contact in people:
        yield from contacts.hold(contact)
        yield from privacy.add_person(ask_id, contact, "" if what is What.ERASE_SHOPPER else None)
    return ask_id


def names(ask_id: int) -> Step[list[Name]]:
    """Every name of everybody an ask is about, for whoever must hear of it at once."""
    found: list[Name] = []
    for person in (yield from privacy.people(ask_id)):
        found += yield from contacts.names_of(person.contact)
    return found


def handed_over(ask_id: int, now: datetime) -> Step[bool]:
    """The copy of an ask was given to whom it is of; returns whether there was one."""
    return (yield from privacy.handed_over(ask_id, f"handed over on {now:%Y-%m-%d}"))


def reopen(erasures: Erasures, shop: str, now: datetime) -> Step[bool]:
    """A shop that took us out is back, says its owner; returns whether it had left."""
    was_closed = yield from privacy.reopen_shop(shop)
    if was_closed:
        erasures.append(Line(now, Erased.SHOP_BACK, shop))
    return was_closed


def _named_so(who: str) -> tuple[Identity, ...]:
    """The names behind what an owner types; none behind the number of a contact."""
    who = who.strip()
    if (customer := re.fullmatch(r"([a-z0-9-]+):(\S+)", who)) is not None:
        return (Identity(IdentityKind.CUSTOMER, customer[2], customer[1]),)
    if "@" in who:
        return (Identity(IdentityKind.EMAIL, who.lower()),)
    digits = re.sub(r"\D", "", who)
    if re.fullmatch(r"#?\d{1,9}", who) or len(digits) < SHORTEST_NUMBER or re.search(r"[^\W\d]", who):
        return ()
    return Identity(IdentityKind.PHONE, f"+{digits}"), Identity(IdentityKind.WA_ID, digits)
