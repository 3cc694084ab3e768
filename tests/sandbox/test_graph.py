"""The objects and edges of the Cloud API beside messages: files, numbers, the account, the token, blocks, uploads, events, lists."""

import hashlib
import io
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.sandbox.cloud.graph import DATASET

from .files import JPEG, MOVING_WEBP, OGG, PDF, WEBP
from .house import ANA, BEN, CART_REMINDER, House, house

MB = 1024 * 1024


async def upload(home: House, content: bytes, mime: str, **fields: str) -> tuple[int, dict[str, Any]]:
    """POST /media."""
    form = aiohttp.FormData()
    for name, value in ({"messaging_product": "whatsapp", "type": mime} | fields).items():
        form.add_field(name, value)
    form.add_field("file", io.BytesIO(content), filename="a.bin", content_type=mime)
    url, headers = f"{home.graph}/{home.cloud.number.id}/media", {"Authorization": f"Bearer {home.cloud.token}"}
    async with home.http.post(url, data=form, headers=headers) as response:
        return response.status, await response.json()


async def fetch(home: House, url: str, token: str | None = None) -> tuple[int, bytes, str]:
    """A file at the address the API told."""
    async with home.http.get(url, headers={"Authorization": f"Bearer {token or home.cloud.token}"}) as response:
        return response.status, await response.read(), response.content_type


async def test_a_file_is_uploaded_described_fetched_sent_and_deleted(home: House) -> None:
    home.cloud.receive_from(ANA, "hola")
    status, made = await upload(home, JPEG, "image/jpeg")
    assert status == 200
    _, told = await home.call("GET", f"/{made['id']}?phone_number_id={home.cloud.number.id}")
    assert (told["mime_type"], told["file_size"], told["sha256"]) == ("image/jpeg", str(len(JPEG)), hashlib.sha256(JPEG).hexdigest())
    assert await fetch(home, told["url"]) == (200, JPEG, "image/jpeg")
    assert (await home.send(type="image", image={"id": made["id"]}))[0] == 200
    assert await home.call("DELETE", f"/{made['id']}") == (200, {"success": True})
    assert (await home.call("GET", f"/{made['id']}"))[1]["error"]["error_subcode"] == 33
    assert (await home.send(type="image", image={"id": made["id"]}))[1]["error"]["code"] == 131009


async def test_the_address_of_a_file_ends_after_five_minutes_and_needs_the_token(home: House) -> None:
    made = (await upload(home, JPEG, "image/jpeg"))[1]["id"]
    url = (await home.call("GET", f"/{made}"))[1]["url"]
    assert (await fetch(home, url, "another"))[0] == 401
    home.clock.now += timedelta(minutes=4, seconds=59)
    assert (await fetch(home, url))[0] == 200
    home.clock.now += timedelta(seconds=1)
    assert (await fetch(home, url))[0] == 404
    assert (await fetch(home, (await home.call("GET", f"/{made}"))[1]["url"]))[0] == 200
    home.clock.now += timedelta(days=30)
    assert (await home.call("GET", f"/{made}"))[0] == 400


