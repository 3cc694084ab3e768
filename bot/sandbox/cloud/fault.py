"""The faults a test or a visitor can switch on: how a send is answered badly, and how webhooks arrive badly.

A share is between 0 and 1, of messages or of webhooks.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
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
    HANG = "hang"  # refused, and no answer comes
    ACCEPT_THEN_CUT = "accept_then_cut"
    ACCEPT_THEN_HANG = "accept_then_hang"
    ACCEPT_THEN_503 = "accept_then_503"
    ACCEPT_THEN_500 = "accept_then_500"  # 500 with 131000
    ACCEPT_WITHOUT_CONTACTS = "accept_without_contacts"  # 200, but the JSON holds no `contacts`
    ACCEPT_WITHOUT_JSON = "accept_without_json"  # 200, but no JSON

    @property
    def accepts(self) -> bool:
        """Whether the message goes out although the sender does not learn it."""
        return self.value.startswith("accept")


@dataclass(slots=True)
class CodeFault:
    """The next `count` messages meet this error code: refused at once, or with `late` accepted first and then told as `failed`.

    `http`, `details` and `subcode` replace what Meta documents for the code.
    """

    code: int
    late: bool = False
    count: int = 1
    http: int | None = None
    details: str = "switched on"
    subcode: int | None = None

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "CodeFault":
        """Reads `{"code": 131049, "late": true, "count": 3}`. Raises ValueError or TypeError for anything else."""
        whole = cls(**body)
        numbers = (whole.code, whole.count, *(one for one in (whole.http, whole.subcode) if one is not None))
        if not all(isinstance(one, int) for one in numbers) or not isinstance(whole.late, bool) or not isinstance(whole.details, str):
            raise ValueError("code, count, http and subcode are whole numbers, late is true or false")
        return whole


@dataclass(slots=True)
class Faults:
    """All switches. Shares are between 0 and 1; `next` and `code` count down and go before the shares."""

    code: CodeFault | None = None
    next: dict[SendFault, int] = field(default_factory=dict)
    shares: dict[SendFault, float] = field(default_factory=dict)
    late_refusals: bool = False  # 131047, 131049, 131050 come as a failed status after a 200
    duplicate: float = 0.0  # share of webhook updates that come twice
    reorder: float = 0.0  # share of webhook updates that others overtake
    batch: int = 1  # updates in one POST, at most; Meta: up to 1,000
    delay: float = 0.0  # seconds that webhooks come late
    failed: float = 0.0  # share of accepted messages that end as `failed`, without `contacts`
    failed_code: int = 131049
    failed_alone: bool = False  # without a `sent` before it
    failed_with_contacts: bool = False  # with `contacts` of a `wa_id` alone, as real failures were seen
    token_expired: bool = False  # every call is answered 190
    repeat: float = 0.0  # share of webhook POSTs that come again, byte for byte
    merge: bool = False  # updates of one POST share a `value` where they can
    skip_delivered: float = 0.0  # share of messages that are read without having been told as delivered
    hold: float = 0.0  # share of template messages that are held for a quality assessment
    no_contacts: bool = False  # no status has `contacts`, as in the documents of 2025
    empty_phone: bool = False  # those who hide their number have an empty one instead of none
    hyphen_language: bool = False  # template webhooks write `en-US`
    strange: bool = False  # fields and values that no document knows
    clock_skew: float = 0.0  # seconds that the times in webhooks are ahead

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

    def draw_code(self, *, late: bool) -> CodeFault | None:
        """The error code that the next message meets, if any."""
        if self.code is None or self.code.late is not late or self.code.count <= 0:
            return None
        self.code.count -= 1
        return self.code

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Faults":
        """The switches a visitor posted; what is left out is off. Raises ValueError or TypeError for anything else."""
        known = {one.name for one in fields(cls)}
        if unknown := set(body) - known:
            raise ValueError(f"unknown switches: {', '.join(sorted(unknown))}")
        code = body.get("code")
        faults = cls(**{name: type(getattr(cls(), name))(value) for name, value in body.items() if name != "code"})
        faults.code = CodeFault.from_json(code) if code is not None else None
        faults.next = {SendFault(name): int(count) for name, count in faults.next.items()}
        faults.shares = {SendFault(name): float(share) for name, share in faults.shares.items()}
        return faults

    def as_json(self) -> dict[str, Any]:
        """The switches as `from_json` reads them."""
        return asdict(self)
