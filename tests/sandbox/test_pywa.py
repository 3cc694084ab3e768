"""pywa's own clients, synchronous and asynchronous, meet the sandbox as they meet Meta: every kind of message, files, templates.

Nothing here is made for the sandbox but the transport, which leads Meta's host names to this machine.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pywa
import pywa_async
from pywa.client import WhatsApp
from pywa.types import templates as sync_templates
from pywa.types.callback import Button, FlowButton, ImageCarouselCard, Section, SectionList, SectionRow, URLButton, VideoCarouselCard
from pywa.types.flows import FlowStatus
from pywa.types.others import Contact, ProductsSection
from pywa_async.client import WhatsApp as AsyncWhatsApp
from pywa_async.types import templates as async_templates

from bot.sandbox.cloud.bubble import Bubble, GoodsKind, MediaKind
from bot.sandbox.cloud.cloud_api import CloudApi

from .files import JPEG, MP4, OGG, PDF, WEBP
from .house import ANA, House

ENDS = datetime(2026, 11, 25, 23, 0, tzinfo=UTC)
LINK = "https://shop.example/cup.jpg"
Call = Callable[..., Awaitable[Any]]


class Redirected(httpx.HTTPTransport):
    """Leads every host to one address, and leaves all else as it is."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self._target = httpx.URL(target)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme=self._target.scheme, host=self._target.host, port=self._target.port)
        return super().handle_request(request)


class RedirectedAsync(httpx.AsyncHTTPTransport):
    """The same for the asynchronous client."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self._target = httpx.URL(target)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme=self._target.scheme, host=self._target.host, port=self._target.port)
        return await super().handle_async_request(request)


@asynccontextmanager
async def sync_client(home: House) -> AsyncIterator[tuple[Any, Call, Any]]:
    """pywa's synchronous client; its calls run in a thread, for the sandbox lives in this one."""
    with httpx.Client(transport=Redirected(home.url)) as session:
        cloud = home.cloud
        wa = WhatsApp(
            cloud.number.id, cloud.token, session=session, waba_id=cloud.waba_id, app_id=int(cloud.app.id), app_secret=cloud.app_secret
        )

        async def call(name: str, *args: Any, **named: Any) -> Any:
            return await asyncio.to_thread(getattr(wa, name), *args, **named)

        yield wa, call, sync_templates


@asynccontextmanager
async def async_client(home: House) -> AsyncIterator[tuple[Any, Call, Any]]:
    """pywa's asynchronous client."""
    async with httpx.AsyncClient(transport=RedirectedAsync(home.url)) as session:
        cloud = home.cloud
        wa = AsyncWhatsApp(
            cloud.number.id, cloud.token, session=session, waba_id=cloud.waba_id, app_id=int(cloud.app.id), app_secret=cloud.app_secret
        )

        async def call(name: str, *args: Any, **named: Any) -> Any:
            return await getattr(wa, name)(*args, **named)

        yield wa, call, async_templates


clients = pytest.mark.parametrize("client", [sync_client, async_client], ids=["pywa", "pywa_async"])


def last(home: House) -> Bubble:
    """What came to Ana's phone last."""
    return home.cloud.thread(ANA)[-1]


