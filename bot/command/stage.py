"""A stage: the real bot, a WhatsApp Cloud API and a shop on this machine, joined by HTTP alone, and a clock that can be turned.

The demo, the story and the journeys in the tests all play on it.
"""

import asyncio
import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from bot.app import App, start_app
from bot.channel.whatsapp import templates
from bot.clock import Clock
from bot.command.thinking import Reader
from bot.desk import actions
from bot.policy.decision import Control
from bot.sandbox.clock import TurnedClock
from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.pages.demo_view import DeskDoor
from bot.sandbox.sandbox import Sandbox
from bot.sandbox.shop.shop import Shop
from bot.settings import Settings, ShopSettings, WhatsAppSettings
from bot.store import health
from bot.web import desk_pages

SHOP = "casa-bonita"
STAFF = "Sam"
VERSION = "v24.0"
MAX_JUMPS = 10_000  # things that may happen in one turn of the clock: a flow that never rests must not hang the page
SETTLE_SECONDS = 20.0
_LOOK_AGAIN = 0.004  # seconds


@dataclass(slots=True)
class Stage:
    """Everything that plays. `open_stage` makes one; `close` ends it."""

    clock: TurnedClock
    app: App
    sandbox: Sandbox
    cloud: CloudApi
    shop: Shop
    url: str
    _loop_guard: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def settled(self) -> None:
        """Until the bot has nothing to do now."""
        async with asyncio.timeout(SETTLE_SECONDS):
            while not self.app.crew.idle:  # noqa: ASYNC110 - idle is a state of several loops, not one event
                await asyncio.sleep(_LOOK_AGAIN)

    async def idle(self) -> None:
        """Until what happened was told, worked off, answered and told again."""
        await self.sandbox.idle()

    async def next_due(self) -> datetime | None:
        """When the bot does something next of its own accord (UTC)."""
        return await self.app.store.read(health.next_due())

    async def jump(self, length: timedelta) -> None:
        """Turn the clock, stopping at each thing that happens on the way."""
        async with self._loop_guard:
            target = self.clock() + length
            for _ in range(MAX_JUMPS):
                due = await self.next_due()
                if due is None or due > target:
                    break
                await self._turn(due)
            await self._turn(target)

    async def jump_to(self, moment: datetime) -> None:
        """Turn the clock to a moment (UTC)."""
        await self.jump(moment - self.clock())

    async def _turn(self, moment: datetime) -> None:
        self.clock.forward_to(moment)
        self.app.crew.wake()
        await self.sandbox.idle()

    async def close(self) -> None:
        """End it all; the page first, for it reads the bot's mind."""
        await self.sandbox.close_page()
        await self.app.stop()
        await self.sandbox.close()


@dataclass(slots=True)
class StageStaff:
    """The page's desk: staff by the phone of the customer."""

    stage: Stage | None = None

    async def take(self, phone: str) -> None:
        """Take the conversation over."""
        app = self._app()
        await app.store.run(actions.take(phone, STAFF, self._now()))
        app.crew.wake()

    async def say(self, phone: str, text: str) -> None:
        """Answer."""
        app = self._app()
        await app.store.run(actions.say(phone, STAFF, text, self._now()))
        app.crew.wake()

    async def hand_back(self, phone: str) -> None:
        """Hand the conversation back."""
        app = self._app()
        await app.store.run(actions.hand_back(phone, STAFF, self._now()))
        app.crew.wake()

    async def block(self, phone: str) -> None:
        """Block the customer."""
        app = self._app()
        await app.store.run(actions.block(phone, STAFF, self._now()))
        app.store.arrivals.note_names(await app.store.read(actions.names(phone)))
        app.crew.wake()

    async def waiting(self) -> list[tuple[str, str]]:
        """Who waits for staff, or is with them: (phone, why)."""
        return [(one.phone or "", one.reason or "with staff") for one in await self._app().store.read(actions.waiting())]

    async def holders(self) -> dict[str, str]:
        """Who is with staff, at whichever desk: phone -> whose they are."""
        found = await self._app().store.read(actions.waiting())
        return {one.phone: one.staff or "staff" for one in found if one.phone and one.control is Control.HUMAN}

    def _app(self) -> App:
        assert self.stage is not None  # set before the page can be opened
        return self.stage.app

    def _now(self) -> datetime:
        assert self.stage is not None
        return self.stage.clock()


