"""What the doctor looks at on a shop's side: whether it lets us in, what we may do, its webhooks, phones, clock, and the way to our door.

`comeback shop connect` looks at the same things on its way.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp

from bot.command import shop_access, shop_door
from bot.command.finding import Finding, Health, hint, ill, well
from bot.command.shop_door import Door, Stand
from bot.flow.rules import StoreRules
from bot.settings import Settings, ShopSettings, names_of_shop
from bot.shop import bigcommerce, bigcommerce_rest, hooks, shopify, woocommerce
from bot.shop.hooks import Act, Hook
from bot.shop.setup import Store, StoreSetup, lacking, tellable
from bot.shop.shopify_setup import WHATSAPP_CONSENT_SINCE
from bot.shop.wire import ApiRefused, ShopUnreachable
from bot.store.mirror import HEARD_EVERY
from bot.worker.playbook import Playbook

SILENT = timedelta(days=3)  # a shop that sells nothing for that long is rarer than webhooks that broke
SKEW = timedelta(minutes=2)  # Standard Webhooks are refused after five
ENOUGH_ORDERS = 5  # to say that no phone comes at all; fewer may all be of people who gave none
_MOST_NAMED = 4
_STORE = "store"


async def examine(
    session: aiohttp.ClientSession, settings: Settings, rules: StoreRules | None, heard: Mapping[str, datetime], now: datetime
) -> AsyncIterator[Finding]:
    """All shops, each finding with its shop's name before it. `rules` are `own_rules`; `heard` is when each was last heard."""
    for shop in settings.shops.values():
        async for one in _shop(session, settings, shop, rules, heard.get(shop.name), now):
            yield Finding(f"{shop.name} {one.about}", one.verdict, one.sentence)


def own_rules(playbook: Playbook) -> StoreRules | None:
    """What `flows/store.yaml` says; None where there is none, or a mistake in it: then the rules are not what the owner meant."""
    return None if playbook.library.broken_rules else playbook.rules


async def _shop(
    session: aiohttp.ClientSession,
    settings: Settings,
    shop: ShopSettings,
    rules: StoreRules | None,
    heard_at: datetime | None,
    now: datetime,
) -> AsyncIterator[Finding]:
    address = shop_access.address_of(settings, shop)
    setup = shop_access.setup_of(session, shop)
    found = []
    if setup is not None:
        async for one in _interface(session, setup, settings, shop, rules, now):
            found.append(one)
            yield one
    elif shop.platform in shop_access.PLATFORMS:
        names = ", ".join(lack.name for lack in shop_access.lacks(settings, shop))
        yield hint("access", f"set {names}: then its webhooks and what it lets us see are looked at, too")
    yield _heard(heard_at, now)
    if address is not None:
        for one in of_door(await shop_door.look(session, shop, address, now), found):
            yield one


def of_door(door: Door, found: Iterable[Finding]) -> Iterator[Finding]:
    """What a knock at our own door tells; nothing where it is refused, and something else that was found says why."""
    says_why = any(one.about == _STORE and one.verdict is Health.ILL for one in found)
    if door.finding is not None and not (door.stand is Stand.REFUSES and says_why):
        yield door.finding


async def _interface(
    session: aiohttp.ClientSession, setup: StoreSetup, settings: Settings, shop: ShopSettings, rules: StoreRules | None, now: datetime
) -> AsyncIterator[Finding]:
    try:
        if obstacle := await setup.obstacle():
            yield ill("access", obstacle)
            return
        store = await setup.store()
        yield well("access", f"{store.name or shop.name} lets us in")
        for one in compared(store, shop, rules):
            yield one
        granted = await setup.granted()
        for one in scopes(setup, shop, granted):
            yield one
        for one in webhooks(setup, settings, shop, granted, await setup.hooks()):
            yield one
        async for one in phones(setup, shop, granted):
            yield one
    except (ApiRefused, ShopUnreachable) as fault:
        yield ill("access", fault.why)
    async for one in clock(session, shop, now):
        yield one


# ---- what the shop says of itself


