"""Who goes into an audience, who is left out, and why."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bot.audience import match
from bot.audience.match import Destination
from bot.policy.consent import Consent


class LeftOut(StrEnum):
    """Why a person is not in the list. `sentence` is what the owner reads."""

    NOT_IN_SEGMENT = "not_in_segment"
    OPTED_OUT = "opted_out"
    NO_ADS_CONSENT = "no_ads_consent"
    EXPIRED = "expired"
    ALREADY_HASHED = "already_hashed"
    NO_IDENTIFIER = "no_identifier"

    @property
    def sentence(self) -> str:
        """The reason as owners read it."""
        return _SENTENCES[self]


_SENTENCES = {
    LeftOut.NOT_IN_SEGMENT: "They are not, or no longer, in the segment.",
    LeftOut.OPTED_OUT: "They opted out of marketing.",
    LeftOut.NO_ADS_CONSENT: "They did not agree to their data being used for ads.",
    LeftOut.EXPIRED: "They have been in the audience for as long as it keeps people.",
    LeftOut.ALREADY_HASHED: "Their address is stored as a hash: hashed again it would match nobody.",
    LeftOut.NO_IDENTIFIER: "There is no email or phone that the ad platform could match.",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person who may go into an audience.

    `consent` is the one to marketing messages, `ads_consent` the one to sharing data with ad platforms. `entered_at` (UTC) is when
    they last came into the segment: membership is counted from it. Personal fields stay out of the repr, and so of logs.
    """

    contact: int
    consent: Consent
    ads_consent: Consent
    in_segment: bool
    entered_at: datetime
    phone: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    first_name: str | None = field(default=None, repr=False)
    last_name: str | None = field(default=None, repr=False)
    country: str | None = None
    postal_code: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Selection:
    """Who is in, and for each one left out (by contact id) the first reason that holds."""

    members: tuple[Candidate, ...]
    left_out: tuple[tuple[int, LeftOut], ...]


def choose(candidates: Iterable[Candidate], keep_for: timedelta | None, now: datetime, destination: Destination) -> Selection:
    """Part the candidates. `keep_for` is how long a person stays from `entered_at` on, None as long as the segment holds them."""
    members: list[Candidate] = []
    left_out: list[tuple[int, LeftOut]] = []
    for candidate in candidates:
        reason = _why_left_out(candidate, keep_for, now, destination)
        if reason is None:
            members.append(candidate)
        else:
            left_out.append((candidate.contact, reason))
    return Selection(tuple(members), tuple(left_out))


def _why_left_out(candidate: Candidate, keep_for: timedelta | None, now: datetime, destination: Destination) -> LeftOut | None:
    """One strict rule everywhere: consent to ads must have been given (it is law in the EEA and the UK).

    Meta's customer audience terms: the list must not hold people who opted out.
    """
    if not candidate.in_segment:
        return LeftOut.NOT_IN_SEGMENT
    if candidate.consent is Consent.WITHDRAWN:
        return LeftOut.OPTED_OUT
    if candidate.ads_consent is not Consent.GRANTED:
        return LeftOut.NO_ADS_CONSENT
    if keep_for is not None and now - candidate.entered_at >= keep_for:
        return LeftOut.EXPIRED
    return _why_not_matchable(candidate, destination)


def _why_not_matchable(candidate: Candidate, destination: Destination) -> LeftOut | None:
    if match.email(candidate.email, destination) or match.phone(candidate.phone, destination):
        return None
    stored = (candidate.email, candidate.phone)
    return LeftOut.ALREADY_HASHED if any(text and match.is_hashed(text) for text in stored) else LeftOut.NO_IDENTIFIER
