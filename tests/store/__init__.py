"""The room `store`: every step on a real SQLite file."""
