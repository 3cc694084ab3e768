"""What a bot asked the Cloud API, newest last, and how it was answered."""

import json
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

KEPT = 40


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `at` is `time.monotonic()` when it was answered; bodies as they went over the wire, files left out."""

    at: float
    method: str
    path: str
    body: bytes
    status: int
    answer: bytes

    @property
    def what(self) -> str:
        """What was asked, in a few words: `template cart_reminder to +34600000001`, `GET message_templates`."""
        asked = _json(self.body)
        edge = self.path.rsplit("/", 1)[-1]
        if edge not in ("messages", "marketing_messages"):
            name = f" {asked['name']}" if isinstance(asked.get("name"), str) else ""
            return f"{self.method} {edge}{name}"
        if asked.get("status") == "read":
            return "read, and typing" if asked.get("typing_indicator") else "read"
        kind = str(asked.get("type", "text"))
        part = asked.get(kind)
        detail = part.get("name") or part.get("type") or "" if isinstance(part, dict) and kind in ("template", "interactive") else ""
        return f"{f'{kind} {detail}'.strip()} to {asked.get('to') or asked.get('recipient') or 'nobody'}"

    @property
    def outcome(self) -> str:
        """The status, with the error's own words where it was refused."""
        error = _json(self.answer).get("error")
        if not isinstance(error, dict):
            return str(self.status)
        more = error.get("error_data")
        details = f". {more['details']}" if isinstance(more, dict) and more.get("details") else ""
        return f"{self.status}: {error.get('message', '')}{details}"


class CallLog:
    """Notes each request under a version of the API."""

    def __init__(self) -> None:
        self.calls: deque[Call] = deque(maxlen=KEPT)

    @web.middleware
    async def note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Passes the request on, and notes what came of it."""
        if not request.path.startswith("/v"):
            return await handler(request)
        answer = await handler(request)
        body = await request.read() if request.content_type == "application/json" else b""
        told = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""
        self.calls.append(Call(time.monotonic(), request.method, request.path, body, answer.status, told))
        return answer


def _json(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
