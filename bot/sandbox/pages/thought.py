"""What the bot thinks about one person, in the sandbox's own words: whoever runs the demo fills it in, the page draws it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Mood(StrEnum):
    """What kind of thought it is: the page gives each its own sign."""

    EVENT = "event"  # something happened outside
    HEARD = "heard"  # the customer wrote
    DECIDED = "decided"  # a flow began, went on, ended
    SENT = "sent"
    HELD = "held"  # a message waits
    DROPPED = "dropped"  # a message will not go
    TROUBLE = "trouble"  # something went wrong
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Thought:
    """One line of the timeline. `about` is its title, `text` a sentence, `why` the reason where there is one."""

    at: datetime
    mood: Mood
    about: str
    text: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Coming:
    """Something that will happen of its own accord, unless something comes in between."""

    due: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A step of a flow, or the name of a branch (`verb` empty). `lit`: the run stands here."""

    depth: int
    verb: str
    text: str
    lit: bool = False


@dataclass(frozen=True, slots=True)
class FlowNow:
    """A flow and where the person stands in it."""

    name: str
    state: str
    over: bool
    lines: tuple[Line, ...]
    flow: str = ""  # what its picture is asked by


@dataclass(frozen=True, slots=True)
class Mind:
    """All the bot thinks about a person. `facts` are short: consent, tags, who speaks."""

    facts: tuple[str, ...] = ()
    flows: tuple[FlowNow, ...] = ()
    coming: tuple[Coming, ...] = ()
    timeline: tuple[Thought, ...] = ()


class Thoughts(Protocol):
    """Reads the bot's mind. Phones are E.164 with a `+`."""

    async def of(self, phone: str) -> Mind:
        """What it thinks about the person with this phone."""
        ...

    async def picture(self, flow: str) -> str | None:
        """A flow as an SVG, with how many people wait at each step; None when there is no such flow."""
        ...
