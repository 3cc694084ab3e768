"""What an owner did wrong, as data: the kind of mistake, the place, a sentence, and what to do about it.

Each kind has a stable name (editors and scripts may rely on it), a remedy in plain words, and a broken file in `tests/flow/broken`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

MAX_PROBLEMS = 100  # of one file: more than anyone mends in one sitting, and what bounds the time a hostile file can cost


class Severity(StrEnum):
    """`problem` keeps a flow from being loaded; `warning` keeps nothing out."""

    PROBLEM = "problem"
    WARNING = "warning"


class Mistake(StrEnum):
    """The kinds of mistakes."""

    # the file itself
    EMPTY_FILE = "empty_file"
    FILE_TOO_LARGE = "file_too_large"
    TOO_MANY_VALUES = "too_many_values"
    NESTED_TOO_DEEP = "nested_too_deep"
    NOT_UTF8 = "not_utf8"
    HIDDEN_CHARACTER = "hidden_character"
    ALIAS = "alias"
    YAML_TAG = "yaml_tag"
    DIRECTIVE = "directive"
    WRITTEN_TWICE = "written_twice"
    SEVERAL_DOCUMENTS = "several_documents"
    TAB = "tab"
    ODD_BEGINNING = "odd_beginning"
    QUOTE_NEVER_CLOSED = "quote_never_closed"
    NEEDS_QUOTES = "needs_quotes"
    BAD_INDENTATION = "bad_indentation"
    NOT_YAML = "not_yaml"
    BAD_KEY = "bad_key"
    BAD_FILE_NAME = "bad_file_name"
    STORE_FILE_MISSING = "store_file_missing"
    TOO_MANY_MISTAKES = "too_many_mistakes"
    # keys and values
    UNKNOWN_KEY = "unknown_key"
    UNKNOWN_STEP = "unknown_step"
    UNFINISHED_STEP = "unfinished_step"
    TWO_STEPS_IN_ONE = "two_steps_in_one"
    MISSING_KEY = "missing_key"
    WRONG_KIND_OF_VALUE = "wrong_kind_of_value"
    UNKNOWN_CHOICE = "unknown_choice"
    EMPTY_LIST = "empty_list"
    EMPTY_TEXT = "empty_text"
    BAD_LENGTH_OF_TIME = "bad_length_of_time"
    BAD_CLOCK_TIME = "bad_clock_time"
    BAD_LIMIT = "bad_limit"
    BAD_STAFF_HOURS = "bad_staff_hours"
    BAD_CURRENCY = "bad_currency"
    BAD_PRICE = "bad_price"
    BAD_TIMEZONE = "bad_timezone"
    BAD_LANGUAGE = "bad_language"
    BAD_LINK = "bad_link"
    BAD_DISCOUNT = "bad_discount"
    BAD_TAG = "bad_tag"
    # names, conditions and placeholders
    BAD_CONDITION = "bad_condition"
    CANNOT_COMPARE = "cannot_compare"
    UNKNOWN_NAME = "unknown_name"
    NAME_NOT_HERE = "name_not_here"
    UNKNOWN_SEGMENT = "unknown_segment"
    FAULTY_SEGMENT = "faulty_segment"
    SEGMENT_NAMES_ITSELF = "segment_names_itself"
    UNKNOWN_LINK = "unknown_link"
    BAD_PLACEHOLDER = "bad_placeholder"
    CAN_BE_EMPTY = "can_be_empty"
    # the flow and its steps
    NO_ABANDONED_AFTER = "no_abandoned_after"
    BAD_GAPS = "bad_gaps"
    AFTER_NOT_HERE = "after_not_here"
    THANKS_TWICE = "thanks_twice"
    GOAL_STOPS = "goal_stops"
    NEVER_HAPPENS = "never_happens"
    DUPLICATE_LABEL = "duplicate_label"
    UNKNOWN_LABEL = "unknown_label"
    TEXT_TOO_LONG = "text_too_long"
    # what a message shows beside its text
    PARTS_APART = "parts_apart"
    NOT_SHOWN = "not_shown"
    BAD_FILE = "bad_file"
    NO_SUCH_FILE = "no_such_file"
    FILE_TOO_HEAVY = "file_too_heavy"
    BAD_PLACE = "bad_place"
    BAD_PHONE = "bad_phone"
    NO_CATALOG = "no_catalog"
    TOO_MANY_PRODUCTS = "too_many_products"
    # questions and answers
    NO_ANYTHING_ELSE = "no_anything_else"
    TWO_ANYTHING_ELSE = "two_anything_else"
    ANYTHING_ELSE_NOT_ALONE = "anything_else_not_alone"
    EMPTY_ANSWER = "empty_answer"
    WORD_WITHOUT_LETTERS = "word_without_letters"
    DUPLICATE_WORD = "duplicate_word"
    WORD_NEVER_HEARD = "word_never_heard"
    DUPLICATE_BUTTON = "duplicate_button"
    PLACEHOLDER_IN_BUTTON = "placeholder_in_button"
    BUTTON_TOO_LONG = "button_too_long"
    TOO_MANY_BUTTONS = "too_many_buttons"
    BRANCH_WITHOUT_END = "branch_without_end"
    QUESTION_STILL_OPEN = "question_still_open"
    # templates as flows use them
    UNKNOWN_TEMPLATE = "unknown_template"
    FAULTY_TEMPLATE = "faulty_template"
    TEMPLATE_VALUE_MISSING = "template_value_missing"
    TEMPLATE_VALUE_UNKNOWN = "template_value_unknown"
    TEMPLATE_BUTTONS_DIFFER = "template_buttons_differ"
    TEMPLATE_ASKS = "template_asks"
    TEMPLATE_SHOWS_OTHER = "template_shows_other"
    TEMPLATE_NEEDS_PRODUCTS = "template_needs_products"
    TEMPLATE_NOT_IN_LANGUAGE = "template_not_in_language"
    NO_WAY_OUT = "no_way_out"
    # the ways through a flow
    WINDOW_CLOSED = "window_closed"
    NO_DISCOUNT_YET = "no_discount_yet"
    NOT_THAT_DISCOUNT = "not_that_discount"
    NEVER_REACHED = "never_reached"
    ENDLESS_CIRCLE = "endless_circle"
    RIVAL_FLOWS = "rival_flows"
    # what Meta refuses in a template
    BAD_TEMPLATE_NAME = "bad_template_name"
    TEMPLATE_TEXT_TOO_LONG = "template_text_too_long"
    TOO_MANY_EMOJI = "too_many_emoji"
    BAD_TEMPLATE_PLACEHOLDER = "bad_template_placeholder"
    PLACEHOLDER_AT_THE_EDGE = "placeholder_at_the_edge"
    PLACEHOLDERS_SIDE_BY_SIDE = "placeholders_side_by_side"
    TOO_MANY_IN_HEADER = "too_many_in_header"
    PLACEHOLDER_IN_FOOTER = "placeholder_in_footer"
    UNCLEAR_BUTTON = "unclear_button"
    MIXED_BUTTONS = "mixed_buttons"
    BAD_LINK_END = "bad_link_end"
    BAD_EXAMPLE_CODE = "bad_example_code"
    BAD_NUMBERING = "bad_numbering"
    UNCLEAR_HEADER = "unclear_header"
    BAD_OFFER = "bad_offer"
    BAD_CARDS = "bad_cards"
    # translations
    NOT_A_CATALOG = "not_a_catalog"
    TRANSLATION_TOO_LONG = "translation_too_long"
    TRANSLATION_DIFFERS = "translation_differs"
    TRANSLATION_REFUSED = "translation_refused"
    TRANSLATION_WITHOUT_WAY_OUT = "translation_without_way_out"
    NO_TRANSLATIONS = "no_translations"
    NOT_TRANSLATED = "not_translated"
    TRANSLATION_OUT_OF_DATE = "translation_out_of_date"

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return Severity.WARNING if self in _WARNINGS else Severity.PROBLEM

    @property
    def remedy(self) -> str:
        """What to do about any mistake of this kind."""
        return REMEDIES[self]


_WARNINGS = frozenset(
    {
        Mistake.QUESTION_STILL_OPEN,  # a reminder may well ask the same again, and only its owner knows whether it is the same
        Mistake.THANKS_TWICE,  # there may be something to say at each of them
        Mistake.NO_TRANSLATIONS,
        Mistake.NOT_TRANSLATED,
        Mistake.TRANSLATION_OUT_OF_DATE,
    }
)


class WrittenWrongly(ValueError):
    """A value that cannot be understood: its kind of mistake, and a sentence that says how to write it."""

    def __init__(self, kind: Mistake, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A mistake in a file of the owner's. Lines and columns count from 1; the end is the place behind the last character.

    The message is one sentence that says what to write instead. `remedy` is that alone, for an editor's hint.
    """

    file: str
    line: int
    column: int
    message: str
    kind: Mistake
    end_line: int
    end_column: int
    remedy: str

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.kind.severity

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


