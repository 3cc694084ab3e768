"""Contacts: a surrogate id, the names that lead to it, what the person agreed to, their tags.

WhatsApp proves its names: an update of WhatsApp's that carries two contacts' names makes them one; the older id stays, the stricter
consent wins. What somebody typed into a shop's form proves nothing: a couple shares an e-mail address, a phone is mistyped, a stranger
types a customer's address to read their orders. So a shop's event belongs to the owner of its strongest name (phone, then customer
account, then e-mail, then cart), takes in another contact only when there is nothing private in it, and merely notes that the others
may be meant, too: an order of theirs still stops the reminders of all of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.policy.decision import Consent
from bot.store import mirror, runs
from bot.store.line import line_of
from bot.store.model import LEADS, Identity, IdentityKind, update_key
from bot.store.step import Row, Step, from_micros, from_micros_or_none, sql, sql_many, to_micros

_NUMBERS = frozenset({IdentityKind.PHONE, IdentityKind.WA_ID, IdentityKind.LINE, IdentityKind.BSUID, IdentityKind.PARENT_BSUID})
_PHONES = frozenset({IdentityKind.PHONE, IdentityKind.WA_ID, IdentityKind.LINE})  # a number, however it is written
_BY_STRENGTH = (IdentityKind.CUSTOMER, IdentityKind.EMAIL)
MERGED_TABLES = (
    *("identity", "consent_record", "inbox", "message", "checkout", "shop_order", "run", "discount", "outbox", "audit"),
    *("referral", "reached", "purchase", "credit", "sent_link"),
)
JOINED_TABLES = (  # both may have the same: what is left of the other's goes
    *("tag", "conversation", "also_known", "reaction", "pair", "awaited_purchase", "wish", "privacy_person"),
)


@dataclass(frozen=True, slots=True)
class Contact:
    """A person as the store knows them now. Times UTC; `orders_minor` in minor units of `orders_currency`.

    `phone` is the newest E.164 number, `bsuid` the newest business-scoped id: one of them reaches the person.
    """

    id: int
    first_name: str | None
    language: str | None
    country: str | None
    timezone: str | None
    consent: Consent
    ads_consent: Consent
    unreachable: bool
    not_before: datetime | None
    orders_count: int
    orders_minor: int
    orders_currency: str | None
    last_order_at: datetime | None
    phone: str | None
    bsuid: str | None
    email: str | None
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Resolved:
    """Whom an update is about. `others` go by one of its names, too, and may be the same person: nothing of theirs is shown or changed
    but what an order must stop. `new`: they may not have gone by these names before."""

    contact: int
    others: tuple[int, ...] = ()
    new: tuple[Identity, ...] = ()


def resolve(
    identities: Sequence[Identity], now: datetime, *, proven: bool, at: datetime | None = None, makes: bool = True
) -> Step[Resolved | None]:
    """The contact these names lead to, made if there is none. None when there are no names.

    `proven`: the names were told by WhatsApp itself, so contacts they lead to are one person. `at`: since when they go by names that are
    new (UTC); `now` where it is not said. `makes`: else nobody is made of proven names that lead to nobody, and it is None.
    """
    people = [identity for identity in identities if identity.kind not in LEADS]
    leads = [identity for identity in identities if identity.kind in LEADS]
    known = (yield from _known(people)) if proven else {}
    if proven and not known and not makes:
        return None
    contact = (yield from _proven(people, known, now)) if proven else (yield from _strongest(people, leads, now))
    if contact is None:
        return None
    stamp = to_micros(at or now)
    new = [identity for identity in people if identity not in known]
    for names, statement in ((new, "contact.add_name"), (leads, "contact.lead_name")):
        if names:
            yield sql_many(statement, [_named(identity, contact, stamp) for identity in names])
    if proven:
        return Resolved(contact, new=tuple(new))
    yield sql_many("contact.also", [_named(identity, contact, stamp) for identity in people])
    return Resolved(contact, tuple((yield from _also(people, leads, contact))), tuple(people))


def _proven(people: Sequence[Identity], known: Mapping[Identity, int], now: datetime) -> Step[int | None]:
    """The one person behind these names: their contacts are merged."""
    if not people:
        return None
    if not known:
        return (yield from create(now))
    contact, *others = sorted(set(known.values()))
    for other in others:
        yield from merge(contact, other, now)
    return contact


def _strongest(people: Sequence[Identity], leads: Sequence[Identity], now: datetime) -> Step[int | None]:
    """The owner of the strongest name; contacts of weaker ones with nothing private in them are taken in."""
    numbers = [identity for identity in people if identity.kind in _NUMBERS]
    ranked = [numbers, *([one for one in people if one.kind is kind] for kind in _BY_STRENGTH), list(leads)]
    contact: int | None = None
    for names in ranked:
        for owner in (yield from _owners(names)):
            usable = names is numbers or not numbers or (yield from _is_blank(owner))
            if contact is None and usable:
                contact = owner
            elif contact is not None and owner != contact and (yield from _is_blank(owner)):
                yield from merge(min(contact, owner), max(contact, owner), now)
                contact = min(contact, owner)
    if contact is None and people:
        contact = yield from create(now)
    return contact


def _is_blank(contact: int) -> Step[bool]:
    """Whether a contact has no number of its own, ordered nothing under any name and wrote nothing: taking it in shows nobody anything."""
    rows = yield sql("contact.is_blank", contact=contact)
    return bool(rows[0]["blank"])


def _also(people: Sequence[Identity], leads: Sequence[Identity], contact: int) -> Step[list[int]]:
    """Everybody else who goes by one of these names, or was told to."""
    found = set((yield from _owners([*people, *leads])))
    for identity in people:
        rows = yield sql("contact.also_by_name", kind=identity.kind, scope=identity.scope, value=identity.value)
        found.update(row["id"] for row in rows)
    return sorted(found - {contact})


def names_of(contact: int) -> Step[list[tuple[str, str, str]]]:
    """Every name a person goes by: kind, scope, value."""
    return [(row["kind"], row["scope"], row["value"]) for row in (yield sql("contact.names", contact=contact))]


def create(now: datetime) -> Step[int]:
    """A contact of whom nothing is known."""
    rows = yield sql("contact.create", now=to_micros(now))
    contact: int = rows[0]["id"]
    return contact


def _named(identity: Identity, contact: int, stamp: int) -> dict[str, object]:
    return {"kind": identity.kind, "scope": identity.scope, "value": identity.value, "contact": contact, "now": stamp}


def owners(identities: Iterable[Identity]) -> Step[list[int]]:
    """Everybody who goes by one of these names."""
    return (yield from _owners(identities))


def _owners(identities: Iterable[Identity]) -> Step[list[int]]:
    return sorted(set((yield from _known(identities)).values()))


def _known(identities: Iterable[Identity]) -> Step[dict[Identity, int]]:
    """Whom each of these names leads to; without those that lead to nobody."""
    found: dict[Identity, int] = {}
    for identity in identities:
        rows = yield sql("contact.by_name", kind=identity.kind, scope=identity.scope, value=identity.value)
        if rows:
            found[identity] = rows[0]["id"]
    return found


def lead(contact: int, identities: Sequence[Identity], now: datetime) -> Step[None]:
    """The keys of carts and orders among these names lead to a contact from now on."""
    leads = [identity for identity in identities if identity.kind in LEADS]
    if leads:
        yield sql_many("contact.lead_name", [_named(identity, contact, to_micros(now)) for identity in leads])


def hold(contact: int) -> Step[None]:
    """Nobody else works on this person until the end of the transaction."""
    yield sql("contact.hold", id=contact)


def find(identity: Identity) -> Step[int | None]:
    """The contact who goes by this name, if any; by a phone number however it is written."""
    names = [identity]
    if identity.kind is IdentityKind.PHONE and (line := line_of(identity.value)):
        names.append(Identity(IdentityKind.LINE, line))
    for name in names:
        if owners := (yield from _owners([name])):
            return owners[0]
    return None


def merge(keep: int, gone: int, now: datetime) -> Step[None]:
    """Two contacts are one person: all that belongs to `gone` becomes `keep`'s. Timers of the old id resolve when they fire."""
    stops: list[Agreement] = []
    for contact in (keep, gone):
        stops += yield from stops_in_chat(contact)
    yield sql("contact.merge_person", keep=keep, gone=gone)
    for table in MERGED_TABLES:
        yield sql(f"contact.merge_{table}", keep=keep, gone=gone)
    for table in JOINED_TABLES:
        yield sql(f"contact.merge_{table}", keep=keep, gone=gone)
        yield sql(f"contact.merge_{table}_rest", gone=gone)
    yield sql("contact.merge_mark", keep=keep, gone=gone)
    yield from _end_doubles(keep, now)
    for stop in stops:  # repeated, so that it is the last word in the chat, whatever the other one said there
        yield from _record(keep, stop, now, effective=True)
    yield sql("contact.sum_orders", id=keep)
    yield from mirror.settle(keep)
    yield from audit(keep, now, "contact", f"contact {gone} is the same person: merged into this one")


