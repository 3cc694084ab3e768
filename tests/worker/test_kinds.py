"""Every kind that Meta sends, from the delivery through the real store: worked off, kept, and acted on where it means something."""

from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from bot.channel.whatsapp import webhook
from bot.flow.run import Text
from bot.policy.decision import Author
from bot.store import outbox
from bot.store.database import open_database
from bot.store.step import Step, sql, to_micros
from tests.channel.payloads import AT, CASES, DIGITS, NUMBER, OURS, USER, Case, body

from .bench import Bench, playbook

MOMENT = timedelta(minutes=1)

# What a case leaves in the store besides its done row: a statement, and the rows it finds. Those that are not here leave a sentence.
LEAVES: dict[str, tuple[str, list[tuple[Any, ...]]]] = {}


def leaves(sql: str, *rows: tuple[Any, ...], titles: str) -> None:
    LEAVES.update({title.strip(): (sql, list(rows)) for title in titles.strip().splitlines()})


TALK = "select control, reason from conversation"
GREETED = "select c.control, r.flow, r.state from conversation c join run r on r.contact = c.contact"
leaves(GREETED, ("bot", "welcome", "waiting"), titles="image with its hash in hexadecimal\nvoice note\naudio\nsticker\nsticker that moves")
leaves(TALK, ("waiting", "sent a document"), titles="document")
leaves(TALK, ("waiting", "sent a place"), titles="location")
leaves(TALK, ("waiting", "sent something without words"), titles="location in words\na type of next year")
leaves(TALK, ("waiting", "sent contact cards"), titles="contacts")
leaves(TALK, ("waiting", "sent the answers of a form"), titles="form\nform with answers that are no JSON\naddress")
leaves(TALK, ("waiting", "sent an order"), titles="order\norder of nothing")
leaves(TALK, ("waiting", "sent something that WhatsApp does not hand on"), titles="unsupported\nunsupported, form of 2025")
leaves(TALK, ("waiting", "called by WhatsApp"), titles="a call")
leaves(TALK, ("human", None), titles="echo\necho without contacts")
leaves(
    "select kind, text, author from message",
    ("text", "In green?", "customer"),
    titles="text",
)
leaves("select author, about from message", ("note", "they called us: the call is over after 0:03:20"), titles="a call is over")
leaves("select author, about from message", ("note", "we called them: the call failed"), titles="our call failed")
leaves("select author, about from message", ("note", "allowed us to call"), titles="word of calls")
leaves(
    "select click, source_type, source_id, headline from referral",
    ("Aff-n8Z", "ad", "120226305854810726", "Chat with us"),
    titles="text from an ad",
)
leaves("select click, source_type, source_id from referral", (None, "ad", "1"), titles="text from an ad in a status, which has no click")
leaves(
    "select kind, media_id, voice, filename from attachment",
    ("document", "1003383421387256", 0, "invoice.pdf"),
    titles="document",
)
leaves("select provider_id, emoji from reaction where provider_id = 'wamid.OURS'", (OURS, "👍"), titles="reaction")
leaves(
    "select provider_id, emoji from reaction where provider_id = 'wamid.OURS'",
    (OURS, ""),
    titles="reaction taken back\nreaction taken back, other form",
)
leaves("select consent from contact", ("withdrawn",), titles="stop\nstop of something else\ntext of somebody with a username")
leaves("select consent from contact", ("withdrawn",), titles="empty and null names are none")
leaves("select consent from contact", ("granted",), titles="signup\nresume, form of 2025")
leaves("select delivery, state from outbox", ("sent", "sent"), titles="sent")
leaves("select delivery, state from outbox", ("delivered", "sent"), titles="delivered\na price of next year\nof a group")
leaves("select delivery, state from outbox", ("read", "sent"), titles="read\nplayed")
leaves("select delivery, state, code from outbox", ("failed", "sent", 131049), titles="failed, without contacts")
leaves("select delivery, state from outbox", (None, "sent"), titles="a payment\na call that rang")
leaves("select delivery, state from outbox", ("failed", "sent"), titles="failed, without a reason")
leaves("select free_until from conversation", (1_795_309_200_000_000,), titles="sent in a free entry point")
leaves("select status, category, quality from template", ("PAUSED", "MARKETING", None), titles="template paused")
leaves("select language, status from template", ("en_US", "APPROVED"), titles="template approved, language with a hyphen")
leaves("select quality from template", ("YELLOW",), titles="template quality")
leaves("select per_second, phone from sending_number where phone is not null", (1000, "15550783881"), titles="throughput")
leaves("select quality from sending_number where phone is not null", ("RED",), titles="quality fell")
leaves("select people from portfolio", (2000,), titles="capability")
leaves("select people from portfolio", (1_000_000_000,), titles="capability without end")
leaves("select count(*) from number_state where marketing_stopped is not null", (1,), titles="restriction")
leaves("select count(*) from number_state where stopped is not null", (1,), titles="ban")
leaves("select count(*) from number_state where stopped is not null", (0,), titles="ban lifted\nban to come\nviolation")
leaves(
    "select kind, value from identity order by kind, value",
    *(("bsuid", "US.13491208655302741918"), ("phone", "+12195555358"), ("wa_id", "12195555358")),
    titles="number changed\nnumber changed, older form",
)
leaves(
    "select kind, value from identity order by kind, value",
    *(("bsuid", "US.2"), ("phone", "+12195555358"), ("wa_id", "12195555358")),
    titles="user id changed",
)
leaves(
    "select kind, value from identity order by kind, value",
    *(("bsuid", "US.2"), ("phone", "+16505551234"), ("wa_id", "16505551234")),
    titles="user id changed, no phone\nuser id update",
)


