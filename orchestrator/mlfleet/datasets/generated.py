"""Numbers that nobody measured, bit for bit alike on every machine: words of Philox and single rounded operations."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from mlfleet.datasets.words import bell_columns, units

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_SEED = 42
_ROWS, _COLUMNS = 210_000, 40
# Eigenvalues of X'X / n go in equal factors from 1 down to this.
_LEAST_EIGENVALUE = 0.01
# Of the targets: least squares explains 0.625 / (0.625 + 0.24²) = 0.916 of their variance.
_INTERCEPT, _SIGNAL, _NOISE = 2.0, 0.125, 0.24
_INTEGERS = 1 << 16
_STARTS = 1_100


def gd_syn() -> tuple[Floats, Floats]:
    """X f64[210000,40] of correlated columns and y f64[210000], to which every eigenvector gives the same signal.

    So gradient descent has learned half after 100 steps of 0.05, and not all after 1,000.
    """
    *columns, noise = bell_columns(_ROWS, _COLUMNS + 1, _SEED)
    # To 12 digits, because the last bit of a power is the mathematical library's own affair.
    scales = [round(sqrt(_LEAST_EIGENVALUE) ** (number / (_COLUMNS - 1)), 12) for number in range(_COLUMNS)]
    x = np.stack([column * scale for column, scale in zip(columns, scales, strict=True)])
    # A reflection keeps the eigenvalues and mixes the columns. Summed one by one: no library chooses the order.
    x -= sum(x) * (2 / _COLUMNS)
    signal = sum(columns[::2]) - sum(columns[1::2])
    return x.T, _INTERCEPT + _SIGNAL * signal + _NOISE * noise


def integers_syn() -> tuple[Integers, Integers]:
    """X i64[65536,1] of 30 bits each, none negative, and no target."""
    words = np.random.Philox(key=_SEED).random_raw(_INTEGERS)
    return (words >> np.uint64(34)).astype(np.int64)[:, np.newaxis], np.zeros(_INTEGERS, np.int64)


def cartpole() -> tuple[Floats, Integers]:
    """States f64[n,4] from which CartPole-v1 starts, uniform within 0.05 of the upright, and no target."""
    return (units(_STARTS * 4, _SEED) * 0.1 - 0.05).reshape(_STARTS, 4), np.zeros(_STARTS, np.int64)
