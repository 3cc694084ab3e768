"""The rule of layers: an import only goes down, rooms on one floor do not know each other, floor 1 is pure (bot/__init__.py)."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {
    **dict.fromkeys(["__main__", "clock", "command", "app", "owner_files", "settings", "shops"], 6),
    **dict.fromkeys(["web", "rehearsal", "sandbox"], 5),
    **dict.fromkeys(["worker", "desk", "report"], 4),
    **dict.fromkeys(["channel", "shop", "audience"], 3),
    **dict.fromkeys(["store"], 2),
    **dict.fromkeys(["flow", "policy"], 1),
}
TOP = 6  # the floor that puts the parts together: its own modules know each other
PURE = {"yaml", "pydantic", "pydantic_core", "babel"}
IMPURE = {"asyncio", "logging", "os", "random", "secrets", "sqlite3", "time"}
CLOCKS = (".datetime.now", ".datetime.utcnow", ".datetime.today", ".date.today", ".time.time", ".time.time_ns")
ONLY_IN = {
    "sqlite3": ("bot.store",),
    "aiosqlite": ("bot.store",),
    "asyncpg": ("bot.store",),
    "pywa": ("bot.channel.whatsapp",),
    "pywa_async": ("bot.channel.whatsapp",),
    "httpx": ("bot.channel.whatsapp",),
    "aiohttp.web": ("bot.web", "bot.sandbox"),
    "apscheduler": ("bot.worker",),
    "graphql": ("bot.sandbox",),
}


def within(module: str, packages: tuple[str, ...]) -> bool:
    return f"{module}.".startswith(tuple(f"{package}." for package in packages))


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            yield from (".".join([*above, *filter(None, [node.module]), alias.name]) for alias in node.names)


def violations(module: str, source: str, *, is_package: bool = False) -> Iterator[str]:
    """What a module (`bot.shop.plain`) of this source does that the rule forbids."""
    tree = ast.parse(source)
    _, room, *_ = [*module.split("."), "", ""]
    floor = FLOORS.get(room, 0)
    for name in imports(tree, module if is_package else module.rpartition(".")[0]):
        base, other = name.partition(".")[0], [*name.split("."), ""][1]
        below = FLOORS.get(other, 0) < floor or FLOORS.get(other) == floor == TOP
        if base == "bot" and other in FLOORS and other != room and (room == "sandbox" or not below):
            yield f"{module} imports {name}: it is not on a floor below"
        if floor == 1 and base != "bot" and (base in IMPURE or base not in PURE | sys.stdlib_module_names):
            yield f"{module} imports {name}: floor 1 is pure"
        for part, homes in ONLY_IN.items():
            if within(name, (part,)) and not within(module, homes):
                yield f"{module} imports {name}: only {' and '.join(homes)} may know it"
    if floor <= 3:
        named = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        yield from (f"{module} asks {name}: time is an argument" for name in named if f".{name}".endswith(CLOCKS))


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / "bot").rglob("*.py")):
        yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path


def test_every_module_keeps_the_rule() -> None:
    found = [
        violation
        for module, path in modules()
        for violation in violations(module, path.read_text(encoding="utf-8"), is_package=path.name == "__init__.py")
    ]
    assert not found, "\n".join(found)


def test_every_room_has_a_floor() -> None:
    assert {module.split(".")[1] for module, _ in modules() if "." in module} <= set(FLOORS)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("bot.store.sqlite", "from bot.worker import sender"),
        ("bot.shop.plain", "from bot import channel"),
        ("bot.shop.plain", "import bot.audience.csv"),
        ("bot.shop.plain", "from ..web import door"),
        ("bot.flow.text", "from bot.policy.decision import Send"),
        ("bot.web.door", "from bot.app import build"),
        ("bot.sandbox.shop.shop", "from bot.shop.signature import sign"),
        ("bot.flow.text", "import asyncio"),
        ("bot.flow.text", "def f():\n    from os import environ"),
        ("bot.policy.hours", "import aiohttp"),
        ("bot.worker.clock", "import sqlite3"),
        ("bot.app", "import aiosqlite"),
        ("bot.channel", "import httpx"),
        ("bot.worker.sender", "from aiohttp import web"),
        ("bot.desk", "from apscheduler.schedulers import asyncio"),
        ("bot.store.sqlite", "import datetime\ndatetime.datetime.now(datetime.UTC)"),
        ("bot.shop.plain", "from datetime import datetime\nclock = datetime.utcnow"),
        ("bot.channel.whatsapp.send", "import time\ntime.time()"),
    ],
)
def test_the_rule_can_be_broken(module: str, source: str) -> None:
    assert list(violations(module, source))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("bot.app", "from bot import settings, web\nfrom bot.store import sqlite"),
        ("bot.shop.plain", "from bot.flow.facts import Money\nfrom bot.shop import event\nfrom . import field\nimport aiohttp"),
        ("bot.flow.text", "import re\nfrom datetime import datetime\nimport yaml"),
        ("bot.channel.whatsapp.send", "import pywa_async\nimport httpx\nimport time\ntime.monotonic()"),
        ("bot.worker.clock", "from datetime import datetime\ndatetime.now()"),
        ("bot.sandbox.shop.shop", "from aiohttp import web\nfrom bot.sandbox import cloud"),
    ],
)
def test_the_rule_leaves_the_rest_alone(module: str, source: str) -> None:
    assert not list(violations(module, source))
