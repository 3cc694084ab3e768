"""WhatsApp's webhook: is a delivery genuine, and which single updates does it hold?

The whole of Meta's envelope is read here and in `reading.py`, not by pywa, which dispatches only the first update of a delivery,
and fails on several documented forms. A delivery holds up to 1,000 updates (Cloud API: "Webhooks"), in any order, sometimes twice.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from bot.channel.whatsapp.names import MESSAGE, NAMES, SYSTEM, Names, matching, names_in
from bot.channel.whatsapp.reading import Unreadable, read
from bot.channel.whatsapp.wire import EMPTY, Node, canonical, decode, encode, first, integer, is_node, node, word
from bot.store.model import Identity, IdentityKind, Source, Update, from_epoch, update_key

__all__ = ["NOTHING", "Unreadable", "read", "signed", "split"]

NOTHING = b'{"object": "whatsapp_business_account", "entry": []}'  # a delivery of nothing: the doctor knocks with it

_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")

_NUMBER_ID = re.compile(r"[0-9]{1,32}")


def signed(body: bytes, header: str | None, secrets: Sequence[str]) -> bool:
    """Whether `X-Hub-Signature-256` proves that one of the app secrets signed exactly these bytes.

    Several secrets are for their rotation. Never raises, whatever the header holds. An empty secret proves nothing.
    """
    if header is None or not _SIGNATURE.fullmatch(header):
        return False
    told = bytes.fromhex(header.removeprefix("sha256="))
    return any(hmac.compare_digest(hmac.digest(secret.encode(), body, "sha256"), told) for secret in secrets if secret)


def split(body: bytes, received_at: datetime) -> list[Update]:
    """Every single update of a delivery, in its order, each with its own part of the body and all names of its customer.

    Raises ValueError only when the body is not a JSON object. Anything strange inside becomes an update with `unreadable` set:
    nothing is dropped. Keys depend on the payload alone, so a redelivery gives the same ones, also in another batch.
    """
    if body.lstrip()[:1] != b"{":
        raise ValueError("the body is not a JSON object")
    try:
        envelope = node(decode(body))
    except RecursionError:
        return [_buried(body, received_at, "the delivery is nested too deep")]
    updates = []
    for piece in _pieces(envelope):
        try:
            updates.append(_update(piece, received_at))
        except RecursionError:  # the others of the delivery are kept all the same
            updates.append(_buried(body, received_at, "a part of the delivery is nested too deep"))
    return updates


# ---- the envelope: entries, their changes, their parts


@dataclass(frozen=True, slots=True)
class _Part:
    """A list of updates inside a change. `kind` is that of its updates; empty: the name of the change's field."""

    names: Names = NAMES
    kind: str = ""


_PARTS = {
    "messages": _Part(MESSAGE, "message"),
    "statuses": _Part(Names(("recipient_id",), ("recipient_user_id",), ("parent_recipient_user_id", "recipient_parent_user_id")), "status"),
    "message_echoes": _Part(Names(("to",), ("to_user_id",), ("to_parent_user_id",)), "echo"),
    "user_preferences": _Part(NAMES, "preference"),
    "calls": _Part(Names(("from", "to"), ("from_user_id", "to_user_id"), ("from_parent_user_id", "to_parent_user_id"))),
    "user_actions": _Part(Names(("wa_id", "recipient_id"), ("user_id", "recipient_user_id"), ("parent_user_id",)), "action"),
    "errors": _Part(kind="error"),
    "automatic_events": _Part(),
    "user_id_update": _Part(),
    "history": _Part(),
    "state_sync": _Part(),
}
_WHOLE = _Part()
# What the updates of a change share; whatever else stands beside its updates is one more.
_SHARED = frozenset({"messaging_product", "metadata", "contacts", *_PARTS})
_OF_DELIVERIES = frozenset({"object", "entry"})
_OF_ENTRIES = frozenset({"id", "time", "changes"})
_OF_CHANGES = frozenset({"field", "value"})


@dataclass(frozen=True, slots=True)
class _Contact:
    """One of `contacts[]`, and the names in it."""

    told: Node
    names: tuple[Identity, ...]


