"""Files at Meta: those that customers sent are looked up and downloaded, ours are uploaded.

An address comes out of an answer of Meta's, and the token goes with the request for it. So it is followed to Meta's own hosts only, over
https, never to an address of this machine or its network, and each redirect is judged like the first. (Where the configured API is
another host, as the sandbox is, that very origin counts as Meta.)
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPMethod, HTTPStatus
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from bot.channel import Failure, SendError
from bot.channel.whatsapp.content import hash_of
from bot.channel.whatsapp.graph import TIMEOUT, Answer, accepted, ask
from bot.channel.whatsapp.wire import integer, text
from bot.flow.file import KB, MB, MOST_BYTES
from bot.flow.run import MediaKind

READ_AS_BINARY = 1.05  # Meta does not say which megabyte it means: what comes in may be as large as the larger one
CHUNK_BYTES = 256 * 1024
DOWNLOAD_SECONDS = 270.0  # Cloud API: an address is good for five minutes
SILENCE_SECONDS = 20.0
UPLOAD_SECONDS = 300.0  # 100 MB over a slow line
MAX_REDIRECTS = 3
GONE_TRIES = 4  # Cloud API: code 100 also when a permission is missing, which may be mended in a while
GONE = "gone: WhatsApp does not keep it any more"
MAX_CONNECTIONS = 8

_HOST = "lookaside.fbsbx.com"
_DOMAINS = (".fbcdn.net", ".whatsapp.net")
_MEDIA_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_ADDRESS = re.compile(r"https?://[!-\[\]-~]+")  # ASCII without blanks or backslashes: nothing that two readers read two ways
_GONE = frozenset({33, 100, 131052})  # Cloud API: no such object, no such parameter, could not be downloaded
_MOVED = frozenset({301, 302, 303, 307, 308})
_TRANSLATED = IPv6Network("64:ff9b::/96")  # IPv4 addresses as a translator of the network writes them


class NotNow(Exception):
    """It could not be had, and may be had later. The message is a sentence for staff.

    `tries`: after how many tries it is given up, the first included; None: only when Meta does not keep it any more.
    """

    def __init__(self, why: str, tries: int | None = None) -> None:
        super().__init__(why)
        self.tries = tries


class Never(Exception):
    """It will not be had. The message is a sentence for staff."""


@dataclass(frozen=True, slots=True)
class Located:
    """Where a file is, for some minutes. `sha256` in hexadecimal, where Meta told one."""

    url: str
    sha256: str | None


class PublicOnly(AbstractResolver):
    """Names lead to public addresses only, except the configured API's own. Whoever connects uses the very addresses judged here."""

    def __init__(self, inner: AbstractResolver, own_host: str) -> None:
        self._inner, self._own_host = inner, own_host

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        """The addresses of a name. Raises OSError when one of them is not public."""
        found = await self._inner.resolve(host, port, family)
        if host != self._own_host and not all(is_public(one["host"]) for one in found):
            raise OSError(None, "the name leads to an address that is not public")
        return found

    async def close(self) -> None:
        """Let go."""
        await self._inner.close()


