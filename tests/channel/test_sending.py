"""Sending over a real socket: what is put on the wire, and what each way of failing means for the message."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.channel import Delivered, Failure, Outgoing, Recipient, Remedy, SendError
from bot.channel.whatsapp.sending import WhatsApp
from bot.flow.run import Button, Content, TemplateMessage, Text

from .graph import NUMBER, PHONE, WAMID, Answer, Graph, always, cut, fails, graph, half_an_answer, hang

HI = Text("Hi")
BSUID = "US.13491208655302741918"


@pytest.fixture
async def meta() -> AsyncIterator[Graph]:
    async with graph() as fake:
        yield fake


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def whatsapp(meta: Graph, session: aiohttp.ClientSession) -> WhatsApp:
    return WhatsApp(session, token="secret", api_url=meta.url, timeout=1.5, menu="Choose")


def outgoing(content: Content = HI, to: Recipient = Recipient(phone=PHONE), number: str = NUMBER) -> Outgoing:  # noqa: B008  # frozen
    return Outgoing("c7.3", number, to, content)


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


def pressable(kind: str, index: int, parameter: dict[str, str]) -> dict[str, object]:
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
        (fails(400, 130429), Failure.RETRY, Remedy.PAUSE_NUMBER),
        (fails(403, 130429), Failure.RETRY, Remedy.PAUSE_NUMBER),
        (fails(400, "130429"), Failure.RETRY, Remedy.PAUSE_NUMBER),
        (fails(400, 131056), Failure.RETRY, Remedy.NONE),
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
