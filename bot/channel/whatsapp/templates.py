"""Templates towards Meta: the body that creates one, and asking how they stand.

The order of a template's buttons is ours, because a message tells buttons by their index alone: quick replies, then the copy-code
button, then the link with a suffix, then what opens products, then what takes nothing (Cloud API: quick replies and the others must not
be mixed).
`payload` counts on it.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPMethod
from typing import Any, NamedTuple, cast

import aiohttp
from yarl import URL

from bot.channel import Failure, SendError
from bot.channel.whatsapp.graph import Answer, accepted, ask
from bot.channel.whatsapp.wire import Node, node, text
from bot.flow.revision import ButtonKind, Shown, Template, TemplateButton, TemplateCard
from bot.flow.template import is_positional
from bot.flow.text import fill, placeholders

# Meta gives at most 6,000 templates to an account; 100 pages of 100 are beyond that, and end a list that runs in circles.
PAGE = 100
MOST_PAGES = 100

_SUFFIX = "{suffix}"
_UPLOAD = re.compile(r"upload:[\w\-.:=?&%~/+]{1,2000}", re.ASCII)
_UPLOAD_TIME = aiohttp.ClientTimeout(total=120, sock_read=30)

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
    positional = is_positional(template)
    components = list(_header(template, translate, positional=positional))
    components.append({"type": "BODY", **_text(translate(template.body), "body_text", positional=positional)})
    if template.footer:
        components.append({"type": "FOOTER", "text": translate(template.footer)})
    if template.offer:
        offer = {"text": translate(template.offer), "has_expiration": True}
        components.append({"type": "LIMITED_TIME_OFFER", "limited_time_offer": offer})
    components += _buttons(template.buttons, translate)
    if template.cards:
        cards = [{"components": _card(card, translate, positional=positional)} for card in template.cards]
        components.append({"type": "CAROUSEL", "cards": cards})
    return {
        "name": template.name,
        "language": language,
        "category": template.category.value.upper(),
        "parameter_format": "POSITIONAL" if positional else "NAMED",
        "components": components,
    }


def examples(payload: Mapping[str, object]) -> tuple[str, ...]:
    """The files whose handles a creation needs, as the template names them: links or paths. Each once."""
    return tuple(dict.fromkeys(name for holder in _holders(payload) for name in holder["header_handle"]))


def with_handles(payload: Mapping[str, object], handles: Mapping[str, str]) -> dict[str, object]:
    """The creation with Meta's handles in the place of its files' names."""
    filled = copy.deepcopy(dict(payload))
    for holder in _holders(filled):
        holder["header_handle"] = [handles[name] for name in holder["header_handle"]]
    return filled


def _holders(payload: Mapping[str, object]) -> Iterator[dict[str, Any]]:
    """Every example that is a file, of the header and of the cards."""
    listed: list[Any] = list(cast("list[Any]", payload["components"]))
    for part in listed:  # grows while it is read
        listed.extend(inner for card in part.get("cards", ()) for inner in card["components"])
        example = part.get("example")
        if isinstance(example, dict) and "header_handle" in example:
            yield example


def _header(template: Template, translate: Callable[[str], str], *, positional: bool) -> Iterator[dict[str, object]]:
    if template.header:
        yield {"type": "HEADER", "format": "TEXT", **_text(translate(template.header), "header_text", positional=positional)}
    if template.header_file:
        yield _file(template.header_file)
    if template.header_place:
        yield {"type": "HEADER", "format": "LOCATION"}


def _file(shown: Shown) -> dict[str, object]:
    """Meta's reviewers look at an example, which is uploaded first: until then the file's own name stands for it."""
    return {"type": "HEADER", "format": shown.kind.value.upper(), "example": {"header_handle": [shown.name]}}


def _card(card: TemplateCard, translate: Callable[[str], str], *, positional: bool) -> list[dict[str, object]]:
    words = [{"type": "BODY", **_text(translate(card.body), "body_text", positional=positional)}] if card.body else []
    return [_file(card.shows), *words, *_buttons(card.buttons, translate)]


def _buttons(buttons: Sequence[TemplateButton], translate: Callable[[str], str]) -> list[dict[str, object]]:
    return [{"type": "BUTTONS", "buttons": [_button(one, translate) for one in sorted(buttons, key=_place)]}] if buttons else []


def _text(written: str, part: str, *, positional: bool) -> dict[str, object]:
    """A text with its placeholders as Meta writes them, and the example that Meta wants for each."""
    names = list(dict.fromkeys(placeholder.name for placeholder in placeholders(written)))
    text: dict[str, object] = {"text": fill(written, {name: f"{{{{{name}}}}}" for name in names})}
    if names and positional:
        values = [f"example {name}" for name in sorted(names, key=int)]
        text["example"] = {part: [values] if part == "body_text" else values}
    elif names:
        text["example"] = {f"{part}_named_params": [{"param_name": name, "example": name.replace("_", " ")} for name in names]}
    return text


def _place(button: TemplateButton) -> int:
    """Where a button stands among the others."""
    match button.kind:
        case ButtonKind.QUICK_REPLY:
            return 0
        case ButtonKind.COPY_CODE:
            return 1
        case ButtonKind.LINK:
            return 2 if _SUFFIX in (button.url or "") else 4
        case ButtonKind.PRODUCTS | ButtonKind.CATALOG:
            return 3
        case ButtonKind.CALL:
            return 5


def _button(button: TemplateButton, translate: Callable[[str], str]) -> dict[str, object]:
    match button.kind:
        case ButtonKind.QUICK_REPLY:
            return {"type": "QUICK_REPLY", "text": translate(button.text)}
        case ButtonKind.COPY_CODE:
            return {"type": "COPY_CODE", "example": button.text}  # WhatsApp writes the label itself
        case ButtonKind.LINK:
            return _link(translate(button.text), button.url or "")
        case ButtonKind.PRODUCTS:
            return {"type": "MPM", "text": translate(button.text)}
        case ButtonKind.CATALOG:
            return {"type": "CATALOG", "text": translate(button.text)}
        case ButtonKind.CALL:
            return {"type": "PHONE_NUMBER", "text": translate(button.text), "phone_number": button.phone}


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


async def upload_example(session: aiohttp.ClientSession, *, api_url: str, token: str, app: str, content: bytes, mime: str) -> str:
    """Upload a file for Meta's reviewers; returns its handle. Raises SendError.

    Cloud API, resumable upload: a session of the app is opened, then the bytes are sent to it with another word before the token.
    """
    query = {"file_name": "example", "file_length": str(len(content)), "file_type": mime}
    opened = accepted(await ask(session, HTTPMethod.POST, f"{api_url.rstrip('/')}/{app}/uploads", token, query=query))
    upload = text(opened.get("id"))
    if upload is None or not _UPLOAD.fullmatch(upload):
        raise SendError(Failure.REFUSED, "Meta opened no upload for the example")
    headers = {"Authorization": f"OAuth {token}", "file_offset": "0"}
    try:
        async with session.post(
            URL(f"{api_url.rstrip('/')}/{upload}", encoded=True), data=content, headers=headers, timeout=_UPLOAD_TIME, allow_redirects=False
        ) as response:
            said = accepted(Answer(response.status, await response.read()))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise SendError(Failure.RETRY, f"the example could not be uploaded ({type(error).__name__})") from error
    handle = text(said.get("h"))
    if handle is None:
        raise SendError(Failure.REFUSED, "Meta gave no handle for the example")
    return handle


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
    lines = [line for kind in ("HEADER", "BODY", "FOOTER", "LIMITED_TIME_OFFER") for part in components for line in _lines(part, kind)]
    for part in components:
        buttons, cards = part.get("buttons"), part.get("cards")
        if _kind(part) == "BUTTONS" and isinstance(buttons, list):
            lines += [_button_line(node(button)) for button in buttons]
        if _kind(part) == "CAROUSEL" and isinstance(cards, list):
            lines += [f"card {number}: {line}" for number, card in enumerate(cards, 1) for line in reading(_components(node(card)))]
    return tuple(lines)


def _lines(part: Mapping[str, object], kind: str) -> Iterator[str]:
    """What is read of one part, if it is of that kind."""
    if _kind(part) != kind:
        return
    shape = (text(part.get("format")) or "TEXT").upper()
    if kind == "HEADER" and shape != "TEXT":
        yield f"header: {'a' if shape[0] not in 'AEIOU' else 'an'} {shape.lower()}"
    elif kind == "LIMITED_TIME_OFFER":
        yield f"offer: {text(node(part.get('limited_time_offer')).get('text')) or ''}"
    elif said := text(part.get("text")):
        yield f"{kind.lower()}: {said}"


def _kind(part: Mapping[str, object]) -> str:
    return (text(part.get("type")) or "").upper()


def _button_line(button: Node) -> str:
    kind = _kind(button)
    if kind == "COPY_CODE":
        return "button: copy code"  # WhatsApp writes its words, and the code is only an example
    words = text(button.get("text")) or ""
    leads = text(button.get("url")) if kind == "URL" else text(button.get("phone_number")) if kind == "PHONE_NUMBER" else None
    return f"button: {words} → {leads}" if leads else f"button: {words}"


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
