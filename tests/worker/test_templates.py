"""Meta's category of a template decides who may get it, whatever its file says; it comes by webhook, and by asking."""

import re

import aiohttp
import pytest

from bot.channel.whatsapp.templates import fetch
from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.sandbox import Sandbox
from bot.sandbox.shop.shop import Shop
from bot.store import templates
from bot.store.templates import Standing
from bot.worker.playbook import Playbook
from bot.worker.registry import Registry

from .bench import HOUR, MONDAY, Bench, owner_files, playbook

PARCEL = """
name: Parcel
purpose: service
start:
  when: order_delivered
  for: 1 hour
steps:
  - send:
      template: parcel_here
      with:
        number: order.number
  - end: told
"""
TEMPLATE = "category: utility\nbody: Your order {number} is there.\n"


async def parcel_arrives(bench: Bench) -> list[str]:
    """Lola, who never agreed to offers, gets a parcel; what she was told an hour later."""
    await bench.order(kind="order.fulfilled", number="1001")
    await bench.go()
    return await bench.go(HOUR)


def with_parcel() -> Playbook:
    in_english = re.sub("^languages: .*$", "languages: [en]", owner_files()["flows/store.yaml"], flags=re.MULTILINE)
    return playbook(store=in_english, parcel=PARCEL, **{"templates/parcel_here": TEMPLATE})


async def says(bench: Bench, field: str, **value: str) -> None:
    told = {"message_template_id": 1, "message_template_name": "parcel_here", "message_template_language": "en"}
    await bench.whatsapp(field, **told, **value)
    await bench.work()


@pytest.fixture
def told(bench: Bench) -> Bench:
    bench.playbook = with_parcel()
    return bench


async def test_a_template_of_service_reaches_who_never_agreed_to_offers(told: Bench) -> None:
    assert await parcel_arrives(told) == ["Your order o1 is there."]


async def test_what_meta_calls_marketing_needs_consent_whatever_the_file_says(told: Bench) -> None:
    await says(told, "template_category_update", previous_category="UTILITY", new_category="MARKETING")
    assert await parcel_arrives(told) == []
    assert any("no consent" in note or "never agreed" in note for note in await told.notes()), await told.notes()


async def test_what_is_queued_when_it_becomes_marketing_needs_consent_too(told: Bench) -> None:
    await told.order(kind="order.fulfilled", number="1001")
    await told.go()
    told.now += HOUR
    await told.work()
    assert await told.states() == ["queued"]
    await says(told, "template_category_update", previous_category="UTILITY", new_category="MARKETING")
    assert await told.send() == []
    assert await told.states() == ["cancelled"]


async def test_news_of_one_thing_leave_the_rest_as_it_was(told: Bench) -> None:
    await says(told, "message_template_status_update", event="APPROVED", message_template_category="UTILITY", reason="NONE")
    await says(told, "message_template_quality_update", new_quality_score="YELLOW")
    assert await told.store.read(templates.load("parcel_here", "en")) == Standing("APPROVED", "UTILITY", "YELLOW")
    assert await told.store.read(templates.load("parcel_here", "es")) == Standing()


async def test_what_no_webhook_told_is_learnt_by_asking(told: Bench) -> None:
    cloud = CloudApi(lambda: MONDAY, app_secret="secret")
    sandbox = Sandbox(lambda: MONDAY, cloud=cloud, shop=Shop(lambda: MONDAY, secret="whsec_c2VjcmV0"))
    url = await sandbox.start()
    try:
        async with aiohttp.ClientSession() as session:
            where = {"api_url": f"{url}/v24.0", "token": cloud.token}
            body = {
                "name": "parcel_here",
                "language": "en",
                "category": "MARKETING",
                "components": [{"type": "BODY", "text": "Your order is there."}],
            }
            async with session.post(f"{url}/v24.0/{cloud.waba_id}/message_templates", json=body, headers=_token(cloud)) as answer:
                assert answer.status == 200
            registry = Registry(told.store, lambda: fetch(session, **where, waba=cloud.waba_id), lambda: told.now)
            await registry.ask()
            assert (await told.store.read(templates.load("parcel_here", "en"))).category == "MARKETING"
            assert await parcel_arrives(told) == []
            unreachable = Registry(told.store, lambda: fetch(session, **where, waba="1"), lambda: told.now)
            await unreachable.ask()  # told in the log, and asked again the next time
    finally:
        await sandbox.close()


def _token(cloud: CloudApi) -> dict[str, str]:
    return {"Authorization": f"Bearer {cloud.token}"}
