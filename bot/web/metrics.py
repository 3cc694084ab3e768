"""`GET /metrics`: what happens in this process and how much waits in the database, as Prometheus reads it.

Counters and histograms are of this process, since it started; gauges are of the database, the same from each process that works on it
(so take their max, not their sum). No label says anything about a person: they are sources, flows, outcomes, policy's reasons, the
platform's error codes and our own number ids.

    comeback_updates_acknowledged_total{source}    updates kept and answered 200
    comeback_updates_repeated_total{source}        updates that had been kept before: redeliveries
    comeback_deliveries_refused_total{source,status}  deliveries answered 4xx or 5xx
    comeback_acknowledge_seconds{source}           histogram: from a delivery's first line to its 200
    comeback_entries_worked_off_total{source}, comeback_entries_dead_total{source}
    comeback_runs_started_total{flow}, comeback_runs_ended_total{flow,outcome}
    comeback_messages_total{state,reason}          sent, retry, refused, unknown (reason: the platform's code); dropped, postponed
                                                   (reason: policy's); delivered, read, failed as the platform told (reason: its code)
    comeback_send_seconds                          histogram: a request to the channel, whatever came of it
    comeback_inbox_waiting, comeback_inbox_oldest_seconds, comeback_inbox_dead
    comeback_outbox_queued, comeback_outbox_due, comeback_outbox_oldest_due_seconds, comeback_outbox_sending, comeback_outbox_unknown
    comeback_discounts_wanted, comeback_timers_overdue, comeback_desk_waiting, comeback_desk_oldest_seconds
    comeback_privacy_asks_open, comeback_privacy_asks_overdue  what the law lets people ask: not done yet; not done in its time
    comeback_number_stopped{number,what}           1 where a number must not send: what is `all` or `marketing`
    comeback_number_per_second{number}             messages a second, in and out together, that a number sends now: less than its limit
                                                   while it climbs back from a "too fast"
    comeback_people_reached, comeback_people_limit{whose}  written to first in 24 hours, and how many may be (no sample where nobody told)
    comeback_outbox_for_tomorrow                   messages that wait for that limit
    comeback_info{version}, process_*              this process

It is served to whoever brings COMEBACK_METRICS_TOKEN (`Authorization: Bearer ...`), and to nobody while that is not set: behind a proxy
every request comes from this machine, so where one comes from proves nothing.
"""

import hmac

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.process_collector import ProcessCollector

from bot import __version__
from bot.policy.decision import Reason
from bot.store.gauges import Gauges
from bot.store.model import Source
from bot.store.pace import UNLIMITED, Standing
from bot.worker.tally import Tally

ACKNOWLEDGE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0)  # 0.25 s is the promise's p99, 3 s its end
SEND_BUCKETS = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 12.0, 30.0)  # Meta answers in 0.1 to 1 s; a request may take 30

_DEPTHS = {  # field of Gauges -> name and help
    "waiting": ("inbox_waiting", "Inbox entries that wait to be worked off"),
    "waiting_seconds": ("inbox_oldest_seconds", "How long the oldest of them has waited"),
    "dead": ("inbox_dead", "Inbox entries that could not be worked off: a person must look"),
    "queued": ("outbox_queued", "Messages that are queued"),
    "due": ("outbox_due", "Queued messages whose time has come"),
    "due_seconds": ("outbox_oldest_due_seconds", "How long the oldest of them has been due"),
    "sending": ("outbox_sending", "Messages on the wire"),
    "unknown": ("outbox_unknown", "Messages of which nobody knows whether they were sent"),
    "wanted": ("discounts_wanted", "Discount codes that are to be made in the shop"),
    "overdue": ("timers_overdue", "Timers that are due and not yet worked off"),
    "unanswered": ("desk_waiting", "Conversations that wait for staff"),
    "asks": ("privacy_asks_open", "What the law lets people ask, and is not done yet"),
    "asks_overdue": ("privacy_asks_overdue", "What of it should be done by now"),
    "unanswered_seconds": ("desk_oldest_seconds", "How long the oldest of them has waited"),
}


