"""The two speed limits of the Cloud API: messages a second of a number, and messages to one person."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from bot.sandbox.graph_error import GraphError


@dataclass(slots=True)
class Bucket:
    """A token bucket: holds `size` tokens, gets `per_second` new ones. It starts full."""

    size: float
    per_second: float
    level: float = field(init=False)
    seen: datetime | None = None

    def __post_init__(self) -> None:
        self.level = self.size

    def take(self, now: datetime) -> bool:
        """Takes one token; False when there is none. A clock that goes back gives no tokens."""
        if self.seen is not None:
            passed = max((now - self.seen).total_seconds(), 0)
            self.level = min(self.size, self.level + passed * self.per_second)
        self.seen = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


class SendLimit:
    """Both limits, by the sandbox's own clock. None switches one off."""

    def __init__(self, *, per_second: float | None = 80, pair_seconds: float | None = 6, pair_burst: int = 45) -> None:
        """Cloud API: 80 messages a second and number (130429); one message in 6 s to one person, 45 at once (131056)."""
        self._all = Bucket(per_second, per_second) if per_second else None
        self._pairs: defaultdict[str, Bucket] | None = defaultdict(lambda: Bucket(pair_burst, 1 / pair_seconds)) if pair_seconds else None

    def check(self, wa_id: str, now: datetime) -> None:
        """Counts one message to `wa_id`. Raises GraphError 130429 or 131056."""
        if self._all and not self._all.take(now):
            raise GraphError(130429, "Cloud API message throughput has been reached.")
        if self._pairs is not None and not self._pairs[wa_id].take(now):
            raise GraphError(131056, "Message failed to send because there were too many messages sent to the same phone number")
