"""What `serve` writes down: one line an event on standard error, as text or as JSON, with personal data and secrets masked.

Both say the same: time (UTC), level, logger, message, and where known the contact, the inbox event and the outbox message it is about,
by our own ids (`log.error(..., extra={"contact": 12, "event": 34})`). Nobody logs what customers write; the masks are a second line.
"""

import json
import logging
import re
import sys
from collections.abc import Collection
from datetime import UTC, datetime

ABOUT = ("contact", "event", "message_id")  # what a record may say it is about
SHORTEST_SECRET = 6  # a shorter "secret" would mask half of every line
TALKATIVE = ("apscheduler", "pywa", "httpx", "httpcore", "aiosqlite", "asyncpg")  # they tell bodies, or a line a heartbeat

_MASKS = (
    (re.compile(r"wamid\.[\w+/=-]+"), "wamid.…"),  # base64, with the person's phone number in it
    (re.compile(r"whsec_[\w+/=-]+|\bEAA\w{12,}|(?i:\bbearer )\S+"), "…"),  # tokens and secrets by their looks, whoever logs them
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "…@…"),
    (re.compile(r"(\+\d\d)[\d ().-]{4,}(\d\d)"), r"\1…\2"),  # phones
    (re.compile(r"(\d{3})\d{3,}(\d\d)"), r"\1…\2"),  # and the same without a plus: wa_ids, business-scoped ids; our row ids are shorter
)


class Mask:
    """Takes personal data and secrets out of a line. `secrets` are masked wherever they stand."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        known = sorted((re.escape(one) for one in secrets if len(one) >= SHORTEST_SECRET), key=len, reverse=True)
        self._secrets = re.compile("|".join(known)) if known else None

    def __call__(self, text: str) -> str:
        """The text, masked."""
        if self._secrets is not None:
            text = self._secrets.sub("…", text)
        for pattern, instead in _MASKS:
            text = pattern.sub(instead, text)
        return text


class Text(logging.Formatter):
    """A line for people: `2026-11-02 10:00:00.123 ERROR bot.worker.dispatcher: ... (contact 12, event 34)`, then a traceback, if any."""

    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        about = ", ".join(f"{name} {value}" for name, value in _about(record).items())
        told = self._mask(record.getMessage() + (f" ({about})" if about else ""))
        line = f"{_time(record):%Y-%m-%d %H:%M:%S}.{int(record.msecs):03d} {record.levelname} {record.name}: {told}"
        failure = _failure(self, record)
        return f"{line}\n{self._mask(failure)}" if failure else line


class Json(logging.Formatter):
    """A line for machines: one JSON object with time, level, logger, message, and contact, event, message_id, traceback where known."""

    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told: dict[str, object] = {
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._mask(record.getMessage()),
            **_about(record),
        }
        failure = _failure(self, record)
        if failure:
            told["traceback"] = self._mask(failure)
        return json.dumps(told, ensure_ascii=False)


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _about(record: logging.LogRecord) -> dict[str, int]:
    return {name: value for name in ABOUT if isinstance(value := getattr(record, name, None), int)}


def _failure(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = [formatter.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
    return "\n".join([*parts, *([formatter.formatStack(record.stack_info)] if record.stack_info else [])])


def open_logbook(level: str, form: str = "text", secrets: Collection[str] = ()) -> None:
    """Write to standard error from now on, warnings of Python's own included. `form` is text or json."""
    handler = logging.StreamHandler(sys.stderr)
    mask = Mask(secrets)
    handler.setFormatter(Json(mask) if form == "json" else Text(mask))
    logging.basicConfig(level=level, handlers=[handler])
    logging.captureWarnings(True)
    for talkative in TALKATIVE:
        logging.getLogger(talkative).setLevel(logging.WARNING)
