"""The texts of the flows in other languages."""