class Media:
    """Files at Meta, under one token. Closed by whoever made it. `resolver` finds names' addresses."""

    def __init__(self, token: str, api_url: str, *, timeout: float = TIMEOUT, resolver: AbstractResolver | None = None) -> None:
        self._token, self._api_url, self._seconds = token, api_url.rstrip("/"), timeout
        self._api = URL(self._api_url)
        connector = aiohttp.TCPConnector(
            limit=MAX_CONNECTIONS, resolver=PublicOnly(resolver or ThreadedResolver(), self._api.host or ""), use_dns_cache=False
        )
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False)

    def renew(self, token: str) -> None:
        """From now on another token counts."""
        self._token = token

    async def close(self) -> None:
        """Let go of the connections."""
        await self._session.close()

    async def locate(self, media_id: str, number: str) -> Located:
        """Where a file is now. Raises NotNow, Never."""
        if not _MEDIA_ID.fullmatch(media_id):
            raise Never("WhatsApp gave no id for it")
        try:
            found = accepted(await self._ask(media_id, number))
        except SendError as fault:
            if fault.code in _GONE:
                raise NotNow(GONE, GONE_TRIES) from fault
            raise NotNow(fault.detail) from fault
        url = text(found.get("url"))
        if url is None:
            raise NotNow("WhatsApp did not say where it is")
        return Located(url, hash_of(found.get("sha256")))

    async def _ask(self, media_id: str, number: str) -> Answer:
        query = {"phone_number_id": number} if number.isascii() and number.isdigit() else None
        return await ask(
            self._session, HTTPMethod.GET, f"{self._api_url}/{media_id}", self._token, query=query, timeout=self._seconds
        )

    async def download(self, url: str, kind: MediaKind, write: Callable[[bytes], Awaitable[None]]) -> None:
        """Hand the bytes of a file to `write`, never more than its kind may have. Raises NotNow, Never, and what `write` raises."""
        limits = aiohttp.ClientTimeout(total=DOWNLOAD_SECONDS, connect=SILENCE_SECONDS, sock_read=SILENCE_SECONDS)
        address = url
        try:
            for _ in range(MAX_REDIRECTS + 1):
                async with self._session.get(
                    trusted(address, self._api),
                    headers={"Authorization": f"Bearer {self._token}", "Accept-Encoding": "identity"},
                    timeout=limits,
                    allow_redirects=False,
                ) as response:
                    if response.status not in _MOVED:
                        await _take(response, kind, write)
                        return
                    address = str(response.url.join(URL(response.headers.get("Location", ""))))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise NotNow(f"it could not be downloaded ({type(error).__name__})") from error
        raise NotNow("WhatsApp sent us from one address to the next")

    async def upload(self, number: str, path: Path, mime: str) -> str:
        """Give Meta a file; returns its id there. Raises SendError: REFUSED or RETRY, for nothing was sent yet."""
        form = aiohttp.FormData()
        form.add_field("messaging_product", "whatsapp")
        form.add_field("type", mime)
        with path.open("rb") as file:
            form.add_field("file", file, filename="file", content_type=mime)
            try:
                async with self._session.post(
                    f"{self._api_url}/{number}/media",
                    data=form,
                    headers={"Authorization": f"Bearer {self._token}"},
                    timeout=aiohttp.ClientTimeout(total=UPLOAD_SECONDS, connect=SILENCE_SECONDS),
                    allow_redirects=False,
                ) as response:
                    answer = Answer(response.status, await response.read())
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise SendError(Failure.RETRY, f"the file could not be uploaded ({type(error).__name__})") from error
        try:
            media_id = text(accepted(answer).get("id"))
        except SendError as error:
            if error.failure is Failure.UNKNOWN:  # to upload twice does no harm
                error.failure = Failure.RETRY
            raise
        if media_id is None:
            raise SendError(Failure.RETRY, "WhatsApp took the file, but did not say under which id")
        return media_id


def trusted(address: str, api: URL) -> URL:
    """The address, if the token may go there. Raises Never."""
    if _ADDRESS.fullmatch(address):
        try:
            url = URL(address)
            host, port = url.host or "", url.port
        except ValueError:
            raise Never(_STRANGE) from None
        own = (url.scheme, host, port) == (api.scheme, api.host, api.port)
        of_meta = url.scheme == "https" and port == 443 and (host == _HOST or host.endswith(_DOMAINS))
        if (own or of_meta) and url.user is None and url.password is None:
            return url
    raise Never(_STRANGE)


_STRANGE = "WhatsApp said it is at an address that is not WhatsApp's"


def is_public(address: str) -> bool:
    """Whether an address of the network layer is somewhere out in the world."""
    found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        inner = IPv4Address(int(found) & 0xFFFFFFFF) if found in _TRANSLATED else None
        found = inner or found.ipv4_mapped or found.sixtofour or found
    return found.is_global and not found.is_multicast


async def _take(response: aiohttp.ClientResponse, kind: MediaKind, write: Callable[[bytes], Awaitable[None]]) -> None:
    if response.status != HTTPStatus.OK:
        raise NotNow(f"WhatsApp answered with HTTP {response.status} where it should be")
    most = int(MOST_BYTES[kind] * READ_AS_BINARY)
    if (integer(response.headers.get("Content-Length")) or 0) > most:
        raise Never(too_large(kind))
    size = 0
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        size += len(chunk)
        if size > most:  # whatever length it told
            raise Never(too_large(kind))
        await write(chunk)


def too_large(kind: MediaKind) -> str:
    """That a file is larger than its kind may be, and how large it may be, in a sentence."""
    most = MOST_BYTES[kind]
    limit = f"{most // MB} MB" if most >= MB else f"{most // KB} kB"
    return f"too large: WhatsApp takes {_NAMES[kind]} of up to {limit}"


_NAMES = MappingProxyType(
    {
        MediaKind.IMAGE: "pictures",
        MediaKind.VIDEO: "videos",
        MediaKind.AUDIO: "audio",
        MediaKind.DOCUMENT: "documents",
        MediaKind.STICKER: "stickers",
    }
)
