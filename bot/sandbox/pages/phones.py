"""What customers do with their phones: write, press, send files and cards, react, edit, delete, block, stop promotions, move.

Each act becomes the webhook that Meta sends of it, and what the phone itself shows. A `Wish` is what a form of a page asks for; a wish that
makes no sense raises LookupError, TypeError or ValueError.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from bot.sandbox.cloud.bubble import Advert, Bubble, Drawing, Goods, GoodsKind, Media, MediaKind, Place, SharedContact, Shelf, Tick, Ware
from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.cloud.customer import Customer, wa_id_of
from bot.sandbox.cloud.media import bare_type
from bot.sandbox.pages.phone_view import EMOJI, SHOWN_INLINE, Composing, PhoneView, StoredFile
from bot.sandbox.pages.someone import Someone
from bot.sandbox.pages.telling import Telling
from bot.sandbox.shop.catalog import CURRENCY, Product, decimal

TEXT_LIMIT = 4096  # characters; as long as WhatsApp lets a customer write
SHOWN = 150  # messages: a phone shows the newest, and each is drawn again at each look
PEOPLE_LIMIT = 60  # phones on one page
PIECES_LIMIT = 99  # of one product in an order
CATALOG_ID = "194836987003835"
OWN_FILES = Path(__file__).parent / "files"
SENDABLE = {  # what lies in the customer's gallery
    "cup": (MediaKind.IMAGE, "cup.jpg", "image/jpeg"),
    "parcel": (MediaKind.IMAGE, "parcel.jpg", "image/jpeg"),
    "voice": (MediaKind.VOICE, "voice.ogg", "audio/ogg; codecs=opus"),
    "receipt": (MediaKind.DOCUMENT, "receipt.pdf", "application/pdf"),
    "sticker": (MediaKind.STICKER, "sticker.webp", "image/webp"),
}
PLACE = Place(40.4233, -3.7077, "Café Central", "Plaza del Ángel 10, Madrid")
FRIEND = SharedContact("Rosa Díaz", ("+34 600 000 099",))
ADVERT = Advert("Fresh coffee, roasted on Mondays", "Write to us for a free sample", "https://fb.me/3cr4Wqqkv")
AD_WORDS = "Hello! Can I get more info on this?"  # what WhatsApp fills in for whoever presses an ad

Wish = Mapping[str, str]
Action = Callable[[Wish], Awaitable[str | None]]
Json = dict[str, Any]


class Phones:
    """Everybody's phone. `people` by their key; `wares` is the catalog, by each id a message may use."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        cloud: CloudApi,
        people: Mapping[str, Someone],
        wares: Mapping[str, Product],
        link_to: Callable[[str], str] = str,
    ) -> None:
        self.people: dict[str, Someone] = {}
        self._customers: dict[str, Customer] = {}
        self.wares = wares
        self._clock, self._cloud, self._link_to = clock, cloud, link_to
        self._composing: dict[str, tuple[Composing, str]] = {}
        self.actions: Mapping[str, Action] = {
            "say": self._say,
            "press": self._press,
            "attach": self._attach,
            "message": self._message,
            "buy_here": self._buy_here,
            "preference": self._preference,
            "block": self._block,
            "advert": self._advert,
            "move": self._move,
        }
        for one in people.values():
            self.introduce(one)

    def introduce(self, someone: Someone) -> None:
        """One more phone."""
        self.people[someone.key] = someone
        self._customers[someone.key] = self._cloud.introduce(someone.phone, someone.full_name or someone.name, someone.username)

    def discover(self) -> None:
        """Whoever the Cloud API has met otherwise gets a phone, too: everybody is on WhatsApp here."""
        known = {customer.wa_id for customer in self._customers.values()}
        for wa_id, customer in list(self._cloud.customers.items()):
            if wa_id not in known and len(self.people) < PEOPLE_LIMIT:
                place = f"@{customer.username}" if customer.username else f"+{wa_id}"
                place = "" if place == customer.name else place
                self.people[wa_id] = Someone(wa_id, customer.name, f"+{wa_id}", place, username=customer.username)
                self._customers[wa_id] = customer

    def customer(self, key: str) -> Customer:
        """Their side of the Cloud API; they keep it when they change their number, and begin anew when it forgot them."""
        someone, known = self.people[key], self._customers[key]
        if self._cloud.customers.get(known.wa_id) is not known:
            self.introduce(someone)
        someone.phone = f"+{self._customers[key].wa_id}"
        return self._customers[key]

    def thread(self, key: str) -> tuple[Bubble, ...]:
        """All that is on their phone, oldest first."""
        return tuple(self.customer(key).thread)

    def unread(self, key: str) -> int:
        """How many messages wait on their phone."""
        return sum(bubble.tick is Tick.DELIVERED and not bubble.by_customer for bubble in self.customer(key).thread)

    def read(self, key: str) -> None:
        """They look at the chat."""
        self._cloud.read(self.phone(key))

    def look(self, key: str, telling: Telling | None = None) -> PhoneView:
        """What their phone shows; `telling` is the open page that shows it."""
        customer = self.customer(key)
        now = self._clock()
        thread, typing = telling.told(customer.thread) if telling else (tuple(customer.thread), False)
        return PhoneView(
            now=now,
            me=self.people[key],
            business=self._cloud.number.name,
            thread=thread[-SHOWN:],
            older=max(len(thread) - SHOWN, 0),
            typing=typing or (customer.typing_until is not None and now < customer.typing_until),
            stopped=customer.stopped_marketing,
            blocked=customer.blocked,
            composing=self._draft(key, customer),
            wares=self.wares,
            stored=self._stored,
        )

    def _draft(self, key: str, customer: Customer) -> tuple[Composing, Bubble] | None:
        how, message_id = self._composing.get(key, (Composing.REPLY, ""))
        bubble = customer.bubble(message_id)
        return (how, bubble) if bubble else None

    def _stored(self, media: Media) -> StoredFile | None:
        if media.id and (file := self._cloud.media.get(media.id)):
            return StoredFile(f"/file/{file.id}", bare_type(file.mime), len(file.content), file.filename or media.filename)
        path = self._link_to(media.link) if media.link else ""
        return StoredFile(path, "image/svg+xml") if path.startswith("/") else None

    def file(self, file_id: str) -> tuple[bytes, str, bool] | None:
        """A file that lies here: its bytes, its type, and whether a browser may show it in a page. None when it is not here."""
        found = self._cloud.media.get(file_id)
        if found is None:
            return None
        mime = bare_type(found.mime)
        return found.content, mime, (mime in SHOWN_INLINE and mime != "image/svg+xml") or mime.startswith(("audio/", "video/"))

    # what they do

    async def _say(self, wish: Wish) -> None:
        key, text = wish["who"], words_of(wish)
        how, message_id = self._composing.pop(key, (None, ""))
        match how:
            case Composing.EDIT:
                self._cloud.edit(self._phone(wish), message_id, text)
            case Composing.REPLY:
                self._cloud.receive_from(self._phone(wish), text, reply_to=message_id)
            case _:
                self._cloud.receive_from(self._phone(wish), text)

    async def _press(self, wish: Wish) -> None:
        self._cloud.press(self._phone(wish), wish["value"], message_id=wish["message"])

    async def _attach(self, wish: Wish) -> None:
        what = wish["what"]
        if what in SENDABLE:
            self._send_file(wish, *SENDABLE[what])
        elif what == "place":
            part = {"latitude": PLACE.latitude, "longitude": PLACE.longitude, "name": PLACE.name, "address": PLACE.address}
            self._receive(wish, {"type": "location", "location": part}, Drawing(body="", place=PLACE))
        elif what == "contact":
            name, phone = FRIEND.name, FRIEND.phones[0]
            card = {
                "name": {"formatted_name": name, "first_name": name.split()[0]},
                "phones": [{"phone": phone, "wa_id": wa_id_of(phone), "type": "CELL"}],
            }
            self._receive(wish, {"type": "contacts", "contacts": [card]}, Drawing(body="", contacts=(FRIEND,)))
        else:
            raise LookupError("nothing of that name can be sent")

    def _send_file(self, wish: Wish, kind: MediaKind, name: str, mime: str) -> None:
        stored = self._cloud.media.receive(own_file(name), mime, name)
        part = self._cloud.file_part(stored)
        if kind is MediaKind.DOCUMENT:
            part["filename"] = name
        if kind is MediaKind.STICKER:
            part["animated"] = False
        if kind is MediaKind.VOICE:
            part["voice"] = True
        word = "audio" if kind is MediaKind.VOICE else kind.value
        self._receive(wish, {"type": word, word: part}, Drawing(body="", media=Media(kind, id=stored.id, filename=name)))

    async def _buy_here(self, wish: Wish) -> None:
        """An order of what a message offered: `pieces-<id>` says how many of each."""
        bubble = self._bubble(wish)
        pieces = {name.removeprefix("pieces-"): int(count or 0) for name, count in wish.items() if name.startswith("pieces-")}
        chosen = [(self.wares[one], count) for one, count in pieces.items() if one in self.wares and 0 < count <= PIECES_LIMIT]
        if not chosen or bubble.drawing.goods is None:
            raise ValueError("nothing was chosen")
        wares = tuple(Ware(one.id, count, f"{decimal(one.price)} {CURRENCY}") for one, count in chosen)
        items = [
            {"product_retailer_id": one.id, "quantity": count, "item_price": one.price / 100, "currency": CURRENCY} for one, count in chosen
        ]
        part = {"type": "order", "order": {"catalog_id": CATALOG_ID, "text": "", "product_items": items}}
        self._receive(wish, part, Drawing(body="", goods=Goods(GoodsKind.ORDER, (Shelf("", wares),))))

    async def _message(self, wish: Wish) -> None:
        """Something is done with one message: `reply`, `edit`, `delete`, `forget` (neither), or a reaction."""
        key, do = wish["who"], wish["do"]
        if do == "forget":
            self._composing.pop(key, None)
            return
        bubble = self._bubble(wish)
        if do in (Composing.REPLY, Composing.EDIT):
            if do == Composing.EDIT and not bubble.by_customer:
                raise ValueError("only what they wrote themselves")
            self._composing[key] = Composing(do), bubble.id
        elif do == "delete":
            if not bubble.by_customer:
                raise ValueError("only what they wrote themselves")
            self._cloud.revoke(self._phone(wish), bubble.id)
        elif do in EMOJI:
            self._cloud.react(self._phone(wish), bubble.id, "" if bubble.reactions.get(True) == do else do)
        else:
            raise LookupError("nothing of that name can be done with a message")

    async def _preference(self, wish: Wish) -> None:
        self._cloud.preference(self._phone(wish), {"stop": "stop", "resume": "resume"}[wish["value"]])

    async def _block(self, wish: Wish) -> None:
        """Nothing tells the business, as in life: its messages are accepted, and never arrive."""
        self.customer(wish["who"]).blocked = {"block": True, "unblock": False}[wish["value"]]

    async def _advert(self, wish: Wish) -> None:
        """They press an ad that leads into the chat, and send what WhatsApp fills in."""
        referral = {
            "source_url": ADVERT.url,
            "source_id": "120226305854810726",
            "source_type": "ad",
            "headline": ADVERT.headline,
            "body": ADVERT.body,
            "media_type": "image",
            "ctwa_clid": "Aff-" + secrets.token_urlsafe(24),
        }
        part = {"type": "text", "text": {"body": AD_WORDS}, "referral": referral}
        self._receive(wish, part, Drawing(body=AD_WORDS, advert=ADVERT))

    async def _move(self, wish: Wish) -> None:
        """They have a new number."""
        new = wa_id_of(wish["phone"])
        if new is None:
            raise ValueError("not a phone number")
        self._cloud.change_number(self._phone(wish), new)

    def _receive(self, wish: Wish, part: Json, drawing: Drawing) -> None:
        how, message_id = self._composing.pop(wish["who"], (None, ""))
        reply_to = message_id if how is Composing.REPLY else None
        context = {"context": {"from": self._cloud.number.display, "id": reply_to}} if reply_to else {}
        self._cloud.receive_raw(self._phone(wish), part | context, drawing, reply_to=reply_to)

    def _bubble(self, wish: Wish) -> Bubble:
        bubble = self.customer(wish["who"]).bubble(wish["message"])
        if bubble is None or bubble.deleted:
            raise LookupError("there is no such message")
        return bubble

    def phone(self, key: str) -> str:
        """Their number now."""
        return f"+{self.customer(key).wa_id}"

    def _phone(self, wish: Wish) -> str:
        return self.phone(wish["who"])


def words_of(wish: Wish) -> str:
    """What was written. Raises ValueError for nothing and for too much."""
    text = wish["text"].strip()
    if not 1 <= len(text) <= TEXT_LIMIT:
        raise ValueError(f"between 1 and {TEXT_LIMIT} characters")
    return text


@cache
def own_file(name: str) -> bytes:
    """One of the files in every customer's gallery."""
    return (OWN_FILES / name).read_bytes()
