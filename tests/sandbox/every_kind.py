"""One message of every kind that WhatsApp draws, sent to a customer and by them, as any client sends them."""

from collections.abc import Awaitable, Callable
from typing import Any

Json = dict[str, Any]
Post = Callable[[str, Json], Awaitable[Json]]
"""Posts JSON under `/{number}` or `/{account}`: a path such as `messages`, and the body."""

HOSTILE = "<img src=x onerror=alert(1)> \"'&{{7*7}} *<b>x</b>* javascript:alert(1)"


def text(body: str, **more: Any) -> Json:
    """A text."""
    return {"type": "text", "text": {"body": body, **more}}


def interactive(kind: str, action: Json, body: str = "", **more: Any) -> Json:
    """An interactive message."""
    words = {"body": {"text": body}} if body else {}
    return {"type": "interactive", "interactive": {"type": kind, "action": action, **words, **more}}


def replies(*titles: str) -> Json:
    """Reply buttons."""
    return {"buttons": [{"type": "reply", "reply": {"id": f"b-{title}", "title": title}} for title in titles]}


def template(name: str, *components: Json) -> Json:
    """A message made from a template."""
    return {"type": "template", "template": {"name": name, "language": {"code": "en"}, "components": list(components)}}


def button(kind: str, index: int, parameter: Json) -> Json:
    """What a message says about one button of its template."""
    return {"type": "button", "sub_type": kind, "index": str(index), "parameters": [parameter]}


def header(kind: str, **part: str) -> Json:
    """What a message says about the header of its template."""
    return {"type": "header", "parameters": [{"type": kind, kind: part}]}


def link_card(link: str, number: int) -> Json:
    """A card of an interactive carousel."""
    return {
        "card_index": number,
        "type": "cta_url",
        "header": {"type": "image", "image": {"link": link}},
        "body": {"text": f"Card *{number + 1}*"},
        "action": {"name": "cta_url", "parameters": {"display_text": "Look", "url": "https://shop.example/card"}},
    }


