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


def _cancel_nothing(_: int, why: str, *, marketing_only: bool = False) -> Step[None]:
    yield from ()


setattr(sender, "decide", _always)  # noqa: B010 - the module imports it and exports it not: mypy takes it only so
for _name in ("cancel_contact", "cancel_run"):
    setattr(outbox, _name, _cancel_nothing)

if __name__ == "__main__":
    sys.exit(main())
