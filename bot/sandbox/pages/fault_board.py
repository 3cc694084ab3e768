"""What a visitor may let go wrong, in groups, each with the sentence that explains it; and one press back to all is well."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.sandbox.cloud.cloud_api import CloudApi
from bot.sandbox.cloud.fault import CodeFault, Faults, SendFault
from bot.sandbox.pages.phones import Action, Wish
from bot.sandbox.shop.shop import Shop

MAX_FAULTS = 5  # in a row: as often as a message is tried
LATE_SECONDS = 5.0
BATCH = 100
SEND_SWITCHES = {
    SendFault.RATE_LIMITED: ("Too many requests (429)", "WhatsApp has had enough for now. Wait a moment, then try again."),
    SendFault.PAIR_LIMITED: ("Too many to this person (131056)", "WhatsApp protects this one phone. Let it rest, then go on in order."),
    SendFault.GRAPH_500: ("WhatsApp's server fails (500)", "The message was not taken. Try again, each time a little later."),
    SendFault.HTML_500: ("A 500 that is no JSON", "A machine in between fails, and answers with a web page."),
    SendFault.CUT: ("The connection is cut", "Before anything was taken, but the sender cannot know that."),
    SendFault.HANG: ("No answer at all", "Nothing was taken, but the sender cannot know that either."),
    SendFault.ACCEPT_THEN_CUT: (
        "The answer is lost",
        "Nobody knows whether it arrived. Never send it twice: a delivery report settles it, or staff see it.",
    ),
    SendFault.ACCEPT_THEN_HANG: ("The answer never comes", "The sender waits until its own patience ends; the message is on its way."),
    SendFault.ACCEPT_THEN_500: ("It is answered with a 500", "It looks like a refusal, and is none."),
    SendFault.ACCEPT_THEN_503: ("It is answered with a 503", "Likewise, and without JSON."),
    SendFault.ACCEPT_WITHOUT_CONTACTS: ("The answer lacks its contacts", "A 200 with the message's id and no more: it was seen in life."),
    SendFault.ACCEPT_WITHOUT_JSON: ("The answer is no JSON", "A 200 that tells nothing, not even the message's id."),
}
CODES = {
    131049: "too much marketing for this person",
    131047: "the reply window is closed",
    131050: "they stopped promotions",
    131026: "they cannot be reached",
    132001: "no such template in this language",
    132015: "the template is paused",
    131048: "too many people complained",
    368: "the account is blocked for a while",
    131042: "the bill is not paid",
    190: "the token is not valid any more",
}
"""Cloud API: error codes worth meeting once, in words."""


@dataclass(frozen=True, slots=True)
class SendSwitch:
    """A fault that the next messages meet; `armed` is how many."""

    fault: SendFault
    title: str
    sentence: str
    armed: int


@dataclass(frozen=True, slots=True)
class Switch:
    """Something that stays wrong while it is on."""

    name: str
    title: str
    sentence: str
    on: bool


@dataclass(frozen=True, slots=True)
class Board:
    """All switches as they stand. `code` is the error code that waits for a message, in words."""

    sends: tuple[SendSwitch, ...]
    webhooks: tuple[Switch, ...]
    shop: tuple[Switch, ...]
    codes: Mapping[int, str]
    code: str
    well: bool


@dataclass(frozen=True, slots=True)
class _Turn:
    title: str
    sentence: str
    is_on: Callable[[], bool]
    turn: Callable[[bool], None]


class FaultBoard:
    """Turns the faults of the Cloud API, and of the shop where there is one."""

    def __init__(self, cloud: CloudApi, shop: Shop | None = None) -> None:
        self._cloud, self._shop = cloud, shop
        self._webhooks = {
            "twice": self._fault("duplicate", 1.0, "Every webhook arrives twice", "As Meta's do now and then. Know each by its id."),
            "overtake": self._fault("reorder", 1.0, "Webhooks overtake each other", "A “read” may come before its “delivered”."),
            "late": self._fault("delay", LATE_SECONDS, "Webhooks come late", f"Each {LATE_SECONDS:.0f} seconds after what it tells of."),
            "batch": self._fault("batch", BATCH, "Webhooks come together", f"Up to {BATCH} updates in one delivery."),
            "afterthought": self._fault("late_refusals", True, "Refused afterwards", "A 200 first, and a “failed” webhook soon after."),
            "token": self._fault("token_expired", True, "The token is not valid (190)", "Every call is refused until there is a new one."),
            "unlucky": self._fault("failed", 1.0, "Nothing arrives", "Everything is accepted, and then fails."),
        }
        self._shop_turns = _shop_turns(shop) if shop else {}
        self.actions: Mapping[str, Action] = {"fault": self._arm, "code": self._code, "switch": self._switch, "well": self._well}

    def look(self) -> Board:
        """Where all switches stand."""
        faults = self._cloud.faults
        code = faults.code if faults.code and faults.code.count > 0 else None
        return Board(
            sends=tuple(SendSwitch(fault, title, words, faults.next.get(fault, 0)) for fault, (title, words) in SEND_SWITCHES.items()),
            webhooks=_switches(self._webhooks),
            shop=_switches(self._shop_turns),
            codes=CODES,
            code=f"{code.code}, {'afterwards' if code.late else 'at once'}" if code else "",
            well=not code and not any(faults.next.values()) and not any(one.is_on() for one in self._turns().values()),
        )

    async def _arm(self, wish: Wish) -> None:
        """The next message meets this fault; asked for again, the one after it too."""
        fault = SendFault(wish["fault"])
        self._cloud.faults.next[fault] = min(self._cloud.faults.next.get(fault, 0) + 1, MAX_FAULTS)

    async def _code(self, wish: Wish) -> None:
        """The next message meets this error code."""
        code = int(wish["code"])
        if code not in CODES:
            raise LookupError("no code that can be chosen here")
        self._cloud.faults.code = CodeFault(code, late={"now": False, "late": True}[wish["when"]])

    async def _switch(self, wish: Wish) -> None:
        self._turns()[wish["switch"]].turn("on" in wish)

    async def _well(self, _: Wish) -> None:
        """Everything works again."""
        self._cloud.faults = Faults()
        for one in self._turns().values():
            one.turn(False)

    def _turns(self) -> Mapping[str, _Turn]:
        return {**self._webhooks, **self._shop_turns}

    def _fault(self, name: str, on: float, title: str, sentence: str) -> _Turn:
        """A switch of the Cloud API's faults: `on` is its value while it is on."""
        off = getattr(Faults(), name)
        return _Turn(
            title,
            sentence,
            lambda: bool(getattr(self._cloud.faults, name) != off),
            lambda wanted: setattr(self._cloud.faults, name, on if wanted else off),
        )


def _shop_turns(shop: Shop) -> Mapping[str, _Turn]:
    return {
        "no_codes": _Turn(
            "The shop has no codes left",
            "A code is made before it is promised: where there is none, the flow says so, or ends.",
            lambda: shop.pool_empty,
            lambda on: setattr(shop, "pool_empty", on),
        ),
        "shop_down": _Turn(
            "The shop does not answer",
            "The bot asks again for a while, then goes on without a code.",
            lambda: shop.down,
            lambda on: setattr(shop, "down", on),
        ),
    }


def _switches(turns: Mapping[str, _Turn]) -> tuple[Switch, ...]:
    return tuple(Switch(name, one.title, one.sentence, one.is_on()) for name, one in turns.items())
