"""What the law asks, over the real door, of a bot in a process of its own: answered, done, killed in the midst and done all the same."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from bot.flow.run import Text
from bot.policy.decision import Author, Consent
from bot.store import contacts, conversations, outbox, privacy
from bot.store.contacts import Agreement
from bot.store.database import open_database, read_only
from bot.store.model import Identity, IdentityKind
from bot.store.privacy import Ask
from bot.store.step import Statement, Step, to_micros
from bot.worker.crew import STUMBLE_SECONDS
from tests.crash.house import BotProcess, Surroundings, surroundings, wall_clock
from tests.shop.bodies import SHOPIFY_CHECKOUT, SHOPIFY_ORDER, shopify_headers, wire
from tests.worker.bench import NUMBER

from .serving import Ran, clean_environment, command

SECRET = "shpss_of_the_journey_0123456789"
SHOP = "lola"
ANA, BEN = "+34612345678", "+34600999888"  # Ana is the customer of the bodies
HERS = (ANA[1:], "612 34 56 78", "ana@example.com", "115310627314723954", "Ana", "her own words", "eeafa272cebfd4b22385bc4b645e762c")
TOPICS = ("customers/data_request", "customers/redact", "shop/redact", "app/uninstalled")
DUE_SECONDS = 6.0  # until what is queued for them is due, from before the bot starts
KILL_AFTER = (0.0, 0.25)  # seconds from listening: the erasure of a person with much takes about as long


@dataclass(slots=True)
class Law:
    """The bot, what it lives in, and a shop that speaks of the law."""

    around: Surroundings
    bot: BotProcess
    session: aiohttp.ClientSession
    asked: int = 0

    async def post(self, topic: str, body: dict[str, Any], secret: str = SECRET) -> int:
        """A delivery of Shopify's; returns the status of the answer."""
        self.asked += 1
        content = wire(body)
        headers = shopify_headers(topic, content, secret, f"delivery-{self.asked}") | {"X-Shopify-Triggered-At": wall_clock().isoformat()}
        async with self.session.post(f"{self.around.url}/webhooks/shopify/{SHOP}", data=content, headers=headers) as answer:
            return answer.status

    async def health(self) -> tuple[int, str]:
        """What the bot says of itself."""
        async with self.session.get(f"{self.around.url}/health") as answer:
            return answer.status, (await answer.json())["status"]

    async def run(self, *words: str) -> Ran:
        """A command beside the bot."""
        own = {name: value for name, value in self.around.environ.items() if name.startswith("COMEBACK_")}
        return await command(*words, environment=clean_environment(**own), folder=self.around.folder)

    async def receipts(self, count: int) -> Sequence[Ask]:
        """All of them, once so many are done."""
        await _until(lambda: self.around.count("select count(*) from privacy_ask where state = 'done'") >= count)
        return await read_only(str(self.around.database), privacy.every())

    def sent_to(self, phone: str) -> list[str]:
        mine = (one for one in self.around.cloud.attempts if one.payload.get("to") in (phone, phone[1:]))
        return [str(one.payload.get("text", {}).get("body")) for one in mine]

    def found(self, words: Sequence[str]) -> list[tuple[str, str]]:
        """Which of these words stand where: in the database, in files beside it, in the log."""
        with closing(sqlite3.connect(f"file:{self.around.database}?mode=ro", uri=True)) as connection:
            dump = "\n".join(connection.iterdump())
        texts = {path.name: path.read_bytes().decode("latin-1") for path in self.around.folder.rglob("*") if _is_beside(path)}
        return [(name, word) for name, text in {**texts, "database": dump}.items() for word in words if word in text]


def _is_beside(path: Path) -> bool:
    return path.is_file() and path.suffix not in (".db", ".yaml") and not path.name.endswith(("-wal", "-shm", ".po", ".zip"))


