"""What failures do beyond one message: to people, templates, countries and numbers, over hours and days."""

from datetime import timedelta

from bot.desk.board import board
from bot.sandbox.cloud.fault import CodeFault, Faults
from bot.store import health, outbox

from .post import Post
from .walk import Walk

MADRID, LISBON, PARIS, NICE = "+34600000101", "+351912345678", "+33612345678", "+33612345679"


def meets(walk: Walk, code: int, *, late: bool = False, count: int = 1) -> None:
    """The next messages meet an error."""
    walk.stage.cloud.faults = Faults(code=CodeFault(code, late=late, count=count))


def posts(walk: Walk) -> int:
    """How many messages were posted to Meta."""
    return len(walk.stage.cloud.attempts)


async def test_a_person_is_unreachable_after_three_failures_in_a_row_and_not_before(walk: Walk) -> None:
    post = Post(walk)
    ana, template = await post.person(MADRID), await post.approve("news")
    for code in (131026, 131026, 0, 131026, 131026, 131026):
        assert not (await walk.contact(MADRID)).unreachable
        walk.stage.cloud.faults = Faults()
        if code:
            meets(walk, code, late=code % 2 == 0)
        await post.queue(ana, template)
        await post.tried(ana)
        await walk.turn(days=8)
    assert (await walk.contact(MADRID)).unreachable
    before = posts(walk)
    await post.queue(ana, template)
    await walk.rest()
    assert (posts(walk), post.states(ana)[-1]) == (before, "cancelled")


async def test_a_paused_template_holds_its_messages_and_none_is_burnt(walk: Walk) -> None:
    post = Post(walk)
    people = [await post.person(f"+3460000020{nth}") for nth in range(8)]
    template = await post.approve("paused_one")
    walk.stage.cloud.book.by_key["paused_one", "en"].status = "PAUSED"  # and nobody told us
    await post.queue(people[0], template)
    await post.tried(people[0])
    burnt = posts(walk)
    for person in people[1:]:
        await post.queue(person, template)
    await walk.turn(hours=2)
    assert {state for person in people for state in post.states(person)} == {"queued"}
    assert posts(walk) == burnt == 1
    walk.stage.cloud.review("paused_one", "en", "APPROVED")
    await walk.rest()
    assert {state for person in people for state in post.states(person)} == {"sent delivered"}


async def test_a_message_waits_for_its_template_no_longer_than_it_is_worth(walk: Walk) -> None:
    post = Post(walk)
    ana, template = await post.person(MADRID), await post.approve("slow")
    walk.stage.cloud.book.by_key["slow", "en"].status = "PAUSED"
    await post.queue(ana, template, worth=timedelta(hours=3))
    await post.tried(ana)
    await walk.turn(hours=4)
    assert (post.states(ana), posts(walk)) == (["cancelled"], 1)
    assert "WhatsApp paused the template" in await walk.reasons(MADRID)


async def test_a_disabled_template_takes_its_messages_with_it_and_no_others(walk: Walk) -> None:
    post = Post(walk)
    people = [await post.person(f"+3460000030{nth}") for nth in range(3)]
    bad, good = await post.approve("bad"), await post.approve("good")
    meets(walk, 132007)
    await post.queue(people[0], bad)
    await post.tried(people[0])
    await post.queue(people[1], bad)
    await post.queue(people[2], good)
    await post.tried(people[2])
    assert [post.states(person) for person in people] == [["refused"], ["cancelled"], ["sent delivered"]]
    await walk.stage.app.store.run(outbox.resume_numbers())
    await post.queue(people[1], bad)
    await post.tried(people[1])
    assert post.states(people[1]) == ["cancelled", "sent delivered"]


async def test_a_closed_country_is_skipped_and_nobody_is_given_up(walk: Walk) -> None:
    post = Post(walk)
    paris, nice, lisbon = [await post.person(phone) for phone in (PARIS, NICE, LISBON)]
    template = await post.approve("tour")
    meets(walk, 130497)
    await post.queue(paris, template)
    await post.tried(paris)
    for person in (nice, lisbon):
        await post.queue(person, template)
    await post.tried(lisbon)
    assert [post.states(person) for person in (paris, nice, lisbon)] == [["refused"], ["cancelled"], ["sent delivered"]]
    assert not (await walk.contact(PARIS)).unreachable
    await walk.stage.app.store.run(outbox.resume_numbers())
    await post.queue(nice, template)
    await post.tried(nice)
    assert post.states(nice) == ["cancelled", "sent delivered"]


async def test_who_gets_enough_marketing_is_left_alone_for_a_day_then_tried_once_more(walk: Walk) -> None:
    post = Post(walk)
    ana, template = await post.person(MADRID), await post.approve("offer")
    meets(walk, 131049, late=True, count=9)
    await post.queue(ana, template)
    await post.tried(ana)
    await walk.turn(hours=23)
    assert (posts(walk), post.states(ana)) == (1, ["queued failed"])
    await walk.turn(hours=8)
    assert (posts(walk), post.states(ana)) == (2, ["sent failed"])
    walk.stage.cloud.faults = Faults()
    await post.queue(ana, template)
    await walk.rest()
    assert post.states(ana)[-1] == "queued", "the pause holds back what comes next"


