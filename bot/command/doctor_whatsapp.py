"""What the doctor looks at on WhatsApp's side: the token, the account, the number, the subscription, the templates, the webhook.

Each question is asked of Meta as it stands now. What one of them cannot tell is no reason not to ask the others.
"""

import hmac
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus

import aiohttp

from bot.channel import SendError
from bot.channel.whatsapp import account, number, templates, webhook
from bot.channel.whatsapp.account import TokenState
from bot.channel.whatsapp.number import NumberState
from bot.channel.whatsapp.reading import daily_limit
from bot.channel.whatsapp.templates import TemplateState
from bot.command.finding import Finding, hint, ill, refused, well
from bot.flow.revision import Category
from bot.settings import Settings, WhatsAppSettings
from bot.web.door import WHATSAPP_PATH
from bot.worker.playbook import Playbook

SOON = timedelta(days=14)  # a token that ends sooner must be renewed now: nobody reads a doctor's report every day
MANAGER = "see the WhatsApp Manager"
SYSTEM_USER = "make one of a system user (Business settings, System users), which does not expire"


async def examine(
    session: aiohttp.ClientSession, settings: Settings, playbook: Playbook, now: datetime
) -> AsyncIterator[Finding]:
    """All of it; nothing where WhatsApp is not configured."""
    whatsapp = settings.whatsapp
    if whatsapp is None:
        return
    async for finding in _token(session, whatsapp, now):
        yield finding
    async for finding in _number(session, whatsapp):
        yield finding
    if whatsapp.account is None:
        yield hint("account", "set COMEBACK_WHATSAPP_ACCOUNT: then the account, its subscription and the templates are looked at, too")
    else:
        async for finding in _account(session, whatsapp, whatsapp.account, settings.public_url):
            yield finding
        async for finding in _templates(session, whatsapp, whatsapp.account, playbook):
            yield finding
    async for finding in _webhook(session, settings.public_url, whatsapp):
        yield finding


# ---- the token


async def _token(session: aiohttp.ClientSession, whatsapp: WhatsAppSettings, now: datetime) -> AsyncIterator[Finding]:
    try:
        state = await account.examine_token(session, api_url=whatsapp.api, token=whatsapp.token)
    except SendError as fault:
        if fault.code == 190:
            yield refused("token", "COMEBACK_WHATSAPP_TOKEN", fault)
        else:
            yield hint("token", f"what the token may do could not be asked ({fault.detail}): whether it works is seen below")
        return
    for finding in _token_state(state, whatsapp.account, now):
        yield finding


def _token_state(state: TokenState, whatsapp_account: str | None, now: datetime) -> Iterator[Finding]:
    if not state.valid:
        yield ill("token", f"COMEBACK_WHATSAPP_TOKEN is not valid any more: {SYSTEM_USER}; nothing in the queue is lost")
        return
    if missing := state.missing():
        yield ill("token", f"it lacks {' and '.join(missing)}: give the system user these permissions, and make a new token")
    if state.accounts and whatsapp_account is not None and whatsapp_account not in state.accounts:
        yield ill("token", f"it is not for account {whatsapp_account}: assign the account to the system user, and make a new token")
    if state.expires_at is None:
        lasting = "it does not expire"
    elif state.expires_at - now < SOON:
        yield ill("token", f"it ends on {state.expires_at:%Y-%m-%d %H:%M} UTC: {SYSTEM_USER}")
        return
    else:
        lasting = f"it ends on {state.expires_at:%Y-%m-%d}: {SYSTEM_USER}"
    if not missing:
        yield (well if state.expires_at is None else hint)("token", f"it may send and manage templates, and {lasting}")


# ---- the number


async def _number(session: aiohttp.ClientSession, whatsapp: WhatsAppSettings) -> AsyncIterator[Finding]:
    try:
        state = await number.probe(session, api_url=whatsapp.api, token=whatsapp.token, number=whatsapp.number)
    except SendError as fault:
        yield refused("number", f"number {whatsapp.number}", fault)
        return
    for finding in _number_state(state, whatsapp):
        yield finding


