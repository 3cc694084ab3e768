"""A whole database into another one, of either kind: `moving.py` says in which order, and why nothing can be sent twice on the way."""
