"""A small shop on this machine, and a store as Shopify, WooCommerce and BigCommerce have them.

    shop  catalog  storefront           the small shop: its products, carts and orders, its pages, its own signed events
    way_back                            the page behind the link of a checkout that was left at the store
    books  year                         what a store knows, and a year of it made up of a seed
    store_api                           the store by all interfaces; `fault` and `store_control` break and lead it
    admin_* (and admin.graphql)         Shopify's Admin GraphQL: the door, fields, lists, searches, costs, changes
    woo_*  big_*                        WooCommerce's and BigCommerce's REST: the door, and bodies
    shopify_teller  woo_teller  big_teller  their webhooks, which `courier` carries
"""
