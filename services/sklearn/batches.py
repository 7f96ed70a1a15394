"""Prediction by batches: each step takes the next whole batch of the test rows, and the outputs answer batch 0."""

from collections.abc import Callable
from itertools import cycle
from typing import Generic, TypeVar

from mlfleet_sdk import F64Matrix, require

R = TypeVar("R")


class Batches(Generic[R]):
    """Rotates through the whole batches of `x_test`; `first` is what the last iteration on batch 0 gave."""

    def __init__(self, x_test: F64Matrix, columns: int, batch: int, predict: Callable[[F64Matrix], R]) -> None:
        rows = len(x_test)
        require(1 <= batch <= rows, f"batch is {batch}, awaited 1 to {rows} (rows of x_test)")
        require(x_test.shape[1] == columns, f"x_test has {x_test.shape[1]} columns, x_train {columns}")
        starts = range(0, rows - batch + 1, batch)
        self._batches = cycle([(start == 0, x_test[start : start + batch]) for start in starts])
        self._predict = predict
        self.first: R

    def step(self) -> None:
        """Predict the next batch."""
        answers_first, batch = next(self._batches)
        result = self._predict(batch)
        if answers_first:
            self.first = result
