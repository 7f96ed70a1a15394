"""A regression tree by greedy cuts (Breiman and others, CART, 1984), in float64: the reference of `tree.fit`."""

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappush, heappushpop

import numpy as np

from mlfleet.datasets.dataset import Floats


@dataclass(frozen=True)
class Grown:
    """What a tree says of each query f64[m], and its size."""

    pred: Floats
    leaves: int
    depth: int


@dataclass(frozen=True)
class Measure:
    """What a leaf says of its targets, and how far those of every prefix 1 .. n lie from what it would say of them."""

    says: Callable[[Floats], float]
    prefixes: Callable[[Floats], Floats]


def squares(y: Floats) -> Floats:
    """Sums of squared distances from the mean."""
    counts = np.arange(1, len(y) + 1)
    return np.asarray(np.cumsum(y**2) - np.cumsum(y) ** 2 / counts)


def distances(y: Floats) -> Floats:
    """Sums of distances from the median, by the lower half and the upper half of what came so far."""
    low: list[float] = []
    high: list[float] = []
    sum_low = sum_high = 0.0
    found = np.empty(len(y))
    for place, value in enumerate(map(float, y)):
        # `low` holds the lower half, negated, and the odd one: what passes between the halves is the top of one.
        if len(low) == len(high):
            top = heappushpop(high, value)
            sum_high += value - top
            heappush(low, -top)
            sum_low += top
        else:
            top = -heappushpop(low, -value)
            sum_low += value - top
            heappush(high, top)
            sum_high += top
        median = -low[0]
        found[place] = (sum_high - median * len(high)) + (median * len(low) - sum_low)
    return found


MEASURES = {
    "squared_error": Measure(lambda y: float(y.mean()), squares),
    "absolute_error": Measure(lambda y: float(np.median(y)), distances),
}


def grow(x: Floats, y: Floats, queries: Floats, depth: int, measure: Measure) -> Grown:
    """A tree of at most so many cuts from the root to any leaf. Of equal cuts the first column's lowest is taken."""
    cut = _best(x, y, measure) if depth and len(y) > 1 and np.ptp(y) > 0 else None
    if cut is None:
        return Grown(np.full(len(queries), measure.says(y)), 1, 0)
    column, limit = cut
    left, asked = x[:, column] <= limit, queries[:, column] <= limit
    below = grow(x[left], y[left], queries[asked], depth - 1, measure)
    above = grow(x[~left], y[~left], queries[~asked], depth - 1, measure)
    pred = np.empty(len(queries))
    pred[asked], pred[~asked] = below.pred, above.pred
    return Grown(pred, below.leaves + above.leaves, 1 + max(below.depth, above.depth))


def _best(x: Floats, y: Floats, measure: Measure) -> tuple[int, float] | None:
    """Column and limit of the cut that leaves the least, half way between two values; None where no column has two."""
    best, least = None, np.inf
    for column, values in enumerate(x.T):
        order = np.argsort(values, kind="stable")
        apart = np.flatnonzero(np.diff(values[order]) > 0)
        if not len(apart):
            continue
        left = measure.prefixes(y[order])[apart]
        right = measure.prefixes(y[order[::-1]])[len(y) - 2 - apart]
        place = int((left + right).argmin())
        if left[place] + right[place] < least:
            least = float(left[place] + right[place])
            below, above = values[order[apart[place]]], values[order[apart[place] + 1]]
            best = (column, float((below + above) / 2))
    return best
