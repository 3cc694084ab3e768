"""What is kept of people, table by table, and what becomes of it when one of them is erased.

Every table of the schema has its place here, which `tests/store/test_personal.py` keeps true: rows are deleted, or emptied and unlinked
(they stay as sums: how many messages went, how many runs reached their goal), or they stay, for a reason. Emptied rows belong to nobody
from then on: a contact without a name, the same one for all who were ever erased.

The statements are made here of each table's condition, for they all are alike. They touch so many rows at a time as they are told.
"""
# ruff: noqa: S608 - made of constants

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.flow.codec import encode_content
from bot.flow.run import Text
from bot.store.step import Row, Statement, Step

ALL = 1_000_000_000  # rows at a time: no bound
EMPTY_BODY = b"{}"

_PEOPLE = "(select id from contact where id = :contact or merged_into = :contact)"
_OF_SHOP = "shop = :shop"
_OF_SHOPS_ORDERS = "(shop = :shop or shop_order in (select id from shop_order where shop = :shop))"
_VARIANTS = "(select id from variant where shop = :shop)"
_ORDERS = f"select id from shop_order where contact in {_PEOPLE}"


@dataclass(frozen=True, slots=True)
class Kept:
    """A table with rows of people. `whose` is the condition of a person's rows, `of_shop` what is true of one shop's among them; None:
    they are of no shop, and stay where the person stays for another. `instead` is what the columns of an emptied row are set to; None:
    rows are deleted. `written`: its rows are part of a copy for the person; `theirs` are those, where they are more than `whose`."""

    table: str
    whose: str = f"contact in {_PEOPLE}"
    of_shop: str | None = None
    key: tuple[str, ...] = ("id",)
    instead: str | None = None
    written: bool = True
    theirs: str | None = None

    def erase(self, *, in_shop: bool) -> str | None:
        """The statement that erases up to :limit rows, one row of its answer for each; None where nothing of this table goes."""
        if in_shop and self.of_shop is None:
            return None
        which = f"{self.whose} and {self.of_shop}" if in_shop else self.whose
        key = ", ".join(self.key)
        place = f"({key}) in (select {key} from {self.table} where {which} limit :limit)"
        if self.instead is None:
            return f"delete from {self.table} where {place} returning 1 as one"
        return f"update {self.table} set {self.instead} where {place} returning 1 as one"

    def rows(self) -> str:
        """The statement that reads a person's rows."""
        return f"select * from {self.table} where {self.theirs or self.whose}"


_LAST_WORDS = (
    f"select max(id) from consent_record where contact in {_PEOPLE} and effective = 1 and method <> 'shop' group by channel"
)
_OF_THEIR_ORDERS = f"(contact in {_PEOPLE} or shop_order in ({_ORDERS}))"
_OF_THEIR_KEYS = f"(shop, key) in (select scope, value from identity where contact in {_PEOPLE})"
_EMPTY_CONTENT = encode_content(Text("")).replace("'", "''")

_BROWSERS = (
    "select w.id from visitor w join identity i on i.kind = 'visitor' and i.scope = w.shop and i.value = w.key"
    f" where i.contact in {_PEOPLE}"
)