@asynccontextmanager
async def lawful(folder: Path, much: int = 0) -> AsyncIterator[Law]:
    """Ana and Ben, known to the shop and in conversation; a message to each is due in a moment. Ana has `much` of everything."""
    async with surroundings(folder) as around, aiohttp.ClientSession() as session:
        del around.environ["COMEBACK_SHOP_CASA_SECRET"]
        around.environ |= {
            "COMEBACK_SHOPS": SHOP,
            "COMEBACK_SHOP_LOLA_PLATFORM": "shopify",
            "COMEBACK_SHOP_LOLA_SECRET": SECRET,
            "COMEBACK_SHOP_LOLA_REGION": "ES",
            "COMEBACK_WHATSAPP_NUMBER": NUMBER,
            "COMEBACK_LOG": "info",
        }
        store = await open_database(str(around.database))
        for phone in (ANA, BEN):
            around.cloud.customer(phone).last_wrote = wall_clock()
            await store.run(_in_conversation(phone, much if phone == ANA else min(much, 1)))
        await store.close()
        yield Law(around, around.bot(), session)


def _in_conversation(phone: str, much: int) -> Step[None]:
    now, said = wall_clock(), "her own words" if phone == ANA else "his own words"
    found = yield from contacts.resolve([Identity(IdentityKind.PHONE, phone), Identity(IdentityKind.WA_ID, phone[1:])], now, proven=True)
    assert found is not None
    yield from contacts.agree(found.contact, Agreement("whatsapp", Consent.GRANTED, now, "word", "wamid.1"), now)
    yield from conversations.heard(found.contact, NUMBER, now, kind="text", text=said, provider_id="wamid.1")
    for number in range(much):
        more: dict[str, Any] = {"text": f"{said} {number}", "provider_id": f"wamid.x{number}"}
        yield from conversations.heard(found.contact, NUMBER, now, kind="text", **more)
        yield from contacts.audit(found.contact, now, "test", f"{said} {number}")
    draft = outbox.Draft(
        f"q:{phone}", found.contact, NUMBER, SHOP, Text("still there?"), Author.FLOW,
        marketing=False, reply=False, expires_at=now + timedelta(hours=2),
    )  # fmt: skip
    yield from outbox.enqueue(draft, now)
    due = to_micros(wall_clock() + timedelta(seconds=DUE_SECONDS if much else 3600))
    yield Statement("update outbox set not_before = :due", {"due": due})


CUSTOMER = {"id": 115310627314723954, "email": "Ana@Example.com", "phone": ANA}
ASKS: dict[str, dict[str, Any]] = {
    "customers/data_request": {"shop_id": 1, "customer": CUSTOMER, "orders_requested": [], "data_request": {"id": 9999}},
    "customers/redact": {"shop_id": 1, "customer": CUSTOMER, "orders_to_redact": [820982911946154508]},
    "shop/redact": {"shop_id": 1, "shop_domain": "lola.myshopify.com"},
    "app/uninstalled": {"id": 1, "name": "Lola"},
}


async def test_shopify_asks_over_the_door_and_each_ask_is_done_with_a_receipt_that_names_nobody(tmp_path: Path) -> None:
    async with lawful(tmp_path) as law:
        await law.bot.start()
        try:
            assert [await law.post(topic, ASKS[topic], "not the secret") for topic in TOPICS] == [401] * 4
            assert [await law.post("checkouts/update", SHOPIFY_CHECKOUT), await law.post("orders/create", SHOPIFY_ORDER)] == [200, 200]
            assert await law.post("customers/data_request", ASKS["customers/data_request"]) == 200
            (copy,) = await law.receipts(1)
            assert law.found(HERS[:1])
            assert (copy.what, copy.people, copy.way, copy.key) == ("data", 1, "shopify:customers/data_request", "9999")
            path = tmp_path / "comeback.db.privacy" / (copy.file or "")
            assert path.stat().st_mode & 0o777 == 0o600

            assert await law.post("customers/redact", ASKS["customers/redact"]) == 200
            _, redacted = await law.receipts(2)
            assert (redacted.what, redacted.people, redacted.counts["shop_order"]) == ("erase_shopper", 1, 1)
            assert not path.exists()
            assert law.found(HERS) == []
            assert [tuple(row) for row in law.around.rows("select state, body from outbox order by id")] == [
                ("cancelled", ""),
                ("queued", "still there?"),
            ]

            assert await law.post("app/uninstalled", ASKS["app/uninstalled"]) == 200
            assert await law.post("shop/redact", ASKS["shop/redact"]) == 200
            receipts = await law.receipts(4)
            assert [one.what for one in receipts] == ["data", "erase_shopper", "uninstalled", "erase_shop"]
            assert law.around.count("select count(*) from inbox where source = 'shop' and cast(body as text) <> '{}'") == 0
            listed = await law.run("privacy")
            assert [" ".join(line.split()[1:3]) for line in listed.out.splitlines()[1:]] == ["a copy", "erase a", "a shop", "erase a"]
        finally:
            assert await law.bot.terminate() == 0
        assert "Traceback" not in law.bot.log()
        assert [word for word in HERS if word in law.bot.log()] == []


