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

_OF_THE_LAW = frozenset({f"{shopify.PLATFORM}:{topic}" for topic in shopify.PRIVACY_TOPICS} | plain.PRIVACY_KINDS)
_OF_THE_APP = frozenset({f"{shopify.PLATFORM}:app/uninstalled", f"{bigcommerce.PLATFORM}:store/app/uninstalled", "store.uninstalled"})


def is_ask(kind: str) -> bool:
    """Whether a row of this kind asks for what the law grants, or says that the shop took us out: nobody is made of the names in it."""
    return kind in _OF_THE_LAW or kind in _OF_THE_APP


def read(kind: str, body: bytes) -> ShopEvent:
    """The event behind a row's kind (`shopify:orders/create`; `order.created` of the generic contract) and body. Raises Unreadable."""
    platform, separator, topic = kind.partition(":")
    reader = _READERS.get(platform) if separator else None
    if reader is None:
        return plain.read(kind, body)
    return reader(*unpack(topic, body))
