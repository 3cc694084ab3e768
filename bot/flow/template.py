"""A template as its owner writes it: `flows/templates/<name>.yaml`, its texts in the store's first language.

Outside the reply window WhatsApp takes only templates that Meta approved; the limits here are those Meta refuses them by.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any
from unicodedata import category as unicode_category

from pydantic import ConfigDict, Field, WithJsonSchema

from bot.flow.document import Document, Value
from bot.flow.message import LINK, LINK_SUFFIX
from bot.flow.model import LONGEST_BUTTON, Text, Written, editor_schema, text_up_to
from bot.flow.problem import Mistake, Problem
from bot.flow.revision import ButtonKind, Category, Template, TemplateButton
from bot.flow.shape import read
from bot.flow.text import Placeholder, TextError, placeholders

# Cloud API, message templates: components and their limits, in characters where nothing else is said.
MAX_NAME = 512
MAX_HEADER = 60
MAX_BODY = 550  # the reference says 1024, but creating a marketing or utility template beyond 550 is refused (2388040)
MAX_EMOJI = 10  # beyond which the same error refuses a body
MAX_FOOTER = 60
MAX_BUTTON = LONGEST_BUTTON
MAX_BUTTONS = 10
MAX_LINKS = 2
MAX_COPY_CODES = 1
MAX_URL = 2000
MAX_CODE = 20

_NAME = re.compile(r"[a-z0-9_]+")
_CODE = re.compile(r"[A-Za-z0-9]+")


Button = Annotated[str, text_up_to(MAX_BUTTON)]
Code = Annotated[str, WithJsonSchema({"type": ["string", "number"], "pattern": "^[A-Za-z0-9]+$", "maxLength": MAX_CODE})]
Url = Annotated[str, WithJsonSchema({"type": "string", "pattern": "^https?://", "maxLength": MAX_URL})]


class LinkFile(Written):
    """A button that opens a page; `url` may end with `{suffix}`."""

    text: Button
    url: Url


class ButtonFile(Written):
    """One button: what it does is its one key. Of `copy_code` the value is the example code Meta asks for."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    quick_reply: Button | None = None
    link: LinkFile | None = None
    copy_code: Code | None = None

    def buttons(self) -> Iterator[TemplateButton]:
        """The button it means; none or several when it was written wrongly."""
        if self.quick_reply is not None:
            yield TemplateButton(ButtonKind.QUICK_REPLY, self.quick_reply)
        if self.link is not None:
            yield TemplateButton(ButtonKind.LINK, self.link.text, self.link.url)
        if self.copy_code is not None:
            yield TemplateButton(ButtonKind.COPY_CODE, self.copy_code)


class TemplateFile(Written):
    """A template as written. Header and body may hold placeholders like `{name}`."""

    category: Category
    header: Annotated[Text, text_up_to(MAX_HEADER)] | None = None
    body: Annotated[Text, text_up_to(MAX_BODY)]
    footer: Annotated[Text, text_up_to(MAX_FOOTER)] | None = None
    buttons: tuple[ButtonFile, ...] = Field(default=(), max_length=MAX_BUTTONS)


_SUBSTITUTES: Mapping[str, Value] = {"category": "marketing", "body": "?", "buttons": [], "text": "?", "url": "https://example.com"}


def read_template(name: str, document: Document) -> tuple[Template | None, tuple[Problem, ...]]:
    """The template in a file, None when nothing could be made of it, and everything wrong with it."""
    shape = read(document, TemplateFile, _SUBSTITUTES)
    if shape.value is None:
        return None, shape.problems
    written = shape.value
    buttons = tuple(button for entry in written.buttons for button in entry.buttons())
    template = Template(name, written.category, written.body, written.header, written.footer, buttons)
    problems = [] if shape.problems else list(_mistakes(name, written, shape.document))
    return template, (*shape.problems, *problems)


def template_placeholders(template: Template) -> tuple[str, ...]:
    """What a flow gives a template: the names in header and body, and `link` where a link's end is filled in; each once."""
    names = [found.name for text in (template.header or "", template.body) for found in _found(text)]
    links = [LINK for button in template.buttons if (button.url or "").endswith(LINK_SUFFIX)]
    return tuple(dict.fromkeys([*names, *links]))


