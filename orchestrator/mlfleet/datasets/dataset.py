"""A decoded dataset: the split, and its columns on one scale.

Both are made of operations whose result is the same on every machine: the bits of Philox, and exactly rounded sums. A
payload's digest, and with it every golden output, must not depend on how wide the vector units are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import fsum, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SPLIT_SEED = 42
# One row of five is held out.
_HELD_OUT = 5


@dataclass(frozen=True)
class Dataset:
    """x f64[n,d] raw; y i64[n] (classes) or f64[n]; train and test i64 row numbers, in the order they are delivered."""

    name: str
    version: str
    licence: str
    label: Literal["real", "synthetic"]
    target: Literal["classes", "real", "none"]
    x: Floats
    y: NDArray[Any]
    train: Integers
    test: Integers
    raw_sha256: Mapping[str, str]
    decoded_sha256: str

    @property
    def y_train(self) -> NDArray[Any]:
        """Targets of the train part."""
        return self.y[self.train]

    @property
    def y_test(self) -> NDArray[Any]:
        """Targets of the test part."""
        return self.y[self.test]

    def standardised(self) -> tuple[Floats, Floats]:
        """Both parts of x, train and test, with the train part's mean and population std; constant: std 1."""
        train, test = self.x[self.train], self.x[self.test]
        scales = [_scale(column) for column in train.T]
        mean = np.array([mean for mean, _ in scales])
        std = np.array([std for _, std in scales])
        return (train - mean) / std, (test - mean) / std


def variance(values: Floats) -> float:
    """Population variance of all elements, exactly rounded sums."""
    mean = fsum(values.flat) / values.size
    return fsum(((values - mean) ** 2).flat) / values.size


def permutations(rows: int, seed: int) -> Iterator[Integers]:
    """Endless permutations of the row numbers, by the order of the words that Philox with this key yields.

    numpy promises the words of a bit generator for ever, but not what `Generator.permutation` makes of them.
    """
    words = np.random.Philox(key=seed)
    while True:
        yield np.argsort(words.random_raw(rows), kind="stable").astype(np.int64)


def split(y: NDArray[Any], target: str) -> tuple[Integers, Integers]:
    """Row numbers of train and test, 80/20, shuffled; a fifth of every class where there are classes."""
    order = next(permutations(len(y), SPLIT_SEED))
    groups = y[order] if target == "classes" else np.zeros(len(y), np.int64)
    held_out = np.zeros(len(y), np.bool_)
    for group in np.unique(groups):
        places = np.flatnonzero(groups == group)
        held_out[places[: (2 * len(places) + _HELD_OUT) // (2 * _HELD_OUT)]] = True
    return order[~held_out], order[held_out]


def _scale(column: Floats) -> tuple[float, float]:
    mean = fsum(column) / len(column)
    if column.min() == column.max():
        return mean, 1.0
    return mean, sqrt(fsum((column - mean) ** 2) / len(column))