def _end_doubles(contact: int, now: datetime) -> Step[None]:
    """A person known twice may be in one flow twice: the older run goes on."""
    flows: set[str] = set()
    for live in (yield from runs.live(contact)):
        if live.run.flow in flows:
            yield from runs.save(replace(live.run, waiting=None, outcome="the person was known twice"), now)
            yield sql("outbox.cancel_run", run=live.run.id, why="the person was known twice")
        flows.add(live.run.flow)


def renew(identities: Sequence[Identity], at: datetime) -> Step[None]:
    """The person went by these names at `at`: the phone they used last is the one written to."""
    for identity in identities:
        yield sql("contact.renew_name", kind=identity.kind, scope=identity.scope, value=identity.value, now=to_micros(at))


def learn(contact: int, phone: str, names: Sequence[Identity], now: datetime) -> Step[None]:
    """WhatsApp calls the person we wrote to at `phone` by these names. A name of somebody else stays theirs, and another number is only
    written to where it is the same line, written the other way: an answer to a request is no word of the person's own."""
    known = yield from by_id(contact)
    if known is None:
        return
    yield from hold(known)
    for name in names:
        if name.kind is not IdentityKind.PHONE or (line_of(name.value) or name.value) == line_of(phone):
            yield sql("contact.add_name", **_named(name, known, to_micros(now)))