@clients
async def test_every_kind_of_message_is_on_the_phone_as_it_was_sent(home: House, client: Any) -> None:
    asked = home.cloud.receive_from(ANA, "hola")
    async with client(home) as (_, call, _):
        sent = await call("send_message", ANA, "Look: https://shop.example", preview_url=True, tracker="ob:1", reply_to_message_id=asked)
        assert (last(home).id, last(home).key, last(home).reply_to) == (sent.id, "ob:1", asked)
        assert (last(home).drawing.body, last(home).drawing.preview) == ("Look: https://shop.example", "https://shop.example")

        await call("send_message", ANA, "Well?", header="Head", footer="Foot", buttons=[Button("Yes", "yes"), Button("No", "no")])
        drawing = last(home).drawing
        assert (drawing.header, drawing.body, drawing.footer) == ("Head", "Well?", "Foot")
        assert [(one.title, one.value) for one in drawing.buttons] == [("Yes", "yes"), ("No", "no")]

        await call("send_message", ANA, "Shop", buttons=URLButton("Open", "https://shop.example/a"))
        assert [(one.title, one.value) for one in last(home).drawing.buttons] == [("Open", "https://shop.example/a")]

        rows = [Section("Sizes", [SectionRow("S", "s", "small"), SectionRow("M", "m")]), Section("Else", [SectionRow("Stop", "stop")])]
        await call("send_message", ANA, "Which?", buttons=SectionList("Choose", rows))
        assert last(home).drawing.menu == "Choose"
        assert [(one.title, one.value, one.description, one.section) for one in last(home).drawing.buttons] == [
            ("S", "s", "small", "Sizes"),
            ("M", "m", "", "Sizes"),
            ("Stop", "stop", "", "Else"),
        ]

        await call("send_message", ANA, "Form", buttons=FlowButton("Fill in", flow_id="42", flow_token="t", mode=FlowStatus.PUBLISHED))
        assert [one.title for one in last(home).drawing.buttons] == ["Fill in"]

        await files(home, call)

        await call("send_location", ANA, 40.4, -3.7, "Café", "Plaza 1")
        place = last(home).drawing.place
        assert place
        assert (place.latitude, place.longitude, place.name, place.address) == (40.4, -3.7, "Café", "Plaza 1")
        await call("request_location", ANA, "Where are you?")
        assert last(home).drawing.body == "Where are you?"
        await call("request_contact_info", ANA, "Your number?")
        assert last(home).drawing.body == "Your number?"

        card = Contact(name=Contact.Name(formatted_name="Rosa Díaz", first_name="Rosa"), phones=[Contact.Phone(phone="+34600000099")])
        await call("send_contact", ANA, card)
        assert [(one.name, one.phones) for one in last(home).drawing.contacts] == [("Rosa Díaz", ("+34600000099",))]

        await call("send_reaction", ANA, "👍", asked)
        question = home.cloud.customer(ANA).bubble(asked)
        assert question
        assert question.reactions == {False: "👍"}
        await call("remove_reaction", ANA, asked)
        assert question.reactions == {}

        await call("send_catalog", ANA, "All of it", thumbnail_product_sku="p-1")
        goods = last(home).drawing.goods
        assert goods
        assert (goods.kind, [ware.id for ware in goods.wares]) == (GoodsKind.CATALOG, ["p-1"])
        await call("send_product", ANA, "c-1", "p-2", "This one")
        goods = last(home).drawing.goods
        assert goods
        assert (goods.kind, [ware.id for ware in goods.wares]) == (GoodsKind.PRODUCT, ["p-2"])
        await call("send_products", ANA, "c-1", [ProductsSection("Coffee", ["p-1", "p-2"])], "Ours", "Have a look")
        goods = last(home).drawing.goods
        assert goods
        assert (goods.kind, goods.shelves[0].title, [ware.id for ware in goods.wares]) == (GoodsKind.LIST, "Coffee", ["p-1", "p-2"])

        cards = [
            ImageCarouselCard(body="One", image=LINK, buttons=[Button("Take one", "take:1")]),
            VideoCarouselCard(body="Two", video="https://shop.example/v.mp4", buttons=[Button("Take two", "take:2")]),
        ]
        await call("send_carousel", ANA, body="Both", cards=cards)
        made = last(home).drawing.cards
        assert [(one.body, one.media and one.media.kind, one.buttons[0].value) for one in made] == [
            ("One", MediaKind.IMAGE, "take:1"),
            ("Two", MediaKind.VIDEO, "take:2"),
        ]

        assert await call("mark_message_as_read", asked)
        assert await call("indicate_typing", asked)
        assert home.cloud.customer(ANA).typing_until is not None
    home.cloud.press(ANA, "take:2")
    await home.sandbox.idle()
    assert [one["type"] for one in home.receiver.values("messages")] == ["text", "interactive"]
    assert {one["status"] for one in home.receiver.values("statuses")} == {"sent", "delivered", "read"}