def compared(store: Store, shop: ShopSettings, rules: StoreRules | None) -> Iterator[Finding]:
    """Where the shop and what is written here do not agree. It is ill where all that the shop tells would be refused."""
    names = names_of_shop(shop.name)
    if store.domain is not None and shop.domain is not None and store.domain != shop.domain:
        yield ill(_STORE, f"it calls itself {store.domain}, and {names['DOMAIN']} says {shop.domain}: its webhooks would be refused")
    if store.domain is not None and shop.domain is None:
        yield hint(_STORE, f"set {names['DOMAIN']}={store.domain}: then webhooks of other stores with the same app are refused")
    if store.country is not None and shop.region is None:
        yield hint(_STORE, f"it is in {store.country}: set {names['REGION']}={store.country}, or phones without a country code are lost")
    if None not in (store.country, shop.region) and store.country != shop.region:
        yield hint(
            _STORE, f"it is in {store.country}, and {names['REGION']} says {shop.region}: phones without a country code are read so"
        )
    if rules is None:
        return
    if store.currency is not None and store.currency != rules.currency:
        yield hint(_STORE, f"it sells in {store.currency}, and flows/store.yaml says currency: {rules.currency}")
    if store.timezone is not None and store.timezone != rules.timezone:
        yield hint(_STORE, f"its time zone is {store.timezone}, and flows/store.yaml says timezone: {rules.timezone}")


def scopes(setup: StoreSetup, shop: ShopSettings, granted: frozenset[str] | None) -> Iterator[Finding]:
    """What we may not do there, what is lost by it, and what to click."""
    if granted is None:
        return
    missing = lacking(setup.scopes, granted)
    if not missing:
        yield well("scopes", f"all {len(setup.scopes)} are granted")
        return
    by_feature: dict[str, list[str]] = {}
    for scope in missing:
        by_feature.setdefault(scope.feature, []).append(scope.name)
    needed = {scope.feature for scope in missing if scope.needed}
    for feature, several in by_feature.items():
        are = "is" if len(several) == 1 else "are"
        yield (ill if feature in needed else hint)("scopes", f"{' and '.join(several)} {are} missing, for {feature}")
    yield (ill if needed else hint)("scopes", _grant(shop))


def _grant(shop: ShopSettings) -> str:
    if shop.api_token:
        clicks = "admin > Settings > Apps > Develop apps > the app > Configuration > Admin API: tick them, save"
    else:
        clicks = "dev.shopify.com > Apps > the app > Versions: a new version with them, Release; the store's owner approves it in its admin"
    return f"to grant what you want of these: {clicks}; then connect again"


# ---- webhooks


def webhooks(
    setup: StoreSetup, settings: Settings, shop: ShopSettings, granted: frozenset[str] | None, there: Sequence[Hook]
) -> Iterator[Finding]:
    """Whether each topic is told, here, and whole."""
    address = shop_access.address_of(settings, shop)
    if address is None:
        yield hint("webhooks", "set COMEBACK_PUBLIC_URL to the address the shop calls, to see whether its webhooks lead there")
        return
    wanted = list(setup.topics) if granted is None else tellable(setup.topics, granted)
    moves = [move for move in hooks.plan(wanted, address, there) if move.act is not Act.KEEP]
    if not moves:
        yield well("webhooks", f"all {len(wanted)} are registered and lead to {address}")
    for act, said in ((Act.REGISTER, "not registered"), (Act.MEND, "not as they should be"), (Act.REMOVE, "there twice")):
        if several := [move for move in moves if move.act is act]:
            whys = "; ".join(dict.fromkeys(move.why for move in several if move.act is Act.MEND))
            names = _named([move.topic for move in several])
            do = f"run 'comeback shop connect {shop.platform} {shop.name}'"
            yield ill("webhooks", f"{names} {'is' if len(several) == 1 else 'are'} {said}{f' ({whys})' if whys else ''}: {do}")
    yield from strangers(shop, address, there)
    yield from versions(hooks.own(address, there))


def strangers(shop: ShopSettings, address: str, there: Sequence[Hook]) -> Iterator[Finding]:
    """Whether another bot is told the same, or this one where it was before."""
    if others := hooks.elsewhere(address, there):
        hosts = ", ".join(sorted({hooks.host(one.address) for one in others}))
        do = f"'comeback shop connect {shop.platform} {shop.name} --move' takes them over"
        yield hint("webhooks", f"{len(others)} lead to {hosts}, and stay: another bot's? If this one was there before, {do}")


