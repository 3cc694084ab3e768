"""The JSON Schemas for editors are those of the models; what ships fits them, and what is misshapen does not."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bot.flow import model, rules, template
from bot.flow.document import DocumentError, read
from bot.flow.library import load
from bot.flow.problem import Mistake
from tests.flow.owner import ROOT, STORE, shipped_files
from tests.flow.test_any_flow import step as any_step
from tests.flow.test_broken import written

FOLDER = ROOT / "bot" / "flow"
SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {"flow": model.schema, "store": rules.schema, "template": template.schema}
VALIDATORS = {name: Draft202012Validator(schema()) for name, schema in SCHEMAS.items()}
SHIPPED = {path: text for path, text in shipped_files().items() if path.endswith(".yaml")}
CRASH_FLOWS = {f"flows/{path.name}": path.read_text("utf-8") for path in (ROOT / "tests" / "crash" / "flows").glob("*.yaml")}


def named_for(path: str) -> str:
    """The schema for a file."""
    return "store" if path == "flows/store.yaml" else "template" if path.startswith("flows/templates/") else "flow"


def misfits(path: str, text: str) -> list[str]:
    """What an editor would underline in a file."""
    return [error.message for error in VALIDATORS[named_for(path)].iter_errors(read(path, text).root)]


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_that_ships_is_that_of_the_models(name: str, request: pytest.FixtureRequest) -> None:
    """`--update` writes it."""
    file = FOLDER / f"{name}.schema.json"
    schema = SCHEMAS[name]()
    if request.config.getoption("--update"):
        file.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", "utf-8")
    assert json.loads(file.read_text("utf-8")) == schema
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", SHIPPED)
def test_what_ships_fits_its_schema_as_we_read_it_and_as_an_editor_does(path: str) -> None:
    assert misfits(path, SHIPPED[path]) == []
    as_an_editor = yaml.load(SHIPPED[path], _LikeAnEditor)
    assert list(VALIDATORS[named_for(path)].iter_errors(as_an_editor)) == []


class _LikeAnEditor(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors read: true and false, but not yes, no, on and 21:00."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - yaml's own way


_LikeAnEditor.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))
_LikeAnEditor.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?\d+$"), list("-+0123456789"))
_LikeAnEditor.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+\.\d*$"), list("-+0123456789"))
_LikeAnEditor.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^(null|~)$"), list("n~"))


@pytest.mark.parametrize("path", CRASH_FLOWS)
def test_the_flows_of_other_tests_fit_too(path: str) -> None:
    assert misfits(path, CRASH_FLOWS[path]) == []


@pytest.mark.parametrize("path", SHIPPED)
def test_a_shipped_file_tells_editors_its_schema(path: str) -> None:
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", SHIPPED[path])
    assert named
    assert (ROOT / Path(path).parent / named[1]).resolve() == FOLDER / f"{named_for(path)}.schema.json"


# ---- what is misshapen


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
    text = SHIPPED["flows/cart_reminder.yaml"]
    assert old in text
    assert misfits("flows/cart_reminder.yaml", text.replace(old, new))


def test_the_checks_own_example_of_mistakes_does_not_fit_either() -> None:
    assert misfits("flows/ten_mistakes.yaml", (ROOT / "tests" / "flow" / "broken" / "ten_mistakes.yaml").read_text("utf-8"))


MISSHAPEN = {
    Mistake.UNKNOWN_KEY,
    Mistake.UNKNOWN_STEP,
    Mistake.UNFINISHED_STEP,
    Mistake.TWO_STEPS_IN_ONE,
    Mistake.MISSING_KEY,
    Mistake.WRONG_KIND_OF_VALUE,
    Mistake.UNKNOWN_CHOICE,
    Mistake.EMPTY_LIST,
    Mistake.EMPTY_TEXT,
    Mistake.BAD_LENGTH_OF_TIME,
    Mistake.BAD_GAPS,
    Mistake.BAD_CLOCK_TIME,
    Mistake.BAD_LIMIT,
    Mistake.BAD_STAFF_HOURS,
    Mistake.BAD_CURRENCY,
    Mistake.BAD_PRICE,
    Mistake.BAD_LANGUAGE,
    Mistake.BAD_LINK,
    Mistake.BAD_DISCOUNT,
    Mistake.BAD_TAG,
    Mistake.NO_ANYTHING_ELSE,
    Mistake.TWO_ANYTHING_ELSE,
    Mistake.ANYTHING_ELSE_NOT_ALONE,
    Mistake.EMPTY_ANSWER,
    Mistake.BUTTON_TOO_LONG,
    Mistake.TEMPLATE_TEXT_TOO_LONG,
    Mistake.UNCLEAR_BUTTON,
    Mistake.UNCLEAR_HEADER,
    Mistake.BAD_PHONE,
    Mistake.BAD_EXAMPLE_CODE,
}
"""The mistakes a schema can know of; all others are of meaning, or make a file unreadable."""


@pytest.mark.parametrize("kind", sorted(MISSHAPEN))
def test_what_is_misshapen_does_not_fit(kind: Mistake) -> None:
    assert any(misfits(path, text) for path, text in written(kind).items())


EITHER = {Mistake.NEEDS_QUOTES}  # {store.name} without quotes is a mapping, of the wrong shape; with words behind it, no YAML


@pytest.mark.parametrize("kind", sorted(set(Mistake) - MISSHAPEN - EITHER))
def test_what_is_wrong_only_in_its_meaning_fits(kind: Mistake) -> None:
    for path, text in written(kind).items():
        with suppress(DocumentError):  # what cannot be read at all is not a schema's to judge
            assert path.endswith(".po") or misfits(path, text) == []


HEAD = {"name": "x", "purpose": "service", "start": {"when": "message_received"}}


@settings(deadline=None, max_examples=100)  # the machine may be busy with others
@given(st.lists(any_step, min_size=1, max_size=3))
def test_what_the_check_takes_an_editor_takes_too(steps: list[Any]) -> None:
    text = json.dumps({**HEAD, "steps": steps})
    if load({"flows/store.yaml": STORE, "flows/flow.yaml": text}).flows:
        assert misfits("flows/flow.yaml", text) == []
