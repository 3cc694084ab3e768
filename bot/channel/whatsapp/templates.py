"""Templates towards Meta: the body that creates one, and asking how they stand.

The order of a template's buttons is ours, because a message tells buttons by their index alone: quick replies, then the copy-code
button, then the link with a suffix, then the links without one (Cloud API: quick replies and the others must not be mixed).
`sending` counts on it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPMethod
from typing import NamedTuple

import aiohttp

from bot.channel import Failure, SendError
from bot.channel.whatsapp.graph import accepted, ask
from bot.channel.whatsapp.wire import Node, node, text
from bot.flow.revision import ButtonKind, Template, TemplateButton
from bot.flow.text import fill, placeholders

# Meta gives at most 6,000 templates to an account; 100 pages of 100 are beyond that, and end a list that runs in circles.
PAGE = 100
MOST_PAGES = 100

_SUFFIX = "{suffix}"

# Meta wants an example for everything that is filled in. For the end of a link any will do.
_EXAMPLE_SUFFIX = "42"


class TemplateState(NamedTuple):
    """How one version of a template stands with Meta. `language` with an underscore (`pt_BR`), `status` such as `APPROVED`.

    `quality` is GREEN, YELLOW, RED or UNKNOWN; `rejected` is Meta's reason for a rejection.
    """

    name: str
    language: str
    status: str
    category: str
    id: str = ""
    quality: str = ""
    rejected: str = ""
    components: tuple[Node, ...] = ()


def creation_payload(template: Template, language: str, translate: Callable[[str], str]) -> dict[str, object]:
    """The body of `POST /{account}/message_templates` for one language. `translate` gives each text in that language.

    Raises ValueError for a text that cannot be read; the check of the flows tells the owner of such texts long before.
    """
    components: list[dict[str, object]] = []
    if template.header:
        components.append(_header(translate(template.header)))
    components.append(_body(translate(template.body)))
    if template.footer:
        components.append({"type": "FOOTER", "text": translate(template.footer)})
    if template.buttons:
        buttons = [_button(button, translate) for button in sorted(template.buttons, key=_place)]
        components.append({"type": "BUTTONS", "buttons": buttons})
    return {
        "name": template.name,
        "language": language,
        "category": template.category.value.upper(),
        "parameter_format": "NAMED",
        "components": components,
    }


def _header(written: str) -> dict[str, object]:
    return {"type": "HEADER", "format": "TEXT", **_text(written, "header_text_named_params")}


def _body(written: str) -> dict[str, object]:
    return {"type": "BODY", **_text(written, "body_text_named_params")}


def _text(written: str, examples: str) -> dict[str, object]:
    """A text with its placeholders as Meta writes them, and the example that Meta wants for each."""
    names = list(dict.fromkeys(placeholder.name for placeholder in placeholders(written)))
    text: dict[str, object] = {"text": fill(written, {name: f"{{{{{name}}}}}" for name in names})}
    if names:
        text["example"] = {examples: [{"param_name": name, "example": name.replace("_", " ")} for name in names]}
    return text


def _place(button: TemplateButton) -> int:
    """Where a button stands among the others."""
    match button.kind:
        case ButtonKind.QUICK_REPLY:
            return 0
        case ButtonKind.COPY_CODE:
            return 1
        case ButtonKind.LINK:
            return 2 if _SUFFIX in (button.url or "") else 3


def _button(button: TemplateButton, translate: Callable[[str], str]) -> dict[str, object]:
    match button.kind:
        case ButtonKind.QUICK_REPLY:
            return {"type": "QUICK_REPLY", "text": translate(button.text)}
        case ButtonKind.COPY_CODE:
            return {"type": "COPY_CODE", "example": button.text}  # WhatsApp writes the label itself
        case ButtonKind.LINK:
            return _link(translate(button.text), button.url or "")


def _link(title: str, url: str) -> dict[str, object]:
    link: dict[str, object] = {"type": "URL", "text": title, "url": url.replace(_SUFFIX, "{{1}}")}
    if _SUFFIX in url:
        link["example"] = [url.replace(_SUFFIX, _EXAMPLE_SUFFIX)]
    return link


async def push(session: aiohttp.ClientSession, *, api_url: str, token: str, waba: str, payload: Mapping[str, object]) -> TemplateState:
    """Create one version of a template in a business account. Raises SendError with Meta's own sentence when it is refused."""
    answer = await ask(session, HTTPMethod.POST, _address(api_url, waba), token, json=payload)
    said = accepted(answer)
    return TemplateState(
        name=str(payload["name"]),
        language=str(payload["language"]),
        status=text(said.get("status")) or "PENDING",
        category=text(said.get("category")) or str(payload["category"]),
    )


