"""Conditions and texts: do they name what exists, and what this flow is about?"""

from bot.flow import names, plural
from bot.flow.check.case import Case
from bot.flow.condition import ConditionError, parse
from bot.flow.limit import MAX_TEXT as MAX_BODY
from bot.flow.model import DiscountStep, Trigger
from bot.flow.names import Kind, did_you_mean
from bot.flow.problem import Mistake
from bot.flow.rules import condition_mistakes
from bot.flow.text import Placeholder, TextError, placeholders

ABOUT_A_CART = frozenset({Trigger.CART_ABANDONED, Trigger.CART_EMPTIED})
ABOUT_AN_ORDER = frozenset(
    {
        *(Trigger.ORDER_PLACED, Trigger.ORDER_PAID, Trigger.ORDER_DELIVERED, Trigger.ORDER_CANCELLED),
        *(Trigger.ORDER_REFUNDED, Trigger.PAYMENT_FAILED, Trigger.REORDER_DUE),
        Trigger.CUSTOMER_LAPSED,  # their last one
    }
)
ABOUT_A_PRODUCT = frozenset({Trigger.BACK_IN_STOCK, Trigger.PRICE_DROPPED, Trigger.PRODUCT_VIEWED})

Fault = tuple[Mistake, str]


def judge_condition(case: Case, path: str, text: str) -> None:
    """What a condition names, and whether it compares what can be compared."""
    for offset, kind, message in condition_mistakes(text, {*case.rules.segments, *case.around.faulty_segments}):
        case.told.tell_inside(path, offset, kind, message)
    try:
        condition = parse(text)
    except ConditionError:
        return
    for segment in sorted(condition.segments() & case.around.faulty_segments):
        message = f"the segment '{segment}' has a mistake of its own, in store.yaml: mend it there"
        case.told.tell_inside(path, text.find(segment), Mistake.FAULTY_SEGMENT, message)
    for name in sorted(condition.names()):
        if (fault := _absent(case, name) or _never_made(case, path, name)) is not None:
            case.told.tell_inside(path, text.find(name), *fault)


def judge_text(case: Case, path: str, text: str) -> None:
    """A text that a customer reads."""
    if not text.strip():
        case.told.tell(path, Mistake.EMPTY_TEXT, "write what the customer reads here")
    if len(text) > MAX_BODY:
        return  # that it is too long is said elsewhere, and enough: looking up places in it would take long
    try:
        found = placeholders(text)
    except TextError as error:
        case.told.tell_inside(path, error.offset, Mistake.BAD_PLACEHOLDER, error.message)
        return
    for placeholder in found:
        judge_placeholder(case, path, placeholder, "{{{}}}")
    for placeholder in [placeholder for placeholder in found if placeholder.forms][1:]:
        message = "a text counts one thing: make two sentences of it, each a step of its own"
        case.told.tell_inside(path, placeholder.offset, Mistake.BAD_PLACEHOLDER, message)


def judge_placeholder(case: Case, path: str, placeholder: Placeholder, written: str) -> None:
    """A name in a text; `written` is how it would be written there."""
    name = placeholder.name
    fault = _unknown(case, name) or _absent(case, name) or _maybe_empty(case, placeholder, written) or _miscounted(case, placeholder)
    if fault:
        case.told.tell_inside(path, placeholder.offset, *fault)


def _unknown(case: Case, name: str) -> Fault | None:
    if names.find(name) is None:
        return Mistake.UNKNOWN_NAME, f"I do not know '{name}'{did_you_mean(name, names.KNOWN)}"
    link = name.removeprefix(names.LINKS)
    if name.startswith(names.LINKS) and link not in case.rules.links:
        hint = did_you_mean(link, case.rules.links) or ": add it there, under 'links:'"
        return Mistake.UNKNOWN_LINK, f"store.yaml has no link '{link}'{hint}"
    return None


def _absent(case: Case, name: str) -> Fault | None:
    """A name of something that this flow is not about."""
    when = case.flow.start.when
    if case.told.is_broken("start.when") or names.find(name) is None:
        return None
    if name.startswith("cart.") and when not in ABOUT_A_CART:
        return Mistake.NAME_NOT_HERE, f"a flow that starts with {when} is not about a cart: there is no {name}, take it out"
    if name.startswith("order.") and when not in ABOUT_AN_ORDER:
        return Mistake.NAME_NOT_HERE, f"a flow that starts with {when} is not about an order: there is no {name}, take it out"
    if name.startswith("product.") and when not in ABOUT_A_PRODUCT:
        return Mistake.NAME_NOT_HERE, f"a flow that starts with {when} is not about a product: there is no {name}, take it out"
    if name == "product.times" and when is not Trigger.PRODUCT_VIEWED:
        return Mistake.NAME_NOT_HERE, f"a flow that starts with {when} is about nobody's looks: there is no {name}, take it out"
    if name == "product.was" and when is not Trigger.PRICE_DROPPED:
        return Mistake.NAME_NOT_HERE, f"a flow that starts with {when} tells of no lower price: there is no {name}, take it out"
    link = case.rules.links.get(name.removeprefix(names.LINKS), "") if name.startswith(names.LINKS) else ""
    if names.PRODUCT in link and when not in ABOUT_A_CART | ABOUT_AN_ORDER:
        message = f"this link is one for products ({names.PRODUCT}), and a flow that starts with {when} is about none: take it out"
        return Mistake.NAME_NOT_HERE, message
    if name == "staff.next_open" and case.rules.staff_hours is None:
        return Mistake.NAME_NOT_HERE, "nobody knows when the desk opens next: add 'staff_hours:' to store.yaml"
    return None


def _miscounted(case: Case, placeholder: Placeholder) -> Fault | None:
    """`{cart.items thing/things}`: only a number is counted, in as many forms as the language of the flow has."""
    name = names.find(placeholder.name)
    if not placeholder.forms or name is None:
        return None
    if name.kind is not Kind.NUMBER or name.is_percent:
        return Mistake.BAD_PLACEHOLDER, f"'{placeholder.name}' is no number that can be counted: write {{{placeholder.name}}} alone"
    language = case.rules.source_language
    if len(placeholder.forms) != (forms := plural.forms_of(language)):
        message = f"'{language}' has {forms} forms, as in {{cart.items thing/things}}, and here are {len(placeholder.forms)}"
        return Mistake.BAD_PLACEHOLDER, message
    return None


def _never_made(case: Case, path: str, name: str) -> Fault | None:
    """A test of a discount where there surely is none. (Where there may be one, a test is how to tell.)"""
    if not name.startswith("discount.") or names.find(name) is None:
        return None
    if path == "start.if":
        return Mistake.NO_DISCOUNT_YET, f"there is no discount yet when a flow starts: {name} is empty, take it out"
    if any(isinstance(step, DiscountStep) for step in case.steps.values()):
        return None
    return Mistake.NO_DISCOUNT_YET, f"this flow makes no discount, so {name} is empty: make one in a step above"


NOT_ON_EVERY_PAGE = frozenset({"product.price", "product.image"})


def _maybe_empty(case: Case, placeholder: Placeholder, written: str) -> Fault | None:
    name = names.find(placeholder.name)
    of_page = case.flow.start.when is Trigger.PRODUCT_VIEWED and placeholder.name in NOT_ON_EVERY_PAGE
    if name is None or not (name.can_be_missing or of_page) or placeholder.fallback:
        return None
    words = "there" if placeholder.name == "contact.first_name" else "..."
    better = written.format(f'{placeholder.name} or "{words}"')
    return Mistake.CAN_BE_EMPTY, f"{placeholder.name} can be empty: write {better}"
