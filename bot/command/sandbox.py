"""`comeback sandbox`: WhatsApp's Cloud API on this machine, with a phone for each customer, and a store's own interfaces beside it."""

import argparse
import asyncio
import signal
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

from bot.command.port import port
from bot.command.terminal import as_json, complain, paint
from bot.sandbox.clock import TurnedClock
from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.cloud.customer import wa_id_of
from bot.sandbox.cloud.graph import VERSION
from bot.sandbox.pages.lone import Connection, Lone, person
from bot.sandbox.pages.someone import Someone
from bot.sandbox.sandbox import CloudSandbox
from bot.sandbox.shop.big_api import STORE_HASH
from bot.sandbox.shop.store_api import StoreApi
from bot.sandbox.shop.store_control import StoreControls
from bot.sandbox.shop.way_back import WayBack
from bot.sandbox.shop.year import Year
from bot.web.door import WHATSAPP_PATH

NAME = "sandbox"
HELP = "WhatsApp's Cloud API and a store's interfaces on this machine, to try any bot against"
ABOUT = """\
Starts a WhatsApp Cloud API on this machine and a page with a phone for each customer. Point a bot at it, in whatever language it
is written: it sends to this API instead of Meta's, and gets its webhooks signed as Meta signs them. The page plays the customers,
turns the clock (reply windows close, offers end, templates leave their review) and lets things go wrong. Nothing leaves this
machine, all is in memory and gone at the end.

  comeback sandbox                                                   start, and say what to configure
  comeback sandbox --callback http://127.0.0.1:8000/webhook          and where the bot listens: the challenge is asked first, as Meta does
  comeback sandbox --customer "Rosa=+34600000007" --customer @noor   with these customers; an @username hides their number
  comeback sandbox --orders 20000                                    a store with a year of so many orders beside it (0: no store)
  comeback sandbox --json                                            what to configure as one line of JSON, for a test's set-up

To configure is what a bot has for Meta anyway, with the base URL instead of https://graph.facebook.com:
  Comeback   COMEBACK_WHATSAPP_API=http://127.0.0.1:8500/v24.0 and the others, as printed
  pywa       wa.api._session.base_url = "http://127.0.0.1:8500/v24.0", after wa = WhatsApp(...)
  others     their setting for the base URL, host or API endpoint

The store is on the same port, as Shopify (Admin GraphQL), WooCommerce and BigCommerce (REST) have theirs: orders, abandoned checkouts,
customers, products, webhooks, costs and limits. A query for a field that does not exist fails there, too.

A test leads it by HTTP: GET /control lists how to write as a customer, press, turn the clock, switch faults, and read what came;
GET /control/store how the store lives on and what can break there.
Exit codes: 0 ended by Ctrl-C, 1 the port is taken, 2 something on the command line is wrong."""

SANDBOX_PORT = 8500
ASK_AGAIN_SECONDS = 2.0  # a bot that starts after its sandbox is found then
TOKEN, APP_SECRET, VERIFY_TOKEN = "sandbox-token", "sandbox-app-secret", "sandbox-verify-token"
STORE_TOKEN, STORE_KEY, WOO_SECRET = "sandbox-store-token", "ck_sandbox", "sandbox-woo-secret"
ORDERS = 300
BOT_URL = "http://127.0.0.1:8080"  # where 'comeback serve' answers, unless it is told otherwise
CUSTOMERS = ("Ana=+34600000001", "Ben=+447400123456", "Noor=@noor.reads")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--port", type=port, default=SANDBOX_PORT, help=f"the port ({SANDBOX_PORT}; 0 takes any free one)")
    parser.add_argument("--number", type=_number, default="34911000000", metavar="PHONE", help="the business's phone number (+34911000000)")
    parser.add_argument("--name", default="Casa Bonita", help="the business's name, over its chats (Casa Bonita)")
    parser.add_argument(
        "--customer",
        type=_customer,
        action="append",
        metavar="NAME=PHONE",
        help=f"a customer, by phone or @username; can be said again ({', '.join(CUSTOMERS)})",
    )
    parser.add_argument("--callback", default="", metavar="URL", help="where the bot takes its webhooks; can be set on the page, too")
    parser.add_argument("--token", default=TOKEN, help=f"the access token the bot sends ({TOKEN})")
    parser.add_argument("--app-secret", default=APP_SECRET, metavar="SECRET", help=f"what webhooks are signed with ({APP_SECRET})")
    parser.add_argument("--verify-token", default=VERIFY_TOKEN, metavar="TOKEN", help=f"what the challenge is asked with ({VERIFY_TOKEN})")
    parser.add_argument("--orders", type=int, default=ORDERS, metavar="N", help=f"orders in the store's year ({ORDERS}; 0: no store)")
    parser.add_argument("--json", action="store_true", help="say what to configure as one line of JSON")


