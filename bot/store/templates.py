"""How templates stand with Meta: their state, and the category that decides who may get them, whatever their files say."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.flow.codec import decode_content
from bot.flow.run import TemplateMessage
from bot.policy.decision import Reason
from bot.store.step import Step, sql, to_micros

MARKETING = "MARKETING"
PAUSED = "PAUSED"
APPROVED = "APPROVED"
GOES = frozenset({APPROVED, "REINSTATED"})  # Cloud API: the words for a template that may be sent again
LONGEST_PAUSE = timedelta(hours=6)  # Cloud API: three hours the first time, six the second, then it is disabled


@dataclass(frozen=True, slots=True)
class Standing:
    """What Meta says of one version of a template; None of what it has not said yet. The words are Meta's (`APPROVED`, `GREEN`)."""

    status: str | None = None
    category: str | None = None
    quality: str | None = None


def tell(name: str, language: str, news: Standing, now: datetime) -> Step[Standing]:
    """Keep what Meta says; returns how it stood before."""
    before = yield from load(name, language)
    yield sql(
        "template.tell",
        name=name,
        language=language,
        status=news.status,
        category=news.category,
        quality=news.quality,
        now=to_micros(now),
    )
    if news.category == MARKETING != before.category:
        yield from _hold_to_consent(name, language)
    if news.status in GOES and before.status is not None and before.status not in GOES:
        yield sql("template.start", name=name, language=language)
        yield sql("template.wake", why=Reason.TEMPLATE_PAUSED, now=to_micros(now))
    return before


def pause(name: str, language: str, now: datetime) -> Step[Standing]:
    """Nothing of a template goes until it is heard that its pause is over; what is queued of it stays queued. Returns how it stood."""
    return (yield from tell(name, language, Standing(status=PAUSED), now))


def stop(name: str, language: str, why: str, now: datetime) -> Step[None]:
    """Nothing of a template goes any more, until Meta approves it anew or the owner says so."""
    yield from tell(name, language, Standing(), now)
    yield sql("template.stop", name=name, language=language, why=why)


def resume() -> Step[None]:
    """The owner says that every template may go again."""
    yield sql("template.start_all")


def ask(name: str, language: str, now: datetime) -> Step[None]:
    """Meta is to be asked how its templates stand, soon: one is not what we thought."""
    yield from tell(name, language, Standing(), now)
    yield sql("template.ask", name=name, language=language)


def is_to_ask() -> Step[bool]:
    """Whether Meta is to be asked how its templates stand."""
    return bool((yield sql("template.to_ask")))


def asked() -> Step[None]:
    """Meta is being asked: not again before the next surprise."""
    yield sql("template.asked")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A template of which nothing goes now: Meta's word for its state, and why we stopped it, where we did."""

    name: str
    language: str
    status: str | None
    why: str | None


def troubled() -> Step[list[Trouble]]:
    """The templates of which nothing goes now."""
    return [Trouble(row["name"], row["language"], row["status"], row["stopped"]) for row in (yield sql("template.troubled"))]


def load(name: str, language: str) -> Step[Standing]:
    """How a version of a template stands."""
    rows = yield sql("template.load", name=name, language=language)
    return Standing(rows[0]["status"], rows[0]["category"], rows[0]["quality"]) if rows else Standing()


def is_marketing(content: TemplateMessage) -> Step[bool]:
    """Whether a template needs consent: its category as Meta has it by now, else as its own file says."""
    at_meta = (yield from load(content.name, content.language)).category
    return content.marketing if at_meta is None else at_meta == MARKETING


def _hold_to_consent(name: str, language: str) -> Step[None]:
    """What is queued of a template that is marketing from now on asks for consent, too. (It happens a few times a year.)"""
    for row in (yield sql("template.queued")):
        content = decode_content(row["content"])
        if isinstance(content, TemplateMessage) and (content.name, content.language) == (name, language):
            yield sql("template.is_marketing", id=row["id"])
