"""Messages to people of a test's own, put into the outbox as a flow would, on the running house."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bot.flow.run import Content, TemplateMessage
from bot.policy.decision import Author, Consent
from bot.store import contacts, conversations, outbox
from bot.store.contacts import Agreement
from bot.store.model import Identity, IdentityKind
from bot.store.outbox import Draft
from bot.store.step import Step

from .walk import Walk

TURN_SECONDS = 20


class Post:
    """Writes to people on a walk."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self._keys = 0

    async def person(self, phone: str, *, by_user_id: bool = False) -> int:
        """Somebody who agreed to marketing and wrote a moment ago; returns their contact. `by_user_id`: nobody knows their number."""
        customer = self.walk.stage.cloud.customer(phone)
        customer.last_wrote = self.walk.now()
        customer.username = "lola" if by_user_id else None
        name = Identity(IdentityKind.BSUID, customer.user_id) if by_user_id else Identity(IdentityKind.PHONE, phone)
        now, number = self.walk.now(), self.walk.stage.cloud.number.id

        def step() -> Step[int]:
            found = yield from contacts.resolve([name], now, proven=True)
            assert found is not None
            yield from contacts.agree(found.contact, Agreement("whatsapp", Consent.GRANTED, now, "word", "wamid.1"), now)
            yield from conversations.heard(found.contact, number, now, kind="text", text="Hello", provider_id="wamid.1")
            return found.contact

        return await self.walk.stage.app.store.run(step())

    async def approve(self, template: str) -> TemplateMessage:
        """A marketing template that Meta approved and told us of, and a message of it."""
        parts: Mapping[str, Any] = {"name": template, "language": "en", "category": "MARKETING"}
        self.walk.stage.cloud.book.create({**parts, "components": [{"type": "BODY", "text": "Your cart waits."}]})
        await self.walk.rest()
        return TemplateMessage(template, "en", {}, "Your cart waits.")

    async def queue(self, contact: int, content: Content, *, worth: timedelta = timedelta(days=3)) -> None:
        """Queue a message; it goes when the sender next looks."""
        self._keys += 1
        now = self.walk.now()
        draft = Draft(
            key=f"post:{self._keys}",
            contact=contact,
            number=self.walk.stage.cloud.number.id,
            shop="",
            content=content,
            author=Author.FLOW,
            marketing=True,
            reply=False,
            expires_at=now + worth,
        )
        await self.walk.stage.app.store.run(outbox.enqueue(draft, now))
        self.walk.stage.app.crew.wake()

    async def tried(self, contact: int) -> None:
        """Until somebody's newest message has been tried, and what came of it was worked off."""
        async with asyncio.timeout(TURN_SECONDS):  # a number that was too fast rests a moment
            while self._attempts(contact) == 0:  # noqa: ASYNC110 - nobody tells it
                await asyncio.sleep(0.02)
        await self.walk.rest()

    def _attempts(self, contact: int) -> int:
        return self.walk.count("select attempts from outbox where contact = ? order by id desc limit 1", contact)

    def states(self, contact: int) -> list[str]:
        """What became of somebody's messages, oldest first: the state, and how it was delivered."""
        rows = self.walk.rows("select state, delivery, why from outbox where contact = ? order by id", contact)
        return [" ".join(filter(None, (row["state"], row["delivery"]))) for row in rows]