def _number(text: str) -> str:
    wa_id = wa_id_of(text)
    if wa_id is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no phone number: write it with its country's prefix, as +34911000000")
    return wa_id


def _customer(text: str) -> Someone:
    name, _, address = text.rpartition("=")
    try:
        return person(address, name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}, as Rosa=+34600000007 or Noor=@noor.reads") from None


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C; returns the exit code."""
    if args.callback and not args.callback.startswith(("http://", "https://")):
        complain(f"--callback {args.callback}: an address begins with http:// or https://")
        return 2
    if args.orders < 0:
        complain("--orders: a number of orders is 0 or more")
        return 2
    try:
        return asyncio.run(_serve(args))
    except OSError as fault:
        complain(f"cannot start: {fault}. Is one running already? Try --port 0")
        return 1


async def _serve(args: argparse.Namespace) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    clock = TurnedClock(datetime.now(UTC))

    async def jump(length: timedelta) -> None:
        clock.forward_to(clock() + length)

    cloud = CloudApi(clock, token=args.token, app_secret=args.app_secret, business_name=args.name, display_number=args.number)
    people = args.customer or [_customer(one) for one in CUSTOMERS]
    told = Connection("", VERSION, cloud.token, cloud.number.id, cloud.waba_id, args.app_secret, args.verify_token)
    world = Lone(clock, cloud, people, told, jump)
    year = Year(clock, orders=args.orders) if args.orders else None
    store = StoreApi(token=STORE_TOKEN, key=STORE_KEY, books=year.books) if year else None
    more = [*StoreControls(store, year).routes(), *WayBack(store, year).routes()] if store and year else []
    sandbox = CloudSandbox(cloud, world, jump=jump, calls=world.calls, store=store, more=more)
    world.connection = replace(told, base_url=await sandbox.start(port=args.port))
    asking = asyncio.create_task(_ask(world, args.callback)) if args.callback else None
    try:
        if args.callback:
            await world.listen_at(args.callback)
        print(as_json(for_machines(world, store)) if args.json else for_people(world, store), flush=True)
        await stop.wait()
    finally:
        if asking:
            asking.cancel()
        await sandbox.close()
    return 0


async def _ask(world: Lone, callback: str) -> None:
    """Until the bot answers the challenge as it should; each new trouble is told."""
    last = ""
    while True:
        await asyncio.sleep(ASK_AGAIN_SECONDS)
        if world.connection.callback != callback:
            return  # the page said another
        if not world.connection.trouble:
            return
        await world.listen_at(callback)
        if world.connection.trouble != last:
            last = world.connection.trouble
            complain(paint(last, "yellow") if last else paint(f"verified: webhooks go to {callback}", "green"))


def for_machines(world: Lone, store: StoreApi | None) -> dict[str, object]:
    known = asdict(world.connection)
    stores = {"stores": _stores(known["base_url"], store)} if store else {}
    more = {"api": _api(world.connection), "control": f"{known['base_url']}/control", "settings": _settings(world.connection)}
    return known | more | stores


def _api(known: Connection) -> str:
    return f"{known.base_url}/{known.version}"


def _settings(known: Connection) -> dict[str, str]:
    """What Comeback's own settings are against this sandbox, beside those of a shop."""
    return {
        "COMEBACK_WHATSAPP_API": _api(known),
        "COMEBACK_WHATSAPP_TOKEN": known.token,
        "COMEBACK_WHATSAPP_NUMBER": known.number,
        "COMEBACK_WHATSAPP_ACCOUNT": known.account,
        "COMEBACK_WHATSAPP_APP_SECRET": known.app_secret,
        "COMEBACK_WHATSAPP_VERIFY_TOKEN": known.verify_token,
        "COMEBACK_PUBLIC_URL": known.callback.removesuffix(WHATSAPP_PATH) if known.callback.endswith(WHATSAPP_PATH) else BOT_URL,
    }


