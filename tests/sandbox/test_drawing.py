"""Every kind of message the Cloud API takes, drawn; and what it refuses, with its code."""

from typing import Any

import pytest

from bot.sandbox.cloud.bubble import ButtonKind, GoodsKind, MediaKind
from bot.sandbox.cloud.drawing import draw
from bot.sandbox.cloud.graph_error import GraphError

from .every_kind import interactive, link_card, of_the_business, replies, text

LINK = {"link": "https://cdn.example/1.jpg"}


def rows(count: int, **more: Any) -> dict[str, Any]:
    return {"button": "Choose", "sections": [{"rows": [{"id": f"r{at}", "title": f"Row {at}"} for at in range(count)], **more}]}


def test_every_kind_of_message_is_drawn() -> None:
    files = dict.fromkeys(("image", "audio", "document", "sticker"), "123")
    drawn = [draw(one) for one in of_the_business(files, LINK["link"], 1, "wamid.1") if one["type"] != "template"]
    assert {one.media.kind for one in drawn if one.media} == set(MediaKind)
    assert {one.goods.kind for one in drawn if one.goods} == {GoodsKind.PRODUCT, GoodsKind.LIST, GoodsKind.CATALOG}
    kinds = {button.kind for one in drawn for button in one.all_buttons()}
    assert kinds == {ButtonKind.REPLY, ButtonKind.ROW, ButtonKind.LINK, ButtonKind.GOODS, ButtonKind.PLACE}
    assert sum(bool(one.place) + bool(one.contacts) + bool(one.cards) + bool(one.preview) for one in drawn) == 4


def test_rows_know_their_section() -> None:
    sections = [{"title": "A", "rows": [{"id": "1", "title": "One"}]}, {"title": "B", "rows": [{"id": "2", "title": "Two"}]}]
    made = draw(interactive("list", {"button": "Choose", "sections": sections}, "x"))
    assert [(one.title, one.section) for one in made.buttons] == [("One", "A"), ("Two", "B")]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (text(""), 131008),
        (text("x" * 4097), 131009),
        ({"type": "poll"}, 131051),
        ({"type": "image"}, 131008),
        ({"type": "image", "image": {}}, 131008),
        ({"type": "image", "image": {"id": "1", **LINK}}, 131008),
        ({"type": "image", "image": {"link": "javascript:alert(1)"}}, 131009),
        ({"type": "image", "image": LINK | {"caption": "x" * 1025}}, 131009),
        ({"type": "audio", "audio": LINK | {"caption": "words"}}, 131009),
        ({"type": "location", "location": {"latitude": 1}}, 131008),
        ({"type": "location", "location": {"latitude": 91, "longitude": 0}}, 131009),
        ({"type": "location", "location": {"latitude": "nan", "longitude": 0}}, 131009),
        ({"type": "contacts", "contacts": []}, 131008),
        ({"type": "contacts", "contacts": [{"name": {}}]}, 131008),
        (interactive("dance", {}, "x"), 131009),
        (interactive("button", replies("A", "B", "C", "D"), "x"), 131009),
        (interactive("button", replies("A", "A"), "x"), 131009),
        (interactive("button", replies("A" * 21), "x"), 131009),
        (interactive("button", replies("A"), ""), 131008),
        (interactive("button", replies("A"), "x" * 1025), 131009),
        (interactive("button", replies("A"), "x", footer={"text": "x" * 61}), 131009),
        (interactive("button", replies("A"), "x", header={"type": "image", "image": {}}), 131008),
        (interactive("list", rows(11), "x"), 131009),
        (interactive("list", rows(0), "x"), 131009),
        (interactive("list", rows(1, title="x" * 25), "x"), 131009),
        (interactive("list", {"button": "Choose", "sections": rows(1)["sections"] * 2}, "x"), 131008),
        (interactive("cta_url", {"parameters": {"display_text": "Go", "url": "ftp://x"}}, "x"), 131009),
        (interactive("product", {"catalog_id": "1"}), 131008),
        (interactive("carousel", {"cards": [link_card(LINK["link"], 0)]}, "x"), 131009),
        (interactive("carousel", {"cards": [{"type": "carousel"}] * 2}, "x"), 131009),
    ],
)
def test_what_the_api_refuses_is_refused_with_its_code(message: dict[str, Any], code: int) -> None:
    with pytest.raises(GraphError) as refused:
        draw(message)
    assert refused.value.code == code
