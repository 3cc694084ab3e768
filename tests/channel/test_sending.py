"""Sending over a real socket: what is put on the wire, and what each way of failing means for the message."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.channel import Delivered, Failure, Outgoing, Recipient, Remedy, SendError, Withheld
from bot.channel.whatsapp import sending
from bot.channel.whatsapp.sending import LOST_TRIES, MarketingRoute, WhatsApp
from bot.flow.run import Button, Card, ContactCard, Content, Link, Media, MediaKind, Place, TemplateMessage, Text

from .graph import NUMBER, PHONE, WAMID, Answer, Graph, always, cut, fails, graph, half_an_answer, hang

HI = Text("Hi")
PICTURE, FILM, SOUND = "https://cdn.example/x.jpg", "https://cdn.example/x.mp4", "https://cdn.example/x.ogg"
PAPER, STICKER = "https://cdn.example/x.pdf", "https://cdn.example/x.webp"
FILE = "ab" * 32
image = Media(MediaKind.IMAGE, PICTURE)
BSUID = "US.13491208655302741918"


@pytest.fixture
async def meta() -> AsyncIterator[Graph]:
    async with graph() as fake:
        yield fake


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


class Shelf:
    """Stored files that are all there, or all lack in the way of `fault`."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.lost: list[str] = []

    async def media_id(self, file: str, number: str) -> str:
        assert number == NUMBER
        if self.fault:
            raise self.fault
        return f"up-{file[:4]}" + "-anew" * len(self.lost)

    async def gone(self, media_id: str, number: str) -> None:
        assert number == NUMBER
        self.lost.append(media_id)


@pytest.fixture
def whatsapp(meta: Graph, session: aiohttp.ClientSession) -> WhatsApp:
    return WhatsApp(session, token="secret", api_url=meta.url, timeout=1.5, menu="Choose", files=Shelf())


def outgoing(content: Content = HI, to: Recipient = Recipient(phone=PHONE), number: str = NUMBER) -> Outgoing:  # noqa: B008  # frozen
    return Outgoing("c7.3", number, to, content)


def answered(message: Outgoing, *answers: bool) -> Outgoing:
    """A message that may start as these say, one after the other."""
    told: Iterator[bool] = iter(answers)
    return replace(message, may_start=lambda: next(told))


async def failure(whatsapp: WhatsApp, message: Outgoing | None = None) -> SendError:
    with pytest.raises(SendError) as raised:
        await whatsapp.deliver(message or outgoing())
    return raised.value


# ---- what is on the wire

HEAD = {"messaging_product": "whatsapp", "recipient_type": "individual", "biz_opaque_callback_data": "c7.3"}


def buttons(count: int) -> tuple[Button, ...]:
    return tuple(Button(f"Choice {number}", f"r1:2:{number}") for number in range(count))


def template(**more: Any) -> TemplateMessage:
    return TemplateMessage("cart_waiting", more.pop("language", "es"), more.pop("values", {}), "as read", **more)


def interactive(**parts: object) -> dict[str, object]:
    return {"type": "interactive", "interactive": parts}


def filled(*components: object, language: str = "es") -> dict[str, object]:
    parts = {"components": list(components)} if components else {}
    return {"type": "template", "template": {"name": "cart_waiting", "language": {"code": language}, **parts}}


def pressable(kind: str, index: int, parameter: dict[str, Any]) -> dict[str, object]:
    return {"type": "button", "sub_type": kind, "index": index, "parameters": [parameter]}


def reply(number: int) -> dict[str, object]:
    return {"type": "reply", "reply": {"id": f"r1:2:{number}", "title": f"Choice {number}"}}


def row(number: int) -> dict[str, object]:
    return {"id": f"r1:2:{number}", "title": f"Choice {number}"}


NAMED = {
    "type": "BODY",
    "parameters": [
        {"type": "text", "text": "Ana", "parameter_name": "first_name"},
        {"type": "text", "text": "two lines", "parameter_name": "cart"},
    ],
}