def _number_state(state: NumberState, whatsapp: WhatsAppSettings) -> Iterator[Finding]:
    limit = f", {_people(state.messaging_limit)}" if state.messaging_limit else ""
    speed = ", up to 1,000 messages a second" if state.throughput == "HIGH" else ""
    told = f"{state.name or 'the number'} ({state.phone or whatsapp.number}), quality {state.quality or 'not known'}{limit}{speed}"
    faults = list(_number_faults(state))
    yield from faults
    if not faults:
        yield well("number", told)


def _people(told: str) -> str:
    """A limit such as TIER_2K, in people."""
    limit = daily_limit(told)
    if limit is None:
        return f"{told} people a day"
    return "no limit of people a day" if limit.people is None else f"{limit.people:,} people a day"


def _number_faults(state: NumberState) -> Iterator[Finding]:
    if state.platform not in (None, "CLOUD_API"):
        yield ill("number", f"it is not on the Cloud API (it is on {state.platform}): register it in the WhatsApp Manager")
    if state.status not in (None, "CONNECTED"):
        yield ill("number", f"it is {state.status.lower()}: {MANAGER}, and register or verify it there")
    if state.name_status in ("DECLINED", "EXPIRED", "NONE"):
        yield ill("number", f"its display name is {state.name_status.lower()}: choose another in the WhatsApp Manager")
    if state.test:
        yield hint("number", "it is a test number: only the phones on its allow list can be written to")
    if state.blocked:
        yield ill("number", f"Meta says that it cannot send: {'; '.join(state.blocked)}")
    if state.quality == "RED":
        yield ill("number", "its quality is red: too many people block or report it. Write to fewer, and only to those who engage")
    elif state.quality == "YELLOW":
        yield hint("number", "its quality is yellow: people begin to block or report it. Look at what the last marketing messages were")


# ---- the account, and where its webhooks go


async def _account(
    session: aiohttp.ClientSession, whatsapp: WhatsAppSettings, whatsapp_account: str, public_url: str | None
) -> AsyncIterator[Finding]:
    asked = {"api_url": whatsapp.api, "token": whatsapp.token, "account": whatsapp_account}
    try:
        state = await account.examine(session, **asked)
        known = await account.numbers(session, **asked)
        apps = await account.subscriptions(session, **asked)
    except SendError as fault:
        yield refused("account", f"account {whatsapp_account}", fault)
        return
    if state.review not in (None, "APPROVED"):
        yield ill("account", f"{state.name or whatsapp_account} is {state.review.lower()} by Meta's review: {MANAGER}")
    elif whatsapp.number not in known:
        listed = ", ".join(f"{one} ({shown})" for one, shown in known.items()) or "none"
        yield ill("account", f"it does not have number {whatsapp.number}: COMEBACK_WHATSAPP_NUMBER can be {listed}")
    else:
        verified = "" if state.verified else "; the business is not verified: 250 people a day can be written to first"
        yield (well if state.verified else hint)("account", f"{state.name or whatsapp_account}, approved{verified}")
    if not apps:
        yield ill("subscription", f"no app gets the account's webhooks: POST {whatsapp.api}/{whatsapp_account}/subscribed_apps")
        return
    told = ", ".join(app.name or app.app for app in apps)
    elsewhere = [app.callback for app in apps if app.callback and public_url and app.callback != public_url + WHATSAPP_PATH]
    if elsewhere and len(elsewhere) == len(apps):
        yield ill("subscription", f"the webhooks go to {elsewhere[0]}, not to {public_url}{WHATSAPP_PATH}: change the override there")
    else:
        yield well("subscription", f"the account's webhooks go to {told}")


# ---- the templates


async def _templates(
    session: aiohttp.ClientSession, whatsapp: WhatsAppSettings, whatsapp_account: str, playbook: Playbook
) -> AsyncIterator[Finding]:
    try:
        known = await templates.fetch(session, api_url=whatsapp.api, token=whatsapp.token, waba=whatsapp_account)
    except SendError as fault:
        yield refused("templates", f"account {whatsapp_account}", fault)
        return
    for finding in _template_states(playbook, {(one.name, one.language): one for one in known}):
        yield finding


_REMEDIES: Mapping[str, str] = {
    "missing": "create it: 'comeback templates push'",
    "PENDING": "wait for Meta's approval, a day at most",
    "REJECTED": "change it and push it again",
    "PAUSED": "too many people disliked it: it comes back by itself, after 3 and then 6 hours; the third time it is disabled",
    "DISABLED": "write another and use it in the flow",
}