async def edit(session: aiohttp.ClientSession, *, api_url: str, token: str, template: str, payload: Mapping[str, object]) -> None:
    """Change the texts and buttons of a template, by Meta's id of it; it is reviewed anew. Raises SendError with Meta's own sentence.

    Meta: an approved template can be edited once in 24 hours and ten times in 30 days, and never its category.
    """
    address = f"{api_url.rstrip('/')}/{template}"
    accepted(await ask(session, HTTPMethod.POST, address, token, json={"components": payload["components"]}))


def reading(components: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    """What a customer reads of a template and where its buttons lead, line by line: ours and Meta's are compared by it.

    Examples are left out: Meta keeps those of the creation, whatever an edit says.
    """
    lines = []
    for kind in ("HEADER", "BODY", "FOOTER"):
        lines += [f"{kind.lower()}: {said}" for part in components if _kind(part) == kind and (said := text(part.get("text")))]
    for part in components:
        buttons = part.get("buttons")
        if _kind(part) == "BUTTONS" and isinstance(buttons, list):
            lines += [_button_line(node(button)) for button in buttons]
    return tuple(lines)


def _kind(part: Mapping[str, object]) -> str:
    return (text(part.get("type")) or "").upper()


def _button_line(button: Node) -> str:
    kind = _kind(button)
    if kind == "COPY_CODE":
        return "button: copy code"  # WhatsApp writes its words, and the code is only an example
    words = text(button.get("text")) or ""
    return f"button: {words} → {text(button.get('url'))}" if kind == "URL" else f"button: {words}"


async def fetch(session: aiohttp.ClientSession, *, api_url: str, token: str, waba: str) -> list[TemplateState]:
    """All templates of a business account, in every language, whatever languages and states Meta invents. Raises SendError."""
    found: list[TemplateState] = []
    query = {"fields": "id,name,language,status,category,quality_score,rejected_reason,components", "limit": str(PAGE)}
    for _ in range(MOST_PAGES):
        page = accepted(await ask(session, HTTPMethod.GET, _address(api_url, waba), token, query=query))
        found.extend(_states(page))
        after = _next(page)
        if after is None:
            return found
        query["after"] = after
    raise SendError(Failure.REFUSED, f"the list of templates does not end after {MOST_PAGES} pages")


def _states(page: Node) -> Iterator[TemplateState]:
    listed = page.get("data")
    for written in map(node, listed if isinstance(listed, list) else ()):
        name, language = text(written.get("name")), text(written.get("language"))
        if name and language:
            status, category = text(written.get("status")) or "UNKNOWN", text(written.get("category")) or "UNKNOWN"
            yield TemplateState(
                name,
                language.replace("-", "_"),
                status,
                category,
                id=text(written.get("id")) or "",
                quality=text(node(written.get("quality_score")).get("score")) or "",
                rejected=_reason(written),
                components=_components(written),
            )


def _reason(written: Node) -> str:
    reason = text(written.get("rejected_reason")) or ""
    return "" if reason == "NONE" else reason


def _components(written: Node) -> tuple[Node, ...]:
    components = written.get("components")
    return tuple(map(node, components)) if isinstance(components, list) else ()


def _next(page: Node) -> str | None:
    """Graph API: there is another page as long as `next` is given; its link carries the token, so only the cursor is used."""
    paging = node(page.get("paging"))
    return text(node(paging.get("cursors")).get("after")) if paging.get("next") else None


def _address(api_url: str, waba: str) -> str:
    return f"{api_url.rstrip('/')}/{waba}/message_templates"
