"""The shop and the person that the tests of conditions, texts and runs are about."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bot.flow.facts import CartFacts, ContactFacts, Facts, Line, Money, OrderFacts, OrdersFacts, ProductFacts, StoreFacts
from bot.flow.run import Discount

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)  # a Sunday, 13:00 in Madrid


def euros(amount: str) -> Money:
    return Money(int(Decimal(amount) * 100), "EUR")


ORDER = OrderFacts(
    number="1001",
    status="shipped",
    total=euros("31.50"),
    placed_at=NOW - timedelta(days=25),
    lines=(Line("House blend", 2, euros("12"), category="coffee"), Line("Mug", 1, euros("7.50"), category="gifts")),
    tracking_link="https://post.example/t/1",
    reorder_link="https://casa.example/reorder/1001",
    payment_link="https://casa.example/pay/1001",
    nth=4,
)
CART = CartFacts(euros("80"), ORDER.lines, "https://casa.example/cart/7?from=bot", ("Mug",))
STORE = StoreFacts("Casa Bonita", "EUR", "Europe/Madrid", {"returns": "https://casa.example/returns"})
PRODUCT = ProductFacts(
    "House blend", euros("12"), euros("15"), "https://casa.example/p/blend", "https://casa.example/p/blend.jpg", is_in_stock=True
)
ANA = Facts(
    contact=ContactFacts("es", "Ana", "ES", last_order=NOW - timedelta(days=90)),
    store=STORE,
    orders=OrdersFacts(4, euros("400"), ORDER, ("House blend", "Mug"), ("coffee", "gifts"), Decimal("29.5")),
    cart=CART,
    order=ORDER,
    product=PRODUCT,
    tags=frozenset({"vip", "Hesitant"}),
)
NOBODY = Facts(ContactFacts("en"), STORE, OrdersFacts(0, euros("0")))
DISCOUNT = Discount("SAVE-5", NOW + timedelta(days=2), percent=Decimal("5"))
