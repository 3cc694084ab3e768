"""What Meta says of our templates, asked now and then: a webhook can be lost, and an account is older than its webhook."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from bot.channel import SendError
from bot.channel.whatsapp.templates import TemplateState
from bot.store import templates
from bot.store.database import Database, StoreUnavailable
from bot.store.step import Step
from bot.store.templates import Standing

log = logging.getLogger(__name__)

FIRST_SECONDS = 10  # after the start, when there is time for it
ASK_SECONDS = 3600  # webhooks tell at once; this only makes up for what they did not


class Registry:
    """Asks and keeps. `fetch` asks Meta for all templates of the account."""

    def __init__(self, store: Database, fetch: Callable[[], Awaitable[Sequence[TemplateState]]], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._fetch = fetch
        self._clock = clock

    async def ask(self) -> None:
        """Ask Meta and keep what it says; what cannot be asked now is asked the next time."""
        try:
            known = await self._fetch()
            await self._store.run(_keep(known, self._clock()))
        except SendError as fault:
            log.warning("how the templates stand could not be asked: %s", fault.detail)
        except StoreUnavailable as fault:
            log.warning("how the templates stand could not be kept: %s", fault)


def _keep(known: Sequence[TemplateState], now: datetime) -> Step[None]:
    for one in known:
        news = Standing(one.status or None, one.category if one.category != "UNKNOWN" else None, one.quality or None)
        yield from templates.tell(one.name, one.language, news, now)
