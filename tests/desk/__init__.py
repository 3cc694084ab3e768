"""The room `desk`: what staff can do."""
