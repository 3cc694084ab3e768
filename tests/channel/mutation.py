"""Deliveries of Meta's, broken in the ways that bytes and JSON can be: types swapped, parts gone, renamed, doubled, nested, cut off.

Each update carries a mark of its own, so that a test can see what became of it: whatever of a body can still be read must be kept.
"""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

from .payloads import CASES, Case, Json, envelope

MARK = re.compile(r"mark-[0-9]+-[0-9]+-[0-9]+")
_SHARED = ("contacts", "metadata")  # of all updates of a change: each keeps what is its own of them
_LISTS = (
    *("messages", "statuses", "message_echoes", "user_preferences", "calls", "user_actions", "errors", "automatic_events"),
    *("user_id_update", "history", "state_sync", "groups"),
)
_DEEP, _HUGE, _NAN = "@deep@", "@huge@", "@nan@"  # stand for what no Python value can say; written at the end

_STRANGE: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 1e308, 2**63, 10**19, -(10**30), "", " ", "0", "-1", "\x00", "a\x00b", "\ud800", "\udfff\ud800"),
    *(
        "\u202egnp.exe",
        "\u2066\u200b\ufeff",
        "e" + "\u0301" * 200,
        "👨‍👩‍👧‍👦" * 20,
        "x" * 5_000,
        "'; drop table inbox; --",
        "<script>alert(1)</script>",
    ),
    *("STOP", "stop", "\nstop\u200b", "{{7*7}}", "%s%n", "../../etc/passwd", "javascript:alert(1)", "=cmd()", "en-US", "xx_YY"),
    *([], {}, [[]], [{}], [None], {"": None}, {"id": {}}, [1, "2", None], {"\x00": "\x00"}, {"__proto__": {}}, _DEEP, _HUGE, _NAN),
    *("text", "system", "reaction", "edit", "revoke", "order", "interactive", "unsupported", "hologram", "messages", "failed", "read"),
    *("16505551234", 16505551234, "+1 650 555 1234", "5511987654321", "US.13491208655302741918", "US.ENT.1", "1795305600", 1795305600),
]


def bodies(seed: int, count: int) -> Iterator[bytes]:
    """So many deliveries; the same for the same seed."""
    random = Random(f"hostile {seed}")
    return (_body(random, seed, number) for number in range(count))


def marks(body: bytes) -> set[str]:
    """The marks of the updates in a body that can still be told; in all of it where nothing can be."""
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return marks_kept(body)
    return set(_marks(value)) if isinstance(value, dict) else marks_kept(body)


def marks_kept(body: bytes) -> set[str]:
    """Every mark in what was kept of a delivery, in whatever encoding it came."""
    return set(MARK.findall(body.decode("latin-1").replace("\0", "")))


def _marks(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from MARK.findall(value)
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if key not in _SHARED:
            yield from _marks(inner)


def _body(random: Random, seed: int, number: int) -> bytes:
    mark = f"mark-{seed}-{number}"
    written = envelope(*(marked(random.choice(CASES), f"{mark}-{place}") for place in range(random.choice((1, 1, 1, 2, 3)))))
    if random.random() < 0.003:
        _many(random, written, mark)
    elif random.random() < 0.15:
        written["entry"].append(deepcopy(written["entry"][0]) | {"id": "7"})
        _remark(written["entry"][1], f"{mark}-9")
    for _ in range(random.choice((0, 1, 1, 2, 3, 8))):
        _broken(random, written)
    return _bytes_broken(random, _written(random, written))


def marked(case: Case, mark: str) -> Json:
    """The change, with a mark in each of its updates, and names that no other delivery has."""
    change: Json = json.loads(json.dumps(case.change))
    _remark(change, mark)
    return change


def _remark(container: Any, mark: str) -> None:
    for value in _values_of(container):
        items = [item for name in _LISTS for item in value.get(name, ())]
        for item in items or [value]:
            item["mark"] = mark
            if isinstance(item.get("id"), str):
                item["id"] = f"wamid.{mark}"


def _values_of(container: Any) -> list[Json]:
    changes = container.get("changes", [container])
    return [change["value"] for change in changes]


def _many(random: Random, written: Json, mark: str) -> None:
    """A thousand in one delivery."""
    changes = written["entry"][0]["changes"]
    for number in range(1_000):
        changes.append(marked(random.choice(CASES), f"{mark}{number + 100}-0"))


# ---- broken as JSON


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) in it, from the outside to the inside."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        container = waiting.pop()
        for key, inner in list(container.items() if isinstance(container, dict) else enumerate(container)):
            found.append((container, key))
            if isinstance(inner, (dict, list)):
                waiting.append(inner)
    return found


