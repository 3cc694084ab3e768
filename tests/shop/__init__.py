"""The room `shop`: signatures, the generic contract, discount codes."""
