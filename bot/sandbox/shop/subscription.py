"""The webhooks that apps asked a Shopify store for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any


@dataclass(frozen=True, slots=True)
class Subscription:
    """A webhook that the app asked for."""

    id: int
    topic: str
    uri: str
    api_version: str
    created_at: datetime
    updated_at: datetime
    format: str = "JSON"
    filter: str | None = None
    name: str | None = None
    include_fields: tuple[str, ...] = ()
    metafield_namespaces: tuple[str, ...] = ()


@dataclass(slots=True)
class Subscriptions:
    """The webhooks that apps asked for, by their numbers."""

    all: dict[int, Subscription] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=lambda: count(1_100_000_000_001))

    def get(self, key: int | None) -> Subscription | None:
        """The one with this number."""
        return self.all.get(key) if key is not None else None

    def make(self, topic: str, uri: str, version: str, now: datetime, **rest: Any) -> Subscription:
        """A new one."""
        made = Subscription(next(self._ids), topic, uri, version, now, now, **rest)
        self.all[made.id] = made
        return made

    def taken(self, topic: str, uri: str, wanted: str | None) -> bool:
        """Whether there is one that says the same."""
        return any((one.topic, one.uri, one.filter) == (topic, uri, wanted) for one in self.all.values())