WIRE: list[tuple[str, Content, dict[str, object]]] = [
    ("text", HI, {"type": "text", "text": {"body": "Hi", "preview_url": False}}),
    (
        "three reply buttons",
        Text("Hi", buttons(3)),
        interactive(type="button", action={"buttons": [reply(0), reply(1), reply(2)]}, body={"text": "Hi"}),
    ),
    (
        "four buttons are a list",
        Text("Hi", buttons(4)),
        interactive(
            type="list",
            action={"button": "Choose", "sections": [{"title": "Choose", "rows": [row(number) for number in range(4)]}]},
            body={"text": "Hi"},
        ),
    ),
    ("plain template", template(), filled()),
    ("a language pywa does not know", template(language="de_AT"), filled(language="de_AT")),
    (
        "named values",
        template(values={"first_name": "Ana", "cart": "two lines"}),
        filled(NAMED),
    ),
    (
        "quick replies, code and link by their index",
        template(buttons=buttons(2), code="SAVE20", link_suffix="c/42"),
        filled(
            pressable("QUICK_REPLY", 0, {"type": "payload", "payload": "r1:2:0"}),
            pressable("QUICK_REPLY", 1, {"type": "payload", "payload": "r1:2:1"}),
            pressable("COPY_CODE", 2, {"type": "coupon_code", "coupon_code": "SAVE20"}),
            pressable("URL", 3, {"type": "text", "text": "c/42"}),
        ),
    ),
    (
        "a link alone",
        template(link_suffix="c/42"),
        filled(pressable("URL", 0, {"type": "text", "text": "c/42"})),
    ),
    ("an image by its link", Text("", media=image), {"type": "image", "image": {"link": PICTURE}}),
    ("an image with words", Text("Hi", media=image), {"type": "image", "image": {"link": PICTURE, "caption": "Hi"}}),
    ("a stored image", Text("", media=Media(MediaKind.IMAGE, file=FILE)), {"type": "image", "image": {"id": f"up-{FILE[:4]}"}}),
    ("a video", Text("Hi", media=Media(MediaKind.VIDEO, FILM)), {"type": "video", "video": {"link": FILM, "caption": "Hi"}}),
    ("an audio", Text("", media=Media(MediaKind.AUDIO, SOUND)), {"type": "audio", "audio": {"link": SOUND}}),
    ("a sticker", Text("", media=Media(MediaKind.STICKER, STICKER)), {"type": "sticker", "sticker": {"link": STICKER}}),
    (
        "a document with its name",
        Text("Your invoice", media=Media(MediaKind.DOCUMENT, PAPER, filename="Invoice 7.pdf")),
        {"type": "document", "document": {"link": PAPER, "filename": "Invoice 7.pdf", "caption": "Your invoice"}},
    ),
    (
        "a link button",
        Text("Your cart", link=Link("Open it", "https://shop.example/c/1?a=b")),
        interactive(
            type="cta_url",
            action={"name": "cta_url", "parameters": {"display_text": "Open it", "url": "https://shop.example/c/1?a=b"}},
            body={"text": "Your cart"},
        ),
    ),
    (
        "a link button under an image, with small print",
        Text("Your cart", link=Link("Open it", "https://shop.example"), media=image, footer="Until Friday"),
        interactive(
            type="cta_url",
            action={"name": "cta_url", "parameters": {"display_text": "Open it", "url": "https://shop.example"}},
            header={"type": "image", "image": {"link": PICTURE}},
            body={"text": "Your cart"},
            footer={"text": "Until Friday"},
        ),
    ),
    (
        "buttons under a document",
        Text("Is this right?", buttons(1), media=Media(MediaKind.DOCUMENT, file=FILE, filename="a.pdf")),
        interactive(
            type="button",
            action={"buttons": [reply(0)]},
            header={"type": "document", "document": {"id": f"up-{FILE[:4]}", "filename": "a.pdf"}},
            body={"text": "Is this right?"},
        ),
    ),
    (
        "buttons under a header",
        Text("Hi", buttons(1), header="Sale"),
        interactive(type="button", action={"buttons": [reply(0)]}, header={"type": "text", "text": "Sale"}, body={"text": "Hi"}),
    ),
    (
        "a list with a title and words under its rows",
        Text("Size?", (Button("S", "p0", "up to 40 cm"), *buttons(3)), menu="Sizes"),
        interactive(
            type="list",
            action={
                "button": "Sizes",
                "sections": [{"title": "Sizes", "rows": [{"id": "p0", "title": "S", "description": "up to 40 cm"}, *map(row, range(3))]}],
            },
            body={"text": "Size?"},
        ),
    ),
    (
        "a place",
        Text("", place=Place(40.4, -3.7, "Casa Bonita", "Calle Mayor 1")),
        {"type": "location", "location": {"latitude": 40.4, "longitude": -3.7, "name": "Casa Bonita", "address": "Calle Mayor 1"}},
    ),
    ("a bare place", Text("", place=Place(0.0, 180.0)), {"type": "location", "location": {"latitude": 0.0, "longitude": 180.0}}),
    (
        "a contact",
        Text("", card=ContactCard("Ana at the shop", "+34600000001")),
        {
            "type": "contacts",
            "contacts": [
                {
                    "name": {"formatted_name": "Ana at the shop", "first_name": "Ana at the shop"},
                    "phones": [{"phone": "+34600000001", "type": "WORK", "wa_id": "34600000001"}],
                }
            ],
        },
    ),
    (
        "the catalog",
        Text("All we have", catalog=True),
        interactive(type="catalog_message", action={"name": "catalog_message"}, body={"text": "All we have"}),
    ),
    (
        "the catalog with a product on it",
        Text("All we have", catalog=True, products=("sku-1",)),
        interactive(
            type="catalog_message",
            action={"name": "catalog_message", "parameters": {"thumbnail_product_retailer_id": "sku-1"}},
            body={"text": "All we have"},
        ),
    ),
    (
        "one product, without words",
        Text("", products=("sku-1",), catalog_id="77"),
        interactive(type="product", action={"catalog_id": "77", "product_retailer_id": "sku-1"}),
    ),
    (
        "several products",
        Text("Again?", products=("a", "b"), catalog_id="77", header="Casa Bonita", menu="Your favourites"),
        interactive(
            type="product_list",
            action={
                "catalog_id": "77",
                "sections": [{"title": "Your favourites", "product_items": [{"product_retailer_id": "a"}, {"product_retailer_id": "b"}]}],
            },
            header={"type": "text", "text": "Casa Bonita"},
            body={"text": "Again?"},
        ),
    ),
    ("a reaction", Text("", quotes=WAMID, reaction="👍🏽"), {"type": "reaction", "reaction": {"message_id": WAMID, "emoji": "👍🏽"}}),
    ("a reaction taken back", Text("", quotes=WAMID, reaction=""), {"type": "reaction", "reaction": {"message_id": WAMID, "emoji": ""}}),
    (
        "an answer to one message",
        Text("Yes", quotes=WAMID),
        {"type": "text", "text": {"body": "Yes", "preview_url": False}, "context": {"message_id": WAMID}},
    ),
    (
        "values by their place",
        template(values={"2": "two", "10": "ten", "1": "one"}, positional=True, header_values={"1": "Sale"}),
        filled(
            {"type": "HEADER", "parameters": [{"type": "text", "text": "Sale"}]},
            {"type": "BODY", "parameters": [{"type": "text", "text": word} for word in ("one", "two", "ten")]},
        ),
    ),
    (
        "what Meta refuses in a value is taken out of it",
        template(values={"a": "two\nlines,\ttabs      and gaps", "b": " \n "}),
        filled(
            {
                "type": "BODY",
                "parameters": [
                    {"type": "text", "text": "two lines, tabs and gaps", "parameter_name": "a"},
                    {"type": "text", "text": "-", "parameter_name": "b"},
                ],
            }
        ),
    ),
    (
        "a template under an image",
        template(header_media=image),
        filled({"type": "HEADER", "parameters": [{"type": "image", "image": {"link": PICTURE}}]}),
    ),
    (
        "a template under a stored video",
        template(header_media=Media(MediaKind.VIDEO, file=FILE)),
        filled({"type": "HEADER", "parameters": [{"type": "video", "video": {"id": f"up-{FILE[:4]}"}}]}),
    ),
    (
        "a template under a document",
        template(header_media=Media(MediaKind.DOCUMENT, PAPER, filename="a.pdf")),
        filled({"type": "HEADER", "parameters": [{"type": "document", "document": {"link": PAPER, "filename": "a.pdf"}}]}),
    ),
    (
        "a template under a place",
        template(header_place=Place(1.5, 2.5, "Here")),
        filled({"type": "HEADER", "parameters": [{"type": "location", "location": {"latitude": 1.5, "longitude": 2.5, "name": "Here"}}]}),
    ),
    (
        "a limited-time offer, in milliseconds",
        template(offer_ends=datetime(2026, 11, 25, tzinfo=UTC), code="SAVE20", link_suffix="c/4 2"),
        filled(
            {
                "type": "LIMITED_TIME_OFFER",
                "parameters": [{"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 1795564800000}}],
            },
            pressable("COPY_CODE", 0, {"type": "coupon_code", "coupon_code": "SAVE20"}),
            pressable("URL", 1, {"type": "text", "text": "c/4%202"}),
        ),
    ),
    ("a template with a catalog", template(catalog=True), filled()),
    (
        "a template with a catalog and its picture",
        template(catalog=True, products=("sku-1",)),
        filled(pressable("CATALOG", 0, {"type": "action", "action": {"thumbnail_product_retailer_id": "sku-1"}})),
    ),
    (
        "a template with products",
        template(buttons=buttons(1), products=("a", "b"), menu="View items"),
        filled(
            pressable("QUICK_REPLY", 0, {"type": "payload", "payload": "r1:2:0"}),
            pressable(
                "MPM",
                1,
                {
                    "type": "action",
                    "action": {
                        "thumbnail_product_retailer_id": "a",
                        "sections": [
                            {"title": "View items", "product_items": [{"product_retailer_id": "a"}, {"product_retailer_id": "b"}]}
                        ],
                    },
                },
            ),
        ),
    ),
    (
        "a carousel",
        template(
            values={"name": "Ana"},
            cards=(
                Card(image, {"price": "5 €"}, buttons(1), "p/1"),
                Card(Media(MediaKind.IMAGE, file=FILE), {"price": "6 €"}, buttons(1), "p/2"),
            ),
        ),
        filled(
            {"type": "BODY", "parameters": [{"type": "text", "text": "Ana", "parameter_name": "name"}]},
            {
                "type": "carousel",
                "cards": [
                    {
                        "card_index": index,
                        "components": [
                            {"type": "HEADER", "parameters": [{"type": "image", "image": picture}]},
                            {"type": "BODY", "parameters": [{"type": "text", "text": price, "parameter_name": "price"}]},
                            pressable("QUICK_REPLY", 0, {"type": "payload", "payload": "r1:2:0"}),
                            pressable("URL", 1, {"type": "text", "text": f"p/{index + 1}"}),
                        ],
                    }
                    for index, picture, price in ((0, {"link": PICTURE}, "5 €"), (1, {"id": f"up-{FILE[:4]}"}, "6 €"))
                ],
            },
        ),
    ),
]


@pytest.mark.parametrize(("content", "expected"), [case[1:] for case in WIRE], ids=[case[0] for case in WIRE])
async def test_each_kind_of_content_is_sent_as_the_cloud_api_wants_it(
    whatsapp: WhatsApp, meta: Graph, content: Content, expected: dict[str, object]
) -> None:
    assert await whatsapp.deliver(outgoing(content)) == Delivered(WAMID)
    method, path, token, body = meta.asked[0]
    assert (method, path, token) == ("POST", f"/v24.0/{NUMBER}/messages", "Bearer secret")
    assert body == {**HEAD, "to": PHONE, **expected}


@pytest.mark.parametrize(
    ("to", "address"),
    [
        (Recipient(phone=PHONE), {"to": PHONE}),
        (Recipient(phone=PHONE, bsuid=BSUID), {"to": PHONE}),
        (Recipient(bsuid=BSUID), {"recipient": BSUID}),
        (Recipient(bsuid="US.ENT.11815799212886844830"), {"recipient": "US.ENT.11815799212886844830"}),
    ],
)
async def test_the_phone_is_written_to_where_it_is_known_else_the_user_id(
    whatsapp: WhatsApp, meta: Graph, to: Recipient, address: dict[str, str]
) -> None:
    await whatsapp.deliver(outgoing(to=to))
    assert {key: meta.last[key] for key in ("to", "recipient") if key in meta.last} == address
    assert meta.last["recipient_type"] == "individual"


@pytest.mark.parametrize(
    "to",
    [
        Recipient(),
        Recipient(phone=""),
        Recipient(phone="16505551234"),
        Recipient(phone="+1 (650) 555-1234"),
        Recipient(phone="+1650555123456789"),
        Recipient(phone="+１６５０５５５１２３４"),  # full-width digits
        Recipient(bsuid="US.abcDEF"),  # pywa would take it for a group
        Recipient(bsuid="120363000000000000@g.us"),
        Recipient(bsuid="us.134"),
    ],
)
async def test_who_is_neither_a_phone_nor_a_user_id_is_refused_without_a_request(whatsapp: WhatsApp, meta: Graph, to: Recipient) -> None:
    refused = await failure(whatsapp, outgoing(to=to))
    assert (refused.failure, refused.remedy) == (Failure.REFUSED, Remedy.UNREACHABLE)
    assert meta.asked == []


@pytest.mark.parametrize("number", ["", "1/../2", "106540352242922?x=1", "abc"])
async def test_a_number_id_cannot_change_the_address(whatsapp: WhatsApp, meta: Graph, number: str) -> None:
    assert (await failure(whatsapp, outgoing(number=number))).failure is Failure.REFUSED
    assert meta.asked == []


async def test_more_than_ten_buttons_are_refused(whatsapp: WhatsApp, meta: Graph) -> None:
    await whatsapp.deliver(outgoing(Text("Hi", buttons(10))))
    assert (await failure(whatsapp, outgoing(Text("Hi", buttons(11))))).failure is Failure.REFUSED
    assert len(meta.asked) == 1


@pytest.mark.parametrize("words", ["¿Qué tal? 👋🏽", "שלום", 'quote " and \\ and \x07', "\ud800 half a pair"])
async def test_any_text_arrives_as_it_was_written(whatsapp: WhatsApp, meta: Graph, words: str) -> None:
    await whatsapp.deliver(outgoing(Text(words)))
    assert meta.last["text"]["body"] == words


# ---- stored files


@pytest.mark.parametrize(
    ("fault", "meant"),
    [
        (SendError(Failure.REFUSED, "no such file"), Failure.REFUSED),
        (SendError(Failure.RETRY, "later"), Failure.RETRY),
        (SendError(Failure.UNKNOWN, "nobody knows of the upload"), Failure.RETRY),
        (OSError("disk"), Failure.RETRY),
    ],
)
async def test_what_becomes_of_an_upload_never_leaves_a_message_in_doubt(
    meta: Graph, session: aiohttp.ClientSession, fault: Exception, meant: Failure
) -> None:
    whatsapp = WhatsApp(session, token="t", api_url=meta.url, files=Shelf(fault))
    assert (await failure(whatsapp, outgoing(Text("", media=Media(MediaKind.IMAGE, file=FILE))))).failure is meant
    assert meta.asked == []


async def test_without_stored_files_a_message_that_needs_one_is_refused(meta: Graph, session: aiohttp.ClientSession) -> None:
    whatsapp = WhatsApp(session, token="t", api_url=meta.url)
    assert (await failure(whatsapp, outgoing(template(header_media=Media(MediaKind.IMAGE, file=FILE))))).failure is Failure.REFUSED
    assert meta.asked == []


# ---- read, and typing


@pytest.mark.parametrize("typing", [True, False])
async def test_a_message_is_read_and_an_answer_announced(whatsapp: WhatsApp, meta: Graph, typing: bool) -> None:
    meta.answer = always(200, {"success": True})
    await whatsapp.acknowledge(NUMBER, WAMID, typing=typing)
    said = {"messaging_product": "whatsapp", "status": "read", "message_id": WAMID}
    assert meta.asked == [
        ("POST", f"/v24.0/{NUMBER}/messages", "Bearer secret", said | ({"typing_indicator": {"type": "text"}} if typing else {}))
    ]


async def test_a_receipt_that_cannot_be_given_says_so(whatsapp: WhatsApp, meta: Graph) -> None:
    meta.answer = fails(400, 131009)
    with pytest.raises(SendError):
        await whatsapp.acknowledge(NUMBER, WAMID, typing=True)


# ---- the way of marketing

OFFER = TemplateMessage("cart_waiting", "es", {}, "as read", marketing=True)


def _of(meta: Graph) -> list[str]:
    return [path.rpartition("/")[2] for _, path, *_ in meta.asked]


@pytest.mark.parametrize(("route", "policy"), [(MarketingRoute.FALLBACK, "CLOUD_API_FALLBACK"), (MarketingRoute.STRICT, "STRICT")])
async def test_marketing_templates_and_nothing_else_go_their_own_way_where_asked(
    meta: Graph, session: aiohttp.ClientSession, route: MarketingRoute, policy: str
) -> None:
    whatsapp = WhatsApp(session, token="t", api_url=meta.url, marketing=route)
    for content in (OFFER, template(), HI):
        await whatsapp.deliver(outgoing(content))
    assert _of(meta) == ["marketing_messages", "messages", "messages"]
    assert meta.asked[0][3] == {**HEAD, "to": PHONE, **filled(), "product_policy": policy}
    assert "product_policy" not in meta.last


async def test_without_being_asked_marketing_goes_the_way_of_all_messages(whatsapp: WhatsApp, meta: Graph) -> None:
    await whatsapp.deliver(outgoing(OFFER))
    assert _of(meta) == ["messages"]


@pytest.mark.parametrize(
    ("route", "answer", "asked"),
    [
        (MarketingRoute.FALLBACK, fails(500, 134102), ["marketing_messages", "messages"]),
        (MarketingRoute.STRICT, fails(500, 134102), ["marketing_messages"]),
        (MarketingRoute.FALLBACK, fails(400, 134100), ["marketing_messages"]),
        (MarketingRoute.FALLBACK, fails(400, 134101), ["marketing_messages"]),
        (MarketingRoute.FALLBACK, fails(400, 131055), ["marketing_messages"]),
        (MarketingRoute.FALLBACK, always(500, b"<html>"), ["marketing_messages"]),
        (MarketingRoute.FALLBACK, cut, ["marketing_messages"]),
    ],
)
async def test_only_a_clear_no_sends_marketing_back_to_the_way_of_all_messages(
    meta: Graph, session: aiohttp.ClientSession, route: MarketingRoute, answer: Answer, asked: list[str]
) -> None:
    meta.answer = answer
    whatsapp = WhatsApp(session, token="t", api_url=meta.url, marketing=route)
    await failure(whatsapp, outgoing(OFFER))
    assert _of(meta) == asked


async def test_marketing_that_may_not_go_any_more_goes_no_second_way_and_when_it_may_again_goes_it_at_once(
    meta: Graph, session: aiohttp.ClientSession
) -> None:
    """The answer of the first way may take so long that the message must be judged anew each time: it would never go."""
    meta.answer = fails(500, 134102)
    whatsapp = WhatsApp(session, token="t", api_url=meta.url, marketing=MarketingRoute.FALLBACK)
    assert isinstance(await failure(whatsapp, answered(outgoing(OFFER), True, False)), Withheld)
    meta.answer = None
    assert await whatsapp.deliver(answered(outgoing(OFFER), True)) == Delivered(WAMID)
    assert _of(meta) == ["marketing_messages", "messages"]


async def test_a_number_whose_marketing_goes_no_way_of_its_own_is_asked_again_after_a_while(
    meta: Graph, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "AROUND_SECONDS", 0.0)
    meta.answer = fails(500, 134102)
    whatsapp = WhatsApp(session, token="t", api_url=meta.url, marketing=MarketingRoute.FALLBACK)
    for _ in range(2):
        await failure(whatsapp, outgoing(OFFER))
    assert _of(meta) == ["marketing_messages", "messages"] * 2


# ---- what an answer means


@pytest.mark.parametrize(("status", "held"), [(None, False), ("accepted", False), ("held_for_quality_assessment", True)])
async def test_a_template_may_be_taken_but_held(whatsapp: WhatsApp, meta: Graph, status: str | None, held: bool) -> None:
    meta.answer = always(200, said(message={"id": WAMID, **({"message_status": status} if status else {})}))
    assert await whatsapp.deliver(outgoing(template())) == Delivered(WAMID, held=held)


async def test_a_template_in_a_state_nobody_knows_yet_counts_as_held(whatsapp: WhatsApp, meta: Graph) -> None:
    meta.answer = always(200, said(message={"id": WAMID, "message_status": "paused"}))
    assert await whatsapp.deliver(outgoing(template())) == Delivered(WAMID, held=True)


def said(contacts: object = None, message: object = None) -> dict[str, object]:
    contacts = [{"input": PHONE, "wa_id": PHONE[1:]}] if contacts is None else contacts
    return {"messaging_product": "whatsapp", "contacts": contacts, "messages": [message or {"id": WAMID}]}


@pytest.mark.parametrize(
    "answer",
    [
        always(200, {"messaging_product": "whatsapp", "messages": [{"id": WAMID}]}),
        always(200, said(contacts=[])),
        always(200, said(contacts="x")),
        always(200, said(contacts=[{"input": PHONE}])),
        always(200, said(message={"id": ""})),
        always(200, said(message={"id": 7})),
        always(200, {"success": True}),
        always(200, []),
        always(200, b"<html>OK</html>"),
        always(200, b""),
        always(200, b"\xff\xfe"),
        always(200, b"[" * 100_000),
        always(202, said()),
        always(302, b""),
        always(500, b"<html>Sorry, something went wrong.</html>"),
        always(502, b""),
        always(503, {"error": {"message": "no code"}}),
        always(500, {"error": {"code": "a"}}),
        always(500, {"error": []}),
        always(408, b""),
        fails(500, 999999),
        fails(500, 131000),
        fails(503, 2),
        fails(500, 131016),
        fails(400, 1),
        cut,
        half_an_answer,
        hang,
    ],
)
@pytest.mark.parametrize("content", [HI, template()], ids=["text", "template"])
async def test_what_may_have_been_sent_is_unknown_and_never_tried_twice(
    whatsapp: WhatsApp, meta: Graph, answer: Answer, content: Content
) -> None:
    meta.answer = answer
    assert (await failure(whatsapp, outgoing(content))).failure is Failure.UNKNOWN
    assert len(meta.asked) == 1


@pytest.mark.parametrize(
    ("answer", "meant", "remedy"),
    [
        (fails(400, 130429), Failure.RETRY, Remedy.SLOW_DOWN),
        (fails(403, 130429), Failure.RETRY, Remedy.SLOW_DOWN),
        (fails(400, "130429"), Failure.RETRY, Remedy.SLOW_DOWN),
        (fails(400, 131056), Failure.RETRY, Remedy.PAUSE_PAIR),
        (fails(400, 80007), Failure.RETRY, Remedy.PAUSE_NUMBER),
        (fails(400, 4), Failure.RETRY, Remedy.PAUSE_NUMBER),
        (fails(500, 131057), Failure.RETRY, Remedy.PAUSE_NUMBER),
        (always(429, b"slow down"), Failure.RETRY, Remedy.PAUSE_NUMBER),
        (fails(400, 131048), Failure.RETRY, Remedy.STOP_MARKETING),
        (fails(400, 131064), Failure.RETRY, Remedy.STOP_MARKETING),
        (fails(400, 131049), Failure.RETRY, Remedy.PAUSE_PERSON),
        (fails(400, 131050), Failure.REFUSED, Remedy.OPT_OUT),
        (fails(400, 131026), Failure.REFUSED, Remedy.UNREACHABLE),
        (fails(400, 131047), Failure.REFUSED, Remedy.USE_TEMPLATE),
        (fails(401, 190), Failure.RETRY, Remedy.RENEW_TOKEN),
        (fails(401, 0), Failure.RETRY, Remedy.RENEW_TOKEN),
        (fails(500, 3), Failure.RETRY, Remedy.STOP_ALL),
        (fails(403, 200), Failure.RETRY, Remedy.STOP_ALL),
        (fails(403, 299), Failure.RETRY, Remedy.STOP_ALL),
        (fails(400, 131042), Failure.RETRY, Remedy.STOP_ALL),
        (fails(500, 131045), Failure.RETRY, Remedy.STOP_ALL),
        (fails(403, 368), Failure.RETRY, Remedy.STOP_ALL),
        (fails(400, 132015), Failure.RETRY, Remedy.HOLD_TEMPLATE),
        (fails(404, 132001), Failure.REFUSED, Remedy.ASK_TEMPLATES),
        (fails(400, 100), Failure.REFUSED, Remedy.NONE),
        (fails(400, 100, error_subcode=33), Failure.RETRY, Remedy.STOP_ALL),
        (fails(400, 999999), Failure.REFUSED, Remedy.NONE),
        (always(404, b"<html>"), Failure.REFUSED, Remedy.NONE),
        (always(400, {"error": {"code": 131047}}), Failure.REFUSED, Remedy.USE_TEMPLATE),  # no message in it
    ],
)
async def test_a_clear_no_of_metas_is_told_by_its_code(
    whatsapp: WhatsApp, meta: Graph, answer: Answer, meant: Failure, remedy: Remedy
) -> None:
    meta.answer = answer
    error = await failure(whatsapp)
    assert (error.failure, error.remedy) == (meant, remedy)
    assert len(meta.asked) == 1


async def test_an_error_tells_the_owner_what_to_do_without_naming_anybody(whatsapp: WhatsApp, meta: Graph) -> None:
    meta.answer = fails(400, 131049, error_data={"details": "Not delivered to +1 650-555-1234 (id 16505551234)."})
    error = await failure(whatsapp)
    assert (error.code, error.retry_after) == (131049, timedelta(days=1))
    assert error.detail == "this person gets enough marketing already, says WhatsApp (WhatsApp: Not delivered to ... (id ...).)"


# ---- where a request can fail


async def test_what_was_never_connected_is_tried_again(session: aiohttp.ClientSession) -> None:
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        for address in (f"http://127.0.0.1:{port}", "http://no.such.host.invalid", "http://", "nonsense"):
            whatsapp = WhatsApp(session, token="t", api_url=address, timeout=2)
            assert (await failure(whatsapp)).failure is Failure.RETRY, address


async def test_a_broken_handshake_is_before_the_message(meta: Graph, session: aiohttp.ClientSession) -> None:
    whatsapp = WhatsApp(session, token="t", api_url=meta.url.replace("http:", "https:"), timeout=2)
    assert (await failure(whatsapp)).failure is Failure.RETRY
    assert meta.asked == []


async def test_who_gets_no_connection_out_of_a_busy_pool_is_tried_again(meta: Graph) -> None:
    meta.answer = hang
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as narrow:
        whatsapp = WhatsApp(narrow, token="t", api_url=meta.url, timeout=0.3)
        results = await asyncio.gather(*(failure(whatsapp) for _ in range(3)))
    assert sorted(error.failure for error in results) == [Failure.RETRY, Failure.RETRY, Failure.UNKNOWN]
    assert len(meta.asked) == 1


async def test_a_stale_connection_is_unknown_and_the_next_message_goes_through(whatsapp: WhatsApp, meta: Graph) -> None:
    await whatsapp.deliver(outgoing())
    meta.answer = cut
    assert (await failure(whatsapp)).failure is Failure.UNKNOWN
    meta.answer = None
    await whatsapp.deliver(outgoing())
    assert len(meta.asked) == 3


async def test_a_closed_session_sends_nothing_and_keeps_the_message(meta: Graph) -> None:
    async with aiohttp.ClientSession() as closed:
        whatsapp = WhatsApp(closed, token="t", api_url=meta.url)
    assert (await failure(whatsapp)).failure is Failure.RETRY


async def test_a_message_is_never_carried_on_to_another_address(whatsapp: WhatsApp, meta: Graph) -> None:
    async def elsewhere(_request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": f"{meta.url}/elsewhere"})

    meta.answer = elsewhere
    assert (await failure(whatsapp)).failure is Failure.UNKNOWN
    assert len(meta.asked) == 1


async def test_a_cancelled_delivery_stays_cancelled(whatsapp: WhatsApp, meta: Graph) -> None:
    meta.answer = hang
    sending = asyncio.create_task(whatsapp.deliver(outgoing()))
    await asyncio.sleep(0.1)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_fifty_messages_go_out_side_by_side_each_with_its_own_key(whatsapp: WhatsApp, meta: Graph) -> None:
    messages = [Outgoing(f"c{number}.1", NUMBER, Recipient(phone=f"+1650555{number:04}"), HI) for number in range(50)]
    assert await asyncio.gather(*map(whatsapp.deliver, messages)) == [Delivered(WAMID)] * 50
    sent = {(body["biz_opaque_callback_data"], body["to"]) for _, _, _, body in meta.asked}
    assert sent == {(message.key, message.to.phone) for message in messages}


# ---- files that Meta has lost


@pytest.mark.parametrize("code", [100, 131009, 131053])
async def test_a_file_that_meta_may_have_lost_is_uploaded_anew_once(meta: Graph, whatsapp: WhatsApp, code: int) -> None:
    meta.answer = fails(400, code)
    message = outgoing(Text("", media=Media(MediaKind.IMAGE, file=FILE)))
    assert (await failure(whatsapp, message)).code == code
    assert [asked[3]["image"]["id"] for asked in meta.asked] == [f"up-{FILE[:4]}", f"up-{FILE[:4]}-anew"]


@pytest.mark.parametrize("may_start", [(True, True, False), (True, True, True, False)])
async def test_a_message_that_may_not_go_any_more_when_its_file_is_there_again_is_tried_a_few_times(
    meta: Graph, whatsapp: WhatsApp, may_start: tuple[bool, ...]
) -> None:
    """It may be refused for another reason than its file: given back as if it had not been tried, it would go round for ever."""
    meta.answer = fails(400, 100)
    fault = await failure(whatsapp, answered(outgoing(Text("", media=Media(MediaKind.IMAGE, file=FILE))), *may_start))
    assert (type(fault), fault.failure, fault.code, fault.tries) == (SendError, Failure.RETRY, 100, LOST_TRIES)
    assert len(meta.asked) == 1


async def test_a_message_that_may_not_start_asks_nobody(meta: Graph, whatsapp: WhatsApp) -> None:
    for content in (HI, OFFER, Text("", media=Media(MediaKind.IMAGE, file=FILE))):
        fault = await failure(whatsapp, answered(outgoing(content), False))
        assert (type(fault), fault.failure) == (Withheld, Failure.RETRY)
    assert meta.asked == []


@pytest.mark.parametrize("code", [131047, 131056, 190])
async def test_other_failures_leave_a_files_upload_alone(meta: Graph, whatsapp: WhatsApp, code: int) -> None:
    meta.answer = fails(400, code)
    await failure(whatsapp, outgoing(Text("", media=Media(MediaKind.IMAGE, file=FILE))))
    assert len(meta.asked) == 1


async def test_a_wrong_parameter_without_a_file_is_said_once(meta: Graph, whatsapp: WhatsApp) -> None:
    meta.answer = fails(400, 131009)
    await failure(whatsapp)
    assert len(meta.asked) == 1
