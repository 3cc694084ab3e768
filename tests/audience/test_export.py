"""The file that goes to the ads manager."""

import csv
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from bot.audience.export import write
from bot.audience.match import Destination
from bot.audience.member import Candidate
from bot.policy.consent import Consent

ANA = Candidate(
    contact=41,
    consent=Consent.GRANTED,
    ads_consent=Consent.GRANTED,
    in_segment=True,
    entered_at=datetime(2026, 3, 10, tzinfo=UTC),
    phone="+34600111222",
    email="Ana.Ruiz@gmail.com",
    first_name="Ana",
    last_name="Ruiz",
    country="ES",
    postal_code="28013",
)
HOSTILE = replace(
    ANA,
    contact=42,
    phone="+5215512345678",
    email='"=cmd"@example.org',
    first_name='=HYPERLINK("http://evil.example")\r\n+1,@SUM(A1)',
    last_name="-2+3\ttab;\x00",
    country="=1",
    postal_code="=1+1",
)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def test_metas_file_reads_back_as_the_hashes_meta_expects(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    assert write(path, [ANA], Destination.META) == 1
    assert read(path) == [
        {
            "email": hashed("ana.ruiz@gmail.com"),
            "phone": hashed("34600111222"),
            "fn": hashed("ana"),
            "ln": hashed("ruiz"),
            "zip": hashed("28013"),
            "country": hashed("es"),
            "extern_id": "41",
        }
    ]


def test_googles_file_reads_back_as_the_hashes_google_expects(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    assert write(path, [ANA], Destination.GOOGLE) == 1
    assert read(path) == [
        {
            "Email": hashed("anaruiz@gmail.com"),
            "Phone": hashed("+34600111222"),
            "First Name": hashed("ana"),
            "Last Name": hashed("ruiz"),
            "Country": "ES",
            "Zip": "28013",
        }
    ]


@pytest.mark.parametrize(
    "incomplete",
    [
        replace(ANA, first_name=None),
        replace(ANA, last_name="💖"),
        replace(ANA, country=None),
        replace(ANA, postal_code="unknown!"),
    ],
)
def test_google_gets_the_whole_address_or_none_of_it(tmp_path: Path, incomplete: Candidate) -> None:
    path = tmp_path / "list.csv"
    write(path, [incomplete], Destination.GOOGLE)
    (row,) = read(path)
    assert [row[column] for column in ("First Name", "Last Name", "Country", "Zip")] == [""] * 4


@pytest.mark.parametrize("destination", list(Destination))
def test_nothing_unhashed_and_no_formula_gets_into_the_file(tmp_path: Path, destination: Destination) -> None:
    path = tmp_path / "list.csv"
    assert write(path, [ANA, HOSTILE], destination) == 2
    text = path.read_text().lower()
    for secret in ("600111222", "5512345678", "ruiz@", "gmail", "example", "cmd", "evil", "hyperlink", "@", "=", "\t", "\r", '"', ";"):
        assert secret not in text, secret
    assert len(text.splitlines()) == 3
    for row in read(path):
        assert all(cell == "" or cell in {"41", "42", "ES", "28013"} or len(cell) == 64 for cell in row.values())


def test_what_is_not_known_is_an_empty_cell_and_never_the_hash_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    bare = replace(ANA, email=None, first_name=None, last_name=None, country=None, postal_code=None)
    write(path, [bare], Destination.META)
    assert path.read_text().splitlines()[1] == f",{hashed('34600111222')},,,,,41"


def test_an_audience_of_nobody_is_a_header(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    assert write(path, [], Destination.GOOGLE) == 0
    assert path.read_text() == "Email,Phone,First Name,Last Name,Country,Zip\n"


def test_only_the_owner_of_the_file_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.touch(mode=0o666)
    write(path, [ANA], Destination.META)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failed_export_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("the list of yesterday")

    def broken() -> Iterator[Candidate]:
        yield ANA
        raise RuntimeError("the store went away")

    with pytest.raises(RuntimeError, match="went away"):
        write(path, broken(), Destination.META)
    assert path.read_text() == "the list of yesterday"
    assert [file.name for file in tmp_path.iterdir()] == ["list.csv"]


def test_a_link_in_the_way_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target, path = tmp_path / "precious", tmp_path / "list.csv"
    target.write_text("precious")
    path.symlink_to(target)
    write(path, [ANA], Destination.META)
    assert target.read_text() == "precious"
    assert not path.is_symlink()


def test_members_are_read_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    assert write(path, (replace(ANA, contact=number) for number in range(12_000)), Destination.META) == 12_000
    assert len(read(path)) == 12_000
