"""What customers do with their phones, as the business is told of it: Meta's JSON of each act."""

from typing import Any

import pytest

from bot.sandbox.cloud.bubble import Tick
from bot.sandbox.pages.phone_view import EMOJI
from bot.sandbox.pages.phones import ADVERT, SHOWN, own_file

from .house import ANA, House
from .seen import act, look


async def told(home: House) -> list[dict[str, Any]]:
    await home.sandbox.idle()
    return home.receiver.values("messages")


@pytest.mark.parametrize(
    ("what", "kind", "file", "expected"),
    [
        ("cup", "image", "cup.jpg", {"mime_type": "image/jpeg"}),
        ("voice", "audio", "voice.ogg", {"mime_type": "audio/ogg; codecs=opus", "voice": True}),
        ("receipt", "document", "receipt.pdf", {"mime_type": "application/pdf", "filename": "receipt.pdf"}),
        ("sticker", "sticker", "sticker.webp", {"mime_type": "image/webp", "animated": False}),
    ],
)
async def test_a_file_is_sent_and_can_be_fetched_by_the_business(
    home: House, what: str, kind: str, file: str, expected: dict[str, Any]
) -> None:
    assert await act(home, "attach", who="ana", what=what) == 204
    message = (await told(home))[0]
    assert message["type"] == kind
    assert message[kind].items() >= expected.items()
    status, found = await home.call("GET", f"/{message[kind]['id']}")
    assert status == 200
    async with home.http.get(found["url"], headers={"Authorization": f"Bearer {home.cloud.token}"}) as answer:
        assert await answer.read() == own_file(file)


async def test_a_place_a_contact_and_an_ad_are_told_as_meta_tells_them(home: House) -> None:
    await act(home, "attach", who="ana", what="place")
    await act(home, "attach", who="ana", what="contact")
    await act(home, "advert", who="ana")
    place, contact, advert = await told(home)
    assert place["location"]["latitude"] == pytest.approx(40.4233)
    assert contact["contacts"][0]["phones"] == [{"phone": "+34 600 000 099", "wa_id": "34600000099", "type": "CELL"}]
    assert advert["referral"]["headline"] == ADVERT.headline
    assert advert["referral"]["ctwa_clid"].startswith("Aff-")
    assert advert["text"]["body"]


async def test_an_order_holds_what_was_chosen_at_the_catalogs_prices(home: House) -> None:
    await act(home, "say", who="ana", text="hola")
    wares = [{"product_retailer_id": one} for one in ("p-moka", "CB-GRI-1", "nobody-knows")]
    action = {"catalog_id": "1", "sections": [{"title": "All", "product_items": wares}]}
    body = {"header": {"type": "text", "text": "Ours"}, "body": {"text": "Here"}}
    status, answer = await home.send(type="interactive", interactive={"type": "product_list", "action": action, **body})
    assert status == 200, answer
    message = home.cloud.thread(ANA)[-1].id
    assert await act(home, "buy_here", who="ana", message=message, **{"pieces-p-moka": "0", "pieces-nobody-knows": "2"}) == 422
    assert await act(home, "buy_here", who="ana", message=message, **{"pieces-p-moka": "2", "pieces-CB-GRI-1": "1"}) == 204
    order = (await told(home))[-1]["order"]
    assert [(one["product_retailer_id"], one["quantity"], one["item_price"]) for one in order["product_items"]] == [
        ("p-moka", 2, 32.0),
        ("p-grinder", 1, 59.0),
    ]
    assert "3 items" in (await look(home)).at("messages").text


async def test_a_message_can_be_reacted_to_answered_edited_and_deleted(home: House) -> None:
    await act(home, "say", who="ana", text="one")
    mine = home.cloud.thread(ANA)[0]
    await act(home, "message", who="ana", message=mine.id, do=EMOJI[0])
    assert mine.reactions == {True: EMOJI[0]}
    await act(home, "message", who="ana", message=mine.id, do=EMOJI[0])
    assert mine.reactions == {}
    await act(home, "message", who="ana", message=mine.id, do="reply")
    assert "Reply to yourself one" in (await look(home)).at("composing").text
    await act(home, "say", who="ana", text="two")
    await act(home, "message", who="ana", message=mine.id, do="edit")
    await act(home, "say", who="ana", text="uno")
    await act(home, "message", who="ana", message=mine.id, do="delete")
    messages = await told(home)
    assert [one["type"] for one in messages] == ["text", "reaction", "reaction", "text", "edit", "revoke"]
    assert messages[1]["reaction"] == {"message_id": mine.id, "emoji": EMOJI[0]}
    assert messages[2]["reaction"] == {"message_id": mine.id}
    assert messages[3]["context"]["id"] == mine.id
    assert messages[4]["edit"]["message"]["text"] == {"body": "uno"}
    assert messages[5]["revoke"] == {"original_message_id": mine.id}
    assert "You deleted this message" in (await look(home)).at(f"m-{mine.id}-deleted").text
    assert await act(home, "message", who="ana", message=mine.id, do="reply") == 422


