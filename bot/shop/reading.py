"""What happened in a shop, of a row that the door kept: each platform reads its own."""

from collections.abc import Mapping
from types import MappingProxyType

from bot.shop import bigcommerce, plain, shopify, woocommerce
from bot.shop.delivery import Reader, unpack
from bot.shop.event import ShopEvent
from bot.shop.event import Unreadable as Unreadable  # `read` raises it: callers find it here

_READERS: Mapping[str, Reader] = MappingProxyType(
    {shopify.PLATFORM: shopify.read, woocommerce.PLATFORM: woocommerce.read, bigcommerce.PLATFORM: bigcommerce.read}
)


def read(kind: str, body: bytes) -> ShopEvent:
    """The event behind a row's kind (`shopify:orders/create`; `order.created` of the generic contract) and body. Raises Unreadable."""
    platform, separator, topic = kind.partition(":")
    reader = _READERS.get(platform) if separator else None
    if reader is None:
        return plain.read(kind, body)
    return reader(*unpack(topic, body))
