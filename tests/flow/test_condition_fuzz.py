"""Whatever is written as a condition: it is read or refused with a sentence, never otherwise, and never slowly.

Three kinds of texts, from dice that always fall the same: what the grammar makes, the same with something broken in it, and any Unicode.
"""

import random
import string
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.flow.condition import MAX_LENGTH, Condition, ConditionError, holds, parse, validate
from bot.flow.facts import ContactFacts
from bot.flow.names import KNOWN

from .known import ANA, DISCOUNT, NOBODY, NOW

FULL, QUICK = 10_000, 1_500
LONGEST_SECONDS = 0.010
TRIES = 5  # what is slow once was interrupted; what is slow each time is slow
PEOPLE = (ANA, NOBODY, replace(ANA, contact=ContactFacts("xx", "\ud800", "\x00")))
SEGMENTS = {"regulars": parse("orders.count is at least 3"), "itself": parse("in itself or in other"), "other": parse("not in itself")}
VALUES = [
    "5",
    "-3",
    "50 EUR",
    "0.10",
    "3 days",
    "60 days ago",
    "1.5 weeks ago",
    '"Ana María"',
    "“x”",
    "vip",
    "ES",
    "yes",
    "no",
    "cart.total",
]
COMPARISONS = [
    *("is", "is not", "is at least", "is at most", "is more than", "is less than", "is before", "is after", "has", "has no"),
    *("=", "!=", "<", "<=", ">", ">="),
]
NOISE = [
    "(",
    ")",
    "[",
    "]",
    ",",
    "'",
    '"',
    "“",
    "and",
    "or",
    "not",
    "in",
    "is",
    "ago",
    "€",
    "%",
    "{",
    "}",
    "\\",
    "\x00",
    "\u202e",
    "９",
    "．",
]


def grammatical(dice: random.Random, depth: int = 0) -> str:
    """A condition as the grammar makes it."""
    roll = dice.random()
    if depth < 6 and roll < 0.25:
        parts = [grammatical(dice, depth + 1) for _ in range(dice.randint(2, 4))]
        return f" {dice.choice(['and', 'or'])} ".join(parts)
    if depth < 6 and roll < 0.35:
        return f"({grammatical(dice, depth + 1)})"
    if depth < 6 and roll < 0.42:
        return f"not {grammatical(dice, depth + 1)}"
    if roll < 0.5:
        return f"in {dice.choice([*SEGMENTS, 'nowhere'])}"
    name = dice.choice([*KNOWN, "store.links.returns", "cart.totl"])
    if roll < 0.6:
        values = ", ".join(dice.choice(VALUES) for _ in range(dice.randint(1, 5)))
        return f"{name} {dice.choice(['is in', 'is not in'])} [{values}]"
    comparison, value = dice.choice(COMPARISONS), dice.choice(VALUES)
    return f"{name} {comparison} {'yes' if comparison == 'has' and value == 'no' else value}"  # `has no` is another comparison


def broken(dice: random.Random) -> str:
    """One of them with something in it cut out, doubled, moved or put in."""
    text = grammatical(dice)
    for _ in range(dice.randint(1, 4)):
        at, to = sorted((dice.randrange(len(text) + 1), dice.randrange(len(text) + 1)))
        change = dice.randrange(4)
        if change == 0:
            text = text[:at] + text[to:]
        elif change == 1:
            text = text[:to] + text[at:to] * dice.randint(1, 3) + text[to:]
        elif change == 2:
            text = text[:at] + dice.choice(NOISE) + text[at:]
        else:
            text = text[to:] + dice.choice(["", " ", " and "]) + text[:at]
    return text


def anything(dice: random.Random) -> str:
    """Any characters: of the keyboard, of all of Unicode, of halves that are no characters; or the same few many times over."""
    length = dice.choice([3, 20, 100, MAX_LENGTH, 5 * MAX_LENGTH])
    kind = dice.randrange(4)
    if kind == 0:
        return "".join(dice.choice(string.printable) for _ in range(length))
    if kind == 1:
        return "".join(chr(dice.randrange(0x110000)) for _ in range(length))
    if kind == 2:
        return " ".join(dice.choice([*NOISE, *COMPARISONS, *VALUES, *KNOWN]) for _ in range(length // 3))
    return dice.choice([" ", "\t", "(", "not ", "[", "9", "a.", "is ", "'", "x is in [x, ", "tags has x or "]) * (length // 2)


def texts(count: int) -> Iterator[str]:
    dice = random.Random(20261122)
    for number in range(count):
        yield (grammatical, broken, anything)[number % 3](dice)


def judge(text: str) -> Condition | None:
    """Read, judge and ask; None when it is refused with a sentence and a place."""
    try:
        condition = parse.__wrapped__(text)  # nothing that was read before
    except ConditionError as refused:
        told, at = refused.message, refused.offset
    else:
        ask(text, condition)
        return condition
    assert told
    assert 0 <= at <= max(len(text), MAX_LENGTH)
    return None


def ask(text: str, condition: Condition) -> None:
    """Judge it, and ask it about everybody."""
    for offset, sentence in validate(condition, SEGMENTS):
        assert sentence
        assert 0 <= offset < len(text)
    for facts in PEOPLE:
        for discount in (DISCOUNT, None):
            assert holds(condition, facts, discount, SEGMENTS, NOW) in (True, False)


def seconds(text: str) -> float:
    began = time.thread_time()
    judge(text)
    return time.thread_time() - began


def test_any_text_is_read_or_refused_with_a_sentence_and_never_slowly(full: bool) -> None:
    read = 0
    for text in texts(FULL if full else QUICK):
        took = seconds(text)
        if took > LONGEST_SECONDS:
            took = min(seconds(text) for _ in range(TRIES))
        assert took <= LONGEST_SECONDS, (took, text)
        read += judge(text) is not None if took < LONGEST_SECONDS / 10 and len(text) < 200 else 0
    assert read > (FULL if full else QUICK) / 10, "hardly any of these can be read: the dice are loaded"


def test_what_the_grammar_makes_can_be_read() -> None:
    dice = random.Random(7)
    refused = [text for text in (grammatical(dice) for _ in range(500)) if len(text) <= MAX_LENGTH and judge(text) is None]
    assert refused == []


@pytest.mark.parametrize("sign", ["\x00", "\ud800", "\u202e", "\ufeff", "\N{ZERO WIDTH JOINER}", "\u2028"])
def test_what_cannot_be_seen_is_no_word(sign: str) -> None:
    assert judge(f"cart.total is {sign} 5") is None or sign.isspace()
