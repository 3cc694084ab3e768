"""The refusals of the Cloud API that the sandbox knows, and the JSON Meta wraps them in."""

import secrets
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """How Meta answers one error code: the HTTP status and the title, without the `(#code)` before it."""

    http: int
    title: str


REFUSALS = {
    33: Refusal(400, "Object with ID does not exist"),
    100: Refusal(400, "Invalid parameter"),
    190: Refusal(401, "Invalid OAuth access token - Cannot parse access token"),
    130429: Refusal(400, "Rate limit hit"),
    131000: Refusal(500, "Something went wrong"),
    131008: Refusal(400, "Required parameter is missing"),
    131009: Refusal(400, "Parameter value is not valid"),
    131016: Refusal(503, "Service unavailable"),
    131026: Refusal(400, "Message undeliverable"),
    131047: Refusal(400, "Re-engagement message"),
    131049: Refusal(400, "This message was not delivered to maintain healthy ecosystem engagement."),
    131050: Refusal(400, "User has stopped marketing messages from this business"),
    131051: Refusal(400, "Unsupported message type"),
    131056: Refusal(400, "(Business Account, Consumer Account) pair rate limit hit"),
    132000: Refusal(400, "Number of parameters does not match the expected number of params"),
    132001: Refusal(404, "Template name does not exist in the translation"),
    132005: Refusal(400, "Translated text too long"),
    132012: Refusal(400, "Parameter format does not match format in the created template"),
    132015: Refusal(400, "Template is paused"),
    132016: Refusal(400, "Template is disabled"),
    132018: Refusal(400, "Template parameter text is not valid"),
}
"""Codes, statuses and titles as Meta's error page documents them (Cloud API, error codes)."""


class GraphError(Exception):
    """A request the Cloud API refuses. `code` is one of `REFUSALS`; `http` replaces the documented status where a fault asks for it."""

    def __init__(self, code: int, details: str, *, subcode: int | None = None, http: int | None = None) -> None:
        super().__init__(f"(#{code}) {details}")
        refusal = REFUSALS[code]
        self.code = code
        self.details = details
        self.subcode = subcode
        self.title = refusal.title
        self.http = http or refusal.http

    def body(self) -> dict[str, Any]:
        """The answer as Meta writes it."""
        error: dict[str, Any] = {
            "message": self.title if self.code == 190 else f"(#{self.code}) {self.title}",
            "type": "OAuthException",
            "code": self.code,
            "error_data": {"messaging_product": "whatsapp", "details": self.details},
            "fbtrace_id": secrets.token_urlsafe(16),
        }
        if self.subcode is not None:
            error |= {"error_subcode": self.subcode, "is_transient": False, "error_user_title": self.title, "error_user_msg": self.details}
        return {"error": error}

    def in_status(self) -> dict[str, Any]:
        """The same refusal as it stands in `errors[]` of a failed status."""
        return {
            "code": self.code,
            "title": self.title,
            "message": self.title,
            "error_data": {"details": self.details},
            "href": "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes",
        }
