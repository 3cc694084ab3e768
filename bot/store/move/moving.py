"""Move a whole database into an empty one, of either kind, so that nothing is lost and nothing is sent twice.

    source                                      target
    1  sealed: moving                           empty
    2                                           sealed: filling
    3  is read, a table after another    --->   rows, and how far they are, in one transaction
    4                                           made whole: indexes, counters, the instance's name, the epoch
    5  rows and checksums are compared   <--->  read once more, all of it
    6  moved
    7                                           may be served

At no instant may both be served. Whatever interrupts it, it goes on where it was when it is begun again. The target has the source's
instance and epoch, so it knows its own messages by their statuses, and takes what was on the wire for unknown, as the source would have.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bot.store.database import StoreUnavailable, file_of, is_server, is_there, open_database, shown
from bot.store.move.file import open_file_side
from bot.store.move.side import FILLED, MARK, Mark, Side, State, is_moved, mark_from
from bot.store.move.table import Filled, NotMoved, Row, Table, difference, encoded, filled_from
from bot.store.step import Step, sql

BATCH_ROWS = 5_000  # a transaction
BATCH_BYTES = 8_000_000  # of rows as they are encoded: bounds the memory, whatever the rows

Progress = Callable[[str, float], None]
"""Told what is done, and which share of it, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A table that is the same on both sides. `changed` counts texts that lost characters the target has no place for."""

    table: str
    rows: int
    checksum: str
    changed: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A move that is done. `resumed`: it had been begun before; with no tables it had been finished before."""

    source: str
    target: str
    tables: tuple[Checked, ...]
    resumed: bool


@dataclass(frozen=True, slots=True)
class Undone:
    """A move that was taken back. `emptied`: so was the target, else it is left half filled and sealed."""

    source: str
    target: str
    emptied: bool


# ---- the move


async def move(source: str, target: str, progress: Progress) -> Moved:
    """Move everything. Raises NotMoved, StoreTaken, StoreUnavailable with a sentence for the owner; nothing is lost then."""
    source, target = _plain(source), _plain(target)
    if source == target:
        raise NotMoved(f"{shown(source)} cannot be moved into itself")
    if not is_there(source):
        raise NotMoved(f"there is no database at {shown(source)}")
    async with _opened(source) as old:
        await _check_source(old)
        mark = await _mark_of(old)
        if await _is_fresh(mark, old, target):
            await (await open_database(target)).close()  # lays the schema
        async with _opened(target) as new:
            if mark is not None and mark.state is State.MOVED and await _is_filled(new, mark):
                return Moved(old.where, new.where, (), True)
            resumed = mark is not None and mark.state in (State.MOVING, State.MOVED)
            mark, filling = await _begin(old, new, mark)
            return await _finish(old, new, mark, filling, progress, resumed=resumed)


async def _check_source(old: Side) -> None:
    if await old.version() is None:
        raise NotMoved(f"there is no database at {old.where}")
    if "copied_at" in await old.meta():
        raise NotMoved(
            f"{old.where} is a backup: what it has queued may have been sent since. Put it in place with 'comeback restore', then move that"
        )
    mark = await _mark_of(old)
    if mark is not None and mark.state is State.FILLING:
        raise NotMoved(f"{old.where} is itself being filled from {mark.other}, and not whole yet")
    await old.refuse_served()


async def _is_fresh(mark: Mark | None, old: Side, target: str) -> bool:
    """Whether the target is empty, without a mark. Raises NotMoved for one that is neither that nor half of this move."""
    if not is_there(target):
        return _is_where(mark, target, shown(target))
    async with _opened(target) as new:
        if await new.version() is None:
            return _is_where(mark, target, new.where)
        theirs = await _mark_of(new)
        if mark is not None and theirs is not None and theirs.move == mark.move:
            return False
        if theirs is not None and theirs.state is State.FILLING:
            raise NotMoved(f"{new.where} is half filled by another move, from {theirs.other}: finish that one, or take an empty database")
        if not await new.is_empty():
            raise NotMoved(f"{new.where} has data of its own: a move wants an empty database")
        await new.refuse_served()
        return _is_where(mark, target, new.where)


def _is_where(mark: Mark | None, target: str, where: str) -> bool:
    """True. Raises NotMoved when the source went, or is going, elsewhere."""
    if mark is not None and mark.state is State.MOVED:
        raise NotMoved(f"it was moved to {mark.other} already, and what that has is not in {where}")
    if mark is not None and mark.state is State.MOVING and mark.other != shown(target):
        raise NotMoved(f"it is being moved to {mark.other}: go on with that, or take it back with --undo first")
    return True


