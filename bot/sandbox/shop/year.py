"""A year of a shop, made up of a seed: who bought what and when, who came back, who left, what was cancelled, refunded, never paid.

The same seed and size make the same year. People have habits: each drinks a coffee or two and buys it again after so many days, now
sooner and now later. All people and numbers are invented; the numbers are valid ones all the same.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from bot.sandbox.shop.books import (
    Address,
    Agreed,
    Books,
    Checkout,
    Consent,
    Customer,
    Gateway,
    Line,
    Order,
    Parcel,
    Payment,
    Product,
    Refund,
    Source,
    Variant,
)

YEAR = timedelta(days=365)
FIRST_NUMBER = 1001
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"  # of the token of a cart
LEFT_PER_ORDER = 0.3  # checkouts that nobody finished, for each order that was placed
CAME_BACK = 0.2  # of those: they are abandoned AND recovered
ONCE_ONLY = 0.6  # people who buy one thing and are never seen again
NOTED_CASH = 0.7  # cash on delivery that anybody wrote down as paid
TOUCHED_AT_ONCE = 0.02  # orders that an app changed in one second, as a bulk edit does: pages by time alone lose some of them
FEWEST_TOUCHED = 3

PIECES = ("250 g", "1 kg")
COFFEES = (  # title, days that 250 g last
    ("House espresso", 14),
    ("Huila single origin", 18),
    ("Yirgacheffe", 20),
    ("Decaf", 26),
    ("Sumatra Mandheling", 21),
    ("Filter roast", 16),
    ("Monsooned Malabar", 24),
    ("Kenya AA", 19),
)
SUPPLIES = (("Paper filters", 40), ("Descaler", 90), ("Oat drink, six", 12), ("Grinder tablets", 60))  # bought again, in one size
THINGS = (("Moka pot", 3200), ("Hand grinder", 5900), ("Stoneware dripper", 1800), ("Scale", 4500), ("Espresso cups & saucers", 2600))
PLACES = (  # country, city, locale; of a mobile number: the country's prefix, what is dialled before it at home, how it begins
    ("ES", "Madrid", "es-ES", "+34", "", "61"),
    ("ES", "Valencia", "es-ES", "+34", "", "65"),
    ("PT", "Porto", "pt-PT", "+351", "", "91"),
    ("DE", "Berlin", "de-DE", "+49", "0", "1512"),
    ("FR", "Lyon", "fr-FR", "+33", "0", "612"),
    ("GB", "Leeds", "en-GB", "+44", "0", "7400"),
    ("IT", "Torino", "it-IT", "+39", "", "347"),
    ("NL", "Utrecht", "nl-NL", "+31", "0", "612"),
)
MOBILE_DIGITS = {"DE": 11, "GB": 10, "IT": 10}  # all others have nine
FIRST_NAMES = (
    "Ana",
    "Bea",
    "Carlos",
    "Daniela",
    "Émile",
    "Fátima",
    "Greta",
    "Hugo",
    "Inés",
    "João",
    "Klara",
    "Luís",
    "Marta",
    "Noor",
    "Otto",
)
LAST_NAMES = ("García", "Müller", "Souza", "Ashworth", "Lefèvre", "Rossi", "de Vries", "Núñez", "O'Brien", "Keller", "Silva", "Haddad")


@dataclass(frozen=True, slots=True)
class _Habit:
    variant: Variant
    title: str
    days: float


@dataclass(frozen=True, slots=True)
class _Buyer:
    customer: Customer
    guest: bool
    habits: tuple[_Habit, ...]


class Year:
    """A year of `orders` orders that ends now. `books` are the store's; `live` lets it go on."""

    def __init__(self, clock: Callable[[], datetime], *, orders: int, seed: int = 7) -> None:
        self.books = Books(clock)
        self._random = Random(seed)  # noqa: S311  # a made-up year, no secret
        self._end = self.books.now()
        self._number = FIRST_NUMBER
        self._make_products()
        self._buyers: list[_Buyer] = []
        self._make_orders(orders)
        self._make_left_checkouts(round(orders * LEFT_PER_ORDER))
        self._touch_at_once(max(FEWEST_TOUCHED, round(orders * TOUCHED_AT_ONCE)))

    # ---- what it sells

    def _make_products(self) -> None:
        for title, _ in COFFEES:
            price = self._random.randrange(900, 1600, 50)
            self._product(title, "coffee", [(PIECES[0], price), (PIECES[1], round(price * 3.4 / 50) * 50)])
        for title, _ in SUPPLIES:
            self._product(title, "supplies", [("Default Title", self._random.randrange(400, 1500, 25))])
        for title, price in THINGS:
            self._product(title, "equipment", [("Default Title", price)])
        self._product("Gift card", "gift-card", [("Default Title", 2500)])

    def _product(self, title: str, kind: str, sizes: list[tuple[str, int]]) -> None:
        key, made = next(self.books.ids), self._end - YEAR - timedelta(days=30)
        handle = "-".join("".join(char if char.isalnum() else " " for char in title.lower()).split())
        variants = tuple(
            Variant(
                id=next(self.books.ids),
                product=key,
                title=size,
                sku=f"CB-{handle[:8].upper()}-{number}",
                price=price,
                stock=self._random.choice((0, 3, 40, 250)),
                compare_at=round(price * 1.2) if self._random.random() < 0.1 else None,
            )
            for number, (size, price) in enumerate(sizes, 1)
        )
        self.books.products.put(Product(key, handle, title, kind, variants, made, made, is_gift_card=kind == "gift-card"))

    def _habits(self) -> tuple[_Habit, ...]:
        """What somebody buys again and again, if anything."""
        if self._random.random() < ONCE_ONLY:
            return ()
        products = {product.title: product for product in self.books.products}
        chosen = self._random.sample(COFFEES + SUPPLIES, self._random.choice((1, 1, 1, 2, 3)))
        habits = []
        for title, days in chosen:
            variant = self._random.choice(products[title].variants)
            pace = self._random.lognormvariate(math.log(days * (3.4 if variant.title == PIECES[1] else 1)), 0.35)
            habits.append(_Habit(variant, title, max(5.0, pace)))
        return tuple(habits)

    # ---- who buys there

    def _buyer(self, since: datetime) -> _Buyer:
        chance = self._random.random
        country, city, locale, prefix, trunk, begins = self._random.choice(PLACES)
        digits = MOBILE_DIGITS.get(country, 9) - len(begins)
        number = f"{begins}{self._random.randrange(10**digits):0{digits}d}"
        phone = f"{prefix}{number}" if chance() < 0.72 else None
        written = f"{trunk}{number[:3]} {number[3:]}" if phone and chance() < 0.3 else phone  # as people write it at home
        first, last = self._random.choice(FIRST_NAMES), self._random.choice(LAST_NAMES)
        key = next(self.books.ids)
        email = f"{first.lower()}.{key % 1_000_000}@example.com" if phone is None or chance() < 0.93 else None
        address = Address(first, last, f"Calle {key % 97 + 1}", city, f"{key % 90_000 + 10_000}", country, written)
        customer = Customer(
            id=key,
            address=address,
            email=email,
            phone=phone if chance() < 0.6 else None,
            locale=locale,
            created_at=since,
            updated_at=since,
            whatsapp=self._consent(since, yes=0.35, no=0.08),
            sms=self._consent(since, yes=0.15, no=0.05),
            mail=self._consent(since, yes=0.5, no=0.1),
        )
        return _Buyer(customer, guest=chance() < 0.15, habits=self._habits())

    def _consent(self, since: datetime, *, yes: float, no: float) -> Consent:
        chance = self._random.random()
        if chance < yes:
            return Consent(Agreed.YES, since)
        if chance < yes + no:
            return Consent(Agreed.NO, min(self._end, since + timedelta(days=self._random.randrange(1, 90))))
        return Consent()

    # ---- what they buy

    def _make_orders(self, wanted: int) -> None:
        bought: list[tuple[datetime, int, _Buyer, tuple[Line, ...]]] = []
        while len(bought) < wanted:
            since = self._some_time()
            buyer = self._buyer(since)
            bought += [(at, len(bought) + number, buyer, lines) for number, (at, lines) in enumerate(self._purchases(buyer, since))]
        for at, _, buyer, lines in sorted(bought[:wanted], key=lambda one: one[:2]):
            order = self.books.keep(self._so_far(self._bare_order(buyer, at, lines)))
            self._note(buyer, order)
        self._buyers = [buyer for _, _, buyer, _ in bought[:wanted]]

    def _note(self, buyer: _Buyer, order: Order) -> None:
        if order.customer is not None:
            there = self.books.customers.get(order.customer) or buyer.customer
            self.books.customers.put(replace(there, updated_at=max(there.updated_at, order.placed_at)))

    def _purchases(self, buyer: _Buyer, since: datetime) -> Iterator[tuple[datetime, tuple[Line, ...]]]:
        """Each habit has its own rhythm; what falls on one day is one order."""
        days: dict[datetime, list[_Habit]] = {}
        for habit in buyer.habits:
            at = since
            while at < self._end:
                days.setdefault(at.replace(hour=12, minute=0, second=0, microsecond=0), []).append(habit)
                at += timedelta(days=self._random.lognormvariate(math.log(habit.days), 0.3))
        if not buyer.habits:
            yield since, (self._other_line(),)
        for day, habits in sorted(days.items()):
            at = day + timedelta(seconds=self._random.randrange(-5 * 3600, 10 * 3600))
            if self._end - YEAR <= at < self._end:
                extra = (self._other_line(),) if self._random.random() < 0.12 else ()
                yield at, (*(self._line(habit.title, habit.variant) for habit in habits), *extra)

    def _line(self, title: str, variant: Variant, pieces: int | None = None) -> Line:
        quantity = pieces or self._random.choice((1, 1, 1, 1, 2, 3))
        size = "" if variant.title == "Default Title" else variant.title
        return Line(next(self.books.ids), title, size, variant.sku, quantity, variant.price, variant.product, variant.id)

    def _other_line(self) -> Line:
        product = self._random.choice([one for one in self.books.products if one.kind in ("equipment", "gift-card")])
        line = self._line(product.title, product.variants[0], 1)
        return line if self._random.random() < 0.95 else replace(line, product=None, variant=None)  # sold once, deleted since

    def _bare_order(self, buyer: _Buyer, at: datetime, lines: tuple[Line, ...]) -> Order:
        chance = self._random.random
        key, person = next(self.books.ids), buyer.customer
        source = self._random.choices(tuple(Source), (0.93, 0.05, 0.02))[0]
        subtotal = sum(line.total for line in lines)
        code = f"CASA{key % 100_000:05d}" if chance() < 0.08 else None
        order = Order(
            id=key,
            number=self._number,
            lines=lines,
            address=person.address,
            email=person.email,
            phone=person.address.phone if chance() < 0.2 else None,
            locale=person.locale,
            placed_at=at,
            updated_at=at,
            customer=None if buyer.guest else person.id,
            source=source,
            gateway=self._random.choices(tuple(Gateway), (0.8, 0.06, 0.14))[0],
            discount=round(subtotal * 0.1) if code else 0,
            code=code,
            checkout_token=self._token() if source is Source.WEB else None,
            cart_token=self._cart_token() if source is Source.WEB else None,
            test=chance() < 0.01,
        )
        self._number += 1
        at_once = order.gateway is Gateway.CARD
        return replace(order, payment=Payment.PAID if at_once else Payment.AWAITED, paid_at=at if at_once else None)

    def _some_time(self) -> datetime:
        return self._end - timedelta(seconds=self._random.randrange(int(YEAR.total_seconds())))

    def _token(self) -> str:
        return f"{self._random.getrandbits(128):032x}"

    def _cart_token(self) -> str:
        return "hWN" + "".join(self._random.choices(LETTERS, k=21))

    def _so_far(self, order: Order) -> Order:
        """What became of an order until now: paid, sent, arrived, or not."""
        later = order.placed_at + timedelta(minutes=self._random.randrange(60, 2400))
        chance = self._random.random()
        if chance < 0.03:  # the card was refused, the transfer never came
            return self._on(order, later, payment=Payment.FAILED if chance < 0.018 else Payment.AWAITED, paid_at=None)
        if chance < 0.07:
            return self._called_off(order, later)
        if order.gateway is not Gateway.ON_DELIVERY or self._random.random() < NOTED_CASH:
            paid_at = order.paid_at or order.placed_at + timedelta(days=self._random.randrange(1, 6))
            order = self._on(order, paid_at, payment=Payment.PAID, paid_at=paid_at)
        return self._paid_back(self._sent(order, later))

    def _called_off(self, order: Order, at: datetime) -> Order:
        if order.paid_at is None:
            return self._on(order, at, payment=Payment.FAILED, cancelled_at=at)
        refund = Refund(next(self.books.ids), at, order.total, {line.id: line.quantity for line in order.lines})
        return self._on(order, at, payment=Payment.REFUNDED, cancelled_at=at, refunds=(refund,))

    def _on(self, order: Order, at: datetime, **changes: object) -> Order:
        """As it is then, if that has come."""
        return replace(order, **changes, updated_at=max(order.updated_at, at)) if at <= self._end else order  # type: ignore[arg-type]  # fields of Order

    def _sent(self, order: Order, shipped: datetime) -> Order:
        if order.source is Source.COUNTER or shipped > self._end:
            return order
        arrived = shipped + timedelta(days=self._random.randrange(1, 5))
        parcel = Parcel(next(self.books.ids), f"CB{order.id % 10_000_000}", shipped, arrived if arrived <= self._end else None)
        return replace(order, parcels=(parcel,), updated_at=max(order.updated_at, parcel.delivered_at or shipped))

    def _paid_back(self, order: Order) -> Order:
        if order.payment is not Payment.PAID or self._random.random() > 0.05:
            return order
        at = order.updated_at + timedelta(days=self._random.randrange(1, 15))
        whole = len(order.lines) == 1 or self._random.random() < 0.5
        line = order.lines[0]
        refund = (
            Refund(next(self.books.ids), at, order.total, {line.id: line.quantity for line in order.lines})
            if whole
            else Refund(next(self.books.ids), at, line.price, {line.id: 1})
        )
        return self._on(order, at, payment=Payment.REFUNDED if whole else Payment.PARTLY_REFUNDED, refunds=(refund,))

    # ---- what they left

    def _make_left_checkouts(self, wanted: int) -> None:
        orders = [order for order in self.books.orders if order.source is Source.WEB]
        back = set(self._random.sample(range(wanted), min(len(orders), round(wanted * CAME_BACK)))) if wanted else set()
        for number in range(wanted):
            like = self._random.choice(orders)
            self.books.checkouts.put(self._recovered(like) if number in back else self._left(like))

    def _left(self, like: Order) -> Checkout:
        """Somebody who has bought once leaves another one; some never said who they are."""
        at = self._some_time()
        known = self._random.random() < 0.8
        lines = tuple(replace(line, id=next(self.books.ids)) for line in like.lines)
        return Checkout(
            id=next(self.books.ids),
            token=self._token(),
            cart_token=self._cart_token(),
            lines=lines,
            address=like.address if known else None,
            email=like.email if known or like.email else None,
            phone=None,
            locale=like.locale,
            created_at=at,
            updated_at=min(self._end, at + timedelta(minutes=self._random.randrange(1, 50))),
            customer=like.customer if known else None,
        )

    def _recovered(self, order: Order) -> Checkout:
        begun = order.placed_at - timedelta(minutes=self._random.randrange(60, 1800))
        return Checkout(
            id=order.id,
            token=order.checkout_token or "",
            cart_token=order.cart_token or "",
            lines=order.lines,
            address=order.address,
            email=order.email,
            phone=order.phone,
            locale=order.locale,
            created_at=begun,
            updated_at=order.placed_at,
            customer=order.customer,
            completed_at=order.placed_at,
            order=order.id,
            code=order.code,
        )

    def _touch_at_once(self, wanted: int) -> None:
        """An app puts a note on many orders in one second."""
        at = self._end - timedelta(days=20)
        old = [order for order in self.books.orders if order.updated_at < at]
        for order in self._random.sample(old, min(len(old), wanted)):
            self.books.keep(replace(order, updated_at=at, note_attributes=(("sorted", "2026"),)))

    # ---- somebody in particular

    def leaves(self, *, phone: str, name: str, country: str, locale: str) -> Checkout:
        """Somebody with this phone fills a cart, comes as far as the checkout, and leaves."""
        now, key = self.books.now(), next(self.books.ids)
        first, _, last = name.partition(" ")
        product = self._random.choice([one for one in self.books.products if one.kind == "coffee"])
        checkout = Checkout(
            id=key,
            token=self._token(),
            cart_token=self._cart_token(),
            lines=(self._line(product.title, product.variants[0]),),
            address=Address(first, last, "Calle Mayor 1", "Madrid", "28001", country, phone),
            email=None,
            phone=phone,
            locale=locale,
            created_at=now,
            updated_at=now,
        )
        return self.books.leave(checkout)

    def buys(self, checkout: Checkout) -> Order:
        """Whoever left it comes back and pays by card. Raises ValueError where nobody said who they are, or it was bought."""
        if checkout.address is None or checkout.completed_at is not None:
            raise ValueError("nobody can buy this checkout")
        now = self.books.now()
        order = Order(
            id=checkout.id,
            number=self._number,
            lines=checkout.lines,
            address=checkout.address,
            email=checkout.email,
            phone=checkout.phone,
            locale=checkout.locale,
            placed_at=now,
            updated_at=now,
            customer=checkout.customer,
            paid_at=now,
            checkout_token=checkout.token,
            cart_token=checkout.cart_token,
        )
        self._number += 1
        return self.books.place(order)

    # ---- and on

    def live(self, steps: int = 1) -> None:
        """So many things happen now: somebody orders, pays, cancels, gets a parcel or money back, leaves a checkout."""
        for _ in range(steps):
            self._random.choice((self._new_order, self._new_order, self._old_order_changes, self._somebody_leaves))()

    def _new_order(self) -> None:
        buyer, now = self._random.choice(self._buyers), self.books.now()
        lines = tuple(self._line(habit.title, habit.variant) for habit in buyer.habits) or (self._other_line(),)
        if not buyer.guest and buyer.customer.id not in self.books.customers:
            self.books.know(buyer.customer)
        self.books.place(self._bare_order(buyer, now, lines))

    def _old_order_changes(self) -> None:
        order = self._random.choice(list(self.books.orders))
        happens = self._random.choice((self.books.send, self.books.deliver, self.books.pay, self.books.cancel))
        if order.cancelled_at is None:
            happens(order.id)

    def _somebody_leaves(self) -> None:
        now = self.books.now()
        left = self._left(self._random.choice(list(self.books.orders)))
        self.books.leave(replace(left, created_at=now, updated_at=now))
