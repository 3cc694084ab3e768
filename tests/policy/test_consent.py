"""How people say that they want no more."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.consent import BUILT_IN_WORDS, is_opt_out
from bot.policy.words import WORDS


@pytest.mark.parametrize(
    "text",
    [
        *(
            "stop",
            "STOP",
            " Stop ",
            "STOP.",
            "stop!!!",
            "ＳＴＯＰ",
            "«stop»",
            "st\u200bop",
            "stop 🛑",
            "🛑🛑 STOP 🛑",
            "s\u0301top",
            "\nstop\n",
        ),
        *("stop stop", "STOP STOP STOP!", "please stop", "Stop, please!", "stop, thank you", "Stop por favor", "bitte stopp"),
        *("Unsubscribe", "opt-out", "Opt out", "don't message me", "DON’T MESSAGE ME", "dont message me"),
        *("BAJA", "baja por favor", "No más mensajes.", "no mas mensajes", "cancelar suscripcion"),
        *("SAIR", "não quero mais mensagens", "Abmelden!", "arret", "ARRÊT", "désabonner", "DISISCRIVIMI", "afmelden"),
        *("DUR", "listeden cik", "LİSTEDEN ÇIK", "توقف", "ايقاف", "إيقاف", "बंद करो", "berhenti", "СТОП", "стоп!", "wypisz mnie"),
        *("WYPISUJE SIE", "στοπ", "עצור", "退订", "停止。", "ストップ", "ｽﾄｯﾌﾟ", "수신거부", "dung lai", "หยุด"),
    ],
)
def test_a_stop_word_is_understood_however_it_is_typed(text: str) -> None:
    assert is_opt_out(text, ())


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "🛑", "...", "no", "ok", "yes please", "please", "thanks", "thank you", "cancel", "cancel my order", "wait"),
        *("don't stop the order", "stop by tomorrow?", "when does the offer end", "nonstop", "I can't stop buying", "stop the order"),
        *("no quiero que pare el pedido", "la baja es para mi hermana", "quiero parar en la tienda", "por favor", "unstoppable"),
        *("esto es muy caro", "s t o p p e d", "stop stop the van", "\ud800", "\x00"),
    ],
)
def test_what_is_not_a_stop_word_alone_is_no_opt_out(text: str) -> None:
    assert not is_opt_out(text, ())


def test_the_owners_words_count_like_the_built_in_ones() -> None:
    assert not is_opt_out("cancelar", ())
    assert is_opt_out("¡Cancelar!", ("Cancelar", "ya no"))
    assert is_opt_out("YA NO, gracias", ("Cancelar", "ya no"))


def test_an_owners_word_without_letters_matches_nothing() -> None:
    assert not is_opt_out("", ("", "🛑"))
    assert not is_opt_out("👍", ("", "🛑"))


def test_every_built_in_word_is_understood_as_it_is_written() -> None:
    assert len(WORDS) >= 12
    assert [word for word in BUILT_IN_WORDS if not is_opt_out(word, ())] == []
    assert [word for word in BUILT_IN_WORDS if not is_opt_out(f"  {word.upper()}!! ", ())] == []


@given(st.text(), st.lists(st.text(max_size=20), max_size=4))
def test_no_text_is_an_error(text: str, words: list[str]) -> None:
    assert is_opt_out(text, words) in (True, False)


@given(st.sampled_from(sorted(BUILT_IN_WORDS)), st.text(alphabet=" .,!?¡¿…«»()🛑👋\u200b\n", max_size=30))
def test_signs_around_a_stop_word_change_nothing(word: str, signs: str) -> None:
    assert is_opt_out(signs + word + signs, ())


@pytest.mark.parametrize(
    "text",
    ["a" * 4096, "e\u0301\u0327" * 30_000, "please " * 143, "stop " * 200, "\u0315\u0300" * 30_000, "ﷺ" * 1000, "\U0001f6d1" * 60_000],
)
def test_a_hostile_text_takes_no_time(text: str) -> None:
    is_opt_out("warm", ())
    started = time.process_time()
    is_opt_out(text, ("baja",))
    assert time.process_time() - started < 0.1
