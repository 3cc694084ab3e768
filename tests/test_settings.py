"""Settings: every fault at once, secrets from files, nothing secret in a repr."""

import base64
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.settings import Settings, SettingsError, read

SECRET = "whsec_" + base64.b64encode(b"s" * 24).decode()
SERVING = {
    "COMEBACK_WHATSAPP_TOKEN": "EAAtoken",
    "COMEBACK_WHATSAPP_APP_SECRET": "appsecret",
    "COMEBACK_WHATSAPP_VERIFY_TOKEN": "verifyword",
    "COMEBACK_WHATSAPP_NUMBER": "106540352242922",
    "COMEBACK_SHOPS": "casa-lola",
    "COMEBACK_SHOP_CASA_LOLA_SECRET": SECRET,
}


def faults(environ: Mapping[str, str], *, serving: bool = False) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        read(environ, serving=serving)
    assert str(caught.value).splitlines() == list(caught.value.faults)
    return caught.value.faults


def test_an_empty_environment_is_enough_for_commands_that_do_not_serve() -> None:
    assert read({"PATH": "/bin"}, serving=False) == Settings(
        database="comeback.db",
        host="127.0.0.1",
        port=8080,
        flows=Path("flows"),
        locales=Path("locales"),
        public_url=None,
        whatsapp=None,
        shops={},
        log_level="INFO",
    )


def test_serving_without_anything_names_all_that_is_missing() -> None:
    missing = faults({"COMEBACK_SHOPS": "casa"}, serving=True)
    assert [fault.partition(":")[0] for fault in missing] == [
        "COMEBACK_WHATSAPP_TOKEN",
        "COMEBACK_WHATSAPP_APP_SECRET",
        "COMEBACK_WHATSAPP_VERIFY_TOKEN",
        "COMEBACK_WHATSAPP_NUMBER",
        "COMEBACK_SHOP_CASA_SECRET",
    ]
    assert all("is missing" in fault for fault in missing)


def test_what_serving_needs_is_read() -> None:
    settings = read(
        SERVING
        | {
            "COMEBACK_WHATSAPP_APP_SECRET": "new, old",
            "COMEBACK_WHATSAPP_ACCOUNT": "102290129340398",
            "COMEBACK_WHATSAPP_API": "http://127.0.0.1:9000/v24.0/",
            "COMEBACK_SHOP_CASA_LOLA_DISCOUNTS_URL": "http://shop:3000/discounts/",
            "COMEBACK_SHOP_CASA_LOLA_REGION": "es",
            "COMEBACK_DATABASE": "sqlite:////data/comeback.db",
            "COMEBACK_PORT": "0",
            "COMEBACK_LOG": "debug",
            "COMEBACK_PUBLIC_URL": "https://bot.example.com/",
        },
        serving=True,
    )
    assert settings.whatsapp is not None
    assert settings.whatsapp.app_secrets == ("new", "old")
    assert settings.whatsapp.account == "102290129340398"
    assert settings.whatsapp.api == "http://127.0.0.1:9000/v24.0"
    shop = settings.shops["casa-lola"]
    assert (shop.name, shop.secrets, shop.region) == ("casa-lola", (SECRET,), "ES")
    assert shop.discounts_url == "http://shop:3000/discounts"
    assert settings.database == "sqlite:////data/comeback.db"
    assert (settings.port, settings.log_level, settings.public_url) == (0, "DEBUG", "https://bot.example.com")


def test_the_cloud_api_is_metas_unless_told() -> None:
    whatsapp = read(SERVING, serving=True).whatsapp
    assert whatsapp is not None
    assert whatsapp.api == "https://graph.facebook.com/v24.0"


def test_no_secret_is_in_a_repr() -> None:
    told = repr(read(SERVING, serving=True))
    assert "106540352242922" in told
    assert not [secret for secret in ("EAAtoken", "appsecret", "verifyword", SECRET) if secret in told]


def test_a_fault_never_shows_the_value_of_a_secret() -> None:
    broken = {"COMEBACK_SHOP_CASA_LOLA_SECRET": "hunter2", "COMEBACK_WHATSAPP_TOKEN": "hunter2 hunter2"}
    assert "hunter2" not in "\n".join(faults(SERVING | broken, serving=True))


def test_a_secret_can_stand_in_a_file_and_its_last_line_break_is_not_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("EAAtoken\n", encoding="utf-8")
    given = {name: value for name, value in SERVING.items() if name != "COMEBACK_WHATSAPP_TOKEN"}
    whatsapp = read(given | {"COMEBACK_WHATSAPP_TOKEN_FILE": str(file)}, serving=True).whatsapp
    assert whatsapp is not None
    assert whatsapp.token == "EAAtoken"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe", b"x" * 70_000])
