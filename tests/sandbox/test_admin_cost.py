"""What queries cost at the sandbox's Shopify, against what others published of real stores."""

import pytest
from graphql import build_schema, get_operation_ast, parse

from bot.sandbox.shop.admin_cost import bill, weight

SCHEMA = build_schema("""
type Query { product(id: ID): Product  orders(first: Int): OrderConnection!  nodes(ids: [ID!]!): [Product]! }
type Mutation { add: Payload }
type Payload { bulkCreation: Bulk  userErrors: [UserError!]! }
type UserError { message: String }
type Bulk { codes(first: Int): CodeConnection! }
type CodeConnection { nodes: [Code!]! }
type Code { code: String }
type Product { id: ID  collections(first: Int): CollectionConnection!  variants(first: Int): VariantConnection! }
type CollectionConnection { nodes: [Collection!]! }
type Collection { id: ID }
type VariantConnection { nodes: [Variant!]! }
type Variant { id: ID  inventoryItem: InventoryItem }
type InventoryItem { id: ID }
type OrderConnection { edges: [OrderEdge!]!  pageInfo: PageInfo! }
type OrderEdge { node: Order! }
type PageInfo { endCursor: String }
type Order { total: MoneyBag!  channel: Channel  customer: Customer  address: Address
  lineItems(first: Int): LineConnection!  refunds: [Refund!]! }
type MoneyBag { shopMoney: MoneyV2! }
type MoneyV2 { amount: String! }
type Channel { definition: Definition }
type Definition { handle: String }
type Customer { id: ID }
type Address { city: String }
type LineConnection { edges: [LineEdge!]! }
type LineEdge { node: Line! }
type Line { product: Product  variant: Variant  price: MoneyBag!  allocations: [Allocation!]! }
type Allocation { amount: MoneyBag!  application: Application! }
interface Application { index: Int }
type CodeApplication implements Application { index: Int  code: String }
type Refund { refundLines(first: Int): RefundLineConnection! }
type RefundLineConnection { edges: [RefundLineEdge!]! }
type RefundLineEdge { node: RefundLine! }
type RefundLine { line: Line!  price: MoneyBag! }
""")
MONEY = "{ shopMoney { amount } }"
ORDERS = f"""{{ orders(first: 250) {{ pageInfo {{ endCursor }} edges {{ node {{
  total {MONEY} channel {{ definition {{ handle }} }} customer {{ id }} address {{ city }}
  lineItems(first: 50) {{ edges {{ node {{ variant {{ id }} product {{ id %s }} price {MONEY}
    allocations {{ amount {MONEY} application {{ __typename ... on CodeApplication {{ code }} }} }} }} }} }}
  refunds {{ refundLines(first: 50) {{ edges {{ node {{ line {{ price {MONEY} }} price {MONEY} }} }} }} }} }} }} }} }}"""
COLLECTIONS = "collections(first: 5) { nodes { id } }"


@pytest.mark.parametrize(
    ("document", "points"),
    [
        ("{ product(id: 1) { variants(first: 250) { nodes { inventoryItem { id } } } } }", 25),
        (ORDERS % "", 651),
        (ORDERS % COLLECTIONS, 651 + 385),
        ("query ids($ids: [ID!]!) { nodes(ids: $ids) { id collections(first: 5) { nodes { id } } } }", 6),
        ("mutation { add { bulkCreation { codes(first: 250) { nodes { code } } } userErrors { message } } }", 24),
    ],
)
def test_queries_cost_what_they_cost_at_real_stores(document: str, points: int) -> None:
    read = parse(document)
    operation = get_operation_ast(read)
    assert operation
    assert bill(SCHEMA, read, operation, {"ids": ["1"] * 25}).requested() == points


def test_what_came_costs_no_more_than_what_could_come() -> None:
    read = parse("{ product(id: 1) { variants(first: 250) { nodes { inventoryItem { id } } } } }")
    operation = get_operation_ast(read)
    assert operation
    price = bill(SCHEMA, read, operation, {})
    assert price.actual({"product": None}) == 1
    some = [{"inventoryItem": {"id": "1"}}] * 10
    assert price.actual({"product": {"variants": {"nodes": some}}}) == 1 + 2 + weight(10) * 2
    assert price.actual({"product": {"variants": {"nodes": some * 25}}}) == price.requested() == 25
