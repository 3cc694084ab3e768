"""A copy of everything that is kept of a person, as JSON in a zip file with the files of their messages: for the owner to hand over."""

import json
import os
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.store import erasing, personal
from bot.store.optout_log import sync_folder
from bot.store.shelf import Shelf
from bot.store.step import Step, from_micros, sql

_MOMENTS = frozenset({"at", "since", "until", "ends", "due", "lease_until", "not_before", "free_until"})
_NOT_THEIRS = frozenset({"id", "contact", "epoch", "owner", "lease_until", "attempts", "retry_at", "generation", "needs_of", "verified_at"})
_WORDS: Mapping[str, str] = {  # tables by the names a person understands
    "message": "messages_received",
    "outbox": "messages_sent",
    "shop_order": "orders",
    "checkout": "carts",
    "consent_record": "consents",
    "run": "conversation_flows",
    "discount": "discount_codes",
    "audit": "notes",
    "attachment": "files_received",
    "referral": "ads_they_came_by",
    "purchase": "products_bought",
    "awaited_purchase": "products_expected_to_be_needed",
    "credit": "orders_brought_about_by_messages",
    "wish": "products_waited_for",
    "order_word": "order_news",
    "reaction": "reactions",
    "conversation": "conversations",
    "tag": "tags",
}


@dataclass(frozen=True, slots=True)
class PersonCopy:
    """What is kept of a person: sections with rows, and the files (hashes) of their messages."""

    sections: Mapping[str, Any]
    files: tuple[str, ...]


def of(contact: int) -> Step[PersonCopy]:
    """Everything of a person."""
    person = (yield sql("contact.load", id=contact))[0]
    sections: dict[str, Any] = {"person": _row(person, frozenset({"id", "merged_into"}))}
    names = yield sql("contact.names", contact=contact)
    sections["names"] = [_row(name) for name in names]
    for table, rows in (yield from personal.rows(contact)).items():
        sections[_WORDS.get(table, table)] = [_row(row, _NOT_THEIRS) for row in rows]
    sections["deliveries"] = [_row(row, _NOT_THEIRS) for row in (yield sql("privacy.entries_of", contact=contact))]
    return PersonCopy(sections, tuple(sorted(set((yield from erasing.files_of(contact))))))


def _row(row: Any, left_out: frozenset[str] = frozenset()) -> dict[str, Any]:
    return {name: _plain(name, row[name]) for name in dict(row) if name not in left_out and row[name] is not None}


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, int) and (name in _MOMENTS or name.endswith("_at")):
        return from_micros(value).isoformat()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def write(path: Path, people: Sequence[PersonCopy], shelf: Shelf, now: datetime) -> dict[str, int]:
    """Write copies into a zip file for this user alone; it stands there whole or not at all. Returns how many rows of each section. Blocks
    on the disk."""
    if not path.parent.is_dir():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(path.parent.parent)
    unfinished = _unfinished(path)
    counts: Counter[str] = Counter()
    with os.fdopen(os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as folder:
            told = {"made_at": now.isoformat(), "people": [one.sections for one in people]}
            folder.writestr("data.json", json.dumps(told, ensure_ascii=False, indent=2))
            for sha256 in sorted({one for person in people for one in person.files}):
                if shelf.has(sha256):
                    folder.write(shelf.path(sha256), f"files/{sha256}")
                    counts["files"] += 1
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    sync_folder(path.parent)
    for person in people:
        counts.update({section: len(rows) for section, rows in person.sections.items() if isinstance(rows, list) and rows})
    return dict(counts)


def discard(path: Path) -> None:
    """Remove copies, and what a crash left of writing them. Blocks on the disk."""
    for one in (path, _unfinished(path)):
        one.unlink(missing_ok=True)


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".unfinished")
