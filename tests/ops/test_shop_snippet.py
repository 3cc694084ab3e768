"""`comeback shop snippet`: the line for a shop's pages, or what lacks for it."""

import argparse
import json

import pytest

from bot.command import shop_snippet

SET = {
    "COMEBACK_SHOPS": "main, lola",
    "COMEBACK_SHOP_MAIN_SITES": "casa-lola.com",
    "COMEBACK_PUBLIC_URL": "https://bot.example/comeback",
}
LINE = '<script async src="https://bot.example/comeback/snippet/main.js"></script>'


def said(monkeypatch: pytest.MonkeyPatch, *typed: str, **changed: str) -> int:
    """Run it as it is typed; the exit code."""
    for name, value in {**SET, **changed}.items():
        monkeypatch.setenv(name, value)
    parser = argparse.ArgumentParser()
    shop_snippet.arguments(parser)
    return shop_snippet.run(parser.parse_args(typed))


def test_the_line_and_what_a_policy_must_allow_are_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(monkeypatch, "main") == 0
    out = capsys.readouterr().out
    assert LINE in out
    assert "script-src https://bot.example; connect-src https://bot.example" in out
    assert said(monkeypatch, "main", "--json") == 0
    assert json.loads(capsys.readouterr().out)["line"] == LINE


@pytest.mark.parametrize(
    ("typed", "changed", "sentence"),
    [
        (["lola"], {}, "COMEBACK_SHOP_LOLA_SITES: is missing"),
        (["main"], {"COMEBACK_PUBLIC_URL": ""}, "COMEBACK_PUBLIC_URL: is missing"),
        ([], {}, "say which shop is meant: main, lola"),
        (["nobody"], {}, "there is no shop 'nobody': you have main, lola"),
        (["main"], {"COMEBACK_SHOP_MAIN_SITES": "casa lola"}, "does not read as values between commas"),
    ],
)
def test_what_lacks_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: list[str], changed: dict[str, str], sentence: str
) -> None:
    assert said(monkeypatch, *typed, **changed) == 78
    assert sentence in capsys.readouterr().err
