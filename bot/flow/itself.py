"""An object as a key: this very one, whatever it holds. Comparing flows by what they hold would cost more than running them."""

from typing import Generic, TypeVar

T = TypeVar("T")


class Itself(Generic[T]):
    """Equal to another of the same object only. Whoever keeps it as a key keeps the object alive, so its identity stays its own."""

    __slots__ = ("it",)

    def __init__(self, it: T) -> None:
        self.it = it

    def __hash__(self) -> int:
        return id(self.it)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Itself) and other.it is self.it