async def open_stage(
    folder: Path,
    start: datetime,
    *,
    flows: Path = Path("flows"),
    locales: Path = Path("locales"),
    port: int = 0,
    bot_port: int = 0,
    database: str | None = None,
    make_cloud: Callable[[Clock, str], CloudApi] = lambda clock, secret: CloudApi(clock, app_secret=secret),
) -> Stage:
    """Start the bot and everything around it, on a database in `folder` unless told another. Raises OSError when a port is taken."""
    clock = TurnedClock(start.astimezone(UTC))
    cloud = make_cloud(clock, secrets.token_hex(16))
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    shop = Shop(clock, secret=secret)
    staff = StageStaff()
    sandbox = Sandbox(
        clock,
        jump=lambda length: stage.jump(length),
        next_due=lambda: mind.next_due(),
        settled=lambda: stage.settled(),
        staff=staff,
        cloud=cloud,
        shop=shop,
    )
    url = await sandbox.start(port=port)
    whatsapp = _whatsapp(cloud, url)
    settings = Settings(
        database=database or str(folder / "comeback.db"),
        host="127.0.0.1",
        port=bot_port,
        flows=flows,
        locales=locales,
        public_url=None,
        whatsapp=whatsapp,
        shops={SHOP: ShopSettings(SHOP, (secret,), f"{url}/discounts", None, sites=frozenset({urlsplit(url).netloc}))},
        log_level="WARNING",
        optouts=folder / "comeback.optouts",  # where it is found again: a database server has no folder of its own
        files=folder / "comeback.files",
        desk_password=_password(),
    )
    try:
        app = await start_app(settings, whatsapp, clock)
    except BaseException:
        await sandbox.close()
        raise
    mind = Reader(app)
    stage = staff.stage = Stage(clock, app, sandbox, cloud, shop, url)
    _join(stage, mind, settings)
    await push_templates(app, whatsapp)
    return stage


def _whatsapp(cloud: CloudApi, url: str) -> WhatsAppSettings:
    """What the bot must know of the Cloud API here."""
    return WhatsAppSettings(
        token=cloud.token,
        app_secrets=(cloud.app_secret,),
        verify_token="stage",  # noqa: S106 - nobody asks for it on a stage
        number=cloud.number.id,
        api=f"{url}/{VERSION}",
        account=cloud.waba_id,
    )


def _join(stage: Stage, mind: Reader, settings: Settings) -> None:
    """Everybody tells the bot what happens, and the page shows what it thinks."""
    bot = stage.app.url
    assert settings.desk_password is not None
    stage.sandbox.know_the_bot(mind, DeskDoor(f"{bot}{desk_pages.PATH}", settings.desk_password))
    stage.cloud.webhooks.url = f"{bot}/webhooks/whatsapp"
    stage.shop.webhooks.url = f"{bot}/webhooks/shop/{SHOP}"
    stage.shop.snippet = f"{bot}/snippet/{SHOP}.js"


def _password() -> str:
    """For the desk of this stage alone; in groups, so that a visitor can type it."""
    digits = secrets.token_hex(8)
    return "-".join(digits[at : at + 4] for at in range(0, len(digits), 4))


async def push_templates(app: App, whatsapp: WhatsAppSettings) -> None:
    """Bring the owner's templates to the Cloud API in every language they are written in, as anyone would."""
    assert whatsapp.account is not None
    pushed: set[tuple[str, str]] = set()
    for revision in app.playbook.library.flows.values():
        for template in revision.templates.values():
            for language in app.playbook.rules.languages:
                if revision.template_language(template, language) == language and (template.name, language) not in pushed:
                    pushed.add((template.name, language))
                    payload = templates.creation_payload(template, language, partial(revision.translate, language=language))
                    where = {"api_url": whatsapp.api, "token": whatsapp.token, "waba": whatsapp.account}
                    await templates.push(app.session, **where, payload=payload)
