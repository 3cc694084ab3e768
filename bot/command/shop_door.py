"""Our own door as a shop finds it: whether its address leads here, and whether what the settings' secret signs is taken there."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus

import aiohttp

from bot.command.finding import Finding, hint, ill, well
from bot.settings import ShopSettings, names_of_shop
from bot.shop import bigcommerce, knock, shopify, woocommerce
from bot.shop.wire import unanswered

_SERVER_ERRORS = 500  # what a proxy answers while nobody is behind it
_RUNS = "is 'comeback serve' running behind it?"


class Stand(StrEnum):
    """How our door stands."""

    OPEN = "open"
    SILENT = "silent"  # nothing answers behind it now
    REFUSES = "refuses"  # something answers, and does not take what is signed with this secret


@dataclass(frozen=True, slots=True)
class Door:
    """What came of a knock. `finding` is None where the shop's way to sign is not known here."""

    stand: Stand
    finding: Finding | None = None


async def look(session: aiohttp.ClientSession, shop: ShopSettings, address: str, now: datetime) -> Door:
    """Call our own door from outside, as the shop does: a signed delivery with nothing in it, then a forged one. `now` is UTC."""
    signed = knock.headers(shop.platform, shop.secrets[0], shop.domain, now) if shop.secrets else None
    if signed is None:
        return Door(Stand.OPEN)
    try:
        status = await _post(session, address, signed)
        if status != HTTPStatus.OK:
            return _shut(shop, address, status)
        forged = knock.headers(shop.platform, knock.secret_like(shop.platform, secrets.token_bytes(32)), shop.domain, now)
        taken = forged is not None and await _post(session, address, forged) == HTTPStatus.OK
    except (aiohttp.ClientError, TimeoutError) as error:
        return Door(Stand.SILENT, ill("address", f"{unanswered(address, error)}: {_RUNS}"))
    return Door(Stand.OPEN, _open(address, takes_forged=taken))


def _shut(shop: ShopSettings, address: str, status: int) -> Door:
    if status >= _SERVER_ERRORS:
        return Door(Stand.SILENT, ill("address", f"{address} answers {status}: {_RUNS}"))
    if status == HTTPStatus.NOT_FOUND:
        why = "answers 404: does it lead to another server, or does 'comeback serve' run with other COMEBACK_SHOPS?"
    elif status == HTTPStatus.UNAUTHORIZED:
        name = names_of_shop(shop.name)["SECRET"]
        why = f"refuses what is signed: has 'comeback serve' another {name}, or does a proxy change bodies?"
    else:
        why = f"answers a signed delivery with {status}: does it lead to another server?"
    return Door(Stand.REFUSES, ill("address", f"{address} {why}"))


def _open(address: str, *, takes_forged: bool) -> Finding:
    if takes_forged:
        return ill("address", f"{address} takes a delivery that nobody signed: is something between that answers in its place?")
    if not address.startswith("https://"):
        return hint("address", f"{address} leads here, but a shop elsewhere calls only https with a certificate of a known authority")
    return well("address", f"{address} leads here, takes what is signed, and refuses what is not")


_FOLLOWS = {
    shopify.PLATFORM: "Shopify tries each event for four hours, and then takes the webhook out of the shop",
    woocommerce.PLATFORM: "WooCommerce tells each event once, and switches a webhook off after five that failed",
    bigcommerce.PLATFORM: "BigCommerce tries each event for two days, and then switches the webhook off",
}


def until_it_answers(shop: ShopSettings) -> Finding:
    """What follows for a shop's webhooks while nothing answers at our door."""
    again = f"start it, then run 'comeback shop connect {shop.platform} {shop.name}' again"
    return hint("webhooks", f"until 'comeback serve' answers there, nothing is heard of the shop: {_FOLLOWS[shop.platform]}; {again}")


async def _post(session: aiohttp.ClientSession, address: str, headers: Mapping[str, str]) -> int:
    async with session.post(
        address, data=knock.BODY, headers={"Content-Type": "application/json", **headers}, allow_redirects=False
    ) as response:
        await response.read()
        return response.status
