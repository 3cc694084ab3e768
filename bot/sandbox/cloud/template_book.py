"""The templates of an account and what becomes of them: review, edits, pauses, quality, another category, deletion."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.sandbox.cloud import envelope
from bot.sandbox.cloud.agenda import Agenda
from bot.sandbox.cloud.graph_error import GraphError
from bot.sandbox.cloud.rule import Rules
from bot.sandbox.cloud.template import DUPLICATE, NAME_BLOCKED, Template, new_template

EDIT_LIMITS = ((timedelta(days=1), 1), (timedelta(days=30), 10))  # Cloud API: edits of an approved template
NAME_REST = timedelta(days=30)  # Cloud API: a deleted name cannot be used
PAUSES = (timedelta(hours=3), timedelta(hours=6))  # Cloud API: the first and the second; after them a template is disabled
PAUSE_TITLES = ("FIRST_PAUSE", "SECOND_PAUSE")
CATEGORY_NOTICE = timedelta(hours=24)  # Cloud API: between the announcement of another category and the change
TEMPLATE_LIMIT = 6000  # Cloud API: templates of a verified business
TOO_MANY_EDITS = 2388094
LISTED = frozenset({"id", "name", "language", "category", "status", "parameter_format", "components", "message_send_ttl_seconds"})
"""What a list shows without `fields`."""

Json = dict[str, Any]
Key = tuple[str, str]


class TemplateBook:
    """All templates by name and language. `tell` sends a webhook. Raises GraphError as the API does."""

    def __init__(self, clock: Callable[[], datetime], agenda: Agenda, rules: Rules, tell: Callable[[Json], None]) -> None:
        self.by_key: dict[Key, Template] = {}
        self._clock, self._agenda, self._rules, self._tell = clock, agenda, rules, tell
        self._ids = iter(range(594_425_479_261_596, 10**18))
        self._deleted: dict[str, datetime] = {}

    def forget(self) -> None:
        """There are no templates, and there were none."""
        self.by_key.clear()
        self._deleted.clear()

    # what the business does

    def create(self, request: Mapping[str, Any]) -> Template:
        """Takes a new template; it is under review, or approved at once."""
        template = new_template(request, str(next(self._ids)), "PENDING")
        key = template.name, template.language
        if key in self.by_key:
            raise GraphError(100, f"there is already {template.language} content for this template", subcode=DUPLICATE)
        gone = self._deleted.get(template.name)
        if self._rules.name_rest and gone and self._clock() - gone < NAME_REST:
            raise GraphError(100, "a template of this name was deleted less than 30 days ago", subcode=NAME_BLOCKED)
        self.by_key[key] = template
        self._begin_review(template)
        return template

    def edit(self, template: Template, change: Mapping[str, Any]) -> None:
        """Puts other components in, or another category; the review begins anew."""
        if template.status not in ("APPROVED", "REJECTED", "PAUSED"):
            raise GraphError(100, f"a template that is {template.status} cannot be edited")
        now = self._clock()
        if self._rules.edit_limits and template.status != "REJECTED":
            for span, limit in EDIT_LIMITS:
                if sum(now - at < span for at in template.edits) >= limit:
                    raise GraphError(100, f"a template can be edited {limit} times in {span.days} days", subcode=TOO_MANY_EDITS)
        edited = new_template(template.as_json() | dict(change), template.id, "PENDING")
        self.by_key[template.name, template.language] = replace(
            edited, edits=[*template.edits, now], pauses=template.pauses, quality=template.quality
        )
        self._begin_review(self.by_key[template.name, template.language])

    def delete(self, name: str, template_id: str | None) -> None:
        """Deletes a name in all languages, or one template of it."""
        gone = [key for key, one in self.by_key.items() if one.name == name and template_id in (None, one.id)]
        if not gone:
            raise GraphError(100, f"template {name!r} does not exist", subcode=2593002)
        for key in gone:
            del self.by_key[key]
        if not any(one.name == name for one in self.by_key.values()):
            self._deleted[name] = self._clock()

    def unpause(self, template: Template) -> None:
        """Ends a pause that waits for the business."""
        if template.status != "PAUSED":
            raise GraphError(100, "the template is not paused")
        self._unpause(template)

    def find(self, template_id: str) -> Template | None:
        """The template with this id."""
        return next((one for one in self.by_key.values() if one.id == template_id), None)

    def page(self, query: Mapping[str, str]) -> tuple[list[Json], list[Template]]:
        """All that the filters leave, as (JSON, templates)."""
        found = [one for one in self.by_key.values() if _fits(one, query)]
        return [one.as_json() for one in found], found

    # what Meta does

    def review(self, name: str, language: str, status: str, reason: str = "NONE") -> None:
        """Its state changes and the webhook goes out: APPROVED, REJECTED, PAUSED, DISABLED, FLAGGED ..."""
        template = self.by_key[name, language]
        template.status, template.reason = status, reason
        self._tell(envelope.template_status(template, reason))

    def pause(self, name: str, language: str) -> None:
        """People complain: a first pause of 3 hours, a second of 6, then it is disabled."""
        template = self.by_key[name, language]
        if template.pauses >= len(PAUSES):
            template.status = "DISABLED"
            other = ("DISABLED", "Your WhatsApp message template has been disabled because it continued to have issues.")
            self._tell(envelope.template_status(template, other=other, disabled_at=self._clock()))
            return
        length, title = PAUSES[template.pauses], PAUSE_TITLES[template.pauses]
        template.status, template.pauses = "PAUSED", template.pauses + 1
        hours = length // timedelta(hours=1)
        self._tell(envelope.template_status(template, other=(title, f"Your WhatsApp message template has been paused for {hours} hours.")))
        pause = template.pauses

        def end() -> None:
            if template.status == "PAUSED" and template.pauses == pause:
                self._unpause(template)

        self._agenda.after(length, end)

    def pause_for_pace(self, name: str, language: str) -> None:
        """A pause of the portfolio's pacing: it lasts until the business ends it."""
        template = self.by_key[name, language]
        template.status = "PAUSED"
        other = ("RATE_LIMITING_PAUSE", "Messages of this template got too little engagement.")
        self._tell(envelope.template_status(template, other=other))

    def set_quality(self, name: str, language: str, score: str) -> None:
        """GREEN, YELLOW, RED or UNKNOWN."""
        template = self.by_key[name, language]
        before, template.quality = template.quality, score
        self._tell(envelope.template_quality(template, before))

    def set_category(self, name: str, language: str, category: str, *, at_once: bool = False) -> None:
        """Meta finds another category right: announced, and changed 24 hours later, or at once."""
        template = self.by_key[name, language]

        def change() -> None:
            before, template.category, template.to_category = template.category, category, None
            self._tell(envelope.template_category(template, before))

        if at_once:
            change()
            return
        template.to_category = category
        self._tell(envelope.template_category_notice(template, category, self._clock() + CATEGORY_NOTICE))
        self._agenda.after(CATEGORY_NOTICE, change)

    def _begin_review(self, template: Template) -> None:
        if self._rules.approve_at_once:
            self.review(template.name, template.language, "APPROVED")
        elif self._rules.review_seconds is not None:
            self._agenda.after(timedelta(seconds=self._rules.review_seconds), lambda: self._end_review(template))

    def _end_review(self, template: Template) -> None:
        if self.by_key.get((template.name, template.language)) is not template or template.status != "PENDING":
            return
        words = str(template.component("BODY").get("text", "")).casefold()
        bad = any(word.casefold() in words for word in self._rules.rejected_words)
        self.review(template.name, template.language, "REJECTED" if bad else "APPROVED", "INVALID_FORMAT" if bad else "NONE")

    def _unpause(self, template: Template) -> None:
        template.status = "APPROVED"
        self._tell(envelope.template_status(template, other=("UNPAUSE", "Your WhatsApp message template has been unpaused.")))


