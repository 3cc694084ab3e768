"""pywa, as the house uses it, can talk to the sandbox."""

import httpx
from pywa_async.client import WhatsApp
from pywa_async.types.templates import BodyText, QuickReplyButton, TemplateLanguage, URLButton

from .house import ANA, CART_REMINDER, House


async def test_pywa_sends_a_text_and_a_template(home: House) -> None:
    await home.create(CART_REMINDER)
    home.cloud.receive_from(ANA, "hola")
    async with httpx.AsyncClient() as session:
        wa = WhatsApp(phone_id=home.cloud.number.id, token=home.cloud.token, session=session)
        wa.api._session.base_url = httpx.URL(home.graph)
        text = await wa.send_message(ANA, "¿En qué puedo ayudar?", tracker="ob:1")
        template = await wa.send_template(
            ANA,
            "cart_reminder",
            TemplateLanguage.SPANISH,
            [
                BodyText.params(name="Ana", item="café"),
                URLButton.params(url_variable="ch-1", index=0),
                QuickReplyButton.params(callback_data="dear", index=1),
            ],
            tracker="ob:2",
        )
    assert [one.wamid for one in home.cloud.accepted] == [text.id, template.id]
    assert [one.key for one in home.cloud.accepted] == ["ob:1", "ob:2"]
    assert [one.drawing.body for one in home.cloud.thread(ANA)][1:] == [
        "¿En qué puedo ayudar?",
        "Hola Ana, tu café sigue en la cesta.",
    ]
