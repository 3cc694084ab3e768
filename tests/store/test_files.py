"""Files in the database: what is wanted, kept, refused, expired, and who fetches it."""

from datetime import timedelta

from bot.flow.run import MediaKind
from bot.store import conversations, files
from bot.store.database import Database
from bot.store.files import AT_ONCE, ID_LIVES, LEASE, UPLOAD_LIVES, Expected, File, Wanted
from bot.store.step import Step

from .ground import DAY, HOUR, NOW, NUMBER, person, phone, value

CAT, DOG = "c" * 64, "d" * 64


def sent_picture(contact: int, name: str = "wamid.1", at: int = 0) -> Step[None]:
    when = NOW + timedelta(days=at)
    yield from conversations.heard(contact, NUMBER, when, kind="image", text="", provider_id=name)
    expected = Expected(MediaKind.IMAGE, f"id-{name}", "image/jpeg", CAT, "cat.jpg", voice=False)
    yield from files.want(contact, NUMBER, name, when, expected, NOW)


async def wanted(store: Database, *, name: str = "wamid.1", at: int = 0, who: str = "34600111222") -> Wanted:
    contact = await person(store, phone(who))
    await store.run(sent_picture(contact, name, at))
    (one,) = await store.run(files.claim(NOW, 10))
    return one


async def test_a_file_is_wanted_from_the_moment_its_message_is_kept(store: Database) -> None:
    one = await wanted(store)
    assert (one.number, one.kind, one.media_id, one.sha256, one.at, one.attempts) == (NUMBER, "image", "id-wamid.1", CAT, NOW, 1)
    assert await value(store, "select a.message = m.id from attachment a join message m on m.provider_id = 'wamid.1'") in (1, True)


async def test_a_file_of_a_message_that_is_not_there_is_not_wanted(store: Database) -> None:
    contact = await person(store, phone())
    expected = Expected(MediaKind.IMAGE, "1", "image/jpeg", None, None, voice=False)
    await store.run(files.want(contact, NUMBER, "wamid.other", NOW, expected, NOW))
    assert await store.run(files.claim(NOW, 10)) == []


async def test_one_fetches_it_until_the_lease_ends_then_another_may(store: Database) -> None:
    first = await wanted(store)
    assert await store.run(files.claim(NOW + LEASE - timedelta(seconds=1), 10)) == []
    (second,) = await store.run(files.claim(NOW + LEASE, 10))
    assert (second.id, second.attempts) == (first.id, 2)


async def test_what_is_kept_or_refused_is_not_fetched_again(store: Database) -> None:
    one = await wanted(store)
    await store.run(files.arrived(one, File(CAT, 10, "image/jpeg")))
    assert await store.read(files.find(CAT)) == File(CAT, 10, "image/jpeg")
    other = await wanted(store, name="wamid.2")
    await store.run(files.refuse(other, "it is too large"))
    assert await store.run(files.claim(NOW + 7 * DAY, 10)) == []
    assert await store.read(files.tally()) == files.Tally(files=1, bytes=10, wanted=0, refused=1)


async def test_a_refusal_that_comes_after_somebody_else_kept_it_changes_nothing(store: Database) -> None:
    one = await wanted(store)
    await store.run(files.arrived(one, File(CAT, 10, "image/jpeg")))
    await store.run(files.refuse(one, "it is gone"))
    await store.run(files.again(one, NOW, "it was slow"))
    assert await value(store, "select state from attachment") == "kept"
    assert await value(store, "select why from attachment") is None


async def test_a_fetch_put_off_because_of_us_is_no_try(store: Database) -> None:
    one = await wanted(store)
    await store.run(files.put_off(one, NOW + HOUR, "the disk is full"))
    (again,) = await store.run(files.claim(NOW + HOUR, 10))
    assert again.attempts == 1
    await store.run(files.again(one, NOW + 2 * HOUR, "no answer"))
    (again,) = await store.run(files.claim(NOW + 2 * HOUR, 10))
    assert again.attempts == 2


