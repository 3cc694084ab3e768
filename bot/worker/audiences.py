"""Who is on an audience: the owner's condition, asked of everybody, a page of people at a time."""

from bot.audience.member import Candidate
from bot.flow import condition
from bot.store import contacts
from bot.store.step import Step
from bot.worker import facts
from bot.worker.playbook import House

PAGE = 1_000  # people a transaction: a long one would keep the write-ahead log from being emptied


class UnknownAudience(Exception):
    """There is no audience of that name. The message is a sentence for the owner."""


def check_name(house: House, name: str) -> None:
    """Raise UnknownAudience unless the owner's files name this audience."""
    known = house.playbook.rules.audiences
    if name not in known:
        raise UnknownAudience(f"there is no audience '{name}' in store.yaml; there are: {', '.join(known) or 'none'}")


def candidates(house: House, name: str, after: int) -> Step[list[Candidate]]:
    """The next page of people after contact `after`, each with whether the audience's condition holds for them now."""
    wanted = condition.parse(house.playbook.rules.audiences[name].condition)
    found = []
    for contact_id in (yield from contacts.page(after, PAGE)):
        known = yield from facts.load(house, contact_id, house.number, None)
        person = yield from contacts.load(contact_id)
        found.append(
            Candidate(
                contact=person.id,
                consent=person.consent,
                ads_consent=person.ads_consent,
                in_segment=condition.holds(wanted, known, None, house.playbook.segments, house.now),
                entered_at=(yield from contacts.last_moved(contact_id)),
                phone=person.phone,
                email=person.email,
                first_name=person.first_name,
                country=person.country,
            )
        )
    return found
