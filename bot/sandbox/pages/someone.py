"""Whoever the visitor of a page can be: a customer with a phone."""

from dataclasses import dataclass

from bot.sandbox.shop.catalog import Shopper

RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})


@dataclass(slots=True)
class Someone:
    """A customer with a phone. `phone` is E.164 with a `+`, and follows them when they change their number.

    `username`: with one, their number is hidden from the business. `full_name` is what WhatsApp tells it.
    `place` is said under the name; `locale` (`es-ES`) and `timezone` (IANA) say how they read and when it is for them.
    """

    key: str
    name: str
    phone: str
    place: str = ""
    locale: str = "en"
    timezone: str = "UTC"
    full_name: str = ""
    username: str | None = None

    @property
    def direction(self) -> str:
        """How their language runs."""
        return "rtl" if self.locale[:2] in RIGHT_TO_LEFT else "ltr"


def customer_of(shopper: Shopper) -> Someone:
    """A shop's customer, with their phone."""
    return Someone(
        shopper.key,
        shopper.first_name,
        shopper.phone,
        shopper.city,
        shopper.locale,
        shopper.timezone,
        full_name=f"{shopper.first_name} {shopper.last_name}",
    )
