"""What the sandbox's shop sells, and who buys there. The people and their numbers are invented."""

from dataclasses import dataclass

CURRENCY = "EUR"


@dataclass(frozen=True, slots=True)
class Product:
    """One product. `price` is in minor units (cents) for one piece; `words` is the line under its name."""

    id: str
    sku: str
    title: str
    category: str
    price: int
    words: str


@dataclass(frozen=True, slots=True)
class Shopper:
    """One person as the shop knows them. `whatsapp` and `ads` tell which marketing they agreed to at their first order."""

    key: str
    customer_key: str
    first_name: str
    last_name: str
    phone: str
    phone_region: str
    email: str
    locale: str
    country: str
    city: str
    timezone: str
    whatsapp: bool = True
    ads: bool = True


PRODUCTS = (
    Product("p-espresso", "CB-ESP-1000", "House espresso, 1 kg", "coffee", 2400, "Cocoa, hazelnut, a long finish"),
    Product("p-huila", "CB-HUI-250", "Huila single origin, 250 g", "coffee", 1250, "Red apple, panela, bright"),
    Product("p-moka", "CB-MOK-6", "Moka pot, six cups", "equipment", 3200, "Polished steel, made to last"),
    Product("p-grinder", "CB-GRI-1", "Hand grinder", "equipment", 5900, "Steel burrs, forty settings"),
    Product("p-dripper", "CB-DRI-2", "Stoneware dripper", "equipment", 1800, "For one careful cup, or two"),
    Product("p-gift", "CB-GIFT-25", "Gift card", "gift-card", 2500, "Twenty-five euros of good mornings"),
)

SHOPPERS = (
    Shopper("ana", "c-1001", "Ana", "García", "+34600000001", "ES", "ana@example.com", "es-ES", "ES", "Madrid", "Europe/Madrid"),
    Shopper("ben", "c-1002", "Ben", "Ashworth", "+447400123456", "GB", "ben@example.com", "en-GB", "GB", "London", "Europe/London"),
    Shopper(
        "carla", "c-1003", "Carla", "Souza", "+5511999990003", "BR", "carla@example.com", "pt-BR", "BR", "São Paulo", "America/Sao_Paulo"
    ),
    Shopper(
        "dora",
        "c-1004",
        "Dora",
        "Keller",
        "+4915550000004",
        "DE",
        "dora@example.com",
        "de-DE",
        "DE",
        "Berlin",
        "Europe/Berlin",
        whatsapp=False,
        ads=False,
    ),
    Shopper("layla", "c-1005", "Layla", "Haddad", "+971501234567", "AE", "layla@example.com", "ar-AE", "AE", "Dubai", "Asia/Dubai"),
)


def decimal(minor: int) -> str:
    """An amount of the shop's currency as the contract writes it: 8000 -> `80.00`."""
    return f"{minor // 100}.{minor % 100:02d}"
