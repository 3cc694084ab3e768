"""`comeback translate`, and a sentence that changed on its way from the flow to the customer."""

import json
import shutil
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.flow.library import load
from bot.flow.problem import Mistake
from bot.owner_files import read_files, read_playbook
from bot.rehearsal.story_play import watched
from tests.story.playing import came_of_text

ROOT = Path(__file__).parents[2]
OLD = "Of course! A colleague will answer you here."
NEW = "Of course! A colleague will answer you right here."
SPANISH = "¡Claro! Alguien del equipo te responderá por aquí."
STORY = """\
story: a question
given:
  contact: {language: es}
---
Mon 10:00  store: cart_abandoned
Mon 11:10  customer: [Tengo una pregunta]
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the shipped flows and translations, but for one flow that says the same as the cart reminder."""
    shutil.copytree(ROOT / "flows", tmp_path / "flows")
    (tmp_path / "flows" / "browse_reminder.yaml").unlink()
    shutil.copytree(ROOT / "locales", tmp_path / "locales")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_shipped_translations_are_in_step_with_the_flows(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["translate", "--check"]) == 0
    assert capsys.readouterr().out.count("all translated") == 4


def change(shop: Path, old: str, new: str) -> None:
    flow = shop / "flows" / "cart_reminder.yaml"
    text = flow.read_text("utf-8")
    assert old in text
    flow.write_text(text.replace(old, new), "utf-8")


def answer(shop: Path) -> str:
    """What a Spanish customer reads after they pressed that they have a question."""
    told = came_of_text(STORY, watched(read_playbook(shop / "flows", shop / "locales")))
    return next(line for line in told.text.splitlines() if line.startswith("Mon 11:10  bot: "))


def test_a_changed_sentence_is_fuzzy_the_check_says_so_and_the_customer_reads_the_source(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(shop) == f"Mon 11:10  bot: {SPANISH}"
    change(shop, OLD, NEW)
    assert answer(shop) == f"Mon 11:10  bot: {NEW}"
    assert main(["translate", "es", "--check"]) == 1
    assert "the file is behind the flows: comeback translate es" in capsys.readouterr().out
    assert main(["translate", "es"]) == 0
    out = capsys.readouterr().out
    assert "es: 96 of 97 translated" in out
    assert f"flows/cart_reminder.yaml:33  {NEW}" in out
    catalog = shop / "locales" / "es" / "LC_MESSAGES" / "flows.po"
    assert f'#, fuzzy\n#| msgid "{OLD}"\nmsgctxt "message"\nmsgid "{NEW}"\nmsgstr "{SPANISH}"' in catalog.read_text("utf-8")
    [warning] = [one for one in load(read_files(shop / "flows", shop / "locales")).warnings if one.kind is Mistake.TRANSLATION_OUT_OF_DATE]
    assert str(warning).startswith("flows/cart_reminder.yaml:33:")
    assert f"changed since it was translated into es, so customers read it untranslated: '{NEW}'" in warning.message
    assert main(["check"]) == 0
    assert "(warning)" in capsys.readouterr().out
    assert answer(shop) == f"Mon 11:10  bot: {NEW}"
    mended = catalog.read_text("utf-8").replace(f'#, fuzzy\n#| msgid "{OLD}"\n', "").replace(SPANISH, "¡Claro! Te responden aquí mismo.")
    catalog.write_text(mended, "utf-8")
    assert answer(shop) == "Mon 11:10  bot: ¡Claro! Te responden aquí mismo."


def test_a_new_language_begins_with_every_text(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", "fr", "--json"]) == 0
    told, house = json.loads(capsys.readouterr().out)
    assert (house["file"], house["texts"]) == ("locales/fr/LC_MESSAGES/bot.po", 2)
    assert (told["language"], told["texts"], len(told["missing"]), told["fuzzy"], told["up_to_date"]) == ("fr", 97, 97, [], True)
    assert main(["translate", "fr"]) == 0
    out = capsys.readouterr().out
    assert "fr: 0 of 97 translated" in out
    assert "and 85 more" in out
    assert "the store does not speak fr yet: add it to 'languages' in flows/store.yaml" in out
    assert "Done: we will not send you offers any more." in out


def test_a_check_writes_nothing(shop: Path) -> None:
    change(shop, OLD, NEW)
    before = {path: path.read_bytes() for path in (shop / "locales").rglob("*.po")}
    assert main(["translate", "--check"]) == 1
    assert {path: path.read_bytes() for path in (shop / "locales").rglob("*.po")} == before


def test_a_language_or_a_file_that_cannot_be_read_is_told(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", "klingonish"]) == 2
    assert "I do not know the language 'klingonish'" in capsys.readouterr().err
    (shop / "locales/es/LC_MESSAGES/flows.po").write_text("hello\n", "utf-8")
    assert main(["translate", "es"]) == 2
    assert "locales/es/LC_MESSAGES/flows.po: this is not a translation file (line 1)" in capsys.readouterr().err