async def test_while_the_erasure_log_takes_nothing_the_bot_says_so_and_goes_on_when_it_does(tmp_path: Path) -> None:
    async with lawful(tmp_path) as law:
        log = tmp_path / "comeback.db.erased"
        log.symlink_to("/dev/full")  # no room
        await law.bot.start()
        assert await law.health() == (200, "ok")
        assert await law.post("app/uninstalled", ASKS["app/uninstalled"]) == 200
        await _until(lambda: "No space left on device" in law.bot.log())
        assert await law.health() == (503, "standing still: dispatcher (the log tells why)")
        await asyncio.sleep(4 * STUMBLE_SECONDS)  # longer than an event that is at fault itself is tried
        log.unlink()
        (receipt,) = await law.receipts(1)
        assert receipt.what == "uninstalled"
        assert await law.health() == (200, "ok")
        assert law.around.count("select count(*) from inbox where state = 'dead'") == 0
        assert await law.bot.terminate() == 0


async def test_killed_in_the_midst_of_an_erasure_the_next_process_ends_it(tmp_path: Path, full: bool) -> None:
    random = Random(7)
    async with lawful(tmp_path, much=6_000) as law:
        await law.bot.start()
        assert await law.post("orders/create", SHOPIFY_ORDER) == 200
        assert await law.post("customers/redact", ASKS["customers/redact"]) == 200
        midst = 0
        for _ in range(20 if full else 3):
            await asyncio.sleep(random.uniform(*KILL_AFTER))
            await law.bot.kill()
            midst += law.around.count("select count(*) from privacy_ask where state = 'open' and counts <> '{}'")
            await law.bot.start()
        (receipt,) = await law.receipts(1)
        await _until(lambda: law.sent_to(BEN))
        await asyncio.sleep(0.3)
        assert await law.bot.terminate() == 0
        print(f"\n{midst} of the kills were in the midst of it; {dict(receipt.counts)}")
        assert midst, "the kills came too late to show anything"
        assert (receipt.people, receipt.counts["message"]) == (1, 6_001)
        assert law.found(HERS) == []
        assert law.sent_to(ANA) == []
        with closing(sqlite3.connect(law.around.database)) as connection:
            assert connection.execute("pragma integrity_check").fetchone()[0] == "ok"
            assert connection.execute("pragma foreign_key_check").fetchall() == []


async def test_an_owner_exports_and_erases_by_hand_beside_the_bot_and_without_it(tmp_path: Path) -> None:
    async with lawful(tmp_path) as law:
        await law.bot.start()
        written = await law.run("privacy", "export", ANA, "--json")
        assert written.code == 0, written.err
        copy = json.loads(written.out)
        assert (copy["what"], copy["people"]) == ("data", 1)
        given = await law.run("privacy", "handed-over", str(copy["id"]))
        assert (given.code, Path(copy["file"]).exists()) == (0, False)
        assert "handed over on" in given.out
        refused = await law.run("privacy", "erase", ANA)
        assert (refused.code, "--yes" in refused.err) == (1, True)
        erased = await law.run("privacy", "erase", ANA, "--yes")
        assert erased.code == 0, erased.err
        assert law.found(HERS[:1]) == []
        assert await law.bot.terminate() == 0
        alone = await law.run("privacy", "erase", BEN, "--yes", "--json")
        assert alone.code == 0, alone.err
        assert json.loads(alone.out)["people"] == 1
        assert law.found((ANA[1:], BEN[1:], "his own words")) == []


async def _until(so: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not so():  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.05)
