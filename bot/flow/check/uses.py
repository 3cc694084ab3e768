"""Templates as a flow uses them: do name, values, buttons and languages fit the template's own file, and can the customer stop it?"""

from bot.flow.catalog import names_one
from bot.flow.check.case import Case
from bot.flow.check.parts import judge_files, judge_products
from bot.flow.check.words import judge_placeholder
from bot.flow.model import Answer, AskStep, OptOutStep, SendStep, TemplateUse, files_of, template_of, text_of
from bot.flow.names import did_you_mean
from bot.flow.problem import Mistake
from bot.flow.revision import ButtonKind, Category, Template
from bot.flow.run import Purpose
from bot.flow.template import quick_replies, template_placeholders
from bot.flow.text import Placeholder, TextError, read_expression


def judge_use(case: Case, path: str, use: TemplateUse, ask: AskStep | None, *, is_alone: bool) -> None:
    """A template in a `send` (`ask` is None) or an `ask`; alone, or instead of a text."""
    _judge_values(case, path, use)
    here = f"{path}.template"
    template = case.around.templates.get(use.template)
    if use.template in case.around.faulty_templates:
        message = f"the template '{use.template}' has mistakes of its own: mend flows/templates/{use.template}.yaml"
        case.told.tell(here, Mistake.FAULTY_TEMPLATE, message)
        return
    if template is None:
        hint = did_you_mean(use.template, case.around.templates) or f": write flows/templates/{use.template}.yaml"
        case.told.tell(here, Mistake.UNKNOWN_TEMPLATE, f"there is no template '{use.template}'{hint}")
        return
    _judge_filling(case, path, use, template)
    _judge_shown(case, path, use, template, is_alone=is_alone)
    if ask is None and quick_replies(template):
        message = f"the template '{template.name}' has buttons to answer with: use ask instead of send"
        case.told.tell(here, Mistake.TEMPLATE_ASKS, message)
    for language in case.rules.languages[1:]:
        if language not in case.around.template_languages.get(template.name, frozenset()):
            message = f"the template '{template.name}' has no '{language}' version, and this store speaks {language}"
            case.told.tell(here, Mistake.TEMPLATE_NOT_IN_LANGUAGE, message, f"translate the template: comeback translate {language}")
    if not _has_way_out(case, template, ask):
        footer = f"a stop word in the footer of '{template.name}'"
        message = f"marketing needs a way out: add a button that leads to opt_out, or {footer}"
        case.told.tell(here, Mistake.NO_WAY_OUT, message)


def _judge_values(case: Case, path: str, use: TemplateUse) -> None:
    for name, value in use.with_.items():
        here = f"{path}.with.{name}"
        try:
            meant = read_expression(value)
        except TextError as error:
            case.told.tell_inside(here, error.offset, Mistake.BAD_PLACEHOLDER, error.message)
            continue
        if isinstance(meant, Placeholder):
            judge_placeholder(case, here, meant, "{}")


def _judge_filling(case: Case, path: str, use: TemplateUse, template: Template) -> None:
    wanted = template_placeholders(template)
    for name in wanted:
        if name not in use.with_:
            message = f"the template '{template.name}' needs a value for {{{name}}}: add '{name}:' under 'with:'"
            case.told.tell(f"{path}.template", Mistake.TEMPLATE_VALUE_MISSING, message)
    for name in use.with_:
        if name not in wanted:
            hint = did_you_mean(name, wanted) or ": take it out"
            message = f"the template '{template.name}' has no {{{name}}}{hint}"
            case.told.tell(f"{path}.with.{name}", Mistake.TEMPLATE_VALUE_UNKNOWN, message)


def _judge_shown(case: Case, path: str, use: TemplateUse, template: Template, *, is_alone: bool) -> None:
    """What a template shows beside its words. What stands beside a text as well need not be in the template that goes instead."""
    if is_alone:
        judge_files(case, path, use)
        judge_products(case, path, use, needs_catalog=False)
        room = template.header_file.kind if template.header_file else None
        for kind in (kind for kind in files_of(use) if kind != room):
            has = f"its header is {'an' if room[0] in 'aeiou' else 'a'} {room}" if room else "it has no header for files"
            message = f"the template '{template.name}' cannot show this {kind}, {has}: take it out"
            case.told.tell(f"{path}.{kind}", Mistake.TEMPLATE_SHOWS_OTHER, message)
    goods = {button.kind for button in template.buttons}
    if ButtonKind.PRODUCTS in goods and not use.products:
        message = f"the template '{template.name}' shows products: add 'products:' with the shop's ids of them"
        case.told.tell(f"{path}.template", Mistake.TEMPLATE_NEEDS_PRODUCTS, message)
    if is_alone and use.products and not goods.intersection((ButtonKind.PRODUCTS, ButtonKind.CATALOG)):
        message = f"the template '{template.name}' has no button for products: take 'products' out"
        case.told.tell(f"{path}.products", Mistake.TEMPLATE_SHOWS_OTHER, message)


def judge_quick_replies(case: Case, path: str, step: AskStep, name: str) -> None:
    """The buttons under a template are Meta's copy of them: an ask names the same, in the same order."""
    template = case.around.templates.get(name)
    if template is None or name in case.around.faulty_templates:
        return
    wanted = quick_replies(template)
    written = [(number, answer.button) for number, answer in enumerate(step.answers) if answer.button is not None]
    if tuple(button for _, button in written) == wanted:
        return
    buttons = ", ".join(f"'{title}'" for title in wanted) or "none"
    number = next((number for place, (number, button) in enumerate(written) if wanted[place : place + 1] != (button,)), None)
    here = path if number is None else f"{path}.{number}.button"
    message = f"the buttons of the template '{name}' are, in this order: {buttons}"
    case.told.tell(here, Mistake.TEMPLATE_BUTTONS_DIFFER, message)


# ---- the way out


def _has_way_out(case: Case, template: Template, ask: AskStep | None) -> bool:
    """Marketing must say how to stop it: by a button that opts out at once, or by a stop word in the footer."""
    if case.flow.purpose is not Purpose.MARKETING and template.category is not Category.MARKETING:
        return True
    # Meta allows no footer under an offer and none around cards: there the body says it
    said = template.body if template.offer or template.cards else template.footer or ""
    return names_one(said, case.rules.opt_out_words) or (ask is not None and any(map(_opts_out, ask.answers)))


def _opts_out(answer: Answer) -> bool:
    return answer.button is not None and bool(answer.steps) and isinstance(answer.steps[0], OptOutStep)


def judge_way_out(case: Case) -> None:
    """A marketing flow without templates (each of those is judged alone) must say somewhere how to stop it, too."""
    writing = [step for step in case.steps.values() if isinstance(step, SendStep | AskStep)]
    texts = [step.send if isinstance(step, SendStep) else step.ask for step in writing]
    if case.flow.purpose is not Purpose.MARKETING or not texts or any(template_of(text) for text in texts):
        return
    says_so = any(names_one(f"{text_of(text)} {getattr(text, 'footer', '')}", case.rules.opt_out_words) for text in texts)
    if not says_so and not any(isinstance(step, OptOutStep) for step in case.steps.values()):
        word = case.rules.opt_out_words[0].upper()
        message = f"marketing needs a way out: add an answer that leads to opt_out, or tell people to write {word}"
        case.told.tell("purpose", Mistake.NO_WAY_OUT, message)