@pytest_asyncio.fixture
async def ana(tmp_path: Path) -> AsyncIterator[Bench]:
    """A house that has written to Ana, whom the payloads are about, as `OURS`."""
    store = await open_database(str(tmp_path / "comeback.db"))
    bench = Bench(store, playbook())
    await _written_to(bench)
    yield bench
    await bench.sender.finish()
    await store.close()


async def _written_to(bench: Bench) -> None:
    bench.now = AT
    before = str(int((AT - timedelta(hours=1)).timestamp()))
    sign = {"id": "wamid.0", "type": "reaction", "timestamp": before, "reaction": {"message_id": "wamid.none", "emoji": "x"}}
    await bench.whatsapp(messages=[{"from": DIGITS, "from_user_id": USER, **sign}])
    await bench.work()
    await bench.store.run(_sent((await bench.rows("select id from contact"))[0]["id"]))


def _sent(contact: int) -> Step[None]:
    draft = outbox.Draft("c7.3", contact, NUMBER, "", Text("Hello"), Author.STAFF, False, True, AT + timedelta(days=1))
    yield from outbox.enqueue(draft, AT)
    (row,) = yield sql("outbox.by_key", key="c7.3")
    yield sql("outbox.sending", id=row["id"], owner="test", epoch=1, lease_until=to_micros(AT), now=to_micros(AT))
    yield from outbox.sent(row["id"], OURS, held=False)


async def found(bench: Bench, statement: str) -> list[tuple[Any, ...]]:
    return [tuple(cast(Iterable[Any], row)) for row in await bench.rows(statement)]


def test_what_each_leaves_is_told_of_kinds_that_are_there() -> None:
    assert LEAVES.keys() <= {case.title for case in CASES}
    assert len(CASES) >= 100


@pytest.mark.parametrize("case", CASES, ids=[case.title for case in CASES])
async def test_each_kind_is_worked_off_and_does_what_it_means(ana: Bench, case: Case, caplog: pytest.LogCaptureFixture) -> None:
    await ana.store.receive(webhook.split(body(case.change), ana.now), ana.now)
    assert await ana.work() == 1
    assert await found(ana, "select kind, state, attempts from inbox where id > 1") == [(case.kind, "done", 0)]
    assert await found(ana, "select count(*) from inbox_name") == [(0,)]
    if case.title in LEAVES:
        statement, rows = LEAVES[case.title]
        assert await found(ana, statement) == rows
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


async def test_all_kinds_at_once_are_worked_off_on_either_database(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    await _written_to(bench)
    updates = webhook.split(body(*(case.change for case in CASES)), bench.now)
    assert len(updates) == len(CASES)
    kept = await bench.store.receive(updates, bench.now)
    while await bench.work():
        bench.now += MOMENT
    assert await found(bench, "select count(*) from inbox where state = 'done' and source = 'whatsapp'") == [(kept + 1,)]
    assert await found(bench, "select count(*) from inbox where state <> 'done'") == [(0,)]
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