def test_a_secret_file_that_cannot_be_used_is_a_fault_with_its_name(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    given = {name: value for name, value in SERVING.items() if name != "COMEBACK_WHATSAPP_TOKEN"}
    (fault,) = faults(given | {"COMEBACK_WHATSAPP_TOKEN_FILE": str(file)}, serving=True)
    assert fault.startswith("COMEBACK_WHATSAPP_TOKEN_FILE: ")
    assert str(file) in fault


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("COMEBACK_PORT", "http", "number up to 65535"),
        ("COMEBACK_PORT", "65536", "number up to 65535"),
        ("COMEBACK_PORT", "-1", "number up to 65535"),
        ("COMEBACK_LOG", "loud", "debug, info, warning, error"),
        ("COMEBACK_DATABASE", "postgresql://db", "is not an address such as"),
        ("COMEBACK_DATABASE", "postgresql://bot:hunter2@db:port/comeback", "is not an address such as"),
        ("COMEBACK_DATABASE", "mysql://db/comeback", "is not a database known here"),
        ("COMEBACK_DATABASE", "mysql://db/comeback", "path of a file"),
        ("COMEBACK_DATABASE", "sqlite:///", "path of a file"),
        ("COMEBACK_DATABASE", "sqlite://comeback.db", "path of a file"),
        ("COMEBACK_DATABASE", ":memory:", "path of a file"),
        ("COMEBACK_FLOWS", "/nowhere/flows", "there is no folder /nowhere/flows"),
        ("COMEBACK_LOCALES", __file__, "give the path of one"),
        ("COMEBACK_PUBLIC_URL", "bot.example.com", "https://example.com"),
        ("COMEBACK_PUBLIC_URL", "http://bot.example.com", "use https://"),
        ("COMEBACK_PUBLIC_URL", "https://[", "https://example.com"),
        ("COMEBACK_PUBLIC_URL", "https://host:port/", "https://example.com"),
        ("COMEBACK_WHATSAPP_API", "http://graph.facebook.com/v24.0", "use https://"),
        ("COMEBACK_WHATSAPP_PER_SECOND", "fast", "give one, or leave it out: WhatsApp tells it"),
        ("COMEBACK_WHATSAPP_PEOPLE_A_DAY", "0", "is not a number of people a day"),
        ("COMEBACK_WHATSAPP_RECEIPTS", "blue", "choose one of typing, read, off"),
        ("COMEBACK_WHATSAPP_MARKETING_API", "both", "choose one of messages, fallback, strict"),
        ("COMEBACK_WHATSAPP_NUMBER", "+34 600 111 222", "phone number id"),
        ("COMEBACK_WHATSAPP_ACCOUNT", "waba", "WhatsApp Business account"),
        ("COMEBACK_WHATSAPP_TOKEN", "EAA\ntoken", "paste it again"),
        ("COMEBACK_WHATSAPP_APP_SECRET", ",", "between commas"),
        ("COMEBACK_SHOPS", "casa-lola,Casa Lola", "between commas"),
        ("COMEBACK_SHOPS", "casa-lola,CASA", "'CASA' is not a name"),
        ("COMEBACK_SHOP_CASA_LOLA_SECRET", "secret", "whsec_"),
        ("COMEBACK_SHOP_CASA_LOLA_REGION", "Spain", "two letters"),
        ("COMEBACK_SHOP_CASA_LOLA_DISCOUNTS_URL", "ftp://shop/", "https://example.com"),
        ("COMEBACK_SHOP_NORTE_SECRET", SECRET, "add the shop's name to COMEBACK_SHOPS"),
        ("COMEBACK_WHATSAP_TOKEN", "x", "did you mean COMEBACK_WHATSAPP_TOKEN?"),
        ("COMEBACK_WHATSAPP_TOKEN_FIEL", "x", "did you mean COMEBACK_WHATSAPP_TOKEN_FILE?"),
        ("COMEBACK_SHOP_CASA_LOLA_SECRETS", "x", "did you mean COMEBACK_SHOP_CASA_LOLA_SECRET?"),
        ("COMEBACK_COLOUR", "red", "is not known: remove it"),
        ("COMEBACK_COLOUR", "", "is not known: remove it"),
        ("COMEBACK_WHATSAPP_TOKEN_FILE", "/run/secrets/token", "keep one of them"),
    ],
)
def test_a_wrong_value_is_told_with_its_name_and_what_to_do(name: str, value: str, said: str) -> None:
    told = faults(SERVING | {name: value}, serving=True)
    assert said in told[0]
    assert told[0].startswith((f"{name}: ", f"{name.removesuffix('_FILE')}: "))