def _named(topics: Sequence[str]) -> str:
    more = len(topics) - _MOST_NAMED
    return ", ".join(topics[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def versions(ours: Sequence[Hook]) -> Iterator[Finding]:
    """Whether bodies are of a version that can tell all we read."""
    old = sorted({hook.version for hook in ours if hook.version is not None and hook.version < WHATSAPP_CONSENT_SINCE})
    if old:
        sentence = f"they are told in version {old[0]}: choose {WHATSAPP_CONSENT_SINCE} or later in the app's version"
        yield hint("webhooks", f"{sentence} (Webhooks API version), or consent to WhatsApp given in the shop is not heard of")


# ---- phones


_PHONE_FIELDS = {
    shopify.PLATFORM: "admin > Settings > Checkout > Shipping address phone number: Required",
    woocommerce.PLATFORM: "the checkout page in WordPress's editor, or Customizer > WooCommerce > Checkout: Phone field, required",
    bigcommerce.PLATFORM: "control panel > Settings > Account sign-up form > Address fields > Phone number: required",
}
_PROTECTED = "protected customer data"  # in the words in which Shopify refuses a topic
_APPROVAL = (
    "If the app is for your store alone: give it custom distribution (dev.shopify.com > Apps > the app > Distribution), then nobody has to "
    "approve it. Else request access to protected customer data with name, address, phone and e-mail (the app > API access requests), and "
    "Shopify reviews it. An app that was made in the admin of a store on the cheapest plan cannot see them: make one in the Dev Dashboard"
)


def kept_from_us(shop: ShopSettings, refusals: Sequence[str]) -> Iterator[Finding]:
    """Why topics are refused that tell of customers."""
    if shop.platform == shopify.PLATFORM and any(_PROTECTED in refusal.lower() for refusal in refusals):
        yield ill("phones", f"topics that tell of customers are kept from this app. {_APPROVAL}")


async def phones(setup: StoreSetup, shop: ShopSettings, granted: frozenset[str] | None) -> AsyncIterator[Finding]:
    """Whether anybody could be written to: a look at recent orders."""
    if granted is not None and not {"read_orders", "write_orders"} & granted:
        return
    try:
        seen = await setup.reachable(granted)
    except ApiRefused as refusal:
        yield ill("phones", f"orders are kept from us ({refusal.why}). {_APPROVAL if shop.platform == shopify.PLATFORM else ''}".rstrip())
        return
    if seen.orders == 0:
        yield hint("phones", "there is no order yet to see whether phones come along")
    elif seen.with_phone:
        yield well("phones", f"{seen.with_phone} of the last {seen.orders} orders tell a phone")
    elif seen.with_address:
        yield _nobody_gives(shop, seen.orders)
    elif shop.platform == shopify.PLATFORM:
        yield ill("phones", f"the last {seen.orders} orders tell neither phone nor address: Shopify keeps them from us. {_APPROVAL}")
    else:
        yield ill("phones", f"the last {seen.orders} orders tell neither phone nor address: nobody can be written to")


def _nobody_gives(shop: ShopSettings, orders: int) -> Finding:
    where = _PHONE_FIELDS[shop.platform]
    sentence = f"none of the last {orders} orders tells a phone, though they tell addresses: the checkout does not ask for it. {where}"
    return (ill if orders >= ENOUGH_ORDERS else hint)("phones", sentence)


# ---- the clock, and what was heard


_FRONTS = {bigcommerce.PLATFORM: bigcommerce_rest.ADDRESS}  # whose clock is looked at, where it is not the store's own


async def clock(session: aiohttp.ClientSession, shop: ShopSettings, now: datetime) -> AsyncIterator[Finding]:
    """Whether the shop's clock and ours agree. `now` is ours (UTC)."""
    url = shop.api_url or _FRONTS.get(shop.platform, "https://{}").format(shop.domain)
    try:
        async with session.head(url, allow_redirects=False) as response:
            theirs = parsedate_to_datetime(response.headers.get("Date", ""))
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return  # whether it can be reached is seen elsewhere
    apart = now - theirs.replace(tzinfo=UTC)
    if abs(apart) > SKEW:
        way = "ahead of" if apart > timedelta() else "behind"
        yield ill("clock", f"ours is {abs(apart).total_seconds() / 60:.0f} minutes {way} the shop's: set this machine's by NTP")


def _heard(at: datetime | None, now: datetime) -> Finding:
    """`at` is when it was last heard, give or take HEARD_EVERY."""
    if at is None:
        return hint("heard", "nothing came from it yet: put something into a cart there")
    until = min(at + HEARD_EVERY, max(at, now))  # it is written down now and then only
    told = f"it last told something between {at:%Y-%m-%d %H:%M} and {until:%H:%M} UTC"
    return hint("heard", f"{told}: is that all it sold?") if now - at > SILENT else well("heard", told)
