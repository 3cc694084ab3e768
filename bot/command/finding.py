"""One thing the doctor looked at: how it stands, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum

from bot.channel import SendError
from bot.command.terminal import paint


class Health(StrEnum):
    """How a finding stands."""

    WELL = "well"
    HINT = "hint"
    ILL = "ill"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at. `sentence` says what is, and, where it is not well, what to do."""

    about: str
    verdict: Health
    sentence: str


def well(about: str, sentence: str) -> Finding:
    """All is as it should be."""
    return Finding(about, Health.WELL, sentence)


def hint(about: str, sentence: str) -> Finding:
    """Something to know, or to do one day."""
    return Finding(about, Health.HINT, sentence)


def ill(about: str, sentence: str) -> Finding:
    """Something must be done."""
    return Finding(about, Health.ILL, sentence)


def refused(about: str, what: str, fault: SendError) -> Finding:
    """WhatsApp did not answer a question, and what to do about that."""
    return ill(about, f"{what}: {fault.detail}" + (f"; {fault.advice}" if fault.advice else ""))


_MARKS = {Health.WELL: ("✓", "green"), Health.HINT: ("!", "yellow"), Health.ILL: ("✗", "red")}


def line(finding: Finding) -> str:
    """A finding for people."""
    mark, colour = _MARKS[finding.verdict]
    return f"{paint(mark, colour)} {finding.about:<13} {finding.sentence}"
