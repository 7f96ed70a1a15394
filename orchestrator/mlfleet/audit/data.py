"""Data that differ from a dataset's as little as can be seen: the same shapes and distribution, other right answers."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import permutations

# Standard deviation of what is added to a column, in standard deviations of the column.
NUDGE = 1e-3
# Of whole numbers one in so many changes its lowest bit.
_FLIPPED_OF = 8
# Keys of Philox that no run's seed meets: the draws are of the audit.
_KEY = 0x617564


def perturbed(dataset: Dataset) -> Dataset:
    """Real columns moved by a thousandth, lowest bits of whole numbers flipped, documents of a text in other order."""
    if dataset.target == "text":
        return _reordered(dataset)
    if dataset.target == "tokens":
        # Drawn one by one: any place of the stream is as good as any other.
        return replace(dataset, x=np.roll(dataset.x, len(dataset.x) // 2 + 1))
    return replace(dataset, x=_moved(dataset.x))


def one_row(dataset: Dataset) -> Dataset | None:
    """The test part all copies of its first row; None where there are no rows."""
    if dataset.target in {"text", "tokens", "none"} or not len(dataset.test):
        return None
    x = dataset.x.copy()
    x[dataset.test] = x[dataset.test[0]]
    return replace(dataset, x=x)


def _moved(x: NDArray[Any]) -> NDArray[Any]:
    words = np.random.Philox(key=_KEY).random_raw(x.size)
    if x.dtype.kind in "iu":
        flips = (words % np.uint64(_FLIPPED_OF) == 0).astype(x.dtype)
        return np.asarray(x ^ flips.reshape(x.shape))
    # Uniform with a standard deviation of 1.
    noise = ((words >> np.uint64(11)) * 2.0**-53 - 0.5) * np.sqrt(12)
    return np.asarray(x + NUDGE * x.std(axis=0) * noise.reshape(x.shape), x.dtype)


def _reordered(dataset: Dataset) -> Dataset:
    """Documents in another order; those of the train part follow one another as they did."""
    ends = np.cumsum(dataset.y)
    order = next(permutations(len(dataset.y), _KEY))
    pieces = [dataset.x[ends[row] - dataset.y[row] : ends[row]] for row in order]
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return replace(
        dataset,
        x=np.concatenate(pieces),
        y=dataset.y[order],
        train=place[dataset.train],
        test=place[dataset.test][::-1].copy(),
    )
