"""However a person says that they want no more: it holds, at once and for good, and is confirmed once."""

from dataclasses import replace

import pytest

from bot.policy.decision import Consent
from bot.sandbox.shop.catalog import SHOPPERS, Shopper

from .walk import Walk

ANA = SHOPPERS[0]
WORDS = ("STOP", "Stop!!", "baja", "stop please 🙏", "parar", "Arrêter.", "отписаться", "退订", "إلغاء الاشتراك", "ＳＴＯＰ")
CONFIRMED = {
    "en": "Done: we will not send you offers any more. You can still write to us here whenever you like. "
    "Should you want our offers back one day, write START.",
    "es": "Hecho: no te enviaremos más ofertas. Puedes seguir escribiéndonos aquí cuando quieras. "
    "Si algún día quieres volver a recibirlas, escribe ALTA.",
    "pt": "Pronto: não vamos mais enviar ofertas. Você pode continuar escrevendo para nós aqui quando quiser. "
    "Se um dia quiser recebê-las de novo, escreva REATIVAR.",
}


def _person(number: int) -> Shopper:
    locale = ("es-ES", "en-GB", "pt-BR", "fr-FR")[number % 4]
    digits = f"{number:02d}"
    return replace(
        ANA,
        key=f"s{digits}",
        customer_key=f"c-9{digits}",
        first_name="Sol",
        phone=f"+346001000{digits}",
        email=f"s{digits}@example.com",
        locale=locale,
    )


def _language(shopper: Shopper) -> str:
    language = shopper.locale.partition("-")[0]
    return language if language in CONFIRMED else "en"


async def test_a_stop_word_in_any_language_ends_marketing_and_is_confirmed_once(walk: Walk) -> None:
    people = [_person(number) for number in range(len(WORDS))]
    for person in people:
        walk.settle_in(person)
        walk.stage.shop.add(person.key, "p-grinder")
    await walk.rest()
    await walk.turn(hours=1, minutes=1)
    for person, word in zip(people, WORDS, strict=True):
        assert len(walk.got(person.key)) == 1, person
        walk.stage.cloud.receive_from(person.phone, word)
    await walk.rest()
    for person, word in zip(people, WORDS, strict=True):
        assert walk.got(person.key)[1:] == [CONFIRMED[_language(person)]], word
        assert await walk.consent(person.key) is Consent.WITHDRAWN
        walk.stage.cloud.receive_from(person.phone, word)  # again: it is known already, and nothing is said
    await walk.turn(days=3)
    for person in people:
        walk.stage.shop.add(person.key, "p-grinder")
    await walk.turn(days=20)
    for person, word in zip(people, WORDS, strict=True):
        assert len(walk.got(person.key)) == 2, word
    proofs = walk.rows("select method, text from consent_record where state = 'withdrawn' and contact = ?", (await walk.contact("s00")).id)
    assert {proof["method"] for proof in proofs} == {"word"}


async def test_a_stop_button_weeks_old_still_works(walk: Walk) -> None:
    await walk.leave_cart("ana")
    await walk.turn(hours=1, minutes=1)
    reminder = walk.phone_of("ana")[0]
    await walk.press("ana", "Tengo una pregunta")
    await walk.staff.take(walk.phone("ana"))
    await walk.staff.hand_back(walk.phone("ana"))
    await walk.turn(days=30)
    before = walk.got("ana")
    await walk.press("ana", "No más mensajes", reminder.id)
    assert walk.got("ana")[len(before) :] == [CONFIRMED["es"]]
    assert await walk.consent("ana") is Consent.WITHDRAWN
    await walk.leave_cart("ana", ("p-espresso", 3))
    await walk.turn(days=3)
    assert len(walk.got("ana")) == len(before) + 1
    assert "the person stopped marketing messages" in await walk.reasons("ana")


@pytest.mark.parametrize("way", ["word", "button", "platform", "shop"])
async def test_a_stop_at_night_takes_back_what_is_queued_for_the_morning(walk: Walk, way: str) -> None:
    await walk.turn(hours=11, minutes=30)
    await walk.buy("ana", ("p-huila", 1))  # used up on a night in 25 days
    await walk.turn(days=20)
    await walk.leave_cart("ana", ("p-moka", 1))
    await walk.turn(days=1)
    await walk.press("ana", "Tengo una pregunta")
    await walk.staff.hand_back(walk.phone("ana"))
    walk.stage.shop.empty("ana")  # beside an open cart nobody is asked about coffee
    await walk.turn(days=4, minutes=10)
    walk.new("ana")
    assert walk.rows("select state, why from outbox where state <> 'sent'") == [{"state": "queued", "why": "quiet_hours"}]
    match way:
        case "word":
            await walk.write("ana", "baja")
        case "button":
            await walk.press("ana", "No más mensajes")
        case "platform":
            await walk.switch("ana", "stop")
        case _:
            walk.stage.shop.consent("ana", "whatsapp", "withdrawn")
            await walk.rest()
    assert walk.new("ana") == ([CONFIRMED["es"]] if way in ("word", "button") else [])
    stopped = {"state": "cancelled", "why": "the person stopped marketing messages"}
    assert walk.rows("select state, why from outbox where state <> 'sent'") == [stopped]
    assert await walk.consent("ana") is Consent.WITHDRAWN
    assert walk.count("select count(*) from run where state <> 'ended'") == 0
    await walk.turn(days=10)
    assert walk.new("ana") == []


async def test_whatsapps_own_switch_brings_the_offers_back(walk: Walk) -> None:
    await walk.switch("ana", "stop")
    assert await walk.consent("ana") is Consent.WITHDRAWN
    await walk.turn(minutes=1)
    await walk.switch("ana", "resume")
    assert await walk.consent("ana") is Consent.GRANTED
    await walk.leave_cart("ana")
    await walk.turn(hours=2)
    assert len(walk.got("ana")) == 1


async def test_a_checkbox_in_the_shop_never_undoes_a_stop_in_the_chat_but_the_person_does(walk: Walk) -> None:
    await walk.buy("ana", ("p-moka", 1))
    await walk.write("ana", "baja")
    walk.stage.shop.consent("ana", "whatsapp", "granted")
    await walk.turn(days=1)
    assert await walk.consent("ana") is Consent.WITHDRAWN

    await walk.write("ana", "hola")
    await walk.press("ana", "¿Y mi pedido?")
    await walk.press("ana", "No, gracias")
    question = walk.last("ana")
    assert "ofertas" in question
    await walk.press("ana", "Sí, por favor")
    assert await walk.consent("ana") is Consent.GRANTED
    proof = walk.rows("select * from consent_record order by id desc limit 1")[0]
    assert (proof["method"], proof["state"], proof["text"]) == ("flow", "granted", question)
    await walk.leave_cart("ana")
    await walk.turn(days=1)
    assert "te has dejado algo" in walk.last("ana")
