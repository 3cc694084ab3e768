"""A spoiled bot: whether a message may go is asked when it is queued, not when it is sent. The harness must see marketing after a STOP."""

import sys
from datetime import datetime

from bot.__main__ import main
from bot.policy.decision import Decision, Message, Person, Rules, Send
from bot.store import outbox
from bot.store.step import Step
from bot.worker import sender


def _always(message: Message, person: Person, rules: Rules, now: datetime) -> Decision:
    return Send()


def _cancel_nothing(contact: int, why: str) -> Step[None]:
    yield from ()


sender.decide = _always  # type: ignore[attr-defined]  # spoiling it is what this file is for
outbox.cancel_contact = _cancel_nothing
outbox.cancel_run = _cancel_nothing

if __name__ == "__main__":
    sys.exit(main())
