"""What `serve` writes down: one line an event on standard error, as text or as JSON, with personal data and secrets masked.

Both say the same: time (UTC), level, logger, message, and where known the contact, the inbox event and the outbox message it is about,
by our own ids (`log.error(..., extra={"contact": 12, "event": 34})`). Nobody logs what customers write; the masks are a second line.
They know phones, addresses and secrets by their looks. A name looks like any word, so what others quote (`KeyError: 'Lola'`) is taken out
whole.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Collection
from datetime import UTC, datetime

OURS = "bot."  # our own loggers; what others tell is not known beforehand
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
_QUOTED = re.compile(r"""(['"])(?:\\.|(?!\1).)+\1""")
_DETAIL = re.compile(r"DETAIL:.*", re.DOTALL)  # PostgreSQL: 'Failing row contains (...)'
_UNPRINTED = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {0x2028: r"\u2028", 0x2029: r"\u2029"}  # lines end there
_LINE_ENDS_IN_JSON = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}  # for some; JSON escapes the others itself


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

    def quoted(self, text: str) -> str:
        """The text, masked, without what it quotes."""
        return self(_DETAIL.sub("DETAIL: …", _QUOTED.sub("'…'", text)))

    def message(self, record: logging.LogRecord) -> str:
        """What a record says, masked."""
        told = record.getMessage()
        return self(_DETAIL.sub("DETAIL: …", told)) if record.name.startswith(OURS) else self.quoted(told)

    def failure(self, record: logging.LogRecord) -> str:
        """The traceback of a record, masked; empty where there is none."""
        error = record.exc_info[1] if record.exc_info else None
        stack = [record.stack_info] if record.stack_info else []
        return "\n".join([*([self._raised(error)] if error else []), *stack])

    def _raised(self, error: BaseException) -> str:
        """Where it was raised is our own code; what it says may quote a customer."""
        earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        before = f"{self._raised(earlier)}\n\nand then:\n\n" if earlier else ""
        where = "".join(traceback.format_tb(error.__traceback__))
        said = self.quoted("".join(traceback.format_exception_only(error)).strip())
        return f"{before}Traceback (most recent call last):\n{where}{said}"


class Strangers(logging.Filter):
    """For aiohttp's server: a request that is not HTTP is told in a word, at DEBUG. Else strangers would write our log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is to be written down."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None or not type(error).__module__.startswith("aiohttp."):
            return True
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        record.msg, record.args, record.exc_info = f"not HTTP: {type(error).__name__}", None, None
        return logging.getLogger().isEnabledFor(logging.DEBUG)


class Text(logging.Formatter):
    """A line for people: `2026-11-02 10:00:00.123 ERROR bot.worker.dispatcher: ... (contact 12, event 34)`, then a traceback, if any."""

    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        about = ", ".join(f"{name} {value}" for name, value in _about(record).items())
        told = self._mask.message(record).translate(_UNPRINTED) + (f" ({about})" if about else "")
        line = f"{_time(record):%Y-%m-%d %H:%M:%S}.{int(record.msecs):03d} {record.levelname} {record.name}: {told}"
        failure = self._mask.failure(record)
        return f"{line}\n{failure}" if failure else line


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
            "message": self._mask.message(record),
            **_about(record),
        }
        if failure := self._mask.failure(record):
            told["traceback"] = failure
        return json.dumps(told, ensure_ascii=False).translate(_LINE_ENDS_IN_JSON)


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _about(record: logging.LogRecord) -> dict[str, int]:
    return {name: value for name in ABOUT if isinstance(value := getattr(record, name, None), int)}


def open_logbook(level: str, form: str = "text", secrets: Collection[str] = ()) -> None:
    """Write to standard error from now on, warnings of Python's own included. `form` is text or json."""
    handler = logging.StreamHandler(sys.stderr)
    mask = Mask(secrets)
    handler.setFormatter(Json(mask) if form == "json" else Text(mask))
    logging.basicConfig(level=level, handlers=[handler])
    logging.captureWarnings(True)
    logging.getLogger("aiohttp.server").addFilter(Strangers())
    for talkative in TALKATIVE:
        logging.getLogger(talkative).setLevel(logging.WARNING)
