"""What an app may be allowed in a Shopify store, and what each scope is good for here."""

from bot.shop.setup import Scope

READ_ORDERS, READ_CUSTOMERS, READ_FULFILLMENTS = "read_orders", "read_customers", "read_fulfillments"
SCOPES = (
    Scope(READ_ORDERS, "carts, checkouts and orders: reminders, and their end once somebody buys", needed=True),
    Scope(READ_CUSTOMERS, "customers with their phones and languages, and their consent to WhatsApp", needed=True),
    Scope(READ_FULFILLMENTS, "parcels: questions after delivery, and when a purchase is used up"),
    Scope("read_products", "products: back in stock, and prices that fell"),
    Scope("read_inventory", "how many pieces there are"),
    Scope("read_draft_orders", "invoices that staff send"),
    Scope("read_customer_merge", "two accounts that become one"),
    Scope("read_all_orders", "orders older than 60 days"),
    Scope("read_discounts", "codes made in the store"),
    Scope("write_discounts", "codes made in the store"),
)
