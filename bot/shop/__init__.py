"""The way to the store: canonical shop events out of what shops send, and discount codes into the shop."""
