"""Points for clustering, all synthetic: round clouds, half-moons and rings, each with the class it was drawn for."""

from math import pi

import numpy as np
from numpy.typing import NDArray

from mlfleet.datasets.words import PLANTED, bell_columns, sine, units

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_MOONS_NOISE, _CIRCLES_NOISE = 0.06, 0.04
# Of the inner ring; the outer one's is 1.
_INNER_RADIUS = 0.5


def blobs(rows: int, columns: int, classes: int, spread: float) -> tuple[Floats, Integers]:
    """X f64[rows,columns] and classes i64[rows], equally many of each: sd 1 around centres uniform within ±spread."""
    labels = np.arange(rows) % classes
    centres = spread * (2 * units(classes * columns, PLANTED + 1).reshape(columns, classes) - 1)
    noise = bell_columns(rows, columns)
    return np.stack([centre[labels] + own for centre, own in zip(centres, noise, strict=True)], axis=1), labels


def moons_syn() -> tuple[Floats, Integers]:
    """X f64[1000,2] and classes i64[1000]: two half-circles of radius 1, each with its end in the other's middle."""
    half = 500
    angles = np.arange(half) * (pi / (half - 1))
    x, y = _cosine(angles), sine(angles)
    return _noisy([np.concatenate([x, 1 - x]), np.concatenate([y, 0.5 - y])], _MOONS_NOISE), _halves(half)


def circles_syn() -> tuple[Floats, Integers]:
    """X f64[1000,2] and classes i64[1000]: a ring of radius 1 around one of half of it."""
    half = 500
    angles = np.arange(half) * (2 * pi / half)
    x, y = _cosine(angles), sine(angles)
    rings = [np.concatenate([axis, _INNER_RADIUS * axis]) for axis in (x, y)]
    return _noisy(rings, _CIRCLES_NOISE), _halves(half)


def _cosine(angles: Floats) -> Floats:
    return sine(angles + pi / 2)


def _halves(half: int) -> Integers:
    return np.arange(2 * half) // half


def _noisy(columns: list[Floats], sd: float) -> Floats:
    noise = bell_columns(len(columns[0]), len(columns))
    return np.stack([column + sd * own for column, own in zip(columns, noise, strict=True)], axis=1)
