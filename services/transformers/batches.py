"""Passages by batches: each step takes the next whole batch of the rows, and the outputs answer batch 0."""

from collections.abc import Callable
from itertools import cycle

from mlfleet_sdk import require
from torch import Tensor


class Batches:
    """Rotates through the whole batches of `ids` and `mask`; `first` is what the last iteration on batch 0 gave."""

    def __init__(self, ids: Tensor, mask: Tensor, batch: int, embed: Callable[[Tensor, Tensor], Tensor]) -> None:
        rows = len(ids)
        require(1 <= batch <= rows, f"batch is {batch}, awaited 1 to {rows} (rows of ids)")
        whole = rows - rows % batch
        pairs = zip(ids[:whole].split(batch), mask[:whole].split(batch), strict=True)
        self._batches = cycle([(number == 0, *pair) for number, pair in enumerate(pairs)])
        self._embed = embed
        self.first: Tensor

    def step(self) -> None:
        """Embed the next batch."""
        answers_first, ids, mask = next(self._batches)
        embedding = self._embed(ids, mask)
        if answers_first:
            self.first = embedding
