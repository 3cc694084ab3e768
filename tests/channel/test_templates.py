"""Templates towards Meta, and how a number stands: over a real socket."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.channel import Failure, Outgoing, Recipient, Remedy, SendError
from bot.channel.whatsapp.number import NumberState, probe
from bot.channel.whatsapp.sending import WhatsApp
from bot.channel.whatsapp.template_file import as_file
from bot.channel.whatsapp.templates import (
    MOST_PAGES,
    TemplateState,
    creation_payload,
    examples,
    fetch,
    push,
    reading,
    upload_example,
    with_handles,
)
from bot.flow import document
from bot.flow.revision import ButtonKind, Category, Template, TemplateButton
from bot.flow.run import Button, TemplateMessage
from bot.flow.template import read_template
from bot.sandbox.cloud.template import new_template

from .graph import NUMBER, PHONE, Graph, always, cut, fails, graph, says

WABA = "102290129340398"

REMINDER = Template(
    name="cart_waiting",
    category=Category.MARKETING,
    header="Your cart",
    body="Hi {first_name}, {first_name}! Still want {cart}? It is {total}.",
    footer="Reply STOP to opt out",
    buttons=(
        TemplateButton(ButtonKind.LINK, "Shop", url="https://s.example/"),
        TemplateButton(ButtonKind.QUICK_REPLY, "I have a question"),
        TemplateButton(ButtonKind.LINK, "Finish", url="https://s.example/c/{suffix}"),
        TemplateButton(ButtonKind.COPY_CODE, "SAVE20"),
        TemplateButton(ButtonKind.QUICK_REPLY, "Stop"),
    ),
)

SPANISH = {"Your cart": "Tu carrito", "Stop": "Basta", "Finish": "Terminar"}


@pytest.fixture
async def meta() -> AsyncIterator[Graph]:
    async with graph() as fake:
        yield fake


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


def payload() -> dict[str, Any]:
    return creation_payload(REMINDER, "es", lambda text: SPANISH.get(text, text))


def test_a_template_is_created_with_named_parameters_examples_and_our_order_of_buttons() -> None:
    assert payload() == {
        "name": "cart_waiting",
        "language": "es",
        "category": "MARKETING",
        "parameter_format": "NAMED",
        "components": [
            {"type": "HEADER", "format": "TEXT", "text": "Tu carrito"},
            {
                "type": "BODY",
                "text": "Hi {{first_name}}, {{first_name}}! Still want {{cart}}? It is {{total}}.",
                "example": {
                    "body_text_named_params": [
                        {"param_name": "first_name", "example": "first name"},
                        {"param_name": "cart", "example": "cart"},
                        {"param_name": "total", "example": "total"},
                    ]
                },
            },
            {"type": "FOOTER", "text": "Reply STOP to opt out"},
            {
                "type": "BUTTONS",
                "buttons": [
                    {"type": "QUICK_REPLY", "text": "I have a question"},
                    {"type": "QUICK_REPLY", "text": "Basta"},
                    {"type": "COPY_CODE", "example": "SAVE20"},
                    {"type": "URL", "text": "Terminar", "url": "https://s.example/c/{{1}}", "example": ["https://s.example/c/42"]},
                    {"type": "URL", "text": "Shop", "url": "https://s.example/"},
                ],
            },
        ],
    }


def test_a_bare_template_is_only_its_body() -> None:
    bare = Template("bye", Category.UTILITY, "Bye!")
    assert creation_payload(bare, "de_AT", str)["components"] == [{"type": "BODY", "text": "Bye!"}]
    assert creation_payload(bare, "de_AT", str)["category"] == "UTILITY"


def test_doubled_braces_are_braces_and_blanks_do_not_belong_to_a_name() -> None:
    odd = Template("odd", Category.UTILITY, "Say {{hi}}, { name }!", header="{{x}}")
    components: Any = creation_payload(odd, "en", str)["components"]
    header, written = components
    assert header["text"] == "{x}"
    assert written["text"] == "Say {hi}, {{name}}!"


def test_a_header_shows_meta_its_placeholder_with_an_example() -> None:
    payload = creation_payload(Template("x", Category.UTILITY, "Bye!", header="Hi {first_name}"), "en", str)
    assert payload["components"] == [
        {
            "type": "HEADER",
            "format": "TEXT",
            "text": "Hi {{first_name}}",
            "example": {"header_text_named_params": [{"param_name": "first_name", "example": "first name"}]},
        },
        {"type": "BODY", "text": "Bye!"},
    ]


async def test_a_sent_message_fills_the_buttons_where_the_created_template_has_them(meta: Graph, session: aiohttp.ClientSession) -> None:
    content = TemplateMessage(
        "cart_waiting",
        "es",
        {"first_name": "Ana", "cart": "Shoes", "total": "80 EUR"},
        "as read",
        buttons=(Button("I have a question", "p:0"), Button("Basta", "p:1")),
        link_suffix="c/7",
        code="SAVE5",
    )
    await WhatsApp(session, token="t", api_url=meta.url).deliver(Outgoing("k", NUMBER, Recipient(phone=PHONE), content))
    created = {part["type"]: part for part in payload()["components"]}
    sent = meta.last["template"]["components"]
    kinds = [button["type"] for button in created["BUTTONS"]["buttons"]]
    assert [(part["sub_type"], kinds[part["index"]]) for part in sent[1:]] == [
        ("QUICK_REPLY", "QUICK_REPLY"),
        ("QUICK_REPLY", "QUICK_REPLY"),
        ("COPY_CODE", "COPY_CODE"),
        ("URL", "URL"),
    ]
    assert "{{1}}" in created["BUTTONS"]["buttons"][sent[-1]["index"]]["url"]
    wanted = [example["param_name"] for example in created["BODY"]["example"]["body_text_named_params"]]
    assert [parameter["parameter_name"] for parameter in sent[0]["parameters"]] == wanted


async def test_pushing_a_template_tells_how_it_stands(meta: Graph, session: aiohttp.ClientSession) -> None:
    meta.answer = always(200, {"id": "5944", "status": "PENDING", "category": "MARKETING"})
    state = await push(session, api_url=meta.url, token="secret", waba=WABA, payload=payload())
    assert state == TemplateState("cart_waiting", "es", "PENDING", "MARKETING")
    assert meta.asked == [("POST", f"/v24.0/{WABA}/message_templates", "Bearer secret", payload())]


async def test_a_refused_template_says_what_is_wrong_in_metas_words(meta: Graph, session: aiohttp.ClientSession) -> None:
    meta.answer = fails(400, 100, error_subcode=2388040, error_user_title="Long", error_user_msg="The body has too many characters.")
    with pytest.raises(SendError, match="The body has too many characters") as raised:
        await push(session, api_url=meta.url, token="t", waba=WABA, payload=payload())
    assert (raised.value.failure, raised.value.code) == (Failure.REFUSED, 100)


async def test_all_pages_of_templates_are_read_and_nothing_strange_stops_it(meta: Graph, session: aiohttp.ClientSession) -> None:
    async def paged(request: web.Request) -> web.Response:
        page = int(request.query.get("after", "0"))
        more: dict[str, object] = {"next": "https://elsewhere.example/?access_token=x"} if page < 2 else {}
        listed: list[object] = [{"name": f"t{page}", "language": "en-US", "status": "APPROVED", "category": "MARKETING"}]
        strange: list[object] = [
            None,
            7,
            {},
            {"name": "x"},
            {"name": 7, "language": "es"},
            {"name": "y", "language": "de_AT", "status": "DREAMING"},
        ]
        paging: dict[str, object] = {"cursors": {"after": str(page + 1)}, **more}
        return says(200, {"data": [*listed, *strange], "paging": paging})

    meta.answer = paged
    states = await fetch(session, api_url=meta.url, token="t", waba=WABA)
    assert [state[:4] for state in states[:2]] == [("t0", "en_US", "APPROVED", "MARKETING"), ("y", "de_AT", "DREAMING", "UNKNOWN")]
    assert [state.name for state in states] == ["t0", "y", "t1", "y", "t2", "y"]
    assert len(meta.asked) == 3


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": []}, {"data": "x", "paging": 7}, {"paging": {"next": "x"}}])
async def test_an_account_without_templates_has_none(meta: Graph, session: aiohttp.ClientSession, body: object) -> None:
    meta.answer = always(200, body)
    assert await fetch(session, api_url=meta.url, token="t", waba=WABA) == []


async def test_a_list_that_runs_in_circles_ends(meta: Graph, session: aiohttp.ClientSession) -> None:
    meta.answer = always(200, {"data": [], "paging": {"next": "x", "cursors": {"after": "same"}}})
    with pytest.raises(SendError):
        await fetch(session, api_url=meta.url, token="t", waba=WABA)
    assert len(meta.asked) == MOST_PAGES


async def test_the_doctor_learns_how_a_number_stands(meta: Graph, session: aiohttp.ClientSession) -> None:
    meta.answer = always(
        200,
        {
            "id": NUMBER,
            "display_phone_number": "+1 555-078-3881",
            "verified_name": "Lucky Shrub",
            "quality_rating": "GREEN",
            "throughput": {"level": "STANDARD"},
            "whatsapp_business_manager_messaging_limit": "TIER_2K",
            "platform_type": "CLOUD_API",
            "code_verification_status": "VERIFIED",
        },
    )
    state = await probe(session, api_url=meta.url, token="secret", number=NUMBER)
    assert state == NumberState(NUMBER, "+1 555-078-3881", "Lucky Shrub", "GREEN", "TIER_2K", "STANDARD", "CLOUD_API", "VERIFIED")
    assert meta.asked[0][:3] == ("GET", meta.asked[0][1], "Bearer secret")
    assert meta.asked[0][1].startswith(f"/v24.0/{NUMBER}?fields=")


async def test_a_number_of_which_meta_says_nothing_is_still_a_number(meta: Graph, session: aiohttp.ClientSession) -> None:
    meta.answer = always(200, {"throughput": 7, "quality_rating": None})
    assert await probe(session, api_url=meta.url, token="t", number=NUMBER) == NumberState(NUMBER)


async def test_a_bad_token_is_told_as_such(meta: Graph, session: aiohttp.ClientSession) -> None:
    meta.answer = fails(401, 190)
    with pytest.raises(SendError, match="token") as raised:
        await probe(session, api_url=meta.url, token="t", number=NUMBER)
    assert raised.value.remedy is Remedy.RENEW_TOKEN
    meta.answer = cut
    with pytest.raises(SendError):
        await probe(session, api_url=meta.url, token="t", number=NUMBER)


# ---- every component

EVERYTHING = {
    "an image and numbers": """
