"""An owner keeps the templates in step with Meta: what is missing is created, what differs is changed, what is only there gets a file."""

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bot.channel.whatsapp.template_file import Unfit, as_file
from bot.channel.whatsapp.templates import TemplateState
from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.sandbox import Sandbox
from bot.sandbox.shop.shop import Shop

from .serving import ROOT, Ran, clean_environment, command


@dataclass(slots=True)
class Owner:
    """Somebody with files, and an account at Meta without templates."""

    cloud: CloudApi
    folder: Path
    environment: dict[str, str]

    async def run(self, *words: str) -> Ran:
        return await command("templates", *words, environment=self.environment, folder=self.folder)

    async def status(self) -> dict[tuple[str, str], dict[str, Any]]:
        told = json.loads((await self.run("status", "--json")).out)
        return {(one["name"], one["language"]): one for one in told["templates"]}

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text("utf-8")
        assert old in text
        (self.folder / path).write_text(text.replace(old, new), "utf-8")


def _now() -> datetime:
    return datetime.now(UTC)


@pytest_asyncio.fixture
async def owner(tmp_path: Path) -> AsyncIterator[Owner]:
    for name in ("flows", "locales"):
        shutil.copytree(ROOT / name, tmp_path / name)
    cloud = CloudApi(_now, app_secret="secret")
    cloud.approve_at_once = False
    sandbox = Sandbox(_now, cloud=cloud, shop=Shop(_now, secret="whsec_c2VjcmV0"))
    url = await sandbox.start()
    environment = clean_environment(
        COMEBACK_WHATSAPP_TOKEN=cloud.token,
        COMEBACK_WHATSAPP_APP_SECRET="secret",
        COMEBACK_WHATSAPP_VERIFY_TOKEN="verify",
        COMEBACK_WHATSAPP_NUMBER=cloud.number.id,
        COMEBACK_WHATSAPP_ACCOUNT=cloud.waba_id,
        COMEBACK_WHATSAPP_API=f"{url}/v24.0",
    )
    yield Owner(cloud, tmp_path, environment)
    await sandbox.close()


async def test_templates_are_created_reviewed_changed_and_compared(owner: Owner) -> None:
    missing = await owner.run("status")
    assert missing.code == 1
    assert "comeback templates push" in missing.out

    pushed = await owner.run("push")
    assert pushed.code == 0, pushed.out + pushed.err
    assert set(owner.cloud.templates) == set(await owner.status())
    assert {one["standing"] for one in (await owner.status()).values()} == {"in review"}

    for name, language in owner.cloud.templates:
        owner.cloud.review(name, language, "APPROVED")
    owner.cloud.review("cart_waiting", "es", "REJECTED")
    owner.cloud.review("cart_discount", "en", "PAUSED")
    standing = {key: one["standing"] for key, one in (await owner.status()).items() if one["standing"] != "ready"}
    assert standing == {("cart_waiting", "es"): "rejected", ("cart_discount", "en"): "paused"}
    assert (await owner.run("diff")).out == "Everything at Meta reads as it is written here.\n"

    spanish = "locales/es/LC_MESSAGES/flows.po"
    owner.edit(spanish, "Última oportunidad", "La última oportunidad")
    differs = await owner.run("diff")
    assert differs.code == 1
    assert differs.out.splitlines() == [
        "cart_last_chance es",
        "  - header: Última oportunidad",
        "  + header: La última oportunidad",
    ]
    changed = await owner.run("push", "--json")
    assert json.loads(changed.out) == [{"name": "cart_last_chance", "language": "es", "did": "changed", "why": ""}]
    assert (await owner.status())["cart_last_chance", "es"]["standing"] == "in review"
    owner.edit(spanish, "La última oportunidad", "¡Última oportunidad!")
    waits = await owner.run("push", "cart_last_chance")
    assert (waits.code, "it is in review" in waits.out) == (1, True)


