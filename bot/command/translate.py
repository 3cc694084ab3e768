"""`comeback translate`: the texts of the flows for translators, and what is left to do in each language."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from babel import Locale, UnknownLocaleError

from bot.command.terminal import as_json, complain, paint
from bot.flow import library, po
from bot.flow.po import Update
from bot.flow.source import Source
from bot.owner_files import read_files
from bot.worker import consent

NAME = "translate"
HELP = "bring the translations in step with the flows, and say what is missing"
ABOUT = """\
  comeback translate es          every text of the flows into locales/es/LC_MESSAGES/flows.po, the bot's own into bot.po
  comeback translate             the same for all languages of flows/store.yaml
  comeback translate --check     write nothing; only say what is left to do

Then open the file in any editor (or in Poedit) and write each translation behind its msgstr. Translations are kept. A sentence
that changed keeps its old translation, marked fuzzy with the old sentence beside it: mend it, take the word fuzzy out, done. Until
then customers read that sentence as the flow says it. Nothing has to be compiled.
Exit codes: 0 done; 1 --check found something to do; 2 a file or a language cannot be read."""

HOUSE = (
    Source((None, (consent.STOPPED,)), comments=["sent once, when a customer stopped the offers; START is understood in each language"]),
    Source((None, (consent.STARTED,)), comments=["sent once, when a customer who had stopped the offers wrote START"]),
)
HOUSE_CATALOG = "LC_MESSAGES/bot.po"  # what the bot itself says
SHOWN = 12  # texts a list on the terminal names; --json names all


@dataclass(frozen=True, slots=True)
class _Done:
    """One language after its update."""

    language: str
    path: Path
    update: Update
    is_written: bool


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("languages", nargs="*", metavar="LANGUAGE", help="codes such as es, pt_BR or ar (those of store.yaml)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when something is left to do")
    parser.add_argument("--flows", type=Path, default=Path("flows"), help="the folder of flows (flows)")
    parser.add_argument("--locales", type=Path, default=Path("locales"), help="the folder of translations (locales)")
    parser.add_argument("--json", action="store_true", help="for machines: one entry a language, with every text to do")


def run(args: argparse.Namespace) -> int:
    """Update; returns the exit code."""
    files = read_files(args.flows, args.locales)
    rules = library.load(files).rules
    languages = [language.replace("-", "_") for language in args.languages] or list(rules.languages[1:])
    if unknown := [language for language in languages if not _is_language(language)]:
        complain(f"I do not know the language '{unknown[0]}': write a code like es, pt_BR or ar")
        return 2
    sources = library.extract(files)
    done: list[_Done] = []
    try:
        for language in languages:
            folder = args.locales / language
            done.append(_update(folder / library.CATALOG, language, sources, "What customers read and write", write=not args.check))
            done.append(_update(folder / HOUSE_CATALOG, language, HOUSE, "What the bot itself says", write=not args.check))
    except ValueError as error:
        complain(str(error))
        return 2
    if args.json:
        print(as_json([_told(one) for one in done]))
    else:
        for one in done:
            _print(one, sources, is_check=args.check)
        for language in languages:
            if language not in rules.languages:
                print(f"the store does not speak {language} yet: add it to 'languages' in {args.flows / 'store.yaml'}")
        if not done:
            print(f"this store speaks {rules.source_language} alone: add languages to {args.flows / 'store.yaml'}, or name one here")
    left = any(one.update.missing or one.update.fuzzy or not one.is_written for one in done)
    return 1 if args.check and left else 0


def _is_language(code: str) -> bool:
    try:
        Locale.parse(code)
    except (UnknownLocaleError, ValueError):
        return False
    return True


def _update(path: Path, language: str, sources: tuple[Source, ...], holds: str, *, write: bool) -> _Done:
    """The update of one file. `is_written` of the result: the file is now what it should be. Raises ValueError when it cannot be read."""
    old = path.read_text("utf-8") if path.exists() else None
    try:
        updated = po.update(old, sources, language, holds)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if write and updated.text != old:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(updated.text, "utf-8")
    return _Done(language, path, updated, write or updated.text == old)


def _told(one: _Done) -> dict[str, object]:
    update = one.update
    parts = ("missing", "fuzzy", "changed", "added", "gone")
    return {
        "language": one.language,
        "file": str(one.path),
        "up_to_date": one.is_written,
        "texts": update.total,
        **{part: list(getattr(update, part)) for part in parts},
    }


def _print(one: _Done, sources: tuple[Source, ...], *, is_check: bool) -> None:
    update = one.update
    if one.path.name == "bot.po" and one.is_written and not update.missing and not update.fuzzy:
        return
    places = {source.id[1][0]: "{}:{}".format(*source.places[0]) for source in reversed(sources) if source.places}
    todo = len(update.missing) + len(update.fuzzy)
    state = paint("all translated", "green") if not todo else paint(f"{update.total - todo} of {update.total} translated", "yellow")
    print(f"{paint(one.language, 'bold')}: {state} in {one.path}")
    _list("not translated yet", update.missing, places)
    _list("changed since they were translated (fuzzy: mend them, then take the word fuzzy out)", update.fuzzy, places)
    if update.gone:
        print(f"  {len(update.gone)} no longer in the flows: set aside at the end of the file")
    if is_check and not one.is_written:
        print(f"  the file is behind the flows: comeback translate {one.language}")


def _list(what: str, texts: tuple[str, ...], places: dict[str, str]) -> None:
    if not texts:
        return
    print(f"  {len(texts)} {what}:")
    for text in texts[:SHOWN]:
        line = " ".join(text.split())
        print(f"    {paint(places.get(text, ''), 'dim')}  {line if len(line) <= 80 else line[:79] + '…'}")
    if len(texts) > SHOWN:
        print(f"    and {len(texts) - SHOWN} more")