category: utility
header:
  image: pictures/an_image_and_numbers.jpg
body: Hi {1}, your order {2} is here.
footer: Casa Bonita
buttons:
- quick_reply: Thanks
- call:
    text: Call us
    phone: '+34600000001'
""",
    "an offer": """
category: marketing
header:
  video: pictures/an_offer.mp4
body: Hi {name}, reply STOP to opt out.
offer: Ends soon
buttons:
- copy_code: SAVE5
- link:
    text: Shop
    url: https://s.example/{suffix}
""",
    "products": """
category: marketing
header: For you
body: Your favourites, again.
footer: Reply STOP
buttons:
- products: View items
""",
    "a catalog": "\ncategory: utility\nbody: All we have.\nbuttons:\n- catalog: View catalog\n",
    "a document": "\ncategory: utility\nheader:\n  document: pictures/a_document.pdf\nbody: Your invoice.\n",
    "cards": """
category: marketing
body: Hi {name}, these are new.
cards:
- image: pictures/cards_1.jpg
  body: The first, at {price}.
  buttons:
  - quick_reply: Show me
  - link:
      text: Buy
      url: https://s.example/{suffix}
- image: pictures/cards_2.jpg
  body: The second, at {other_price}.
  buttons:
  - quick_reply: Show me
  - link:
      text: Buy
      url: https://s.example/{suffix}
