"""The faults of the real API, each as its sender or receiver meets it."""

import asyncio
from collections import Counter
from typing import Any

import aiohttp
import pytest

from bot.sandbox.cloud.bubble import Tick
from bot.sandbox.cloud.fault import CodeFault, Faults, SendFault
from bot.sandbox.cloud.limit import SendLimit

from .house import ANA, BEN, CART_REMINDER, House, house, reminder


async def test_a_switched_on_refusal_accepts_nothing_and_counts_down(home: House) -> None:
    home.cloud.receive_from(ANA, "hola")
    home.cloud.faults = Faults(next={SendFault.RATE_LIMITED: 1, SendFault.PAIR_LIMITED: 1, SendFault.GRAPH_500: 1})
    answers = [await home.send(key=f"ob:{number}") for number in range(4)]
    assert [(status, body.get("error", {}).get("code")) for status, body in answers] == [
        (429, 130429),
        (429, 131056),
        (500, 131000),
        (200, None),
    ]
    assert [one.key for one in home.cloud.accepted] == ["ob:3"]
    assert [one.key for one in home.cloud.attempts] == ["ob:0", "ob:1", "ob:2", "ob:3"]


@pytest.mark.parametrize(("fault", "status"), [(SendFault.HTML_500, 500), (SendFault.ACCEPT_THEN_503, 503)])
async def test_an_answer_without_json_tells_nothing(home: House, fault: SendFault, status: int) -> None:
    home.cloud.receive_from(ANA, "hola")
    home.cloud.faults = Faults(next={fault: 1})
    with pytest.raises(aiohttp.ContentTypeError) as caught:
        await home.send()
    assert caught.value.status == status
    assert len(home.cloud.accepted) == fault.accepts


@pytest.mark.parametrize("fault", [SendFault.CUT, SendFault.ACCEPT_THEN_CUT])
async def test_a_cut_connection_may_or_may_not_have_sent_the_message(home: House, fault: SendFault) -> None:
    home.cloud.receive_from(ANA, "hola")
    home.cloud.faults = Faults(next={fault: 1})
    with pytest.raises(aiohttp.ClientConnectionError):
        await home.send(key="ob:1")
    await home.sandbox.idle()
    told = {one["biz_opaque_callback_data"] for one in home.receiver.values("statuses")}
    assert told == ({"ob:1"} if fault.accepts else set())


async def test_a_hanging_answer_ends_when_the_sandbox_closes() -> None:
    async with house() as home:
        home.cloud.receive_from(ANA, "hola")
        home.cloud.faults = Faults(next={SendFault.ACCEPT_THEN_HANG: 1})
        send = asyncio.create_task(home.send(key="ob:1"))
        done, _ = await asyncio.wait([send], timeout=0.1)
        assert not done
        assert [one.key for one in home.cloud.accepted] == ["ob:1"]
        await home.sandbox.close()
        with pytest.raises(aiohttp.ClientError):
            await send


async def test_shares_are_kept_and_repeatable() -> None:
    async def run() -> list[int]:
        async with house(limit=SendLimit(per_second=None, pair_seconds=None), seed=7) as home:
            home.cloud.receive_from(ANA, "hola")
            home.cloud.faults = Faults(shares={SendFault.RATE_LIMITED: 0.3, SendFault.GRAPH_500: 0.2})
            return [(await home.send())[0] for _ in range(200)]

    first, second = await run(), await run()
    assert first == second
    count = Counter(first)
    assert 40 <= count[429] <= 80
    assert 20 <= count[500] <= 60


async def test_a_late_refusal_is_a_failed_status_without_contacts(home: House) -> None:
    home.cloud.faults = Faults(late_refusals=True)
    assert (await home.send(key="ob:1"))[0] == 200
    await home.sandbox.idle()
    last = home.receiver.changes()[-1]["value"]
    assert "contacts" not in last
    assert (last["statuses"][0]["status"], last["statuses"][0]["errors"][0]["code"]) == ("failed", 131047)
    assert home.cloud.thread(ANA)[-1].tick is Tick.FAILED


async def test_a_share_of_messages_fails_on_the_way(home: House) -> None:
    await home.create(CART_REMINDER)
    home.cloud.faults = Faults(failed=1.0, failed_code=131026)
    await home.send(type="template", template=reminder(), key="ob:1")
    await home.sandbox.idle()
    assert [one["status"] for one in home.receiver.values("statuses")] == ["sent", "failed"]
    assert home.receiver.values("statuses")[-1]["errors"][0]["code"] == 131026


async def test_webhooks_come_twice_in_batches_of_several_entries(home: House) -> None:
    home.cloud.faults = Faults(duplicate=1.0, batch=20, delay=0.05)
    for number in range(10):
        home.cloud.receive_from(ANA if number % 2 else BEN, f"hola {number}")
    await home.sandbox.idle()
    counts = Counter(one["id"] for one in home.receiver.values("messages"))
    assert len(counts) == 10
    assert set(counts.values()) == {2}
    assert len(home.receiver.posts) < 10
    assert max(len(post.json["entry"]) for post in home.receiver.posts) > 1