def _broken(random: Random, written: Json) -> None:
    found = places(written)
    if not found:
        return
    container, key = random.choice(found[-400:])
    match random.randrange(8):
        case 0 | 1 | 2:
            strange = deepcopy(random.choice(_STRANGE))
            # two updates with one id are one update to everybody: what is put in its place is no text
            container[key] = strange if key != "id" else random.choice([None, 0, [], {}, "", True, 1.5])
        case 3:
            del container[key]
        case 4 if isinstance(container, dict):
            container[random.choice([f"{key}_2", key.upper(), "", "id2", "x" * 300, "type", "entry", "messages", "statuses"])] = (
                container.pop(key)
            )
        case 5 if isinstance(container[key], (dict, list)):
            container[key] = {"wrapped": container[key]} if random.random() < 0.5 else [container[key]]
        case 6 if isinstance(container[key], (dict, list)) and container[key]:
            inside = container[key]
            container[key] = random.choice(list(inside.values()) if isinstance(inside, dict) else inside)
        case _ if key != "id":
            other_container, other_key = random.choice(found[-400:])
            container[key] = _copy(other_container.get(other_key) if isinstance(other_container, dict) else None)


def _copy(value: Any) -> Any:
    """A copy, without marks: what is there twice is one update."""
    return json.loads(MARK.sub("copy", json.dumps(value)))


def _written(random: Random, written: Json) -> str:
    text = json.dumps(written, ensure_ascii=random.random() < 0.9, separators=random.choice([(",", ":"), (", ", ": "), (" ,\n", "\t:  ")]))
    depth, digits = random.choice((50, 400, 900, 980, 995, 1_500, 50_000)), random.choice((25, 400, 5_000, 50_000))
    text = text.replace(f'"{_DEEP}"', random.choice(("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth)))
    text = text.replace(f'"{_HUGE}"', random.choice(("9" * digits, "-" + "9" * digits, "1e" + "9" * min(digits, 400), "0." + "1" * digits)))
    text = text.replace(f'"{_NAN}"', random.choice(("NaN", "Infinity", "-Infinity")))
    if random.random() < 0.05:  # a name that is there twice: the later one counts
        key = random.choice(("id", "type", "field", "timestamp"))
        text = text.replace(f'"{key}"', f'"{key}":{random.choice(["null", "1", "[]", "{}"])},"{key}"', 1)
    return text


# ---- broken as bytes


def _bytes_broken(random: Random, text: str) -> bytes:
    body = text.encode("utf-8", "surrogatepass")
    roll = random.random()
    if roll < 0.90:
        return body
    if roll < 0.93:
        return body[: random.randrange(len(body))]
    if roll < 0.95:
        at = random.randrange(len(body))
        return body[:at] + random.randbytes(random.randrange(1, 6)) + body[at + random.randrange(6) :]
    if roll < 0.96:
        return text.encode("utf-16", "surrogatepass")
    return random.choice(
        (b"\xef\xbb\xbf" + body, b"  \n" + body, body + b"{}", b"[" + body + b"]", text.encode("latin-1", "replace"), b"\x00" + body)
    )
