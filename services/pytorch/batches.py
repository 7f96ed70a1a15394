"""Inference by batches: each step takes the next whole batch of the images, and the outputs answer batch 0."""

from collections.abc import Callable
from itertools import cycle

from mlfleet_sdk import require
from torch import Tensor


class Batches:
    """Rotates through the whole batches of `images`; `first` is what the last iteration on batch 0 gave."""

    def __init__(self, images: Tensor, batch: int, infer: Callable[[Tensor], Tensor]) -> None:
        rows = len(images)
        require(1 <= batch <= rows, f"batch is {batch}, awaited 1 to {rows} (rows of images)")
        whole = images[: rows - rows % batch].split(batch)
        self._batches = cycle([(number == 0, images) for number, images in enumerate(whole)])
        self._infer = infer
        self.first: Tensor

    def step(self) -> None:
        """Infer the next batch."""
        answers_first, images = next(self._batches)
        logits = self._infer(images)
        if answers_first:
            self.first = logits
