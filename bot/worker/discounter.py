"""The discounter: makes the codes that runs wait for in the shop. The same code is put again after a crash, which changes nothing."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import aiohttp

from bot.shop import discounts as shop_discounts
from bot.shop.discounts import DiscountRefused, ShopUnreachable
from bot.store import discounts
from bot.store.database import Database
from bot.store.discounts import Wanted
from bot.worker.playbook import House

log = logging.getLogger(__name__)

AT_ONCE = 10  # codes at a time: shops limit their interfaces to a few calls a second
MAX_TRIES = 5
FIRST_RETRY = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class CodeMaker:
    """Where a shop makes codes, and the secret its calls are signed with."""

    url: str
    secret: str


class Discounter:
    """Makes what is wanted, a few at a time."""

    def __init__(
        self,
        store: Database,
        session: aiohttp.ClientSession,
        makers: Mapping[str, CodeMaker],
        house: Callable[[], House],
    ) -> None:
        self._store = store
        self._session = session
        self._makers = makers
        self._house = house

    async def make_wanted(self) -> int:
        """Make the codes that are wanted now; returns how many were tried."""
        wanted = await self._store.run(discounts.wanted(self._house().now, AT_ONCE))
        await asyncio.gather(*(self._make(one) for one in wanted))
        return len(wanted)

    async def _make(self, wanted: Wanted) -> None:
        maker = self._makers.get(wanted.shop)
        now = self._house().now
        if maker is None:
            why = f"the shop '{wanted.shop}' has no COMEBACK_SHOP_..._DISCOUNTS_URL, so no code can be made"
            await self._store.run(discounts.refused(wanted, why, now))
            return
        code = wanted.discount
        try:
            await shop_discounts.make(
                self._session,
                url=maker.url,
                secret=maker.secret,
                code=code.code,
                percent=code.percent,
                amount=code.amount,
                ends=code.ends,
                now=now,
            )
        except DiscountRefused as refusal:
            await self._store.run(discounts.refused(wanted, refusal.why, self._house().now))
        except ShopUnreachable as fault:
            await self._unreachable(wanted, fault.why)
        else:
            await self._store.run(discounts.made(wanted, self._house().now))

    async def _unreachable(self, wanted: Wanted, why: str) -> None:
        now = self._house().now
        if wanted.attempts + 1 >= MAX_TRIES:
            await self._store.run(discounts.refused(wanted, why, now))
        else:
            await self._store.run(discounts.again(wanted.id, now + FIRST_RETRY * 2**wanted.attempts, why))
