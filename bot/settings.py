"""Settings: the environment, and secret files it names (`NAME_FILE`), as one frozen object.

Everything that is wrong is told at once. What an owner decides about messages (quiet hours, limits, languages) is not here but in
`flows/store.yaml`.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from bot.flow.measure import read_length
from bot.flow.problem import WrittenWrongly
from bot.shop import bigcommerce, mappings, plain, shopify, woocommerce
from bot.shop.field import country_code
from bot.shop.signature import valid_secret
from bot.store.database import is_server

PREFIX = "COMEBACK_"
FILE_SUFFIX = "_FILE"
SHOPS_SILENCE = timedelta(hours=6)  # more than a quiet night, less than it takes to forget a purchase
KEEP_FILES_DAYS = 90  # long enough for a complaint about last month's parcel
LONGEST_KEEP_DAYS = 3650
SHORTEST_TOKEN = 16  # of the metrics: nobody types it, so it may as well not be guessed
SHORTEST_PASSWORD = 12  # of the desk: one password for all of staff, and nothing else between a guesser and the customers
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LOG_FORMATS = ("text", "json")
MARKETING_ROUTES = ("messages", "fallback", "strict")
RECEIPTS = ("typing", "read", "off")

_WHATSAPP_NEEDED = ("COMEBACK_WHATSAPP_TOKEN", "COMEBACK_WHATSAPP_APP_SECRET", "COMEBACK_WHATSAPP_VERIFY_TOKEN", "COMEBACK_WHATSAPP_NUMBER")
_NAMES = (
    "COMEBACK_DATABASE",
    "COMEBACK_HOST",
    "COMEBACK_PORT",
    "COMEBACK_FLOWS",
    "COMEBACK_LOCALES",
    "COMEBACK_PUBLIC_URL",
    "COMEBACK_LOG",
    "COMEBACK_LOG_FORMAT",
    "COMEBACK_METRICS_TOKEN",
    "COMEBACK_OPTOUTS",
    "COMEBACK_FILES",
    "COMEBACK_KEEP_FILES",
    "COMEBACK_DESK_PASSWORD",
    "COMEBACK_SHOPS",
    "COMEBACK_SHOPS_SILENCE",
    *_WHATSAPP_NEEDED,
    "COMEBACK_WHATSAPP_ACCOUNT",
    "COMEBACK_WHATSAPP_APP",
    "COMEBACK_WHATSAPP_API",
    "COMEBACK_WHATSAPP_MARKETING_API",
    "COMEBACK_WHATSAPP_RECEIPTS",
    "COMEBACK_WHATSAPP_PEOPLE_A_DAY",
    "COMEBACK_WHATSAPP_PER_SECOND",
)
_SHOP_PARTS = (
    *("SECRET", "DISCOUNTS_URL", "REGION", "PLATFORM", "DOMAIN", "CONSENT_KEY"),
    *("API_URL", "API_TOKEN", "API_KEY", "API_SECRET", "SITES"),
)
_PLATFORMS = (plain.PLATFORM, shopify.PLATFORM, woocommerce.PLATFORM, bigcommerce.PLATFORM)
_SITE = re.compile(r"[a-z0-9.-]{1,253}(:[0-9]{1,5})?", re.ASCII)
_HOST = re.compile(r"[a-z0-9.-]{1,253}", re.ASCII)
SHORTEST_SECRET = 8  # of a shop's: theirs have thirty and more, WooCommerce lets the owner make one up
_OF_THE_TESTS = frozenset({"COMEBACK_REQUIRE"})  # says which tests must not be skipped; the bot started by them sees it, too
_SHOP_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)  # it stands in the webhook's path and, upper case, in names here
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_SECRET_FILE_BYTES = 65_536  # a secret is a line or two; the wrong file must not be read into memory


class SettingsError(Exception):
    """The configuration is wrong. `faults` are all of it, each a sentence with the name and what to do."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class WhatsAppSettings:
    """The WhatsApp number. `app_secrets` are several while one is being replaced. `number` is Meta's phone number id, `account` the
    id of the WhatsApp Business account. `api` has the version in it and no slash at its end. `marketing` is how marketing templates go
    out: like all `messages`, or by Meta's Marketing Messages API with a way back (`fallback`) or without one (`strict`). `per_second`
    and `people_a_day` go before the limits that Meta tells: messages a second of a number, people written to first in 24 hours.
    `app` is the id of the app at Meta, for the pictures its reviewers look at.
    `receipts`: whether a customer hears that their message was `read`, and where the answer has to wait, that it is being written
    (`typing`)."""

    token: str = field(repr=False)
    app_secrets: tuple[str, ...] = field(repr=False)
    verify_token: str = field(repr=False)
    number: str
    api: str
    account: str | None = None
    marketing: str = MARKETING_ROUTES[0]
    per_second: int | None = None
    people_a_day: int | None = None
    receipts: str = RECEIPTS[0]
    app: str | None = None


