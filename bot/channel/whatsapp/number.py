"""How one of our phone numbers stands with Meta: for the doctor, and before anything is sent in earnest."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPMethod

import aiohttp

from bot.channel.whatsapp.graph import accepted, ask
from bot.channel.whatsapp.wire import Node, first, node, text

_FIELDS = (
    "id,display_phone_number,verified_name,quality_rating,throughput,platform_type,code_verification_status,"
    "whatsapp_business_manager_messaging_limit,status,name_status,account_mode,is_on_biz_app,health_status"
)


@dataclass(frozen=True, slots=True)
class NumberState:
    """What Meta says of a number; None where it does not say.

    `quality` GREEN, YELLOW, RED; `messaging_limit` such as TIER_2K (people a day); `throughput` STANDARD (80 a second) or HIGH;
    `platform` must be CLOUD_API, `status` CONNECTED, `name_status` that of the name people see. `with_app`: staff use the phone app on
    it, too. `test`: it only reaches the phones on its allow list. `blocked`: why it cannot send, in Meta's words.
    """

    id: str
    phone: str | None = None
    name: str | None = None
    quality: str | None = None
    messaging_limit: str | None = None
    throughput: str | None = None
    platform: str | None = None
    verification: str | None = None
    status: str | None = None
    name_status: str | None = None
    with_app: bool = False
    test: bool = False
    blocked: tuple[str, ...] = ()


async def probe(session: aiohttp.ClientSession, *, api_url: str, token: str, number: str) -> NumberState:
    """Ask for a phone number id. Raises SendError: its code and sentence say what to do (190: the token; 100: the id ...)."""
    answer = await ask(session, HTTPMethod.GET, f"{api_url.rstrip('/')}/{number}", token, query={"fields": _FIELDS})
    said = accepted(answer)
    return NumberState(
        id=text(said.get("id")) or number,
        phone=text(said.get("display_phone_number")),
        name=text(said.get("verified_name")),
        quality=text(said.get("quality_rating")),
        messaging_limit=text(said.get("whatsapp_business_manager_messaging_limit")),
        throughput=text(node(said.get("throughput")).get("level")),
        platform=text(said.get("platform_type")),
        verification=text(said.get("code_verification_status")),
        status=text(said.get("status")),
        name_status=text(said.get("name_status")),
        with_app=said.get("is_on_biz_app") is True,
        test=said.get("account_mode") == "SANDBOX",
        blocked=tuple(_whys(node(said.get("health_status")))),
    )


def _whys(health: Node) -> Iterator[str]:
    """Cloud API, "Messaging health status": why an entity that sends (number, account, business, app) is blocked."""
    entities = health.get("entities")
    for entity in map(node, entities if isinstance(entities, list) else ()):
        if entity.get("can_send_message") == "BLOCKED":
            error = first(entity.get("errors"))
            told = (text(error.get("error_description")), text(error.get("possible_solution")))
            yield " ".join(filter(None, told)) or f"its {(text(entity.get('entity_type')) or 'account').lower()} is blocked"
