"""Staff block somebody: nobody answers, nothing is sent, until the block is lifted; the opt-out stays."""

from bot.policy.decision import Consent

from .walk import Walk


async def _blocks(walk: Walk, who: str) -> None:
    await walk.staff.block(walk.phone(who))
    await walk.rest()


async def test_whoever_is_blocked_is_neither_answered_nor_sent_anything(walk: Walk) -> None:
    await walk.leave_cart("ana")
    await walk.turn(hours=1, minutes=1)
    await _blocks(walk, "ana")
    before = walk.got("ana")
    assert await walk.consent("ana") is Consent.WITHDRAWN
    await walk.write("ana", "hola?")
    await walk.press("ana", "Tengo una pregunta")
    await walk.leave_cart("ana", ("p-moka", 1))
    await walk.turn(days=3)
    assert walk.got("ana") == before
    assert await walk.waiting() == []
    assert walk.count("select count(*) from run where state <> 'ended'") == 0
    assert "wrote although staff blocked them" in await walk.reasons("ana")
    proof = walk.rows("select method, state from consent_record where method <> 'shop'")
    assert proof == [{"method": "block", "state": "withdrawn"}]


async def test_a_lifted_block_brings_the_answers_back_but_no_offers(walk: Walk) -> None:
    await walk.buy("ana", ("p-moka", 1))
    await walk.write("ana", "hola")
    await _blocks(walk, "ana")
    await walk.staff.hand_back(walk.phone("ana"))
    await walk.rest()
    before = len(walk.got("ana"))
    await walk.turn(days=1)
    await walk.write("ana", "hola otra vez")
    assert len(walk.got("ana")) > before
    assert await walk.consent("ana") is Consent.WITHDRAWN
    await walk.write("ana", "alta")  # only their own word brings those back
    assert await walk.consent("ana") is Consent.GRANTED
