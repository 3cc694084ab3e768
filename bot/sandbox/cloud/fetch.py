"""Fetches what a message links to, as Meta does before it delivers: a file that cannot be had or sent fails the message."""

import aiohttp

from bot.sandbox.cloud.bubble import Drawing, Media, MediaKind
from bot.sandbox.cloud.media import MB, SIZES, TYPES, bare_type

TIMEOUT = aiohttp.ClientTimeout(total=5)


def links_of(drawing: Drawing) -> tuple[Media, ...]:
    """The files of a message that lie somewhere else."""
    return tuple(one for one in (drawing.media, *(card.media for card in drawing.cards)) if one and one.link)


async def trouble_with_link(media: Media) -> str:
    """What is wrong with the file behind a link; empty when it can be sent."""
    kind = "audio" if media.kind is MediaKind.VOICE else media.kind.value
    try:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as http, http.get(media.link) as response:
            if response.status != 200:
                return f"Downloading media from weblink failed with http code {response.status}"
            mime, size = bare_type(response.headers.get("Content-Type", "")), 0
            async for chunk in response.content.iter_chunked(MB):
                size += len(chunk)
                if size > SIZES[kind]:
                    return f"the file is larger than {SIZES[kind]} bytes"
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return f"Downloading media from weblink failed: {type(error).__name__}"
    return "" if kind == "document" or mime in TYPES[kind] else f"unsupported {kind} mime type {mime or 'none'}"
