"""Runs and messages as JSON, for whoever keeps them. Decimals, money and moments come back equal to what went in.

Fields that a later version adds come back with their defaults, fields it dropped are ignored: a run outlives the release it
began in.
"""

from dataclasses import dataclass
from functools import lru_cache

from pydantic import TypeAdapter

from bot.flow.run import Content, Run, TemplateMessage, Text


@dataclass(frozen=True, slots=True)
class _Envelope:
    """Which of the two kinds of message it is."""

    text: Text | None = None
    template: TemplateMessage | None = None


RUNS_KEPT = 256  # read back not long ago: while an event is worked off its runs are asked for several times

_RUN = TypeAdapter(Run)
_CONTENT = TypeAdapter(_Envelope)


def encode_run(run: Run) -> str:
    """The run as JSON."""
    return _RUN.dump_json(run, exclude_defaults=True).decode()


@lru_cache(maxsize=RUNS_KEPT)
def decode_run(text: str) -> Run:
    """The run behind `encode_run`'s JSON; ValueError for anything else."""
    return _RUN.validate_json(text)


def encode_content(content: Content) -> str:
    """The message as JSON."""
    envelope = _Envelope(text=content) if isinstance(content, Text) else _Envelope(template=content)
    return _CONTENT.dump_json(envelope, exclude_defaults=True).decode()


def decode_content(text: str) -> Content:
    """The message behind `encode_content`'s JSON; ValueError for anything else."""
    envelope = _CONTENT.validate_json(text)
    content = envelope.text or envelope.template
    if content is None:
        raise ValueError("a message is neither a text nor a template")
    return content