def test_all_faults_are_told_at_once_and_each_once() -> None:
    told = faults({"COMEBACK_PORT": "x", "COMEBACK_LOG": "y", "COMEBACK_HOTS": "z", "COMEBACK_PUBLIC_URL": "q"}, serving=True)
    assert len(told) == len(set(told)) == 8


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read({"COMEBACK_PORT": "", "COMEBACK_WHATSAPP_TOKEN_FILE": " "}, serving=False).port == 8080


def test_shops_are_known_without_secrets_where_nothing_is_served() -> None:
    assert read({"COMEBACK_SHOPS": "casa"}, serving=False).shops["casa"].secrets == ()


def test_the_switch_of_the_tests_is_no_fault() -> None:
    assert read({"COMEBACK_REQUIRE": "browser"}, serving=False)


def test_the_desk_wants_a_password_that_is_not_guessed_in_an_afternoon() -> None:
    assert read({}, serving=False).desk_password is None
    assert read({"COMEBACK_DESK_PASSWORD": "four words and more"}, serving=False).desk_password == "four words and more"
    assert "four words" not in repr(read({"COMEBACK_DESK_PASSWORD": "four words and more"}, serving=False))
    assert faults({"COMEBACK_DESK_PASSWORD": "too short"})[0].startswith("COMEBACK_DESK_PASSWORD: is too short")


# ---- shops of several platforms

PLATFORMS = {
    "COMEBACK_SHOPS": "casa, lola, gran, pago",
    "COMEBACK_SHOP_CASA_PLATFORM": "Shopify",
    "COMEBACK_SHOP_CASA_SECRET": "shpss_new, shpss_old",
    "COMEBACK_SHOP_CASA_DOMAIN": "https://Casa-Lola.myshopify.com/",
    "COMEBACK_SHOP_CASA_API_TOKEN": "shpat_token",
    "COMEBACK_SHOP_LOLA_PLATFORM": "woocommerce",
    "COMEBACK_SHOP_LOLA_SECRET": "a, b; c d\nthe one before",
    "COMEBACK_SHOP_LOLA_CONSENT_KEY": "_whatsapp_opt_in",
    "COMEBACK_SHOP_GRAN_PLATFORM": "bigcommerce",
    "COMEBACK_SHOP_GRAN_SECRET": "client-secret",
    "COMEBACK_SHOP_PAGO_PLATFORM": "razorpay-magic",
    "COMEBACK_SHOP_PAGO_SECRET": "a-long-word-of-ours",
    "COMEBACK_SHOP_PAGO_REGION": "in",
}


def test_each_shop_has_a_platform_and_what_belongs_to_it() -> None:
    shops = read(PLATFORMS, serving=False).shops
    told = {name: (shop.platform, shop.secrets, shop.domain, shop.consent_key, shop.region) for name, shop in shops.items()}
    assert told == {
        "casa": ("shopify", ("shpss_new", "shpss_old"), "casa-lola.myshopify.com", None, None),
        "lola": ("woocommerce", ("a, b; c d", "the one before"), None, "_whatsapp_opt_in", None),
        "gran": ("bigcommerce", ("client-secret",), None, None, None),
        "pago": ("razorpay-magic", ("a-long-word-of-ours",), None, None, "IN"),
    }


