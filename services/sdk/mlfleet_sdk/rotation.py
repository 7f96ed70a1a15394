"""Parts of the inputs in turn, so that no iteration meets what the one before has left in a cache."""

from collections.abc import Callable, Iterable
from itertools import cycle
from typing import Generic, TypeVar

from mlfleet_sdk.errors import require

T = TypeVar("T")
R = TypeVar("R")


class Rotation(Generic[T, R]):
    """Does `work` on the next part at each step; `first` is what the last step on part 0 gave, for the outputs."""

    def __init__(self, parts: Iterable[T], work: Callable[[T], R]) -> None:
        self._turns = cycle([(number == 0, part) for number, part in enumerate(parts)])
        self._work = work
        self.first: R

    def step(self) -> None:
        """One part."""
        answers_first, part = next(self._turns)
        result = self._work(part)
        if answers_first:
            self.first = result


def batches(name: str, rows: int, batch: int) -> list[slice]:
    """Where the whole batches of the tensor `name` lie; rows that fill none are never used. Raises InvalidArgument."""
    require(1 <= batch <= rows, f"batch is {batch}, awaited 1 to {rows} (rows of {name})")
    return [slice(start, start + batch) for start in range(0, rows - batch + 1, batch)]
