"""A house as a process of its own, to be killed: `python -m tests.worker.code_house <database> <store> <where messages arrive> <since>`.

Its clock runs `SPEED` times as fast, from the moment `since` (a UNIX time) on, in every one of its lives.
"""

import asyncio
import sys
from datetime import UTC, datetime
from time import time

import aiohttp

from bot.channel import Delivered, Outgoing
from bot.flow.run import Text
from bot.shop.shopify_api import Shopify
from bot.shop.shopify_graphql import PATH, ShopifyGraphql
from bot.store.database import open_database
from bot.worker.crew import Crew
from bot.worker.discounter import Discounter
from bot.worker.playbook import House
from bot.worker.sender import Sender

from .bench import NUMBER, playbook
from .till import TOKEN

SPEED = 10
SHOP_OF_CHATS = ""  # who only writes to us is of no shop
FLOW = """
name: Welcome
about: A test.
purpose: service
start:
  when: message_received
steps:
  - discount: 5%
    from: pool
    valid_for: 2 days
    if_none:
      - send: There is none.
      - end: no code
  - send: Your code is {discount.code}.
  - end: promised
"""


def moment(since: float) -> datetime:
    """The house's time."""
    return datetime.fromtimestamp(since + (time() - since) * SPEED, UTC)


class Post:
    """A channel that carries messages to the test."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url

    async def deliver(self, message: Outgoing) -> Delivered:
        assert isinstance(message.content, Text)
        told = {"to": message.to.phone, "text": message.content.body}
        async with self._session.post(self._url, json=told) as response:
            return Delivered((await response.json())["id"])


async def live(database: str, store_url: str, arrivals: str, since: float) -> None:
    """Until it is killed."""
    store = await open_database(database)
    flows = playbook(welcome=FLOW)

    def house() -> House:
        return House(flows, store.instance, NUMBER, moment(since))

    async with aiohttp.ClientSession() as session:
        api = Shopify(ShopifyGraphql(session, url=f"{store_url}{PATH}", token=TOKEN))
        sender = Sender(store, Post(session, arrivals), house, owner=f"house-{time()}")
        crew = Crew(store, house, sender, Discounter(store, session, {}, house, {SHOP_OF_CHATS: api}))
        await crew.start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))