async def test_a_template_of_a_flow_with_a_mistake_is_not_forgotten_in_silence(owner: Owner) -> None:
    await owner.run("push")
    owner.edit("flows/templates/cart_last_chance.yaml", "header: Last chance", "header: Very last chance")  # its translations are missing
    told = await owner.run("diff")
    assert (told.code, "cart_reminder has a mistake" in told.err) == (1, True)
    nonsense = await owner.run("push", "nonsense")
    assert (nonsense.code, "there is no template 'nonsense'" in nonsense.err) == (1, True)


async def test_what_is_only_at_meta_gets_its_file_and_reads_the_same(owner: Owner) -> None:
    await owner.run("push")
    for path in (owner.folder / "flows").glob("cart_reminder.yaml"):
        path.unlink()
    (owner.folder / "flows/templates/cart_discount.yaml").unlink()
    pulled = await owner.run("pull", "cart_discount")
    assert "cart_discount.yaml" in pulled.out
    assert "at Meta also in" in pulled.out
    assert "Use my discount" in (owner.folder / "flows/templates/cart_discount.yaml").read_text()
    assert "{percent}" in (owner.folder / "flows/templates/cart_discount.yaml").read_text()
    shutil.copy(ROOT / "flows/cart_reminder.yaml", owner.folder / "flows/cart_reminder.yaml")
    assert (await owner.run("diff", "cart_discount")).code == 0


async def test_without_an_account_it_says_what_to_set(owner: Owner) -> None:
    del owner.environment["COMEBACK_WHATSAPP_ACCOUNT"]
    told = await owner.run("status")
    assert (told.code, "COMEBACK_WHATSAPP_ACCOUNT" in told.err) == (78, True)


BODY = {"type": "BODY", "text": "Hello"}


@pytest.mark.parametrize(
    ("category", "components", "why"),
    [
        ("AUTHENTICATION", [BODY], "its category is authentication"),
        ("UTILITY", [], "it has no text"),
        ("UTILITY", [{"type": "HEADER", "format": "LOCATION"}, {"type": "BODY", "text": "Hello"}], "its header is a place"),
        ("UTILITY", [BODY, {"type": "HEADER", "format": "PRODUCT"}], "its header is a product"),
        ("UTILITY", [BODY, {"type": "ORDER_STATUS"}], "it has a order_status"),
        (
            "UTILITY",
            [BODY, {"type": "CAROUSEL", "cards": [{"components": [{"type": "HEADER", "format": "TEXT"}]}]}],
            "its cards show products",
        ),
        ("UTILITY", [BODY, {"type": "BUTTONS", "buttons": [{"type": "FLOW", "text": "Form"}]}], "of the kind flow"),
    ],
)
def test_what_cannot_be_written_here_is_left_with_a_reason(category: str, components: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(Unfit, match=why):
        as_file(TemplateState("hello", "en", "APPROVED", category, components=tuple(components)))


SHOW = """
name: Show
purpose: service
start:
  when: order_paid
steps:
  - send:
      template: show
      with:
        name: contact.first_name or "there"
  - end
"""
PICTURE = "category: utility\nheader:\n  image: pictures/show.png\nbody: Hi {name}, look.\n"


async def test_a_picture_is_shown_to_its_reviewers(owner: Owner) -> None:
    flows = owner.folder / "flows"
    (flows / "store.yaml").write_text("name: Casa\ncurrency: EUR\ntimezone: Europe/Madrid\nlanguages: [en]\n", "utf-8")
    for shipped in set(flows.glob("*.yaml")) - {flows / "store.yaml"}:
        shipped.unlink()
    (flows / "show.yaml").write_text(SHOW, "utf-8")
    (flows / "templates" / "show.yaml").write_text(PICTURE, "utf-8")
    (flows / "pictures").mkdir()
    (flows / "pictures" / "show.png").write_bytes(b"\x89PNG\r\n\x1a\npicture")
    told = await owner.run("push", "show")
    assert (told.code, "COMEBACK_WHATSAPP_APP" in told.out) == (1, True)
    owner.environment["COMEBACK_WHATSAPP_APP"] = owner.cloud.app.id
    assert (await owner.run("push", "show")).code == 0
    [header, _] = owner.cloud.templates["show", "en"].components
    assert header["format"] == "IMAGE"
    assert header["example"]["header_handle"][0].startswith("4::")
    assert (await owner.run("diff", "show")).code == 0
