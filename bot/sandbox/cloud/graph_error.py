"""The refusals of the Cloud API, and the JSON Meta wraps them in."""

import secrets
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """How Meta answers one error code: the HTTP status and the title, without the `(#code)` before it."""

    http: int
    title: str


REFUSALS = {
    # who calls
    0: Refusal(401, "We were unable to authenticate the app user"),
    1: Refusal(400, "Invalid request or possible server error"),
    2: Refusal(503, "Temporary due to downtime or due to being overloaded"),
    3: Refusal(500, "Capability or permissions issue"),
    4: Refusal(400, "Application request limit reached"),
    10: Refusal(403, "Application does not have permission for this action"),
    33: Refusal(400, "Object with ID does not exist"),
    100: Refusal(400, "Invalid parameter"),
    190: Refusal(401, "Invalid OAuth access token - Cannot parse access token"),
    200: Refusal(403, "Permissions error"),
    2200: Refusal(400, "Callback verification failed"),
    2500: Refusal(400, "Unknown path components"),
    368: Refusal(403, "Temporarily blocked for policies violations"),
    80007: Refusal(400, "Rate limit issues"),
    # messages
    130403: Refusal(403, "Message blocked by the business"),
    130429: Refusal(400, "Rate limit hit"),
    130472: Refusal(400, "User's number is part of an experiment"),
    130497: Refusal(403, "Business account is restricted from messaging users in this country."),
    131000: Refusal(500, "Something went wrong"),
    131005: Refusal(403, "Access denied"),
    131008: Refusal(400, "Required parameter is missing"),
    131009: Refusal(400, "Parameter value is not valid"),
    131016: Refusal(500, "Service unavailable"),
    131021: Refusal(400, "Recipient cannot be sender"),
    131026: Refusal(400, "Message undeliverable"),
    131030: Refusal(400, "Recipient phone number not in allowed list"),
    131031: Refusal(403, "Business Account locked"),
    131035: Refusal(400, "Webhook could not be delivered"),
    131036: Refusal(400, "Webhook could not be kept"),
    131037: Refusal(400, "WhatsApp provided number needs display name approval before message can be sent"),
    131042: Refusal(400, "Business eligibility payment issue"),
    131045: Refusal(500, "Incorrect certificate"),
    131047: Refusal(400, "Re-engagement message"),
    131048: Refusal(400, "Spam rate limit hit"),
    131049: Refusal(400, "This message was not delivered to maintain healthy ecosystem engagement."),
    131050: Refusal(400, "User has stopped marketing messages from this business"),
    131051: Refusal(400, "Unsupported message type"),
    131052: Refusal(400, "Media download error"),
    131053: Refusal(400, "Media upload error"),
    131055: Refusal(400, "Method not allowed"),
    131056: Refusal(400, "(Business Account, Consumer Account) pair rate limit hit"),
    131057: Refusal(500, "Account in maintenance mode"),
    131062: Refusal(400, "Business-scoped user id recipients are not supported for this message"),
    131063: Refusal(400, "Marketing messages are disabled on Cloud API for this account"),
    131064: Refusal(400, "Business account is limited for template misclassification"),
    # templates
    132000: Refusal(400, "Number of parameters does not match the expected number of params"),
    132001: Refusal(404, "Template name does not exist in the translation"),
    132005: Refusal(400, "Translated text too long"),
    132007: Refusal(400, "Template content policy violated"),
    132008: Refusal(400, "Template parameter value is not valid"),
    132012: Refusal(400, "Parameter format does not match format in the created template"),
    132015: Refusal(400, "Template is paused"),
    132016: Refusal(400, "Template is disabled"),
    132018: Refusal(400, "Template parameter text is not valid"),
    132068: Refusal(400, "Flow is in blocked state"),
    132069: Refusal(400, "Flow is in throttled state"),
    # the number
    133000: Refusal(500, "Incomplete deregistration"),
    133004: Refusal(503, "Server temporarily unavailable"),
    133005: Refusal(400, "Two step verification PIN mismatch"),
    133006: Refusal(400, "Phone number re-verification needed"),
    133008: Refusal(400, "Too many two step verification PIN guesses"),
    133009: Refusal(400, "Two step verification PIN guessed too fast"),
    133010: Refusal(400, "Phone number not registered"),
    133015: Refusal(400, "Please wait a few minutes before attempting to register this phone number"),
    133016: Refusal(400, "Account register or deregister rate limit exceeded"),
    # marketing messages
    134100: Refusal(400, "Only marketing messages are supported"),
    134101: Refusal(400, "Template is still being synced"),
    134102: Refusal(500, "Template is not available for use"),
    135000: Refusal(400, "Generic user error"),
    # the block list
    139100: Refusal(400, "Some users could not be blocked or unblocked"),
    139101: Refusal(400, "The block list is full"),
    139102: Refusal(400, "The block list was changed meanwhile"),
    139103: Refusal(500, "Internal error of the block list"),
}
"""Codes, statuses and titles as Meta's error page documents them (Cloud API, error codes)."""
UNLISTED = Refusal(400, "Unknown error")


class GraphError(Exception):
    """A request the Cloud API refuses. `http` replaces the documented status of the code; a code that nobody documents is a 400."""

    def __init__(self, code: int, details: str, *, subcode: int | None = None, http: int | None = None) -> None:
        super().__init__(f"(#{code}) {details}")
        refusal = REFUSALS.get(code, UNLISTED)
        self.code = code
        self.details = details
        self.subcode = subcode
        self.title = refusal.title
        self.http = http or refusal.http

    def body(self) -> dict[str, Any]:
        """The answer as Meta writes it."""
        error: dict[str, Any] = {
            "message": self._message(),
            "type": "OAuthException",
            "code": self.code,
            "error_data": {"messaging_product": "whatsapp", "details": self.details},
            "fbtrace_id": secrets.token_urlsafe(16),
        }
        if self.code == 190:
            del error["error_data"]
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.subcode is not None and self.code != 190:
            error |= {"is_transient": False, "error_user_title": self.title, "error_user_msg": self.details}
        return {"error": error}

    def _message(self) -> str:
        if self.code != 190:
            return f"(#{self.code}) {self.title}"
        return self.title if self.subcode is None else f"Error validating access token: {self.details}"

    def in_status(self) -> dict[str, Any]:
        """The same refusal as it stands in `errors[]` of a failed status."""
        return {
            "code": self.code,
            "title": self.title,
            "message": self.title,
            "error_data": {"details": self.details},
            "href": "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes",
        }
