"""The faults a test or a visitor can switch on: how a send is answered badly, and how webhooks arrive badly."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from random import Random
from typing import Any


class SendFault(StrEnum):
    """What goes wrong with one POST /messages. The `accept_*` ones accept the message and lose the answer."""

    RATE_LIMITED = "rate_limited"  # 429 with 130429
    PAIR_LIMITED = "pair_limited"  # 429 with 131056
    GRAPH_500 = "graph_500"  # 500 with 131000
    HTML_500 = "html_500"  # 500 without JSON
    CUT = "cut"  # refused, the connection is cut
    ACCEPT_THEN_CUT = "accept_then_cut"
    ACCEPT_THEN_HANG = "accept_then_hang"
    ACCEPT_THEN_503 = "accept_then_503"

    @property
    def accepts(self) -> bool:
        """Whether the message goes out although the sender does not learn it."""
        return self.value.startswith("accept")


@dataclass(slots=True)
class Faults:
    """All switches. Shares are between 0 and 1; `next` counts down and goes before the shares."""

    next: dict[SendFault, int] = field(default_factory=dict)
    shares: dict[SendFault, float] = field(default_factory=dict)
    late_refusals: bool = False  # 131047, 131049, 131050 come as a failed status after a 200
    duplicate: float = 0.0  # share of webhook updates that come twice
    reorder: float = 0.0  # share of webhook updates that others overtake
    batch: int = 1  # updates in one POST, at most; Meta: up to 1,000
    delay: float = 0.0  # seconds that webhooks come late
    failed: float = 0.0  # share of accepted messages that end as `failed`, without `contacts`
    failed_code: int = 131049

    def draw(self, random: Random) -> SendFault | None:
        """The fault of the next POST, if any."""
        for fault, left in self.next.items():
            if left > 0:
                self.next[fault] = left - 1
                return fault
        dice = random.random()
        for fault, share in self.shares.items():
            if dice < share:
                return fault
            dice -= share
        return None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Faults":
        """The switches a visitor posted; what is left out is off. Raises ValueError or TypeError for anything else."""
        known = {one.name for one in fields(cls)}
        if unknown := set(body) - known:
            raise ValueError(f"unknown switches: {', '.join(sorted(unknown))}")
        faults = cls(**{name: type(getattr(cls(), name))(value) for name, value in body.items()})
        faults.next = {SendFault(name): int(count) for name, count in faults.next.items()}
        faults.shares = {SendFault(name): float(share) for name, share in faults.shares.items()}
        return faults

    def as_json(self) -> dict[str, Any]:
        """The switches as `from_json` reads them."""
        return {one.name: getattr(self, one.name) for one in fields(self)}
