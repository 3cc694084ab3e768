"""From a flow's file to the wire: whatever passes the check is something the Cloud API takes, whoever it is for."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from bot.channel.whatsapp.payload import content_parts, stored_files
from bot.flow.facts import CartFacts, Facts, Line
from bot.flow.file import OwnFile
from bot.flow.library import load
from bot.flow.message import Writer
from bot.flow.model import AskStep, SendStep
from bot.flow.run import Run, TemplateMessage
from bot.sandbox.cloud.drawing import draw
from tests.flow.known import ANA, NOBODY, NOW, euros
from tests.flow.owner import STORE

OWN = {"flows/pictures/new.jpg": OwnFile("ab" * 32, 1000)}
HOSTILE = "\u202eAna\n\t{{1}}     👩🏽‍🚀" * 40
ODD = replace(
    ANA,
    contact=replace(ANA.contact, first_name=HOSTILE),
    cart=CartFacts(euros("80"), tuple(Line(HOSTILE, product=f"p-{number}") for number in range(40)), f"https://a.example/{'x' * 3000}"),
)
PEOPLE = [ANA, NOBODY, ODD]

texts = st.sampled_from(
    [
        "Hi",
        'Hi {contact.first_name or "there"}',
        "{store.name}",
        "{cart.summary}: {cart.link}",
        "x" * 5000,
        "",
        " ",
        "{cart.items thing/things}",
    ]
)
files = st.sampled_from(["pictures/new.jpg", "https://a.example/x.jpg", "pictures/gone.jpg", "{cart.link}", "x.gif"])
links = st.fixed_dictionaries(
    {"text": st.sampled_from(["Go", "x" * 20, "x" * 21]), "url": st.sampled_from(["https://a.example", "{cart.link}", "a b"])}
)
parts: dict[str, st.SearchStrategy[Any]] = {
    "text": texts,
    "header": texts,
    "footer": texts,
    "image": files,
    "video": st.just("https://a.example/x.mp4"),
    "document": st.just("https://a.example/x.pdf"),
    "audio": st.just("https://a.example/x.ogg"),
    "sticker": st.just("https://a.example/x.webp"),
    "link": links,
    "products": st.sampled_from(["cart", "mug", ["mug", "tea"], [str(number) for number in range(31)]]),
    "catalog": st.just("yes"),
    "location": st.fixed_dictionaries({"latitude": st.sampled_from(["1", "91"]), "longitude": st.just("2")}),
    "contact": st.fixed_dictionaries({"name": st.just("Shop"), "phone": st.sampled_from(["+34 600 000 001", "600"])}),
}
messages = st.dictionaries(st.sampled_from(sorted(parts)), st.none(), min_size=1, max_size=3).flatmap(
    lambda chosen: st.fixed_dictionaries({name: parts[name] for name in chosen})
)
buttons = st.lists(st.sampled_from(["Yes", "No", "x" * 20, "y" * 24, "Maybe", "Later"]), unique=True, max_size=6)


def _ask(message: dict[str, Any], titles: list[str], menu: str | None) -> dict[str, Any]:
    answers = [{"button": title, "then": ["end"]} for title in titles] or [{"words": ["yes"], "then": ["end"]}]
    no_answer = {"after": "1 hour", "then": ["end"]}
    listed = {"menu": menu} if menu else {}
    return {"ask": message, **listed, "answers": [*answers, {"anything_else": ["end"]}], "no_answer": no_answer}


steps = st.builds(lambda message: {"send": message}, messages) | st.builds(_ask, messages, buttons, st.none() | st.just("Choose"))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_what_passes_the_check_can_be_sent_to_anybody(step: dict[str, Any]) -> None:
    start = {"when": "cart_abandoned", "for": "1 hour"}
    asked = {"ask": "Hi?", "answers": [{"anything_else": ["continue"]}], "no_answer": {"after": "1 hour", "then": ["end"]}}
    # a question first, so that the reply window is open; by template, for nobody wrote before it
    asked["ask"] = {"template": "hello"}
    flow = {"name": "x", "purpose": "service", "start": start, "steps": [asked, step]}
    files = {"flows/store.yaml": f"{STORE}catalog: 194836987003835\n", "flows/templates/hello.yaml": "category: utility\nbody: Hi\n"}
    loaded = load(files | {"flows/flow.yaml": json.dumps(flow)}, OWN)
    event("passes" if loaded.flows else "is refused")
    if not loaded.flows:
        return
    revision = loaded.flows["flow"]
    said = revision.flow.steps[1]
    assert isinstance(said, SendStep | AskStep)
    for person in PEOPLE:
        _goes(Writer(revision, Run(7, "flow", revision.id, generation=1), _of(person), NOW), said)


def _of(person: Facts) -> Facts:
    return replace(person, store=replace(person.store, catalog="194836987003835"))


def _goes(writer: Writer, said: SendStep | AskStep) -> None:
    content = writer.content(said.ask, said) if isinstance(said, AskStep) else writer.content(said.send)
    assert not isinstance(content, TemplateMessage)
    made = content_parts(content, dict.fromkeys(stored_files(content), "1234"), "Menu")
    draw(json.loads(json.dumps(made)))
