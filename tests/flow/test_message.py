"""Messages of several parts, as a flow makes them of what is known of a person."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.flow.facts import CartFacts, Facts, Line
from bot.flow.file import OwnFile
from bot.flow.library import Library, load, restore
from bot.flow.message import Writer
from bot.flow.model import AskStep, SendStep
from bot.flow.run import Button, Card, ContactCard, Content, Discount, Link, Media, MediaKind, Place, Run, TemplateMessage, Text
from tests.flow.known import ANA, DISCOUNT, NOBODY, NOW, euros
from tests.flow.owner import STORE, told

OWN = {"flows/pictures/new.jpg": OwnFile("ab" * 32, 1000), "flows/papers/price list.pdf": OwnFile("cd" * 32, 1000)}
WITH_CATALOG = f"{STORE}catalog: 194836987003835\n"
CATALOG = "194836987003835"
HEAD = "name: Show\npurpose: service\nstart:\n  when: {when}\n{length}steps:\n"
TEMPLATES = {
    "plain": "category: utility\nbody: Hi {name}, look.\n",
    "pictured": "category: utility\nheader:\n  image: https://a.example/own.jpg\nbody: Look.\n",
    "numbered": "category: utility\nheader: For {1}\nbody: Hi {1}, your order {2}.\n",
    "placed": "category: utility\nheader:\n  location:\n    latitude: 40.4\n    longitude: -3.7\n    name: Here\nbody: Come.\n",
    "goods": "category: utility\nbody: Look.\nbuttons:\n  - products: View what you liked best!\n",
    "all": "category: utility\nbody: Look.\nbuttons:\n  - catalog: View all\n",
    "offer": "category: marketing\nbody: Less. Reply STOP.\noffer: Ends soon\nbuttons:\n  - copy_code: A1\n  - link:\n      text: Go\n"
    "      url: https://a.example/{suffix}\n",
    "cards": "category: marketing\nbody: Hi {name}. Reply STOP.\ncards:\n"
    + "".join(
        f"  - image: https://a.example/{number}.jpg\n    body: Only {{price_{number}}}.\n    buttons:\n      - quick_reply: Show me\n"
        f"      - link:\n          text: Buy\n          url: https://a.example/{{suffix}}\n"
        for number in (1, 2)
    ),
}


def library(steps: str, *, when: str = "message_received", rules: str = WITH_CATALOG) -> Library:
    length = "  for: 1 hour\n" if when == "cart_abandoned" else ""
    lines = "".join(f"  {line}\n" for line in steps.splitlines())
    files = {"flows/store.yaml": rules, "flows/flow.yaml": HEAD.format(when=when, length=length) + lines}
    return load(files | {f"flows/templates/{name}.yaml": text for name, text in TEMPLATES.items()}, OWN)


def said(
    steps: str, *, facts: Facts = ANA, when: str = "message_received", discount: Discount | None = None, rules: str = WITH_CATALOG
) -> Content:
    """What the first step that says something says."""
    loaded = library(steps, when=when, rules=rules)
    assert told(loaded) == []
    revision = loaded.flows["flow"]
    step = next(one for one in revision.flow.steps if isinstance(one, SendStep | AskStep))
    store = replace(facts.store, catalog=loaded.rules.catalog)
    writer = Writer(revision, Run(7, "flow", revision.id, generation=1, discount=discount), replace(facts, store=store), NOW)
    return writer.content(step.ask, step) if isinstance(step, AskStep) else writer.content(step.send)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ('text: Hi {contact.first_name or "there"}', Text("Hi Ana")),
        (
            "image: https://a.example/x.jpg?size=2",
            Text("", media=Media(MediaKind.IMAGE, "https://a.example/x.jpg?size=2", filename="x.jpg")),
        ),
        ("text: Look\nimage: pictures/new.jpg", Text("Look", media=Media(MediaKind.IMAGE, file="ab" * 32, filename="new.jpg"))),
        ("document: papers/price list.pdf", Text("", media=Media(MediaKind.DOCUMENT, file="cd" * 32, filename="price list.pdf"))),
        ("audio: https://a.example/x.ogg", Text("", media=Media(MediaKind.AUDIO, "https://a.example/x.ogg", filename="x.ogg"))),
        (
            'text: Look\nlink:\n  text: Go\n  url: "{store.links.returns}"\nheader: For {contact.first_name or "you"}\nfooter: Bye',
            Text("Look", link=Link("Go", "https://casa.example/returns"), header="For Ana", footer="Bye"),
        ),
        ("location:\n  latitude: 40.4\n  longitude: -3.7\n  name: Here", Text("", place=Place(40.4, -3.7, "Here"))),
        ("contact:\n  name: Shop\n  phone: +34 600 000-001", Text("", card=ContactCard("Shop", "+34600000001"))),
        ("text: All\ncatalog: yes", Text("All", catalog=True, catalog_id=CATALOG)),
        ("text: All\ncatalog: yes\nproducts: mug", Text("All", catalog=True, products=("mug",), catalog_id=CATALOG)),
        ("products: mug", Text("", products=("mug",), catalog_id=CATALOG)),
        ("text: Two\nproducts: [mug, tea, mug]", Text("Two", products=("mug", "tea"), catalog_id=CATALOG, header="Casa Bonita")),
    ],
)
def test_each_part_becomes_what_is_sent(parts: str, expected: Text) -> None:
    lines = "".join(f"\n    {line}" for line in parts.splitlines())
    assert said(f"- send:{lines}") == expected


def test_the_products_of_a_cart_are_those_the_shop_has_an_id_of() -> None:
    lines = (Line("Huila", product="p-huila"), Line("Gift wrap"), Line("Mug", product="p-mug"), Line("Huila", product="p-huila"))
    facts = replace(ANA, cart=CartFacts(euros("80"), lines))
    step = "- send:\n    text: Still yours?\n    products: cart\n    template: plain\n    with:\n      name: store.name"
    content = said(step, facts=facts, when="cart_abandoned")
    assert isinstance(content, Text)
    assert content.products == ("p-huila", "p-mug")
    nothing = said(step, facts=replace(ANA, cart=CartFacts(euros("80"), (Line("Gift wrap"),))), when="cart_abandoned")
    assert isinstance(nothing, Text)
    assert (nothing.body, nothing.products, nothing.header) == ("Still yours?", (), None)


def test_a_link_that_is_not_known_is_left_out_and_the_rest_goes() -> None:
    step = (
        "- send:\n    text: Follow it\n    footer: Casa\n    link:\n      text: Go\n      url: \"{orders.last.tracking_link or 'nowhere'}\""
    )
    assert said(step, facts=NOBODY, rules=STORE) == Text("Follow it")


def test_only_a_link_is_left_with_something_to_read() -> None:
    step = "- send:\n    text: \"{contact.first_name or ' '}\"\n    link:\n      text: Go\n      url: https://a.example"
    content = said(step, facts=NOBODY, rules=STORE)
    assert content == Text("-", link=Link("Go", "https://a.example"))


LIST = """\
- ask:
    text: Which one?
    footer: Take your time
  menu: Sizes
  answers:
    - button: S
      description: small
      then: [end]
    - button: M
      then: [end]
    - button: L
      then: [end]
    - button: XL
      then: [end]
    - anything_else: [end]
  no_answer:
    after: 1 hour
    then: [end]"""


def test_a_list_has_a_title_and_words_under_its_rows() -> None:
    content = said(LIST, rules=STORE)
    assert isinstance(content, Text)
    assert (content.menu, content.footer) == ("Sizes", "Take your time")
    assert content.buttons[:2] == (Button("S", "run:7:1:0", "small"), Button("M", "run:7:1:1"))


def template(name: str, more: str = "", *, discount: Discount | None = None) -> TemplateMessage:
    lines = "".join(f"\n    {line}" for line in more.splitlines())
    made = "- discount: 5%\n  valid_for: 2 days\n" if discount else ""
    steps = f"{made}- send:\n    template: {name}{lines}"
    content = said(steps, discount=discount)
    assert isinstance(content, TemplateMessage)
    return content


def test_a_template_shows_its_own_picture_or_the_flows() -> None:
    assert template("pictured").header_media == Media(MediaKind.IMAGE, "https://a.example/own.jpg", filename="own.jpg")
    other = template("pictured", "image: pictures/new.jpg")
    assert other.header_media == Media(MediaKind.IMAGE, file="ab" * 32, filename="new.jpg")


def test_a_template_can_stand_under_a_place_and_over_products() -> None:
    assert template("placed").header_place == Place(40.4, -3.7, "Here")
    goods = template("goods", "products: [mug, tea]")
    assert (goods.products, goods.menu, goods.catalog) == (("mug", "tea"), "View what you liked…", False)
    assert (template("all").catalog, template("all", "products: mug").products) == (True, ("mug",))


def test_numbers_are_filled_by_numbers() -> None:
    content = template("numbered", 'with:\n  1: contact.first_name or "you"\n  2: orders.last.number')
    assert (content.positional, content.header_values, content.values) == (True, {"1": "Ana"}, {"1": "Ana", "2": "1001"})
    assert content.body == "Hi Ana, your order 1001."


def test_an_offer_ends_with_the_discount() -> None:
    content = template("offer", "with:\n  link: discount.code", discount=DISCOUNT)
    assert (content.offer_ends, content.code, content.link_suffix) == (NOW + timedelta(days=2), "SAVE-5", "SAVE-5")
    assert content.marketing


def test_cards_have_their_own_words_and_links() -> None:
    steps = """\
