"""One request to Meta's Graph API over aiohttp, and what its failures mean.

The whole protocol of sending hangs on telling apart "surely not sent" and "nobody knows". It is told by where the request failed
(before or after its first byte may have left the host) and by Meta's own `error.code`, never by the HTTP status alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPMethod, HTTPStatus

import aiohttp

from bot.channel import Failure, Remedy, SendError
from bot.channel.whatsapp.errors import SERVER_ERROR, explain, for_code
from bot.channel.whatsapp.wire import Node, decode, encode, integer, is_node, node

API_URL = "https://graph.facebook.com/v24.0"

# Meta answers in 0.2 to 0.5 seconds as a rule; 20 are long enough for its bad days, and short enough to notice ours.
TIMEOUT = 20.0

# After a limit of an HTTP front that gives no Graph error code.
THROTTLED = timedelta(minutes=1)


# All of these come before the first byte of the request: refused, DNS, TLS, the proxy, none free in the pool, no such address.
_NOT_CONNECTED = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, unjudged."""

    status: int
    body: bytes


async def ask(
    session: aiohttp.ClientSession,
    method: HTTPMethod,
    url: str,
    token: str,
    *,
    json: object = None,
    query: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
) -> Answer:
    """Make one request, never repeated. `timeout` (seconds) holds for connecting and for each silence of the answer.

    Raises SendError: RETRY when no connection came to be (refused, DNS, TLS, none free in the pool), UNKNOWN for everything after
    it (time-out, reset, cut, a stale connection), because bytes may have left. Nothing is redirected.
    """
    if session.closed:
        raise SendError(Failure.RETRY, "the house is closing")
    try:
        async with session.request(
            method,
            url,
            data=None if json is None else encode(json),
            params=query,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            timeout=_limits(timeout),
            allow_redirects=False,
        ) as response:
            return Answer(response.status, await response.read())
    except _NOT_CONNECTED as error:
        raise SendError(Failure.RETRY, f"WhatsApp could not be reached ({type(error).__name__})") from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise SendError(Failure.UNKNOWN, f"the connection to WhatsApp broke before its answer came ({type(error).__name__})") from error


def _limits(timeout: float) -> aiohttp.ClientTimeout:
    """The total is longer than connecting may take, so whatever hits the total was connected: then nobody knows."""
    return aiohttp.ClientTimeout(total=3 * timeout, connect=timeout, sock_read=timeout)


def accepted(answer: Answer) -> Node:
    """The JSON object of an answer that says yes. Raises SendError for every other answer."""
    if answer.status != HTTPStatus.OK:
        raise refusal(answer)
    value = _object(answer.body)
    if value is None:
        raise SendError(Failure.UNKNOWN, "WhatsApp said yes, but in words that cannot be read")
    return value


def refusal(answer: Answer) -> SendError:
    """What an answer that does not say yes means."""
    error = node(node(_object(answer.body)).get("error"))
    code = integer(error.get("code"))
    if code is None:
        return _without_code(answer.status)
    verdict = for_code(code, answer.status, integer(error.get("error_subcode")))
    return SendError(
        verdict.failure,
        explain(error, answer.status),
        code=code,
        retry_after=verdict.retry_after,
        remedy=verdict.remedy,
        tries=verdict.tries,
        advice=verdict.advice,
    )


def _without_code(status: int) -> SendError:
    """An answer that is not the Graph API's own: of a proxy, a front, or something else at this address."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return SendError(Failure.RETRY, "too many requests, says HTTP 429", retry_after=THROTTLED, remedy=Remedy.PAUSE_NUMBER)
    if HTTPStatus.BAD_REQUEST <= status < SERVER_ERROR and status != HTTPStatus.REQUEST_TIMEOUT:
        return SendError(Failure.REFUSED, f"HTTP {status} without an error code of WhatsApp's: is the address of the API right?")
    return SendError(Failure.UNKNOWN, f"HTTP {status} without an error code of WhatsApp's: nobody can say what became of the request")


def _object(body: bytes) -> Node | None:
    try:
        value = decode(body)
    except (ValueError, RecursionError):
        return None
    return node(value) if is_node(value) else None
