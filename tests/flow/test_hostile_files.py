"""Files that mean harm: refused in a twentieth of a second, with a sentence; and none keeps the rest of the store from loading."""

import time

import pytest

from bot.flow.document import MAX_BYTES
from bot.flow.library import Library, load
from bot.flow.problem import MAX_PROBLEMS
from tests.flow.owner import STORE, TEMPLATES

HEAD = "name: x\npurpose: service\nstart:\n  when: message_received\nsteps:\n"
SOUND = HEAD.replace("message_received", "opted_in") + "  - tag: x\n"
SOON = 0.05  # seconds of this process in which a file that is an attack on YAML must be refused
IN_THE_END = 0.4  # seconds for one that is YAML, and wrong in thousands of places
LAUGHS = "a: &a [x, x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20))

NOT_UTF8 = "this file is not UTF-8: save it as UTF-8 in your editor"
ATTACKS = {
    "a billion laughs": (LAUGHS, "anchors (&name) are not allowed; a text that begins with '&' needs quotes"),
    "aliases": ("a: [" + "*a, " * 60_000, "aliases (*name) are not allowed; a text that begins with '*' needs quotes"),
    "code by a tag": ("a: !!python/object/apply:os.system [ls]", "tags (!name) are not allowed; a text that begins with '!' needs quotes"),
    "a tag without end": ("a: !<" + "a" * 200_000, "a text that begins with '!' needs quotes around it"),
    "a key written again and again": ("a: 1\n" * 40_000, "'a' is written twice here: keep one of them"),
    "merge keys": ("a: {x: 1}\nb:\n  <<: *a\n", "aliases (*name) are not allowed; a text that begins with '*' needs quotes"),
    "lists without end": ("[" * 100_000, "this is nested more than 32 levels deep: use a label and go_to instead"),
    "mappings without end": ("{a: " * 50_000, "this is nested more than 32 levels deep: use a label and go_to instead"),
    "deeper and deeper": (
        "".join(" " * level + "a:\n" for level in range(700)),
        "this is nested more than 32 levels deep: use a label and go_to instead",
    ),
    "too many values": ("- a\n" * 60_000, "this file holds more than 5,000 values: split it"),
    "too large": ("a" * (MAX_BYTES + 1), "this file has 256 KiB, more than the 256 KiB a file may have: split it"),
    "far too large": ("a: b\n" * 10_000_000, "this file has 48828 KiB, more than the 256 KiB a file may have: split it"),
    "a huge key": (
        f"? {'a' * 250_000}\n: b",
        "what stands before a ':' has at most 64 characters: a text that holds ': ' needs quotes around it",
    ),
    "nothing but NUL": ("\0" * 250_000, "a character that no editor shows stands here (U+0000): delete it"),
    "UTF-16": (HEAD.encode("utf-16").decode("utf-8", "replace"), NOT_UTF8),
    "no text at all": (bytes(range(128, 256)).decode("utf-8", "replace") * 500, NOT_UTF8),
    "half a character": ("a: \ud83d", "a character that no editor shows stands here (U+D83D): delete it"),
    "tabs": (HEAD + "\t" * 200_000 + "- end", "this line begins with a tab: indent with spaces"),
    "quotes": ('"' * 260_000, None),
    "documents": ("--- a\n" * 40_000, "a file holds one document: take the line '---' out"),
    "a directive": ("%YAML 1.1\n%TAG ! tag:x,2000:\n---\na: !b c", "a line that begins with '%' says nothing here: take it out"),
    "colons": (":" * 200_000, None),
    "commas": ("[" + "," * 200_000, None),
    "comments": ("#" * 260_000, "this file is empty: write something into it, or delete it"),
}  # fmt: skip


def loaded(text: str, path: str = "flows/evil.yaml") -> tuple[Library, float]:
    """The store with a file of an enemy's, and the seconds it took (the best of a few: the machine may be busy with others)."""
    files = {"flows/store.yaml": STORE, "flows/sound.yaml": SOUND, path: text}
    files |= {f"flows/templates/{name}.yaml": template for name, template in TEMPLATES.items() if name != "broken"}
    cost = 9.0
    for _ in range(5):
        begin = time.process_time()
        library = load(files)
        cost = min(cost, time.process_time() - begin)
        if cost < SOON:
            break
    return library, cost


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_yaml_is_refused_at_once_with_a_sentence(name: str) -> None:
    text, sentence = ATTACKS[name]
    library, cost = loaded(text)
    assert cost < SOON
    [problem] = library.problems
    assert sentence is None or problem.message == sentence
    assert list(library.flows) == ["sound"]


