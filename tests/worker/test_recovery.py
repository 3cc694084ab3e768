"""What stands still goes on: a token that works, a new one, a block that is over, a template that was not what we thought."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from bot import app
from bot.channel import Failure, Remedy, SendError
from bot.channel.whatsapp.templates import TemplateState
from bot.store import outbox, templates
from bot.store.outbox import Awaits
from bot.worker.recovery import Recovery
from bot.worker.registry import Registry

from .bench import HOUR, NUMBER, Bench, failing

OTHER = "999"


class Token:
    """A token that works or does not, and one that may lie ready."""

    def __init__(self) -> None:
        self.works = False
        self.ready = False
        self.asked: list[str] = []

    async def known(self, number: str) -> bool:
        self.asked.append(number)
        return self.works

    def renew(self) -> bool:
        ready, self.ready = self.ready, False
        return ready


def recovery(bench: Bench, token: Token, registry: Registry | None = None) -> Recovery:
    return Recovery(bench.store, lambda: bench.now, token.known, token.renew, registry)


async def stopped(bench: Bench) -> list[str]:
    return [one.number for one in await bench.store.read(outbox.stopped_numbers())]


async def test_only_a_number_that_waits_for_a_token_is_asked_about_and_it_goes_on_once_it_works(bench: Bench) -> None:
    token = Token()
    looking = recovery(bench, token)
    assert not await looking.look()
    await bench.store.run(outbox.stop_number(NUMBER, "the access token is no longer valid", Awaits.TOKEN))
    await bench.store.run(outbox.stop_number(OTHER, "the payment failed"))
    assert not await looking.look()
    token.works = True
    assert await looking.look()
    assert (token.asked, await stopped(bench)) == ([NUMBER, NUMBER], [OTHER])


async def test_a_new_token_starts_everything_at_once(bench: Bench) -> None:
    token = Token()
    await bench.store.run(outbox.stop_number(NUMBER, "the access token is no longer valid", Awaits.TOKEN))
    await bench.store.run(outbox.stop_number(OTHER, "the token may not send from this number"))
    token.ready = True
    assert await recovery(bench, token).look()
    assert (await stopped(bench), token.asked) == ([], [])


async def test_a_block_ends_at_its_time_and_an_error_without_one_does_not_make_it_endless(bench: Bench) -> None:
    looking = recovery(bench, Token())
    until = bench.now + HOUR
    await bench.store.run(outbox.stop_number(NUMBER, "Meta restricts the account", until=until))
    await bench.store.run(outbox.stop_number(NUMBER, "blocked for a while (code 368)"))
    bench.now = until - timedelta(seconds=1)
    assert not await looking.look()
    bench.now = until
    assert await looking.look()
    assert await stopped(bench) == []


async def test_a_template_that_meta_does_not_know_is_asked_about_once(bench: Bench) -> None:
    asked: list[int] = []

    async def fetch() -> Sequence[TemplateState]:
        asked.append(1)
        return [TemplateState("cart_waiting", "es", "REJECTED", "MARKETING")]

    looking = recovery(bench, Token(), Registry(bench.store, fetch, lambda: bench.now))
    await looking.look()
    assert asked == []
    await bench.reminded()
    await bench.cart("k2", "34600999888")
    await bench.work()
    bench.now += HOUR
    await bench.work()
    bench.channel.faults = failing(lambda: SendError(Failure.REFUSED, "no template", code=132001, remedy=Remedy.ASK_TEMPLATES))
    await bench.send()
    await looking.look()
    await looking.look()
    assert asked == [1]
    assert (await bench.store.read(templates.load("cart_waiting", "es"))).status == "REJECTED"


def test_a_token_file_that_is_written_anew_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("first-token")
    for name, value in (("APP_SECRET", "s" * 32), ("VERIFY_TOKEN", "verify"), ("NUMBER", NUMBER), ("TOKEN_FILE", str(file))):
        monkeypatch.setenv(f"COMEBACK_WHATSAPP_{name}", value)
    heard: list[str] = []
    held = app._Token("first-token", app._token_now, (heard.append,))
    assert (held.renew(), heard) == (False, [])
    file.write_text("second-token\n")
    assert (held.renew(), heard, held.value) == (True, ["second-token"], "second-token")
    file.unlink()
    assert (held.renew(), held.value) == (False, "second-token")