def _template_states(playbook: Playbook, known: Mapping[tuple[str, str], TemplateState]) -> Iterator[Finding]:
    """Each template the flows send, in each language of the store: is it there, approved, liked, and of the category the file says?"""
    needed = sorted(_needed(playbook))
    languages: dict[tuple[Callable[[str, str], Finding], str, str], list[str]] = {}  # by what is told of the template: a line each
    for name, language, mine in needed:
        for verdict, told in _template_faults(mine, known.get((name, language))):
            languages.setdefault((verdict, name, told), []).append(language)
    for (verdict, name, told), several in languages.items():
        yield verdict("templates", f"'{name}' in {', '.join(several)} {told}")
    if not languages and playbook.library.flows:
        yield well("templates", f"all {len(needed)} that the flows send are approved" if needed else "the flows send none")


def _needed(playbook: Playbook) -> set[tuple[str, str, Category]]:
    return {
        (template.name, revision.template_language(template, language), template.category)
        for revision in playbook.library.flows.values()
        for template in revision.templates.values()
        for language in playbook.rules.languages
    }


def _template_faults(mine: Category, state: TemplateState | None) -> Iterator[tuple[Callable[[str, str], Finding], str]]:
    status = state.status if state else "missing"
    if status != "APPROVED":
        yield ill, f"is {status.lower()}: {_REMEDIES.get(status, MANAGER)}"
    if state is None:
        return
    if state.category not in ("UNKNOWN", mine.value.upper()):
        yield hint, f"is {state.category.lower()} for Meta, {mine.value} in its file: Meta's counts, write that there"
    if state.quality == "RED":
        yield hint, "is disliked (quality red): change it before Meta pauses it"


# ---- the webhook


async def _webhook(session: aiohttp.ClientSession, public_url: str | None, whatsapp: WhatsAppSettings) -> AsyncIterator[Finding]:
    """Call our own webhook from outside, as Meta does: the handshake, then a signed delivery with nothing in it, then a forged one."""
    if public_url is None:
        yield hint("webhook", "set COMEBACK_PUBLIC_URL to the address Meta calls, to see whether it leads here")
        return
    url = public_url + WHATSAPP_PATH
    try:
        fault = await _loop(session, url, whatsapp)
    except (aiohttp.ClientError, TimeoutError) as error:
        yield ill("webhook", f"{url} cannot be reached ({type(error).__name__}): is 'comeback serve' running behind it?")
        return
    if fault is not None:
        yield ill("webhook", f"{url} {fault}")
    elif not url.startswith("https://"):
        yield hint("webhook", f"{url} leads here, but Meta calls only https with a certificate of a known authority")
    else:
        yield well("webhook", f"{url} leads here, takes what is signed, and refuses what is not")


async def _loop(session: aiohttp.ClientSession, url: str, whatsapp: WhatsAppSettings) -> str | None:
    """What is wrong with the webhook; None: nothing. Raises aiohttp.ClientError, TimeoutError."""
    challenge = str(secrets.randbelow(10**9))
    query = {"hub.mode": "subscribe", "hub.verify_token": whatsapp.verify_token, "hub.challenge": challenge}
    async with session.get(url, params=query) as response:
        if (await response.text(errors="replace"))[:200] != challenge:
            return "answers, but not as this bot: does it lead to another server, or to one with another COMEBACK_WHATSAPP_VERIFY_TOKEN?"
    if (status := await _deliver(session, url, whatsapp.app_secrets[:1])) != HTTPStatus.OK:
        return f"answers a signed delivery with {status}: has it another COMEBACK_WHATSAPP_APP_SECRET, or does a proxy change bodies?"
    if (status := await _deliver(session, url, (secrets.token_hex(16),))) == HTTPStatus.OK:
        return "takes a delivery that nobody signed: is something between that answers in its place?"
    return None


async def _deliver(session: aiohttp.ClientSession, url: str, signed_with: Sequence[str]) -> int:
    """Deliver nothing, signed; the status of the answer."""
    headers = {"Content-Type": "application/json"}
    for secret in signed_with:
        headers["X-Hub-Signature-256"] = f"sha256={hmac.digest(secret.encode(), webhook.NOTHING, 'sha256').hex()}"
    async with session.post(url, data=webhook.NOTHING, headers=headers) as response:
        await response.read()
        return response.status