@dataclass(frozen=True, slots=True)
class ShopSettings:
    """One shop. `secrets` sign its webhooks, and our requests for discount codes with the first; several while one is being
    replaced. `region` (ISO 3166) is where phone numbers without a country code are from.

    `platform` is `shop` (the generic contract), `shopify`, `woocommerce`, `bigcommerce` or the name of a mapping. `domain` is what the
    platform calls the store, to be compared with what a delivery says: `casa.myshopify.com`, or BigCommerce's store hash.
    `consent_key` is under which name WooCommerce keeps the checkbox for WhatsApp.

    The platform's own API, where codes are made and the store is read: `api_key` and `api_secret` are WooCommerce's consumer key, or
    Shopify's client id and secret (where it is not the one that signs webhooks); `api_token` is the access token of BigCommerce, or of a
    Shopify app that has one instead. `api_url` is the WooCommerce store's front page; of the others it is made out of `domain`, and needed
    for a sandbox alone."""

    name: str
    secrets: tuple[str, ...] = field(repr=False)
    discounts_url: str | None = None
    region: str | None = None
    platform: str = plain.PLATFORM
    domain: str | None = None
    consent_key: str | None = None
    api_url: str | None = None
    api_token: str | None = field(default=None, repr=False)
    api_key: str | None = None
    api_secret: str | None = field(default=None, repr=False)
    sites: frozenset[str] = frozenset()  # the hosts of its pages, with the port where there is one: they may run our snippet

    @property
    def can_be_read(self) -> bool:
        """Whether enough is known to ask the store's own interface."""
        match self.platform:
            case shopify.PLATFORM:
                return bool((self.api_url or self.domain) and (self.api_token or (self.api_key and (self.api_secret or self.secrets))))
            case woocommerce.PLATFORM:
                return bool(self.api_url and self.api_key and self.api_secret)
            case bigcommerce.PLATFORM:
                return bool((self.api_url or self.domain) and self.api_token)
            case _:
                return False


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. `whatsapp` is None where a command runs without it. `shops` by name.

    `host` is this machine alone unless told: COMEBACK_HOST=0.0.0.0 opens the port to the network, best behind a proxy that speaks
    TLS. `public_url` is the address under which WhatsApp and the shops reach it. Without a `desk_password` the desk's pages are
    not served."""

    database: str = field(repr=False)  # a path, sqlite:///path or postgresql://..., which may have a password in it
    host: str
    port: int
    flows: Path
    locales: Path
    public_url: str | None
    whatsapp: WhatsAppSettings | None
    shops: Mapping[str, ShopSettings]
    log_level: str
    desk_password: str | None = field(default=None, repr=False)
    log_format: str = "text"
    metrics_token: str | None = field(default=None, repr=False)
    optouts: Path | None = None  # the opt-out log, where it is not beside the database
    files: Path | None = None  # the folder of files that came or go with messages, where it is not beside the database
    keep_files: int = KEEP_FILES_DAYS
    shops_silence: timedelta = SHOPS_SILENCE  # a shop silent for longer is asked itself before anybody is reminded

    def secrets(self) -> tuple[str, ...]:
        """Everything that must not stand in a log."""
        found = [self.desk_password, self.metrics_token, *(secret for shop in self.shops.values() for secret in shop.secrets)]
        found += [secret for shop in self.shops.values() for secret in (shop.api_token, shop.api_secret)]
        if self.whatsapp is not None:
            found += [self.whatsapp.token, self.whatsapp.verify_token, *self.whatsapp.app_secrets]
        if is_server(self.database):
            found += [self.database, urlsplit(self.database).password]
        return tuple(secret for secret in found if secret)


def read(environ: Mapping[str, str], *, serving: bool) -> Settings:
    """The settings in an environment. `serving`: WhatsApp and each shop's secret must be there; other commands do without, and
    find `whatsapp` None and shops without secrets. An empty variable counts as not set. Raises SettingsError with every fault."""
    reading = _Reading(environ)
    shops = reading.shop_names()
    reading.refuse_unknown(shops)
    settings = Settings(
        database=reading.database(),
        host=reading.text("COMEBACK_HOST") or "127.0.0.1",
        port=reading.port(),
        flows=reading.folder("COMEBACK_FLOWS", "flows"),
        locales=reading.folder("COMEBACK_LOCALES", "locales"),
        public_url=reading.url("COMEBACK_PUBLIC_URL"),
        whatsapp=reading.whatsapp(needed=serving),
        shops=MappingProxyType({name: reading.shop(name, needed=serving) for name in shops}),
        log_level=reading.log_level(),
        desk_password=reading.desk_password(),
        log_format=reading.log_format(),
        metrics_token=reading.metrics_token(),
        optouts=Path(optouts) if (optouts := reading.text("COMEBACK_OPTOUTS")) else None,
        files=Path(files) if (files := reading.text("COMEBACK_FILES")) else None,
        keep_files=reading.days("COMEBACK_KEEP_FILES", KEEP_FILES_DAYS),
        shops_silence=reading.length("COMEBACK_SHOPS_SILENCE", SHOPS_SILENCE),
    )
    if reading.faults:
        raise SettingsError(tuple(reading.faults))
    return settings


class _Reading:
    """One reading of an environment, which gathers the faults as it goes."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value.strip()}
        self._names_given = [name for name in environ if name.startswith(PREFIX)]
        self.faults: list[str] = []

    def fault(self, name: str, what: str) -> None:
        self.faults.append(f"{name}: {what}")

    def text(self, name: str) -> str | None:
        """The value of a name, or what stands in the file that `NAME_FILE` names; None when neither is set."""
        path = self._environ.get(name + FILE_SUFFIX)
        if path is None:
            return self._environ.get(name, "").strip() or None
        if name in self._environ:
            self.fault(name, f"is set, and so is {name}{FILE_SUFFIX}: keep one of them")
            return None
        return self._file(name + FILE_SUFFIX, Path(path.strip()))

    def _file(self, name: str, path: Path) -> str | None:
        try:
            with path.open("rb") as file:
                content = file.read(_SECRET_FILE_BYTES + 1)
            text = content.decode("utf-8").strip()
        except OSError as error:
            self.fault(name, f"cannot read {path} ({error.strerror}): give the path of a file that this user may read")
            return None
        except UnicodeDecodeError:
            self.fault(name, f"{path} is not text: the file holds the value alone, in UTF-8")
            return None
        if not text or len(content) > _SECRET_FILE_BYTES:
            self.fault(name, f"{path} is empty or too large: the file holds the value alone")
            return None
        return text

    def secret(self, name: str) -> str | None:
        """A value without blanks: one that was pasted with a line break would make a broken header."""
        value = self.text(name)
        if value is not None and any(char.isspace() or not char.isprintable() for char in value):
            self.fault(name, "has a blank or a line break inside: paste it again")
            return None
        return value

    def several(self, name: str) -> tuple[str, ...]:
        """Values between commas."""
        value = self.text(name) or ""
        values = tuple(each.strip() for each in value.split(",") if each.strip())
        if (value and not values) or any(char.isspace() for each in values for char in each):
            self.fault(name, "does not read as values between commas: write them like one,two")
            return ()
        return values

    def number_id(self, name: str, what: str) -> str | None:
        value = self.text(name)
        if value is not None and not (value.isascii() and value.isdigit()):
            self.fault(name, f"is not {what}: copy the digits from 'API Setup' in Meta's app dashboard")
            return None
        return value

    def url(self, name: str, *, plain: bool = False) -> str | None:
        """A web address without the slash at its end; https, except to this machine or where `plain` http will do."""
        value = self.text(name)
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host, parts = None, urlsplit("")
        if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment or any(map(str.isspace, value)):
            self.fault(name, "is not a web address such as https://example.com/bot")
        elif parts.scheme == "http" and not plain and host not in _HERE:
            self.fault(name, "starts with http://: use https://, secrets travel over it")
        return value.rstrip("/")

    def folder(self, name: str, default: str) -> Path:
        """A folder; one that is named must be there: without the flows and the store's rules in it another bot would start."""
        value = self.text(name)
        path = Path(value or default)
        if value is not None and not path.is_dir():
            self.fault(name, f"there is no folder {path}: give the path of one that this user may read")
        return path

    def port(self) -> int:
        value = self.text("COMEBACK_PORT") or "8080"
        if not (value.isascii() and value.isdigit() and len(value) <= 5 and int(value) <= 65_535):
            self.fault("COMEBACK_PORT", "is not a port: give a number up to 65535, such as 8080 (0 takes any that is free)")
            return 0
        return int(value)

    def days(self, name: str, default: int) -> int:
        value = self.text(name) or str(default)
        if not (value.isascii() and value.isdigit() and len(value) <= 5 and 1 <= int(value) <= LONGEST_KEEP_DAYS):
            self.fault(name, f"is not a number of days: give one from 1 to {LONGEST_KEEP_DAYS}")
            return default
        return int(value)

    def length(self, name: str, default: timedelta) -> timedelta:
        """A length of time such as `6 hours`."""
        try:
            return read_length(written) if (written := self.text(name)) else default
        except WrittenWrongly as mistake:
            self.fault(name, str(mistake))
            return default

    def limit(self, name: str, what: str) -> int | None:
        """A limit that goes before Meta's own word; None where it is not set."""
        value = self.text(name)
        if value is not None and not (value.isascii() and value.isdigit() and len(value) <= 9 and int(value) > 0):
            self.fault(name, f"is not a number of {what}: give one, or leave it out: WhatsApp tells it")
            return None
        return None if value is None else int(value)

    def log_level(self) -> str:
        value = (self.text("COMEBACK_LOG") or "INFO").upper()
        if value not in LOG_LEVELS:
            self.fault("COMEBACK_LOG", f"is not a level: choose one of {', '.join(LOG_LEVELS).lower()}")
        return value

    def log_format(self) -> str:
        value = (self.text("COMEBACK_LOG_FORMAT") or "text").lower()
        if value not in LOG_FORMATS:
            self.fault("COMEBACK_LOG_FORMAT", f"is not a format: choose one of {', '.join(LOG_FORMATS)}")
        return value

    def metrics_token(self) -> str | None:
        value = self.secret("COMEBACK_METRICS_TOKEN")
        if value is not None and len(value) < SHORTEST_TOKEN:
            self.fault("COMEBACK_METRICS_TOKEN", f"is too short: make up at least {SHORTEST_TOKEN} letters and digits")
        return value

    def desk_password(self) -> str | None:
        value = self.text("COMEBACK_DESK_PASSWORD")
        if value is not None and len(value) < SHORTEST_PASSWORD:
            self.fault("COMEBACK_DESK_PASSWORD", f"is too short: give at least {SHORTEST_PASSWORD} characters, such as four words")
        return value

    def database(self) -> str:
        value = self.text("COMEBACK_DATABASE") or "comeback.db"
        scheme, separator, rest = value.partition("://")
        if separator and scheme in ("postgresql", "postgres"):
            self._check_server(value)
        elif separator and (scheme != "sqlite" or not rest.startswith("/") or rest == "/"):
            self.fault("COMEBACK_DATABASE", "is not a database known here: give the path of a file, sqlite:///path or postgresql://...")
        elif ":memory:" in value:
            self.fault("COMEBACK_DATABASE", "would forget everything at the end: give the path of a file, such as comeback.db")
        return value

    def _check_server(self, value: str) -> None:
        try:
            parts = urlsplit(value)
            sound = bool(parts.path.strip("/")) and (parts.port or 0) >= 0
        except ValueError:
            sound = False
        if not sound:
            sample = "postgresql://user:password@host:5432/comeback"
            self.fault("COMEBACK_DATABASE", f"is not an address such as {sample} (in a password, @ is %40)")

    def whatsapp(self, *, needed: bool) -> WhatsAppSettings | None:
        token, verify_token = self.secret("COMEBACK_WHATSAPP_TOKEN"), self.secret("COMEBACK_WHATSAPP_VERIFY_TOKEN")
        app_secrets = self.several("COMEBACK_WHATSAPP_APP_SECRET")
        number = self.number_id("COMEBACK_WHATSAPP_NUMBER", "a phone number id")
        account = self.number_id("COMEBACK_WHATSAPP_ACCOUNT", "the id of a WhatsApp Business account")
        app = self.number_id("COMEBACK_WHATSAPP_APP", "the id of an app")
        api = self.url("COMEBACK_WHATSAPP_API") or "https://graph.facebook.com/v24.0"
        marketing, receipts = self.marketing_route(), self.receipts()
        per_second = self.limit("COMEBACK_WHATSAPP_PER_SECOND", "messages a second")
        people_a_day = self.limit("COMEBACK_WHATSAPP_PEOPLE_A_DAY", "people a day")
        if token and app_secrets and verify_token and number:
            return WhatsAppSettings(
                token, app_secrets, verify_token, number, api, account, marketing, per_second, people_a_day, receipts, app
            )
        if needed:
            self._miss(*_WHATSAPP_NEEDED)
        return None

    def marketing_route(self) -> str:
        value = (self.text("COMEBACK_WHATSAPP_MARKETING_API") or MARKETING_ROUTES[0]).lower()
        if value not in MARKETING_ROUTES:
            self.fault("COMEBACK_WHATSAPP_MARKETING_API", f"is not a way to send: choose one of {', '.join(MARKETING_ROUTES)}")
        return value

    def receipts(self) -> str:
        value = (self.text("COMEBACK_WHATSAPP_RECEIPTS") or RECEIPTS[0]).lower()
        if value not in RECEIPTS:
            self.fault("COMEBACK_WHATSAPP_RECEIPTS", f"is not known here: choose one of {', '.join(RECEIPTS)}")
        return value

    def shop_names(self) -> tuple[str, ...]:
        names = self.several("COMEBACK_SHOPS")
        for name in names:
            if not _SHOP_NAME.fullmatch(name):
                self.fault("COMEBACK_SHOPS", f"'{name}' is not a name for a shop: use small letters, digits and hyphens, such as casa-lola")
        return tuple(dict.fromkeys(name for name in names if _SHOP_NAME.fullmatch(name)))

    def shop(self, name: str, *, needed: bool) -> ShopSettings:
        secret, discounts_url, region, platform, domain, consent_key, *api, sites = names_of_shop(name).values()
        kind = self._platform(platform)
        if needed:
            self._miss(secret)
        discounts, country, pages = self.url(discounts_url, plain=True), self._region(region), self._sites(sites)
        if kind is None:  # what else is set may be right for the platform that is meant
            return ShopSettings(name, ())
        return ShopSettings(
            name,
            self._shop_secrets(secret, kind),
            discounts,
            country,
            kind,
            self._domain(domain, kind),
            self._of_platform(consent_key, kind, woocommerce.PLATFORM),
            *self._api(kind, *api),
            pages,
        )

    def _region(self, name: str) -> str | None:
        code = self.text(name)
        if code is not None and country_code(code) is None:
            self.fault(name, "is not a country: give its two letters, such as ES")
        return country_code(code)

    def _sites(self, name: str) -> frozenset[str]:
        """Where a shop's pages are, with and without `www.`"""
        hosts = {value.lower().removeprefix("https://").removeprefix("http://").rstrip("/") for value in self.several(name)}
        if not all(map(_SITE.fullmatch, hosts)):
            self.fault(name, "is not where the shop's pages are: give their hosts, such as casa-lola.com,shop.casa-lola.com")
        bare = {host.removeprefix("www.") for host in hosts}
        return frozenset({*bare, *(f"www.{host}" for host in bare if "." in host and ":" not in host)})

    def _api(self, platform: str, url: str, token: str, key: str, secret: str) -> tuple[str | None, str | None, str | None, str | None]:
        """A store's own API: Shopify's by a client id and secret or by a token, BigCommerce's by a token, WooCommerce's by its address, a
        key and a secret."""
        fixed = self._of_platform(token, platform, shopify.PLATFORM, bigcommerce.PLATFORM)
        given = [self._of_platform(name, platform, woocommerce.PLATFORM, shopify.PLATFORM) is not None for name in (key, secret)]
        self._of_platform(url, platform, shopify.PLATFORM, woocommerce.PLATFORM, bigcommerce.PLATFORM)
        if platform == woocommerce.PLATFORM and any(given) and not (all(given) and self.text(url)):
            self.fault(key, f"is one of three that belong together: give {url}, {key} and {secret}, or none of them")
        if platform == shopify.PLATFORM and fixed is not None and any(given):
            self.fault(token, f"is set, and so is {key if given[0] else secret}: an app has a token, or a client id and secret")
        elif platform == shopify.PLATFORM and given == [False, True]:
            self.fault(secret, f"is a client secret without its client id: set {key}")
        return self.url(url), self.secret(token), self.secret(key), self.secret(secret)

    def _platform(self, name: str) -> str | None:
        """What a shop runs on; None where that is not known."""
        value = (self.text(name) or plain.PLATFORM).lower()
        written = mappings.names(Path(self.text("COMEBACK_FLOWS") or "flows"))
        if value not in _PLATFORMS and value not in written:
            known = ", ".join((*_PLATFORMS, *sorted(written)))
            self.fault(name, f"is not known: choose one of {known}, or write flows/{mappings.FOLDER}/{value[:40]}.yaml")
            return None
        return value

    def _shop_secrets(self, name: str, platform: str) -> tuple[str, ...]:
        """WooCommerce makes up secrets with commas and blanks in them, so of those there is one a line."""
        if platform == woocommerce.PLATFORM:
            secrets = tuple(line.strip() for line in (self.text(name) or "").splitlines() if line.strip())
        else:
            secrets = self.several(name)
        if platform == plain.PLATFORM and not all(map(valid_secret, secrets)):
            self.fault(name, "is not 'whsec_' and the base64 of 24 to 64 bytes: copy the whole signing secret, with its 'whsec_'")
        least = SHORTEST_SECRET if platform in _PLATFORMS else SHORTEST_TOKEN  # a mapping's may be a word in the address
        if any(len(secret) < least for secret in secrets):
            self.fault(name, f"is too short: it has at least {least} characters")
        return secrets

    def _domain(self, name: str, platform: str) -> str | None:
        value = self._of_platform(name, platform, shopify.PLATFORM, bigcommerce.PLATFORM)
        if value is None:
            return None
        host = value.lower().removeprefix("https://").rstrip("/")
        if not _HOST.fullmatch(host) or (platform == shopify.PLATFORM and not host.endswith(".myshopify.com")):
            self.fault(name, "is not the store's own name: such as casa-lola.myshopify.com, or BigCommerce's store hash")
        return host

    def _of_platform(self, name: str, platform: str, *platforms: str) -> str | None:
        value = self.text(name)
        if value is not None and platform not in platforms:
            self.fault(name, f"is for {_listed(platforms)} alone: remove it")
        return value

    def refuse_unknown(self, shops: tuple[str, ...]) -> None:
        """A name nobody reads is a typing mistake, and the setting it was meant for would silently keep its default."""
        names = [*_NAMES, *(name for shop in shops for name in names_of_shop(shop).values())]
        known = {*names, *(name + FILE_SUFFIX for name in names)}
        for name in sorted(set(self._names_given) - known - _OF_THE_TESTS):
            own_parts = sorted(each.removeprefix(PREFIX) for each in known)
            near = difflib.get_close_matches(name.removeprefix(PREFIX), own_parts, n=1, cutoff=0.75)
            if near:
                self.fault(name, f"is not known, did you mean {PREFIX}{near[0]}?")
            elif name.startswith("COMEBACK_SHOP_"):
                self.fault(name, "belongs to no shop: add the shop's name to COMEBACK_SHOPS, or remove this")
            else:
                self.fault(name, "is not known: remove it")

    def _miss(self, *names: str) -> None:
        for name in names:
            if name not in self._environ and name + FILE_SUFFIX not in self._environ:
                self.fault(name, f"is missing: {_WHERE_FROM.get(name, 'the shop shows it where you add the webhook')}")


def _listed(platforms: Sequence[str]) -> str:
    *first, last = platforms
    return f"{', '.join(first)} and {last}" if first else last


def names_of_shop(shop: str) -> Mapping[str, str]:
    """What a shop's settings are called in the environment, by their parts: API_KEY -> COMEBACK_SHOP_MAIN_API_KEY."""
    return {part: f"COMEBACK_SHOP_{shop.upper().replace('-', '_')}_{part}" for part in _SHOP_PARTS}


_WHERE_FROM = {
    "COMEBACK_WHATSAPP_TOKEN": "make a system user's token in Meta's business settings, with whatsapp_business_messaging",
    "COMEBACK_WHATSAPP_APP_SECRET": "copy it from Meta's app dashboard, 'App settings', 'Basic'; webhooks are not accepted unsigned",
    "COMEBACK_WHATSAPP_VERIFY_TOKEN": "make up any long word, and give the same to Meta where you add the webhook",
    "COMEBACK_WHATSAPP_NUMBER": "copy the phone number id from Meta's app dashboard, 'WhatsApp', 'API Setup'",
}