@pytest.mark.parametrize("path", ["flows/store.yaml", "flows/templates/evil.yaml"])
def test_it_does_not_matter_which_file_it_is(path: str) -> None:
    library, cost = loaded(LAUGHS, path)
    assert cost < SOON
    assert [problem.file for problem in library.problems] == [path]


def test_a_mark_of_the_byte_order_is_no_attack() -> None:
    library, _ = loaded("\ufeff" + HEAD + "  - send: Hello {x}\n")
    assert [str(problem) for problem in library.problems] == ["flows/evil.yaml:6:17: I do not know 'x'"]


def steps(step: str, count: int) -> str:
    return HEAD + "".join(f"  - {step.format(number)}\n" for number in range(count))


ENDLESS = {
    "60,000 placeholders nobody knows": HEAD + ('  - send: "' + "{a}" * 1_300 + '"\n') * 60,
    "one text of them": HEAD + '  - send: "' + "{ab}" * 60_000 + '"\n',
    "braces": HEAD + '  - send: "' + "{" * 250_000 + '"\n',
    "conditions of names nobody knows": HEAD
    + "".join(f"  - if: {' or '.join(f'a{n}x{i} is 1' for i in range(60))}\n    then: [end]\n" for n in range(250)),
    "brackets": HEAD + f"  - if: {'(' * 100_000}\n    then: [end]\n",
    "keys nobody knows": HEAD + "".join(f"  - send: x\n    k{number}: y\n" for number in range(1_600)),
    "steps nobody knows": steps("sedn: x", 2_400),
    "labels nobody has": steps("go_to: label{}", 2_400),
    "labels that are nearly there": HEAD + "".join(f"  - label: label{n}\n    go_to: labe{n}l\n" for n in range(1_600)),
    "circles": HEAD + "".join(f"  - label: l{n}\n    go_to: l{(n * 7 + 3) % 1_600}\n" for n in range(1_600)),
    "questions": HEAD
    + "".join(
        f"  - label: q{n}\n    ask: Q?\n    answers:\n      - {{button: Yes, then: [tag: t{n}, go_to: q{n * 3 % 220}]}}\n"
        "      - anything_else: [continue]\n    no_answer: {after: 1 minute, then: [continue]}\n"
        for n in range(220)
    )
    + "  - wait: soon\n",
    "a long tag": HEAD + f"  - tag: {'a' * 250_000}\n",
    "a long length of time": HEAD + f"  - wait: {'9' * 250_000} days\n",
    "digits": HEAD + f"  - discount: {'9' * 250_000}\n    valid_for: 1 day\n",
    "forms": HEAD + '  - send: "{orders.count ' + "a/" * 100_000 + 'b}"\n',
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_file_with_mistakes_without_end_is_told_the_first_of_them_soon(name: str) -> None:
    library, cost = loaded(ENDLESS[name])
    assert cost < IN_THE_END
    assert 1 <= len(library.problems) <= MAX_PROBLEMS + 1
    assert all(len(problem.message) <= 400 for problem in library.problems)
    assert list(library.flows) == ["sound"]


RULES = {
    "a time zone of many parts": STORE.replace("Europe/Madrid", "a." * 2_000),
    "a long time zone": STORE.replace("Europe/Madrid", "Europe/" * 20_000),
    "a long language": STORE.replace("[en]", f"[{'en_' * 60_000}]"),
    "segments in a chain": STORE + "".join(f"  s{number}: in s{number + 1}\n" for number in range(2_400)),
    "segments in circles": STORE + "".join(f"  s{n}: {' or '.join(f'in s{m}' for m in range(180, 190))}\n" for n in range(190)),
    "limits": STORE + f"marketing_limit: {',' * 200_000}\n",
    "days": STORE + f"staff_hours: {'Monday and ' * 20_000}, 09:00 to 18:00\n",
}


@pytest.mark.parametrize("name", RULES)
def test_rules_that_mean_harm_are_told_too(name: str) -> None:
    library, cost = loaded(RULES[name], "flows/store.yaml")
    assert cost < IN_THE_END
    assert 1 <= len(library.problems) <= MAX_PROBLEMS + 1
    assert {problem.file for problem in library.problems} == {"flows/store.yaml"}