async def test_an_answer_that_is_begun_can_be_forgotten(home: House) -> None:
    await act(home, "say", who="ana", text="one")
    await act(home, "message", who="ana", message=home.cloud.thread(ANA)[0].id, do="reply")
    await act(home, "message", who="ana", message="", do="forget")
    assert (await look(home)).at("composing").text == ""
    await act(home, "say", who="ana", text="two")
    assert "context" not in (await told(home))[-1]


@pytest.mark.parametrize("do", ["edit", "delete", "explode"])
async def test_what_the_business_wrote_is_not_the_customers_to_change(home: House, do: str) -> None:
    await act(home, "say", who="ana", text="hola")
    await home.send()
    assert await act(home, "message", who="ana", message=home.cloud.thread(ANA)[-1].id, do=do) == 422


async def test_who_blocks_the_business_gets_nothing_until_they_unblock_it(home: House) -> None:
    await act(home, "say", who="ana", text="hola")
    await act(home, "block", who="ana", value="block")
    await home.send()
    await home.sandbox.idle()
    assert home.cloud.thread(ANA)[-1].tick not in (Tick.DELIVERED, Tick.READ)
    assert "blocked" in (await look(home)).at("head").text
    await act(home, "block", who="ana", value="unblock")
    await home.send()
    await home.sandbox.idle()
    assert home.cloud.thread(ANA)[-1].tick is Tick.DELIVERED


async def test_who_moves_to_another_number_takes_their_chat_along(home: House) -> None:
    await act(home, "say", who="ana", text="hola")
    assert await act(home, "move", who="ana", phone="+34 600 000 077") == 204
    await act(home, "say", who="ana", text="still me")
    system, words = (await told(home))[1:]
    assert system["system"]["type"] == "user_changed_number"
    assert system["system"]["wa_id"] == "34600000077"
    assert words["from"] == "34600000077"
    assert "hola" in (await look(home)).at("messages").text
    assert await act(home, "move", who="ana", phone="not a number") == 422


async def test_a_file_from_elsewhere_is_not_loaded_and_a_sent_one_can_do_nothing(home: House) -> None:
    await act(home, "say", who="ana", text="hola")
    await home.send(type="image", image={"link": "https://cdn.example/a.jpg?x=%22%3E"})
    evil = home.cloud.media.receive(b"<script>alert(1)</script>", "text/html", "evil.html")
    await home.send(type="document", document={"id": evil.id})
    seen = await look(home)
    assert [node.text for node in seen.of("elsewhere")] == ["Image at cdn.example"]
    async with home.http.get(f"{home.url}/file/{evil.id}") as answer:
        assert answer.content_type == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == "attachment"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    async with home.http.get(f"{home.url}/file/12345") as answer:
        assert answer.status == 404


async def test_a_long_chat_shows_its_newest_messages_and_how_many_are_older(home: House) -> None:
    for number in range(SHOWN + 3):
        home.cloud.receive_from(ANA, f"message {number}")
    words = [node.text for node in (await look(home)).of("words")]
    assert (len(words), words[0], words[-1]) == (SHOWN, "message 3", f"message {SHOWN + 2}")
    assert (await look(home)).at("older").text == "3 older messages"


async def test_the_shops_own_pictures_are_drawn_though_they_were_sent_as_links(home: House) -> None:
    await act(home, "say", who="ana", text="hola")
    for link in ("https://casa-bonita.example/pictures/your-cart.jpg", f"{home.url}/art/p-moka.svg"):
        await home.send(type="image", image={"link": link})
    strange = "https://casa-bonita.example/pictures/..%2f..%2fx.jpg"
    for link in (strange, f"{home.url}.evil.example/a.jpg", f"{home.url}//evil.example/a.svg"):
        await home.send(type="image", image={"link": link})
    seen = await look(home)
    assert [node.attributes["src"] for node in seen.of("picture")] == ["/art/your-cart.svg", "/art/p-moka.svg"]
    assert len(seen.of("elsewhere")) == 3
