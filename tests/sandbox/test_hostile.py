"""Whatever a client sends, the sandbox answers it or refuses it as the API does; it never breaks."""

import copy
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.cloud.graph_error import GraphError
from bot.sandbox.cloud.limit import SendLimit
from bot.sandbox.cloud.template import new_template

from .house import ANA, CART_REMINDER, NOON, reminder
from .test_rules import CARD, OFFER, WORDS

LINK = {"link": "https://s.example/a.jpg"}
ITEMS = [{"product_retailer_id": "p"}]
HEAD = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": ANA, "context": {"message_id": "wamid.x"}}
SECTIONS = [{"title": "S", "rows": [{"id": "1", "title": "One", "description": "d"}]}]
INTERACTIVE: list[dict[str, Any]] = [
    {
        "type": "button",
        "action": {"buttons": [{"type": "reply", "reply": {"id": "a", "title": "A"}}]},
        "header": {"type": "image", "image": LINK},
    },
    {"type": "list", "action": {"button": "B", "sections": SECTIONS}, "header": {"type": "text", "text": "H"}, "footer": {"text": "F"}},
    {"type": "cta_url", "action": {"name": "cta_url", "parameters": {"display_text": "D", "url": "https://s.example"}}},
    {"type": "product_list", "action": {"catalog_id": "c", "sections": [{"title": "T", "product_items": ITEMS}]}},
    {"type": "catalog_message", "action": {"name": "catalog_message", "parameters": {"thumbnail_product_retailer_id": "p"}}},
    {"type": "flow", "action": {"name": "flow", "parameters": {"flow_cta": "Go", "flow_id": "1"}}},
    {
        "type": "carousel",
        "action": {
            "cards": [
                {
                    "card_index": index,
                    "type": "cta_url",
                    "header": {"type": "image", "image": LINK},
                    "body": {"text": "b"},
                    "action": {"buttons": [{"type": "quick_reply", "quick_reply": {"id": f"{index}", "title": "T"}}]},
                }
                for index in range(2)
            ]
        },
    },
]
MESSAGES: list[dict[str, Any]] = [
    {"type": "text", "text": {"body": "hi", "preview_url": True}},
    {"type": "image", "image": LINK | {"caption": "c"}},
    {"type": "location", "location": {"latitude": 1, "longitude": 2, "name": "n"}},
    {"type": "contacts", "contacts": [{"name": {"formatted_name": "R"}, "phones": [{"phone": "+34"}], "org": {"company": "c"}}]},
    {"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "x"}},
    {"type": "template", "template": reminder()},
    *({"type": "interactive", "interactive": one | {"body": {"text": "b"}}} for one in INTERACTIVE),
]
BUTTONS = {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "x", "url": "https://s.example/{{1}}", "example": ["https://s.example/1"]}]}
TEMPLATES: list[dict[str, Any]] = [
    CART_REMINDER,
    {"name": "n", "language": "es", "category": "MARKETING", "components": [WORDS, OFFER, BUTTONS], "message_send_ttl_seconds": 43_200},
    {"name": "n", "language": "es", "category": "MARKETING", "components": [WORDS, {"type": "carousel", "cards": [CARD, CARD]}]},
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8) | st.just("9" * 5000)
JSON = st.recursive(SCALARS, lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=8), some, max_size=3), max_leaves=6)


def paths(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything inside."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(one for key, part in inside for one in paths(part, (*way, key)))][0 if way else 1 :]


@st.composite
def spoiled(draw: st.DrawFn, good: list[dict[str, Any]]) -> dict[str, Any]:
    """One of the good ones, with up to three of its parts replaced by anything, or gone."""
    whole: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(1, 3))):
        ways = paths(whole)
        if not ways:
            break
        *before, last = draw(st.sampled_from(ways))
        holder: Any = whole
        for key in before:
            holder = holder[key]
        if draw(st.booleans()):
            holder[last] = draw(JSON)
        else:
            del holder[last]
    return whole


@pytest.fixture(scope="module")
def cloud() -> CloudApi:
    """An account where everything may be sent at any speed."""
    made = CloudApi(lambda: NOON, limit=SendLimit(per_second=None, pair_seconds=None))
    made.rules.window = False
    for one in TEMPLATES[:2]:
        made.book.create(one)
    return made


@given(spoiled(MESSAGES), spoiled([HEAD]) | st.just(HEAD))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_message_breaks_it(cloud: CloudApi, message: dict[str, Any], head: dict[str, Any]) -> None:
    with suppress(GraphError):
        assert cloud.accept(head | message, cloud.number)["messages"][0]["id"]


@given(spoiled(TEMPLATES))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_template_breaks_it(wish: dict[str, Any]) -> None:
    with suppress(GraphError):
        assert new_template(wish, "1", "PENDING").as_json()["id"] == "1"


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: str(one.get("interactive", one).get("type")))
def test_the_good_ones_are_accepted(cloud: CloudApi, message: dict[str, Any]) -> None:
    if message["type"] == "reaction":
        answered = cloud.accept(HEAD | MESSAGES[0], cloud.number)
        message = {"type": "reaction", "reaction": {"message_id": answered["messages"][0]["id"], "emoji": "x"}}
    assert cloud.accept(HEAD | message, cloud.number)["messages"]


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_good_templates_are_created(template: dict[str, Any]) -> None:
    assert new_template(template, "1", "PENDING")
