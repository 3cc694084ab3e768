"""What is written down: one line an event, and not a word about who a customer is or what they say."""

import asyncio
import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from bot.command.logbook import Json, Mask, Text
from bot.sandbox.cloud.fault import SendFault
from bot.store.step import Statement, Step
from tests.crash.harness import Plan, settled, under_load
from tests.crash.house import APP_SECRET, SHOP_SECRET
from tests.crash.load import Delivery, Load
from tests.worker.bench import LOLA

from .office import office

CANARY_PHONE = "+34611987654"
CANARY_TEXT = "Xanadu7 is what I said"
CANARY_NAME = "Zephyrine"
CANARY_MAIL = "zephyrine@canary.example"
NOT_HTTP = (
    b"Xanadu7 is no method\r\n\r\n",
    b"GET / HTTP/1.1\r\nXanadu7 is no header\r\n\r\n",
    b"GET http://[Xanadu7 HTTP/1.1\r\n\r\n",
)
EVERYTHING_FAILS = Plan(
    climbers=3,
    talkers=3,
    shoppers=6,
    pause=0.2,
    shares=dict.fromkeys(
        (SendFault.GRAPH_500, SendFault.HTML_500, SendFault.CUT, SendFault.ACCEPT_THEN_CUT, SendFault.ACCEPT_THEN_503), 0.08
    ),
)


async def test_at_the_lowest_level_no_phone_no_name_no_text_and_no_secret_is_written_down(tmp_path: Path) -> None:
    story = await _story(tmp_path, "bot")
    assert story.private_words() == []
    assert not re.search(r"\d{9,}", story.json + story.text)
    assert "Traceback" not in story.json + story.text
    assert len(story.text.splitlines()) > 3
    told = [json.loads(line) for line in story.json.splitlines()]
    assert len(told) > 3
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in told)


async def test_a_bot_that_writes_down_what_comes_in_is_noticed_and_even_then_phones_are_masked(tmp_path: Path) -> None:
    story = await _story(tmp_path, "tests.ops.gossip")
    assert {"Xanadu7", CANARY_NAME} <= set(story.private_words())
    assert not set(story.private_words()) & story.phones


@dataclass(frozen=True, slots=True)
class Story:
    """What a bot wrote down in its first life (JSON) and in its second (text), and what must not stand there."""

    json: str
    text: str
    phones: set[str]
    secrets: tuple[str, ...]

    def private_words(self) -> list[str]:
        """Those that do."""
        private = (*self.phones, "Xanadu7", CANARY_NAME, "canary.example", "Klara", "Tom", *self.secrets)
        return [word for word in private if word in self.json + self.text]


async def _story(folder: Path, module: str) -> Story:
    """Customers, shop, faults of every kind, a kill, and the lowest level."""
    async with under_load(folder, EVERYTHING_FAILS) as (around, load, people):
        around.environ |= {"COMEBACK_LOG": "debug", "COMEBACK_LOG_FORMAT": "json"}
        bot = around.bot(module)
        await bot.start()
        around.cloud.introduce(CANARY_PHONE, CANARY_NAME)
        for text in (CANARY_TEXT, "I want to return something", CANARY_TEXT, "STOP"):
            around.cloud.receive_from(CANARY_PHONE, text)
        await _shop_tells_of_the_canary(around.url, load)
        await asyncio.sleep(1.5)
        await bot.kill()  # what is on the wire is unknown to the next one, which says so
        first = bot.log()
        around.environ["COMEBACK_LOG_FORMAT"] = "text"
        bot = around.bot(module)
        await bot.start()
        load.over.set()
        assert await settled(around, load, people, 30)
        assert await bot.terminate() == 0
        assert around.count("select count(*) from message where text like '%Xanadu7%'") == 2
        phones = {person.customer.wa_id for person in load.people} | {CANARY_PHONE[1:]}
        return Story(first, bot.log()[len(first) :], phones, (around.cloud.token, APP_SECRET, SHOP_SECRET))


async def _shop_tells_of_the_canary(url: str, load: Load) -> None:
    """Signed well and badly, read well and badly."""
    person = {"phone": CANARY_PHONE, "email": CANARY_MAIL, "first_name": CANARY_NAME}
    for number, data in enumerate((person, {**person, "currency": CANARY_TEXT}, {"phone": CANARY_TEXT})):
        body = {"type": "checkout.updated", "timestamp": "2026-11-02T10:00:00Z", "data": {"checkout_key": f"c{number}", **data}}
        await load.postman.deliver(Delivery(json.dumps(body).encode(), f"canary-{number}"))
    async with aiohttp.ClientSession() as session:
        for headers in ({}, {"X-Hub-Signature-256": "sha256=" + "0" * 64}):
            async with session.post(f"{url}/webhooks/whatsapp", data=json.dumps(person).encode(), headers=headers) as answer:
                assert answer.status == 401
    for request in NOT_HTTP:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(request)
        assert b" 400 " in await reader.readline()
        writer.close()
        await writer.wait_closed()