@pytest.mark.parametrize(
    ("content", "mime", "fields", "status"),
    [
        (JPEG, "image/jpeg", {}, 200),
        (PDF, "application/pdf", {}, 200),
        (OGG, "audio/ogg; codecs=opus", {}, 200),
        (WEBP, "image/webp", {}, 200),
        (JPEG, "image/gif", {}, 400),
        (JPEG, "application/x-msdownload", {}, 400),
        (b"", "image/jpeg", {}, 400),
        (bytes(5 * MB), "image/jpeg", {}, 200),
        (bytes(5 * MB + 1), "image/jpeg", {}, 400),
        (bytes(16 * MB + 1), "video/mp4", {}, 400),
        (WEBP + bytes(100 * 1024), "image/webp", {}, 400),
        (MOVING_WEBP + bytes(100 * 1024), "image/webp", {}, 200),
        (MOVING_WEBP + bytes(500 * 1024), "image/webp", {}, 400),
        (JPEG, "image/jpeg", {"messaging_product": "sms"}, 400),
        (JPEG, "image/jpeg", {"ttl_minutes": "60"}, 200),
        (JPEG, "image/jpeg", {"ttl_minutes": "0"}, 400),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else str(value),
)
async def test_only_what_whatsapp_takes_is_uploaded(home: House, content: bytes, mime: str, fields: dict[str, str], status: int) -> None:
    assert (await upload(home, content, mime, **fields))[0] == status


async def test_an_upload_lives_as_long_as_its_business_says(home: House) -> None:
    made = (await upload(home, JPEG, "image/jpeg", ttl_minutes="60"))[1]["id"]
    home.clock.now += timedelta(minutes=60)
    assert (await home.call("GET", f"/{made}"))[0] == 400


async def test_a_file_is_sent_only_as_what_it_is(home: House) -> None:
    home.cloud.receive_from(ANA, "hola")
    made = (await upload(home, PDF, "application/pdf"))[1]["id"]
    assert (await home.send(type="image", image={"id": made}))[1]["error"]["code"] == 131053
    assert (await home.send(type="document", document={"id": made}))[0] == 200


async def test_the_token_goes_in_the_header_or_in_the_query_and_ends(home: House) -> None:
    path = f"{home.graph}/{home.cloud.number.id}"
    async with home.http.get(f"{path}?access_token={home.cloud.token}") as response:
        assert response.status == 200
    async with home.http.get(path) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (401, 190)
    home.cloud.app.token_expires = home.clock.now + timedelta(hours=1)
    _, debug = await home.call("GET", f"/debug_token?input_token={home.cloud.token}")
    assert (debug["data"]["is_valid"], debug["data"]["expires_at"]) == (True, int((home.clock.now + timedelta(hours=1)).timestamp()))
    assert "whatsapp_business_messaging" in debug["data"]["scopes"]
    assert debug["data"]["granular_scopes"][0]["target_ids"] == [home.cloud.waba_id]
    home.clock.now += timedelta(hours=1)
    status, answer = await home.send()
    assert (status, answer["error"]["code"], answer["error"]["error_subcode"]) == (401, 190, 463)
    app = f"{home.cloud.app.id}|{home.cloud.app_secret}"
    _, debug = await home.call("GET", f"/debug_token?input_token={home.cloud.token}", token=app)
    assert (debug["data"]["is_valid"], debug["data"]["error"]["subcode"]) == (False, 463)


async def test_a_permission_that_the_token_lacks_is_missed(home: House) -> None:
    home.cloud.app.scopes = ("whatsapp_business_management",)
    assert (await home.send())[1]["error"]["code"] == 10
    assert (await home.call("GET", f"/{home.cloud.number.id}"))[0] == 200
    home.cloud.app.scopes = ("whatsapp_business_messaging",)
    status, answer = await home.call("GET", f"/{home.cloud.waba_id}/message_templates")
    assert (status, answer["error"]["code"]) == (403, 200)


@pytest.mark.parametrize(
    ("method", "path", "code", "subcode"),
    [
        ("GET", "/42", 100, 33),
        ("POST", "/42/messages", 100, 33),
        ("GET", "/{number}/messages", 100, 33),
        ("DELETE", "/{waba}", 100, 33),
        ("GET", "/{number}/nonsense", 2500, None),
        ("GET", "/{waba}/message_templates?after=xyz", 100, None),
        ("POST", "/{waba}/subscribed_apps?override_callback_uri=http://127.0.0.1:9/", 2200, None),
    ],
)
async def test_what_is_not_there_is_refused_as_graph_does(home: House, method: str, path: str, code: int, subcode: int | None) -> None:
    whole = path.format(number=home.cloud.number.id, waba=home.cloud.waba_id)
    status, answer = await home.call(method, whole)
    assert (status, answer["error"]["code"], answer["error"].get("error_subcode")) == (400, code, subcode)
    assert answer["error"]["fbtrace_id"]


async def test_each_answer_has_graphs_headers_and_any_version_is_served(home: House) -> None:
    headers = {"Authorization": f"Bearer {home.cloud.token}"}
    for version in ("v17.0", "v26.0"):
        async with home.http.get(f"{home.url}/{version}/{home.cloud.waba_id}", headers=headers) as response:
            assert response.status == 200
            assert response.headers["facebook-api-version"] == version
            assert home.cloud.waba_id in response.headers["x-business-use-case-usage"]
            assert response.headers["x-fb-trace-id"]


async def test_fields_pick_what_is_answered(home: House) -> None:
    _, number = await home.call("GET", f"/{home.cloud.number.id}?fields=throughput{{level}},quality_rating,nonsense")
    assert number == {"id": home.cloud.number.id, "throughput": {"level": "STANDARD"}, "quality_rating": "GREEN"}
    await home.create(CART_REMINDER)
    _, listed = await home.call("GET", f"/{home.cloud.waba_id}/message_templates?fields=name,quality_score")
    assert [set(one) for one in listed["data"]] == [{"id", "name", "quality_score"}]


async def test_lists_have_pages_forth_and_back(home: House) -> None:
    for place in range(5):
        await home.create(CART_REMINDER | {"name": f"reminder_{place}"})
    path = f"/{home.cloud.waba_id}/message_templates"
    _, first = await home.call("GET", f"{path}?limit=2&summary=total_count")
    assert (first["summary"]["total_count"], "previous" in first["paging"]) == (5, False)
    headers = {"Authorization": f"Bearer {home.cloud.token}"}
    async with home.http.get(first["paging"]["next"], headers=headers) as response:
        second = await response.json()
    async with home.http.get(second["paging"]["next"], headers=headers) as response:
        third = await response.json()
    assert [[one["name"][-1] for one in page["data"]] for page in (first, second, third)] == [["0", "1"], ["2", "3"], ["4"]]
    assert "next" not in third["paging"]
    async with home.http.get(third["paging"]["previous"], headers=headers) as response:
        assert (await response.json())["data"] == second["data"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=cart", ["cart_reminder", "cart_gone"]),
        ("status=APPROVED", ["cart_reminder", "order_update"]),
        ("status=REJECTED,APPROVED", ["cart_reminder", "cart_gone", "order_update"]),
        ('status=["REJECTED"]', ["cart_gone"]),
        ("category=UTILITY", ["order_update"]),
        ("language=es", ["cart_reminder", "cart_gone"]),
        ("content=ON ITS WAY", ["order_update"]),
        ("name_or_content=order", ["order_update"]),
        ("quality_score=GREEN", ["order_update"]),
    ],
)
async def test_templates_are_found_by_filters(home: House, query: str, found: list[str]) -> None:
    await home.create(CART_REMINDER)
    await home.create(CART_REMINDER | {"name": "cart_gone"})
    body = {"type": "BODY", "text": "Your parcel is on its way."}
    await home.create({"name": "order_update", "language": "en", "category": "UTILITY", "components": [body]})
    home.cloud.review("cart_gone", "es", "REJECTED", "PROMOTIONAL")
    home.cloud.book.set_quality("order_update", "en", "GREEN")
    _, listed = await home.call("GET", f"/{home.cloud.waba_id}/message_templates?{query}")
    assert [one["name"] for one in listed["data"]] == found


