"""What a browser would see of a page of the sandbox, its forms as htmx sends them, its stream; and a desk as the page needs it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser

import aiohttp

from .house import ANA, House

VOID = frozenset({"input", "img", "meta", "link", "path", "use", "circle"})


@dataclass
class Node:
    """An element: its attributes and the text in it."""

    tag: str
    attributes: dict[str, str]
    words: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


class Seen(HTMLParser):
    """What a browser would see: every element, with all the text inside it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self._open: list[Node] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.nodes.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop().tag == tag, f"{tag} is not closed in order"

    def handle_data(self, data: str) -> None:
        for node in self._open:
            node.words.append(data)

    def at(self, place: str) -> Node:
        """The element with this id."""
        found = [node for node in self.nodes if node.attributes.get("id") == place]
        assert len(found) == 1, f"{len(found)} elements are called {place}"
        return found[0]

    def has(self, place: str) -> bool:
        return any(node.attributes.get("id") == place for node in self.nodes)

    def of(self, name: str) -> list[Node]:
        """Every element of this class."""
        return [node for node in self.nodes if name in node.attributes.get("class", "").split()]


async def look(home: House, who: str = "ana") -> Seen:
    """The page as this customer's visitor has it."""
    async with home.http.get(f"{home.url}/?who={who}") as response:
        assert response.status == 200
        return Seen(await response.text())


async def act(home: House, action: str, headers: dict[str, str] | None = None, /, **wish: str) -> int:
    """Send a form of the page as htmx does."""
    sent = {"HX-Request": "true", **(headers or {})}
    async with home.http.post(f"{home.url}/page/{action}", data=wish, headers=sent, allow_redirects=False) as response:
        return response.status


@dataclass
class Event:
    """One server-sent event."""

    id: str
    name: str
    text: str

    @property
    def seen(self) -> Seen:
        return Seen(self.text)


async def next_event(reader: aiohttp.StreamReader, seconds: float = 10.0) -> Event:
    found: dict[str, list[str]] = {"id": [], "event": [], "data": []}
    async with asyncio.timeout(seconds):
        while line := (await reader.readline()).decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            found[name].append(value)
    return Event("".join(found["id"]), "".join(found["event"]), "\n".join(found["data"]))


@asynccontextmanager
async def reading(home: House, who: str, since: str = "", last: str = "") -> AsyncIterator[aiohttp.StreamReader]:
    headers = {"Last-Event-ID": last} if last else {}
    async with home.http.get(f"{home.url}/page/live?who={who}&since={since}", headers=headers) as stream:
        assert stream.content_type == "text/event-stream"
        yield stream.content


def since_of(seen: Seen) -> str:
    return re.sub(r".*since=", "", seen.at("live").attributes["sse-connect"])


class Desk:
    """A desk as the page needs it."""

    def __init__(self) -> None:
        self.queue = [(ANA, "wants to talk")]
        self.taken: dict[str, str] = {}
        self.said: list[tuple[str, ...]] = []

    async def take(self, phone: str) -> None:
        self.queue.clear()
        self.taken[phone] = "Eva"
        self.said.append(("take", phone))

    async def say(self, phone: str, text: str) -> None:
        self.said.append(("say", phone, text))

    async def hand_back(self, phone: str) -> None:
        self.taken.pop(phone)
        self.said.append(("hand_back", phone))

    async def waiting(self) -> list[tuple[str, str]]:
        return self.queue

    async def holders(self) -> dict[str, str]:
        return self.taken
