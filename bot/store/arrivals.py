"""Who was heard of in the last moments, in this process.

Between the commit of a claim and the start of its request an opt-out can be acknowledged. The channel has the sender ask here before
each request (`Outgoing.may_start`), with nothing awaited between the question and the request: then no request starts after the
acknowledgement. An opt-out that another process takes is acknowledged only after what was claimed has started, or never will
(`START_SECONDS` in `outbox.py`).
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping

from bot.store.model import MESSAGE, Source, Update

REMEMBERED = 100_000  # names; a claim older than what is remembered is released and asked again, which is always safe

Name = tuple[str, str, str]


class Arrivals:
    """The names in deliveries that were committed lately, each with the count of deliveries at the time.

    `count` are those that were noted, `kept` those a step sees that runs now, in the order of `count`: on SQLite a delivery is kept and
    answered in one transaction, before it is noted. Where nobody counts them `kept` stays 0.
    """

    def __init__(self) -> None:
        self.count = self.kept = 0
        self._latest: dict[Name, int] = {}
        self._order: deque[tuple[int, Name]] = deque()
        self._forgotten = 0
        self._messages: Counter[str] = Counter()

    def note(self, updates: Iterable[Update]) -> None:
        """A delivery was committed and is about to be acknowledged."""
        self.count += 1
        for update in updates:
            if update.source is Source.WHATSAPP and update.kind == MESSAGE:
                self._messages[update.place] += 1
            if not update.may_object:
                continue
            self._note((str(one.kind), one.scope, one.value) for one in update.identities)

    def note_names(self, names: Iterable[Name]) -> None:
        """Staff did something about the person of these names that is kept, and is about to be told so."""
        self.count += 1
        self._note(names)

    def _note(self, names: Iterable[Name]) -> None:
        for name in names:
            self._latest[name] = self.count
            self._order.append((self.count, name))
        while len(self._order) > REMEMBERED:
            count, name = self._order.popleft()
            self._forgotten = count
            if self._latest.get(name) == count:
                del self._latest[name]

    def messages(self) -> Mapping[str, int]:
        """How many messages came in to each of our numbers since this was last asked."""
        told, self._messages = self._messages, Counter()
        return told

    def since(self, count: int, names: Iterable[Name]) -> bool:
        """Whether any of the names was heard of after `count` deliveries."""
        return count < self._forgotten or any(self._latest.get(name, 0) > count for name in names)
