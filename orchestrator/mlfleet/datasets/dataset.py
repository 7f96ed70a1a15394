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

from mlfleet.datasets.manifest import Target

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Integers = NDArray[np.int64]

SPLIT_SEED = 42
# One row of five is held out, of a text one document of ten.
_HELD_OUT = 5
_TEXTS = 10


@dataclass(frozen=True)
class Dataset:
    """A decoded dataset: x f64[n,d] raw, images u8[n,h,w], a text (`text.py`) or tokens i64[n].

    Targets y are i64[n] (classes) or f64[n]. Train and test are i64 row numbers, in the order they are delivered.
    """

    name: str
    version: str
    licence: str
    label: Literal["real", "synthetic"]
    target: Target
    x: NDArray[Any]
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
        rows = self.x.reshape(len(self.x), -1)
        train, test = rows[self.train], rows[self.test]
        scales = [_scale(column) for column in train.T]
        mean = np.array([mean for mean, _ in scales])
        std = np.array([std for _, std in scales])
        return (train - mean) / std, (test - mean) / std

    def normalised(self) -> tuple[Singles, Singles]:
        """Images of both parts, train and test, f32[m,1,h,w]: scaled by one mean and population std, the train part's.

        Sums of bytes are exact, so both are, too.
        """
        train = self.x[self.train]
        total, squares = int(train.sum(dtype=np.int64)), int((train.astype(np.int64) ** 2).sum())
        mean, std = total / train.size, sqrt(squares * train.size - total**2) / train.size
        scaled = ((np.arange(256) - mean) / std).astype(np.float32)
        return scaled[train][:, np.newaxis], scaled[self.x[self.test]][:, np.newaxis]


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
    """Row numbers of train and test, 80/20, shuffled; a fifth of every class where there are classes.

    Of a text every tenth document is held out, in order.
    """
    if target == "text":
        rows = np.arange(len(y))
        held = rows % _TEXTS == _TEXTS - 1
        return rows[~held], rows[held]
    order = next(permutations(len(y), SPLIT_SEED))
    groups = y[order] if target == "classes" else np.zeros(len(y), np.int64)
    held_out = np.zeros(len(y), np.bool_)
    for group in np.unique(groups):
        places = np.flatnonzero(groups == group)
        held_out[places[: (2 * len(places) + _HELD_OUT) // (2 * _HELD_OUT)]] = True
    return order[~held_out], order[held_out]


def published(rows: int, train_rows: int) -> tuple[Integers, Integers]:
    """Row numbers of a split that came with the data: the train part is first."""
    return np.arange(train_rows), np.arange(train_rows, rows)


def _scale(column: Floats) -> tuple[float, float]:
    mean = fsum(column) / len(column)
    if column.min() == column.max():
        return mean, 1.0
    return mean, sqrt(fsum((column - mean) ** 2) / len(column))
