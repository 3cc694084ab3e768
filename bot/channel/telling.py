"""What staff read of a message besides its words: an order's lines, a place, a form's answers, the ad that brought somebody."""

from collections.abc import Iterator

from babel.numbers import format_currency

from bot.channel.event import (
    Detail,
    FormAnswered,
    MessageReceived,
    NotSupported,
    OrderedProduct,
    OrderPlacedInChat,
    ProductAsked,
    Referral,
    SharedContacts,
)
from bot.flow import money
from bot.flow.facts import Money
from bot.flow.run import Place

LONGEST = 4_000  # letters: what a text of WhatsApp's may have, and more than anybody reads of a form


def about(message: MessageReceived) -> str | None:
    """What a message holds besides its words, in lines; None for one that is only words, or a file that is shown itself."""
    told = [*_detail(message.detail), *_referral(message.referral)]
    return "\n".join(told)[:LONGEST] or None


def in_short(message: MessageReceived) -> str:
    """What was sent, in a few words without any of the customer's: `an order`, `a voice message`."""
    if message.detail is not None and not isinstance(message.detail, ProductAsked):
        return _SHORT[type(message.detail)]
    if message.attachment is not None and message.attachment.voice:
        return "a voice message"
    return _KINDS.get(message.kind, "something without words")


_SHORT: dict[type[Detail], str] = {
    Place: "a place",
    SharedContacts: "contact cards",
    OrderPlacedInChat: "an order",
    FormAnswered: "the answers of a form",
    NotSupported: "something that WhatsApp does not hand on",
}
_KINDS = {"image": "a picture", "video": "a film", "audio": "a sound", "document": "a document", "sticker": "a sticker"}


def _detail(detail: Detail | None) -> Iterator[str]:
    match detail:
        case Place(latitude, longitude, name, address):
            yield from filter(None, ("A place:", name, address))
            yield f"https://www.openstreetmap.org/?mlat={latitude:.6f}&mlon={longitude:.6f}&zoom=16"
        case SharedContacts(cards):
            yield "Contacts:" if cards else "Contacts without a name or a number."
            yield from (" ".join(filter(None, (card.name, card.phone))) for card in cards)
        case OrderPlacedInChat(lines):
            yield from _order(lines)
        case ProductAsked(product):
            yield f"About the product {product}."
        case FormAnswered(name, fields):
            yield "An address:" if name == "address_message" else "A form:"
            yield from (f"{field}: {said}" for field, said in fields)
        case NotSupported(what):
            kind = f" ({what.replace('_', ' ')})" if what else ""
            yield f"Something that WhatsApp does not hand on{kind}: it can be seen in the customer's app alone."


def _order(lines: tuple[OrderedProduct, ...]) -> Iterator[str]:
    yield "An order from the catalog, not paid and not in the shop:" if lines else "An order from the catalog, with nothing in it."
    totals: dict[str, int] = {}
    for line in lines:
        price = f", {_price(line.price)} each" if line.price else ""
        yield f"{line.quantity} × {line.product}{price}"
        if line.price:
            totals[line.price.currency] = totals.get(line.price.currency, 0) + line.quantity * line.price.minor
    for currency, minor in totals.items():
        yield f"Together {_price(Money(minor, currency))}"


def _price(price: Money) -> str:
    return format_currency(money.amount(price), price.currency, locale="en")


def _referral(referral: Referral | None) -> Iterator[str]:
    if referral is not None:
        came = f"Came by the {'post' if referral.source_type == 'post' else 'ad'}"
        yield f"{came} {referral.headline or referral.source_id or referral.source_url or ''}".rstrip() + "."
