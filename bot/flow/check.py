"""What is wrong in a flow, before anyone runs it: everything at once, each with its place and a sentence that says what to write.

`shape.py` has already seen to keys and kinds of values; here it is about meaning: names, labels, templates, the customer's reply
window, discounts, languages. A path that was mended there is not judged again.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from bot.flow import names, route
from bot.flow.catalog import MAX_LIST_ROWS, count_buttons, flow_entries
from bot.flow.condition import ConditionError, parse, validate
from bot.flow.document import Document, Place
from bot.flow.measure import read_discount, span
from bot.flow.message import MAX_BODY
from bot.flow.model import (
    Answer,
    AskStep,
    DiscountStep,
    Flow,
    GoToStep,
    IfStep,
    OptOutStep,
    SendStep,
    Step,
    TagStep,
    TemplateUse,
    Trigger,
    UntagStep,
    Wording,
    walk,
)
from bot.flow.names import did_you_mean
from bot.flow.problem import Problem
from bot.flow.revision import ButtonKind, Category, Template
from bot.flow.route import Worst
from bot.flow.rules import StoreRules
from bot.flow.run import Purpose
from bot.flow.shape import Shape
from bot.flow.template import quick_replies, template_placeholders
from bot.flow.text import Placeholder, TextError, placeholders, read_expression

ABOUT_A_CART = frozenset({Trigger.CART_ABANDONED, Trigger.CART_EMPTIED})
ABOUT_AN_ORDER = frozenset(
    {Trigger.ORDER_PLACED, Trigger.ORDER_PAID, Trigger.ORDER_DELIVERED, Trigger.ORDER_CANCELLED, Trigger.REORDER_DUE}
)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
LONGEST_TAG = 64  # characters; a tag is a word, not a note

ANYWHERE = Worst(route.NOW, route.PERCENT | route.AMOUNT)
"""Nothing is said of a step of which we do not know how it is reached."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a flow is checked against: the store's rules and templates.

    Faulty segments and templates have problems of their own. `template_languages` are those, beside the first, that each template
    is complete in.
    """

    rules: StoreRules = field(default_factory=StoreRules)
    faulty_segments: frozenset[str] = frozenset()
    templates: Mapping[str, Template] = field(default_factory=dict)
    faulty_templates: frozenset[str] = frozenset()
    template_languages: Mapping[str, frozenset[str]] = field(default_factory=dict)


def check(shape: Shape[Flow], around: Surroundings) -> list[Problem]:
    """Everything wrong with a flow, shape and meaning, in the order of its lines."""
    if shape.value is None:
        return sorted(shape.problems)
    judge = _Judge(shape.value, shape.document, shape.broken, around)
    judge.judge()
    return sorted({*shape.problems, *judge.problems})


class _Judge:
    """One check under way."""

    def __init__(self, flow: Flow, document: Document, broken: frozenset[str], around: Surroundings) -> None:
        self.flow = flow
        self.document = document
        self.broken = broken
        self.rules = around.rules
        self.templates = around.templates
        self.faulty_segments = around.faulty_segments
        self.faulty_templates = around.faulty_templates
        self.template_languages = around.template_languages
        self.steps = dict(walk(flow.steps))
        self.labels = Counter(step.label for step in self.steps.values() if step.label is not None)
        self.problems: list[Problem] = []

    def judge(self) -> None:
        self.judge_start()
        for path, step in self.steps.items():
            self.judge_step(path, step)
        self.judge_lengths()
        self.judge_routes()

    # ---- telling

    def tell(self, path: str, message: str) -> None:
        """A problem with a whole part: it stands at the part's key."""
        self.tell_at(self.document.key_place(path), path, message)

    def tell_inside(self, path: str, offset: int, message: str) -> None:
        """A problem with a word of a text."""
        self.tell_at(self.document.inside(path, offset), path, message)

    def tell_at(self, place: Place, path: str, message: str) -> None:
        if not self.is_broken(path):
            self.problems.append(self.document.problem(place, message))

    def is_broken(self, path: str) -> bool:
        parts = path.split(".")
        return any(".".join(parts[:length]) in self.broken for length in range(1, len(parts) + 1))

    # ---- the head of the flow

    def judge_start(self) -> None:
        start = self.flow.start
        if not _ID.fullmatch(self.flow.id):
            self.tell("", "the name of this file is the flow's id: write it with letters, digits, - and _ (at most 64)")
        if not self.flow.steps:
            self.tell("steps", "a flow needs at least one step")
        if start.when is Trigger.CART_ABANDONED and start.for_ is None and not self.is_broken("start.for"):
            self.tell("start.when", "say after how long a cart counts as abandoned: add 'for:', as in 'for: 1 hour'")
        if start.if_ is not None:
            self.judge_condition("start.if", start.if_)

    # ---- steps

    def judge_step(self, path: str, step: Step) -> None:
        if step.label is not None and self.labels[step.label] > 1:
            self.tell(f"{path}.label", f"the label '{step.label}' is on several steps")
        match step:
            case SendStep(send=wording):
                self.judge_wording(f"{path}.send", wording, None)
            case AskStep():
                self.judge_wording(f"{path}.ask", step.ask, step)
                self.judge_answers(path, step)
            case IfStep(if_=condition):
                self.judge_condition(f"{path}.if", condition)
            case DiscountStep():
                self.judge_discount(path, step)
            case GoToStep(go_to=label) if label not in self.labels:
                self.tell(f"{path}.go_to", f"no step has the label '{label}'{did_you_mean(label, self.labels)}")
            case TagStep(tag=tag):
                self.judge_tag(f"{path}.tag", tag)
            case UntagStep(untag=tag):
                self.judge_tag(f"{path}.untag", tag)
            case _:
                pass

    def judge_condition(self, path: str, text: str) -> None:
        try:
            condition = parse(text)
        except ConditionError as error:
            self.tell_inside(path, error.offset, error.message)
            return
        for offset, mistake in validate(condition, {*self.rules.segments, *self.faulty_segments}):
            self.tell_inside(path, offset, mistake)
        for segment in sorted(condition.segments() & self.faulty_segments):
            self.tell_inside(path, text.find(segment), f"the segment '{segment}' has a mistake of its own, in store.yaml")
        for name in sorted(condition.names()):
            if (message := self.absent(name)) is not None:
                self.tell_inside(path, text.find(name), message)

    def judge_discount(self, path: str, step: DiscountStep) -> None:
        try:
            read_discount(step.discount, self.rules.currency)
        except ValueError as error:
            self.tell(f"{path}.discount", str(error))

    def judge_tag(self, path: str, tag: str) -> None:
        if not tag.strip() or len(tag) > LONGEST_TAG:
            self.tell(path, f"a tag is a word of at most {LONGEST_TAG} characters")

    # ---- asks

    def judge_answers(self, path: str, step: AskStep) -> None:
        here = f"{path}.answers"
        others = [number for number, answer in enumerate(step.answers) if answer.anything_else is not None]
        if not others:
            self.tell(here, "say what happens with any other answer: add '- anything_else:' with steps")
        for number in others[1:]:
            self.tell(f"{here}.{number}.anything_else", "there is already an 'anything_else' above")
        for number, answer in enumerate(step.answers):
            self.judge_answer(f"{here}.{number}", answer)
        self.judge_buttons(here, step)
        self.judge_branch(f"{path}.no_answer.then", step.no_answer.then)

    def judge_answer(self, path: str, answer: Answer) -> None:
        is_other = answer.anything_else is not None
        if is_other and (answer.button is not None or answer.words or answer.then):
            self.tell(path, "'anything_else' stands alone, without button, words and then")
        if not is_other and answer.button is None and not answer.words:
            self.tell(path, "an answer has a button, or words, or both")
        for number, word in enumerate(answer.words):
            if not any(character.isalnum() for character in word):
                self.tell(f"{path}.words.{number}", "write a word with letters here")
        self.judge_branch(f"{path}.{'anything_else' if is_other else 'then'}", answer.steps)

    def judge_branch(self, path: str, steps: tuple[Step, ...]) -> None:
        if steps and self.is_broken(f"{path}.{len(steps) - 1}"):
            return
        if not route.says_what_comes_next(steps):
            self.tell(path, "this branch does not say what comes next: finish it with continue, end, go_to or hand_over")

    def judge_buttons(self, path: str, step: AskStep) -> None:
        written = Counter(answer.button for answer in step.answers if answer.button is not None)
        for number, answer in enumerate(step.answers):
            if answer.button is None:
                continue
            here = f"{path}.{number}.button"
            if not answer.button.strip():
                self.tell(here, "write what stands on the button")
            if written[answer.button] > 1:
                self.tell(here, f"two answers have the button '{answer.button}'")
            if "{" in answer.button:
                self.tell(here, "a button cannot hold a placeholder")
        if count_buttons(step) > MAX_LIST_ROWS:
            self.tell(path, f"an ask has at most {MAX_LIST_ROWS} buttons, this one has {count_buttons(step)}")
        if isinstance(step.ask, TemplateUse):
            self.judge_quick_replies(path, step, step.ask.template)

    def judge_quick_replies(self, path: str, step: AskStep, name: str) -> None:
        template = self.templates.get(name)
        if template is None:
            return
        wanted = quick_replies(template)
        written = [(number, answer.button) for number, answer in enumerate(step.answers) if answer.button is not None]
        if tuple(button for _, button in written) == wanted:
            return
        buttons = ", ".join(f"'{title}'" for title in wanted) or "none"
        number = next((number for place, (number, button) in enumerate(written) if wanted[place : place + 1] != (button,)), None)
        here = path if number is None else f"{path}.{number}.button"
        self.tell(here, f"the buttons of the template '{name}' are, in this order: {buttons}")

    # ---- wordings

    def judge_wording(self, path: str, wording: Wording, ask: AskStep | None) -> None:
        if isinstance(wording, TemplateUse):
            self.judge_template_use(path, wording, ask)
            return
        if not wording.strip():
            self.tell(path, "write what the customer reads here")
        if len(wording) > MAX_BODY:
            return  # that it is too long is said elsewhere, and enough: looking up places in it would take long
        try:
            found = placeholders(wording)
        except TextError as error:
            self.tell_inside(path, error.offset, error.message)
            return
        for placeholder in found:
            self.judge_placeholder(path, placeholder, "{{{}}}")

    def judge_placeholder(self, path: str, placeholder: Placeholder, written: str) -> None:
        message = self.unknown(placeholder.name) or self.absent(placeholder.name) or self.maybe_empty(placeholder, written)
        if message:
            self.tell_inside(path, placeholder.offset, message)

    def unknown(self, name: str) -> str | None:
        if names.find(name) is None:
            return f"I do not know '{name}'{did_you_mean(name, names.KNOWN)}"
        link = name.removeprefix(names.LINKS)
        if name.startswith(names.LINKS) and link not in self.rules.links:
            return f"store.yaml has no link '{link}'{did_you_mean(link, self.rules.links)}"
        return None

    def absent(self, name: str) -> str | None:
        """A name of something that this flow is not about."""
        when = self.flow.start.when
        if self.is_broken("start.when") or names.find(name) is None:
            return None
        if name.startswith("cart.") and when not in ABOUT_A_CART:
            return f"a flow that starts with {when} is not about a cart: there is no {name}"
        if name.startswith("order.") and when not in ABOUT_AN_ORDER:
            return f"a flow that starts with {when} is not about an order: there is no {name}"
        if name == "staff.next_open" and self.rules.staff_hours is None:
            return "store.yaml has no staff_hours, so nobody knows when the desk opens next"
        return None

    def maybe_empty(self, placeholder: Placeholder, written: str) -> str | None:
        name = names.find(placeholder.name)
        if name is None or not name.can_be_missing or placeholder.fallback:
            return None
        words = "there" if placeholder.name == "contact.first_name" else "..."
        better = written.format(f'{placeholder.name} or "{words}"')
        return f"{placeholder.name} can be empty: write {better}"

    # ---- templates

    def judge_template_use(self, path: str, use: TemplateUse, ask: AskStep | None) -> None:
        self.judge_values(path, use)
        here = f"{path}.template"
        template = self.templates.get(use.template)
        if use.template in self.faulty_templates:
            self.tell(here, f"the template '{use.template}' has problems of its own")
            return
        if template is None:
            self.tell(here, f"there is no template '{use.template}'{did_you_mean(use.template, self.templates)}")
            return
        self.judge_filling(path, use, template)
        if ask is None and quick_replies(template):
            self.tell(here, f"the template '{template.name}' has buttons to answer with: use ask instead of send")
        for language in self.rules.languages[1:]:
            if language not in self.template_languages.get(template.name, frozenset()):
                self.tell(here, f"the template '{template.name}' has no '{language}' version, and this store speaks {language}")
        if not self.has_way_out(template, ask):
            footer = f"a stop word in the footer of '{template.name}'"
            self.tell(here, f"marketing needs a way out: add a button that leads to opt_out, or {footer}")

    def judge_values(self, path: str, use: TemplateUse) -> None:
        for name, value in use.with_.items():
            here = f"{path}.with.{name}"
            try:
                meant = read_expression(value)
            except TextError as error:
                self.tell_inside(here, error.offset, error.message)
                continue
            if isinstance(meant, Placeholder):
                self.judge_placeholder(here, meant, "{}")

    def judge_filling(self, path: str, use: TemplateUse, template: Template) -> None:
        wanted = template_placeholders(template)
        for name in wanted:
            if name not in use.with_:
                self.tell(f"{path}.template", f"the template '{template.name}' needs a value for {{{name}}}: add '{name}:' under 'with:'")
        for name in use.with_:
            if name not in wanted:
                self.tell(f"{path}.with.{name}", f"the template '{template.name}' has no {{{name}}}{did_you_mean(name, wanted)}")

    def has_way_out(self, template: Template, ask: AskStep | None) -> bool:
        """Marketing must say how to stop it: by a button that opts out at once, or by a stop word in the footer."""
        if self.flow.purpose is not Purpose.MARKETING and template.category is not Category.MARKETING:
            return True
        footer = (template.footer or "").casefold()
        by_word = any(word.casefold() in footer for word in self.rules.opt_out_words)
        return by_word or (ask is not None and any(map(_opts_out, ask.answers)))

    def judge_lengths(self) -> None:
        for entry in flow_entries(self.flow):
            if entry.limit is not None and len(entry.text) > entry.limit:
                message = f"a {entry.kind} has at most {entry.limit} characters, this one has {len(entry.text)}"
                self.tell(entry.path, message)

    # ---- the ways through the flow

    def judge_routes(self) -> None:
        if not self.flow.steps:
            return
        ways = route.ways(self.flow, self.rules)
        worst = route.worst_cases(ways, self.first_steps())
        self.judge_reach(worst)
        for closing, to in route.circles(ways):
            self.tell(closing, f"from here the flow goes round in a circle to line {self.document.place(to).line} without an ask or a wait")
        for path, case in worst.items():
            self.judge_at_worst(path, self.steps[path], case)

    def first_steps(self) -> dict[str, Worst]:
        """Where a run can begin; with a `go_to` that leads nowhere yet, any label may be what it meant."""
        start = self.flow.start
        by_customer = start.when is Trigger.MESSAGE_RECEIVED
        begins = Worst((start.for_ or route.NOW) if by_customer else route.REPLY_WINDOW)
        is_lost = any(isinstance(step, GoToStep) and step.go_to not in self.labels for step in self.steps.values())
        meant = {path: ANYWHERE for path, step in self.steps.items() if is_lost and step.label}
        return {**meant, "steps.0": begins}

    def judge_reach(self, worst: Mapping[str, Worst]) -> None:
        """Of steps that follow one another and are never reached, only the first is told."""
        for path in self.steps:
            around, _, number = path.rpartition(".")
            before = f"{around}.{int(number) - 1}"
            owner = _owner(path)
            if path not in worst and (number == "0" or before in worst) and (not owner or owner in worst):
                self.tell_at(self.document.place(path), path, "this step is never reached")

    def judge_at_worst(self, path: str, step: Step, worst: Worst) -> None:
        wording = step.send if isinstance(step, SendStep) else step.ask if isinstance(step, AskStep) else None
        if wording is None:
            return
        here = f"{path}.{'send' if isinstance(step, SendStep) else 'ask'}"
        for where, placeholder in _discount_names(here, wording):
            if placeholder.name not in worst.discount:
                self.tell_inside(where, placeholder.offset, _no_discount(placeholder.name, worst))
        if isinstance(wording, str) and self.silence(worst) >= route.REPLY_WINDOW:
            self.tell(here, "by now the customer may not have written for 24 hours: a free text would be refused, use a template")
        template = self.templates.get(wording.template) if isinstance(wording, TemplateUse) else None
        if template and not worst.discount and any(button.kind is ButtonKind.COPY_CODE for button in template.buttons):
            self.tell(f"{here}.template", f"there is no discount yet, and the template '{template.name}' has a button to copy its code")

    def silence(self, worst: Worst) -> timedelta:
        """How long the customer may have been silent when the message goes out: what we begin also waits for quiet hours to end."""
        quiet = self.rules.quiet_hours
        if quiet is None or worst.silence == route.NOW or self.flow.purpose is not Purpose.MARKETING:
            return worst.silence
        return worst.silence + span(*quiet)


