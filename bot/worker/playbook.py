"""What the owner's files say now, and every revision that runs still need."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.flow import condition, library
from bot.flow.condition import Condition
from bot.flow.library import Library, StoreRules
from bot.flow.model import Trigger
from bot.flow.revision import Revision
from bot.policy.decision import Limit, QuietHours, Rules
from bot.store import runs
from bot.store.erasure_log import Erasures
from bot.store.step import Step
from bot.worker.tally import SILENT, Tally


@dataclass(slots=True)
class Playbook:
    """The flows new runs start with, the rules of the store, and the revisions that live runs finish on.

    It never changes under a piece of work: files that were edited make a new one (`renewed`).
    """

    library: Library
    house_texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    _revisions: dict[str, Revision] = field(default_factory=dict)
    _segments: Mapping[str, Condition] = field(init=False)

    def __post_init__(self) -> None:
        self._segments = _segments_of(self.library.rules)

    @property
    def rules(self) -> StoreRules:
        """What is true for the whole store."""
        return self.library.rules

    @property
    def segments(self) -> Mapping[str, Condition]:
        """The named conditions; live, like all of policy."""
        return self._segments

    @property
    def policy(self) -> Rules:
        """The rules as policy asks them."""
        quiet = self.rules.quiet_hours
        return Rules(
            timezone=self.rules.timezone,
            quiet_hours=QuietHours(*quiet) if quiet else None,
            limits=tuple(Limit(count, length) for count, length in self.rules.marketing_limits),
        )

    def starting_on(self, trigger: Trigger) -> tuple[Revision, ...]:
        """The flows that start on this event."""
        return self.library.starting_on(trigger)

    def language_of(self, language: str | None) -> str:
        """The language to write in: the person's, where the store speaks it, else the store's first."""
        spoken = self.rules.languages
        for code in (language, (language or "").partition("_")[0]):
            if code in spoken:
                return str(code)
        return next((code for code in spoken if language and code.partition("_")[0] == language.partition("_")[0]), spoken[0])

    def renewed(self, loaded: Library, house_texts: Mapping[str, Mapping[str, str]]) -> "Playbook | None":
        """The playbook after the files were read again; a flow with a mistake goes on in its last good revision.

        None when the rules have a mistake: without them everybody would be written to at night, and too often.
        """
        if loaded.broken_rules:
            return None
        last_good = {flow: revision for flow, revision in self.library.flows.items() if flow in loaded.left_out}
        return Playbook(_with(loaded, last_good), house_texts, self._revisions)

    def begun(self, now: datetime) -> Step["Playbook"]:
        """The playbook a process begins with: for a flow with a mistake, the revision that was in force. Those in force are kept."""
        served = yield from runs.in_force()
        last_good: dict[str, Revision] = {}
        for flow in sorted(self.library.left_out & served.keys()):
            source = yield from runs.revision_source(served[flow])
            with suppress(ValueError):  # stored by a release that wrote flows otherwise
                if source is not None:
                    last_good[flow] = library.restore(served[flow], source)
        playbook = Playbook(_with(self.library, last_good), self.house_texts, self._revisions)
        yield from playbook.remember(now)
        return playbook

    def remember(self, now: datetime) -> Step[None]:
        """Store the revisions in force, so that runs finish on them, and a later mistake falls back on them."""
        flows = self.library.flows
        for revision in flows.values():
            yield from runs.keep_revision(revision.id, revision.flow.id, revision.source, now)
        yield from runs.put_in_force({flow: revision.id for flow, revision in flows.items()})

    def revision(self, revision_id: str) -> Step[Revision]:
        """The revision a run was started with, read back from the store when the files have moved on."""
        for revision in (*self.library.flows.values(), *self._revisions.values()):
            if revision.id == revision_id:
                return revision
        source = yield from runs.revision_source(revision_id)
        if source is None:
            raise LookupError(f"revision {revision_id} is not in the store")
        self._revisions[revision_id] = library.restore(revision_id, source)
        return self._revisions[revision_id]


def _with(loaded: Library, last_good: Mapping[str, Revision]) -> Library:
    return replace(loaded, flows=dict(sorted({**loaded.flows, **last_good}.items())))


def _segments_of(rules: StoreRules) -> Mapping[str, Condition]:
    return {name: condition.parse(text) for name, text in rules.segments.items()}


@dataclass(frozen=True, slots=True)
class House:
    """What every piece of work needs to know: the owner's files, who we are, and what time it is (UTC)."""

    playbook: Playbook
    instance: str  # of this database: makes message keys that no other database makes
    number: str  # the phone number id we write from when nobody has written to us yet
    now: datetime
    tally: Tally = SILENT  # is told what happens, to be counted
    erasures: Erasures | None = None  # who was erased; in a rehearsal nobody is
    sites: Mapping[str, str] = field(default_factory=dict)  # where pages are that have our snippet -> the shop they are of

    @property
    def code_prefix(self) -> str:
        """What the store's discount codes begin with."""
        return "".join(letter for letter in self.playbook.rules.name.upper() if "A" <= letter <= "Z")[:4] or "CODE"

    def key(self, *parts: object) -> str:
        """The key of a message (at most 512 characters go with it, Cloud API: biz_opaque_callback_data)."""
        return ":".join((self.instance, *map(str, parts)))


REPLY_WORTH = timedelta(hours=23, minutes=55)  # an answer is worth sending while the reply window it answers in is open
MARKETING_WORTH = timedelta(days=3)  # longer than a night and a day of limits; a cart reminder of last week is noise