def problem_at_top(file: str, kind: Mistake, message: str, *, line: int = 1, column: int = 1) -> Problem:
    """A problem of which no more is known than where it begins: most often the first character of a file."""
    return Problem(file, line, column, message, kind, line, column + 1, kind.remedy)


def limited(problems: list[Problem]) -> list[Problem]:
    """The first MAX_PROBLEMS in reading order; if there were more, a last one that says so."""
    ordered = sorted(set(problems))
    if len(ordered) <= MAX_PROBLEMS:
        return ordered
    last = ordered[MAX_PROBLEMS]
    more = f"this file has more mistakes than these {MAX_PROBLEMS}: mend them first"
    return [*ordered[:MAX_PROBLEMS], problem_at_top(last.file, Mistake.TOO_MANY_MISTAKES, more, line=last.line, column=last.column)]


REMEDIES: Mapping[Mistake, str] = MappingProxyType(
    {
        Mistake.EMPTY_FILE: "write something into the file, or delete it",
        Mistake.FILE_TOO_LARGE: "split the file",
        Mistake.TOO_MANY_VALUES: "split the file",
        Mistake.NESTED_TOO_DEEP: "use a label and go_to instead of steps inside steps",
        Mistake.NOT_UTF8: "save the file as UTF-8 in your editor",
        Mistake.HIDDEN_CHARACTER: "delete the character and type the line again",
        Mistake.ALIAS: "put the text in quotes, or write out what is meant",
        Mistake.YAML_TAG: "put the text in quotes, or take the tag out",
        Mistake.DIRECTIVE: "put the text in quotes, or take the line out",
        Mistake.WRITTEN_TWICE: "keep one of the two",
        Mistake.SEVERAL_DOCUMENTS: "take the line '---' out, or make two files",
        Mistake.TAB: "indent with spaces",
        Mistake.ODD_BEGINNING: "put the text in quotes",
        Mistake.QUOTE_NEVER_CLOSED: "close the quote",
        Mistake.NEEDS_QUOTES: "put quotes around the text",
        Mistake.BAD_INDENTATION: "line the text up with the lines around it",
        Mistake.NOT_YAML: "compare the line with those around it",
        Mistake.BAD_KEY: "write a word before the ':'",
        Mistake.BAD_FILE_NAME: "rename the file",
        Mistake.STORE_FILE_MISSING: "write flows/store.yaml",
        Mistake.TOO_MANY_MISTAKES: "mend the mistakes above first",
        Mistake.UNKNOWN_KEY: "take the key out, or write one that is known here",
        Mistake.UNKNOWN_STEP: "begin the step with a word that is known, such as send, ask or wait",
        Mistake.UNFINISHED_STEP: "finish the step",
        Mistake.TWO_STEPS_IN_ONE: "begin a step of its own with '- '",
        Mistake.MISSING_KEY: "add the key",
        Mistake.WRONG_KIND_OF_VALUE: "write the kind of value that is meant here",
        Mistake.UNKNOWN_CHOICE: "write one of the words that are known here",
        Mistake.EMPTY_LIST: "write at least one entry",
        Mistake.EMPTY_TEXT: "write the text",
        Mistake.BAD_LENGTH_OF_TIME: "write a length of time like '1 hour' or '2 days'",
        Mistake.BAD_CLOCK_TIME: "write a time like '09:00'",
        Mistake.BAD_LIMIT: "write a limit like '1 per day, 3 per week'",
        Mistake.BAD_STAFF_HOURS: "write staff hours like 'Monday to Friday, 09:00 to 18:00'",
        Mistake.BAD_CURRENCY: "write three letters like EUR or USD",
        Mistake.BAD_PRICE: "write a price like 0.0509, for a country like ES or for 'default'",
        Mistake.BAD_TIMEZONE: "write a time zone like Europe/Madrid",
        Mistake.BAD_LANGUAGE: "write a code like en, es or pt_BR",
        Mistake.BAD_LINK: "write a whole link that begins with https://",
        Mistake.BAD_DISCOUNT: "write a discount like '5%' or '10 EUR'",
        Mistake.BAD_TAG: "write a short word",
        Mistake.BAD_CONDITION: "write a condition like 'cart.total is at least 50'",
        Mistake.CANNOT_COMPARE: "compare the name with a value of its own kind",
        Mistake.UNKNOWN_NAME: "write a name that is known, such as cart.total",
        Mistake.NAME_NOT_HERE: "take the name out, or start the flow on an event that brings it",
        Mistake.UNKNOWN_SEGMENT: "write a segment of store.yaml, or add this one there",
        Mistake.FAULTY_SEGMENT: "mend the segment in store.yaml",
        Mistake.SEGMENT_NAMES_ITSELF: "define the segment without itself",
        Mistake.UNKNOWN_LINK: "add the link to store.yaml under 'links:'",
        Mistake.BAD_PLACEHOLDER: 'write a placeholder like {contact.first_name or "there"}',
        Mistake.CAN_BE_EMPTY: "say what to write when it is empty",
        Mistake.NO_ABANDONED_AFTER: "add 'for:', as in 'for: 1 hour'",
        Mistake.BAD_GAPS: "write how many of their usual gaps, like '3 gaps'",
        Mistake.AFTER_NOT_HERE: "write 'for:' with a length of time instead",
        Mistake.THANKS_TWICE: "add 'again_after:', as in 'again_after: 3650 days'",
        Mistake.GOAL_STOPS: "keep the event in one of the two",
        Mistake.NEVER_HAPPENS: "start on another event, with an 'if:'",
        Mistake.DUPLICATE_LABEL: "give each step a label of its own",
        Mistake.UNKNOWN_LABEL: "write the label of a step of this flow",
        Mistake.TEXT_TOO_LONG: "shorten the text",
        Mistake.PARTS_APART: "make two messages of it",
        Mistake.NOT_SHOWN: "take it out, or add buttons",
        Mistake.BAD_FILE: "write a whole link, or the path of a file of the right kind",
        Mistake.NO_SUCH_FILE: "put the file there, or write the name of another",
        Mistake.FILE_TOO_HEAVY: "save the file smaller",
        Mistake.BAD_PLACE: "copy latitude and longitude from a map",
        Mistake.BAD_PHONE: "write a phone number like +34600000001",
        Mistake.NO_CATALOG: "add 'catalog:' with its id to store.yaml",
        Mistake.TOO_MANY_PRODUCTS: "take products out",
        Mistake.NO_ANYTHING_ELSE: "add '- anything_else:' with steps",
        Mistake.TWO_ANYTHING_ELSE: "keep one 'anything_else'",
        Mistake.ANYTHING_ELSE_NOT_ALONE: "make two answers of it",
        Mistake.EMPTY_ANSWER: "give the answer a button, or words",
        Mistake.WORD_WITHOUT_LETTERS: "write a word with letters",
        Mistake.DUPLICATE_WORD: "keep the word in one of the answers",
        Mistake.WORD_NEVER_HEARD: "take the word out, or out of the store's opt_out_words",
        Mistake.DUPLICATE_BUTTON: "write another text on one of the buttons",
        Mistake.PLACEHOLDER_IN_BUTTON: "write fixed words on the button",
        Mistake.BUTTON_TOO_LONG: "shorten the button",
        Mistake.TOO_MANY_BUTTONS: "take buttons out, or make words of some",
        Mistake.BRANCH_WITHOUT_END: "finish the branch with continue, end, go_to or hand_over",
        Mistake.QUESTION_STILL_OPEN: "write other words on one of the two buttons",
        Mistake.UNKNOWN_TEMPLATE: "write the name of a file in flows/templates, or add the file",
        Mistake.FAULTY_TEMPLATE: "mend the template's own file",
        Mistake.TEMPLATE_VALUE_MISSING: "add the value under 'with:'",
        Mistake.TEMPLATE_VALUE_UNKNOWN: "take the value out, or add its placeholder to the template",
        Mistake.TEMPLATE_BUTTONS_DIFFER: "write the same buttons in the same order as the template",
        Mistake.TEMPLATE_ASKS: "write 'ask:' with answers instead of 'send:'",
        Mistake.TEMPLATE_SHOWS_OTHER: "show what the template has room for",
        Mistake.TEMPLATE_NEEDS_PRODUCTS: "add 'products:' with the shop's ids of them",
        Mistake.TEMPLATE_NOT_IN_LANGUAGE: "translate all of the template: comeback translate",
        Mistake.NO_WAY_OUT: "add a button that leads to opt_out, or a stop word in the footer",
        Mistake.WINDOW_CLOSED: "use a template here",
        Mistake.NO_DISCOUNT_YET: "make the discount in a step above, on every way that leads here",
        Mistake.NOT_THAT_DISCOUNT: "use discount.percent for a share, discount.amount for a sum",
        Mistake.NEVER_REACHED: "take the step out, or lead a go_to to it",
        Mistake.ENDLESS_CIRCLE: "put a wait or an ask into the circle",
        Mistake.RIVAL_FLOWS: "add an 'if:' under 'start:' that leaves out whom the other flow takes",
        Mistake.BAD_TEMPLATE_NAME: "rename the file with small letters, digits and _",
        Mistake.TEMPLATE_TEXT_TOO_LONG: "shorten the text",
        Mistake.TOO_MANY_EMOJI: "take some emoji out",
        Mistake.BAD_TEMPLATE_PLACEHOLDER: "write one word of small letters, like {name}",
        Mistake.PLACEHOLDER_AT_THE_EDGE: "put a word or a dot beside the placeholder",
        Mistake.PLACEHOLDERS_SIDE_BY_SIDE: "write a word between the placeholders",
        Mistake.TOO_MANY_IN_HEADER: "keep one placeholder in the header",
        Mistake.PLACEHOLDER_IN_FOOTER: "write fixed words in the footer",
        Mistake.UNCLEAR_BUTTON: "write one of quick_reply, link, copy_code, products, catalog and call",
        Mistake.MIXED_BUTTONS: "put the quick replies next to one another",
        Mistake.BAD_LINK_END: "put {suffix} at the very end of one link",
        Mistake.BAD_EXAMPLE_CODE: "write letters and digits only",
        Mistake.BAD_NUMBERING: "number the placeholders 1, 2, 3, or give them names",
        Mistake.UNCLEAR_HEADER: "write a text, or one of image, video, document and location",
        Mistake.BAD_OFFER: "give the offer a link, and a copy_code beside it if you like",
        Mistake.BAD_CARDS: "build all cards alike, with an image or a video and one or two buttons",
        Mistake.NOT_A_CATALOG: "mend the line, or write the file anew with comeback translate",
        Mistake.TRANSLATION_TOO_LONG: "shorten the translation",
        Mistake.TRANSLATION_DIFFERS: "use the same placeholders as the source text",
        Mistake.TRANSLATION_REFUSED: "word the translation so that Meta takes it",
        Mistake.TRANSLATION_WITHOUT_WAY_OUT: "write one of the store's opt_out_words into the translation",
        Mistake.NO_TRANSLATIONS: "translate with comeback translate",
        Mistake.NOT_TRANSLATED: "translate with comeback translate",
        Mistake.TRANSLATION_OUT_OF_DATE: "look at the translation again and take the word fuzzy out",
    }
)
"""What to do, in plain words, by kind."""
