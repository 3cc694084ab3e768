"""A witness of a crowd: reads its log and knows the rules of the shipped store by heart, none of the house's code.

What it complains about is a broken rule: a message at night, one too many, one without consent, a free text outside the window, marketing
after a stop, a flow that speaks while staff do, a reminder of what is bought.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.rehearsal.news import News, What
from bot.rehearsal.people import Person

STORE_ZONE = "Europe/Madrid"
NIGHT = (21, 9)  # store.yaml: quiet_hours
LIMITS = ((1, timedelta(days=1)), (3, timedelta(days=7)))  # store.yaml: marketing_limit
AGAIN_AFTER = {"cart_reminder": timedelta(days=14), "reorder_nudge": timedelta(days=7)}
WINDOW = timedelta(hours=24)
STOP_WORDS = {"STOP", "baja", "parar", "توقف", "बंद करो", "stopp", "arrêt"}

Line = tuple[Person, News]


@dataclass
class Present:
    """What the witness knows of the person so far."""

    person: Person
    consent: str = "unknown"
    control: str = "bot"
    wrote: datetime | None = None
    stopped_at: datetime | None = None
    marketing: list[datetime] = field(default_factory=list)
    cart: str | None = None  # the last one filled
    reminded_of: str | None = None
    closed: set[str] = field(default_factory=set)  # carts that are bought or empty
    started: dict[str, datetime] = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        """Where the house may believe them to be: what the shop told, else the store's."""
        return ZoneInfo(self.person.zone if self.person.told_zone or self.person.told_country else STORE_ZONE)


def complaints(log: Sequence[Line]) -> Iterator[str]:
    """Each broken rule, as a sentence. The log is in order, one person's lines together."""
    now: Present | None = None
    for number, (person, news) in enumerate(log):
        if now is None or now.person.number != person.number:
            now = Present(person)
        following = log[number + 1 : number + 4]
        failed = any(other.what is What.FAILED and other.at == news.at for _, other in following if _ is person)
        for wrong in _seen(now, news, failed=failed):
            yield f"person {person.number} at {news.at:%Y-%m-%d %H:%M} UTC, {news.flow or 'the house'}: {wrong}"


def _seen(now: Present, news: News, *, failed: bool) -> Iterator[str]:
    if now.stopped_at is not None and news.at > now.stopped_at and now.consent != "withdrawn":
        yield "said stop, and it was not taken down"
    match news.what:
        case What.SENT:
            yield from _sent(now, news)
            if news.marketing and not failed:
                now.marketing.append(news.at)
        case What.STARTED:
            yield from _started(now, news)
        case What.WROTE:
            now.wrote = news.at
            now.stopped_at = news.at if news.text in STOP_WORDS else now.stopped_at
        case What.CONSENT:
            now.consent = str(news.text)
            now.stopped_at = None
        case What.CONTROL:
            now.control = str(news.text)
        case What.CART:
            now.cart = news.text
        case What.EMPTIED:
            now.closed.add(news.text)
        case What.ORDERED:
            now.closed |= {cart for cart in (now.cart, now.reminded_of) if cart}
        case _:
            pass


def _started(now: Present, news: News) -> Iterator[str]:
    last = now.started.get(news.flow)
    if last is not None and news.at - last < AGAIN_AFTER.get(news.flow, timedelta()):
        yield "started again too early"
    now.started[news.flow] = news.at
    if news.flow == "cart_reminder":
        now.reminded_of = now.cart


def _sent(now: Present, news: News) -> Iterator[str]:
    if news.by_flow and (now.control == "human" or (now.control == "waiting" and not news.reply)):
        yield "a flow spoke while staff had the conversation"
    if news.free_text and (now.wrote is None or news.at - now.wrote >= WINDOW):
        yield "a free text outside the reply window"
    if news.marketing and now.consent == "withdrawn":
        yield "marketing to who stopped it"
    if news.marketing and not news.reply:
        yield from _begun(now, news)


def _begun(now: Present, news: News) -> Iterator[str]:
    if now.consent != "granted":
        yield "marketing without consent"
    hour = news.at.astimezone(now.zone).hour
    if hour >= NIGHT[0] or hour < NIGHT[1]:
        yield "marketing at night"
    for most, length in LIMITS:
        if sum(news.at - at < length for at in now.marketing) >= most:
            yield f"more than {most} in {length.days} days"
    if (now.person.phone or "").startswith("+1"):
        yield "marketing to a number of the United States"
    if news.flow == "cart_reminder" and (now.reminded_of is None or now.reminded_of in now.closed):
        yield "a reminder of a cart that is bought or empty"
