"""The memory. No other room knows SQL: what the house does is a whole step here, and each step is one transaction."""