async def files(home: House, call: Call) -> None:
    """Files by link, by id, from memory, each as its own kind, and back again."""
    await call("send_image", ANA, LINK, caption="A cup")
    media = last(home).drawing.media
    assert media
    assert (media.kind, media.link, last(home).drawing.body) == (MediaKind.IMAGE, LINK, "A cup")
    for name, content, mime, kind in (
        ("send_image", JPEG, "image/jpeg", MediaKind.IMAGE),
        ("send_video", MP4, "video/mp4", MediaKind.VIDEO),
        ("send_audio", OGG, "audio/ogg", MediaKind.AUDIO),
        ("send_voice", OGG, "audio/ogg", MediaKind.VOICE),
        ("send_sticker", WEBP, "image/webp", MediaKind.STICKER),
    ):
        await call(name, ANA, content, mime_type=mime)
        media = last(home).drawing.media
        stored = home.cloud.media.get(media.id) if media else None
        assert media
        assert stored
        assert (media.kind, stored.content, stored.mime) == (kind, content, mime), name
    await call("send_document", ANA, PDF, filename="invoice.pdf", caption="Yours", mime_type="application/pdf")
    media = last(home).drawing.media
    assert media
    assert (media.kind, media.filename) == (MediaKind.DOCUMENT, "invoice.pdf")
    await call("send_image", ANA, JPEG, caption="Want it?", buttons=[Button("Yes", "y")], mime_type="image/jpeg")
    assert last(home).drawing.media
    assert [one.value for one in last(home).drawing.buttons] == ["y"]

    uploaded = await call("upload_media", JPEG, mime_type="image/jpeg", filename="cup.jpg")
    told = await call("get_media_url", uploaded.id)
    assert (told.mime_type, int(told.file_size)) == ("image/jpeg", len(JPEG))
    assert await call("get_media_bytes", url=told.url) == JPEG
    assert await call("delete_media", uploaded.id)
    with pytest.raises((pywa.errors.WhatsAppError, pywa_async.errors.WhatsAppError)):
        await call("get_media_url", uploaded.id)


@clients
async def test_templates_are_made_read_sent_changed_and_deleted(home: House, client: Any) -> None:
    async with client(home) as (_, call, t):
        made = await call("create_template", rich(t))
        assert (made.status.value, made.category.value) == ("APPROVED", "MARKETING")
        await call("create_template", offer(t))
        await call("create_template", carousel(t))
        await call("create_template", catalog(t))
        listed = await call("get_templates")
        assert [one.name for one in listed] == ["cart_reminder", "offer", "choices", "all_goods"]
        assert [str(one.category.value) for one in listed] == ["MARKETING"] * 4
        one = await call("get_template", made.id)
        assert (one.name, one.language.value, one.status.value) == ("cart_reminder", "en_US", "APPROVED")

        await send_templates(home, call, t)

        home.cloud.book.pause_for_pace("cart_reminder", "en_US")
        assert (await call("unpause_template", made.id)).success
        with pytest.raises((pywa.errors.WhatsAppError, pywa_async.errors.WhatsAppError)) as refused:
            await call("send_template", ANA, "cart_remainder", t.TemplateLanguage.ENGLISH_US, [])
        assert refused.value.code == 132001
        new = [t.BodyText("Hello {{name}}, it waits.", name="Ann")]
        assert await call("update_template", made.id, new_components=new)
        assert home.cloud.templates["cart_reminder", "en_US"].component("BODY")["text"] == "Hello {{name}}, it waits."
        archived = await call("archive_templates", [made.id])
        assert archived.archived == (made.id,)
        assert await call("delete_template", "cart_reminder")
        assert [one.name for one in await call("get_templates")] == ["offer", "choices", "all_goods"]