async def test_content_shared_by_two_messages_stays_until_the_last_expires(store: Database) -> None:
    one = await wanted(store)
    await store.run(files.arrived(one, File(CAT, 10, "image/jpeg")))
    two = await wanted(store, name="wamid.2", at=5)
    await store.run(files.arrived(two, File(CAT, 10, "image/jpeg")))
    await store.run(files.arrived(one, File(CAT, 10, "image/jpeg")))  # an older message that is told again does not make it older

    assert await store.run(files.expire(NOW + DAY, 90, NOW + 91 * DAY)) == 1
    assert await store.read(files.live_in("cc")) == {CAT}
    assert [await value(store, f"select state from attachment where id = {n.id}") for n in (one, two)] == ["expired", "kept"]
    assert await value(store, f"select why from attachment where id = {one.id}") == "deleted after 90 days"

    assert await store.run(files.expire(NOW + 6 * DAY, 90, NOW + 96 * DAY)) == 2
    assert await store.run(files.expire(NOW + 6 * DAY, 90, NOW + 96 * DAY)) == 0
    assert await store.read(files.live_in("cc")) == frozenset()
    found = await store.read(files.find(CAT))
    assert found is not None
    assert found.deleted_at == NOW + 96 * DAY


async def test_what_comes_again_after_it_was_deleted_is_there_again(store: Database) -> None:
    await store.run(files.keep(File(CAT, 10, "image/jpeg"), NOW))
    while await store.run(files.expire(NOW + DAY, 90, NOW + DAY)):
        pass
    await store.run(files.keep(File(CAT, 10, "image/jpeg"), NOW + 2 * DAY))
    assert await store.read(files.live_in("cc")) == {CAT}


async def test_the_owners_own_files_stay_while_flows_name_them(store: Database) -> None:
    await store.run(files.keep(File(CAT, 10, "image/png"), NOW, owned=True))
    await store.run(files.keep(File(DOG, 10, "image/png"), NOW, owned=True))
    assert await store.run(files.expire(NOW + 400 * DAY, 90, NOW + 490 * DAY)) == 0

    await store.run(files.disown(NOW + 490 * DAY))
    await store.run(files.keep(File(DOG, 10, "image/png"), NOW + 490 * DAY, owned=True))
    assert await store.run(files.expire(NOW + 491 * DAY, 90, NOW + 581 * DAY)) == 1
    assert await store.read(files.live_in("dd")) == {DOG}
    assert await store.read(files.live_in("cc")) == frozenset()


async def test_retention_takes_a_bounded_bite_at_a_time(store: Database) -> None:
    for n in range(AT_ONCE + 3):
        await store.run(files.keep(File(f"{n:064x}", 1, "image/png"), NOW))
    assert await store.run(files.expire(NOW + DAY, 90, NOW + DAY)) == AT_ONCE
    assert await store.run(files.expire(NOW + DAY, 90, NOW + DAY)) == 3


async def test_an_upload_is_used_again_until_it_is_29_days_old_or_gone(store: Database) -> None:
    await store.run(files.keep_upload(NUMBER, CAT, "77", NOW))
    assert await store.read(files.uploaded(NUMBER, CAT, NOW + UPLOAD_LIVES - HOUR)) == "77"
    assert await store.read(files.uploaded("another", CAT, NOW)) is None
    assert await store.read(files.uploaded(NUMBER, CAT, NOW + UPLOAD_LIVES)) is None
    await store.run(files.keep_upload(NUMBER, CAT, "78", NOW + UPLOAD_LIVES))
    await store.run(files.forget_old_uploads(NOW + UPLOAD_LIVES))
    assert await store.read(files.uploaded(NUMBER, CAT, NOW + UPLOAD_LIVES)) == "78"
    await store.run(files.forget_upload(NUMBER, "78"))
    assert await store.read(files.uploaded(NUMBER, CAT, NOW + UPLOAD_LIVES)) is None


def test_the_terms_are_those_of_the_platform() -> None:
    assert (ID_LIVES, UPLOAD_LIVES) == (7 * DAY, 29 * DAY)
