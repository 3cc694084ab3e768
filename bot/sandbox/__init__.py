"""A WhatsApp Cloud API, a small shop and a store on this machine, to try everything without an account. Known to the rest by HTTP alone.

    cloud   the Cloud API: what Meta takes, answers, keeps to and tells
    pages   a phone for each customer, beside the demo's shop and desk, or beside the Cloud API alone
    shop    a small shop with a storefront; and a store with a year behind it, by the interfaces of Shopify, WooCommerce and BigCommerce
"""
