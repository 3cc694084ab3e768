"""How people are taken to behave in a rehearsal: named numbers, each with what it means.

They are assumptions, plain to see and to change; what the house makes of such people is not assumed, it is the real house at work. Nothing
here is measured in anybody's shop: the sizes are chosen so that each thing that can happen does happen, and none too often to be believed.
"""

from dataclasses import dataclass
from datetime import timedelta

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Habits:
    """Shares lie between 0 and 1. A `_median` is the middle of a lognormal time: half are quicker, some much slower."""

    # who they are
    agreed: float = 0.75  # to marketing, when the shop first tells of them
    refused: float = 0.05  # said no; the rest was never asked
    no_phone: float = 0.03  # only an e-mail address is known
    tells_time_zone: float = 0.3  # the shop knows it; else their country, else nothing
    tells_country: float = 0.9
    other_language: float = 0.05  # one that the store does not speak
    not_on_whatsapp: float = 0.02
    bought_before: float = 0.45  # in the months before
    most_orders_before: int = 5

    # what they do in the shop
    carts_per_month: float = 0.5
    pieces: tuple[int, ...] = (1, 1, 1, 2, 2, 3)
    price_median: float = 24.0  # of one piece, in whole units of the currency
    buys_at_once: float = 0.3  # carts that need no reminder: seven of ten are left behind
    empties: float = 0.05
    comes_back_alone: float = 0.12  # who left a cart and buys it within days, written to or not
    comes_back_median: timedelta = 20 * HOUR
    cancels: float = 0.03
    waking: tuple[int, int] = (7, 23)  # their own clock: nobody shops, reads or answers outside
    busiest: tuple[int, ...] = (9, 12, 13, 18, 19, 20, 20, 21, 21, 22)  # hours at which carts are filled, the likelier the more often named

    # what they do with a message
    reads: float = 0.92
    reads_median: timedelta = 12 * MINUTE
    presses: float = 0.28  # a button, when there are some
    first_button: float = 3.0  # the first one weighs as much as so many others
    writes: float = 0.06  # words of their own instead
    answers_median: timedelta = 3 * MINUTE
    answers_in_menu: float = 0.8  # to a question that answers what they themselves wrote
    buys_from_link: float = 0.35  # after they pressed, and a link came back
    buys_from_code: float = 0.10  # after a message that brought a code
    buys_from_reminder: float = 0.05  # after any other we began
    buys_median: timedelta = 40 * MINUTE

    # what annoys them
    stops: float = 0.008  # says stop after a marketing message nobody asked for
    stops_more: float = 0.02  # and so much more for each one they got in the week before
    stops_silently: float = 0.3  # of these: on WhatsApp's own control, without a word to us

    # what they write of their own accord
    writes_first_per_month: float = 0.1

    # staff
    staff_answer_median: timedelta = 12 * MINUTE
    staff_talk: timedelta = 25 * MINUTE


STAFF_DAY = (9, 18)  # the hours of a desk that has none in store.yaml, by the store's clock, every day

SAYINGS = {
    "en": ("Hi", "Where is my order?", "Can I return something?", "thanks!", "ok", "👍", "I would like to talk to a person"),
    "es": ("Hola", "¿Dónde está mi pedido?", "¿Puedo devolver algo?", "¡gracias!", "vale", "👍", "Quiero hablar con alguien"),
    "pt": ("Oi", "Onde está o meu pedido?", "Posso devolver?", "obrigado!", "ok", "👍", "Quero falar com alguém"),
    "ar": ("مرحبا", "أين طلبي؟", "هل يمكنني الإرجاع؟", "شكرا", "طيب", "👍", "أريد التحدث مع شخص"),
    "hi": ("नमस्ते", "मेरा ऑर्डर कहाँ है?", "क्या मैं लौटा सकता हूँ?", "शुक्रिया", "ठीक है", "👍", "किसी से बात करनी है"),
    "de": ("Hallo", "Wo ist meine Bestellung?", "Kann ich etwas zurückgeben?", "danke!", "ok", "👍", "Ich möchte mit jemandem reden"),
    "fr": ("Bonjour", "Où est ma commande ?", "Puis-je retourner un article ?", "merci !", "ok", "👍", "Je voudrais parler à quelqu'un"),
}
"""What people write in their own words, by language; who speaks another writes English."""

STOPS = {"es": "baja", "pt": "parar", "ar": "توقف", "hi": "बंद करो", "de": "stopp", "fr": "arrêt"}
"""How people say stop in their language; else STOP."""