def quick_replies(template: Template) -> tuple[str, ...]:
    """The titles of the quick replies, in their order."""
    return tuple(button.text for button in template.buttons if button.kind is ButtonKind.QUICK_REPLY)


def _found(text: str) -> tuple[Placeholder, ...]:
    try:
        return placeholders(text)
    except TextError:
        return ()


# ---- what Meta would refuse

Fault = tuple[str, Mistake, str]
"""A mistake in a part of a template: the part's path, the kind, a sentence."""


def _mistakes(name: str, written: TemplateFile, document: Document) -> Iterator[Problem]:
    for path, kind, message in _all_mistakes(name, written):
        yield document.problem(document.key_place(path), kind, message)
    for part, text, limit in (("header", written.header or "", MAX_HEADER), ("body", written.body, MAX_BODY)):
        if len(text) <= limit:
            yield from _placeholder_mistakes(part, text, document)


def _all_mistakes(name: str, written: TemplateFile) -> Iterator[Fault]:
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        message = f"a template's name has only small letters, digits and _, and at most {MAX_NAME} of them: rename the file"
        yield "", Mistake.BAD_TEMPLATE_NAME, message
    yield from _too_long("header", "a header", written.header, MAX_HEADER)
    yield from _too_long("body", "a template's body", written.body, MAX_BODY)
    yield from _too_long("footer", "a footer", written.footer, MAX_FOOTER)
    if not written.body.strip():
        yield "body", Mistake.EMPTY_TEXT, "write what the customer reads here"
    for kind, message in body_mistakes(written.body) if len(written.body) <= MAX_BODY else ():
        yield "body", kind, message
    if written.header and (side := side_by_side(written.header)):
        yield "header", Mistake.PLACEHOLDERS_SIDE_BY_SIDE, side
    if written.footer and "{" in written.footer:
        yield "footer", Mistake.PLACEHOLDER_IN_FOOTER, "a footer cannot hold a placeholder: write it into the body"
    if len(_found(written.header or "")) > 1:
        yield "header", Mistake.TOO_MANY_IN_HEADER, "a header holds at most one placeholder: write the other into the body"
    if sum(LINK_SUFFIX in (entry.link.url if entry.link else "") for entry in written.buttons) > 1:
        yield "buttons", Mistake.BAD_LINK_END, f"at most one link of a template can end with {LINK_SUFFIX}"
    yield from _button_mistakes(written.buttons)


def body_mistakes(body: str) -> Iterator[tuple[Mistake, str]]:
    """What Meta refuses in a body, whatever its language: the kind and a sentence."""
    if (emoji := sum(map(is_emoji, body))) > MAX_EMOJI:
        yield Mistake.TOO_MANY_EMOJI, f"a template's body has at most {MAX_EMOJI} emoji, this one has {emoji}"
    if _found(body) and (body.strip().startswith("{") or body.strip().endswith("}")):
        message = "Meta refuses a body that begins or ends with a placeholder: add a word or a dot"
        yield Mistake.PLACEHOLDER_AT_THE_EDGE, message
    if side := side_by_side(body):
        yield Mistake.PLACEHOLDERS_SIDE_BY_SIDE, side


def side_by_side(text: str) -> str | None:
    """A sentence about placeholders with no word between them."""
    return "Meta refuses placeholders side by side: write a word between them" if re.search(r"\}\s*\{", text) else None


def _too_long(path: str, what: str, text: str | None, limit: int) -> Iterator[Fault]:
    if text is not None and len(text) > limit:
        yield path, Mistake.TEMPLATE_TEXT_TOO_LONG, f"{what} has at most {limit} characters, this one has {len(text)}"


def is_emoji(character: str) -> bool:
    """Whether a character is a pictograph (one of several joined into one picture counts for itself, as Meta counts)."""
    return ord(character) > 0x2000 and unicode_category(character) == "So"


