"""The +1 numbers that are not of the United States, against Google's numbering tables."""

import phonenumbers
import pytest

from bot.policy.country import takes_marketing


@pytest.mark.parametrize(
    ("phone", "expected"),
    [
        ("+12125550123", False),
        ("+14155550123", False),
        ("+14165550123", True),  # Toronto
        ("+18765550123", True),  # Jamaica
        ("+17875550123", True),  # Puerto Rico
        ("+34600111222", True),
        ("+521234567890", True),
        (None, True),
        ("", True),
    ],
)
def test_only_numbers_of_the_united_states_are_held_back(phone: str | None, expected: bool) -> None:
    assert takes_marketing(phone) is expected


def test_every_area_code_in_use_is_on_the_right_side() -> None:
    wrong, known = [], 0
    for area in range(200, 1000):
        for exchange in ("2345678", "5551234"):
            phone = f"+1{area}{exchange}"
            region = phonenumbers.region_code_for_number(phonenumbers.parse(phone))
            known += region is not None
            if region is not None and takes_marketing(phone) is (region == "US"):
                wrong.append((area, region))
    assert wrong == []
    assert known > 800
