"""A store on paper beside a real SQLite: each statement is asked of both, and their answers must be the same."""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import resources
from typing import Any

from bot.rehearsal.life import WatchedPaper
from bot.rehearsal.paper import Timer
from bot.store.step import Statement, Together, statements, to_micros

TABLES = {  # table -> the rows of the paper that should be in it
    "outbox": ("id", "run", "flow", "state", "why", "not_before", "sent_at", "delivery", "attempts", "marketing", "reply", "expires_at"),
    "run": ("id", "flow", "state", "outcome", "body", "started_at", "ended_at"),
    "checkout": ("id", "key", "state", "updated_at", "generation", "lines", "total_minor", "link"),
    "shop_order": ("id", "key", "status", "placed_at", "updated_at", "lines", "total_minor", "counted", "checkout_key"),
    "purchase": ("shop_order", "product", "pieces", "at"),
    "awaited_purchase": ("what", "shop_order", "since", "due", "generation", "asked"),
    "discount": ("id", "run", "generation", "state", "ends", "why"),
    "audit": ("at", "about", "text"),
    "message": ("at", "author", "text"),
    "consent_record": ("channel", "state", "at", "method", "source", "effective"),
}

KEYS = {"purchase": "shop_order, product", "awaited_purchase": "what"}  # of tables without a rowid


def _by(*names: str) -> Callable[[dict[str, Any]], list[Any]]:
    return lambda row: [row[name] for name in names]


class Both(WatchedPaper):
    """The paper, checked against SQLite at each statement and, person by person, row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()
        self._texts = {text: name for name, text in statements().items()}
        self._sqlite = sqlite3.connect(":memory:", isolation_level=None)
        self._sqlite.row_factory = sqlite3.Row
        folder = resources.files("bot.store") / "migrations"
        for _, script in sorted((file.name, file.read_text("utf-8")) for file in folder.iterdir() if file.name.endswith(".sql")):
            self._sqlite.executescript(script)
        self._sqlite.execute("insert into meta values ('epoch', '1')")

    def admit(self, phone: str | None, now: datetime) -> int:
        self.compare_rows()
        contact = super().admit(phone, now)
        [row] = self._sqlite.execute(statements()["contact.create"], {"now": to_micros(now)}).fetchall()
        assert row["id"] == contact
        name = {"kind": "phone", "scope": "", "value": phone, "contact": contact, "now": to_micros(now)}
        if phone:
            self._sqlite.execute(statements()["contact.add_name"], name)
        return contact

    def due_timers(self, now: datetime) -> list[Timer]:
        timers = super().due_timers(now)
        rows = self._sqlite.execute(statements()["inbox.due_timers"], {"now": to_micros(now), "limit": 1_000}).fetchall()
        assert sorted((row["due"], row["kind"], row["subject"], row["generation"]) for row in rows) == sorted(
            (timer.due, timer.kind, timer.subject, timer.generation) for timer in timers
        )
        return timers

    def compare_rows(self) -> None:
        """Everything that was written about the person is in both."""
        if not self.contact:
            return
        own: dict[str, Sequence[dict[str, Any]]] = {
            **{"outbox": [*self.outbox.values()], "run": [*self.runs.values()], "checkout": [*self.checkouts.values()]},
            **{"shop_order": [*self.orders.values()], "discount": [*self.discounts.values()], "audit": self.audits},
            **{"message": self.written, "consent_record": self.consents},
            **{"purchase": sorted(self.purchases, key=_by("shop_order", "product"))},
            **{"awaited_purchase": sorted(self.awaited.values(), key=_by("what"))},
        }
        for table, columns in TABLES.items():
            order = KEYS.get(table, "rowid")
            rows = self._sqlite.execute(f"select * from {table} where contact = ? order by {order}", [self.contact["id"]]).fetchall()
            assert [[row[column] for column in columns] for row in rows] == [[one[column] for column in columns] for one in own[table]]
        [row] = self._sqlite.execute("select * from contact where id = ?", [self.contact["id"]]).fetchall()
        assert {column: row[column] for column in row.keys() if column != "merged_into"} == self.contact  # noqa: SIM118 - a Row's values else
        left = self._sqlite.execute("select due, kind, subject, generation from timer where contact = ?", [self.contact["id"]]).fetchall()
        assert {tuple(row) for row in left} == {(timer.due, timer.kind, timer.subject, timer.generation) for timer in self._timers}
        self._sqlite.execute("delete from timer")  # the person's time is over

    def _answer(self, statement: Statement | Together) -> Sequence[Any]:
        rows = super()._answer(statement)
        if isinstance(statement, Together) or statement.sql not in self._texts:
            return rows
        name = self._texts[statement.sql]
        self.asked.add(name)
        if name == "inbox.insert":
            return rows  # here it is worked off at once: it must not wait there
        for values in statement.many or [statement.parameters]:
            real = [dict(row) for row in self._sqlite.execute(statement.sql, values).fetchall()]
            if name != "inbox.names" and (real or statement.sql.startswith(("select", "--"))):
                self._compare(name, real, [dict(row) for row in rows], is_ordered="order by" in statement.sql)
        return rows

    def _compare(self, name: str, real: list[dict[str, Any]], paper: list[dict[str, Any]], *, is_ordered: bool) -> None:
        assert len(real) == len(paper), (name, real, paper)
        columns = set(real[0]) & set(paper[0]) if real else set[str]()
        ours, theirs = ([[row[column] for column in sorted(columns)] for row in rows] for rows in (paper, real))
        if not is_ordered:
            ours, theirs = sorted(ours, key=repr), sorted(theirs, key=repr)
        assert ours == theirs, name
