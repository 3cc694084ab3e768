"""What belongs to the business: its phone numbers, the token and its scopes, the app and where it wants its webhooks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.sandbox.cloud.limit import HIGH, SendLimit

SCOPES = ("whatsapp_business_management", "whatsapp_business_messaging", "business_management", "catalog_management")
FIELDS = ("messages", "message_template_status_update", "account_update", "phone_number_quality_update", "user_preferences")
PROFILE_FIELDS = frozenset({"about", "address", "description", "email", "profile_picture_url", "websites", "vertical"})

Json = dict[str, Any]


@dataclass(slots=True)
class Number:
    """One of the business's phone numbers. `callback`: where its webhooks go, empty: where the account's go."""

    id: str
    display: str
    name: str
    quality: str = "GREEN"
    registered: bool = True
    callback: str = ""
    limit: SendLimit = field(default_factory=SendLimit)
    profile: dict[str, Any] = field(default_factory=lambda: {"vertical": "UNDEFINED"})
    standing: Json = field(default_factory=dict)
    """What of `as_json` stands otherwise, so that a set-up can be tried that is not all well: `{"name_status": "DECLINED"}`."""
    blocked: dict[str, str] = field(default_factory=dict)
    """Whom the business blocked: wa_id -> how they were named."""

    def metadata(self) -> Json:
        """The `metadata` of each change."""
        return {"display_phone_number": self.display, "phone_number_id": self.id}

    def as_json(self, tier: str) -> Json:
        """The number as `GET /{number}` shows it."""
        return {
            "id": self.id,
            "display_phone_number": f"+{self.display}",
            "verified_name": self.name,
            "quality_rating": self.quality,
            "quality_score": {"score": self.quality},
            "throughput": {"level": "HIGH" if (self.limit.per_second or HIGH) >= HIGH else "STANDARD"},
            "whatsapp_business_manager_messaging_limit": tier,
            "messaging_limit_tier": tier,
            "platform_type": "CLOUD_API" if self.registered else "NOT_APPLICABLE",
            "code_verification_status": "VERIFIED",
            "status": "CONNECTED" if self.registered else "PENDING",
            "name_status": "APPROVED",
            "account_mode": "LIVE",
            "is_official_business_account": False,
            "is_pin_enabled": self.registered,
            "is_on_biz_app": False,
            "is_preverified_number": False,
            "certificate": "",
            "last_onboarded_time": "2026-01-01T00:00:00+0000",
            "health_status": {"can_send_message": "AVAILABLE", "entities": []},
            "webhook_configuration": {"phone_number": self.callback} if self.callback else {},
            **self.standing,
        }


@dataclass(slots=True)
class App:
    """The Meta app that holds the token. `subscribed`: to the account; `callback`: where the app wants webhooks."""

    id: str = "1234567890123456"
    name: str = "Comeback"
    fields: tuple[str, ...] = FIELDS
    subscribed: bool = False
    scopes: tuple[str, ...] = SCOPES
    token_expires: datetime | None = None
    """UTC; None: never, as a system user's."""
    account_review: str = "APPROVED"
    business_verified: bool = True

    def expired(self, now: datetime) -> bool:
        """Whether the token's time is over."""
        return self.token_expires is not None and now >= self.token_expires


def only(whole: Mapping[str, Any], fields: str | None, default: frozenset[str] | None = None) -> Json:
    """The asked-for `fields` of an object and its id, as Graph picks them; without any, the `default` ones or all.

    What the object does not have is left out, and so are the sub-fields in braces.
    """
    if not fields:
        return {name: value for name, value in whole.items() if default is None or name in default}
    wanted = {"id", *names_in(fields)}
    return {name: value for name, value in whole.items() if name in wanted}


def names_in(fields: str) -> list[str]:
    """The names of a `fields` parameter: `id,throughput{level}` -> id, throughput."""
    names, depth = [""], 0
    for letter in fields:
        depth += (letter in "{(") - (letter in "})")
        if depth == 0 and letter == ",":
            names.append("")
        elif depth == 0 and letter not in "})":
            names[-1] += letter
    return [name.partition(".")[0].strip() for name in names if name.strip()]