# in this order: what refers to others goes before them
PERSONAL: Sequence[Kept] = (
    Kept("attachment", whose=f"message in (select id from message where contact in {_PEOPLE})"),
    Kept("reaction", key=("contact", "provider_id")),
    Kept("message"),
    Kept("referral"),
    Kept("conversation", key=("contact", "number")),
    Kept("tag", key=("contact", "tag")),
    Kept("pair", key=("contact", "number"), written=False),
    Kept(  # all but the last words in the chat, which go with the names: until then they are what a stop is known by
        "consent_record",
        whose=f"contact in {_PEOPLE} and id not in ({_LAST_WORDS})",
        of_shop="source like cast(:shop as text) || ': %'",
        theirs=f"contact in {_PEOPLE}",
    ),
    Kept("audit", of_shop="about = :shop"),
    Kept("wish", of_shop="product in (select id from product where shop = :shop)"),
    Kept("awaited_purchase", whose=_OF_THEIR_ORDERS, of_shop=_OF_SHOPS_ORDERS, key=("contact", "shop", "what")),
    Kept("credit", whose=_OF_THEIR_ORDERS, of_shop=_OF_SHOP, key=("shop_order",)),
    Kept("purchase", whose=_OF_THEIR_ORDERS, of_shop=_OF_SHOP, key=("shop_order", "product")),
    Kept(
        "order_word",
        whose=f"(shop, order_key) in (select shop, key from shop_order where contact in {_PEOPLE})",
        of_shop=_OF_SHOP,
        key=("shop", "order_key", "kind", "key"),
    ),
    Kept(  # somebody else's code that was on an order of theirs
        "discount",
        whose=f"(shop, leaked_order) in (select shop, key from shop_order where contact in {_PEOPLE})",
        of_shop=_OF_SHOP,
        instead="leaked_order = 'erased'",
        written=False,
    ),
    Kept("product_view", whose=f"visitor in ({_BROWSERS})", of_shop=f"visitor in (select id from visitor where {_OF_SHOP})"),
    Kept("visitor", whose=f"id in ({_BROWSERS})", of_shop=_OF_SHOP),
    Kept("sent_link", of_shop=_OF_SHOP, key=("click",)),
    Kept("missed", whose=_OF_THEIR_KEYS, of_shop=_OF_SHOP, key=("shop", "part", "key", "at"), written=False),
    Kept("wanted_resource", whose=_OF_THEIR_KEYS, of_shop=_OF_SHOP, key=("shop", "address"), written=False),
    Kept("shop_order", of_shop=_OF_SHOP),
    Kept("checkout", of_shop=_OF_SHOP),
    Kept(  # what was promised still counts against its flow's budget, and an unused code is still taken out of the store
        "discount",
        of_shop=_OF_SHOP,
        instead="contact = :nobody, state = case when state in ('wanted', 'held') then 'refused' else state end, why = null,"
        " redeemed_order = case when redeemed_order is not null then 'erased' end, leaked_order = null",
    ),
    Kept(
        "outbox",
        whose=f"contact in {_PEOPLE} and state <> 'sending'",
        of_shop=_OF_SHOP,
        instead="contact = :nobody, key = 'erased:' || id, run = null, provider_id = null, owner = null, why = null, body = '',"
        f" content = '{_EMPTY_CONTENT}', needs = null, needs_of = null,"
        " state = case when state in ('sent', 'refused', 'cancelled') then state else 'cancelled' end",
    ),
    Kept(
        "run",
        of_shop=_OF_SHOP,
        instead="contact = :nobody, goal_order = null, body = '', state = 'ended', outcome = coalesce(outcome, 'erased'),"
        " ended_at = coalesce(ended_at, :now)",
    ),
)

# what `erasing` sees to in steps of their own, each where it can be found without reading all of the table in a transaction
BY_HAND: Mapping[str, str] = {
    "contact": "emptied, and nobody from then on",
    "identity": "deleted",
    "also_known": "deleted, whoever it was told of",
    "privacy_person": "deleted when the ask is done",
    "inbox": "bodies are emptied, of everything that came from them, of them or names them; so are those of what could not be read",
    "inbox_name": "deleted with them",
    "timer": "deleted",
    "bought": "deleted: hashes of their names",
    "file": "deleted where no one else's message shows it, and its bytes are taken from the shelf",
    "upload": "deleted with the file",
}

