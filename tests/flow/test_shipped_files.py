"""The example shop that ships: nothing is wrong with it, in any of its languages."""

from typing import Any

import pytest

from bot.flow.library import extract, load
from bot.flow.model import OptOutStep, walk
from bot.flow.reply import meant
from bot.flow.revision import Category, Revision
from bot.flow.template import quick_replies

from .owner import shipped_files

FILES = shipped_files()
SHIPPED = load(FILES)


def test_nothing_is_wrong_and_nothing_is_left_to_translate() -> None:
    assert SHIPPED.problems == ()
    assert SHIPPED.warnings == ()
    assert set(SHIPPED.flows) == {
        *("back_in_stock", "browse_reminder", "cart_reminder", "cross_sell", "loyalty", "price_drop", "reorder_nudge", "review_request"),
        *("welcome", "win_back"),
    }
    assert SHIPPED.rules.languages == ("en", "es", "pt_BR", "ar", "hi")


@pytest.mark.parametrize("language", ["es", "pt_BR", "ar", "hi"])
def test_every_text_and_template_exists_in_every_language(language: str) -> None:
    for revision in SHIPPED.flows.values():
        for template in revision.templates.values():
            assert revision.template_language(template, language) == language
    revisions = SHIPPED.flows.values()
    spoken = {text for revision in revisions for text in revision.translations[language]}
    spoken |= {text for revision in revisions if language in revision.counted for text in revision.counted[language].forms}
    assert len(spoken) == len(extract(FILES))


@pytest.mark.parametrize(
    ("text", "language"),
    [("too expensive", "en"), ("es muy caro", "es"), ("É muito CARO!", "pt_BR"), ("any discount?", "es"), ("¿hay descuento?", "es")],
)
def test_who_finds_it_too_expensive_is_understood(text: str, language: str) -> None:
    revision = SHIPPED.flows["cart_reminder"]
    number = meant(revision, first_answers(revision), text, language)
    assert number is not None
    assert first_answers(revision)[number].words == ("discount", "cheaper", "expensive")


def test_every_marketing_question_offers_to_stop_in_the_words_of_its_template() -> None:
    for name in ("cart_reminder", "cross_sell", "reorder_nudge", "review_request", "win_back"):
        revision = SHIPPED.flows[name]
        stops = [path for path, step in walk(revision.flow.steps) if isinstance(step, OptOutStep)]
        asking = [template for template in revision.templates.values() if quick_replies(template)]
        assert len(stops) == len(asking)
        assert {quick_replies(template)[-1] for template in asking} == {"Stop these messages"}


def test_every_marketing_footer_names_a_stop_word_in_every_language() -> None:
    words = [word.upper() for word in SHIPPED.rules.opt_out_words]
    for revision in SHIPPED.flows.values():
        for template in revision.templates.values():
            assert (template.category is Category.UTILITY) is (template.name == "review_request")  # a plain question about an order
            for language in SHIPPED.rules.languages:
                footer = revision.translate(template.footer or "", language)
                assert any(word in footer for word in words), (template.name, language)


def first_answers(revision: Revision) -> Any:
    return getattr(revision.flow.steps[0], "answers")  # noqa: B009 - whatever kind of step it is
