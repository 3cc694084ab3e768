"""What the doctor finds at Meta and at our own webhook, against the sandbox's Cloud API and a served bot: each fault with its remedy."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from bot import settings as settings_module
from bot.command import doctor_whatsapp
from bot.command.finding import Finding, Health
from bot.sandbox.cloud.cloud_api import CloudApi
from bot.settings import Settings, WhatsAppSettings
from tests.journey.walk import Walk, open_walk

Change = Callable[[Walk, WhatsAppSettings], WhatsAppSettings | None]


@pytest_asyncio.fixture
async def house(tmp_path: Path) -> AsyncIterator[Walk]:
    """A bot that is served, and a Cloud API with all it needs."""
    walk = await open_walk(tmp_path)
    cloud = walk.stage.cloud
    cloud.app.subscribed = True
    yield walk
    await walk.stage.close()


def _settings(walk: Walk) -> WhatsAppSettings:
    cloud = walk.stage.cloud
    return WhatsAppSettings(
        token=cloud.token,
        app_secrets=(cloud.app_secret,),
        verify_token="stage",
        number=cloud.number.id,
        api=f"{walk.stage.sandbox.base_url}/v24.0",
        account=cloud.waba_id,
    )


async def _examined(walk: Walk, whatsapp: WhatsAppSettings, public_url: str | None) -> dict[str, list[Finding]]:
    plain = settings_module.read({}, serving=False)
    settings: Settings = replace(plain, whatsapp=whatsapp, public_url=public_url)
    found: dict[str, list[Finding]] = {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        async for one in doctor_whatsapp.examine(session, settings, walk.stage.app.playbook, datetime.now(UTC)):
            found.setdefault(one.about, []).append(one)
    return found


async def test_a_set_up_that_is_all_well_is_told_so(house: Walk) -> None:
    found = await _examined(house, _settings(house), house.stage.app.url)
    assert {about: [one.verdict for one in several] for about, several in found.items()} == {
        "token": [Health.WELL],
        "number": [Health.WELL],
        "account": [Health.WELL],
        "subscription": [Health.WELL],
        "templates": [Health.WELL],
        "webhook": [Health.HINT],  # it is not https here
    }
    assert "leads here, but Meta calls only https" in found["webhook"][0].sentence


def _cloud(change: Callable[[CloudApi], object]) -> Change:
    def changed(walk: Walk, _: WhatsAppSettings) -> None:
        change(walk.stage.cloud)

    return changed


def _set(**values: object) -> Change:
    return lambda _, whatsapp: replace(whatsapp, **values)  # type: ignore[arg-type] # names and values of the table below


def _app(**values: object) -> Change:
    def changed(cloud: CloudApi) -> None:
        for name, value in values.items():
            setattr(cloud.app, name, value)

    return _cloud(changed)


def _number(**values: object) -> Change:
    return _cloud(lambda cloud: cloud.number.standing.update(values))


UNPAID = {"error_code": 141006, "error_description": "There is an error with the payment method.", "possible_solution": "Mend it."}
BLOCKED = {
    "can_send_message": "BLOCKED",
    "entities": [{"entity_type": "WABA", "can_send_message": "BLOCKED", "errors": [UNPAID]}],
}

ILLS: list[tuple[str, Change, str, Health, str]] = [
    ("token wrong", _set(token="another"), "token", Health.ILL, "make a new token and set COMEBACK_WHATSAPP_TOKEN"),
    ("token expired", _app(token_expires=datetime(2020, 1, 1, tzinfo=UTC)), "token", Health.ILL, "COMEBACK_WHATSAPP_TOKEN"),
    (
        "token ends soon",
        _app(token_expires=datetime.now(UTC) + timedelta(days=3)),
        "token",
        Health.ILL,
        "make one of a system user",
    ),
    ("token ends one day", _app(token_expires=datetime.now(UTC) + timedelta(days=50)), "token", Health.HINT, "make one of a system user"),
    ("may not send", _app(scopes=("whatsapp_business_management",)), "token", Health.ILL, "it lacks whatsapp_business_messaging"),
    ("number unknown", _set(number="4711"), "number", Health.ILL, "WhatsApp"),
    ("number of another account", _set(number="4711"), "account", Health.ILL, "COMEBACK_WHATSAPP_NUMBER can be 106540352242922"),
    ("not on the Cloud API", _number(platform_type="ON_PREMISE"), "number", Health.ILL, "register it in the WhatsApp Manager"),
    ("not connected", _number(status="BANNED"), "number", Health.ILL, "it is banned"),
    ("name declined", _number(name_status="DECLINED"), "number", Health.ILL, "choose another"),
    ("test number", _number(account_mode="SANDBOX"), "number", Health.HINT, "allow list"),
    ("blocked", _number(health_status=BLOCKED), "number", Health.ILL, "There is an error with the payment method. Mend it."),
    ("quality red", _number(quality_rating="RED"), "number", Health.ILL, "its quality is red"),
    ("quality yellow", _number(quality_rating="YELLOW"), "number", Health.HINT, "its quality is yellow"),
    ("account rejected", _app(account_review="REJECTED"), "account", Health.ILL, "is rejected by Meta's review"),
    ("not verified", _app(business_verified=False), "account", Health.HINT, "250 people a day"),
    ("account unknown", _set(account="4711"), "account", Health.ILL, "account 4711"),
    ("account not set", _set(account=None), "account", Health.HINT, "set COMEBACK_WHATSAPP_ACCOUNT"),
    ("not subscribed", _app(subscribed=False), "subscription", Health.ILL, "no app gets the account's webhooks: POST"),
    ("template missing", _cloud(lambda cloud: cloud.book.by_key.pop(("cart_waiting", "es"))), "templates", Health.ILL, "templates push"),
    ("template paused", _cloud(lambda cloud: cloud.book.pause("cart_waiting", "es")), "templates", Health.ILL, "is paused"),
    (
        "template recategorised",
        _cloud(lambda cloud: cloud.book.set_category("cart_waiting", "es", "UTILITY", at_once=True)),
        "templates",
        Health.HINT,
        "is utility for Meta, marketing in its file",
    ),
    (
        "template disliked",
        _cloud(lambda cloud: cloud.book.set_quality("cart_waiting", "es", "RED")),
        "templates",
        Health.HINT,
        "'cart_waiting' in es is disliked",
    ),
    ("another app secret", _set(app_secrets=("another",)), "webhook", Health.ILL, "COMEBACK_WHATSAPP_APP_SECRET"),
    ("another verify token", _set(verify_token="another"), "webhook", Health.ILL, "COMEBACK_WHATSAPP_VERIFY_TOKEN"),
]


@pytest.mark.parametrize(("change", "about", "verdict", "said"), [row[1:] for row in ILLS], ids=[row[0] for row in ILLS])
async def test_each_fault_is_found_with_what_to_do(house: Walk, change: Change, about: str, verdict: Health, said: str) -> None:
    whatsapp = _settings(house)
    found = await _examined(house, change(house, whatsapp) or whatsapp, house.stage.app.url)
    assert (verdict, True) in [(one.verdict, said in one.sentence) for one in found[about]], found[about]


@pytest.mark.parametrize(
    ("tier", "said"), [("TIER_UNLIMITED", ", no limit of people a day"), ("TIER_2K", ", 2,000 people a day"), ("X", ", X people a day")]
)
async def test_how_many_people_a_number_may_write_to_is_told_in_people(house: Walk, tier: str, said: str) -> None:
    house.stage.cloud.number.standing["whatsapp_business_manager_messaging_limit"] = tier
    (found,) = (await _examined(house, _settings(house), None))["number"]
    assert said in found.sentence


async def test_what_is_to_be_told_of_a_template_is_a_line_for_all_its_languages(house: Walk) -> None:
    cloud = house.stage.cloud
    for name, language in list(cloud.book.by_key):
        if name == "cart_waiting":
            del cloud.book.by_key[name, language]
    (missing,) = (await _examined(house, _settings(house), None))["templates"]
    languages = ", ".join(sorted(house.stage.app.playbook.rules.languages))
    assert missing.sentence == f"'cart_waiting' in {languages} is missing: create it: 'comeback templates push'"


async def test_a_webhook_where_nobody_listens_or_somebody_else_answers_is_told(house: Walk, unused_tcp_port: int) -> None:
    nobody = await _examined(house, _settings(house), f"http://127.0.0.1:{unused_tcp_port}")
    assert "cannot be reached" in nobody["webhook"][0].sentence
    other = await _examined(house, _settings(house), house.stage.sandbox.base_url)
    assert "does it lead to another server" in other["webhook"][0].sentence
    unset = await _examined(house, _settings(house), None)
    assert unset["webhook"][0].verdict is Health.HINT


async def test_webhooks_that_go_elsewhere_are_told(house: Walk) -> None:
    house.stage.cloud.webhooks.url = "https://elsewhere.example/webhooks/whatsapp"
    found = await _examined(house, _settings(house), house.stage.app.url)
    assert "go to https://elsewhere.example/webhooks/whatsapp" in found["subscription"][0].sentence
