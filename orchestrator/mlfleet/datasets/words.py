"""Words of Philox as numbers, by operations that are exact or rounded once: bit for bit alike on every machine.

numpy promises the words of a bit generator for ever, but not what `Generator.normal` makes of them; and the last bit of
a sine is the mathematical library's own affair.
"""

from math import factorial, pi, sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Above every seed of 64 bits: by those, splits, starts and batches are drawn, and a table whose first column came from
# the words of its own split would be sorted by it.
PLANTED = 1 << 64
# Of the sine's series: the first one left out is below 1e-16 within half a turn.
_TERMS = 14


def units(count: int, key: int) -> Floats:
    """Values f64[count], uniform from 0 to below 1: multiples of 1/2⁵³."""
    words = np.random.Philox(key=key).random_raw(count)
    return (words >> np.uint64(11)).astype(np.float64) / 2.0**53


def bells(count: int, key: int) -> Floats:
    """Values f64[count] of mean 0 and variance 1: each the sum of a word's four 16-bit numbers, so within ±3.47."""
    words = np.random.Philox(key=key).random_raw(count)
    low = np.uint64(0x0000_FFFF_0000_FFFF)
    pairs = (words & low) + (words >> np.uint64(16) & low)
    total = (pairs & np.uint64(0xFFFF_FFFF)) + (pairs >> np.uint64(32))
    return (total.astype(np.float64) - 2 * 0xFFFF) / sqrt((2.0**32 - 1) / 3)


def bell_columns(rows: int, columns: int, key: int = PLANTED) -> list[Floats]:
    """So many columns f64[rows] of bells."""
    return list(bells(rows * columns, key).reshape(columns, rows))


def sine(angles: Floats) -> Floats:
    """Sines of angles f64[n] in radian, within 1e-14 for a few turns: Taylor's series, whole turns left out."""
    rest = angles - np.rint(angles / (2 * pi)) * (2 * pi)
    square = rest * rest
    # A quotient of whole numbers is rounded once, however large they are.
    total = np.zeros_like(rest)
    for term in reversed(range(_TERMS)):
        total = total * square + (-1) ** term / factorial(2 * term + 1)
    return total * rest