STAYS: Mapping[str, str] = {
    "meta": "nobody is named in it",
    "seen": "a hash of a delivery and its moment: without it a delivery that is sent again would bring them back",
    "erased_name": "it is what is left: keyed hashes, so that who said stop stays stopped",
    "privacy_ask": "the receipt: what was asked and how much was done; whom it names is taken out when it is done",
    "closed_shop": "shops, no people",
    "charge": "what a message cost, by its number, which leads to an emptied row",
    "reached": "that somebody was written to, for a day, by the number of an emptied contact",
    "pool_code": "a code by the number of its grant, which is unlinked",
    "revision": "the owner's flows",
    "template": "the owner's templates",
    "number_state": "the owner's numbers",
    "sending_number": "the owner's numbers",
    "portfolio": "how many people a day all numbers may reach",
    "closed_country": "countries",
    "heard": "when a shop last told anything",
    "shop_reading": "how far a store was read",
    "read_entry": "which deliveries a reading brought in, by numbers",
    "code_pool": "pools of codes",
    "code_budget": "flows",
    "sold_product": "products",
    "product_evidence": "what many people together did",
    **dict.fromkeys(("product", "variant", "stock_level", "variant_price", "product_news"), "products"),
    "process": "processes of this bot (PostgreSQL)",
}

# what else goes with a shop, once its people are erased
OF_SHOP: Sequence[Kept] = (
    Kept("product_view", whose=f"visitor in (select id from visitor where {_OF_SHOP})"),
    Kept("visitor", whose=_OF_SHOP),
    Kept("order_word", whose=_OF_SHOP, key=("shop", "order_key", "kind", "key")),
    Kept("product_evidence", whose=_OF_SHOP, key=("shop", "product")),
    Kept("sold_product", whose=_OF_SHOP, key=("shop", "product")),
    Kept("product_news", whose=f"variant in {_VARIANTS}"),
    Kept("variant_price", whose=f"variant in {_VARIANTS}", key=("variant", "at")),
    Kept("stock_level", whose=_OF_SHOP, key=("shop", "stock_item", "place")),
    Kept("variant", whose=_OF_SHOP),
    Kept("product", whose=f"{_OF_SHOP} and not exists (select 1 from wish where wish.product = product.id)"),
    Kept("pool_code", whose=_OF_SHOP),
    Kept("code_pool", whose=_OF_SHOP),
    Kept("heard", whose=_OF_SHOP, key=("shop",)),
    Kept("missed", whose=_OF_SHOP, key=("shop", "part", "key", "at")),
    Kept("wanted_resource", whose=_OF_SHOP, key=("shop", "address")),
    Kept("read_entry", whose="reading in (select id from shop_reading where shop = :shop)", key=("reading", "inbox")),
    Kept("shop_reading", whose=_OF_SHOP),
)


@dataclass(frozen=True, slots=True)
class Gone:
    """How many rows were erased, by table. `more`: of some tables there may be more."""

    counts: Mapping[str, int]
    more: bool


def erase(contact: int, nobody: int, shop: str, now: int, limit: int) -> Step[Gone]:
    """Erase up to `limit` rows of each table that are a person's: of a shop, or with an empty one of all."""
    parameters = {"contact": contact, "nobody": nobody, "shop": shop, "now": now}
    return (yield from _erase(PERSONAL, parameters, limit, in_shop=bool(shop)))


def erase_shop(shop: str, limit: int) -> Step[Gone]:
    """Erase up to `limit` rows of each table that are a shop's and no person's."""
    return (yield from _erase(OF_SHOP, {"shop": shop}, limit, in_shop=False))


def _erase(tables: Sequence[Kept], parameters: Mapping[str, object], limit: int, *, in_shop: bool) -> Step[Gone]:
    counts: dict[str, int] = {}
    for kept in tables:
        text = kept.erase(in_shop=in_shop)
        if text is None:
            continue
        done = len((yield Statement(text, {**parameters, "limit": limit})))
        if done:
            counts[kept.table] = counts.get(kept.table, 0) + done
        if done >= limit:  # what refers to others goes first: all of it
            return Gone(counts, more=True)
    return Gone(counts, more=False)


def rows(contact: int) -> Step[dict[str, Sequence[Row]]]:
    """All rows of a person that are theirs to read, by table."""
    found: dict[str, Sequence[Row]] = {}
    for kept in PERSONAL:
        if kept.written and (of_table := (yield Statement(kept.rows(), {"contact": contact}))):
            found[kept.table] = of_table
    return found
