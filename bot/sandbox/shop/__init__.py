"""A small shop on this machine: its products, its carts and orders, and its storefront."""
