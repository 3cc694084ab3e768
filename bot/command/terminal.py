"""How commands speak: colours only on a terminal, JSON for machines."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from enum import Enum

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}
BAR = 24  # characters


def coloured(stream: object = None) -> bool:
    """Whether colours may be used: a terminal, and NO_COLOR is not set (no-color.org)."""
    isatty: Callable[[], bool] = getattr(stream or sys.stdout, "isatty", bool)
    return isatty() and "NO_COLOR" not in os.environ


def paint(text: str, *styles: str) -> str:
    """The text in styles, where colours may be used."""
    if not styles or not coloured():
        return text
    return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"


def as_json(value: object) -> str:
    """The value as JSON for machines."""
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return str(value)


def table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Columns as wide as they must be: the first to the left, the rest to the right. The first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        line = "  ".join(("", row[0].ljust(len(first)), *rest))
        yield paint(line, "dim") if number == 0 else line


def complain(text: str) -> None:
    """A sentence on standard error."""
    print(text, file=sys.stderr)


def progress_bar(what: str) -> Callable[[float], None]:
    """A bar on standard error, where that is a terminal; to be told the share that is done, 0 to 1."""
    if not sys.stderr.isatty():
        return lambda _: None

    def draw(share: float) -> None:
        full = round(BAR * share)
        end = "\r\x1b[K" if share >= 1 else ""
        print(f"\r{what} {'█' * full}{'░' * (BAR - full)} {share:4.0%}", end=end, file=sys.stderr, flush=True)

    return draw