_NOBODY = _Contact(EMPTY, ())


@dataclass(frozen=True, slots=True)
class _Change:
    """What all updates of one change share.

    `topic` is the name of its field, `account` the WhatsApp business account, `time` the entry's own, `number` the receiving one.
    """

    topic: str | None = None
    account: str = ""
    time: int | None = None
    number: str = ""
    metadata: object = None
    contacts: tuple[_Contact, ...] = ()
    by_name: Mapping[Identity, _Contact] = field(default_factory=dict)

    def contact_of(self, names: Sequence[Identity]) -> _Contact:
        """The contact that goes by one of these names; the only one there is, for an update that names nobody."""
        if not names:
            return self.contacts[0] if len(self.contacts) == 1 else _NOBODY
        return next((self.by_name[name] for name in names if name in self.by_name), _NOBODY)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One update as it stood in the envelope, in the list `name`. `fault` says what was strange already there."""

    change: _Change
    content: object
    name: str = ""
    fault: str | None = None

    @property
    def part(self) -> _Part:
        return _PARTS.get(self.name, _WHOLE)


def _pieces(envelope: Node) -> Iterator[_Piece]:
    if stray := _besides(envelope, _OF_DELIVERIES):
        yield _Piece(_Change(), stray, fault="something in the delivery is no entry")
    for entry, fault in _elements(envelope, "entry"):
        if fault:
            yield _Piece(_Change(), entry, fault=fault)
        else:
            yield from _pieces_of_entry(node(entry))


def _pieces_of_entry(entry: Node) -> Iterator[_Piece]:
    account, time = matching(_NUMBER_ID, entry.get("id")) or "", integer(entry.get("time"))
    if stray := _besides(entry, _OF_ENTRIES):
        yield _Piece(_Change(account=account, time=time), stray, fault="something in an entry is no change")
    for written, fault in _elements(entry, "changes"):
        if fault:
            yield _Piece(_Change(account=account, time=time), written, fault=fault)
        else:
            yield from _pieces_of_change(_shared(node(written), account, time), node(written))


def _pieces_of_change(change: _Change, written: Node) -> Iterator[_Piece]:
    if not is_node(written.get("value")):
        yield _Piece(change, written, fault="a change without a value")
        return
    if stray := _besides(written, _OF_CHANGES):
        yield _Piece(change, stray, fault="something in a change is no value")
    value = node(written["value"])
    told = [name for name in _PARTS if value.get(name) is not None]
    if not told or (not any(value[name] for name in told) and value.keys() - _SHARED):
        yield _Piece(change, value)
        return
    if stray := _besides(value, _SHARED):
        yield _Piece(change, stray)
    for name in told:
        if isinstance(value[name], list):
            for content, fault in _elements(value, name):
                yield _Piece(change, content, name, fault)
        else:
            yield _Piece(change, value, name, f"'{name}' is not a list")


def _besides(parent: Node, known: Set[str]) -> dict[str, object]:
    """What stands under names nobody knows and could hold updates: lists and objects that are not empty."""
    if parent.keys() <= known:
        return {}
    return {name: held for name, held in parent.items() if name not in known and held and isinstance(held, (list, dict))}


def _elements(parent: Node, name: str) -> Iterator[tuple[object, str | None]]:
    """The objects of a list, each with what is wrong with it: what is no list, or no object, is kept for a person to see."""
    found = parent.get(name)
    if found is None:
        return
    if not isinstance(found, list):
        yield found, f"'{name}' is not a list"
        return
    for content in found:
        yield content, None if is_node(content) else f"something in '{name}' is not an object"


def _shared(written: Node, account: str, time: int | None) -> _Change:
    value = node(written.get("value"))
    metadata, listed = value.get("metadata"), value.get("contacts")
    objects = [contact for contact in listed if isinstance(contact, dict)] if isinstance(listed, list) else ()
    contacts = tuple(_Contact(contact, tuple(names_in(contact, NAMES))) for contact in objects)
    by_name: dict[Identity, _Contact] = {}
    for contact in contacts:
        for name in contact.names:
            by_name.setdefault(name, contact)
    number = matching(_NUMBER_ID, node(metadata).get("phone_number_id")) or ""
    return _Change(word(written.get("field")), account, time, number, metadata, contacts, by_name)


# ---- one update


def _update(piece: _Piece, received_at: datetime) -> Update:
    change, content = piece.change, node(piece.content)
    named = (*names_in(content, piece.part.names), *names_in(node(content.get("system")), SYSTEM))
    if piece.name == "calls":  # both sides are named, and one of them is we
        ours = frozenset(names_in({"wa_id": node(change.metadata).get("display_phone_number")}, NAMES))
        named = tuple(name for name in named if name not in ours)
    contact = change.contact_of(named)
    identities = tuple(dict.fromkeys((*named, *contact.names)))
    seconds = integer(content.get("timestamp"))
    seconds = change.time if seconds is None else seconds
    # A timestamp in the future would hold the reply window open for years: what happened, happened before we heard of it.
    occurred_at = received_at if seconds is None else min(from_epoch(seconds), received_at)
    return Update(
        source=Source.WHATSAPP,
        kind=_kind(piece),
        key=update_key(from_epoch(seconds or 0), _name(piece)),
        place=change.number,
        body=encode(
            {
                "field": change.topic,
                "account": change.account,
                "at": int(occurred_at.timestamp()),
                "metadata": change.metadata,
                "contact": contact.told or _contact(identities),
                "part": piece.name,
                "item": piece.content,
            }
        ),
        occurred_at=occurred_at,
        identities=identities,
        unreadable=_fault(piece, identities),
    )


def _kind(piece: _Piece) -> str:
    if piece.name == "messages" and node(piece.content).get("type") == "system":
        return "system"
    return piece.part.kind or piece.change.topic or "unknown"


def _name(piece: _Piece) -> str:
    """What makes the update itself and no other: WhatsApp's message id where there is one, else a hash of all it says."""
    content = node(piece.content)
    if isinstance(wamid := content.get("id"), str) and wamid and not piece.fault:
        if piece.name == "messages":
            return wamid
        if piece.name == "message_echoes":
            return f"{wamid}:echo"
        if piece.name == "statuses" and isinstance(status := content.get("status"), str) and content.get("type") in (None, "message"):
            code = integer(first(content.get("errors")).get("code"))
            return f"{wamid}:{status}" if code is None else f"{wamid}:{status}:{code}"
    change = piece.change
    told = canonical([change.topic, change.account, change.number, piece.name, piece.content])
    return hashlib.sha256(told.encode("ascii")).hexdigest()


