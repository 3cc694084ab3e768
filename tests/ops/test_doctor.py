"""`comeback doctor` and what an operator gets wrong: a sentence, a list for machines, an exit code, and never a traceback."""

import asyncio
import json
import socket
from argparse import Namespace
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from bot.clock import wall_clock
from bot.command import doctor
from bot.command.exit_code import EX_CONFIG
from bot.store import pace, privacy
from bot.store.database import open_database
from bot.store.privacy import About, What
from tests.journey.serving import command
from tests.worker.bench import ROOT

SET = {
    "COMEBACK_FLOWS": str(ROOT / "flows"),
    "COMEBACK_LOCALES": str(ROOT / "locales"),
    "COMEBACK_WHATSAPP_TOKEN": "token",
    "COMEBACK_WHATSAPP_APP_SECRET": "secret",
    "COMEBACK_WHATSAPP_VERIFY_TOKEN": "verify",
    "COMEBACK_WHATSAPP_NUMBER": "106540352242922",
    "COMEBACK_WHATSAPP_API": "http://127.0.0.1:9/v24.0",  # nobody is there
}


@pytest.fixture
def examined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Examine":
    return Examine(tmp_path, monkeypatch, capsys)


class Examine:
    """Runs the doctor with an environment; what it found, by what it is about."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder, self._monkeypatch, self._capsys = folder, monkeypatch, capsys

    def __call__(self, **more: str) -> tuple[int, Mapping[str, list[tuple[str, str]]]]:
        for name, value in {**SET, "COMEBACK_DATABASE": str(self._folder / "comeback.db"), **more}.items():
            self._monkeypatch.setenv(name, value)
        code = doctor.run(Namespace(json=True))
        out, err = self._capsys.readouterr()
        assert err == ""
        found: dict[str, list[tuple[str, str]]] = {}
        for one in json.loads(out):
            found.setdefault(one["about"], []).append((one["verdict"], one["sentence"]))
        return code, found


def test_a_configuration_that_cannot_be_read_is_told_to_machines_as_everything_else(examined: Examine) -> None:
    code, found = examined(COMEBACK_PORT="http", COMEBACK_LOG="loud")
    assert code == EX_CONFIG
    assert [verdict for verdict, _ in found["configuration"]] == ["ill", "ill"]
    assert {sentence.partition(":")[0] for _, sentence in found["configuration"]} == {"COMEBACK_PORT", "COMEBACK_LOG"}


@pytest.mark.parametrize("kind", ["a folder", "text", "another program's"])
def test_what_is_no_database_of_ours_is_told(examined: Examine, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "comeback.db"
    if kind == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"this is text" if kind == "text" else b"SQLite format 3\0" + bytes(4080))
    code, found = examined()
    assert code == 1
    ((verdict, sentence),) = found["database"]
    assert verdict == "ill"
    assert "Is it a database of Comeback" in sentence


def test_a_file_of_the_owners_that_cannot_be_read_is_told(examined: Examine, tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    (flows / "folder.yaml").mkdir(parents=True)  # not a file: passed over
    (flows / "gone.yaml").symlink_to(tmp_path / "nowhere.yaml")
    code, found = examined(COMEBACK_FLOWS=str(flows))
    assert code == 1
    ((verdict, sentence),) = found["flows"]
    assert (verdict, "gone.yaml cannot be read" in sentence) == ("ill", True)
    assert found["database"]


def test_each_shop_is_looked_at_and_its_secrets_are_not_shown(examined: Examine) -> None:
    given = {
        "SHOPS": "casa,mia",
        "SHOP_CASA_PLATFORM": "shopify",
        "SHOP_CASA_SECRET": "shpss_hidden",
        "SHOP_CASA_API_TOKEN": "shpat_hidden",
    }
    more = {"SHOP_CASA_API_URL": "http://127.0.0.1:9", "SHOP_MIA_SECRET": "whsec_" + "aGlkZGVu" * 4, "PUBLIC_URL": "http://127.0.0.1:9"}
    code, found = examined(**{f"COMEBACK_{name}": value for name, value in (given | more).items()})
    assert code == 1
    assert [verdict for verdict, _ in found["casa access"]] == ["ill"]
    assert "nothing answers at http://127.0.0.1:9" in found["casa access"][0][1]
    for shop in ("casa", "mia"):
        assert [verdict for verdict, _ in found[f"{shop} heard"]] == ["hint"]
        assert "is 'comeback serve' running behind it" in found[f"{shop} address"][0][1]
    assert "hidden" not in str(found)
    assert "aGlkZGVu" not in str(found)


def test_an_ask_of_the_law_that_is_late_and_a_shop_that_left_are_told(examined: Examine, tmp_path: Path) -> None:
    asked = wall_clock() - timedelta(days=31)

    async def ask() -> None:
        store = await open_database(str(tmp_path / "comeback.db"))
        await store.run(privacy.ask(What.DATA, "main", "r-1", "privacy.data", About(1), asked))
        await store.run(privacy.close_shop("main", asked))
        await store.close()

    asyncio.run(ask())
    _, found = examined(
        COMEBACK_SHOPS="main", COMEBACK_SHOP_MAIN_SECRET="the shop's secret", COMEBACK_SHOP_MAIN_PLATFORM="woocommerce"
    )
    ((verdict, sentence),) = found["privacy"]
    assert verdict == "ill"
    assert sentence.startswith("privacy ask 1 (data) is not done, and was due by ")
    assert [verdict for verdict, sentence in found["shop main"] if "comeback privacy reopen main" in sentence] == ["hint"]


def test_without_flows_nothing_is_said_of_what_they_send(examined: Examine, tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    _, found = examined(COMEBACK_FLOWS=str(tmp_path / "flows"))
    assert "there is no store.yaml" in str(found["flows"])
    assert "templates" not in found


@pytest.mark.parametrize(
    ("people", "said"), [(None, "0 people were written to first in 24 hours, and no limit"), (2_000, "0 of 2,000 people were written to")]
)
def test_how_many_people_may_be_written_to_is_told(examined: Examine, tmp_path: Path, people: int | None, said: str) -> None:
    async def tell() -> None:
        store = await open_database(str(tmp_path / "comeback.db"))
        await store.run(pace.people_told(people, wall_clock()))
        await store.close()

    asyncio.run(tell())
    _, found = examined()
    assert said in str(found["limits"])


def test_a_password_in_an_address_is_not_shown(examined: Examine) -> None:
    _, found = examined(COMEBACK_DATABASE="postgresql://bot:hunter2@127.0.0.1:1/shop")
    assert "hunter2" not in str(found)
    assert "bot@127.0.0.1:1/shop" in str(found["database"])


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ({"COMEBACK_HOST": "nobody.invalid"}, 1, "COMEBACK_HOST: nobody knows the host 'nobody.invalid'"),
        ({"COMEBACK_HOST": "192.0.2.1"}, 1, "this machine does not have this address"),
        ({"COMEBACK_PORT": "{taken}"}, 1, "another program listens there"),
        ({"COMEBACK_DATABASE": "{folder}/nowhere/comeback.db"}, 1, "Is the folder there and writable?"),
        ({"COMEBACK_DATABASE": "/proc/comeback.db"}, 1, "Is the folder there and writable?"),
        ({"COMEBACK_OPTOUTS": "{folder}/nowhere/optouts"}, 1, "the opt-out log"),
        ({"COMEBACK_FLOWS": "{folder}/nowhere"}, EX_CONFIG, "there is no folder"),
    ],
)
async def test_serve_says_in_a_sentence_why_it_cannot_start(
    tmp_path: Path, unused_tcp_port: int, more: dict[str, str], code: int, said: str
) -> None:
    with socket.create_server(("127.0.0.1", unused_tcp_port)):
        words = {name: value.format(folder=tmp_path, taken=unused_tcp_port) for name, value in more.items()}
        environment = {**SET, "COMEBACK_PORT": "0", "COMEBACK_DATABASE": str(tmp_path / "comeback.db"), "COMEBACK_LOG": "warning", **words}
        ran = await command("serve", environment=environment | {"NO_COLOR": "1"})
    assert ran.code == code, ran.err
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""
