"""What is told of one file while it is judged: each mistake at its place, and no more of them than anyone would mend."""

from collections.abc import Set as AbstractSet

from bot.flow.document import Document, Place
from bot.flow.problem import MAX_PROBLEMS, Mistake, Problem, Severity


class Enough(Exception):
    """This file has more mistakes than are worth telling: whoever judges it stops."""


class Account:
    """The problems of one file. What was said about `broken` paths when the file was read is not said again.

    Telling raises Enough once there is more than anyone would mend in one sitting: a hostile file must not cost more time than that.
    Warnings never do, for they must not hide a problem; beyond as many they are dropped.
    """

    def __init__(self, document: Document, broken: AbstractSet[str] = frozenset()) -> None:
        self.document = document
        self.broken = broken
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def tell(self, path: str, kind: Mistake, message: str, remedy: str | None = None) -> None:
        """A problem with a whole part: it stands at the part's key."""
        self.tell_at(self.document.key_place(path), path, kind, message, remedy)

    def tell_inside(self, path: str, offset: int, kind: Mistake, message: str, remedy: str | None = None) -> None:
        """A problem with a word of a text."""
        if not self.is_broken(path):
            self.tell_at(self.document.inside(path, offset), path, kind, message, remedy)

    def tell_at(self, place: Place, path: str, kind: Mistake, message: str, remedy: str | None = None) -> None:
        """A problem at a place of a part."""
        if self.is_broken(path):
            return
        told = self.warnings if kind.severity is Severity.WARNING else self.problems
        if told is self.problems or not self.is_full_of_warnings:
            told.append(self.document.problem(place, kind, message, remedy))
        if len(self.problems) > MAX_PROBLEMS:
            raise Enough

    @property
    def is_full_of_warnings(self) -> bool:
        """Whether another warning would be dropped."""
        return len(self.warnings) >= MAX_PROBLEMS

    def is_broken(self, path: str) -> bool:
        """Whether the part, or one around it, was mended when the file was read."""
        if not self.broken:
            return False
        parts = path.split(".")
        return any(".".join(parts[:length]) in self.broken for length in range(1, len(parts) + 1))