def templates() -> list[Json]:
    """The templates that the messages are made from."""
    example = {"header_handle": ["4::aW"]}
    picture = {"type": "HEADER", "format": "IMAGE", "example": example}
    look = {"type": "URL", "text": "Look", "url": "https://shop.example/p/{{1}}", "example": ["https://shop.example/p/1"]}
    card = [picture, {"type": "BODY", "text": "Freshly roasted."}, {"type": "BUTTONS", "buttons": [look]}]

    def made(name: str, *components: Json, category: str = "MARKETING") -> Json:
        return {"name": name, "language": "en", "category": category, "components": list(components)}

    return [
        made(
            "with_picture",
            picture,
            {"type": "BODY", "text": "Your cart *waits* for you."},
            {"type": "FOOTER", "text": "Reply STOP to opt out"},
            {
                "type": "BUTTONS",
                "buttons": [
                    {"type": "QUICK_REPLY", "text": "Too expensive"},
                    {"type": "QUICK_REPLY", "text": "Stop promotions"},
                    {"type": "COPY_CODE", "example": "SAVE20"},
                    look | {"text": "Back to the cart"},
                    {"type": "PHONE_NUMBER", "text": "Call us", "phone_number": "+34911000000"},
                ],
            },
        ),
        made("with_video", {"type": "HEADER", "format": "VIDEO", "example": example}, {"type": "BODY", "text": "How we roast."}),
        made(
            "with_document",
            {"type": "HEADER", "format": "DOCUMENT", "example": example},
            {"type": "BODY", "text": "Your invoice."},
            category="UTILITY",
        ),
        made(
            "with_offer",
            picture,
            {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Expiring offer!", "has_expiration": True}},
            {"type": "BODY", "text": "Only until tonight."},
            {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE", "example": "CARIBE25"}, look | {"text": "Shop now"}]},
        ),
        made(
            "with_cards",
            {"type": "BODY", "text": "Three for the weekend:"},
            {"type": "CAROUSEL", "cards": [{"components": card}, {"components": card}, {"components": card}]},
        ),
    ]


def of_the_business(files: dict[str, str], link: str, ends_ms: int, customer_message: str) -> list[Json]:
    """Every kind a business sends. `files`: ids of uploaded files by kind; `link`: a file elsewhere."""
    rows = [{"id": f"r{number}", "title": f"Size {number}", "description": "For a careful cup"} for number in range(3)]
    wares = [{"product_retailer_id": one} for one in ("p-moka", "p-grinder", "unknown-sku")]
    one_card: Json = {"components": [header("image", link=link), button("url", 0, {"type": "text", "text": "p1"})]}
    cards = [one_card | {"card_index": number} for number in range(3)]
    return [
        text("*Bold*, _italic_, ~struck~ and ```mono```: https://shop.example/a?b=1&c=2"),
        text("Look at https://shop.example/moka-pot", preview_url=True),
        text(HOSTILE),
        text("As an answer to you") | {"context": {"message_id": customer_message}},
        interactive("button", replies("Show my cart", "Talk to a person", "Not now"), "How can we help?", footer={"text": "Casa Bonita"}),
        interactive(
            "button",
            replies("Yes", "No"),
            "Is it this one?",
            header={"type": "image", "image": {"id": files["image"]}},
        ),
        interactive(
            "list",
            {"button": "Choose a size", "sections": [{"title": "Small", "rows": rows[:1]}, {"title": "Large", "rows": rows[1:]}]},
            "Which size?",
            header={"type": "text", "text": "Sizes"},
        ),
        interactive("cta_url", {"name": "cta_url", "parameters": {"display_text": "Visit", "url": "https://shop.example"}}, "The shop"),
        {"type": "image", "image": {"id": files["image"], "caption": "Your moka pot"}},
        {"type": "image", "image": {"link": link, "caption": "From elsewhere"}},
        {"type": "video", "video": {"link": link.replace(".jpg", ".mp4")}},
        {"type": "audio", "audio": {"id": files["audio"]}},
        {"type": "audio", "audio": {"id": files["audio"], "voice": True}},
        {"type": "document", "document": {"id": files["document"], "filename": "invoice 2026-11.pdf", "caption": "Thank you!"}},
        {"type": "document", "document": {"link": link.replace(".jpg", ".pdf"), "filename": "terms.pdf"}},
        {"type": "sticker", "sticker": {"id": files["sticker"]}},
        {
            "type": "location",
            "location": {"latitude": 40.4168, "longitude": -3.7038, "name": "Casa Bonita", "address": "Calle Mayor 1, Madrid"},
        },
        {
            "type": "contacts",
            "contacts": [
                {
                    "name": {"formatted_name": "Sam from Casa Bonita"},
                    "org": {"company": "Casa Bonita"},
                    "phones": [{"phone": "+34911000000"}],
                }
            ],
        },
        interactive("product", {"catalog_id": "1", "product_retailer_id": "p-moka"}, "Made to last"),
        interactive(
            "product_list",
            {"catalog_id": "1", "sections": [{"title": "For you", "product_items": wares}]},
            "Three we like",
            header={"type": "text", "text": "Our choice"},
        ),
        interactive(
            "catalog_message", {"name": "catalog_message", "parameters": {"thumbnail_product_retailer_id": "p-espresso"}}, "All we have"
        ),
        interactive("location_request_message", {"name": "send_location"}, "Where shall we bring it?"),
        interactive("carousel", {"cards": [link_card(link, number) for number in range(3)]}, "Cards"),
        template(
            "with_picture",
            header("image", link=link),
            button("quick_reply", 0, {"type": "payload", "payload": "dear"}),
            button("copy_code", 2, {"type": "coupon_code", "coupon_code": "SAVE20"}),
            button("url", 3, {"type": "text", "text": "42"}),
        ),
        template("with_video", header("video", link=link)),
        template("with_document", header("document", id=files["document"], filename="invoice.pdf")),
        template(
            "with_offer",
            header("image", id=files["image"]),
            {
                "type": "limited_time_offer",
                "parameters": [{"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": ends_ms}}],
            },
            button("copy_code", 0, {"type": "coupon_code", "coupon_code": "CARIBE25"}),
            button("url", 1, {"type": "text", "text": "offer"}),
        ),
        template("with_cards", {"type": "carousel", "cards": cards}),
    ]
