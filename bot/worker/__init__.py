"""Moves the work: from the inbox through the flows to the outbox, and from there to the customer."""
