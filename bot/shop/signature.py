"""Who may post shop events to us, and how we sign what we send to a shop.

Most shops put an HMAC-SHA256 of the raw body into a header: `body_signed`. Standard Webhooks 1.0.0 sign more: headers `webhook-id`,
`webhook-timestamp` (epoch seconds of the attempt) and `webhook-signature` (space-separated `v1,<base64>`); signed are the bytes
`{id}.{timestamp}.{raw body}` with HMAC-SHA256; a secret is `whsec_` and base64 of 24 to 64 random bytes.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"

TOLERANCE = timedelta(minutes=5)  # the specification's window against replays
MOST_SIGNATURES = 16  # a sender that rotates its secret sends two; more is only work for us

_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)  # the specification's bounds
_ID = re.compile(r"[!-\-/-~]{1,256}", re.ASCII)  # printable, without the dot that ends it in the signed bytes
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


def signed(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """Whether one of our secrets signed this body, within five minutes of `now` (UTC).

    Total: whatever headers and body hold, the answer is yes or no. Each of the three headers must come exactly once.
    """
    return signed_with(headers, body, [key for key in map(_key, secrets) if key is not None], now)


def signed_with(headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], now: datetime) -> bool:
    """As `signed`, with the bytes of the keys. An empty key is none."""
    message_id, seconds, signatures = (only(headers, name) for name in (ID, TIMESTAMP, SIGNATURE))
    if message_id is None or seconds is None or signatures is None:
        return False
    if not _ID.fullmatch(message_id) or not _SECONDS.fullmatch(seconds):
        return False
    if abs(now.timestamp() - int(seconds)) > TOLERANCE.total_seconds():
        return False
    given = _given_digests(signatures)
    expected = [_digest(key, message_id, seconds, body) for key in keys if key]
    return any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in given)


def sign(message_id: str, at: datetime, body: bytes, secret: str) -> dict[str, str]:
    """The three headers of a message of ours sent `at` (UTC). The same id on each try of the same message.

    Raises ValueError for a secret or an id that the other side could not accept.
    """
    key = _key(secret)
    if key is None:
        raise ValueError("a signing secret is 'whsec_' and the base64 of 24 to 64 bytes")
    return sign_with(message_id, at, body, key)


def sign_with(message_id: str, at: datetime, body: bytes, key: bytes) -> dict[str, str]:
    """As `sign`, with the bytes of the key."""
    if not _ID.fullmatch(message_id):
        raise ValueError("a message id is 1 to 256 printable characters without a dot")
    seconds = str(int(at.timestamp()))
    digest = base64.b64encode(_digest(key, message_id, seconds, body)).decode("ascii")
    return {ID: message_id, TIMESTAMP: seconds, SIGNATURE: f"v1,{digest}"}


def valid_secret(secret: str) -> bool:
    """Whether a secret has the shape `whsec_...`."""
    return _key(secret) is not None


class Encoding(StrEnum):
    """How a digest is written in a header."""

    BASE64 = "base64"
    HEX = "hex"


def body_signed(given: str | None, body: bytes, secrets: Sequence[str], encoding: Encoding) -> bool:
    """Whether `given` is the HMAC-SHA256 of the raw body by one of our secrets. Total, and in constant time. An empty secret is none:
    with an empty key anybody could sign."""
    if not given:
        return False
    theirs = (given.lower() if encoding is Encoding.HEX else given).encode("utf-8", "replace")
    expected = [_written(hmac.digest(secret.encode("utf-8", "replace"), body, hashlib.sha256), encoding) for secret in secrets if secret]
    return any(hmac.compare_digest(ours, theirs) for ours in expected)


def _written(digest: bytes, encoding: Encoding) -> bytes:
    return base64.b64encode(digest) if encoding is Encoding.BASE64 else digest.hex().encode("ascii")


def same(given: str | None, secrets: Sequence[str]) -> bool:
    """Whether `given` is one of our secrets, in constant time: for those who send it along instead of signing."""
    theirs = (given or "").encode("utf-8", "replace")
    return any(hmac.compare_digest(secret.encode("utf-8", "replace"), theirs) for secret in secrets if secret)


def only(headers: Mapping[str, str], name: str) -> str | None:
    """The value of a header that came exactly once, in whatever case. A multi-dict yields each value of a repeated one."""
    values = [value for key, value in headers.items() if key.lower() == name.lower()]
    return values[0] if len(values) == 1 else None


def _given_digests(signatures: str) -> list[bytes]:
    versioned = (entry.partition(",") for entry in signatures.split(" ", MOST_SIGNATURES)[:MOST_SIGNATURES])
    digests = (_decoded(digest) for version, _, digest in versioned if version == "v1")
    return [digest for digest in digests if digest is not None]


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # not base64, or not even ASCII
        return None


def _key(secret: str) -> bytes | None:
    key = _decoded(secret.removeprefix(_PREFIX))
    return key if secret.startswith(_PREFIX) and key is not None and len(key) in _KEY_BYTES else None


def _digest(key: bytes, message_id: str, seconds: str, body: bytes) -> bytes:
    return hmac.digest(key, f"{message_id}.{seconds}.".encode("ascii") + body, hashlib.sha256)
