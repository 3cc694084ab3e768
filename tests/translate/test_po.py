"""The .po file of a language, kept in step with the flows."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flow import po
from bot.flow.po import update
from bot.flow.revision import Role
from bot.flow.source import Source

ROOT = Path(__file__).parents[2]


def said(text: str, role: Role = Role.MESSAGE, line: int = 1, plural: str | None = None) -> Source:
    return Source((role, (text,) if plural is None else (text, plural)), [("flows/f.yaml", line)], ["help"])


HELLO = said("Hello there, how are you?")
YES = said("Yes", Role.BUTTON, 2)


def translated(text: str, **translations: str) -> str:
    """The file with the first empty `msgstr` behind each of these texts filled in; spaces are written as underscores."""
    for source, translation in translations.items():
        before = f'msgid "{source.replace("_", " ")}"\nmsgstr "'
        assert before in text
        text = text.replace(f'{before}"', f'{before}{translation}"')
    return text


def test_a_new_file_holds_every_text_with_what_helps_to_translate_it() -> None:
    assert update(None, [HELLO, YES], "es").text == (
        "# What customers read and write, in Spanish. Write each translation behind msgstr; leave what stands in {braces} as it is.\n"
        "# 'comeback translate es' keeps this file in step with the flows, 'comeback check' says what is wrong in it.\n"
        'msgid ""\n'
        'msgstr ""\n'
        '"Language: es\\n"\n'
        '"MIME-Version: 1.0\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Content-Transfer-Encoding: 8bit\\n"\n'
        '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n'
        "\n"
        "#. help\n"
        "#: flows/f.yaml:1\n"
        'msgctxt "message"\n'
        'msgid "Hello there, how are you?"\n'
        'msgstr ""\n'
        "\n"
        "#. help\n"
        "#: flows/f.yaml:2\n"
        'msgctxt "button"\n'
        'msgid "Yes"\n'
        'msgstr ""\n'
    )


def test_translations_are_kept_and_a_second_update_changes_nothing() -> None:
    first = translated(update(None, [HELLO, YES], "es").text, Yes="Sí")
    again = update(first, [YES, HELLO, said("New", line=3)], "es")
    assert 'msgid "Yes"\nmsgstr "Sí"' in again.text
    assert again.added == ("New",)
    assert again.missing == ("Hello there, how are you?", "New")
    assert update(again.text, [YES, HELLO, said("New", line=3)], "es").text == again.text


def test_a_changed_sentence_is_fuzzy_with_the_old_one_beside_it_until_it_is_mended() -> None:
    first = translated(update(None, [HELLO], "es").text, **{"Hello_there,_how_are_you?": "Hola, ¿qué tal?"})
    changed = update(first, [said("Hello there, how are you today?")], "es")
    assert (changed.changed, changed.fuzzy) == (("Hello there, how are you today?",),) * 2
    assert '#, fuzzy\n#| msgid "Hello there, how are you?"\nmsgctxt' in changed.text
    assert "#~" not in changed.text
    assert update(changed.text, [said("Hello there, how are you today?")], "es").text == changed.text
    mended = changed.text.replace("#, fuzzy\n", "").replace('#| msgid "Hello there, how are you?"\n', "")
    assert update(mended, [said("Hello there, how are you today?")], "es").fuzzy == ()


def test_a_sentence_that_is_again_what_it_was_is_no_longer_fuzzy() -> None:
    first = translated(update(None, [HELLO], "es").text, **{"Hello_there,_how_are_you?": "Hola, ¿qué tal?"})
    changed = update(first, [said("Hello there, how are you today?")], "es")
    assert update(changed.text, [HELLO], "es").text == first


def test_a_sentence_changed_twice_shows_the_one_that_was_translated() -> None:
    text: str = translated(update(None, [HELLO], "es").text, **{"Hello_there,_how_are_you?": "Hola, ¿qué tal?"})
    for sentence in ("Hello there, how are you today?", "Hello there, how are you this morning?"):
        text = update(text, [said(sentence)], "es").text
    assert text.count("#| msgid") == 1
    assert '#| msgid "Hello there, how are you?"' in text


def test_what_is_gone_is_set_aside_and_comes_back_translated() -> None:
    first = translated(update(None, [HELLO, YES], "es").text, Yes="Sí")
    without = update(first, [HELLO], "es")
    assert without.gone == ("Yes",)
    assert '#~ msgctxt "button"\n#~ msgid "Yes"\n#~ msgstr "Sí"\n' in without.text
    assert update(update(without.text, [HELLO], "es").text, [HELLO, YES], "es").text == first


def test_an_untranslated_text_that_is_gone_leaves_nothing_behind() -> None:
    assert "Yes" not in update(update(None, [HELLO, YES], "es").text, [HELLO], "es").text


def test_another_text_that_happens_to_be_alike_keeps_its_translation() -> None:
    sources = [HELLO, said("Hello there, how are they?")]
    first = translated(update(None, [HELLO], "es").text, **{"Hello_there,_how_are_you?": "Hola, ¿qué tal?"})
    both = update(first, sources, "es")
    assert (both.changed, both.missing) == ((), ("Hello there, how are they?",))


def test_the_same_words_are_told_apart_by_what_they_are() -> None:
    sources = [said("Order", Role.BUTTON), said("Order", Role.WORD)]
    text = update(None, sources, "es").text
    text = text.replace('msgctxt "button"\nmsgid "Order"\nmsgstr ""', 'msgctxt "button"\nmsgid "Order"\nmsgstr "Pedir"')
    assert update(text, sources, "es").missing == ("Order",)


def test_a_file_without_contexts_is_taken_over() -> None:
    old = '# Spanish\nmsgid ""\nmsgstr "Language: es\\n"\n\n# Ana: formal\nmsgid "Yes"\nmsgstr "Sí"\n'
    updated = update(old, [YES, said("Yes", Role.WORD, 3)], "es")
    assert (updated.missing, updated.added, updated.gone) == ((), (), ())
    assert "# Ana: formal\n#. help" in updated.text


def test_a_counted_text_has_as_many_forms_as_the_language() -> None:
    source = said("{cart.items} thing", plural="{cart.items} things")
    arabic = update(None, [source], "ar").text
    assert [f"msgstr[{number}]" in arabic for number in range(7)] == [True] * 6 + [False]
    assert "#. [0] for 0; [1] for 1; [2] for 2; [3] for 3, 4, 5, 6; " in arabic
    assert "msgstr[1]" not in update(None, [source], "ja").text
    assert update(arabic.replace('msgstr[1] ""', 'msgstr[1] "x"'), [source], "ar").missing == ("{cart.items} thing",)


def test_the_order_of_a_files_own_forms_is_kept() -> None:
    source = said("{cart.items} thing", plural="{cart.items} things")
    own = "Plural-Forms: nplurals=2; plural=(n == 1);"
    text = update(None, [source], "es").text.replace("Plural-Forms: nplurals=2; plural=(n != 1);", own)
    assert own in update(text, [source], "es").text


def test_what_other_tools_write_is_read() -> None:
    poedit = (
        'msgid ""\nmsgstr ""\n"Language: es\\n"\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n"X-Generator: Poedit 3.4\\n"\n\n'
        '#, fuzzy\n#| msgctxt "button"\n#| msgid "Yep"\nmsgctxt "button"\nmsgid "Yes"\nmsgstr "Sí"\n\n'
        '#~| msgid "x"\n#~ msgid "Old"\n#~ msgstr "Viejo"\n'
    )
    updated = update(poedit, [YES], "es")
    assert updated.fuzzy == ("Yes",)
    assert '"X-Generator: Poedit 3.4\\n"' in updated.text
    assert '#~ msgid "Old"' in updated.text
    assert update(updated.text, [YES], "es").text == updated.text


def test_a_file_that_is_none_is_told_with_its_line() -> None:
    with pytest.raises(ValueError, match=r"this is not a translation file \(line 1\)"):
        update("hello\n", [YES], "es")


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(str.strip)
LINES = st.lists(TEXTS, min_size=1, max_size=3).map("\n".join)
SOURCES = st.lists(st.builds(said, LINES, st.sampled_from(Role)), min_size=1, max_size=5, unique_by=lambda source: source.id)


@settings(max_examples=80, deadline=None)
@given(st.lists(SOURCES, min_size=1, max_size=4), st.sampled_from(["es", "ar", "ja"]))
def test_whatever_changes_the_file_stays_readable_and_an_update_without_change_changes_nothing(
    changes: list[list[Source]], language: str
) -> None:
    text = None
    for sources in changes:
        text = update(text, sources, language).text
        again = update(text, sources, language)
        assert again.text == text
        assert again.total == len(sources)
        assert (again.changed, again.added, again.gone) == ((), (), ())


def test_no_date_and_no_clock_is_in_a_shipped_file() -> None:
    for path in (ROOT / "locales").glob("*/LC_MESSAGES/flows.po"):
        assert "Date" not in path.read_text("utf-8")
    assert po.ALIKE < 1
