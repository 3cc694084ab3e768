"""Questions: is every answer understood, does each lead on, and do the buttons fit on a phone?"""

from collections import Counter
from collections.abc import Iterator

from bot.flow import route
from bot.flow.catalog import count_buttons
from bot.flow.check.case import Case
from bot.flow.limit import MAX_LIST_ROWS, MAX_REPLY_BUTTONS
from bot.flow.model import Answer, AskStep, OptOutStep, Step, TemplateUse
from bot.flow.problem import Mistake
from bot.flow.reply import plain_words


def judge_answers(case: Case, path: str, step: AskStep) -> None:
    """The answers of an ask, and what happens without one."""
    here = f"{path}.answers"
    others = [number for number, answer in enumerate(step.answers) if answer.anything_else is not None]
    if not others:
        message = "say what happens with any other answer: add '- anything_else:' with steps"
        case.told.tell(here, Mistake.NO_ANYTHING_ELSE, message)
    for number in others[1:]:
        message = "there is already an 'anything_else' above: take one of them out"
        case.told.tell(f"{here}.{number}.anything_else", Mistake.TWO_ANYTHING_ELSE, message)
    for number, answer in enumerate(step.answers):
        _judge_answer(case, f"{here}.{number}", answer)
    _judge_words(case, here, step)
    _judge_stop_words(case, here, step)
    _judge_buttons(case, here, step)
    _judge_branch(case, f"{path}.no_answer.then", step.no_answer.then)


def judge_list(case: Case, path: str, step: AskStep) -> None:
    """What is shown only in a list, which more than three buttons make, and never under a template."""
    if isinstance(step.ask, TemplateUse):
        why = "a template has no list"
    elif count_buttons(step) <= MAX_REPLY_BUTTONS:
        why = f"only more than {MAX_REPLY_BUTTONS} buttons make a list"
    else:
        return
    if step.menu is not None:
        case.told.tell(f"{path}.menu", Mistake.NOT_SHOWN, f"{why}, so nothing opens it: take 'menu' out")
    for number, answer in enumerate(step.answers):
        if answer.description is not None:
            message = f"{why}, so nobody sees this: take 'description' out"
            case.told.tell(f"{path}.answers.{number}.description", Mistake.NOT_SHOWN, message)


def _judge_answer(case: Case, path: str, answer: Answer) -> None:
    is_other = answer.anything_else is not None
    if is_other and (answer.button is not None or answer.words or answer.then):
        message = "'anything_else' stands alone, without button, words and then: make two answers of this"
        case.told.tell(path, Mistake.ANYTHING_ELSE_NOT_ALONE, message)
    if not is_other and answer.button is None and not answer.words:
        case.told.tell(path, Mistake.EMPTY_ANSWER, "an answer has a button, or words, or both: add 'button:' or 'words:'")
    for number, word in enumerate(answer.words):
        if not any(character.isalnum() for character in word):
            case.told.tell(f"{path}.words.{number}", Mistake.WORD_WITHOUT_LETTERS, "write a word with letters here")
    _judge_branch(case, f"{path}.{'anything_else' if is_other else 'then'}", answer.steps)


def _judge_branch(case: Case, path: str, steps: tuple[Step, ...]) -> None:
    if steps and case.told.is_broken(f"{path}.{len(steps) - 1}"):
        return
    if not route.says_what_comes_next(steps):
        message = "this branch does not say what comes next: finish it with continue, end, go_to or hand_over"
        case.told.tell(path, Mistake.BRANCH_WITHOUT_END, message)


def _judge_words(case: Case, path: str, step: AskStep) -> None:
    """A word that two answers want goes to the first of them: the other never hears it."""
    heard: dict[str, int] = {}
    for number, answer in enumerate(step.answers):
        for word_path, word in _words(f"{path}.{number}", answer):
            first = heard.setdefault(plain_words(word), number)
            if first != number and plain_words(word):
                message = f"the word '{word}' stands in two answers, and the first takes it: keep it in one of them"
                case.told.tell(word_path, Mistake.DUPLICATE_WORD, message)


def _judge_stop_words(case: Case, path: str, step: AskStep) -> None:
    """Who writes a stop word is taken at their word, whatever is asked: no answer ever hears it."""
    stops = {plain_words(word) for word in case.rules.opt_out_words}
    for number, answer in enumerate(step.answers):
        if answer.steps and isinstance(answer.steps[0], OptOutStep):
            continue  # it comes to the same
        for word_path, word in _words(f"{path}.{number}", answer):
            if plain_words(word) in stops:
                message = f"who writes '{word}' stops all messages, so this answer never hears it: take it out"
                case.told.tell(word_path, Mistake.WORD_NEVER_HEARD, message)


def _words(path: str, answer: Answer) -> Iterator[tuple[str, str]]:
    return ((f"{path}.words.{place}", word) for place, word in enumerate(answer.words))


def _judge_buttons(case: Case, path: str, step: AskStep) -> None:
    written = Counter(answer.button for answer in step.answers if answer.button is not None)
    for number, answer in enumerate(step.answers):
        if answer.button is None:
            continue
        here = f"{path}.{number}.button"
        if not answer.button.strip():
            case.told.tell(here, Mistake.EMPTY_TEXT, "write what stands on the button")
        if written[answer.button] > 1:
            message = f"two answers have the button '{answer.button}': write another text on one of them"
            case.told.tell(here, Mistake.DUPLICATE_BUTTON, message)
        if "{" in answer.button:
            case.told.tell(here, Mistake.PLACEHOLDER_IN_BUTTON, "a button cannot hold a placeholder: write fixed words on it")
    if count_buttons(step) > MAX_LIST_ROWS:
        message = f"an ask has at most {MAX_LIST_ROWS} buttons, this one has {count_buttons(step)}"
        case.told.tell(path, Mistake.TOO_MANY_BUTTONS, message)