async def test_webhooks_overtake_each_other() -> None:
    async with house(status_delay=0.0) as home:
        home.cloud.receive_from(ANA, "hola")
        home.cloud.faults = Faults(reorder=0.5)
        for _ in range(10):
            await home.send()
        await home.sandbox.idle()
        ranks: dict[str, list[str]] = {}
        for one in home.receiver.values("statuses"):
            ranks.setdefault(one["id"], []).append(one["status"])
        assert ["delivered", "sent"] in ranks.values()
        assert all(bubble.tick is Tick.DELIVERED for bubble in home.cloud.thread(ANA)[1:])


async def test_a_refused_delivery_is_tried_again_and_given_up_in_the_end(home: House) -> None:
    home.receiver.answers = [500, 302, 200]
    home.cloud.receive_from(ANA, "uno")
    await home.sandbox.idle()
    assert [post.body for post in home.receiver.posts] == [home.receiver.posts[0].body] * 3
    home.receiver.answers = [503] * 4
    home.cloud.receive_from(ANA, "dos")
    await home.sandbox.idle()
    assert [(one.status, one.tries) for one in home.cloud.webhooks.dropped] == [(503, 4)]
    assert [(one.status, one.tries) for one in home.cloud.webhooks.delivered] == [(200, 3)]


async def test_a_former_delivery_can_be_replayed_byte_for_byte(home: House) -> None:
    home.cloud.receive_from(ANA, "hola")
    await home.sandbox.idle()
    assert await home.cloud.webhooks.replay(home.cloud.webhooks.delivered[0]) == 200
    first, second = home.receiver.posts
    assert first.body == second.body
    assert first.headers["X-Hub-Signature-256"] == second.headers["X-Hub-Signature-256"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"next": {"html_500": 2}, "shares": {"cut": 0.1}, "duplicate": 0.5, "batch": 10}, 200),
        ({}, 200),
        ({"next": {"explode": 1}}, 422),
        ({"nonsense": 1}, 422),
        ({"batch": "many"}, 422),
        ({"code": {"code": "many"}}, 422),
        ({"code": {"late": True}}, 422),
        ([], 422),
    ],
)
async def test_faults_can_be_switched_over_http(home: House, body: Any, status: int) -> None:
    async with home.http.post(f"{home.url}/control/faults", json=body) as response:
        assert response.status == status
    async with home.http.get(f"{home.url}/control/faults") as response:
        now = await response.json()
    if status == 200:
        assert now["next"] == body.get("next", {})
        assert now["batch"] == body.get("batch", 1)
    else:
        assert now == Faults().as_json()


@pytest.mark.parametrize(("code", "status"), [(131049, 400), (190, 401), (132001, 404), (131016, 500), (4242, 400)])
async def test_any_error_code_can_be_met_at_once(home: House, code: int, status: int) -> None:
    home.cloud.receive_from(ANA, "hola")
    home.cloud.faults = Faults(code=CodeFault(code, count=2))
    answers = [await home.send() for _ in range(3)]
    assert [(http, body.get("error", {}).get("code")) for http, body in answers] == [(status, code)] * 2 + [(200, None)]
    assert len(home.cloud.accepted) == 1


async def test_any_error_code_can_come_later_as_a_failed_status(home: House) -> None:
    home.cloud.receive_from(ANA, "hola")
    switched = {"code": {"code": 131042, "late": True, "details": "no card"}}
    async with home.http.post(f"{home.url}/control/faults", json=switched) as response:
        assert response.status == 200
    assert [(await home.send())[0] for _ in range(2)] == [200, 200]
    await home.sandbox.idle()
    failed = [one for one in home.receiver.values("statuses") if one["status"] == "failed"]
    assert [(one["errors"][0]["code"], one["errors"][0]["error_data"]) for one in failed] == [(131042, {"details": "no card"})]


@pytest.mark.parametrize(
    ("fault", "status"),
    [(SendFault.ACCEPT_WITHOUT_CONTACTS, 200), (SendFault.ACCEPT_THEN_500, 500)],
)
async def test_an_accepted_message_may_be_answered_with_too_little(home: House, fault: SendFault, status: int) -> None:
    home.cloud.receive_from(ANA, "hola")
    home.cloud.faults = Faults(next={fault: 1})
    answered, body = await home.send(key="ob:1")
    assert (answered, "contacts" in body, len(home.cloud.accepted)) == (status, False, 1)


async def test_an_accepted_message_may_be_answered_without_json(home: House) -> None:
    home.cloud.receive_from(ANA, "hola")
    home.cloud.faults = Faults(next={SendFault.ACCEPT_WITHOUT_JSON: 1})
    with pytest.raises(aiohttp.ContentTypeError) as caught:
        await home.send()
    assert (caught.value.status, len(home.cloud.accepted)) == (200, 1)


