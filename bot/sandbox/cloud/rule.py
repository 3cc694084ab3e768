"""Which rules of the Cloud API hold in the sandbox, and how strict they are: a test sets them as it needs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

SERVICE_CHARGED_FROM = datetime(2026, 10, 1, tzinfo=UTC)
"""Cloud API, pricing: from then on free text costs, and utility templates inside the reply window."""
UNCAPPED = frozenset(
    {
        *("AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV", "LT", "LU", "MT"),
        *("NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE", "IS", "LI", "NO", "GB", "JP", "KR"),
    }
)
"""Cloud API, per-user marketing limits: not active for people of the EEA, the United Kingdom, Japan and South Korea."""


@dataclass(slots=True)
class Rules:
    """Every rule that can be switched. None switches a size off."""

    window: bool = True  # free text within 24 hours of the customer's last words (131047)
    stop: bool = True  # no marketing to those who stopped it (131050)
    us_gate: bool = False  # no marketing to numbers of the United States (131049)
    marketing_cap: int | None = None  # marketing templates a person gets outside the window in 24 hours (131049)
    cap_everywhere: bool = False  # the cap holds in Europe, the United Kingdom, Japan and South Korea, too
    allow_list: list[str] = field(default_factory=list)  # a test number's recipients, wa_ids (131030); empty: everybody
    catalog: list[str] = field(default_factory=list)  # products by retailer id (131009 for another); empty: any
    marketing_only_by_mm: bool = False  # marketing must go through /marketing_messages (131063)
    fetch_links: bool = False  # files that messages link to are fetched; what cannot be had or sent fails (131053)
    mm_signed: bool = True  # the terms of marketing messages (134102 without)
    blocked_is_told: bool = True  # a message to somebody who blocked the business fails (131026); else it stays `sent`
    needs_subscription: bool = False  # no webhook before the app subscribed to the account
    approve_at_once: bool = True  # templates need no review
    review_seconds: float | None = None  # how long a review takes by the sandbox's clock; None: until a test ends it
    rejected_words: list[str] = field(default_factory=list)  # a body with one of them is rejected
    edit_limits: bool = True  # edits of an approved template: 1 a day, 10 in 30 days
    name_rest: bool = True  # a deleted template's name is blocked for 30 days
    management_calls: int | None = 5000  # calls an hour to the account's own edges (80007)
    delivered_price: bool = True  # `pricing` also on the delivered status

    @classmethod
    def from_json(cls, body: Mapping[str, Any], before: "Rules | None" = None) -> "Rules":
        """The rules with what was posted. Raises ValueError for an unknown rule or a value of another kind."""
        known = {one.name for one in fields(cls)}
        if unknown := set(body) - known:
            raise ValueError(f"unknown rules: {', '.join(sorted(unknown))}")
        rules = before or cls()
        plain = cls()
        for name, value in body.items():
            if isinstance(getattr(plain, name), bool | list) and not isinstance(value, type(getattr(plain, name))):
                raise ValueError(f"{name} is {type(getattr(plain, name)).__name__}")
            if not isinstance(getattr(plain, name), bool | list) and not (value is None or isinstance(value, int | float)):
                raise ValueError(f"{name} is a number or null")
        for name, value in body.items():
            setattr(rules, name, value)
        return rules

    def as_json(self) -> dict[str, Any]:
        """The rules as `from_json` reads them."""
        return asdict(self)