""",
}


def read(name: str) -> Template:
    name = name.replace(" ", "_")
    template, problems = read_template(name, document.read("flows/templates/x.yaml", EVERYTHING[name.replace("_", " ")]))
    assert template is not None
    assert problems == ()
    return template


@pytest.mark.parametrize("name", EVERYTHING)
def test_what_a_file_says_comes_back_from_meta_as_the_same_file(name: str) -> None:
    template = read(name)
    made: Any = creation_payload(template, "en", str)
    state = TemplateState(template.name, "en", "APPROVED", made["category"], components=tuple(made["components"]))
    assert as_file(state) == EVERYTHING[name].lstrip()
    assert reading(state.components) == reading(made["components"])


@pytest.mark.parametrize("name", EVERYTHING)
def test_the_cloud_api_creates_it_once_its_files_are_uploaded(name: str) -> None:
    made = creation_payload(read(name), "en", str)
    handles = {file: f"4::{number}" for number, file in enumerate(examples(made))}
    created = new_template(with_handles(made, handles), "1", "APPROVED")
    assert created.category == made["category"]
    assert set(examples(with_handles(made, handles))) == set(handles.values())


def test_numbered_placeholders_have_their_examples_in_a_row() -> None:
    made: Any = creation_payload(read("an image and numbers"), "en", str)
    assert made["parameter_format"] == "POSITIONAL"
    assert made["components"][1] == {
        "type": "BODY",
        "text": "Hi {{1}}, your order {{2}} is here.",
        "example": {"body_text": [["example 1", "example 2"]]},
    }


def test_what_is_shown_is_read_line_by_line() -> None:
    made: Any = creation_payload(read("cards"), "en", str)
    assert reading(made["components"])[:3] == (
        "body: Hi {{name}}, these are new.",
        "card 1: header: an image",
        "card 1: body: The first, at {{price}}.",
    )
    offer: Any = creation_payload(read("an offer"), "en", str)
    assert "offer: Ends soon" in reading(offer["components"])


async def test_an_example_is_uploaded_in_two_requests(meta: Graph, session: aiohttp.ClientSession) -> None:
    async def upload(request: web.Request) -> web.Response:
        if request.path.endswith("/uploads"):
            return says(200, {"id": "upload:MTphdHRh?sig=ARZqkGCA_uQMxC8nHKI"})
        assert request.headers["file_offset"] == "0"
        assert request.headers["Authorization"] == "OAuth secret"
        return says(200, {"h": "4::aW"})

    meta.answer = upload
    handle = await upload_example(session, api_url=meta.url, token="secret", app="77", content=b"{}", mime="image/png")
    assert handle == "4::aW"
    assert [path for _, path, _, _ in meta.asked] == [
        "/v24.0/77/uploads?file_name=example&file_length=2&file_type=image/png",
        "/v24.0/upload:MTphdHRh?sig=ARZqkGCA_uQMxC8nHKI",
    ]


@pytest.mark.parametrize("opened", [{}, {"id": "elsewhere"}, {"id": "upload:../../x y"}])
async def test_an_upload_goes_nowhere_but_where_meta_opened_it(meta: Graph, session: aiohttp.ClientSession, opened: dict[str, str]) -> None:
    meta.answer = always(200, opened)
    with pytest.raises(SendError):
        await upload_example(session, api_url=meta.url, token="t", app="77", content=b"x", mime="image/png")
    assert len(meta.asked) == 1