def _opts_out(answer: Answer) -> bool:
    return answer.button is not None and bool(answer.steps) and isinstance(answer.steps[0], OptOutStep)


def _owner(path: str) -> str | None:
    """The step whose branch a step is in: `steps.0` for `steps.0.answers.2.then.1` and `steps.0.then.1`."""
    around = path.rpartition(".")[0]
    while around and not around.rpartition(".")[2].isdigit():
        around = around.rpartition(".")[0]
    if around.rpartition(".")[0].endswith(".answers"):
        around = around.rpartition(".answers.")[0]
    return around or None


def _discount_names(path: str, wording: Wording) -> Iterator[tuple[str, Placeholder]]:
    """The names of a discount in a wording, with the path of the text each stands in."""
    try:
        if isinstance(wording, str):
            found = [(path, placeholder) for placeholder in placeholders(wording)]
        else:
            meant = [(f"{path}.with.{name}", read_expression(value)) for name, value in wording.with_.items()]
            found = [(where, placeholder) for where, placeholder in meant if isinstance(placeholder, Placeholder)]
    except TextError:
        return
    yield from (place for place in found if place[1].name in route.PERCENT | route.AMOUNT)


def _no_discount(name: str, worst: Worst) -> str:
    if not worst.discount:
        return f"there is no discount yet when {name} is used"
    if worst.discount >= route.PERCENT:
        return f"the discount is a share here, so {name} is empty: use discount.percent"
    if worst.discount >= route.AMOUNT:
        return f"the discount is a sum here, so {name} is empty: use discount.amount"
    return f"the discount can be a share or a sum here, so {name} can be empty"
