"""The hashed list as a file that an owner uploads in Meta's or Google's ads manager.

Nothing in it is free text: hashes, country and postal codes of known shape, and our contact number. So no name can become a
formula in a spreadsheet, and whoever finds the file learns no address.
"""

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from bot.audience import match
from bot.audience.match import Destination
from bot.audience.member import Candidate

HEADERS: dict[Destination, tuple[str, ...]] = {
    Destination.META: ("email", "phone", "fn", "ln", "zip", "country", "extern_id"),
    Destination.GOOGLE: ("Email", "Phone", "First Name", "Last Name", "Country", "Zip"),  # English, exactly so
}


def write(path: Path, members: Iterable[Candidate], destination: Destination) -> int:
    """Write the members as hashed CSV to `path` and return how many. Reads `members` one by one, so any number fits.

    The file appears whole or not at all and is readable by its owner alone (mode 0600). Raises OSError when it cannot be written.
    Blocks on the disk: call it from a thread.
    """
    with NamedTemporaryFile("w", encoding="ascii", newline="", dir=path.parent, prefix=".audience-", delete=False) as draft:
        try:
            count = _write_rows(draft.file, members, destination)
            draft.flush()
            os.fsync(draft.fileno())
            Path(draft.name).replace(path)
        except BaseException:
            Path(draft.name).unlink()
            raise
    return count


def _write_rows(draft: IO[str], members: Iterable[Candidate], destination: Destination) -> int:
    row = _meta_row if destination is Destination.META else _google_row
    rows = csv.writer(draft, lineterminator="\n")
    rows.writerow(HEADERS[destination])
    count = 0
    for member in members:
        rows.writerow(row(member))
        count += 1
    return count


def _meta_row(member: Candidate) -> tuple[str, ...]:
    country = match.country(member.country)
    return (
        match.sha256(match.email(member.email, Destination.META)),
        match.sha256(match.phone(member.phone, Destination.META)),
        match.sha256(match.name(member.first_name, Destination.META)),
        match.sha256(match.name(member.last_name, Destination.META)),
        match.sha256(match.postal_code(member.postal_code, country, Destination.META)),
        match.sha256(country.lower()),
        str(member.contact),
    )


def _google_row(member: Candidate) -> tuple[str, ...]:
    return (
        match.sha256(match.email(member.email, Destination.GOOGLE)),
        match.sha256(match.phone(member.phone, Destination.GOOGLE)),
        *_google_address(member),
    )


def _google_address(member: Candidate) -> tuple[str, ...]:
    """Google matches by name and place only with all four of them: three would be given away for nothing."""
    country = match.country(member.country)
    address = (
        match.sha256(match.name(member.first_name, Destination.GOOGLE)),
        match.sha256(match.name(member.last_name, Destination.GOOGLE)),
        country,
        match.postal_code(member.postal_code, country, Destination.GOOGLE),
    )
    return address if all(address) else ("", "", "", "")
