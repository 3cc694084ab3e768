"""A database read from outside, as any other program could: a file or a server."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from typing import Any

import asyncpg

from bot.store.database import is_server

_FILE_TABLES = "select name from sqlite_master where type = 'table' order by name"
# the heartbeats of processes are nobody's affair
_SERVER_TABLES = "select tablename as name from pg_tables where schemaname = 'public' and tablename <> 'process' order by tablename"


def rows(database: str, query: str, *values: object) -> list[dict[str, Any]]:
    """The rows a query gives; values stand for its question marks."""
    if is_server(database):
        with ThreadPoolExecutor(1) as apart:  # the caller's own loop is running here
            return apart.submit(lambda: asyncio.run(_fetch(database, query, values))).result()
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query, values)]


async def _fetch(url: str, query: str, values: tuple[object, ...]) -> list[dict[str, Any]]:
    numbers = count(1)
    query = "".join(f"${next(numbers)}" if letter == "?" else letter for letter in query)
    connection = await asyncpg.connect(url)
    try:
        return [dict(row) for row in await connection.fetch(query, *values)]
    finally:
        await connection.close()


def tables(database: str) -> list[str]:
    """The names of all tables that say what happened."""
    return [row["name"] for row in rows(database, _SERVER_TABLES if is_server(database) else _FILE_TABLES)]