def rich(t: Any) -> Any:
    """A picture, named words, small print, a link and an answer."""
    buttons = [
        t.URLButton(text="Checkout", url="https://shop.example/c/{{1}}", example="https://shop.example/c/42"),
        t.CopyCodeButton(example="SAVE20"),
        t.QuickReplyButton(text="Stop"),
    ]
    components = [
        t.HeaderImage(example="4::handle"),
        t.BodyText("Hi {{name}}, you left {{item}} in your cart.", name="Ann", item="Shoes"),
        t.FooterText(text="Reply STOP to opt out"),
        t.Buttons(buttons=buttons),
    ]
    return t.Template(
        name="cart_reminder",
        language=t.TemplateLanguage.ENGLISH_US,
        category=t.TemplateCategory.MARKETING,
        parameter_format=t.ParamFormat.NAMED,
        components=components,
    )


def offer(t: Any) -> Any:
    """A limited-time offer, with words by position."""
    return t.Template(
        name="offer",
        language=t.TemplateLanguage.ENGLISH_US,
        category=t.TemplateCategory.MARKETING,
        parameter_format=t.ParamFormat.POSITIONAL,
        components=[
            t.HeaderImage(example="4::handle"),
            t.LimitedTimeOffer(text="Expiring offer!", has_expiration=True),
            t.BodyText("Good news, {{1}}! Use {{2}} today.", "Ann", "SAVE20"),
            t.Buttons(
                buttons=[
                    t.CopyCodeButton(example="SAVE20"),
                    t.URLButton(text="Shop", url="https://shop.example/{{1}}", example="https://shop.example/x"),
                ]
            ),
        ],
    )


def carousel(t: Any) -> Any:
    """Two cards."""

    def card() -> Any:
        link = t.URLButton(text="View", url="https://shop.example/p/{{1}}", example="https://shop.example/p/1")
        return t.CarouselCard(components=[t.HeaderImage(example="4::handle"), t.Buttons(buttons=[link])])

    return t.Template(
        name="choices",
        language=t.TemplateLanguage.ENGLISH_US,
        category=t.TemplateCategory.MARKETING,
        components=[t.BodyText("Two for you."), t.Carousel(cards=[card(), card()])],
    )


def catalog(t: Any) -> Any:
    """The whole catalog."""
    return t.Template(
        name="all_goods",
        language=t.TemplateLanguage.ENGLISH_US,
        category=t.TemplateCategory.MARKETING,
        components=[t.BodyText("All we have."), t.Buttons(buttons=[t.CatalogButton(text="View catalog")])],
    )