async def test_several_numbers_have_windows_limits_and_webhooks_of_their_own(home: House) -> None:
    other = home.cloud.add_number("42", "15550001111", "Second shop")
    home.cloud.receive_from(ANA, "hola")
    text = {"messaging_product": "whatsapp", "to": ANA, "type": "text", "text": {"body": "hi"}}
    assert (await home.call("POST", "/42/messages", text))[1]["error"]["code"] == 131047
    home.cloud.receive_raw(ANA, {"type": "text", "text": {"body": "hello"}}, home.cloud.thread(ANA)[0].drawing, number=other)
    assert (await home.call("POST", "/42/messages", text))[0] == 200
    await home.sandbox.idle()
    told = [(one["value"]["metadata"]["phone_number_id"], "messages" in one["value"]) for one in home.receiver.changes()]
    assert told == [(home.cloud.number.id, True), ("42", True), ("42", False), ("42", False)]
    _, listed = await home.call("GET", f"/{home.cloud.waba_id}/phone_numbers?fields=verified_name")
    assert [one["verified_name"] for one in listed["data"]] == ["Casa Bonita", "Second shop"]
    await home.call("POST", "/42/deregister")
    assert (await home.call("POST", "/42/messages", text))[1]["error"]["code"] == 133010
    assert (await home.call("POST", "/42/register", {"messaging_product": "whatsapp", "pin": "12"}))[1]["error"]["code"] == 133005
    assert (await home.call("POST", "/42/register", {"messaging_product": "whatsapp", "pin": "123456"}))[0] == 200


