"""A campaign and live conversations at once, within WhatsApp's limits: watched from outside."""