def move(
    before: Sequence[Identity], names: Sequence[Identity], others: Sequence[Identity], at: datetime, now: datetime
) -> Step[int | None]:
    """Somebody who went by `before` goes by `names` since `at` (UTC), and by `others` all along. Returns who; None when it is old news.

    Their old number is forgotten: it may be a stranger's soon. Whoever had the new number before them, and was on WhatsApp there, is
    somebody else, who has lost it. Words of moves come late, twice and in any order, so each name counts by when it was taken.
    """
    told = " ".join(["move", *(name.value for name in before), "to", *(name.value for name in names)])
    if not (yield sql("inbox.first_time", key=update_key(at, told))):
        return None
    movers = yield from _movers(before, names, others, at)
    if not movers and (yield from _owners([*before, *names, *others])):
        return None
    contact = yield from _one_of(movers, others, now, at=at)
    stamp = to_micros(at)
    if not movers:  # nobody knew them: should an older move be told after this one, it leads here by the old name
        yield from _give(contact, before, stamp - 1)
    yield from _give(contact, names, stamp)
    yield from renew(names, at)
    if movers:
        yield from _forget(contact, names, stamp)
    return contact


def _give(contact: int, names: Sequence[Identity], stamp: int) -> Step[None]:
    """The person goes by these names, whoever did until now."""
    for name in names:
        if (yield from _owners([name])) != [contact]:
            yield sql("contact.give_name", kind=name.kind, scope=name.scope, value=name.value, contact=contact, at=stamp)


def _movers(before: Sequence[Identity], names: Sequence[Identity], others: Sequence[Identity], at: datetime) -> Step[list[int]]:
    """Every contact that is the person who moved."""
    movers = set((yield from _owners(others)))
    for name in before:
        for row in (yield sql("contact.holder", kind=name.kind, scope=name.scope, value=name.value)):
            if name.kind not in _PHONES or row["since"] <= to_micros(at):  # else it is the next owner of the number
                movers.add(row["id"])
    for name in names:
        for owner in (yield from _owners([name])):
            earlier = name.kind in _PHONES and (yield sql("contact.was_there", contact=owner, at=to_micros(at)))
            if not earlier:
                movers.add(owner)
    return sorted(movers)


def _one_of(contacts: Sequence[int], identities: Sequence[Identity], now: datetime, *, at: datetime | None = None) -> Step[int]:
    """The one person these contacts and names are, made if there is none: they are merged."""
    owners = sorted({*contacts, *(yield from _owners(identities))})
    contact = owners[0] if owners else (yield from create(now))
    for other in owners[1:]:
        yield from merge(contact, other, now)
    if identities:
        yield sql_many("contact.add_name", [_named(identity, contact, to_micros(at or now)) for identity in identities])
    return contact


def _forget(contact: int, names: Sequence[Identity], stamp: int) -> Step[None]:
    """The person goes by `names` now: of these kinds, others that they had by then lead to them no more."""
    kept = {(name.kind, name.value) for name in names}
    kinds = {name.kind for name in names}
    kinds |= _PHONES if kinds & _PHONES else set()
    for row in (yield sql("contact.names", contact=contact)):
        if row["kind"] in kinds and (row["kind"], row["value"]) not in kept and row["since"] <= stamp:
            yield sql("contact.forget_name", kind=row["kind"], scope=row["scope"], value=row["value"], contact=contact)


