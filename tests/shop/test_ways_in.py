"""From the environment to the door: each shop gets what its platform needs."""

from pathlib import Path

import pytest

from bot.settings import SettingsError, read
from bot.shop.bigcommerce import BigCommerce
from bot.shop.mapping import MappedShop
from bot.shop.plain import Plain
from bot.shop.shopify import Shopify
from bot.shop.woocommerce import WooCommerce
from bot.shops import way_in

from .front import PLAIN_SECRET

ENVIRON = {
    "COMEBACK_SHOPS": "a,b,c,d,e",
    "COMEBACK_SHOP_A_PLATFORM": "shopify",
    "COMEBACK_SHOP_A_SECRET": "first-secret,second-secret",
    "COMEBACK_SHOP_A_DOMAIN": "a.myshopify.com",
    "COMEBACK_SHOP_A_REGION": "ES",
    "COMEBACK_SHOP_B_PLATFORM": "woocommerce",
    "COMEBACK_SHOP_B_SECRET": "the secret",
    "COMEBACK_SHOP_B_CONSENT_KEY": "opt_in",
    "COMEBACK_SHOP_C_PLATFORM": "bigcommerce",
    "COMEBACK_SHOP_C_SECRET": "client-secret",
    "COMEBACK_SHOP_C_DOMAIN": "abc123",
    "COMEBACK_SHOP_D_SECRET": PLAIN_SECRET,
    "COMEBACK_SHOP_E_PLATFORM": "medusa",
    "COMEBACK_SHOP_E_SECRET": "sixteen-letters-",
}


def test_each_platform_has_its_way_in() -> None:
    flows = Path("flows")
    ways = {name: way_in(shop, flows) for name, shop in read(ENVIRON, serving=False).shops.items()}
    medusa = ways.pop("e")
    assert ways == {
        "a": Shopify(("first-secret", "second-secret"), "ES", "a.myshopify.com"),
        "b": WooCommerce(("the secret",), None, "opt_in"),
        "c": BigCommerce(("client-secret",), None, "abc123"),
        "d": Plain((PLAIN_SECRET,)),
    }
    assert isinstance(medusa, MappedShop)
    assert medusa.mapping.name == "medusa"
    assert not [secret for secret in ("first-secret", "client-secret", "the secret", PLAIN_SECRET) if secret in repr(ways)]


def test_a_mapping_with_a_mistake_is_no_way_in(tmp_path: Path) -> None:
    folder = tmp_path / "mappings"
    folder.mkdir()
    (folder / "medusa.yaml").write_text("events: []\n")  # the owner's own counts before the one that ships
    with pytest.raises(SettingsError, match=r"medusa\.yaml:1:1: "):
        way_in(read(ENVIRON, serving=False).shops["e"], tmp_path)