class Metrics(Tally):
    """One process's numbers, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        acknowledged = self._counter("updates_acknowledged", "Updates kept and answered 200", "source")
        repeated = self._counter("updates_repeated", "Updates that had been kept before", "source")
        self._refused = self._counter("deliveries_refused", "Deliveries answered 4xx or 5xx", "source", "status")
        self._worked_off = self._counter("entries_worked_off", "Inbox entries worked off", "source")
        self._dead = self._counter("entries_dead", "Inbox entries that could not be worked off", "source")
        self._started = self._counter("runs_started", "Runs of flows that began", "flow")
        self._ended = self._counter("runs_ended", "Runs of flows that ended", "flow", "outcome")
        self._messages = self._counter("messages", "What became of messages", "state", "reason")
        acknowledge_seconds = Histogram(
            "comeback_acknowledge_seconds",
            "From a delivery's first line to its 200",
            ["source"],
            registry=self.registry,
            buckets=ACKNOWLEDGE_BUCKETS,
        )
        self._send_seconds = Histogram(
            "comeback_send_seconds", "A request to the channel, whatever came of it", registry=self.registry, buckets=SEND_BUCKETS
        )
        self._doors = {  # looked up once: it is the hot path
            source: (acknowledged.labels(source.value), repeated.labels(source.value), acknowledge_seconds.labels(source.value))
            for source in (Source.WHATSAPP, Source.SHOP, Source.VISITOR)
        }
        self._depths = {
            field: Gauge(f"comeback_{name}", about, registry=self.registry) for field, (name, about) in _DEPTHS.items()
        }
        self._stopped = Gauge("comeback_number_stopped", "A number that must not send", ["number", "what"], registry=self.registry)
        self._per_second = Gauge(
            "comeback_number_per_second", "Messages a second, in and out, that a number sends now", ["number"], registry=self.registry
        )
        self._reached = Gauge("comeback_people_reached", "People written to first in 24 hours", registry=self.registry)
        self._people = Gauge("comeback_people_limit", "How many may be written to first in 24 hours", ["whose"], registry=self.registry)
        self._for_tomorrow = Gauge("comeback_outbox_for_tomorrow", "Messages that wait for that limit", registry=self.registry)
        self.standing_still: set[str] = set()
        Info("comeback", "This process", registry=self.registry).info({"version": __version__})
        ProcessCollector(registry=self.registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"comeback_{name}", about, labels, registry=self.registry)

    # ---- the door

    def acknowledged(self, source: Source, updates: int, new: int, seconds: float) -> None:
        """A delivery was answered 200: how many updates it had, and how many of them were new."""
        acknowledged, repeated, histogram = self._doors[source]
        acknowledged.inc(new)
        if updates > new:
            repeated.inc(updates - new)
        histogram.observe(seconds)

    def refused(self, source: Source, status: int) -> None:
        """A delivery was not taken."""
        self._refused.labels(source.value, str(status)).inc()

    # ---- the work

    def worked_off(self, source: Source) -> None:
        """See Tally."""
        self._worked_off.labels(source.value).inc()

    def buried(self, source: Source) -> None:
        """See Tally."""
        self._dead.labels(source.value).inc()

    def run_started(self, flow: str) -> None:
        """See Tally."""
        self._started.labels(flow).inc()

    def run_ended(self, flow: str, outcome: str) -> None:
        """See Tally."""
        self._ended.labels(flow, outcome).inc()

    def not_sent(self, reason: Reason, *, for_good: bool) -> None:
        """See Tally."""
        self._messages.labels("dropped" if for_good else "postponed", reason.value).inc()

    def sent(self, seconds: float) -> None:
        """See Tally."""
        self._messages.labels("sent", "").inc()
        self._send_seconds.observe(seconds)

    def failed(self, outcome: str, code: int | None, seconds: float) -> None:
        """See Tally."""
        self._messages.labels(str(outcome), "" if code is None else str(code)).inc()
        self._send_seconds.observe(seconds)

    def arrived(self, status: str, code: int | None = None) -> None:
        """See Tally."""
        self._messages.labels(str(status), "" if code is None else str(code)).inc()

    def stands_still(self, loop: str, *, still: bool) -> None:
        """See Tally."""
        (self.standing_still.add if still else self.standing_still.discard)(loop)

    # ---- what is asked

    def page(self, gauges: Gauges) -> web.Response:
        """Everything, with the database's depths as they are now."""
        for field, gauge in self._depths.items():
            gauge.set(getattr(gauges, field))
        self._stopped.clear()
        for number in gauges.numbers:
            self._stopped.labels(number.id, "all").set(int(number.stopped))
            self._stopped.labels(number.id, "marketing").set(int(number.stopped or number.marketing_stopped))
        self._limits(gauges.limits)
        return web.Response(body=generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    def _limits(self, limits: Standing) -> None:
        self._per_second.clear()
        for number in limits.numbers:
            self._per_second.labels(number.number).set(number.per_second * number.share)
        self._reached.set(limits.reached)
        self._people.clear()
        if limits.people is not None and limits.people < UNLIMITED:
            self._people.labels("whatsapp").set(limits.people)
        self._for_tomorrow.set(limits.waiting)


def may_ask(request: web.Request, token: str | None) -> bool:
    """Whether a request may see the numbers."""
    brought = request.headers.get("Authorization", "")
    return token is not None and hmac.compare_digest(brought.encode("utf-8", "surrogatepass"), f"Bearer {token}".encode())