def _fits(template: Template, query: Mapping[str, str]) -> bool:
    have = {
        "language": template.language,
        "status": template.status,
        "category": template.category,
        "quality_score": template.quality,
    }
    if any(name in query and have[name] not in _choices(query[name]) for name in have):
        return False
    body = str(template.component("BODY").get("text", ""))
    return (
        query.get("name", "") in template.name
        and query.get("content", "").casefold() in body.casefold()
        and query.get("name_or_content", "").casefold() in f"{template.name}\n{body}".casefold()
    )


def _choices(text: str) -> Sequence[str]:
    """A filter's values: `APPROVED`, `APPROVED,PAUSED` or `["APPROVED","PAUSED"]`."""
    return [one.strip(" \"'") for one in text.strip("[] ").split(",")]


def cursor_of(place: int) -> str:
    """A place in a list, in a form that nobody should read."""
    return base64.urlsafe_b64encode(f"at:{place}".encode()).decode()


def place_of(cursor: str) -> int:
    """The place a cursor means. Raises GraphError 100 for another's cursor."""
    try:
        kind, _, place = base64.urlsafe_b64decode(cursor).decode().partition(":")
        if kind != "at":
            raise ValueError(cursor)
        return int(place)
    except ValueError:
        raise GraphError(100, "Invalid cursors values") from None
