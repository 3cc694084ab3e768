"""Pieces of work side by side on PostgreSQL: the same statement of many pieces is one journey to the server.

Each piece goes on until its next statement; of those that wait, the text that most have in common is run for all of them at once:

- a query: once, over the parameters of all pieces (`unnest ... cross join lateral (the query)`), or as it is where it has none;
- a change that gives no rows: in one batch, or by one statement where there is one for many (`_at_once` in `sql/postgres/`);
- an insert that gives a row each: in one batch, too;
- anything else: one after the other.

That is a bet that no piece fails. When one does, everything is undone and the pieces are done one after the other, as elsewhere.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import asyncpg

from bot.store.step import Statement, Step, Together

Connection: TypeAlias = asyncpg.Connection  # it ships no types
Compile: TypeAlias = Callable[[str], tuple[str, tuple[str, ...]]]
Values: TypeAlias = Callable[[Mapping[str, Any], Sequence[str]], list[Any]]
Execute: TypeAlias = Callable[[Connection, Statement], Awaitable[Sequence[Any]]]

_CHANGE = re.compile(r"\s*(?:--[^\n]*\n\s*)*(insert|update|delete)\b", re.IGNORECASE)
_CALM = frozenset({"savepoint attempt", "release attempt"})  # of no use to a bet: it is undone as a whole
_UNDO = "rollback to attempt"


class Lost(Exception):
    """The bet is lost: a piece failed."""


class Lockstep:
    """Runs pieces side by side. `compile_`, `values` and `execute` are the database's own."""

    def __init__(self, compile_: Compile, values: Values, execute: Execute) -> None:
        self._compile = compile_
        self._values = values
        self._execute = execute
        self._queries: dict[str, str] = {}

    async def run(self, connection: Connection, pieces: Sequence[Step[Any]]) -> list[Any]:
        """The results of all pieces, in order. Raises Lost, or whatever a statement or piece raises, with things half done."""
        results: list[Any] = [None] * len(pieces)
        waiting: dict[int, Statement] = {}

        def go_on(which: int, rows: Sequence[Any] | None) -> None:
            try:
                statement = next(pieces[which]) if rows is None else pieces[which].send(rows)
                while not isinstance(statement, Together) and statement.sql in _CALM:
                    statement = pieces[which].send(())
            except StopIteration as done:
                results[which] = done.value
                return
            if isinstance(statement, Together) or statement.sql == _UNDO:
                raise Lost
            waiting[which] = statement

        for which in range(len(pieces)):
            go_on(which, None)
        while waiting:
            members = _largest(waiting)
            statements = [waiting.pop(which) for which in members]
            for which, rows in zip(members, await self._for_all(connection, statements), strict=True):
                go_on(which, rows)
        return results

    async def _for_all(self, connection: Connection, statements: Sequence[Statement]) -> Sequence[Sequence[Any]]:
        """Run one text for all; the rows of each."""
        if statements[0].many is not None:
            every = [each for statement in statements for each in statement.many or ()]
            await self._execute(connection, Statement(statements[0].sql, {}, every))
            return [()] * len(statements)
        if len(statements) == 1:
            return [await self._execute(connection, statements[0])]
        text, names = self._compile(statements[0].sql)
        arguments = [self._values(statement.parameters, names) for statement in statements]
        if not _CHANGE.match(text):
            if not names:
                return [await self._execute(connection, statements[0])] * len(statements)
            return await self._ask(connection, text, arguments)
        if "returning" not in text:
            await self._execute(connection, Statement(statements[0].sql, {}, [statement.parameters for statement in statements]))
            return [()] * len(statements)
        if text.lstrip().startswith("insert") and "on conflict" not in text:
            rows = await connection.fetchmany(text, arguments)
            return [(row,) for row in rows]
        return [await self._execute(connection, statement) for statement in statements]

    async def _ask(self, connection: Connection, text: str, arguments: Sequence[Sequence[Any]]) -> list[list[Any]]:
        query = self._queries.get(text)
        if query is None:
            query = self._queries[text] = await _for_many(connection, text)
        found: list[list[Any]] = [[] for _ in arguments]
        for row in await connection.fetch(query, *map(list, zip(*arguments, strict=True))):
            found[row["nth_piece"] - 1].append(row)
        return found


def _largest(waiting: Mapping[int, Statement]) -> list[int]:
    """The pieces whose statement most have in common."""
    groups: dict[tuple[str, bool], list[int]] = {}
    for which, statement in waiting.items():
        groups.setdefault((statement.sql, statement.many is not None), []).append(which)
    return max(groups.values(), key=len)


async def _for_many(connection: Connection, text: str) -> str:
    """The query over arrays of each parameter; a row says which element it is for."""
    types = [one.name for one in (await connection.prepare(text)).get_parameters()]
    inner = re.sub(r"\$(\d+)", r"piece.p\1", text)
    arrays = ", ".join(f"${number}::{name}[]" for number, name in enumerate(types, 1))
    columns = ", ".join(f"p{number}" for number in range(1, len(types) + 1))
    return (
        f"select piece.nth as nth_piece, found.* from unnest({arrays}) with ordinality as piece ({columns}, nth) "  # noqa: S608 - our own texts
        f"cross join lateral ({inner}) as found"
    )