@dataclass(frozen=True, slots=True)
class Referred:
    """The ad or post that brought somebody. `click` is what the ad platform knows the press by (Cloud API: `ctwa_clid`)."""

    at: datetime
    click: str | None = None
    source_type: str | None = None
    source_id: str | None = None
    source_url: str | None = None
    headline: str | None = None
    body: str | None = None


def refer(contact: int, number: str, referred: Referred) -> Step[None]:
    """Somebody came by an ad; a click is kept once."""
    yield sql(
        "contact.refer",
        contact=contact,
        number=number,
        at=to_micros(referred.at),
        click=referred.click,
        source_type=referred.source_type,
        source_id=referred.source_id,
        source_url=referred.source_url,
        headline=referred.headline,
        body=referred.body,
    )


def referrals(contact: int) -> Step[list[Referred]]:
    """What brought a person to us, oldest first."""
    rows = yield sql("contact.referrals", contact=contact)
    return [
        Referred(
            from_micros(row["at"]),
            row["click"],
            row["source_type"],
            row["source_id"],
            row["source_url"],
            row["headline"],
            row["body"],
        )
        for row in rows
    ]


def live_id(contact: int) -> Step[int]:
    """The contact an old id stands for, after merges."""
    rows = yield sql("contact.live_id", id=contact)
    return int(rows[0]["id"]) if rows else contact


def by_id(contact: int) -> Step[int | None]:
    """The contact that an id somebody kept stands for, after merges; None when there is none, or they were erased."""
    rows = yield sql("contact.live_id", id=contact)
    return int(rows[0]["id"]) if rows and not rows[0]["gone"] else None


def load(contact: int) -> Step[Contact]:
    """Everything the store keeps on the person's own row, their names and tags."""
    rows = yield sql("contact.load", id=contact)
    names = yield sql("contact.names", contact=contact)
    tags = yield sql("contact.tags", contact=contact)
    return _contact(rows[0], names, tags)


def _contact(row: Row, names: Sequence[Row], tags: Sequence[Row]) -> Contact:
    def newest(kind: IdentityKind) -> str | None:
        return next((name["value"] for name in names if name["kind"] == kind), None)

    return Contact(
        id=row["id"],
        first_name=row["first_name"],
        language=row["language"],
        country=row["country"],
        timezone=row["timezone"],
        consent=Consent(row["consent"]),
        ads_consent=Consent(row["ads_consent"]),
        unreachable=bool(row["unreachable"]),
        not_before=from_micros_or_none(row["not_before"]),
        orders_count=row["orders_count"],
        orders_minor=row["orders_minor"],
        orders_currency=row["orders_currency"],
        last_order_at=from_micros_or_none(row["last_order_at"]),
        phone=newest(IdentityKind.PHONE),
        bsuid=newest(IdentityKind.BSUID),
        email=newest(IdentityKind.EMAIL),
        tags=frozenset(tag["tag"] for tag in tags),
    )


def spent_in(contact: int, currency: str) -> Step[int | None]:
    """What somebody spent in one currency (minor units); None where no order of theirs was in it."""
    row = (yield sql("contact.spent_in", id=contact, currency=currency))[0]
    return int(row["minor"]) if row["orders"] else None


def describe(
    contact: int, *, first_name: str | None, language: str | None = None, country: str | None = None, timezone: str | None = None
) -> Step[None]:
    """What the shop tells about the person; None leaves what is known."""
    yield sql("contact.describe", id=contact, first_name=first_name, language=language, country=country, timezone=timezone)


def name_if_unknown(contact: int, first_name: str) -> Step[None]:
    """The name they gave themselves on the channel, where the shop told none."""
    yield sql("contact.first_name_if_none", id=contact, first_name=first_name)


def engaged(contact: int, at: datetime) -> Step[None]:
    """The person wrote or pressed something: they can be reached, and they are interested."""
    yield sql("contact.engaged", id=contact, at=to_micros(at))


SHOP = "shop"  # the method of a consent that the shop recorded; others are `word`, `button`, `platform`, `flow`
OUTLIVED = "before they were erased"  # the source of a stop that is kept of somebody who was erased


@dataclass(frozen=True, slots=True)
class Agreement:
    """One statement of consent, with what proves it. `channel` is `whatsapp` or `ads`; `text` what the person read."""

    channel: str
    state: Consent
    at: datetime
    method: str
    source: str
    text: str | None = None


