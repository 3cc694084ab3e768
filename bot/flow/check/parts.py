"""Messages of several parts: does WhatsApp show these together, are the files there, and can every part be read?"""

import re
from collections.abc import Iterator

from bot.flow.catalog import count_buttons
from bot.flow.check.case import Case
from bot.flow.check.words import judge_text
from bot.flow.file import file_mistakes, is_link, own_file_mistake
from bot.flow.limit import MAX_PRODUCTS, MAX_REPLY_BUTTONS
from bot.flow.message import phone
from bot.flow.model import AskStep, Message, TemplateUse, files_of, place_mistake
from bot.flow.problem import Mistake
from bot.flow.run import MediaKind

OF_A_CART, OF_AN_ORDER = "cart", "order"
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
WORDLESS = (MediaKind.AUDIO, MediaKind.STICKER)  # files that WhatsApp shows alone


def judge_message(case: Case, path: str, message: Message, ask: AskStep | None) -> None:
    """A message in a `send` (`ask` is None) or an `ask`."""
    _judge_company(case, path, message, ask)
    if message.with_ and message.template is None:
        text = "'with' fills a template, and there is none here: add 'template:', or take 'with' out"
        case.told.tell(f"{path}.with", Mistake.MISSING_KEY, text)
    if message.text is not None:
        judge_text(case, f"{path}.text", message.text)
    for key, words in (("header", message.header), ("footer", message.footer)):
        if words is not None:
            judge_text(case, f"{path}.{key}", words)
    if message.link is not None:
        _judge_link(case, f"{path}.link", message)
    if message.contact is not None and not _PHONE.fullmatch(phone(message.contact.phone)):
        case.told.tell(f"{path}.contact.phone", Mistake.BAD_PHONE, "write a phone number with its country, like +34600000001")
    if message.location is not None and (fault := place_mistake(message.location)):
        case.told.tell(f"{path}.location", *fault)
    judge_files(case, path, message)
    judge_products(case, path, message, needs_catalog=True)


def judge_files(case: Case, path: str, shows: Message | TemplateUse) -> None:
    """The files a message or a template shows."""
    for kind, name in files_of(shows).items():
        here = f"{path}.{kind}"
        mistakes = [(mistake, text) for _, mistake, text in file_mistakes(here, kind, name)]
        if not mistakes and (fault := own_file_mistake(kind, name, case.around.own)):
            mistakes = [fault]
        for mistake, text in mistakes:
            case.told.tell(here, mistake, text)
        if is_link(name):
            judge_text(case, here, name)


def judge_products(case: Case, path: str, shows: Message | TemplateUse, *, needs_catalog: bool) -> None:
    """The products a message or a template shows."""
    here = f"{path}.products"
    if len(shows.products) > MAX_PRODUCTS:
        text = f"a message shows at most {MAX_PRODUCTS} products, these are {len(shows.products)}: take some out"
        case.told.tell(here, Mistake.TOO_MANY_PRODUCTS, text)
    for word, about in ((OF_A_CART, "cart."), (OF_AN_ORDER, "order.")):
        if word in shows.products:
            judge_text(case, here, f"{{{about}total}}")
    if shows.products and needs_catalog and case.rules.catalog is None:
        text = "nobody knows which catalog these products are in: add 'catalog:' with its id to store.yaml"
        case.told.tell(here, Mistake.NO_CATALOG, text)


def _judge_link(case: Case, path: str, message: Message) -> None:
    assert message.link is not None
    url, title = message.link.url, message.link.text
    judge_text(case, f"{path}.url", url)
    if "{" in title:
        case.told.tell(f"{path}.text", Mistake.PLACEHOLDER_IN_BUTTON, "a button cannot hold a placeholder: write fixed words on it")
    if not title.strip():
        case.told.tell(f"{path}.text", Mistake.EMPTY_TEXT, "write what stands on the button")
    if not url.startswith(("https://", "http://", "{")) or any(character.isspace() for character in url.partition("{")[0]):
        case.told.tell(f"{path}.url", Mistake.BAD_LINK, "write a whole link that begins with https://, or a name such as {cart.link}")


# ---- what goes together


def _judge_company(case: Case, path: str, message: Message, ask: AskStep | None) -> None:
    """What Meta shows in one message, and what only in two. Of several conflicts the first is enough."""
    buttons = count_buttons(ask) if ask else 0
    files: list[str] = list(files_of(message))
    actions = _actions(message)
    conflict = next(_conflicts(message, files, actions, buttons), None)
    if conflict is not None:
        case.told.tell(f"{path}.{conflict[0]}", Mistake.PARTS_APART, conflict[1])
    elif not _says_something(message, buttons):
        case.told.tell(path, Mistake.EMPTY_TEXT, "write what the customer reads here: add 'text:'")


Conflict = tuple[str, str]
"""The key that is too much, and a sentence."""


def _actions(message: Message) -> list[str]:
    """What can be done with a message, of which there is one. (A product can stand for the whole catalog.)"""
    goods = message.products and not message.catalog
    there = {"link": message.link, "catalog": message.catalog, "products": goods, "location": message.location, "contact": message.contact}
    return [key for key, value in there.items() if value]


def _conflicts(message: Message, files: list[str], actions: list[str], buttons: int) -> Iterator[Conflict]:
    for key in files[1:]:
        yield key, f"a message shows one file: send the {key} in a message of its own"
    for key in actions[1:]:
        yield key, f"a message does one thing: send {actions[0]} and {key} in two messages"
    for key in ("location", "contact", *WORDLESS):
        if key in actions or key in files:
            yield from _beside(key, message, files, actions, buttons)
    if buttons:
        yield from _beside_buttons(files, actions, buttons)
    yield from _header_conflicts(message, files, actions, buttons)


def _beside(alone: str, message: Message, files: list[str], actions: list[str], buttons: int) -> Iterator[Conflict]:
    """What stands beside something that is shown alone."""
    for key in ("text", "header", "footer"):
        if getattr(message, key):
            yield key, f"{alone} is shown alone: send the {key} in a message of its own"
    for key in (*files, *actions):
        if key != alone:
            yield key, f"{alone} is shown alone: send {key} in a message of its own"
    if buttons:
        yield alone, f"{alone} is shown alone: send it before the question"


def _beside_buttons(files: list[str], actions: list[str], buttons: int) -> Iterator[Conflict]:
    for key in actions:
        yield key, f"a question with buttons has no {key} beside them: send it before the question"
    if buttons > MAX_REPLY_BUTTONS:
        for key in files:
            yield key, f"a question with more than {MAX_REPLY_BUTTONS} buttons shows no {key}: send it before the question"


def _header_conflicts(message: Message, files: list[str], actions: list[str], buttons: int) -> Iterator[Conflict]:
    if files and ("products" in actions or "catalog" in actions):
        yield files[0], f"products bring their own pictures: send the {files[0]} in a message of its own"
    if files and message.header:
        yield "header", f"above the text stands a header or the {files[0]}: take one of them out"
    if message.header and "catalog" in actions:
        yield "header", "a catalog has no header: write it into the text"
    for key in ("header", "footer") if not buttons and not actions else ():
        if getattr(message, key):
            yield key, f"a {key} stands only with buttons, a link or products: write it into the text"


def _says_something(message: Message, buttons: int) -> bool:
    if message.text is not None:
        return True
    if buttons or message.link or message.catalog or message.header or message.footer:
        return False
    is_one_product = len(message.products) == 1 and message.products[0] not in (OF_A_CART, OF_AN_ORDER)
    return bool(files_of(message) or message.location or message.contact or is_one_product)