async def send_templates(home: House, call: Call, t: Any) -> None:
    """Each template, with every kind of parameter."""
    english = t.TemplateLanguage.ENGLISH_US
    params = [
        t.HeaderImage.params(image=LINK),
        t.BodyText.params(name="Ana", item="café"),
        t.URLButton.params(url_variable="ch-1", index=0),
        t.CopyCodeButton.params(coupon_code="WELCOME10", index=1),
        t.QuickReplyButton.params(callback_data="optout", index=2),
    ]
    sent = await call("send_template", ANA, "cart_reminder", english, params, tracker="ob:9")
    bubble, drawing = last(home), last(home).drawing
    assert (bubble.id, bubble.template, bubble.key) == (sent.id, "cart_reminder", "ob:9")
    assert (drawing.body, drawing.footer) == ("Hi Ana, you left café in your cart.", "Reply STOP to opt out")
    assert drawing.media
    assert drawing.media.link == LINK
    assert [one.value for one in drawing.buttons] == ["https://shop.example/c/ch-1", "WELCOME10", "optout"]

    ends = {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": int(ENDS.timestamp() * 1000)}}
    params = [
        t.HeaderImage.params(image=LINK),
        {"type": "limited_time_offer", "parameters": [ends]},  # pywa 4.5 writes seconds where the API wants milliseconds
        t.BodyText.params("Ana", "WELCOME10"),
        t.CopyCodeButton.params(coupon_code="WELCOME10", index=0),
        t.URLButton.params(url_variable="now", index=1),
    ]
    await call("send_template", ANA, "offer", english, params)
    drawing = last(home).drawing
    assert drawing.body == "Good news, Ana! Use WELCOME10 today."
    assert drawing.offer
    assert (drawing.offer.text, drawing.offer.ends) == ("Expiring offer!", ENDS)

    cards = [
        t.CarouselCard.params(
            params=[t.HeaderImage.params(image=f"https://shop.example/{index}.jpg"), t.URLButton.params(url_variable=f"p{index}", index=0)],
            index=index,
        )
        for index in range(2)
    ]
    await call("send_template", ANA, "choices", english, [t.Carousel.params(cards=cards)])
    assert [(one.media and one.media.link, one.buttons[0].value) for one in last(home).drawing.cards] == [
        ("https://shop.example/0.jpg", "https://shop.example/p/p0"),
        ("https://shop.example/1.jpg", "https://shop.example/p/p1"),
    ]

    params = [t.CatalogButton.params(thumbnail_product_sku="p-1", index=0)]
    sent = await call("send_template", ANA, "all_goods", english, params, use_mm_lite_api=True)
    goods = last(home).drawing.goods
    assert goods
    assert [ware.id for ware in goods.wares] == ["p-1"]
    assert last(home).category == "marketing_lite"


@clients
async def test_the_business_reads_and_changes_what_is_its_own(home: House, client: Any) -> None:
    home.cloud.receive_from(ANA, "hola")
    async with client(home) as (_, call, _):
        number = await call("get_business_phone_number")
        assert (number.id, number.verified_name, number.quality_rating) == (home.cloud.number.id, "Casa Bonita", "GREEN")
        assert number.whatsapp_business_manager_messaging_limit == "TIER_UNLIMITED"
        assert [one.id for one in await call("get_business_phone_numbers")] == [home.cloud.number.id]
        assert (await call("get_business_account")).id == home.cloud.waba_id
        assert await call("update_business_profile", about="Coffee", websites=["https://shop.example"])
        profile = await call("get_business_profile")
        assert (profile.about, list(profile.websites)) == ("Coffee", ["https://shop.example"])
        blocked = await call("block_users", [ANA])
        assert [one.input for one in blocked.added_users] == [ANA]
        path = f"/{home.cloud.number.id}/block_users"  # pywa 4.5 cannot read Meta's own list of them: it has no `input`
        assert (await home.call("GET", path))[1]["data"] == [{"messaging_product": "whatsapp", "wa_id": ANA[1:]}]
        with pytest.raises((pywa.errors.WhatsAppError, pywa_async.errors.WhatsAppError)) as refused:
            await call("send_message", ANA, "hello?")
        assert refused.value.code == 131026
        await call("unblock_users", [ANA])
        assert (await home.call("GET", path))[1]["data"] == []
        assert await call("get_app_access_token", int(home.cloud.app.id), home.cloud.app_secret)


@clients
async def test_refusals_are_the_clients_own_exceptions(home: House, client: Any) -> None:
    async with client(home) as (_, call, _):
        with pytest.raises((pywa.errors.ReEngagementMessage, pywa_async.errors.ReEngagementMessage)) as late:
            await call("send_message", ANA, "hello")
        assert late.value.code == 131047
        home.cloud.faults.token_expired = True
        with pytest.raises((pywa.errors.AuthorizationError, pywa_async.errors.AuthorizationError)) as expired:
            await call("send_message", ANA, "hello")
        assert (expired.value.code, expired.value.subcode) == (190, 463)


def test_the_sandbox_knows_nothing_of_pywa() -> None:
    """No special case: no code of the sandbox names a client or looks at who asks."""
    from pathlib import Path

    import bot.sandbox

    sources = {path.name: path.read_text(encoding="utf-8").lower() for path in Path(bot.sandbox.__file__).parent.rglob("*.py")}
    assert CloudApi.__module__.rpartition(".")[2] + ".py" in sources
    assert not [name for name, text in sources.items() if "pywa" in text or "user-agent" in text or "kapso" in text]
