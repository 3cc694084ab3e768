"""Standard Webhooks: what is accepted, what is refused, and that nothing raises."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict

from bot.shop.signature import ID, SIGNATURE, TIMESTAMP, Encoding, body_signed, same, sign, signed, valid_secret

NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
BODY = b'{"type":"order.created"}'
SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"o" * 32).decode()


def headers(**changed: str) -> dict[str, str]:
    return sign("msg_1", NOW, BODY, SECRET) | {key.replace("_", "-"): value for key, value in changed.items()}


def test_a_signature_is_the_one_of_the_specification() -> None:
    """Computed here by hand from the text of the specification, so that both sides cannot be wrong together."""
    expected = hmac.new(bytes(range(24)), b"msg_1.%d." % int(NOW.timestamp()) + BODY, hashlib.sha256).digest()
    assert headers()[SIGNATURE] == "v1," + base64.b64encode(expected).decode()


def test_the_example_of_the_specification_is_accepted() -> None:
    """The test vector that the Standard Webhooks libraries share."""
    vector = {
        ID: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        TIMESTAMP: "1614265330",
        SIGNATURE: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    at = datetime.fromtimestamp(1614265330, UTC)
    assert signed(vector, b'{"test": 2432232314}', ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], at)


@pytest.mark.parametrize("cased", [str.lower, str.upper, str.title])
def test_header_names_are_read_in_any_case(cased: Callable[[str], str]) -> None:
    renamed = {cased(key): value for key, value in headers().items()}
    assert signed(renamed, BODY, [SECRET], NOW)
    assert signed(CIMultiDict(renamed), BODY, [SECRET], NOW)


def test_old_and_new_secret_are_both_accepted_while_rotating_and_a_removed_one_is_not() -> None:
    by_old = sign("msg_1", NOW, BODY, OLD_SECRET)
    assert signed(by_old, BODY, [SECRET, OLD_SECRET], NOW)
    assert signed(headers(), BODY, [SECRET, OLD_SECRET], NOW)
    assert not signed(by_old, BODY, [SECRET], NOW)


def test_one_good_signature_among_others_is_enough() -> None:
    many = f"v1a,AAAA v1,!!! {sign('msg_1', NOW, BODY, OLD_SECRET)[SIGNATURE]} {headers()[SIGNATURE]}"
    assert signed(headers(webhook_signature=many), BODY, [SECRET], NOW)


@pytest.mark.parametrize(("minutes", "accepted"), [(-5.1, False), (-5, True), (0, True), (5, True), (5.1, False)])
def test_a_message_is_only_good_for_five_minutes(minutes: float, accepted: bool) -> None:
    assert signed(headers(), BODY, [SECRET], NOW + timedelta(minutes=minutes)) is accepted


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook_id": "msg_2"},
        {"webhook_id": ""},
        {"webhook_id": "msg.1"},
        {"webhook_id": "m\n"},
        {"webhook_timestamp": str(int(NOW.timestamp()) + 1)},
        {"webhook_timestamp": f"{NOW.timestamp()}"},
        {"webhook_timestamp": f" {int(NOW.timestamp())}"},
        {"webhook_timestamp": str(int(NOW.timestamp())).replace("1", "\u0661")},  # digits, but not plain ones
        {"webhook_timestamp": "-1"},
        {"webhook_timestamp": "9" * 400},
        {"webhook_timestamp": "now"},
        {"webhook_signature": ""},
        {"webhook_signature": "v1"},
        {"webhook_signature": "v1,"},
        {"webhook_signature": "v1,AAA"},
        {"webhook_signature": "v1,a,b"},
        {"webhook_signature": "v1,\udcff\udcff"},
        {"webhook_signature": "v2," + sign("msg_1", NOW, BODY, SECRET)[SIGNATURE][3:]},
        {"webhook_signature": "v1," * 100_000},
    ],
)
def test_a_wrong_header_is_refused(changed: dict[str, str]) -> None:
    assert not signed(headers(**changed), BODY, [SECRET], NOW)


def test_a_missing_or_repeated_header_is_refused() -> None:
    for name in (ID, TIMESTAMP, SIGNATURE):
        assert not signed({key: value for key, value in headers().items() if key != name}, BODY, [SECRET], NOW)
        repeated = CIMultiDict(headers())
        repeated.add(name, headers()[name])
        assert not signed(repeated, BODY, [SECRET], NOW)


def test_a_changed_body_is_refused() -> None:
    assert not signed(headers(), BODY + b" ", [SECRET], NOW)
    assert not signed(headers(), b"\xff\xfe", [SECRET], NOW)


def test_nothing_is_accepted_without_a_secret() -> None:
    assert not signed(headers(), BODY, [], NOW)
    assert not signed(headers(), BODY, ["", "whsec_", "secret"], NOW)


@given(st.text(), st.text(), st.text(), st.binary())
@example("msg_1", "1" * 5000, "v1,\ud800", b"")
def test_hostile_headers_never_raise(message_id: str, seconds: str, signature: str, body: bytes) -> None:
    assert not signed({ID: message_id, TIMESTAMP: seconds, SIGNATURE: signature}, body, [SECRET], NOW)


@pytest.mark.parametrize(
    ("secret", "valid"),
    [
        (SECRET, True),
        ("whsec_" + base64.b64encode(b"k" * 64).decode(), True),
        ("whsec_" + base64.b64encode(b"k" * 23).decode(), False),
        ("whsec_" + base64.b64encode(b"k" * 65).decode(), False),
        ("whsec_not base64", False),
        (SECRET.removeprefix("whsec_"), False),
        ("whsec_\ud800", False),
        ("", False),
    ],
)
def test_a_secret_is_whsec_and_the_base64_of_24_to_64_bytes(secret: str, valid: bool) -> None:
    assert valid_secret(secret) is valid


def test_signing_with_a_bad_secret_or_id_is_refused() -> None:
    with pytest.raises(ValueError, match="whsec_"):
        sign("msg_1", NOW, BODY, "secret")
    with pytest.raises(ValueError, match="dot"):
        sign("msg.1", NOW, BODY, SECRET)


@given(st.text() | st.none(), st.binary(), st.sampled_from(list(Encoding)))
@example("\udcff", b"", Encoding.HEX)  # bytes of a header that are no UTF-8
@example("\ud800", b"", Encoding.BASE64)
def test_a_hostile_header_never_raises_where_a_body_is_signed_or_a_word_is_told(given: str | None, body: bytes, encoding: Encoding) -> None:
    assert not body_signed(given, body, ["secret", "\ud800"], encoding)
    assert not same(given, ["a secret of ours"])
