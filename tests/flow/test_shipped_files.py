"""The example shop that ships: nothing is wrong with it, in any of its languages, and editors understand it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bot.flow.document import Value, read
from bot.flow.library import extract, load
from bot.flow.model import OptOutStep, schema, walk
from bot.flow.reply import meant
from bot.flow.revision import Category, Revision
from bot.flow.template import quick_replies

from .owner import ROOT, shipped_files

FILES = shipped_files()
SHIPPED = load(FILES)
FLOWS = sorted(path for path in FILES if re.fullmatch(r"flows/[a-z_]+\.yaml", path) and path != "flows/store.yaml")
SCHEMA_FILE = ROOT / "bot" / "flow" / "flow.schema.json"


def test_nothing_is_wrong_and_nothing_is_left_to_translate() -> None:
    assert SHIPPED.problems == ()
    assert SHIPPED.warnings == ()
    assert set(SHIPPED.flows) == {"cart_reminder", "reorder_nudge", "welcome"}
    assert SHIPPED.rules.languages == ("en", "es", "pt_BR", "ar", "hi")


@pytest.mark.parametrize("language", ["es", "pt_BR", "ar", "hi"])
def test_every_text_and_template_exists_in_every_language(language: str) -> None:
    for revision in SHIPPED.flows.values():
        for template in revision.templates.values():
            assert revision.template_language(template, language) == language
    revisions = SHIPPED.flows.values()
    spoken = {text for revision in revisions for text in revision.translations[language]}
    spoken |= {text for revision in revisions if language in revision.counted for text in revision.counted[language].forms}
    assert len(spoken) == len(extract(FILES))


@pytest.mark.parametrize(
    ("text", "language"),
    [("too expensive", "en"), ("es muy caro", "es"), ("É muito CARO!", "pt_BR"), ("any discount?", "es"), ("¿hay descuento?", "es")],
)
def test_who_finds_it_too_expensive_is_understood(text: str, language: str) -> None:
    revision = SHIPPED.flows["cart_reminder"]
    number = meant(revision, first_answers(revision), text, language)
    assert number is not None
    assert first_answers(revision)[number].words == ("discount", "cheaper", "expensive")


def test_every_marketing_question_offers_to_stop_in_the_words_of_its_template() -> None:
    for revision in (SHIPPED.flows["cart_reminder"], SHIPPED.flows["reorder_nudge"]):
        stops = [path for path, step in walk(revision.flow.steps) if isinstance(step, OptOutStep)]
        asking = [template for template in revision.templates.values() if quick_replies(template)]
        assert len(stops) == len(asking)
        assert {quick_replies(template)[-1] for template in asking} == {"Stop these messages"}


def test_every_marketing_footer_names_a_stop_word_in_every_language() -> None:
    words = [word.upper() for word in SHIPPED.rules.opt_out_words]
    for revision in SHIPPED.flows.values():
        for template in revision.templates.values():
            assert template.category is Category.MARKETING
            for language in SHIPPED.rules.languages:
                footer = revision.translate(template.footer or "", language)
                assert any(word in footer for word in words), (template.name, language)


def first_answers(revision: Revision) -> Any:
    return getattr(revision.flow.steps[0], "answers")  # noqa: B009 - whatever kind of step it is


# ---- editors


def test_the_schema_that_ships_is_the_one_of_the_models() -> None:
    assert json.loads(SCHEMA_FILE.read_text("utf-8")) == schema()


@pytest.mark.parametrize("path", FLOWS)
def test_a_shipped_flow_tells_editors_its_schema_and_fits_it(path: str) -> None:
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", FILES[path])
    assert named
    assert (ROOT / "flows" / named[1]).resolve() == SCHEMA_FILE
    assert misfit(read(path, FILES[path]).root, schema()) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("purpose: marketing", "purpose: fun"),
        ("for: 1 hour", "for: 1 huor"),
        ("- opt_out", "- opt_ut"),
        ("- ask:", "- aks:"),
        ("goal: order_placed", "goals: order_placed"),
        ("      template: cart_waiting\n", ""),
    ],
)
def test_the_schema_finds_what_an_editor_should_underline(old: str, new: str) -> None:
    text = FILES["flows/cart_reminder.yaml"]
    assert old in text
    assert misfit(read("flow.yaml", text.replace(old, new)).root, schema()) is not None


def misfit(value: Value, wanted: dict[str, Any], where: str = "") -> str | None:
    """Where a value does not fit a JSON Schema, by the few words of it that ours uses; None when it fits."""
    if "$ref" in wanted:
        return misfit(value, schema()["$defs"][wanted["$ref"].rpartition("/")[2]], where)
    for choice in ("anyOf", "oneOf"):
        if choice in wanted and all(misfit(value, one, where) for one in wanted[choice]):
            return where or "the whole"
    kinds = {str: "string", list: "array", dict: "object"}
    if "type" in wanted and kinds[type(value)] not in wanted["type"]:
        return where or "the whole"
    if isinstance(value, str):
        fits = value in wanted.get("enum", [value]) and re.search(wanted.get("pattern", ""), value)
        return None if fits else where
    if isinstance(value, list):
        found = (misfit(entry, wanted.get("items", {}), f"{where}.{number}") for number, entry in enumerate(value))
        return next((one for one in found if one), None)
    return misfit_of_keys(value, wanted, where)


def misfit_of_keys(value: dict[str, Value], wanted: dict[str, Any], where: str) -> str | None:
    properties, others = wanted.get("properties", {}), wanted.get("additionalProperties", True)
    missing = [key for key in wanted.get("required", ()) if key not in value]
    unknown = [key for key in value if key not in properties and others is False]
    if missing or unknown:
        return f"{where}.{(missing + unknown)[0]}"
    schemas = {key: properties.get(key, others if isinstance(others, dict) else {}) for key in value}
    return next((one for key in value if (one := misfit(value[key], schemas[key], f"{where}.{key}"))), None)


def test_the_checks_own_example_of_mistakes_does_not_fit_either() -> None:
    text = (Path(__file__).parent / "broken" / "ten_mistakes.yaml").read_text("utf-8")
    assert misfit(read("flow.yaml", text).root, schema()) is not None
