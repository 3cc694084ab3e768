"""The reference in `flows/README.md`, written from the models: every key there is, or this fails."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, TypeAdapter

from bot.flow import condition, document, limit, model, names, rules, spoken, template
from bot.flow.check import words as check_words
from bot.flow.interpreter import MAX_STEPS
from bot.flow.model import VERBS, Trigger
from bot.flow.names import Kind
from bot.rehearsal import story
from bot.rehearsal.story_play import MEDIA, STORE_WORDS

BEGIN, END = "<!-- reference: written by the tests, do not edit by hand -->", "<!-- end of reference -->"


def reference() -> str:
    """All of it, as Markdown."""
    parts = (_head(), _steps(), _events(), _names(), _conditions(), _writing(), _store(), _template(), _limits(), _story())
    return f"{BEGIN}\n\n" + "\n\n".join("\n".join(part) for part in parts) + f"\n\n{END}"


# ---- what each key is for; a key of a model that is not here is a KeyError

_ABOUT: Mapping[str, Mapping[str, str]] = {
    "Flow": {
        "name": "what people call it",
        "about": "what it does, for whoever reads it next",
        "purpose": "`marketing` needs consent and keeps quiet hours and limits; `service` answers somebody who wrote",
        "start": "what it starts on",
        "again_after": "how long it leaves the same person alone before it starts again",
        "goal": "events after which it has done its work: it ends, and what it has queued is not sent",
        "stop_when": "events that make it pointless: it ends the same way",
        "steps": "what it does, read downwards",
    },
    "Start": {
        "when": "an event",
        "for": "how long after the event; of a cart: how long nobody has touched it (a cart needs it)",
        "after": "of `customer_lapsed`: how many of the gaps that usually lie between their orders (3 gaps)",
        "if": "a condition, asked at the moment it would start",
    },
    "SendStep": {"send": "what is sent"},
    "AskStep": {
        "ask": "the question",
        "menu": "what stands on the button that opens the answers, where more than three buttons make a list",
        "answers": "what the customer can answer",
        "no_answer": "what happens when no answer comes",
    },
    "Answer": {
        "button": "a button under the question, and its words",
        "description": "small words under the button, in a list (of more than three buttons)",
        "words": "other words that mean the same; whole words, accents and capitals aside",
        "then": "steps; the last one says what comes next",
        "anything_else": "stands alone: steps for every other answer, and for photos and voice notes",
    },
    "NoAnswer": {"after": "how long to wait", "then": "steps"},
    "WaitStep": {"wait": "how long"},
    "IfStep": {"if": "a condition", "then": "steps, when it is so", "else": "steps, when it is not so"},
    "DiscountStep": {
        "discount": "a share, or a sum off",
        "valid_for": "how long the code can be used",
        "from": "`pool`: one of those made in the shop ahead of time; another word: from the file `flows/codes/<word>.csv`",
        "code": "a code that the shop has, the same for everybody",
        "budget": "for a calendar month: `500 EUR`, or `200 codes`",
        "cap": "how many codes one person gets within 90 days, from any flow",
        "if_none": "steps, when there is no code: none left, the budget spent, the shop down; without it the flow ends there",
    },
    "TagStep": {"tag": "a word to find the person by, in conditions and audiences"},
    "UntagStep": {"untag": "the word to take off"},
    "TellWhenBackStep": {"tell_when_back": "a product's key or SKU in the shop; may be left out where the flow is about one"},
    "HandOverStep": {"hand_over": "what staff read: why the conversation is theirs now"},
    "GoToStep": {"go_to": "the label of the step to go on with"},
    "EndStep": {"end": "what came of it, for reports; may be left out"},
    "ContinueStep": {"continue": "nothing stands behind it"},
    "OptInStep": {"opt_in": "nothing stands behind it"},
    "OptOutStep": {"opt_out": "nothing stands behind it"},
    "TemplateUse": {
        "template": "the name of a file in `templates/`, without `.yaml`",
        "with": "what its placeholders stand for, without braces",
        "image": "another image than the one in the template's own header",
        "video": "another video than the one in its header",
        "document": "another document than the one in its header",
        "products": "what its products button shows: the shop's own ids, or `cart`, or `order`",
    },
    "Message": {
        "text": "what it says",
        "header": "a line above; only with buttons, a link or products",
        "footer": "a line below; only with buttons, a link or products",
        "image": "a link, or a file in this folder: `pictures/sale.jpg` (.jpg, .png; at most 5 MB)",
        "video": "the same (.mp4, .3gp; at most 16 MB)",
        "document": "the same (.pdf, .docx, .xlsx and the like; at most 100 MB)",
        "audio": "the same, alone (.mp3, .m4a, .ogg and the like; at most 16 MB)",
        "sticker": "the same, alone (.webp; at most 500 KB)",
        "link": "a button that opens a page",
        "products": "products of the store's catalog: the shop's own ids, or `cart`, or `order` for what is in it",
        "catalog": "`yes`: a button that opens the whole catalog",
        "location": "a spot on the map, alone",
        "contact": "somebody to write to or to call, alone",
        "template": "what is sent instead when the customer has not written for 24 hours",
        "with": "what its placeholders stand for, without braces",
    },
    "LinkPart": {"text": "what stands on the button", "url": "the page, or a name that knows it: `{cart.link}`"},
    "LocationPart": {
        "latitude": "degrees, from a map",
        "longitude": "degrees, from a map",
        "name": "what is there",
        "address": "where that is",
    },
    "ContactPart": {"name": "who it is", "phone": "their number, with its country: `+34600000001`"},
    "StoreFile": {
        "name": "the store's name",
        "currency": "three letters (ISO 4217)",
        "timezone": "the store's clock",
        "languages": "what it speaks; the first one is that of the flows",
        "quiet_hours": "when no marketing message is sent, by the customer's own clock; they wait for the morning",
        "marketing_limit": "how many marketing messages one person gets; answers to the customer are exempt, but counted",
        "opt_out_words": "words that stop everything at once, in any language",
        "links": "links that texts use as `{store.links.returns}`; `{product}` in one stands for the shop's key of the product",
        "staff_hours": "when somebody is at the desk",
        "reorder": "when a purchase is used up, by product id, SKU or category: `25 days`, `{days: 25, per_unit: yes}` for so many days a "
        "piece, or `never`; of what is not named it is learnt from what people buy again",
        "credit_for": "how long after a message that arrived an order counts as brought about by it, in `comeback results`",
        "segments": "conditions with a name, for `in big_spenders`",
        "audiences": "lists of people for paid ads",
        "prices": "what Meta charges for a message, for `comeback costs` and for rehearsals",
        "catalog": "the id of the store's catalog at Meta, for messages with products",
        "payment_left": "how long an order may stand at the payment page (WooCommerce: `pending`) before its payment counts as failed; "
        "30 minutes where nothing is said",
        "back_in_stock": "how those are told who wait for a product that is back",
        "price_dropped": "which lower prices are told",
    },
    "BackInStockFile": {
        "people_per_piece": "how many people are told at a time for each piece in stock",
        "pause": "when the next are told, if pieces are left by then",
        "waits_for": "how long somebody stays on the list",
    },
    "PriceDroppedFile": {
        "by": "how much lower a price must be than the lowest of the last thirty days",
        "again_after": "how long one person hears of no other drop of the same product",
    },
    "PricesFile": {
        "currency": "Meta's bill's; the store's where nothing is said",
        "marketing": "one price (`0.0509`), or one for each country (`ES: 0.0509`) and a `default`",
        "marketing_lite": "the same, for what goes through the Marketing Messages API; as marketing where nothing is said",
        "utility": "the same",
        "authentication": "the same",
        "authentication_international": "the same",
        "service": "the same; since October 2026 free texts cost, too",
    },
    "AudienceFile": {"if": "who is on it", "keep_for": "how long after they last were"},
    "TemplateFile": {
        "category": "Meta's word for it; offers, reminders and discounts are `marketing`, whatever a file says",
        "header": "a line above; or an image, a video, a document or a location",
        "body": "the text, with placeholders like `{name}` (or `{1}`, `{2}`, where Meta already has them so)",
        "footer": "a line below; name a stop word here",
        "offer": "words over a limited-time offer, which ends with the flow's discount",
        "buttons": "what can be pressed",
        "cards": "a carousel: two to ten cards, all built alike",
    },
    "HeaderFile": {
        "image": "a link, or a file in the flows' folder; Meta's reviewers see it, too",
        "video": "the same",
        "document": "the same",
        "location": "a spot on the map",
    },
    "CardFile": {
        "image": "a link, or a file in the flows' folder",
        "video": "the same",
        "body": "the words on the card, with placeholders",
        "buttons": "one or two; `{suffix}` at the end of a link is filled by `link_1:` (of the second card `link_2:`) under `with:`",
    },
    "CallFile": {"text": "what stands on the button", "phone": "whom it calls"},
    "ButtonFile": {
        "quick_reply": "an answer; an `ask` has the same buttons in the same order",
        "link": "opens a page: `text` and `url`, whose end may be `{suffix}`",
        "copy_code": "copies the discount code; here stands an example",
        "products": "opens a list of products, which the flow names; here stand its words",
        "catalog": "opens the whole catalog; here stand its words",
        "call": "calls somebody: `text` and `phone`",
    },
    "LinkFile": {"text": "what stands on the button", "url": "the page; `{suffix}` at its end is filled by `link:` under `with:`"},
    "StoryHead": {
        "story": "what it is called",
        "flow": "the flow it is about",
        "about": "more words on it",
        "starts": "the Monday, or other day, of its first line",
        "given": "how things are before it begins",
    },
    "Given": {"contact": "who the customer is", "cart": "what they buy", "codes": "whether the shop can make discount codes"},
    "ContactGiven": {
        "first_name": "their name",
        "language": "their language (the store's first)",
        "phone": "their number",
        "country": "where they live, such as ES: quiet hours go by their clock",
        "consent": "whether they agreed to marketing messages",
        "tags": "their tags",
        "orders": "how many orders they placed before",
        "every": "how far apart those were; the last one as long before the story begins (else all of them long ago)",
        "wrote": "how long ago they last wrote to us",
    },
    "BoughtGiven": {
        "total": "what it costs",
        "items": "how many pieces, or a list like `[2 x House blend, 1 x Mug]`",
        "category": "the shop's word for what it is (the first of `reorder` in store.yaml)",
    },
}

_STEPS: Mapping[str, tuple[str, str]] = {
    "send": (
        "Sends a text, a template, or a message that shows more.",
        """\
