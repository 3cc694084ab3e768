"""How templates stand with Meta: their state, and the category that decides who may get them, whatever their files say."""

from dataclasses import dataclass
from datetime import datetime

from bot.flow.codec import decode_content
from bot.flow.run import TemplateMessage
from bot.store.step import Step, sql, to_micros

MARKETING = "MARKETING"


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
    return before


def load(name: str, language: str) -> Step[Standing]:
    """How a version of a template stands."""
    rows = yield sql("template.load", name=name, language=language)
    return Standing(rows[0]["status"], rows[0]["category"], rows[0]["quality"]) if rows else Standing()


def _hold_to_consent(name: str, language: str) -> Step[None]:
    """What is queued of a template that is marketing from now on asks for consent, too. (It happens a few times a year.)"""
    for row in (yield sql("template.queued")):
        content = decode_content(row["content"])
        if isinstance(content, TemplateMessage) and (content.name, content.language) == (name, language):
            yield sql("template.is_marketing", id=row["id"])
