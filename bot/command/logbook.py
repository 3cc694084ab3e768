"""What `serve` writes down: one line an event on standard error, with personal data masked."""

import logging
import re

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_NUMBER = re.compile(r"\+?\d{8,}")  # phones, wa_ids and the numbers inside business-scoped ids; our own row ids are shorter
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")


class Masked(logging.Formatter):
    """Masks phone numbers and e-mail addresses wherever they stand, in messages and in tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, masked."""
        line = _NUMBER.sub(lambda found: f"{found.group()[:3]}…{found.group()[-2:]}", super().format(record))
        return _ADDRESS.sub("…@…", line)


def open_logbook(level: str) -> None:
    """Write to standard error from now on."""
    handler = logging.StreamHandler()
    handler.setFormatter(Masked(FORMAT))
    logging.basicConfig(level=level, handlers=[handler])
    for talkative in ("apscheduler", "pywa", "httpx", "aiosqlite"):  # at lower levels they tell bodies, or a line a heartbeat
        logging.getLogger(talkative).setLevel(logging.WARNING)
