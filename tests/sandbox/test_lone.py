"""The Cloud API alone: the challenge, the people, what is told of calls and webhooks, the clock's words, the command."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web

from bot.__main__ import main
from bot.command import sandbox
from bot.sandbox.clock import TurnedClock
from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.cloud.fault import Faults, SendFault
from bot.sandbox.cloud.handshake import trouble_with
from bot.sandbox.pages.lone import Connection, Lone, person
from bot.sandbox.pages.turning import length_of
from bot.sandbox.sandbox import CloudSandbox

from .house import NOON

ANA, NOOR = "34600000001", "u-noor.reads"


@contextlib.asynccontextmanager
async def receiver(status: int, text: str = "") -> AsyncIterator[str]:
    """A bot that answers the challenge so; `{}` in the text is the challenge."""

    async def answer(request: web.Request) -> web.Response:
        right = request.query.get("hub.verify_token") == "right" and request.query.get("hub.mode") == "subscribe"
        return web.Response(status=status if right else 403, text=text.replace("{}", request.query["hub.challenge"]))

    async def take(_: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.add_routes([web.get("/hook", answer), web.post("/hook", take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def lone(callback: str = "") -> AsyncIterator[tuple[Lone, CloudSandbox, aiohttp.ClientSession]]:
    """A running one with two customers, one of whom hides their number."""
    clock = TurnedClock(NOON)

    async def jump(length: timedelta) -> None:
        clock.forward_to(clock() + length)

    cloud = CloudApi(clock, status_delay=0.005)
    told = Connection("", "v24.0", cloud.token, cloud.number.id, cloud.waba_id, "secret", "right")
    world = Lone(clock, cloud, [person(f"+{ANA}", "Ana"), person("@noor.reads", "Noor")], told, jump)
    sandbox = CloudSandbox(cloud, world, jump=jump, calls=world.calls)
    await sandbox.start()
    try:
        if callback:
            await world.listen_at(callback)
        async with aiohttp.ClientSession(sandbox.base_url, headers={"Authorization": f"Bearer {cloud.token}"}) as http:
            yield world, sandbox, http
    finally:
        await sandbox.close()


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (200, "{}", ""),
        (200, "{}\n", ""),
        (200, '"{}"', "in quotes"),
        (200, '{"hub.challenge": "{}"}', "nothing else"),
        (200, "", "nothing else"),
        (301, "", "a redirect"),
        (403, "", "another verify token"),
        (404, "", "nothing at this path"),
        (405, "", "takes no GET"),
        (500, "", "must answer 200"),
    ],
)
async def test_what_is_wrong_with_an_answer_to_the_challenge_is_said(status: int, text: str, expected: str) -> None:
    async with receiver(status, text) as url:
        trouble = await trouble_with(url, "right")
    assert trouble == expected if not expected else expected in trouble


async def test_a_wrong_verify_token_and_a_bot_that_is_not_there_are_said() -> None:
    async with receiver(200, "{}") as url:
        assert "another verify token" in await trouble_with(url, "wrong")
    assert "is your bot running there?" in await trouble_with(url, "right")
    assert "no web address" in await trouble_with("http://", "right")


async def test_calls_and_webhooks_are_told_with_what_came_of_them() -> None:
    async with receiver(200, "{}") as url, lone(url) as (world, sandbox, http):
        assert world.connection.trouble == ""
        path = f"/v24.0/{sandbox.cloud.number.id}/messages"
        body = {"messaging_product": "whatsapp", "to": f"+{ANA}", "type": "text", "text": {"body": "Hi"}}
        assert (await http.post(path, json=body)).status == 400
        sandbox.cloud.receive_from(ANA, "hello")
        assert (await http.post(path, json=body)).status == 200
        await sandbox.idle()
        log = [(one.sent, one.what, one.outcome.partition(" ")[0], one.bad) for one in (await world.look(ANA)).log]
        assert log[-1] == (True, f"text to +{ANA}", "400:", True)
        assert (False, "message text", "200", False) in log
        assert (True, f"text to +{ANA}", "200", False) in log
        assert (False, "status delivered", "200", False) in log


async def test_an_address_that_was_given_without_a_question_is_shown_too() -> None:
    async with receiver(200, "{}") as url, lone() as (_, _, http):
        assert "No webhook address yet" in await (await http.get("/")).text()
        assert (await http.post("/control/webhook", json={"url": url})).status == 200
        assert f"Webhooks go to {url}" in await (await http.get("/")).text()


@pytest.mark.parametrize("command", ["sandbox", "demo"])
@pytest.mark.parametrize("word", ["99999", "-1", "http", "٣"])
def test_what_is_no_port_is_said(command: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([command, f"--port={word}"])
    assert "give a number up to 65535" in capsys.readouterr().err


async def test_who_hides_their_number_is_told_without_one_and_a_stranger_gets_a_phone() -> None:
    async with receiver(200, "{}") as url, lone(url) as (world, sandbox, http):
        await http.post("/page/say", data={"who": NOOR, "text": "hello"})
        bodies = [json.loads(one.body) for one in sandbox.cloud.webhooks.delivered]
        message = bodies[0]["entry"][0]["changes"][0]["value"]["messages"][0]
        assert "from" not in message
        assert message["from_user_id"].startswith("US.")
        sandbox.cloud.receive_from("+49151000000", "moin")
        assert "49151000000" in [one.key for one in (await world.look(ANA)).people]


async def test_a_customer_is_added_and_a_wrong_one_is_refused_with_a_sentence() -> None:
    async with lone() as (world, _, http):
        ways = {"+34 600 000 055": 303, "@rosa": 303, "@noor.reads": 422, "nobody": 422, "@x": 422, "+34600000001": 422}
        for address, expected in ways.items():
            form = {"who": ANA, "address": address, "name": "R", "language": "es"}
            async with http.post("/page/add", data=form, allow_redirects=False) as answer:
                assert answer.status == expected, address
        assert [one.place for one in (await world.look(ANA)).people][2:] == ["+34600000055", "@rosa"]
        async with http.post("/page/callback", data={"who": ANA, "url": "ftp://x"}) as answer:
            assert answer.status == 422
            assert "http://" in await answer.text()


async def test_the_next_thing_is_the_end_of_a_reply_window() -> None:
    async with lone() as (world, sandbox, http):
        assert (await world.look(ANA)).following is None
        sandbox.cloud.receive_from(ANA, "hello")
        following = (await world.look(ANA)).following
        assert following is not None
        assert following.text == "Ana’s reply window closes"
        await http.post("/page/clock", data={"who": ANA, "minutes": ""})
        assert not sandbox.cloud.customer(ANA).in_window(sandbox.cloud.clock())
        assert (await world.look(ANA)).following is None


async def test_the_three_dots_show_while_the_business_types() -> None:
    async with lone() as (world, sandbox, http):
        message = sandbox.cloud.receive_from(ANA, "hello")
        body = {"messaging_product": "whatsapp", "status": "read", "message_id": message, "typing_indicator": {"type": "text"}}
        assert (await http.post(f"/v24.0/{sandbox.cloud.number.id}/messages", json=body)).status == 200
        assert (await world.look(ANA)).phone.typing
        await http.post("/page/clock", data={"who": ANA, "by": "1 min"})
        assert not (await world.look(ANA)).phone.typing


async def test_each_fault_can_be_let_happen_and_all_is_well_again_with_one_press() -> None:
    async with lone() as (world, sandbox, http):
        board = (await world.look(ANA)).faults
        assert board.well
        assert {one.fault for one in board.sends} == set(SendFault)
        for one in board.sends:
            await http.post("/page/fault", data={"who": ANA, "fault": one.fault})
        for switch in board.webhooks:
            await http.post("/page/switch", data={"who": ANA, "switch": switch.name, "on": "on"})
        await http.post("/page/code", data={"who": ANA, "code": "131049", "when": "late"})
        board = (await world.look(ANA)).faults
        assert not board.well
        assert {one.armed for one in board.sends} == {1}
        assert all(one.on for one in board.webhooks)
        assert board.code == "131049, afterwards"
        await http.post("/page/well", data={"who": ANA})
        assert (await world.look(ANA)).faults.well
        assert sandbox.cloud.faults == Faults()
        async with http.post("/page/code", data={"who": ANA, "code": "1", "when": "late"}) as answer:
            assert answer.status == 422


@pytest.mark.parametrize(
    ("typed", "minutes"), [("90", 90), ("2 h", 120), ("3 days", 4320), ("1d 12h", 2160), ("1 week", 10080), ("2 h 30 min", 150)]
)
def test_a_length_of_time_is_understood_as_people_type_it(typed: str, minutes: int) -> None:
    assert length_of(typed) == timedelta(minutes=minutes)


@pytest.mark.parametrize("typed", ["", "soon", "-5", "5 x 3", "1.5 h", "1 2 3 4 5 6"])
def test_a_length_of_time_that_makes_no_sense_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="write 90"):
        length_of(typed)


@pytest.mark.parametrize(
    ("callback", "address"),
    [
        ("", "http://127.0.0.1:8080"),
        ("https://bot.example/x/webhooks/whatsapp", "https://bot.example/x"),
        ("http://127.0.0.1:8000/hook", "http://127.0.0.1:8080"),
    ],
)
async def test_the_settings_of_comeback_are_printed_as_they_are_given_to_machines(callback: str, address: str) -> None:
    async with lone() as (world, _, _):
        world.connection = replace(world.connection, callback=callback)
        settings = sandbox.for_machines(world, None)["settings"]
        told = sandbox.for_people(world, None)
    assert isinstance(settings, dict)
    assert settings["COMEBACK_PUBLIC_URL"] == address
    assert not [name for name, value in settings.items() if f"{name}={value}" not in told]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--callback", "localhost:8000"], "begins with http"),
        (["--number", "none"], "is no phone number"),
        (["--customer", "Rosa=none"], "Rosa=+34600000007"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_said_and_exits_2(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(["sandbox", *words])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert expected in capsys.readouterr().err
