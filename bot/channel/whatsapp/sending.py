"""Sending through the Cloud API: pywa builds messages and templates, aiohttp carries them.

pywa's own httpx pool costs 10 to 18 times as much processor time and cannot reach Meta's 1,000 messages a second, so pywa is given a
session that hands its requests to aiohttp. Answers are judged in `graph.py`, not by pywa, which loses the cases nobody knows about.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPMethod
from typing import Any, cast

import aiohttp
import httpx
from pywa.types.callback import Button as ReplyButton
from pywa.types.callback import Section, SectionList, SectionRow
from pywa.types.sent_update import SentTemplateStatus
from pywa.types.templates import BaseParams, BodyText, CopyCodeButton, HeaderText, QuickReplyButton, TemplateLanguage, URLButton
from pywa_async.client import WhatsApp as Pywa

from bot.channel import Delivered, Failure, Outgoing, Recipient, Remedy, SendError
from bot.channel.whatsapp.graph import API_URL, TIMEOUT, Answer, accepted, ask
from bot.channel.whatsapp.wire import first, text
from bot.flow.run import Button, TemplateMessage, Text

# Cloud API: three reply buttons, ten rows in a list.
MOST_BUTTONS = 3
MOST_ROWS = 10

_NUMBER_ID = re.compile(r"[0-9]{1,32}")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
# Exactly what pywa takes for a person: anything else it would send to as a group.
_BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[0-9]{1,250}")


class WhatsApp:
    """The Channel over the Cloud API, for any number of phone numbers under one token.

    The session is the caller's, is not closed here, and its connector's limit is the limit of connections: rate x latency, so 300 for
    1,000 messages a second. `timeout` is in seconds; `menu` is the title of the button that opens a list.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        token: str,
        api_url: str = API_URL,
        timeout: float = TIMEOUT,
        menu: str = "Menu",
    ) -> None:
        logging.getLogger("pywa").setLevel(logging.INFO)  # at DEBUG pywa tells texts and phone numbers
        self._menu = menu
        self._pywa = Pywa(token=token, session=_Bridge(session, token, api_url, timeout))

    async def deliver(self, message: Outgoing) -> Delivered:
        """Send one message. Raises SendError, and nothing else, when it did not surely succeed."""
        if not _NUMBER_ID.fullmatch(message.number):
            raise SendError(Failure.REFUSED, "the sending phone number id is not a number")
        to = _address(message.to)
        try:
            match message.content:
                case Text():
                    return await self._text(to, message, message.content)
                case TemplateMessage():
                    return await self._template(to, message, message.content)
        except SendError:
            raise
        except Exception as error:  # whatever else goes wrong around a request, "nobody knows" is the only safe answer
            raise SendError(Failure.UNKNOWN, f"sending failed in a way nobody foresaw ({type(error).__name__})") from error

    async def _text(self, to: str, message: Outgoing, content: Text) -> Delivered:
        sent = await self._pywa.send_message(
            to, content.body, buttons=self._choices(content.buttons), tracker=message.key, sender=message.number
        )
        return Delivered(sent.id)

    async def _template(self, to: str, message: Outgoing, content: TemplateMessage) -> Delivered:
        language = cast("TemplateLanguage", _Language(content.language))
        sent = await self._pywa.send_template(to, content.name, language, _parameters(content), tracker=message.key, sender=message.number)
        return Delivered(sent.id, held=sent.status not in (None, SentTemplateStatus.ACCEPTED))

    def _choices(self, buttons: Sequence[Button]) -> list[ReplyButton] | SectionList | None:
        if not buttons:
            return None
        if len(buttons) <= MOST_BUTTONS:
            return [ReplyButton(button.title, button.payload) for button in buttons]
        if len(buttons) <= MOST_ROWS:
            rows = [SectionRow(button.title, button.payload) for button in buttons]
            return SectionList(self._menu, [Section(self._menu, rows)])
        raise SendError(Failure.REFUSED, f"a message has at most {MOST_ROWS} buttons, this one has {len(buttons)}")


@dataclass(frozen=True, slots=True)
class _Language:
    """Stands in for pywa's enum, which lacks 27 of Meta's languages (de_AT, es_CR ...) and breaks on what it does not know."""

    value: str


def _parameters(content: TemplateMessage) -> list[BaseParams] | None:
    """What is filled into a template. A button is told by its index: `templates.creation_payload` puts them in this order."""
    header = [HeaderText.params(**content.header_values)] if content.header_values else []
    body = [BodyText.params(**content.values)] if content.values else []
    buttons: list[BaseParams] = [
        QuickReplyButton.params(callback_data=button.payload, index=index) for index, button in enumerate(content.buttons)
    ]
    if content.code is not None:
        buttons.append(CopyCodeButton.params(coupon_code=content.code, index=len(buttons)))
    if content.link_suffix is not None:
        buttons.append(URLButton.params(url_variable=content.link_suffix, index=len(buttons)))
    return [*header, *body, *buttons] or None


def _address(to: Recipient) -> str:
    """The phone where it is known, which Meta recommends, else the business-scoped user id."""
    if to.phone is not None and _PHONE.fullmatch(to.phone):
        return to.phone
    if to.bsuid is not None and _BSUID.fullmatch(to.bsuid):
        return to.bsuid
    raise SendError(Failure.REFUSED, "there is neither a phone number nor a user id to write to", remedy=Remedy.UNREACHABLE)


class _Nowhere(httpx.AsyncBaseTransport):
    """Keeps httpx from opening connections, and from reading certificates for them (0.1 seconds)."""


class _Bridge(httpx.AsyncClient):
    """pywa's session: hands each request to aiohttp, and returns only answers that pywa cannot stumble over."""

    def __init__(self, session: aiohttp.ClientSession, token: str, api_url: str, timeout: float) -> None:
        super().__init__(transport=_Nowhere())
        self._carrier = session
        self._token = token
        self._api_url = api_url.rstrip("/")
        self._seconds = timeout

    # pywa gives `json` and nothing else when it sends.
    async def request(self, method: str, url: httpx.URL | str, **arguments: Any) -> httpx.Response:
        answer = await ask(
            self._carrier,
            HTTPMethod(method),
            f"{self._api_url}{url}",
            self._token,
            json=arguments["json"],
            timeout=self._seconds,
        )
        _taken(answer)
        return httpx.Response(answer.status, content=answer.body)


def _taken(answer: Answer) -> None:
    """Raises SendError unless the answer says that the message was taken, under which id, and for whom."""
    said = accepted(answer)
    contact = first(said.get("contacts"))
    names_person = bool(text(contact.get("input"))) and bool(text(contact.get("wa_id")) or text(contact.get("user_id")))
    if not (names_person and text(first(said.get("messages")).get("id"))):
        raise SendError(Failure.UNKNOWN, "WhatsApp said yes, but not to which message")