def _stores(base_url: str, store: StoreApi) -> dict[str, dict[str, str]]:
    """What each platform's shop has in Comeback's settings, by the part of its name behind COMEBACK_SHOP_<NAME>_."""
    books = store.books
    return {
        "shopify": {
            "PLATFORM": "shopify",
            "DOMAIN": books.domain,
            "API_URL": base_url,
            "API_TOKEN": store.token,
            "SECRET": store.shopify.client_secret,
            "REGION": books.country,
        },
        "woocommerce": {
            "PLATFORM": "woocommerce",
            "API_URL": base_url,
            "API_KEY": store.woo.key,
            "API_SECRET": store.token,
            "SECRET": WOO_SECRET,
            "REGION": books.country,
        },
        "bigcommerce": {
            "PLATFORM": "bigcommerce",
            "DOMAIN": STORE_HASH,
            "API_URL": f"{base_url}/stores/{STORE_HASH}",
            "API_TOKEN": store.token,
            "SECRET": store.big.client_secret,
            "REGION": books.country,
        },
    }


def _of_store(base_url: str, store: StoreApi) -> list[str]:
    """How to connect a bot to the store, in the words of Comeback's settings."""
    books = store.books
    much = f"{len(books.orders):,} orders, {len(books.customers):,} customers, {len(books.checkouts):,} checkouts"
    lines = ["", f"A store is on the same port, with a year behind it ({much})."]
    lines += ["For Comeback it is COMEBACK_SHOPS=casa beside all of the above, and one of"]
    for parts in _stores(base_url, store).values():
        lines += [f"  COMEBACK_SHOP_CASA_{name}={paint(value, 'bold')}" for name, value in parts.items()]
        lines += [""]
    return [*lines, f"It lives on, and breaks, by HTTP:  curl {base_url}/control/store"]


def for_people(world: Lone, store: StoreApi | None) -> str:
    known = world.connection
    rows = (
        ("Base URL", known.base_url, "instead of https://graph.facebook.com"),
        ("API version", known.version, "any other is answered, too"),
        ("Access token", known.token, ""),
        ("Phone number id", known.number, ""),
        ("Account (WABA) id", known.account, ""),
        ("App secret", known.app_secret, "signs the webhooks"),
        ("Verify token", known.verify_token, "asked for in the challenge"),
    )
    to = next((f"+{one.wa_id}" for one in world.customers() if not one.username), "+34600000001")
    send = f'{{"messaging_product": "whatsapp", "to": "{to}", "type": "text", "text": {{"body": "Hello"}}}}'
    return "\n".join(
        [
            f"WhatsApp is on  {paint(known.base_url, 'bold', 'cyan')}   open it: a phone for each customer   (Ctrl-C ends it)",
            "",
            *(f"  {name:<18} {paint(value, 'bold')}{paint(f'   {words}', 'dim') if words else ''}" for name, value, words in rows),
            f"  {'Webhooks go to':<18} {_callback(known)}",
            "",
            "Let the customer write something on the page (that opens the reply window of 24 hours), then answer:",
            f"  curl {known.base_url}/{known.version}/{known.number}/messages -H 'Authorization: Bearer {known.token}' \\",
            f"    -H 'Content-Type: application/json' -d '{send}'",
            "",
            f"A test leads it by HTTP:  curl {known.base_url}/control",
            "",
            "For Comeback ('comeback serve', 'comeback shop connect ...') all that is",
            *(f"  {name}={paint(value, 'bold')}" for name, value in _settings(known).items()),
            *(_of_store(known.base_url, store) if store else []),
        ]
    )


def _callback(known: Connection) -> str:
    if not known.callback:
        return paint("nowhere yet", "yellow") + paint("   --callback URL, or on the page", "dim")
    if known.trouble:
        return f"{known.callback}\n  {'':<18} {paint(f'but {known.trouble}; it is asked again', 'yellow')}"
    return f"{paint(known.callback, 'bold')}   {paint('verified', 'green')}"