- send: Thank you, {contact.first_name or "friend"}!
- send:
    text: Everything we have, in one place.
    image: https://casa-bonita.example/pictures/autumn.jpg
    link:
      text: Look around
      url: https://casa-bonita.example
- end""",
    ),
    "ask": (
        "Sends a question and waits. Each branch ends by saying what comes next: `continue`, `end`, `go_to`, `hand_over` or `opt_out`.",
        """\
- ask: Shall we keep your size in stock?
  answers:
    - button: Yes, please
      words: [yes, sure]
      then:
        - tag: wants_size
        - continue
    - button: No
      then:
        - end: not interested
    - anything_else:
        - hand_over: Answered about their size
  no_answer:
    after: 2 hours
    then:
      - end: no answer
- send: Noted!""",
    ),
    "wait": ("Waits, then goes on below.", "- send: We will get back to you in a minute.\n- wait: 1 minute\n- send: Here we are."),
    "if": (
        "Asks a condition. Both branches go on below, unless their last step says otherwise.",
        """\
- if: orders.count is at least 3 or tags has vip
  then:
    - send: Nice to see you again!
  else:
    - send: Welcome!
- end""",
    ),
    "discount": (
        "Has a code made in the shop and waits for it. From here on `{discount.code}`, `{discount.percent}` (or `{discount.amount}`) and "
        "`{discount.ends}` can be written, and `{cart.link}` carries the code.",
        "- discount: 10%\n  valid_for: 3 days\n  if_none:\n    - hand_over: Wants a discount, and there is no code\n"
        '- send: "{discount.percent} less with the code {discount.code}, until {discount.ends}."',
    ),
    "tag": ("Puts a tag on the person.", "- tag: likes_coffee\n- end"),
    "untag": ("Takes a tag off.", "- untag: likes_coffee\n- end"),
    "tell_when_back": (
        "Puts the person on the list of those who hear when a product is back in stock: the one that is named, else what the flow is "
        "about; of a cart or an order, what is sold out in it. They leave the list by ordering it, by a stop, and after `waits_for` of "
        "store.yaml.",
        "- tell_when_back: CB-ESP-1000\n- send: We tell you as soon as it is back.\n- end: waits",
    ),
    "hand_over": (
        "Gives the conversation to staff and ends the flow. The bot is silent until they hand it back.",
        "- hand_over: Asks about a gift",
    ),
    "go_to": ("Goes on with the step of that label, further up or down.", "- go_to: thanks\n- label: thanks\n  send: Thank you!"),
    "end": ("Ends the flow.", "- end: helped"),
    "continue": (
        "Inside a branch: go on below the question or condition it belongs to.",
        "- if: orders.count is 0\n  then:\n    - continue\n- end",
    ),
    "opt_in": (
        "The customer agrees to marketing messages. Their question and answer are kept as the proof.",
        """\
