"""What stands beside the database is missing, of another database or cannot be used: every command that needs it says so, in one line."""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.store.erasure_log import Erased, ErasureLog, Erasures, Line
from bot.store.model import Identity, IdentityKind
from tests.journey.serving import Ran, clean_environment, command
from tests.worker.bench import LOLA, MONDAY, PEPE

from .office import environ_of, office

COMMANDS = {  # that need the erasure log, and what each says before the sentence
    ("serve",): "cannot start: ",
    ("restore", "--in-place"): "",
    ("privacy", "erase", f"+{PEPE}", "--yes"): "",
    ("privacy", "reopen", "casa"): "",
}
LOST = "(Where it is lost for good, put an empty file there: who said stop and was erased cannot be told from others then.)"


@dataclass(frozen=True, slots=True)
class Home:
    """A folder with a database from which somebody was erased."""

    folder: Path

    @property
    def log(self) -> Path:
        """The erasure log."""
        return self.folder / "comeback.db.erased"

    async def run(self, *words: str, **more: str) -> Ran:
        """A command, as the owner of that folder types it."""
        shop = {"COMEBACK_SHOPS": "casa", "COMEBACK_SHOP_CASA_SECRET": "whsec_" + b64encode(b"s" * 32).decode()}
        environ = environ_of(self.folder) | shop | {"COMEBACK_PORT": "0", "COMEBACK_LOG": "WARNING"} | more
        return await command(*words, environment=clean_environment(**environ), folder=self.folder)


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    async with office(tmp_path) as house:
        await house.cart("k1", LOLA)
        await house.cart("k2", PEPE)
        await house.shop("privacy.redact", phone=f"+{LOLA}")
        await house.erase()
    return Home(tmp_path)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
async def test_a_missing_erasure_log_is_told_with_what_to_do(home: Home, words: tuple[str, ...]) -> None:
    home.log.rename(home.folder / "elsewhere")
    ran = await home.run(*words)
    why = f"{home.log} is missing, and people were erased from this database: bring the file back. {LOST}"
    assert (ran.code, ran.out, ran.err) == (1, "", f"{COMMANDS[words]}{why}\n")
    assert not home.log.exists(), "an empty one would pass for theirs"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
async def test_the_erasure_log_of_another_database_is_told_with_what_to_do(home: Home, words: tuple[str, ...]) -> None:
    home.log.unlink()
    others = Erasures(ErasureLog(home.log))
    others.append(Line(MONDAY, Erased.PERSON, marks=others.marks.of_all([Identity(IdentityKind.EMAIL, "somebody@example.com")])))
    ran = await home.run(*words)
    why = f"{home.log} is of another database, and people were erased from this one: bring its own back. {LOST}"
    assert (ran.code, ran.out, ran.err) == (1, "", f"{COMMANDS[words]}{why}\n")


async def test_an_erasure_log_that_cannot_be_read_is_told(home: Home) -> None:
    home.log.unlink()
    home.log.mkdir()
    ran = await home.run("privacy", "erase", f"+{PEPE}", "--yes")
    assert (ran.code, ran.out, ran.err) == (1, "", f"the erasure log {home.log} cannot be used: Is a directory\n")


async def test_a_folder_that_cannot_keep_files_is_told(home: Home) -> None:
    (home.folder / "a-file").touch()
    files = home.folder / "a-file" / "files"
    ran = await home.run("serve", COMEBACK_FILES=str(files))
    why = f"files cannot be kept in {files}: Not a directory. COMEBACK_FILES may name another folder"
    assert (ran.code, ran.out, ran.err) == (1, "", f"cannot start: {why}\n")