def agree(contact: int, agreement: Agreement, now: datetime) -> Step[bool]:
    """Record a consent. The newest statement per channel counts; an older one that arrives late is only recorded.

    What a person says in the chat to stop always counts, whatever clock a shop's statements were stamped by. And a shop never
    undoes it: its checkbox may be old, pre-ticked or another person's, and STOP is for good until they say otherwise here.
    Returns whether the person's state is now what was stated.
    """
    agreement = replace(agreement, at=min(agreement.at, now))  # else all that follows a clock that runs ahead would look late
    withdraws, in_chat = agreement.state is Consent.WITHDRAWN, agreement.method != SHOP
    effective = in_chat and withdraws
    if not effective and not (yield from _is_late(contact, agreement)):
        stopped_in_chat = agreement.channel in {stop.channel for stop in (yield from stops_in_chat(contact))}
        effective = withdraws or in_chat or not stopped_in_chat
    yield from _record(contact, agreement, now, effective=effective)
    if not effective:
        return False
    yield sql("contact.set_consent" if agreement.channel == "whatsapp" else "contact.set_ads_consent", id=contact, state=agreement.state)
    return True


def _is_late(contact: int, agreement: Agreement) -> Step[bool]:
    """Whether a newer statement counts already; of two of the same moment the stricter counts."""
    rows = yield sql("contact.latest_consent", contact=contact, channel=agreement.channel)
    latest, stated = rows[0]["at"], to_micros(agreement.at)
    return latest is not None and (stated < latest or (stated == latest and agreement.state is not Consent.WITHDRAWN))


def stops_in_chat(contact: int) -> Step[list[Agreement]]:
    """The person's last word in the chat about each channel, where it was to stop."""
    rows = yield sql("contact.said_in_chat", contact=contact, shop=SHOP)
    return [
        Agreement(row["channel"], Consent.WITHDRAWN, from_micros(row["at"]), row["method"], row["source"], row["text"])
        for row in rows
        if row["state"] == Consent.WITHDRAWN
    ]


def _record(contact: int, agreement: Agreement, now: datetime, *, effective: bool) -> Step[None]:
    yield sql(
        "contact.record_consent",
        contact=contact,
        channel=agreement.channel,
        state=agreement.state,
        at=to_micros(agreement.at),
        method=agreement.method,
        source=agreement.source,
        text=agreement.text,
        recorded_at=to_micros(now),
        effective=int(effective),
    )


def add_tag(contact: int, tag: str, now: datetime) -> Step[bool]:
    """Put a tag on the contact, or renew it; returns whether it is new."""
    known = yield sql("contact.has_tag", contact=contact, tag=tag)
    yield sql("contact.add_tag", contact=contact, tag=tag, now=to_micros(now))
    return not known


def remove_tag(contact: int, tag: str) -> Step[None]:
    """Take a tag off."""
    yield sql("contact.remove_tag", contact=contact, tag=tag)


def pause(contact: int, until: datetime) -> Step[None]:
    """No marketing to this person before `until` (Cloud API: error 131049 asks for a day)."""
    yield sql("contact.pause", id=contact, until=to_micros(until))


def mark_unreachable(contact: int) -> Step[None]:
    """The channel cannot reach the person; a message from them clears it."""
    yield sql("contact.unreachable", id=contact)


def audit(contact: int | None, at: datetime, about: str, text: str) -> Step[None]:
    """Leave a sentence that a person can find under the contact: why something happened, or did not."""
    yield sql("contact.audit", contact=contact, at=to_micros(at), about=about, text=text)


@dataclass(frozen=True, slots=True)
class Noted:
    """A sentence left under a contact. `about` is a flow, consent, desk ..."""

    at: datetime
    about: str
    text: str


def audit_of(contact: int) -> Step[list[Noted]]:
    """Every sentence left under a contact, oldest first."""
    rows = yield sql("contact.audit_of", contact=contact)
    return [Noted(from_micros(row["at"]), row["about"], row["text"]) for row in rows]


def page(after: int, limit: int) -> Step[list[int]]:
    """The next contacts by id, for lists of everybody."""
    rows = yield sql("contact.page", after=after, limit=limit)
    return [row["id"] for row in rows]


def last_moved(contact: int) -> Step[datetime]:
    """When the person last did what puts people on lists: got a tag, else wrote or ordered, else became known (UTC)."""
    tagged = (yield sql("contact.tagged_at", contact=contact))[0]["since"]
    dates = (yield sql("contact.dates", id=contact))[0]
    return from_micros(tagged or max(dates["last_engaged_at"] or 0, dates["last_order_at"] or 0) or dates["created_at"])
