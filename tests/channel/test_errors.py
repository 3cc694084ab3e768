"""Meta's error codes, as the house understands them."""

import pytest

from bot.channel import Failure, Remedy
from bot.channel.whatsapp.errors import VERDICTS, explain, for_code

# Whoever says one of these has surely not taken the message (Cloud API: limits, windows, tokens).
SURELY_NOT_TAKEN = [
    0,
    4,
    190,
    80007,
    130429,
    131026,
    131031,
    131042,
    131047,
    131048,
    131049,
    131050,
    131056,
    131057,
    132001,
    132015,
    200,
    368,
]

PERHAPS_TAKEN = [1, 2, 131000, 131016, 133004]


@pytest.mark.parametrize("code", SURELY_NOT_TAKEN)
@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_clear_no_is_a_no_whatever_the_http_status(code: int, status: int) -> None:
    assert for_code(code, status).failure is not Failure.UNKNOWN


@pytest.mark.parametrize("code", PERHAPS_TAKEN)
@pytest.mark.parametrize("status", [400, 500, 503])
def test_trouble_inside_whatsapp_is_never_taken_for_a_no(code: int, status: int) -> None:
    assert for_code(code, status).failure is Failure.UNKNOWN


@pytest.mark.parametrize("code", [-1, 5, 199, 300, 131099, 10**12])
def test_a_code_nobody_knows_is_a_no_with_4xx_and_unknown_with_5xx(code: int) -> None:
    assert for_code(code).failure is Failure.REFUSED
    assert for_code(code, 503).failure is Failure.UNKNOWN


def test_every_verdict_tells_the_owner_something_and_waits_where_it_must() -> None:
    for code, verdict in VERDICTS.items():
        assert verdict.sentence, code
        assert verdict.remedy is not Remedy.PAUSE_NUMBER or verdict.retry_after, code
        assert verdict.remedy is not Remedy.PAUSE_PERSON or verdict.retry_after, code
        # Who must wait for the owner, or may try again, keeps its place in the queue.
        stops = verdict.remedy in (Remedy.STOP_ALL, Remedy.RENEW_TOKEN, Remedy.STOP_MARKETING)
        assert not stops or verdict.failure is Failure.RETRY, code
        assert not stops or verdict.advice, code
        # Only a status says that what nobody knew did not arrive, and even then it is not tried for ever.
        assert verdict.failure is not Failure.UNKNOWN or (verdict.late, verdict.tries) == (Failure.RETRY, 3), code


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ({}, "WhatsApp gave no reason"),
        ({"code": "x", "title": 7, "error_data": []}, "WhatsApp gave no reason"),
        ({"code": 131050}, "this person stopped marketing messages in WhatsApp"),
        ({"code": 424242, "title": "Odd"}, "WhatsApp refused the message with error 424242 (WhatsApp: Odd)"),
        (
            {"code": 100, "message": "(#100) Invalid", "error_user_msg": "The body is too long."},
            "WhatsApp did not understand the message: a part of it is wrong (WhatsApp: The body is too long.)",
        ),
        (
            {"code": 131030, "error_data": {"details": "Recipient +1 (650) 555-1234 is not allowed, US.13491208655302741918 neither"}},
            "a test number may only write to the phones on its allow list (WhatsApp: Recipient ... is not allowed, US.... neither)",
        ),
    ],
)
def test_the_owner_reads_our_sentence_and_metas_without_long_numbers(error: dict[str, object], sentence: str) -> None:
    assert explain(error) == sentence


def test_a_long_detail_is_cut() -> None:
    assert len(explain({"code": 1, "title": "x" * 100_000})) < 500