async def test_webhooks_go_where_a_number_wants_them_once_it_proves_itself(home: House) -> None:
    taken: list[Any] = []

    async def challenge(request: web.Request) -> web.Response:
        good = request.query.get("hub.verify_token") == "secret"
        return web.Response(text=request.query["hub.challenge"] if good else "no", status=200 if good else 403)

    async def take(request: web.Request) -> web.Response:
        taken.append(await request.json())
        return web.Response()

    app = web.Application()
    app.add_routes([web.get("/own", challenge), web.post("/own", take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/own"
        wish = {"webhook_configuration": {"override_callback_uri": url, "verify_token": "wrong"}}
        assert (await home.call("POST", f"/{home.cloud.number.id}", wish))[1]["error"]["code"] == 2200
        wish["webhook_configuration"]["verify_token"] = "secret"
        assert (await home.call("POST", f"/{home.cloud.number.id}", wish))[0] == 200
        home.cloud.receive_from(ANA, "hola")
        await home.sandbox.idle()
        assert (len(taken), home.receiver.posts) == (1, [])
        wish["webhook_configuration"]["override_callback_uri"] = ""
        assert (await home.call("POST", f"/{home.cloud.number.id}", wish))[0] == 200
        home.cloud.receive_from(ANA, "hola")
        await home.sandbox.idle()
        assert (len(taken), len(home.receiver.posts)) == (1, 1)
    finally:
        await runner.cleanup()


async def test_nothing_is_told_before_the_app_subscribed_where_that_rule_holds(home: House) -> None:
    home.cloud.rules.needs_subscription = True
    path = f"/{home.cloud.waba_id}/subscribed_apps"
    home.cloud.receive_from(ANA, "uno")
    await home.call("POST", path)
    home.cloud.receive_from(ANA, "dos")
    await home.call("DELETE", path)
    home.cloud.receive_from(ANA, "tres")
    await home.sandbox.idle()
    assert [one["text"]["body"] for one in home.receiver.values("messages")] == ["dos"]


async def test_people_are_blocked_and_unblocked(home: House) -> None:
    home.cloud.receive_from(ANA, "hola")
    path = f"/{home.cloud.number.id}/block_users"
    body = {"messaging_product": "whatsapp", "block_users": [{"user": ANA}, {"user": BEN}]}
    status, answer = await home.call("POST", path, body)
    assert (status, answer["error"]["code"]) == (400, 139100)
    assert answer["block_users"]["added_users"] == [{"input": ANA, "wa_id": ANA[1:]}]
    assert answer["block_users"]["failed_users"][0]["errors"][0]["code"] == 131047
    home.cloud.receive_from(ANA, "nobody hears this")
    assert (await home.send())[1]["error"]["code"] == 131026
    ana = home.cloud.customer(ANA).user_id
    status, answer = await home.call("DELETE", path, {"messaging_product": "whatsapp", "block_users": [{"user_id": ana}]})
    assert (status, answer["block_users"]["removed_users"]) == (200, [{"input": ana, "user_id": ana}])
    assert (await home.send())[0] == 200
    await home.sandbox.idle()
    assert [one["text"]["body"] for one in home.receiver.values("messages")] == ["hola"]


async def test_the_business_profile_is_kept(home: House) -> None:
    path = f"/{home.cloud.number.id}/whatsapp_business_profile"
    assert (await home.call("POST", path, {"about": "x"}))[1]["error"]["code"] == 100
    assert (await home.call("POST", path, {"messaging_product": "whatsapp", "about": "Coffee", "nonsense": 1}))[0] == 200
    _, answer = await home.call("GET", f"{path}?fields=about,email")
    assert answer == {"data": [{"about": "Coffee", "messaging_product": "whatsapp"}]}


async def test_a_file_for_a_template_is_uploaded_in_pieces(home: House) -> None:
    path = f"/{home.cloud.app.id}/uploads?file_name=a.jpg&file_length={len(JPEG)}&file_type=image/jpeg"
    session = (await home.call("POST", path))[1]["id"]
    headers = {"Authorization": f"OAuth {home.cloud.token}", "file_offset": "0"}
    async with home.http.post(f"{home.graph}/{session}", data=JPEG[:10], headers=headers) as response:
        assert response.status == 400
    assert (await home.call("GET", f"/{session}"))[1] == {"id": session, "file_offset": 10}
    async with home.http.post(f"{home.graph}/{session}", data=JPEG[10:], headers=headers | {"file_offset": "10"}) as response:
        assert (response.status, (await response.json())["h"][:3]) == (200, "4::")


async def test_conversions_are_reported(home: House) -> None:
    at = int(home.clock.now.timestamp())
    user = {"ctwa_clid": "click", "whatsapp_business_account_id": home.cloud.waba_id}
    event = {
        "event_name": "Purchase",
        "event_time": at,
        "action_source": "business_messaging",
        "messaging_channel": "whatsapp",
        "user_data": user,
        "custom_data": {"currency": "EUR", "value": 24},
    }
    assert (await home.call("POST", f"/{home.cloud.waba_id}/dataset"))[1] == {"id": DATASET}
    assert (await home.call("POST", f"/{DATASET}/events", {"data": [event]}))[1]["events_received"] == 1
    assert home.cloud.events == [event]
    bad: list[dict[str, Any]] = [{"event_time": at - 8 * 24 * 3600}, {"action_source": "website"}, {"user_data": {}}, {"event_name": ""}]
    for change in bad:
        assert (await home.call("POST", f"/{DATASET}/events", {"data": [event | change]}))[0] == 400
    assert len(home.cloud.events) == 1


async def test_a_form_is_read_as_well_as_json(home: House) -> None:
    home.cloud.receive_from(ANA, "hola")
    form = {"messaging_product": "whatsapp", "to": ANA, "type": "text", "text": '{"body": "hi"}', "access_token": home.cloud.token}
    async with home.http.post(f"{home.graph}/{home.cloud.number.id}/messages", data=form) as response:
        assert response.status == 200
    assert home.cloud.thread(ANA)[-1].drawing.body == "hi"


async def test_too_many_calls_to_the_account_are_refused_for_an_hour() -> None:
    async with house() as home:
        home.cloud.rules.management_calls = 3
        path = f"/{home.cloud.waba_id}/message_templates"
        assert [(await home.call("GET", path))[0] for _ in range(4)] == [200, 200, 200, 400]
        assert (await home.call("GET", path))[1]["error"]["code"] == 80007
        home.clock.now += timedelta(hours=1)
        assert (await home.call("GET", path))[0] == 200
