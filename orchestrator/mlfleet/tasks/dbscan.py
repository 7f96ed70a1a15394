"""Density-based clusters (Ester, Kriegel, Sander, Xu 1996). A row counts itself; at most eps away is near.

A row within reach of several clusters belongs to the one whose first core row comes first, as in every library that
takes the rows in order.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats, Integers
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Task
from mlfleet.tasks.criteria import Metrics
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.partitions import NOISE, SameParts, parted
from mlfleet.tasks.rows import ROWS

# Whether such a distance is at most eps, rounding decides; linfa's linear search would not even take an equal one.
_TIE = 1e-9
_CRITERIA = (SameParts("labels"),)
# Clouds whose eps is known in their own units are taken as they are.
_COLUMNS = ParamSpec(str, words=("standardised", "raw"), wire=False, default="standardised")


def neighbourhoods(name: str, x: Floats, eps: float) -> list[Integers]:
    """Of each row those at most eps away, itself among them. Raises UsageError if one lies within 1e-9 of eps."""
    found = []
    for row, point in enumerate(x):
        distances = np.sqrt(((x - point) ** 2).sum(axis=1))
        if (close := np.abs(distances - eps) < _TIE).any():
            other = int(close.argmax())
            raise UsageError(
                f"dbscan.fit on {name!r}: training rows {row} and {other} are eps = {eps:g} apart within {_TIE:g}; "
                "rounding would decide whether they are near, try another eps"
            )
        found.append(np.flatnonzero(distances < eps))
    return found


def grown(near: list[Integers], min_samples: int) -> tuple[Integers, NDArray[np.bool_]]:
    """Labels i64[n], -1 for noise, and which rows are core: have at least min_samples near."""
    core = np.array([len(rows) >= min_samples for rows in near])
    labels = np.full(len(near), NOISE)
    number = 0
    for first in np.flatnonzero(core):
        if labels[first] != NOISE:
            continue
        waiting = [first]
        while waiting:
            row = waiting.pop()
            fresh = near[row][labels[near[row]] == NOISE]
            labels[fresh] = number
            waiting += fresh[core[fresh]].tolist()
        number += 1
    return labels.astype(np.int64), core


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    raw = params["columns"] == "raw"
    x = np.ascontiguousarray(dataset.x[dataset.train], np.float64) if raw else dataset.standardised()[0]
    near = neighbourhoods(dataset.name, x, float(params["eps"]))
    labels, core = grown(near, int(params["min_samples"]))
    return Case(
        task="dbscan.fit",
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x},
        params=params,
        outputs={"labels": Output("I64", (len(x),))},
        planned={"rows": len(x), "core": int(core.sum())},
        criteria=_CRITERIA,
        truth={"classes": dataset.y_train} if dataset.target == "classes" else {},
        guess={"labels": np.zeros(len(x), np.int64)},
        reference={"labels": labels},
    )


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    return parted(case.inputs["x_train"], outputs["labels"], case.truth.get("classes"))


def _bound(case: Case) -> Bound:
    """Each row is held against another one at least, whatever an index leaves out."""
    return Bound(float(case.inputs["x_train"].size), "F64")


TASKS = (
    Task(
        name="dbscan.fit",
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes", "real"),
        params={
            "eps": ParamSpec(float, above=0.0),
            "min_samples": ParamSpec(int, low=2),
            "columns": _COLUMNS,
            "rows": ROWS,
        },
        make=_fit,
        metrics=_metrics,
        decides="silhouette",
        direction=1,
        criteria=_CRITERIA,
        bound=_bound,
        value_dependent=True,
    ),
)