async def _begin(old: Side, new: Side, mark: Mark | None) -> tuple[Mark, Mark]:
    """Both sides sealed, with the marks of one move."""
    await _check_alike(old, new)
    theirs = await _mark_of(new)
    begun = mark if mark is not None and mark.state in (State.MOVING, State.MOVED) else None
    if begun is not None and theirs is not None and theirs.move == begun.move:
        return begun, theirs
    if not await new.is_empty():
        raise NotMoved(f"{new.where} has data of its own: a move wants an empty database")
    ours = begun or Mark(State.MOVING, secrets.token_hex(8), new.where)
    filling = Mark(State.FILLING, ours.move, old.where)
    await old.seal(ours, _going(ours))
    try:
        await new.seal(filling, _being_filled(filling))
    except Exception:
        if begun is None:
            await old.unseal(mark)
        raise
    return ours, filling


async def _check_alike(old: Side, new: Side) -> None:
    versions = await old.version(), await new.version()
    if versions[0] != versions[1]:
        raise NotMoved(
            f"{old.where} has schema {versions[0]} and {new.where} has {versions[1]}: start 'comeback serve' of this version once on the "
            "older, which brings it up to date, and stop it again"
        )
    unlike = difference(await old.tables(), await new.tables())
    if unlike:
        raise NotMoved(f"{new.where} cannot take {old.where}: {unlike}")


async def _finish(old: Side, new: Side, mark: Mark, filling: Mark, progress: Progress, *, resumed: bool) -> Moved:
    tables = await old.tables()
    if not any(name.startswith(FILLED) for name in await new.meta()) and not filling.furniture:
        filling = await new.empty_rooms(filling)
    filled = await _fill(old, new, tables, lambda share: progress("moving", share))
    meta = {name: value for name, value in (await old.meta()).items() if is_moved(name)}
    epoch = max(await old.epoch(), await new.epoch())
    filling = await new.furnish(filling, meta, epoch)
    await _compare(old, new, tables, filled, lambda share: progress("checking", share))
    arrived = await new.meta()
    if any(arrived.get(name) != value for name, value in meta.items()) or await new.epoch() != epoch:
        raise _unlike(old, new, "meta is not the same")
    moved = replace(mark, state=State.MOVED, other=new.where)
    await old.seal(moved, _gone(moved))
    await new.unseal(replace(filling, state=State.FILLED, epoch=epoch))
    checked = (Checked(name, one.rows, one.shown, one.changed) for name, one in filled.items())
    return Moved(old.where, new.where, tuple(checked), resumed)


async def _fill(old: Side, new: Side, tables: Mapping[str, Table], progress: Callable[[float], None]) -> dict[str, Filled]:
    meta = await new.meta()
    filled = {name: filled_from(meta[FILLED + name]) if FILLED + name in meta else Filled() for name in tables}
    total = sum([await old.count(table) for table in tables.values()])
    done = sum(one.rows for one in filled.values())
    keeping = asyncio.ensure_future(asyncio.sleep(0))
    try:
        for name, table in tables.items():
            async for batch, rows in _batches(old, table, filled[name].after):
                table.check(batch)
                kept, changed = new.storable(table, batch)
                filled[name] = filled[name].plus(table.key_of(batch[-1]), list(map(encoded, kept)) if changed else rows, changed)
                await keeping  # one batch is kept while the next is read
                keeping = asyncio.ensure_future(new.keep(table, kept, filled[name]))
                done += len(batch)
                progress(done / max(total, 1))
        await keeping
    finally:
        await asyncio.gather(keeping, return_exceptions=True)
    progress(1.0)
    return filled


async def _batches(side: Side, table: Table, after: Row | None) -> AsyncIterator[tuple[list[Row], list[bytes]]]:
    """Rows and how they are encoded, as many at once as make a transaction."""
    batch: list[Row] = []
    rows: list[bytes] = []
    size = 0
    async with aclosing(side.rows(table, after)) as found:
        async for some in found:
            await asyncio.sleep(0)  # where neither side waits for anything, nothing else would be heard: an interruption, the other side
            batch += some
            encodings = list(map(encoded, some))
            rows += encodings
            size += sum(map(len, encodings))
            if len(batch) >= BATCH_ROWS or size >= BATCH_BYTES:
                yield batch, rows
                batch, rows, size = [], [], 0
    if batch:
        yield batch, rows


