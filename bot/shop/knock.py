"""A delivery with nothing in it that we sign ourselves, as a shop would: whether an address leads to our door, and the secret fits.

The door answers it like any other and keeps nothing of it.
"""

import base64
import hmac
from datetime import datetime

from bot.shop import bigcommerce, plain, shopify, signature, woocommerce

BODY = b'{"comeback":"knock"}'


def headers(platform: str, secret: str, domain: str | None, now: datetime) -> dict[str, str] | None:
    """The headers of a knock `now` (UTC) at a shop's door; None for platforms that do not sign bodies in a way known here."""
    digest = hmac.digest(secret.encode(), BODY, "sha256")
    match platform:
        case shopify.PLATFORM:
            of_domain = {"X-Shopify-Shop-Domain": domain} if domain else {}
            return {"X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(), **of_domain}
        case woocommerce.PLATFORM:
            return {"X-WC-Webhook-Signature": base64.b64encode(digest).decode()}
        case bigcommerce.PLATFORM:
            return signature.sign_with("knock", now, BODY, secret.encode())
        case plain.PLATFORM:
            return signature.sign("knock", now, BODY, secret)
    return None


def secret_like(platform: str, random: bytes) -> str:
    """A secret of a platform's shape out of 24 to 64 random bytes."""
    written = base64.b64encode(random).decode()
    return f"whsec_{written}" if platform == plain.PLATFORM else written
