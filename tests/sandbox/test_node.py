"""A TypeScript client from npm (@kapso/whatsapp-cloud-api) meets the sandbox as it meets Meta, led here by its own `baseUrl`."""

import asyncio
import hashlib
import json
import shutil
from typing import Any

from bot.sandbox.cloud.bubble import Bubble, GoodsKind, MediaKind

from .files import JPEG, PDF
from .house import ANA, House
from .node import CLIENTS, node_with_packages

SECONDS = 60
LINK = "https://shop.example/cup.jpg"
KINDS = {
    *("text", "image", "image_link", "document", "video", "audio", "voice", "sticker", "location", "contacts", "reaction", "buttons"),
    *("list", "link", "carousel", "product", "products", "catalog", "location_request", "address", "form", "template"),
}


async def run(home: House, asked: str) -> Any:
    """What the client did, in its own words."""
    node, folder = await asyncio.to_thread(node_with_packages)
    shutil.copy(CLIENTS / "every_kind.js", folder)
    about = {"base": home.url, "token": home.cloud.token, "number": home.cloud.number.id, "account": home.cloud.waba_id}
    process = await asyncio.create_subprocess_exec(
        *(node, str(folder / "every_kind.js"), json.dumps(about | {"to": ANA, "asked": asked})),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


async def test_a_typescript_client_sends_every_kind_moves_files_and_reads_templates(home: House) -> None:
    asked = home.cloud.receive_from(ANA, "hola")
    did = await run(home, asked)
    assert set(did["sent"]) == KINDS
    assert did["told"] == {"mimeType": "image/jpeg", "fileSize": len(JPEG), "sha256": hashlib.sha256(JPEG).hexdigest()}
    assert (did["same"], did["unsigned"], did["deleted"], did["read"], did["gone"]) == (True, 401, True, True, True)
    assert did["created"] == {"status": "APPROVED", "category": "MARKETING"}
    assert did["pages"] == [["cart_reminder"], ["order_update"]]
    assert did["approved"] == ["cart_reminder"]
    assert did["accepted"] == "accepted"
    assert did["about"] == "Coffee"
    assert did["refusal"] == {"ours": True, "code": 132001, "status": 404}
    assert did["first"]["contacts"] == [{"input": ANA, "waId": ANA[1:]}]
    customer = home.cloud.customer(ANA)
    phone = {kind: bubble for kind, wamid in did["sent"].items() if (bubble := customer.bubble(wamid))}
    assert set(phone) == KINDS - {"reaction"}
    words_and_buttons(phone, asked)
    files_and_places(home, phone)
    goods_and_templates(phone)
    question = customer.bubble(asked)
    assert question
    assert question.reactions == {False: "👍"}


def words_and_buttons(phone: dict[str, Bubble], asked: str) -> None:
    """Texts, buttons, a list, a link, questions for a place, an address and a form."""
    text = phone["text"]
    assert (text.drawing.body, text.drawing.preview) == ("Look: https://shop.example", "https://shop.example")
    assert (text.key, text.reply_to) == ("ob:1", asked)
    buttons = phone["buttons"].drawing
    assert buttons.media
    assert (buttons.media.kind, buttons.body, buttons.footer) == (MediaKind.IMAGE, "Well?", "Foot")
    assert [(one.title, one.value) for one in buttons.buttons] == [("Yes", "yes"), ("No", "no")]
    rows = phone["list"].drawing
    assert (rows.header, rows.menu) == ("Head", "Choose")
    assert [(one.section, one.title, one.value, one.description) for one in rows.buttons] == [
        ("Sizes", "S", "s", "small"),
        ("Else", "Stop", "stop", ""),
    ]
    assert [(one.title, one.value) for one in phone["link"].drawing.buttons] == [("Open", "https://shop.example/a")]
    assert [phone[kind].drawing.body for kind in ("location_request", "address", "form")] == ["Where are you?", "Your address?", "A form"]
    assert [one.title for one in phone["form"].drawing.buttons] == ["Fill in"]


def files_and_places(home: House, phone: dict[str, Bubble]) -> None:
    """Each file as its kind, by id or link; a place and a contact card."""
    kinds = {"image": MediaKind.IMAGE, "document": MediaKind.DOCUMENT, "audio": MediaKind.AUDIO, "voice": MediaKind.VOICE}
    for name, kind in (kinds | {"sticker": MediaKind.STICKER}).items():
        media = phone[name].drawing.media
        assert media
        assert media.kind is kind
        assert home.cloud.media.get(media.id)
    image, document = phone["image"].drawing, phone["document"].drawing
    assert image.media
    assert document.media
    stored, paper = home.cloud.media.get(image.media.id), home.cloud.media.get(document.media.id)
    assert stored
    assert paper
    assert (stored.content, image.body) == (JPEG, "A cup")
    assert (paper.content, document.media.filename, document.body) == (PDF, "invoice.pdf", "Yours")
    links = [phone[kind].drawing.media for kind in ("image_link", "video")]
    assert [one and one.link for one in links] == [LINK, "https://shop.example/v.mp4"]
    place = phone["location"].drawing.place
    assert place
    assert (place.latitude, place.longitude, place.name, place.address) == (40.4, -3.7, "Café", "Plaza 1")
    assert [(one.name, one.phones) for one in phone["contacts"].drawing.contacts] == [("Rosa Díaz", ("+34600000099",))]


def goods_and_templates(phone: dict[str, Bubble]) -> None:
    """Products, the catalog, cards, and a template with a picture, words, a link, a code and an answer."""
    kinds = {"product": (GoodsKind.PRODUCT, ["p-2"]), "products": (GoodsKind.LIST, ["p-1", "p-2"]), "catalog": (GoodsKind.CATALOG, ["p-1"])}
    for name, (kind, wares) in kinds.items():
        goods = phone[name].drawing.goods
        assert goods
        assert (goods.kind, [ware.id for ware in goods.wares]) == (kind, wares)
    assert [(one.body, one.media and one.media.link, one.buttons[0].value) for one in phone["carousel"].drawing.cards] == [
        (f"Card {place}", f"https://shop.example/{place}.jpg", f"https://shop.example/p/{place}") for place in (1, 2)
    ]
    template = phone["template"]
    assert (template.template, template.key, template.category) == ("cart_reminder", "ob:9", "marketing")
    assert (template.drawing.body, template.drawing.footer) == ("Hi Ana, you left café in your cart.", "Reply STOP to opt out")
    assert template.drawing.media
    assert template.drawing.media.link == LINK
    assert [one.value for one in template.drawing.buttons] == ["https://shop.example/c/ch-1", "WELCOME10", "optout"]