async def _compare(
    old: Side, new: Side, tables: Mapping[str, Table], filled: Mapping[str, Filled], progress: Callable[[float], None]
) -> None:
    total, done = sum(one.rows for one in filled.values()), 0
    for name, table in tables.items():
        left, told = await old.count(table), filled[name]
        if left != told.rows:
            raise _unlike(old, new, f"{name}: {left} rows are in the first, {told.rows} were read")
        arrived = Filled()
        async for _, rows in _batches(new, table, None):
            arrived = arrived.plus(None, rows)
            done += len(rows)
            progress(min(done / max(total, 1), 0.99))
        if (arrived.rows, arrived.checksum) != (told.rows, told.checksum):
            raise _unlike(
                old, new,
                f"{name}: {told.rows} rows with checksum {told.shown} left, {arrived.rows} with checksum {arrived.shown} arrived",
            )  # fmt: skip
    progress(1.0)


def _unlike(old: Side, new: Side, what: str) -> NotMoved:
    return NotMoved(
        f"{old.where} and {new.where} are not alike ({what}). Nothing is lost: the first is whole. Neither can be served now: "
        "the same command with --undo frees the first and empties the second, then begin anew"
    )


# ---- taking it back


async def undo(source: str, target: str) -> Undone:
    """Take a move back: the source may be served again, the target is empty. Raises NotMoved, StoreTaken, StoreUnavailable.

    A target that somebody opened since has what the source has not, so that is refused.
    """
    source, target = _plain(source), _plain(target)
    if not is_there(source):
        raise NotMoved(f"there is no database at {shown(source)}")
    async with _opened(source) as old:
        mark = await _mark_of(old) if await old.version() is not None else None
        if mark is None or mark.state not in (State.MOVING, State.MOVED):
            raise NotMoved(f"{old.where} was not moved: there is nothing to take back")
        await old.refuse_served()
        emptied = await _emptied(target, mark)
        await old.unseal(None)
        return Undone(old.where, shown(target), emptied)


async def _emptied(target: str, mark: Mark) -> bool:
    if mark.state is State.MOVING:  # then the target is sealed: without it, too, the source is the only one that can be served
        try:
            return await _empty(target, mark)
        except StoreUnavailable:
            return False
    if not await _empty(target, mark):
        raise NotMoved(f"{shown(target)} does not have what was moved to {mark.other}: it cannot be taken back from there")
    return True


async def _empty(target: str, mark: Mark) -> bool:
    """Empty the target of this move; returns whether it is empty now, or was."""
    if not is_there(target):
        return mark.other == shown(target)
    async with _opened(target) as new:
        if await new.version() is None:
            return mark.other == new.where
        theirs = await _mark_of(new)
        if theirs is None or theirs.move != mark.move:
            return mark.other == new.where and await new.is_empty()
        if theirs.state is State.FILLED:
            await _take_back(new, theirs)
        await new.clear(theirs)
        return True


async def _take_back(new: Side, theirs: Mark) -> None:
    await new.seal(theirs, f"its move from {theirs.other} is being taken back: run 'comeback move --undo' again")
    if await new.epoch() != theirs.epoch:
        await new.unseal(theirs)
        raise NotMoved(
            f"{new.where} was opened since it was moved there, and what happened in it is not in {theirs.other}: to come back, move it "
            f"into an empty database:  comeback move --from {new.where} --to NEW"
        )


# ---- what who tries is told


def refusal() -> Step[str | None]:
    """Why a database may not be served, None when it may."""
    rows = yield sql("move.mark")
    mark = mark_from(rows[0]["value"]) if rows else None
    return _REFUSALS[mark.state](mark) if mark is not None and mark.state in _REFUSALS else None


def _going(mark: Mark) -> str:
    return f"it is being moved to {mark.other}, and was not finished: run the same 'comeback move' again to go on, with --undo to stay here"


def _being_filled(mark: Mark) -> str:
    return f"it is being filled from {mark.other}, and was not finished: run the same 'comeback move' again to go on"


def _gone(mark: Mark) -> str:
    return (
        f"it was moved to {mark.other}: set COMEBACK_DATABASE to that. As long as nobody opened that, "
        "'comeback move' with the same addresses and --undo takes the move back"
    )


_REFUSALS = {State.MOVING: _going, State.MOVED: _gone, State.FILLING: _being_filled}


# ----


@asynccontextmanager
async def _opened(where: str) -> AsyncIterator[Side]:
    side: Side
    if is_server(where):
        from bot.store.move.server import open_server_side  # only who uses it pays for its driver, in time and memory

        side = await open_server_side(where)
    else:
        side = open_file_side(file_of(where))
    try:
        yield side
    finally:
        await side.close()


def _plain(where: str) -> str:
    """A file by its whole path: a mark is read from other folders, too."""
    return where if is_server(where) else str(Path(file_of(where)).resolve())


async def _mark_of(side: Side) -> Mark | None:
    return mark_from((await side.meta()).get(MARK))


async def _is_filled(new: Side, mark: Mark) -> bool:
    theirs = await _mark_of(new)
    return theirs is not None and theirs.state is State.FILLED and theirs.move == mark.move
