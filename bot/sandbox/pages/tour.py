"""The newcomer's guide: one line that follows where a visitor is and names the one thing to try next.

It knows the page's world alone (carts, phones, the desk), never the bot's flows: with other flows it guides just as well.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

STATIONS = 7  # cart, leave, reminder, answer, stop, a person asked for, a person answers
STOP = re.compile(r"\W*(stop|baja|parar|إيقاف)\W*", re.IGNORECASE)
DEAR = {"es": "es muy caro", "pt": "está caro", "ar": "غالي"}  # "too expensive", as a customer of that language writes it
DEAR_ANYWHERE = "that is too expensive"


@dataclass(frozen=True, slots=True)
class Hint:
    """What to try next. `step` counts from 1; 0: the tour is over.

    With an `action` the page offers to do it, by a button with this `label` and a form of these `fields`.
    """

    text: str
    step: int = 0
    label: str = ""
    action: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the visitor is. What begins with `ever` may have happened to anybody; the rest is about the one they are now."""

    name: str
    language: str
    cart: bool
    away: bool
    due: str  # what happens next, in a few words; empty when nothing will
    reminded: bool  # the shop wrote to them of its own accord
    answered: bool  # and they wrote back
    menu: str  # the title of the last button of the last message, when it has any and was not answered yet
    press: Mapping[str, str]  # and the fields that press it
    code: str  # a code they were given and have not spent
    ever_reminded: bool
    ever_stopped: bool
    ever_helped: bool  # staff handed a conversation back
    waits: str  # who waits for staff: the key of a shopper
    waits_name: str
    held: str
    held_name: str
    somebody_else: str  # whose phone is still empty: the key of a shopper
    somebody_else_name: str
    wrote: bool  # they wrote to the shop


def hint(scene: Scene) -> Hint:
    """The one thing to try next."""
    if scene.held:
        return Hint(f"You are the desk now: answer {scene.held_name} at the desk, then hand back to the bot.", 7)
    if scene.waits:
        text = f"{scene.waits_name} waits for a person. Take over at the desk: the bot falls silent."
        return Hint(text, 7, f"Take {scene.waits_name} over", "take", {"who": scene.waits})
    if scene.ever_helped and scene.ever_stopped:
        return Hint("That was the tour. Turn the clock, let something go wrong, or change a file in flows/ and start again.")
    if scene.ever_stopped:
        return _ask_for_a_person(scene)
    if scene.answered and scene.ever_reminded:
        return _after_the_answer(scene)
    if scene.reminded:
        words = DEAR.get(scene.language, DEAR_ANYWHERE)
        text = f"The bot wrote to {scene.name}. Answer as {scene.name}: press a button on the phone, or write “{words}”."
        return Hint(text, 4, f"Write “{words}”", "say", {"text": words})
    return _lose_a_cart(scene)


def _lose_a_cart(scene: Scene) -> Hint:
    if not scene.cart:
        return Hint(
            "Put something into the cart. A kilo of coffee will do.", 1, "Put it in", "cart", {"product": "p-espresso", "quantity": "1"}
        )
    if not scene.away:
        return Hint("Now leave the shop without buying, as most people do.", 2, "Leave", "leave")
    if scene.due:
        return Hint(f"Turn the clock to the next thing that happens: {scene.due}.", 3, "Turn it", "clock")
    return Hint("Nothing is to come: what happened, on the right, says why. A fuller cart may change it.", 3)


def _after_the_answer(scene: Scene) -> Hint:
    if scene.code and scene.away:
        return Hint(f"{scene.code} is a real code. Go back into the shop and buy with it.", 5, "Go back", "return")
    if scene.code and scene.cart:
        return Hint(f"Buy what is in the cart with the code {scene.code}.", 5, "Use it", "buy", {"code": scene.code})
    if scene.menu:
        return Hint("Press a button and watch which step lights up. Or write STOP.", 5, "Write STOP", "say", {"text": "STOP"})
    return Hint("Write STOP on the phone, then let a day pass: nothing more comes.", 5, "Write STOP", "say", {"text": "STOP"})


def _ask_for_a_person(scene: Scene) -> Hint:
    if scene.wrote and scene.menu:
        return Hint(f"Ask for a person: press “{scene.menu}” on the phone.", 6, "Press it", "press", scene.press)
    if not scene.wrote:
        return Hint(
            f"Write to the shop as {scene.name}: “hello”. The bot greets and offers help.", 6, "Write “hello”", "say", {"text": "hello"}
        )
    if scene.somebody_else:
        text = f"It is over for {scene.name}: the bot keeps still. Become {scene.somebody_else_name} and write “hello”."
        return Hint(text, 6, f"Become {scene.somebody_else_name}", "become", {"who": scene.somebody_else})
    return Hint("Ask for a person on the phone, then answer at the desk.", 6)