- ask:
    template: cards
    with:
      name: contact.first_name or "you"
      price_1: orders.total
      price_2: '"nothing"'
      link_1: store.links.returns
      link_2: '"p/2"'
  answers:
    - button: Show me
      then: [end]
    - anything_else: [end]
  no_answer:
    after: 1 hour
    then: [end]"""
    content = said(steps)
    assert isinstance(content, TemplateMessage)
    first, second = content.cards
    assert first == Card(
        Media(MediaKind.IMAGE, "https://a.example/1.jpg", filename="1.jpg"),
        {"price_1": "400,00\xa0€" if content.language == "es" else "€400.00"},
        (Button("Show me", "run:7:1:0"),),
        "returns",
        "Only €400.00.",
    )
    assert (second.values, second.link_suffix) == ({"price_2": "nothing"}, "p/2")


def test_what_stands_in_for_a_text_shows_the_same_picture() -> None:
    step = "- send:\n    text: Look\n    image: pictures/new.jpg\n    template: pictured"
    content = said(step)
    assert isinstance(content, Text)
    assert content.otherwise is not None
    assert content.media == content.otherwise.header_media == Media(MediaKind.IMAGE, file="ab" * 32, filename="new.jpg")


def test_a_restored_revision_knows_its_files() -> None:
    revision = library("- send:\n    image: pictures/new.jpg").flows["flow"]
    assert revision.files == {"flows/pictures/new.jpg": "ab" * 32}
    assert restore(revision.id, revision.source) == revision
    assert library("- send: Hi").flows["flow"].files == {}
