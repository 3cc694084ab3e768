"""How the business stands with Meta: what the token may do, where webhooks go, what became of the account. For the doctor."""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPMethod

import aiohttp

from bot.channel.whatsapp.graph import accepted, ask
from bot.channel.whatsapp.wire import Node, integer, is_node, node, text
from bot.store.model import from_epoch

# Graph API: a send needs the first; templates, the subscription and the number's own state need the second.
MESSAGING, MANAGEMENT = "whatsapp_business_messaging", "whatsapp_business_management"
NEEDED = (MESSAGING, MANAGEMENT)

_ACCOUNT_FIELDS = "id,name,account_review_status,business_verification_status,country,currency,ownership_type"
_NUMBER_FIELDS = "id,display_phone_number,verified_name"


@dataclass(frozen=True, slots=True)
class TokenState:
    """What Meta says of an access token. `expires_at` (UTC) is None for one that does not expire, as a system user's; `accounts` are
    the WhatsApp accounts it is for, empty where Meta does not say: then it is for all."""

    valid: bool
    scopes: frozenset[str]
    expires_at: datetime | None = None
    kind: str | None = None
    accounts: frozenset[str] = frozenset()

    def missing(self) -> tuple[str, ...]:
        """The permissions it lacks."""
        return tuple(scope for scope in NEEDED if scope not in self.scopes)


@dataclass(frozen=True, slots=True)
class Subscription:
    """An app that gets the account's webhooks, perhaps at an address of its own."""

    app: str
    name: str | None = None
    callback: str | None = None


@dataclass(frozen=True, slots=True)
class AccountState:
    """What Meta says of a WhatsApp Business account. `review` APPROVED, PENDING, REJECTED; `verified` of the business behind it."""

    id: str
    name: str | None = None
    review: str | None = None
    verified: bool = False


async def examine_token(session: aiohttp.ClientSession, *, api_url: str, token: str) -> TokenState:
    """Ask what a token may do. Raises SendError: Meta does not let every token look at itself."""
    said = await _get(session, f"{api_url}/debug_token", token, {"input_token": token})
    found = node(said.get("data"))
    expires = integer(found.get("expires_at"))
    granular = [node(one) for one in _list(found, "granular_scopes")]
    targets = [target for one in granular if one.get("scope") in NEEDED for target in _list(one, "target_ids")]
    return TokenState(
        valid=found.get("is_valid") is True,
        scopes=frozenset(scope for scope in _list(found, "scopes") if isinstance(scope, str)),
        expires_at=from_epoch(expires) if expires else None,
        kind=text(found.get("type")),
        accounts=frozenset(target for target in targets if isinstance(target, str)),
    )


async def subscriptions(session: aiohttp.ClientSession, *, api_url: str, token: str, account: str) -> list[Subscription]:
    """The apps that get an account's webhooks. Raises SendError."""
    said = await _get(session, f"{api_url}/{account}/subscribed_apps", token, {})
    found = []
    for one in map(node, _list(said, "data")):
        app = node(one.get("whatsapp_business_api_data"))
        found.append(Subscription(text(app.get("id")) or "?", text(app.get("name")), text(one.get("override_callback_uri"))))
    return found


async def examine(session: aiohttp.ClientSession, *, api_url: str, token: str, account: str) -> AccountState:
    """How an account stands. Raises SendError."""
    said = await _get(session, f"{api_url}/{account}", token, {"fields": _ACCOUNT_FIELDS})
    return AccountState(
        id=text(said.get("id")) or account,
        name=text(said.get("name")),
        review=text(said.get("account_review_status")),
        verified=said.get("business_verification_status") == "verified",
    )


async def numbers(session: aiohttp.ClientSession, *, api_url: str, token: str, account: str) -> dict[str, str]:
    """The phone number ids of an account, each with the number people see. Raises SendError."""
    said = await _get(session, f"{api_url}/{account}/phone_numbers", token, {"fields": _NUMBER_FIELDS})
    found = ((text(one.get("id")), text(one.get("display_phone_number"))) for one in map(node, _list(said, "data")))
    return {number: shown or number for number, shown in found if number}


async def _get(session: aiohttp.ClientSession, url: str, token: str, query: dict[str, str]) -> Node:
    return accepted(await ask(session, HTTPMethod.GET, url, token, query=query))


def _list(parent: Node, name: str) -> list[object]:
    found = parent.get(name) if is_node(parent) else None
    return found if isinstance(found, list) else []
