"""What the house itself says to a customer: that STOP, or START after it, was understood."""

from collections.abc import Mapping

from bot.flow.run import Text
from bot.policy.decision import Author
from bot.store.contacts import Contact
from bot.store.outbox import Draft
from bot.worker.playbook import REPLY_WORTH, House

STOPPED = (
    "Done: we will not send you offers any more. You can still write to us here whenever you like."
    " Should you want our offers back one day, write START."
)
STARTED = "Welcome back: we will send you our offers again now and then. Write STOP whenever you have had enough."


def stopped(house: House, contact: Contact, number: str, source: str) -> Draft:
    """The confirmation of an opt-out: once, as an answer, and never marketing."""
    return _confirmation(house, contact, number, "stopped", source, STOPPED)


def started(house: House, contact: Contact, number: str, source: str) -> Draft:
    """The confirmation that an opt-out was taken back: once, as an answer."""
    return _confirmation(house, contact, number, "started", source, STARTED)


def _confirmation(house: House, contact: Contact, number: str, about: str, source: str, text: str) -> Draft:
    language = house.playbook.language_of(contact.language)
    return Draft(
        key=house.key(about, contact.id, source),
        contact=contact.id,
        number=number,
        shop="",
        content=Text(translated(house.playbook.house_texts, text, language)),
        author=Author.HOUSE,
        marketing=False,
        reply=True,
        expires_at=house.now + REPLY_WORTH,
    )


def translated(texts: Mapping[str, Mapping[str, str]], text: str, language: str) -> str:
    """One of the house's own texts in a language, else in its base language, else in English."""
    for code in (language, language.partition("_")[0]):
        if found := texts.get(code, {}).get(text):
            return found
    return text

