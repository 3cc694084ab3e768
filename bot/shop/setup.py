"""What it takes to connect a store, whichever its platform: its webhooks, what we may do there, and what it says of itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.shop.hooks import Hook


@dataclass(frozen=True, slots=True)
class Store:
    """What a store says of itself; None where it does not say. `domain` is what the platform calls it, `country` ISO 3166, `currency`
    ISO 4217, `timezone` of the IANA database."""

    name: str | None = None
    domain: str | None = None
    country: str | None = None
    currency: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class Reachable:
    """Whether recent orders could be written to: how many there are, how many tell a phone, and how many tell anything else of who
    ordered (an address). With orders and neither, the platform keeps both from us."""

    orders: int
    with_phone: int
    with_address: int


@dataclass(frozen=True, slots=True)
class Scope:
    """What an app may be allowed. `needed`: without it the bot is blind to something it lives on; else only `feature` is lost."""

    name: str
    feature: str
    needed: bool = False


def lacking(scopes: Sequence[Scope], granted: frozenset[str]) -> list[Scope]:
    """The scopes that are not granted. Who may write may read."""
    return [one for one in scopes if not {one.name, one.name.replace("read_", "write_", 1)} & granted]


def tellable(topics: Mapping[str, str | None], granted: frozenset[str]) -> list[str]:
    """The topics whose scope is granted, of topic -> scope; None needs none."""
    return [topic for topic, scope in topics.items() if scope is None or not lacking([Scope(scope, "")], granted)]


class StoreSetup(Protocol):
    """One store. Everything raises ApiRefused where the store says no, ShopUnreachable where it says nothing."""

    @property
    def scopes(self) -> Sequence[Scope]:
        """What the bot would like to be allowed; nothing where the platform has no scopes."""

    @property
    def topics(self) -> Mapping[str, str | None]:
        """Each topic that is read, and the scope it needs."""

    async def obstacle(self) -> str | None:
        """Why the store does not let us in, and what to do; None: it does."""

    async def store(self) -> Store:
        """What the store says of itself."""

    async def granted(self) -> frozenset[str] | None:
        """The scopes we have; None where the platform has none."""

    async def hooks(self) -> list[Hook]:
        """The webhooks there are."""

    async def register(self, topic: str, address: str) -> None:
        """Make a webhook."""

    async def mend(self, hook: Hook, address: str) -> None:
        """Make a webhook of ours tell everything to this address."""

    async def remove(self, hook: Hook) -> None:
        """Take a webhook of ours out."""

    async def reachable(self, granted: frozenset[str] | None) -> Reachable:
        """What recent orders tell of who ordered."""