def _line(formatter: logging.Formatter, message: str, error: Exception | None = None, **about: object) -> str:
    record = logging.LogRecord("bot.worker", logging.ERROR, __file__, 1, message, (), None)
    record.__dict__.update(about)
    if error is not None:
        try:
            raise error
        except Exception as raised:
            record.exc_info = (type(raised), raised, raised.__traceback__)
    return formatter.format(record)


def test_a_line_of_json_says_what_it_is_about() -> None:
    told = json.loads(_line(Json(Mask()), "inbox entry failed", contact=12, event=34, text="never"))
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", told.pop("time"))
    assert told == {"level": "error", "logger": "bot.worker", "message": "inbox entry failed", "contact": 12, "event": 34}


def test_a_line_of_text_says_the_same() -> None:
    line = _line(Text(Mask()), "inbox entry failed", contact=12, event=34)
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ERROR bot\.worker: inbox entry failed \(contact 12, event 34\)", line)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("to +34600111222 now", "to +34…22 now"),
        ("to +34 600 111-222 now", "to +34…22 now"),
        ("to 34600111222 now", "to 346…22 now"),
        ("id ES.13491208655302741918", "id ES.134…18"),
        ("from lola.perez+shop@mail.example.com", "from …@…"),
        ("message wamid.HBgLMzQ2MDAxMTEyMjIVAgARGBI= failed", "message wamid.… failed"),
        ("Authorization: Bearer EAAGm0PX4ZCpsBA", "Authorization: …"),
        ("secret whsec_c2VjcmV0LXNlY3JldA==", "secret …"),
        ("password s3cret-of-ours, twice s3cret-of-ours", "password …, twice …"),
        ("inbox entry 1234567 of contact 12 failed (try 1)", "inbox entry 1234567 of contact 12 failed (try 1)"),
        ("down since 2026-11-02 10:00:00 UTC, 131049", "down since 2026-11-02 10:00:00 UTC, 131049"),
    ],
)
def test_the_mask_takes_out_who_it_was_and_leaves_what_happened(said: str, written: str) -> None:
    assert Mask(["s3cret-of-ours"])(said) == written


@pytest.mark.parametrize("formatter", [Json(Mask(["hush-hush"])), Text(Mask(["hush-hush"]))])
def test_a_traceback_is_masked_as_well(formatter: logging.Formatter) -> None:
    line = _line(formatter, "it failed", ValueError("34600111222 lola@example.com hush-hush"))
    assert "ValueError: 346…22 …@… …" in line
    assert "600111" not in line


@pytest.mark.parametrize("formatter", [Json(Mask()), Text(Mask())])
@pytest.mark.parametrize(
    "error",
    [
        KeyError("Lola"),
        ValueError("invalid literal for int() with base 10: 'Lola'"),
        ValueError('Input should be a number\n    [input_value="Lola\\"s", input_type=str]'),
        ValueError("null value violates a constraint\nDETAIL:  Failing row contains (12, Lola,\nhello)."),
    ],
)
def test_what_an_exception_quotes_is_taken_out(formatter: logging.Formatter, error: Exception) -> None:
    line = _line(formatter, "it failed", error)
    assert "Lola" not in line
    assert type(error).__name__ in line
    assert "test_logbook.py" in line


def test_of_an_exception_behind_another_the_place_is_told_and_nothing_else() -> None:
    behind = ValueError(f"{LOLA!r} has no {CANARY_NAME!r}")
    behind.__cause__ = KeyError(CANARY_NAME)
    line = _line(Text(Mask()), "it failed", behind)
    assert CANARY_NAME not in line
    assert line.index("KeyError: '…'") < line.index("and then:") < line.index("ValueError: '…' has no '…'")


@pytest.mark.parametrize("forged", ["a\nb", "a\r\nb", "a\u2028b", "a\x85b", "a\x1b[2Jb"])
@pytest.mark.parametrize("formatter", [Json(Mask()), Text(Mask())])
def test_whatever_is_told_an_entry_is_one_line(formatter: logging.Formatter, forged: str) -> None:
    line = _line(formatter, forged)
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    if isinstance(formatter, Json):
        assert json.loads(line)["message"] == forged


def test_what_other_libraries_quote_is_taken_out_and_what_we_quote_is_not() -> None:
    record = logging.LogRecord("asyncio", logging.ERROR, __file__, 1, "Task raised %r for 'Lola'", (KeyError("Pepe"),), None)
    assert Mask().message(record) == "Task raised KeyError('…') for '…'"
    record.name = "bot.app"
    assert Mask().message(record) == "Task raised KeyError('Pepe') for 'Lola'"


async def test_an_event_that_fails_is_written_down_with_its_contact_and_its_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with office(tmp_path) as house:
        await house.writes("hello")
        await house.go()
        await house.store.run(_spoil_runs())
        await house.writes("hello again", LOLA)
        await house.work()
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    told = json.loads(Json(Mask()).format(record))
    assert (told["contact"], told["event"]) == (1, 2)
    assert "traceback" in told
    assert LOLA not in json.dumps(told)


def _spoil_runs() -> Step[None]:
    """Whatever comes next for a run fails."""
    yield Statement("update run set body = '{'", {})
