"""Tables with a planted signal, all synthetic: what is to be learnt is known, and so is how much of it can be.

Sums go column by column: no library chooses their order.
"""

from collections.abc import Iterable, Sequence
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

from mlfleet.datasets.words import PLANTED, bell_columns, sine, units

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

INTERCEPT = 2.0
# 0.1, -0.2, ... -2.0: least squares explains 28.7 / 29.7 = 0.966 of the variance.
LINEAR = tuple((-1) ** number * (number + 1) / 10 for number in range(20))
# Every tenth column counts: 0.6, -1.2, ... -6.0, none near the penalties 0.1 and 1, where what is 0 would be chance.
SPARSE = tuple((-1) ** (number // 10) * (number // 10 + 1) * 0.6 if number % 10 == 0 else 0.0 for number in range(100))
# Their squares sum to 0.6: so much of the variance is linear.
CALIFORNIA = (0.4, -0.4, 0.3, -0.3, 0.2, -0.2, 0.1, -0.1)
_CALIFORNIA_NOISE = 0.2

# Directions in which the classes differ, and the variance along each: falls by equal factors from 1 to this.
_INFORMATIVE, _LEAST_VARIANCE = 10, 0.2
# Of each class from the middle, in units of a direction's sd.
_SHIFT = 0.56

_BOUNDARY_NOISE = 0.5


def linear_syn() -> tuple[Floats, Floats]:
    """X f64[10000,20] and y f64[10000], linear in it by `LINEAR` but for noise of sd 1."""
    return _linear(10_000, LINEAR)


def sparse_syn() -> tuple[Floats, Floats]:
    """X f64[20000,100] and y f64[20000], linear in ten columns by `SPARSE` but for noise of sd 1."""
    return _linear(20_000, SPARSE)


def nonlinear_syn() -> tuple[Floats, Floats]:
    """X f64[10000,20] uniform in [0, 1) and y f64[10000]: the first function of Friedman (1991), noise of sd 1.

    10 sin(π x0 x1) + 20 (x2 - 1/2)² + 10 x3 + 5 x4; the other fifteen columns say nothing.
    """
    rows, columns = 10_000, 20
    x = units(rows * columns, PLANTED).reshape(columns, rows)
    (noise,) = bell_columns(rows, 1, PLANTED + 1)
    curved = 10 * sine(pi * (x[0] * x[1])) + 20 * ((x[2] - 0.5) * (x[2] - 0.5))
    return x.T, curved + 10 * x[3] + 5 * x[4] + noise


def california_housing_syn() -> tuple[Floats, Floats]:
    """X f64[20640,8] and y f64[20640] of variance 1: 60 % linear by `CALIFORNIA`, 20 % sin(2 x1) x2, 20 % noise."""
    *x, noise = bell_columns(20_640, 9)
    # The square of a sine is half on average; of so wide an angle as this one, nearly.
    waves = sqrt(2 * 0.2) * (sine(2 * x[1]) * x[2])
    return np.stack(x, axis=1), _weighted(CALIFORNIA, x) + waves + sqrt(_CALIFORNIA_NOISE) * noise


def classification_syn() -> tuple[Floats, Integers]:
    """X f64[2000,20] and y i64[2000], two classes."""
    return _shifted(2_000, 20)


def classification_20k_syn() -> tuple[Floats, Integers]:
    """X f64[20000,100] and y i64[20000], two classes."""
    return _shifted(20_000, 100)


def tree_syn() -> tuple[Floats, Floats]:
    """X f64[3000,10] and y f64[3000], the product of the first two columns: no column alone says anything."""
    x = bell_columns(3_000, 10)
    return np.stack(x, axis=1), x[0] * x[1]


def tabular_syn() -> tuple[Floats, Integers]:
    """X f64[100000,20] and y i64[100000]: inside or outside a noisy quadric in six columns."""
    *x, noise = bell_columns(100_000, 21)
    quadric = x[0] * x[0] + x[1] * x[1] - x[2] * x[2] + x[3] * x[4] + x[5] - 1.0
    return np.stack(x, axis=1), (quadric + _BOUNDARY_NOISE * noise > 0).astype(np.int64)


def _linear(rows: int, coefficients: Sequence[float]) -> tuple[Floats, Floats]:
    *x, noise = bell_columns(rows, len(coefficients) + 1)
    return np.stack(x, axis=1), INTERCEPT + _weighted(coefficients, x) + noise


def _shifted(rows: int, columns: int) -> tuple[Floats, Integers]:
    """Two classes apart by the same shift in ten directions, which rows of signs turn into all columns; noise of sd 1.

    Ten variances that differ, so that principal components are told apart.
    """
    labels = np.arange(rows) % 2
    latent = bell_columns(rows, _INFORMATIVE, PLANTED + 1)
    signs = np.where(units(columns * _INFORMATIVE, PLANTED + 2) < 0.5, -1.0, 1.0).reshape(columns, _INFORMATIVE)  # noqa: PLR2004 - a fair coin
    # To 12 digits, because the last bit of a power is the mathematical library's own affair.
    scales = [round(sqrt(_LEAST_VARIANCE) ** (number / (_INFORMATIVE - 1)), 12) for number in range(_INFORMATIVE)]
    apart = _SHIFT * (2.0 * labels - 1)
    moved = [scale * (direction + apart) for scale, direction in zip(scales, latent, strict=True)]
    noise = bell_columns(rows, columns)
    return np.stack([_weighted(row, moved) + own for row, own in zip(signs, noise, strict=True)], axis=1), labels


def _weighted(weights: Iterable[float], columns: Iterable[Floats]) -> Floats:
    total, *others = (weight * column for weight, column in zip(weights, columns, strict=True))
    for other in others:
        total = total + other
    return total
