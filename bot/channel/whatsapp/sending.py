"""Sending through the Cloud API: `payload.py` says what, aiohttp carries it, `graph.py` judges the answer.

pywa's own client is not in between: its httpx pool costs 10 to 18 times as much processor time and cannot reach Meta's 1,000 messages a
second, and from its answers nobody can tell what surely was not sent.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPMethod
from time import monotonic
from typing import Protocol

import aiohttp

from bot.channel import Delivered, Failure, Outgoing, SendError, Withheld
from bot.channel.whatsapp.graph import API_URL, TIMEOUT, accepted, ask
from bot.channel.whatsapp.names import NAMES, names_in
from bot.channel.whatsapp.payload import Json, payload, receipt, stored_files
from bot.channel.whatsapp.wire import Node, first, text
from bot.flow.run import Content, TemplateMessage

RECEIPT_SECONDS = 5.0  # a receipt that takes longer is not worth waiting for
NOT_AVAILABLE = 134102  # Cloud API: marketing messages cannot go this way for this number, and nothing was sent
AROUND_SECONDS = 60.0  # how long the rest goes the way of all messages then: who asks again each time may never come to it in time
LOST_TRIES = 3  # requests for a message whose files, perhaps lost, could not be brought back while it might still go

# Cloud API: no such object, a wrong parameter or value, a file that could not be taken. All of them say that nothing was sent.
PERHAPS_NO_FILE = frozenset({33, 100, 131009, 131053})

_NUMBER_ID = re.compile(r"[0-9]{1,32}")
_ACCEPTED = "accepted"


class Files(Protocol):
    """Stored files, on their way to WhatsApp."""

    async def media_id(self, file: str, number: str) -> str:
        """Meta's id of the stored file with this sha256 (hexadecimal), uploaded by `number` when it is not there (any more).

        Raises SendError: REFUSED for a file that is not kept or that Meta does not take, RETRY for everything else. Never UNKNOWN: to
        upload is not to send.
        """
        ...

    async def gone(self, media_id: str, number: str) -> None:
        """Meta may have no such file: whoever asks next has it uploaded anew."""
        ...


class MarketingRoute(StrEnum):
    """How marketing templates go out: like every other message, or by the Marketing Messages API (which may show them in better ways,
    and has a price of its own); there either with or without a way back when it does not take them."""

    MESSAGES = "messages"
    FALLBACK = "fallback"
    STRICT = "strict"


class WhatsApp:
    """The Channel over the Cloud API, for any number of phone numbers under one token.

    The session is the caller's, is not closed here, and its connector's limit is the limit of connections: rate x latency, so 300 for
    1,000 messages a second. `timeout` is in seconds; `menu` is the title of the button that opens a list which has no title of its
    own; `marketing` is a MarketingRoute.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        token: str,
        api_url: str = API_URL,
        timeout: float = TIMEOUT,
        menu: str = "Menu",
        files: Files | None = None,
        marketing: str = MarketingRoute.MESSAGES,
    ) -> None:
        self._session = session
        self._token = token
        self._api_url = api_url.rstrip("/")
        self._seconds = timeout
        self._menu = menu
        self._files = files
        self._marketing = MarketingRoute(marketing)
        self._around: dict[tuple[str, str], float] = {}

    def renew(self, token: str) -> None:
        """From now on another token counts."""
        self._token = token

    async def deliver(self, message: Outgoing) -> Delivered:
        """Send one message. Raises SendError, and nothing else, when it did not surely succeed; Withheld when it may not start any more."""
        if not _NUMBER_ID.fullmatch(message.number):
            raise SendError(Failure.REFUSED, "the sending phone number id is not a number")
        try:
            said = await self._said(message)
        except SendError:
            raise
        except Exception as error:  # whatever else goes wrong around a request, "nobody knows" is the only safe answer
            raise SendError(Failure.UNKNOWN, f"sending failed in a way nobody foresaw ({type(error).__name__})") from error
        return _delivered(said)

    async def acknowledge(self, number: str, message_id: str, *, typing: bool) -> None:
        """Mark a customer's message as read, and with `typing` show that an answer is on its way. Raises SendError.

        Cloud API: reading one message reads all before it; the indicator goes with the answer, or after 25 seconds.
        """
        if not _NUMBER_ID.fullmatch(number):
            raise SendError(Failure.REFUSED, "the sending phone number id is not a number")
        body = receipt(message_id, typing=typing)
        accepted(await ask(self._session, HTTPMethod.POST, self._address(number), self._token, json=body, timeout=RECEIPT_SECONDS))

    async def _said(self, message: Outgoing) -> Node:
        """What Meta says to a message; once more with its files uploaded anew, where it said no and may have lost them."""
        uploads = await self._uploads(message)
        try:
            return await self._send(message, payload(message, uploads, self._menu))
        except SendError as error:
            if self._files is None or not uploads or error.code not in PERHAPS_NO_FILE:
                raise
            refusal = error
        for media_id in uploads.values():
            await self._files.gone(media_id, message.number)
        try:
            return await self._send(message, payload(message, await self._uploads(message), self._menu))
        except Withheld as late:  # a try that counts: else what is refused for another reason than its files would go round for ever
            raise SendError(Failure.RETRY, refusal.detail, code=refusal.code, tries=LOST_TRIES) from late

    async def _uploads(self, message: Outgoing) -> Mapping[str, str]:
        """Meta's ids of the message's stored files. Raises Withheld where it may not start any more, with some of them made ready."""
        wanted = stored_files(message.content)
        if wanted and self._files is None:
            raise SendError(Failure.REFUSED, "it was not sent, because there is nowhere to get its file from")
        found: dict[str, str] = {}
        for file in wanted:
            message.check_start()  # many files one after the other could outlast the lease on the message
            found[file] = await self._uploaded(file, message.number)
        return found

    async def _uploaded(self, file: str, number: str) -> str:
        assert self._files is not None
        try:
            return await self._files.media_id(file, number)
        except SendError as error:
            if error.failure is not Failure.UNKNOWN:
                raise
            # of the upload nobody knows; of the message it is known well: it was not sent
            raise SendError(Failure.RETRY, error.detail, code=error.code, retry_after=error.retry_after, remedy=error.remedy) from error
        except Exception as error:
            raise SendError(Failure.RETRY, f"its file could not be made ready ({type(error).__name__})") from error

    async def _send(self, message: Outgoing, body: Json) -> Node:
        offer = self._for_marketing_api(message.content)
        if offer is None or self._around.get((message.number, offer.name), 0.0) > monotonic():
            return await self._post(message, self._address(message.number), body)
        policy = "STRICT" if self._marketing is MarketingRoute.STRICT else "CLOUD_API_FALLBACK"
        try:
            return await self._post(message, f"{self._api_url}/{message.number}/marketing_messages", {**body, "product_policy": policy})
        except SendError as error:
            # a Graph error with this code is a clear no: nothing was sent. Whoever asked for no other way gets none.
            if error.code != NOT_AVAILABLE or self._marketing is MarketingRoute.STRICT:
                raise
        self._around[message.number, offer.name] = monotonic() + AROUND_SECONDS
        return await self._post(message, self._address(message.number), body)

    def _for_marketing_api(self, content: Content) -> TemplateMessage | None:
        """Cloud API: marketing templates only, else 134100."""
        if self._marketing is MarketingRoute.MESSAGES or not isinstance(content, TemplateMessage) or not content.marketing:
            return None
        return content

    async def _post(self, message: Outgoing, address: str, body: Json) -> Node:
        message.check_start()
        return accepted(await ask(self._session, HTTPMethod.POST, address, self._token, json=body, timeout=self._seconds))

    def _address(self, number: str) -> str:
        return f"{self._api_url}/{number}/messages"


def _delivered(said: Node) -> Delivered:
    """Raises SendError unless the answer says that the message was taken, under which id, and for whom."""
    contact, message = first(said.get("contacts")), first(said.get("messages"))
    names_person = bool(text(contact.get("input"))) and bool(text(contact.get("wa_id")) or text(contact.get("user_id")))
    taken = text(message.get("id"))
    if not (names_person and taken):
        raise SendError(Failure.UNKNOWN, "WhatsApp said yes, but not to which message")
    held = text(message.get("message_status")) not in (None, _ACCEPTED)
    written = (text(contact.get("input")) or "").removeprefix("+")
    names = tuple(name for name in names_in(contact, NAMES) if name.value.removeprefix("+") != written)
    return Delivered(taken, held=held, names=names)