async def test_a_hanging_refusal_sends_nothing() -> None:
    async with house() as home:
        home.cloud.receive_from(ANA, "hola")
        home.cloud.faults = Faults(next={SendFault.HANG: 1})
        send = asyncio.create_task(home.send())
        done, _ = await asyncio.wait([send], timeout=0.1)
        assert (done, home.cloud.accepted) == (set(), [])
        await home.sandbox.close()
        with pytest.raises(aiohttp.ClientError):
            await send


async def test_the_token_may_end_at_any_moment_and_come_back(home: House) -> None:
    home.cloud.receive_from(ANA, "hola")
    home.cloud.faults.token_expired = True
    assert (await home.send())[0] == 401
    assert (await home.call("GET", f"/{home.cloud.number.id}"))[0] == 401
    home.cloud.faults.token_expired = False
    assert (await home.send())[0] == 200


async def test_a_delivery_may_come_again_byte_for_byte(home: House) -> None:
    home.cloud.faults = Faults(repeat=1.0)
    home.cloud.receive_from(ANA, "hola")
    await home.sandbox.idle()
    assert len(home.receiver.posts) == 2
    assert home.receiver.posts[0].body == home.receiver.posts[1].body


async def occupy(home: House) -> None:
    """The receiver is busy with a first delivery, so that what happens now goes together."""
    home.receiver.pauses = [0.5]
    home.cloud.receive_from(ANA, "first")
    async with asyncio.timeout(5):
        while not home.receiver.posts:  # noqa: ASYNC110 - it happens on the other side
            await asyncio.sleep(0.01)


async def test_updates_of_one_kind_may_share_a_value(home: House) -> None:
    home.cloud.faults = Faults(batch=1000, merge=True)
    await occupy(home)
    for number in range(100):
        home.cloud.receive_from(ANA if number % 2 else BEN, f"hola {number}")
    await home.sandbox.idle()
    _, change = home.receiver.changes()
    assert len(change["value"]["messages"]) == 100
    assert {one["wa_id"] for one in change["value"]["contacts"]} == {ANA[1:], BEN[1:]}


async def test_a_thousand_updates_may_come_in_one_delivery(home: House) -> None:
    home.cloud.faults = Faults(batch=1000)
    await occupy(home)
    for number in range(1000):
        home.cloud.receive_from(ANA, f"hola {number}")
    await home.sandbox.idle()
    _, post = home.receiver.posts
    assert sum(len(entry["changes"]) for entry in post.json["entry"]) == 1000


async def test_a_message_may_be_read_without_having_been_told_as_delivered(home: House) -> None:
    home.cloud.receive_from(ANA, "hola")
    home.cloud.faults = Faults(skip_delivered=1.0, no_contacts=True, clock_skew=90.0)
    await home.send()
    await home.sandbox.idle()
    sent, read = home.receiver.values("statuses")
    assert (sent["status"], read["status"]) == ("sent", "read")
    assert read["pricing"] == sent["pricing"]
    assert int(read["timestamp"]) == int(home.clock.now.timestamp()) + 90
    assert all("contacts" not in change["value"] for change in home.receiver.changes()[1:])


async def test_a_failure_may_come_alone_or_with_the_least_of_contacts(home: House) -> None:
    home.cloud.receive_from(ANA, "hola")
    home.cloud.faults = Faults(failed=1.0, failed_alone=True, failed_with_contacts=True)
    await home.send()
    await home.sandbox.idle()
    assert [one["status"] for one in home.receiver.values("statuses")] == ["failed"]
    assert home.receiver.changes()[-1]["value"]["contacts"] == [{"wa_id": ANA[1:]}]


async def test_webhooks_may_say_more_than_the_documents_and_say_it_otherwise(home: House) -> None:
    home.cloud.introduce(ANA, "Ana", username="ana.g")
    home.cloud.faults = Faults(strange=True, hyphen_language=True, empty_phone=True)
    home.cloud.receive_from(ANA, "hola")
    await home.create(CART_REMINDER | {"language": "en_GB"})
    await home.sandbox.idle()
    message = home.receiver.values("messages")[0]
    assert (message["from"], home.receiver.changes()[0]["value"]["contacts"][0]["wa_id"]) == ("", "")
    assert "sandbox_new_field" in message
    assert home.receiver.changes()[-1]["value"]["message_template_language"] == "en-GB"


async def test_a_slow_receiver_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.sandbox.cloud.webhook.TIMEOUT", aiohttp.ClientTimeout(total=0.2))
    async with house() as home:
        home.receiver.pauses = [0.5]
        home.cloud.receive_from(ANA, "hola")
        await home.sandbox.idle()
        assert home.cloud.webhooks.delivered[0].tries == 2


async def test_a_template_may_be_paused_in_the_middle_of_a_campaign(home: House) -> None:
    await home.create(CART_REMINDER)
    assert (await home.send(type="template", template=reminder()))[0] == 200
    home.cloud.book.pause("cart_reminder", "es")
    status, answer = await home.send(type="template", template=reminder())
    assert (status, answer["error"]["code"]) == (400, 132015)