def _button_mistakes(entries: tuple[ButtonFile, ...]) -> Iterator[Fault]:
    buttons: list[TemplateButton] = []
    for number, entry in enumerate(entries):
        path = f"buttons.{number}"
        meant = list(entry.buttons())
        if len(meant) != 1:
            yield path, Mistake.UNCLEAR_BUTTON, "a button is one of quick_reply, link and copy_code: write one of them"
            continue
        if any(button.text == meant[0].text for button in buttons):
            yield path, Mistake.DUPLICATE_BUTTON, f"two buttons of this template say '{meant[0].text}': write another text on one"
        buttons.append(meant[0])
        yield from _one_button_mistakes(path, meant[0])
    yield from _mix_mistakes([button.kind for button in buttons])


def _one_button_mistakes(path: str, button: TemplateButton) -> Iterator[Fault]:
    here = f"{path}.{button.kind.value}"
    match button.kind:
        case ButtonKind.COPY_CODE:
            if not _CODE.fullmatch(button.text) or len(button.text) > MAX_CODE:
                message = f"write an example code here: letters and digits, at most {MAX_CODE} of them"
                yield here, Mistake.BAD_EXAMPLE_CODE, message
            return
        case ButtonKind.LINK:
            yield from _url_mistakes(f"{here}.url", button.url or "")
            here = f"{here}.text"
        case ButtonKind.QUICK_REPLY:
            pass
    if not button.text.strip():
        yield here, Mistake.EMPTY_TEXT, "write what stands on the button"
    if "{" in button.text:
        yield here, Mistake.PLACEHOLDER_IN_BUTTON, "a button cannot hold a placeholder: write fixed words on it"
    if len(button.text) > MAX_BUTTON:
        message = f"a template's button has at most {MAX_BUTTON} characters, this one has {len(button.text)}"
        yield here, Mistake.BUTTON_TOO_LONG, message


def _url_mistakes(path: str, url: str) -> Iterator[Fault]:
    if not url.startswith(("https://", "http://")):
        yield path, Mistake.BAD_LINK, "write a whole link that begins with https://"
    if "{" in url.removesuffix(LINK_SUFFIX):
        yield path, Mistake.BAD_LINK_END, f"the only placeholder a link can have is {LINK_SUFFIX}, at its very end"
    yield from _too_long(path, "a link", url, MAX_URL)


def _mix_mistakes(kinds: list[ButtonKind]) -> Iterator[Fault]:
    replies = [kind is ButtonKind.QUICK_REPLY for kind in kinds]
    if sum(1 for before, after in pairwise(replies) if before != after) > 1:
        yield "buttons", Mistake.MIXED_BUTTONS, "keep the quick replies together: Meta refuses them mixed with other buttons"
    if kinds.count(ButtonKind.LINK) > MAX_LINKS:
        yield "buttons", Mistake.TOO_MANY_BUTTONS, f"a template has at most {MAX_LINKS} links"
    if kinds.count(ButtonKind.COPY_CODE) > MAX_COPY_CODES:
        yield "buttons", Mistake.TOO_MANY_BUTTONS, "a template has at most one copy_code"


def _placeholder_mistakes(path: str, text: str, document: Document) -> Iterator[Problem]:
    try:
        found = placeholders(text)
    except TextError as error:
        yield document.problem(document.inside(path, error.offset), Mistake.BAD_PLACEHOLDER, error.message)
        return
    for placeholder in found:
        if message := _about_placeholder(placeholder):
            yield document.problem(document.inside(path, placeholder.offset), Mistake.BAD_TEMPLATE_PLACEHOLDER, message)


def _about_placeholder(placeholder: Placeholder) -> str | None:
    if not _NAME.fullmatch(placeholder.name):
        return f"a template's placeholder is one word of small letters, like {{name}}; what fills '{placeholder.name}' stands in the flow"
    if placeholder.fallback is not None:
        return f"write {{{placeholder.name}}} here; the words for when it is missing stand in the flow"
    if placeholder.forms:
        return f"write {{{placeholder.name}}} here; what is counted stands in the flow: {placeholder.name}: cart.items thing/things"
    return None


def schema() -> dict[str, Any]:
    """The JSON Schema of a template's file, for editors; shipped as `template.schema.json` beside this module."""
    return editor_schema(TemplateFile)