- ask: May we write to you about offers now and then?
  answers:
    - button: Yes, please
      then:
        - opt_in
        - end: wants offers
    - anything_else:
        - end: no offers
  no_answer:
    after: 1 hour
    then:
      - end: no answer""",
    ),
    "opt_out": ("The customer wants no more marketing messages: at once and for good. Ends the flow.", "- opt_out"),
}

_EVENTS: Mapping[Trigger, str] = {
    Trigger.MESSAGE_RECEIVED: "the customer writes, and no question of a flow is open",
    Trigger.CART_ABANDONED: "a cart or checkout was left alone for the length under `for`, and not ordered",
    Trigger.CART_EMPTIED: "the customer took everything out of the cart",
    Trigger.ORDER_PLACED: "an order was placed",
    Trigger.ORDER_PAID: "an order was paid",
    Trigger.ORDER_DELIVERED: "the parcel arrived",
    Trigger.ORDER_CANCELLED: "an order was cancelled",
    Trigger.ORDER_REFUNDED: "something of an order was given or paid back",
    Trigger.PAYMENT_FAILED: "the payment of an order failed or expired, and it was not paid since",
    Trigger.REORDER_DUE: "what was bought should be used up (`reorder` in store.yaml), and was not bought again",
    Trigger.CUSTOMER_LAPSED: "no order for three of the gaps that usually lie between the person's orders, another number of them "
    "(`after`), or a length of time (`for`); once, until they order again",
    Trigger.TAG_ADDED: "a flow put a tag on the person",
    Trigger.OPTED_IN: "the person agreed to marketing messages",
    Trigger.HANDED_BACK: "staff handed the conversation back",
    Trigger.PRODUCT_VIEWED: "somebody looked at a product and left, for the length under `for`, with no cart and no order of it",
    Trigger.BACK_IN_STOCK: "a product can be bought again that the person waits for, or left in a cart, and it is their turn",
    Trigger.PRICE_DROPPED: "a product that the person left in a cart, or waits for, costs less than at any time of the last thirty days",
    Trigger.ENTERED_SEGMENT: "not told yet: use an event and `if: in the_segment`",
}

_COMPARISONS: Mapping[Kind, tuple[str, str]] = {
    Kind.NUMBER: ("is, is not, is at least, is at most, is more than, is less than", "orders.count is at least 3"),
    Kind.MONEY: ("the same, with `20`, `20 EUR` or another sum", "cart.total is more than 49.90"),
    Kind.TEXT: ("is, is not, is in [...], is not in [...]; capitals do not matter", "contact.country is in [ES, PT]"),
    Kind.WORDS: ("has, has no", "tags has vip and order.categories has no gift"),
    Kind.MOMENT: ("is before, is after, with a length of time `ago`", "contact.last_order is before 60 days ago"),
    Kind.YES_NO: ("alone, or with not", "not staff.is_available"),
}

_KINDS = {
    Kind.NUMBER: "number",
    Kind.MONEY: "money",
    Kind.TEXT: "text",
    Kind.WORDS: "words",
    Kind.MOMENT: "moment",
    Kind.LENGTH: "length of time",
    Kind.YES_NO: "yes or no",
}


# ---- the parts


def _head() -> Iterator[str]:
    yield "## Reference"
    yield ""
    yield "### A flow"
    yield ""
    yield from _keys(model.Flow, leave_out={"id"})
    yield ""
    yield "`start:`"
    yield ""
    yield from _keys(model.Start)


def _steps() -> Iterator[str]:
    yield "### Steps"
    yield ""
    yield (
        "A step is one of these. Any step may have a `label:` for `go_to`. "
        + ", ".join(f"`{word}`" for word in model.BARE_WORDS)
        + (" may stand alone: `- end`.")
    )
    for verb, written in VERBS.items():
        about, example = _STEPS[verb]
        yield ""
        yield f"#### {verb}"
        yield ""
        yield about
        yield ""
        yield from _keys(written, leave_out={"label"})
        if verb == "ask":
            yield ""
            yield "An entry of `answers:`"
            yield ""
            yield from _keys(model.Answer)
            yield ""
            yield "`no_answer:`"
            yield ""
            yield from _keys(model.NoAnswer)
        if verb == "send":
            yield ""
            yield "More than a text (a question can have the same, but for what stands alone):"
            yield ""
            yield from _keys(model.Message)
            for key, part in (("link", model.LinkPart), ("location", model.LocationPart), ("contact", model.ContactPart)):
                yield ""
                yield f"`{key}:`"
                yield ""
                yield from _keys(part)
            yield ""
            yield "A template instead of a text:"
            yield ""
            yield from _keys(model.TemplateUse)
        yield ""
        yield "```yaml"
        yield "# steps"
        yield example
        yield "```"


def _events() -> Iterator[str]:
    yield "### Events"
    yield ""
    yield "For `when`, `goal` and `stop_when` (those two take one or a list)."
    yield ""
    yield from _table(("event", "when"), ((f"`{event}`", _EVENTS[event]) for event in Trigger))


def _names() -> Iterator[str]:
    yield "### Names"
    yield ""
    yield "In texts in braces, in conditions and under `with:` without. What can be missing needs other words:"
    yield '`{contact.first_name or "there"}`. Numbers, money, dates and lists are written as the customer\'s language writes them.'
    yield 'A number can count: `{cart.items thing/things}` writes "1 thing" or "3 things", and translators get the forms of'
    yield "their language."
    yield ""
    rows = (
        (f"`{name}`", _KINDS[known.kind] + (", can be missing" if known.can_be_missing else ""), known.about)
        for name, known in names.KNOWN.items()
    )
    yield from _table(("name", "kind", "what it is"), (*rows, (f"`{names.LINKS}<name>`", "text", "a link from store.yaml")))
    yield ""
    about_cart = ", ".join(f"`{event}`" for event in Trigger if event in check_words.ABOUT_A_CART)
    about_order = ", ".join(f"`{event}`" for event in Trigger if event in check_words.ABOUT_AN_ORDER)
    about_product = ", ".join(f"`{event}`" for event in Trigger if event in check_words.ABOUT_A_PRODUCT)
    yield f"`cart.*` is there in flows that start on {about_cart}; `order.*` in those that start on {about_order};"
    yield f"`product.*` in those that start on {about_product}."


def _conditions() -> Iterator[str]:
    yield "### Conditions"
    yield ""
    rows = ((_KINDS[kind], words, f"`{example}`") for kind, (words, example) in _COMPARISONS.items())
    yield from _table(("kind", "comparisons", "example"), rows)
    yield ""
    yield "Joined by `and`, `or`, `not` and brackets; `in big_spenders` asks for a segment of store.yaml. The signs `= != < <= > >=` are"
    yield f"understood, too. What is missing makes a comparison false. At most {condition.MAX_LENGTH} characters."


def _writing() -> Iterator[str]:
    yield "### How things are written"
    yield ""
    rows = (
        ("length of time", "`10 minutes`, `1 hour`, `2 days`, `3 weeks`"),
        ("clock time", "`09:00`"),
        ("money", "`20`, `20 EUR`, `19.90`"),
        ("discount", "`5%`, `10 EUR`"),
        ("condition", "`cart.total is at least 50 and not in big_spenders`"),
        ("a text that holds `: `, or begins with `{`, `[`, `*`, `&`, `!`, `%`, `@`", 'in quotes: `"Your code: {discount.code}"`'),
        ("a text of several lines", "`|` behind the colon, the lines below, further in"),
        ("a brace that is meant", "twice: `{{`"),
    )
    yield from _table(("what", "like this"), rows)


def _store() -> Iterator[str]:
    yield "### store.yaml"
    yield ""
    yield from _keys(rules.StoreFile)
    yield ""
    yield "An entry of `audiences:`"
    yield ""
    yield from _keys(rules.AudienceFile)
    yield ""
    yield "`prices:`"
    yield ""
    yield from _keys(rules.PricesFile)
    yield ""
    yield "`back_in_stock:`"
    yield ""
    yield from _keys(rules.BackInStockFile)
    yield ""
    yield "`price_dropped:`"
    yield ""
    yield from _keys(rules.PriceDroppedFile)


def _template() -> Iterator[str]:
    yield "### A template"
    yield ""
    yield "`templates/<name>.yaml`. Its name has small letters, digits and `_`."
    yield ""
    yield from _keys(template.TemplateFile)
    yield ""
    yield "An entry of `buttons:` is one of"
    yield ""
    yield from _keys(template.ButtonFile)
    yield ""
    yield "`link:`"
    yield ""
    yield from _keys(template.LinkFile)
    yield ""
    yield "`call:`"
    yield ""
    yield from _keys(template.CallFile)
    yield ""
    yield "`header:`, where it is no text, is one of"
    yield ""
    yield from _keys(template.HeaderFile)
    yield ""
    yield "An entry of `cards:`"
    yield ""
    yield from _keys(template.CardFile)


def _limits() -> Iterator[str]:
    yield "### Limits"
    yield ""
    yield "Most are WhatsApp's. In characters, where nothing else is said."
    yield ""
    rows: list[tuple[str, str]] = [
        ("a text", f"{limit.MAX_TEXT:,}; with buttons, a link or products {limit.MAX_BODY_WITH_BUTTONS:,}"),
        ("the words under a file", f"{limit.MAX_CAPTION:,}"),
        (
            "buttons of a question",
            f"{limit.MAX_REPLY_BUTTONS} of {limit.MAX_REPLY_BUTTON}, or a list of {limit.MAX_LIST_ROWS} of {limit.MAX_LIST_ROW}",
        ),
        ("`menu`, and the words on a link", f"{limit.MAX_MENU}, {limit.MAX_LINK_TITLE}"),
        ("`description`, `header` and `footer`", f"{limit.MAX_DESCRIPTION}, {limit.MAX_SMALL_PRINT}"),
        ("products of a message", f"{limit.MAX_PRODUCTS}"),
        (
            "a template's header, body, footer",
            f"{template.MAX_HEADER}, {template.MAX_BODY} with at most {template.MAX_EMOJI} emoji, {template.MAX_FOOTER}",
        ),
        (
            "a template's buttons",
            f"{template.MAX_BUTTONS} of {template.MAX_BUTTON}; at most {template.MAX_LINKS} links and {template.MAX_COPY_CODES} copy_code",
        ),
        ("a template's offer", f"{template.MAX_OFFER}; its body {template.MAX_BODY}"),
        (
            "a template's cards",
            f"{limit.MIN_CARDS} to {limit.MAX_CARDS}, each with {template.MAX_CARD_BODY} and {template.MAX_CARD_BUTTONS} buttons",
        ),
        ("a file", f"{document.MAX_BYTES // 1024} KiB, nested {document.MAX_DEPTH} deep"),
        ("steps between two waits", f"{MAX_STEPS}"),
    ]
    yield from _table(("what", "at most"), rows)


def _story() -> Iterator[str]:
    yield "### A story"
    yield ""
    for title, written in (
        ("", story.StoryHead),
        ("`given:`", story.Given),
        ("`contact:`", story.ContactGiven),
        ("`cart:`", story.BoughtGiven),
    ):
        yield from ((title, "") if title else ())
        yield from _keys(written)
        yield ""
    yield "Below the line `---`, who and what:"
    yield ""
    rows = (
        ("`store:`", ", ".join(f"`{word}`" for word in STORE_WORDS)),
        ("`customer:`", "words; `[a button]`; " + ", ".join(f"`({kind})`" for kind in MEDIA)),
        ("`staff:`", "`takes over`, `hands back`, or words"),
        (f"`{story.NOTHING_MORE}`", "instead of who: time passes until then"),
    )
    yield from _table(("who", "what"), rows)
    yield ""
    outcomes = ", ".join(f"`{word}`" for word in story.OUTCOMES)
    yield f"Lines that say what came of it are written by `comeback test --update`: {outcomes}."


# ---- tables of keys


LENGTH = model.WaitStep.model_json_schema()["properties"]["wait"]


def _keys(written: type[BaseModel], leave_out: Iterable[str] = ()) -> Iterator[str]:
    schema = written.model_json_schema()
    defs = schema.get("$defs", {})
    schema = defs[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    about = _ABOUT[written.__name__]
    rows = []
    for key, described in schema["properties"].items():
        if key in leave_out:
            continue
        rows.append((f"`{key}`", _needed(key, schema, described), _kind(described, defs), about[key]))
    yield from _table(("key", "default", "kind", "what it is"), rows)


def _needed(key: str, schema: Mapping[str, Any], described: Mapping[str, Any]) -> str:
    if key in schema.get("required", ()):
        return "*needed*"
    default = described.get("default")
    if isinstance(default, str) and default.startswith("P"):  # a length of time, as JSON Schema has it
        default = spoken.length(TypeAdapter(timedelta).validate_python(default))
    return f"`{default}`" if isinstance(default, str | int) and not isinstance(default, bool) and default not in ("", 0) else ""


def _kind(described: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    """The kind of value a JSON Schema describes, in a few words."""
    if "$ref" in described or "allOf" in described:
        described = described["allOf"][0] if "allOf" in described else described
        meant = defs[described["$ref"].rpartition("/")[2]]
        return _choice(meant["enum"]) if "enum" in meant else "keys, see below"
    if "enum" in described:
        return _choice(described["enum"])
    if "anyOf" in described or "oneOf" in described:
        kinds = [_kind(one, defs) for one in described.get("anyOf") or described["oneOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds)).replace("an event or list of an event", "an event, or a list of them")
    if described.get("pattern") == LENGTH["pattern"]:
        return f"length of time, like `{LENGTH['examples'][0]}`"
    kind = described.get("type")
    if kind == "array":
        return _list(described, defs)
    if examples := described.get("examples"):
        return f"like `{examples[0]}`"
    plain = {"string": "text", "integer": "number", "boolean": "nothing", "object": "names and values"}
    return plain[kind] if isinstance(kind, str) else "words"


def _list(described: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    items = described.get("items", {})
    if "Step" in str(items.get("anyOf", "")):
        return "steps"
    if "prefixItems" in items or "prefixItems" in described:
        return "number or list"
    if examples := items.get("examples"):
        return f"list, like `[{examples[0]}]`"
    kind = _kind(items, defs)
    return "list, see below" if kind.startswith("keys") else f"list of {kind}"


def _choice(values: list[str]) -> str:
    words = [value for value in values if isinstance(value, str)]
    return " or ".join(f"`{value}`" for value in words) if len(words) <= 3 else "an event"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join('---' for _ in heads)}|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
