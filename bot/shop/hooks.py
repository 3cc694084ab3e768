"""A shop's webhooks as they are and as they should be: which are ours, and what to do about each.

A webhook is ours by where it leads: our host, and the path `/webhooks/{platform}/{name}`. One with our path on another host may be ours
from before we moved, or that of another bot (a second one on trial, say): only the owner can tell. What leads elsewhere is never touched.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

_OWN_PARTS = 3  # of the path, at its end: webhooks, the platform, the shop's name


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook of a shop. `key` is the shop's own of it, `topic` as deliveries say it; `flaw` is why it would not tell us all, where it
    would not. `version` is that of the bodies, where the platform has one."""

    key: str
    topic: str
    address: str
    flaw: str | None = None
    version: str | None = None


class Act(StrEnum):
    """What is to be done about a topic."""

    KEEP = "keep"
    REGISTER = "register"
    MEND = "mend"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Move:
    """One thing to do. `hook` is what there is, None where it is to be made; `why` is a part of a sentence."""

    act: Act
    topic: str
    hook: Hook | None = None
    why: str = ""


def plan(topics: Sequence[str], address: str, there: Sequence[Hook], *, moved: bool = False) -> list[Move]:
    """What makes each topic be told to `address`, once. Done twice, the second time there is nothing to do. `moved`: what leads to another
    host is ours, too, says the owner."""
    ours = own(address, there) + (elsewhere(address, there) if moved else [])
    return [move for topic in topics for move in _of_topic(topic, address, [hook for hook in ours if hook.topic == topic])]


def removal(address: str, there: Sequence[Hook]) -> list[Move]:
    """What takes ours out, whatever their topics."""
    return [Move(Act.REMOVE, hook.topic, hook) for hook in own(address, there)]


def own(address: str, there: Sequence[Hook]) -> list[Hook]:
    """Those that are ours."""
    return [hook for hook in there if _tail(hook.address) == _tail(address) and _netloc(hook.address) == _netloc(address)]


def elsewhere(address: str, there: Sequence[Hook]) -> list[Hook]:
    """Those with our path on another host."""
    return [hook for hook in there if _tail(hook.address) == _tail(address) and _netloc(hook.address) != _netloc(address)]


def _of_topic(topic: str, address: str, ours: Sequence[Hook]) -> Iterator[Move]:
    if not ours:
        yield Move(Act.REGISTER, topic)
        return
    best, *rest = sorted(ours, key=lambda hook: (hook.address != address, hook.flaw is not None))
    if best.address != address:
        yield Move(Act.MEND, topic, best, f"it led to {host(best.address)}")
    elif best.flaw is not None:
        yield Move(Act.MEND, topic, best, best.flaw)
    else:
        yield Move(Act.KEEP, topic, best)
    yield from (Move(Act.REMOVE, topic, hook, "it was there twice") for hook in rest)


def host(address: str) -> str:
    """Where an address leads, for people: without its path, which may have a word in it that opens a door."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "an address that is none"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _netloc(address: str) -> str:
    try:
        return urlsplit(address).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def _tail(address: str) -> tuple[str, ...]:
    try:
        parts = tuple(part for part in urlsplit(address).path.split("/") if part)
    except ValueError:
        return ()
    return parts[-_OWN_PARTS:] if urlsplit(address).scheme in ("http", "https") else ()
