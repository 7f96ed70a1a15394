"""Boosted trees on histograms (Ke and others, LightGBM, 2017), two classes, in float64: the reference of its task.

Constants are those of scikit-learn's HistGradientBoostingClassifier where nothing is set, without its early stopping.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from mlfleet.datasets.dataset import Floats, Integers

RATE = 0.1
LEAVES = 31
BINS = 255
_LEAST_ROWS = 20
_LEAST_CURVATURE = 1e-3
Bins = NDArray[np.uint8]


@dataclass(frozen=True)
class Node:
    """Training and asked rows of a node; of its bins, a line a column, gradients, curvatures and rows f64[3,d,255]."""

    rows: Integers
    asked: Integers
    histogram: Floats

    @property
    def says(self) -> float:
        """A step of Newton's, shortened."""
        gradient, curvature, _ = self.histogram[:, 0].sum(axis=1)
        return float(-RATE * gradient / curvature)


def limits(column: Floats) -> Floats:
    """Where bins end: half way between values, or at quantiles half way where there are more values than bins."""
    values = np.unique(column)
    if len(values) <= BINS:
        return np.asarray((values[:-1] + values[1:]) / 2)
    return np.percentile(column, np.linspace(0, 100, BINS + 1)[1:-1], method="midpoint")


def boost(x: Floats, y: Integers, queries: Floats, trees: int) -> Floats:
    """Scores f64[m], log odds of class 1, of so many trees."""
    ends = [limits(column) for column in x.T]
    binned, asked = (_binned(part, ends) for part in (x, queries))
    scores = np.full(len(x), np.log(y.mean() / (1 - y.mean())))
    found = np.full(len(queries), scores[0])
    for _ in range(trees):
        shares = 1 / (1 + np.exp(-scores))
        for leaf in _leaves(binned, asked, shares - y, shares * (1 - shares)):
            scores[leaf.rows] += leaf.says
            found[leaf.asked] += leaf.says
    return found


def _binned(x: Floats, ends: list[Floats]) -> Bins:
    return np.stack([np.searchsorted(end, column) for end, column in zip(ends, x.T, strict=True)], axis=1).astype(
        np.uint8
    )


def _leaves(binned: Bins, asked: Bins, gradients: Floats, curvatures: Floats) -> Iterator[Node]:
    """A tree, cut where it gains most until there are as many leaves as may be."""
    root = np.arange(len(binned))
    open_nodes: list[tuple[float, int, Node, tuple[int, int]]] = []
    count = 0

    def place(node: Node) -> Iterator[Node]:
        nonlocal count
        count += 1
        gain, cut = _best(node.histogram)
        if gain > 0:
            heappush(open_nodes, (-gain, count, node, cut))
        else:
            yield node

    histogram = _histogram(binned, root, gradients, curvatures)
    done = list(place(Node(root, np.arange(len(asked)), histogram)))
    while open_nodes and len(done) + len(open_nodes) < LEAVES:
        _, _, node, (column, end) = heappop(open_nodes)
        left, to_left = binned[node.rows, column] <= end, asked[node.asked, column] <= end
        rows, queries = (node.rows[left], node.rows[~left]), (node.asked[to_left], node.asked[~to_left])
        # The larger side's is what the smaller one leaves.
        small = int(len(rows[1]) < len(rows[0]))
        part = _histogram(binned, rows[small], gradients, curvatures)
        parts = (part, node.histogram - part) if small == 0 else (node.histogram - part, part)
        for side in (0, 1):
            done += place(Node(rows[side], queries[side], parts[side]))
    yield from done
    yield from (node for _, _, node, _ in open_nodes)


def _histogram(binned: Bins, rows: Integers, gradients: Floats, curvatures: Floats) -> Floats:
    columns = binned.shape[1]
    places = (binned[rows].astype(np.int64) + np.arange(columns) * (BINS + 1)).ravel()
    weights = [np.repeat(values[rows], columns) for values in (gradients, curvatures)]
    sums = [np.bincount(places, weight, columns * (BINS + 1)) for weight in (*weights, None)]
    return np.stack(sums).astype(np.float64).reshape(3, columns, BINS + 1)


def _best(histogram: Floats) -> tuple[float, tuple[int, int]]:
    """The most that a cut gains, its column, and the last bin on its left."""
    left = np.cumsum(histogram, axis=2)[:, :, :-1]
    whole = histogram[:, 0].sum(axis=1)
    right = whole[:, np.newaxis, np.newaxis] - left
    fits = np.minimum(left[2], right[2]) >= _LEAST_ROWS
    fits &= np.minimum(left[1], right[1]) >= _LEAST_CURVATURE
    with np.errstate(all="ignore"):
        gains = left[0] ** 2 / left[1] + right[0] ** 2 / right[1] - whole[0] ** 2 / whole[1]
    gains = np.where(fits, gains, -np.inf)
    best = int(gains.argmax())
    column, end = divmod(best, gains.shape[1])
    return float(gains[column, end]), (column, end)
