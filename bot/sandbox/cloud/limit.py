"""The limits of the Cloud API: messages a second of a number, messages to one person, and people a day who are written to first."""

from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.sandbox.cloud.graph_error import GraphError

DAY = timedelta(hours=24)
HIGH = 1_000  # messages a second from which on the API calls a number's throughput high


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
        self._fill(now)
        if self.level < 1:
            return False
        self.level -= 1
        return True

    def lose(self, now: datetime) -> None:
        """One token is gone, if there is one."""
        self._fill(now)
        self.level = max(0.0, self.level - 1)

    def _fill(self, now: datetime) -> None:
        if self.seen is not None:
            passed = max((now - self.seen).total_seconds(), 0)
            self.level = min(self.size, self.level + passed * self.per_second)
        self.seen = now


class SendLimit:
    """All three, by the sandbox's own clock. None switches one off."""

    def __init__(
        self,
        *,
        per_second: float | None = 80,
        pair_seconds: float | None = 6,
        pair_burst: int = 45,
        people_a_day: int | None = None,
    ) -> None:
        """Cloud API: 80 messages a second and number, in and out together (130429); one message in 6 s to one person, 45 at once (131056);
        250, 2,000, 10,000 or 100,000 people in 24 hours outside their reply windows (131048)."""
        self.per_second, self.people_a_day = per_second, people_a_day
        self._all = Bucket(per_second, per_second) if per_second else None
        self._pairs: defaultdict[str, Bucket] | None = defaultdict(lambda: Bucket(pair_burst, 1 / pair_seconds)) if pair_seconds else None
        self._begun: OrderedDict[str, datetime] = OrderedDict()

    @property
    def tier(self) -> str:
        """The limit of people as the API tells it."""
        people = self.people_a_day
        if people is None:
            return "TIER_UNLIMITED"
        return f"TIER_{people // 1_000}K" if people >= 1_000 and people % 1_000 == 0 else f"TIER_{people}"

    def heard(self, now: datetime) -> None:
        """A customer wrote: that is never refused, but counts."""
        if self._all:
            self._all.lose(now)

    def check(self, wa_id: str, now: datetime, *, begins: bool = False) -> None:
        """Counts one message to `wa_id`; `begins`: outside their reply window. Raises GraphError 130429, 131056 or 131048."""
        if self._all and not self._all.take(now):
            raise GraphError(130429, "Cloud API message throughput has been reached.")
        if self._pairs is not None and not self._pairs[wa_id].take(now):
            raise GraphError(131056, "Message failed to send because there were too many messages sent to the same phone number")
        if begins:
            self.begin(wa_id, now)

    def set_speed(self, per_second: float) -> None:
        """The number may send so many messages a second from now on."""
        self.per_second, self._all = per_second, Bucket(per_second, per_second)

    def begin(self, wa_id: str, now: datetime) -> None:
        """Counts a person who is written to outside their reply window. Raises GraphError 131048."""
        while self._begun and next(iter(self._begun.values())) <= now - DAY:
            self._begun.popitem(last=False)
        if self.people_a_day is not None and wa_id not in self._begun and len(self._begun) >= self.people_a_day:
            raise GraphError(131048, "There are restrictions on how many messages can be sent from this phone number.")
        self._begun[wa_id] = now
        self._begun.move_to_end(wa_id)
