"""(c) Sending alone: an outbox full of messages to people who wrote just now, emptied by `comeback serve` into a minimal Graph API."""

import sqlite3
import time
from contextlib import closing

from bot.flow.codec import encode_content
from bot.flow.run import Text
from tests.bench import load
from tests.bench.delivery import NUMBER
from tests.bench.ground import Ground
from tests.bench.machine import Launched, free_port
from tests.bench.report import Found, Target, row

SENDS_A_SECOND = 1_000.0
GUESS = 800  # a second, of which a round's length is made
NAME = "queued message to Graph API, policy asked"


def measured(ground: Ground) -> Found:
    """Measure (c)."""
    graph, database = free_port(), ground.database("send")
    with ground.serve(database, graph) as bot:
        rounds = ground.interleaved({NAME: lambda: _round(ground, bot, graph, database)})[NAME]
    whole = row(NAME, rounds)
    return Found("c", "Messages sent; one core", (whole,), (Target("sends a second", SENDS_A_SECOND, whole.value, "/s"),))


def _round(ground: Ground, bot: Launched, graph: int, database: str) -> load.Round:
    number = max(20, int(GUESS * ground.seconds))
    taking = ground.start(load.take, graph, [bot.pid], number)
    _queue(database, number, ground.series())
    return ground.ended(taking)


def _queue(database: str, number: int, series: str) -> None:
    """Messages to that many new people, in one transaction: the bot sees them at its next heartbeat."""
    now = time.time_ns() // 1_000
    content = encode_content(Text("Your parcel is on its way. Anything else we can do for you?"))
    with closing(sqlite3.connect(database, timeout=20, isolation_level=None)) as connection:
        connection.execute("begin immediate")
        (first,) = connection.execute("select coalesce(max(id), 0) + 1 from contact").fetchone()
        people = [{"id": first + at, "phone": f"+34611{first + at:06d}", "key": f"{series}:{at}"} for at in range(number)]
        shared = {"now": now, "number": NUMBER, "content": content, "until": now + 3_600_000_000}
        for statement in _FILL:
            connection.executemany(statement, [shared | person for person in people])
        connection.execute("commit")


_FILL = (
    "insert into contact (id, created_at) values (:id, :now)",
    "insert into identity (kind, scope, value, contact, since) values ('phone', '', :phone, :id, :now)",
    "insert into conversation (contact, number, changed_at, last_inbound_at) values (:id, :number, :now, :now)",
    "insert into outbox (key, contact, number, shop, author, marketing, reply, content, body, created_at, not_before, expires_at)"
    " values (:key, :id, :number, '', 'flow', 0, 1, :content, '', :now, :now, :until)",
)
