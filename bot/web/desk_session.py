"""Who may come to the desk: one password, sessions, and patience with those who guess.

Sessions live in memory, each by a hash of its random name: a copy of the memory's keys opens nothing, and a restart logs everybody
out. Where several processes serve one desk, the proxy keeps each visitor with one of them.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

IDLE_SECONDS = 8 * 3600.0  # a working day: whoever comes back the next morning shows the password again
LONGEST_SECONDS = 7 * 24 * 3600.0
MAX_SESSIONS = 1_000  # far more than people at one desk; the oldest goes
FREE_TRIES = 5  # before pauses begin
FIRST_PAUSE_SECONDS = 2.0  # doubled with each further miss
LONGEST_PAUSE_SECONDS = 300.0
FORGET_SECONDS = 3600.0  # a miss longer ago than this counts no more
MAX_GUESSERS = 10_000  # addresses remembered; the oldest goes


@dataclass(slots=True)
class Session:
    """Somebody at the desk. `token` stands in each of their forms: whoever sends it has read one of their pages."""

    staff: str
    token: str
    began: float
    used: float


class Sessions:
    """Everybody at the desk. `ticks` are seconds that only rise: a clock that is set must neither end nor prolong a session."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        self._ticks = ticks
        self._open: dict[bytes, Session] = {}

    def begin(self, staff: str) -> str:
        """A new session; returns the name that only the visitor's cookie knows."""
        while len(self._open) >= MAX_SESSIONS:
            self._open.pop(next(iter(self._open)))
        name, now = secrets.token_urlsafe(32), self._ticks()
        self._open[_hash(name)] = Session(staff, secrets.token_urlsafe(32), now, now)
        return name

    def find(self, name: str, *, used: bool = True) -> Session | None:
        """The session of a cookie, None when it has ended or never was. `used`: the visitor is there, so it lives on."""
        session, now = self._open.get(_hash(name)), self._ticks()
        if session is None:
            return None
        if now - session.used > IDLE_SECONDS or now - session.began > LONGEST_SECONDS:
            self.end(name)
            return None
        if used:
            session.used = now
        return session

    def end(self, name: str) -> None:
        """Nobody comes in with this name any more."""
        self._open.pop(_hash(name), None)


@dataclass(slots=True)
class _Guesser:
    misses: int = 0
    last: float = 0.0


class Gate:
    """Knows the password, and lets an address that keeps missing it wait longer each time."""

    def __init__(self, password: str, ticks: Callable[[], float]) -> None:
        self._password = _hash(password)
        self._ticks = ticks
        self._guessers: dict[str, _Guesser] = {}

    def pause(self, address: str) -> float:
        """Seconds until this address may try again; 0 when it may now."""
        guesser = self._guessers.get(address)
        if guesser is None or guesser.misses < FREE_TRIES:
            return 0.0
        length = min(FIRST_PAUSE_SECONDS * 2.0 ** min(guesser.misses - FREE_TRIES, 30), LONGEST_PAUSE_SECONDS)
        return max(guesser.last + length - self._ticks(), 0.0)

    def opens(self, password: str, address: str) -> bool:
        """Whether it is the password. A miss is remembered; both answers take the same time."""
        known = hmac.compare_digest(_hash(password), self._password)  # of hashes: lengths are equal, so nothing is told
        if known:
            self._guessers.pop(address, None)
        else:
            self._miss(address)
        return known

    def _miss(self, address: str) -> None:
        now = self._ticks()
        guesser = self._guessers.pop(address, None) or _Guesser()  # popped: the newest stand at the end
        if now - guesser.last > FORGET_SECONDS:
            guesser.misses = 0
        guesser.misses, guesser.last = guesser.misses + 1, now
        while len(self._guessers) >= MAX_GUESSERS:
            self._guessers.pop(next(iter(self._guessers)))
        self._guessers[address] = guesser


def _hash(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