def test_a_stores_own_api_is_read_and_its_secrets_are_secrets() -> None:
    given = {"API_URL": "https://lola.example/", "API_KEY": "ck_1", "API_SECRET": "cs_hidden"}
    settings = read({**PLATFORMS, **{f"COMEBACK_SHOP_LOLA_{name}": value for name, value in given.items()}}, serving=False)
    lola = settings.shops["lola"]
    assert (lola.api_url, lola.api_key, lola.api_secret) == ("https://lola.example", "ck_1", "cs_hidden")
    assert settings.shops["casa"].api_token == "shpat_token"
    assert {"cs_hidden", "shpat_token"} <= set(settings.secrets())
    assert "cs_hidden" not in repr(settings)
    assert "shpat_token" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "CASA_PLATFORM",
            "shoppify",
            "COMEBACK_SHOP_CASA_PLATFORM: is not known: choose one of shop, shopify, woocommerce, bigcommerce, cartflows,",
        ),
        ("CASA_SECRET", "short", "COMEBACK_SHOP_CASA_SECRET: is too short: it has at least 8 characters"),
        ("PAGO_SECRET", "fifteen letters", "COMEBACK_SHOP_PAGO_SECRET: does not read as values between commas"),
        ("PAGO_SECRET", "fifteen-letters", "COMEBACK_SHOP_PAGO_SECRET: is too short: it has at least 16 characters"),
        ("CASA_DOMAIN", "casa-lola.com", "COMEBACK_SHOP_CASA_DOMAIN: is not the store's own name"),
        ("LOLA_DOMAIN", "lola.example", "COMEBACK_SHOP_LOLA_DOMAIN: is for shopify and bigcommerce alone: remove it"),
        ("CASA_CONSENT_KEY", "x", "COMEBACK_SHOP_CASA_CONSENT_KEY: is for woocommerce alone: remove it"),
        ("LOLA_API_TOKEN", "x", "COMEBACK_SHOP_LOLA_API_TOKEN: is for shopify and bigcommerce alone: remove it"),
        ("GRAN_API_KEY", "x", "COMEBACK_SHOP_GRAN_API_KEY: is for woocommerce and shopify alone: remove it"),
        ("CASA_API_KEY", "x", "COMEBACK_SHOP_CASA_API_TOKEN: is set, and so is COMEBACK_SHOP_CASA_API_KEY: an app has a token"),
        ("PAGO_API_URL", "https://x.example", "COMEBACK_SHOP_PAGO_API_URL: is for shopify, woocommerce and bigcommerce alone: remove it"),
        ("LOLA_API_KEY", "ck_1", "COMEBACK_SHOP_LOLA_API_KEY: is one of three that belong together"),
    ],
)
def test_what_does_not_fit_a_platform_is_a_fault(name: str, value: str, sentence: str) -> None:
    assert sentence in [fault[: len(sentence)] for fault in faults({**PLATFORMS, f"COMEBACK_SHOP_{name}": value})]


def test_of_a_shop_whose_platform_is_misspelt_nothing_is_to_be_removed() -> None:
    more = {"COMEBACK_SHOP_CASA_PLATFORM": "shopfy", "COMEBACK_SHOP_CASA_SECRET": "short", "COMEBACK_SHOP_CASA_REGION": "Spain"}
    names = [fault.partition(":")[0] for fault in faults({**PLATFORMS, **more})]
    assert names == ["COMEBACK_SHOP_CASA_PLATFORM", "COMEBACK_SHOP_CASA_REGION"], "what is wrong whatever it runs on is told at once"


def test_a_shops_pages_are_known_with_and_without_www() -> None:
    sites = {"COMEBACK_SHOP_CASA_SITES": "https://www.Casa-Lola.com/, casa-lola.es", "COMEBACK_SHOP_LOLA_SITES": "127.0.0.1:8400"}
    shops = read({**PLATFORMS, **sites}, serving=False).shops
    assert shops["casa"].sites == {"casa-lola.com", "www.casa-lola.com", "casa-lola.es", "www.casa-lola.es"}
    assert shops["lola"].sites == {"127.0.0.1:8400"}
    assert not shops["gran"].sites
    (wrong,) = faults({**PLATFORMS, "COMEBACK_SHOP_CASA_SITES": "casa-lola.com/shop"})
    assert wrong.startswith("COMEBACK_SHOP_CASA_SITES: is not where the shop's pages are: give their hosts, such as casa-lola.com")


def test_a_shopify_app_has_a_token_or_a_client_id_and_secret() -> None:
    given = {name: value for name, value in PLATFORMS.items() if name != "COMEBACK_SHOP_CASA_API_TOKEN"}
    casa = read({**given, "COMEBACK_SHOP_CASA_API_KEY": "c0ffee"}, serving=False).shops["casa"]
    assert (casa.api_key, casa.api_secret, casa.api_token) == ("c0ffee", None, None)
    alone = faults({**given, "COMEBACK_SHOP_CASA_API_SECRET": "shpss_3"})
    assert list(alone) == ["COMEBACK_SHOP_CASA_API_SECRET: is a client secret without its client id: set COMEBACK_SHOP_CASA_API_KEY"]


def test_an_owners_own_mapping_is_a_platform(tmp_path: Path) -> None:
    folder = tmp_path / "flows" / "mappings"
    folder.mkdir(parents=True)
    (folder / "our-own.yaml").write_text("x: 1")
    environ = {"COMEBACK_FLOWS": str(tmp_path / "flows"), "COMEBACK_SHOPS": "casa", "COMEBACK_SHOP_CASA_PLATFORM": "our-own"}
    assert read(environ, serving=False).shops["casa"].platform == "our-own"
