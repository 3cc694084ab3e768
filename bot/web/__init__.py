"""The door: signed webhooks in, health out."""
