"""`python -m tests.ops.gossip serve`: a bot that writes down what comes in, to see whether the test of the logbook notices."""

import logging
import sys

from bot.__main__ import main
from bot.store.contacts import Resolved
from bot.store.inbox import Entry
from bot.store.step import Step
from bot.worker import dispatcher
from bot.worker.playbook import House

_work_off = dispatcher._work_off


def _gossip(house: House, entry: Entry, whose: Resolved | None) -> Step[None]:
    logging.getLogger("bot.gossip").debug("came in: %s", entry.body.decode())
    yield from _work_off(house, entry, whose)


if __name__ == "__main__":
    dispatcher._work_off = _gossip
    sys.exit(main())
