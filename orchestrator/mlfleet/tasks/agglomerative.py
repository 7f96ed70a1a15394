"""Agglomerative clustering of Euclidean distances, cut where k clusters are left.

The reference merges the nearest two clusters again and again and takes the new distances by the formula of Lance and
Williams (1967).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats, Integers
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Task
from mlfleet.tasks.criteria import Close, Criterion, Equal, Metrics, Partition
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.partitions import SameParts, parted
from mlfleet.tasks.rows import ROWS

_NAME = "agglomerative.fit"
# Which of two pairs so nearly as far apart is merged first, rounding decides.
_TIE = 1e-9
# Distances of all pairs in float64 then take 0.8 GB.
_MOST_ROWS = 10_000
_EXACT: tuple[Criterion, ...] = (SameParts("labels"), Equal("merges"), Close("heights", 1e-9))
# Equally near pairs may be merged in another order, from where trees may differ.
_TIED: tuple[Criterion, ...] = (Partition("labels", 0.99), Close("heights", 1e-2))


@dataclass(frozen=True)
class Tree:
    """Merges i64[n-1,2] of nodes (row i is node i, merge j makes node n + j), lower node first, and their heights.

    `tied`: at some merge another pair was as near within 1e-9.
    """

    merges: Integers
    heights: Floats
    tied: bool


def merged(x: Floats, linkage: str) -> Tree:
    """The whole tree of f64[n,d]. Heights are distances; of ward, the root of twice the squares that are added."""
    rows = len(x)
    apart = np.stack([((x - point) ** 2).sum(axis=1) for point in x])
    apart = apart if linkage == "ward" else np.sqrt(apart)
    np.fill_diagonal(apart, np.inf)
    # The merged cluster takes the place of its first part; the other one's place is infinitely far from everything.
    node, size = np.arange(rows), np.ones(rows)
    least = apart.min(axis=1)
    merges, heights, tied = np.empty((rows - 1, 2), np.int64), np.empty(rows - 1), False
    for step in range(rows - 1):
        a = int(least.argmin())
        b = int(apart[a].argmin())
        height = float(least[a])
        tied = tied or bool(np.count_nonzero(least <= height + _TIE) > 2)  # noqa: PLR2004 - a pair is the nearest of both
        merges[step], heights[step] = sorted((node[a], node[b])), height
        joined = _joined(linkage, apart[a], apart[b], height, size[a], size[b], size)
        stale = np.flatnonzero(np.isfinite(least) & ((least == apart[a]) | (least == apart[b])))
        joined[[a, b]] = np.inf
        apart[a], apart[:, a] = joined, joined
        apart[b], apart[:, b] = np.inf, np.inf
        node[a], size[a] = rows + step, size[a] + size[b]
        least = np.minimum(least, joined)
        for row in (*stale, a, b):
            least[row] = apart[row].min()
    return Tree(merges, np.sqrt(heights) if linkage == "ward" else heights, tied)


def _joined(
    linkage: str, to_a: Floats, to_b: Floats, between: float, size_a: float, size_b: float, size: Floats
) -> Floats:
    """Distances of the merged cluster from all others, of ward squared."""
    if linkage == "complete":
        return np.maximum(to_a, to_b)
    if linkage == "average":
        return (size_a * to_a + size_b * to_b) / (size_a + size_b)
    return ((size_a + size) * to_a + (size_b + size) * to_b - size * between) / (size_a + size_b + size)


def cut(merges: Integers, k: int) -> Integers:
    """Labels i64[n] in 0 .. k - 1 of the k clusters that are left before the last k - 1 merges."""
    rows = len(merges) + 1
    above = np.arange(2 * rows - 1)
    for step, pair in enumerate(merges[: rows - k]):
        above[pair] = rows + step
    # From the top down, so that the node above already stands for its cluster.
    for node in reversed(range(2 * rows - k)):
        above[node] = above[above[node]]
    return np.unique(above[:rows], return_inverse=True)[1].astype(np.int64)


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x, _ = dataset.standardised()
    k, rows = int(params["k"]), len(x)
    if k > rows:
        raise UsageError(f"{_NAME}: k is {k}, dataset {dataset.name!r} has {rows} training rows")
    if rows > _MOST_ROWS:
        raise UsageError(
            f"{_NAME}: dataset {dataset.name!r} has {rows} training rows, awaited at most {_MOST_ROWS}: memory grows "
            "with their square; try the parameter 'rows'"
        )
    tree = merged(x, str(params["linkage"]))
    return Case(
        task=_NAME,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x},
        params=params,
        outputs={
            "labels": Output("I64", (rows,), below=k),
            "merges": Output("I64", (rows - 1, 2), below=2 * rows - 2),
            "heights": Output("F64", (rows - 1,)),
        },
        planned={"rows": rows, "merges": rows - 1},
        criteria=_TIED if tree.tied else _EXACT,
        truth={"classes": dataset.y_train} if dataset.target == "classes" else {},
        guess={"labels": np.zeros(rows, np.int64)},
        reference={"labels": cut(tree.merges, k), "merges": tree.merges, "heights": tree.heights},
    )


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    return parted(case.inputs["x_train"], outputs["labels"], case.truth.get("classes"))


def _bound(case: Case) -> Bound:
    """Each row is held against another one at least, however distances are avoided."""
    return Bound(float(case.inputs["x_train"].size), "F64")


TASKS = (
    Task(
        name=_NAME,
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes", "real"),
        params={
            "linkage": ParamSpec(str, words=("ward", "complete", "average")),
            "k": ParamSpec(int, low=2),
            "rows": ROWS,
        },
        make=_fit,
        metrics=_metrics,
        decides="inertia",
        direction=-1,
        criteria=_EXACT,
        bound=_bound,
    ),
)
