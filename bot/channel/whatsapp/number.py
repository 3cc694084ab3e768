"""How one of our phone numbers stands with Meta: for the doctor, and before anything is sent in earnest."""

from dataclasses import dataclass
from http import HTTPMethod

import aiohttp

from bot.channel.whatsapp.graph import accepted, ask
from bot.channel.whatsapp.wire import node, text

_FIELDS = (
    "id,display_phone_number,verified_name,quality_rating,throughput,platform_type,code_verification_status,"
    "whatsapp_business_manager_messaging_limit"
)


@dataclass(frozen=True, slots=True)
class NumberState:
    """What Meta says of a number; None where it does not say.

    `quality` GREEN, YELLOW, RED; `messaging_limit` such as TIER_2K (people a day); `throughput` STANDARD (80 a second) or HIGH;
    `platform` must be CLOUD_API.
    """

    id: str
    phone: str | None = None
    name: str | None = None
    quality: str | None = None
    messaging_limit: str | None = None
    throughput: str | None = None
    platform: str | None = None
    verification: str | None = None


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
    )