async def test_what_did_not_arrive_for_the_platforms_cap_counts_in_ours(walk: Walk) -> None:
    post = Post(walk)
    ana, template = await post.person(MADRID), await post.approve("offer")
    for _ in range(3):  # the store's own limit is three a week
        meets(walk, 131049, count=2)
        await post.queue(ana, template, worth=timedelta(days=1, hours=2))
        await walk.turn(days=1, hours=12)
    walk.stage.cloud.faults = Faults()
    before = posts(walk)
    await post.queue(ana, template, worth=timedelta(hours=1))
    await walk.rest()
    assert (posts(walk), post.states(ana)[-1]) == (before, "cancelled")
    assert "as many marketing messages as the store's limits allow" in await walk.reasons(MADRID)


async def test_an_expired_token_loses_nothing_and_a_new_one_starts_everything_again(walk: Walk) -> None:
    post = Post(walk)
    people = [await post.person(f"+3460000040{nth}") for nth in range(5)]
    template = await post.approve("any")
    walk.stage.cloud.faults = Faults(token_expired=True)
    for person in people:
        await post.queue(person, template)
    await walk.turn(minutes=30)
    tried = posts(walk)
    assert tried <= len(people)
    await walk.stage.app.crew.recover()  # what looks every minute
    await walk.turn(hours=1)
    assert {state for person in people for state in post.states(person)} == {"queued"}
    assert posts(walk) == tried, "nothing is posted while the token is known to be wrong"
    walk.stage.cloud.faults = Faults()
    await walk.stage.app.crew.recover()
    for person in people:
        await post.tried(person)
    await walk.turn(minutes=1)
    assert [post.states(person) for person in people] == [["sent delivered"]] * 5


async def test_a_block_ends_by_itself_at_the_time_that_meta_told(walk: Walk) -> None:
    post = Post(walk)
    ana, template = await post.person(MADRID), await post.approve("any")
    number = walk.stage.cloud.number.id
    until = walk.now() + timedelta(hours=5)
    await walk.stage.app.store.run(outbox.stop_number(number, "Meta restricts the account", until=until))
    meets(walk, 368)
    await post.queue(ana, template)
    await walk.turn(hours=4)
    await walk.stage.app.crew.recover()
    await walk.rest()
    assert post.states(ana) == ["queued"]
    await walk.turn(hours=2)
    await walk.stage.app.crew.recover()
    walk.stage.cloud.faults = Faults()
    await post.tried(ana)
    assert post.states(ana) == ["sent delivered"]


async def test_what_is_held_for_its_quality_is_shown_so_and_goes_or_waits_for_its_template(walk: Walk) -> None:
    post = Post(walk)
    ana, ben = await post.person(MADRID), await post.person(LISBON)
    one, other = await post.approve("one"), await post.approve("other")
    walk.stage.cloud.faults = Faults(hold=1.0)
    for person, template in ((ana, one), (ben, other)):
        await post.queue(person, template)
        await post.tried(person)
    assert post.states(ana) == post.states(ben) == ["sent held"]
    walk.stage.cloud.faults = Faults()
    walk.stage.cloud.release()
    await walk.rest()
    assert post.states(ana) == post.states(ben) == ["sent delivered"]


async def test_a_proof_of_arrival_after_a_failure_stops_the_next_try(walk: Walk) -> None:
    post = Post(walk)
    ana, template = await post.person(MADRID), await post.approve("any")
    meets(walk, 131000, late=True)
    await post.queue(ana, template)
    await post.tried(ana)
    assert post.states(ana) == ["queued failed"]
    (bubble,) = [one for one in walk.phone_of(MADRID) if not one.by_customer]
    key = walk.rows("select key from outbox where contact = ?", ana)[0]["key"]
    await tell_status(walk, bubble.id, key, "delivered")
    await walk.turn(hours=1)
    assert (post.states(ana), posts(walk)) == (["sent delivered"], 1)


async def tell_status(walk: Walk, message: str, key: str, status: str) -> None:
    """Meta tells a status out of turn."""
    told = {"id": message, "status": status, "timestamp": str(int(walk.now().timestamp())), "biz_opaque_callback_data": key}
    value = {"messaging_product": "whatsapp", "metadata": walk.stage.cloud.number.metadata(), "statuses": [told]}
    walk.stage.cloud.webhooks.put({"field": "messages", "value": value})
    await walk.rest()




async def test_the_owner_reads_what_is_not_sent_and_what_to_do(walk: Walk) -> None:
    post = Post(walk)
    paris, ana = await post.person(PARIS), await post.person(MADRID)
    for code, person, name in ((132007, paris, "bad"), (132015, ana, "slow"), (130497, paris, "tour"), (131042, ana, "any")):
        meets(walk, code)
        await post.queue(person, await post.approve(name))
        await post.tried(person)
    number = walk.stage.cloud.number.id
    obstacles = await walk.stage.app.store.read(health.obstacles())
    assert obstacles == [
        "template 'bad' in en goes to nobody: the template breaks a content policy (WhatsApp: switched on) (code 132007): "
        "write it anew, or ask for a review",
        "template 'slow' in en is paused by Meta: what is queued of it waits until it is not",
        f"number {number} may write to nobody in FR, says WhatsApp",
    ]
    (stopped,) = (await walk.stage.app.store.read(health.state())).stopped
    assert stopped == (
        f"number {number}: there is a problem with the account's payment method (WhatsApp: switched on) (code 131042): "
        "mend it in the WhatsApp Manager, then 'comeback desk resume'; nothing in the queue is lost"
    )
    seen = await walk.stage.app.store.read(board(walk.now()))
    assert (seen.obstacles, len(seen.resting)) == (tuple(obstacles), 1)
    told = [row["text"] for row in walk.rows("select text from audit where contact is null and about = 'channel'")]
    assert sum("'slow' in en is paused" in text for text in told) == 1