def _fault(piece: _Piece, identities: Sequence[Identity]) -> str | None:
    """Why an update cannot be understood, as far as it can be seen without reading it; None for a sound one."""
    if piece.fault:
        return piece.fault
    if piece.change.topic is None:
        return "a change without the name of its field"
    content = node(piece.content)
    if piece.name in ("messages", "message_echoes", "statuses") and not (isinstance(content.get("id"), str) and content["id"]):
        return "a message or status without an id"
    if piece.name in ("messages", "message_echoes", "user_preferences") and not identities:
        return "it does not say which customer it is about"
    return None


def _buried(body: bytes, received_at: datetime, why: str) -> Update:
    """A delivery that cannot be taken apart: kept whole."""
    return Update(
        source=Source.WHATSAPP,
        kind="unknown",
        key=update_key(from_epoch(0), hashlib.sha256(body).hexdigest()),
        place="",
        body=body,
        occurred_at=received_at,
        unreadable=why,
    )


# ---- the contact


def _contact(identities: Sequence[Identity]) -> dict[str, str]:
    """The contact Meta left out (failed statuses, older forms), made from the names on the update itself."""
    keys = {IdentityKind.WA_ID: "wa_id", IdentityKind.BSUID: "user_id", IdentityKind.PARENT_BSUID: "parent_user_id"}
    return {keys[name.kind]: name.value for name in identities if name.kind in keys}
