"""Spectral clustering (Ng, Jordan, Weiss 2001): scikit-learn has it alone, and studies of its versions use it."""

from collections.abc import Mapping

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Task
from mlfleet.tasks.criteria import Metrics
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.partitions import parted
from mlfleet.tasks.rows import ROWS

_NAME = "spectral.fit"
# Of the adjusted Rand index: far from chance, 0, and below what iris is known to give, 0.62.
_FLOOR = 0.3


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    """Held against the classes: eigenvectors, and k-means on them, have no right answer to the bit."""
    del seed
    x, _ = dataset.standardised()
    rows, k = len(x), int(params["k"])
    for name in ("k", "neighbours"):
        if int(params[name]) > rows:
            raise UsageError(f"{_NAME}: {name} is {params[name]}, dataset {dataset.name!r} has {rows} training rows")
    return Case(
        task=_NAME,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x},
        params=params,
        outputs={"labels": Output("I64", (rows,), below=k)},
        planned={"rows": rows},
        criteria=(),
        truth={"classes": dataset.y_train},
        guess={"labels": np.zeros(rows, np.int64)},
        reference={"labels": dataset.y_train},
        floor=_FLOOR,
    )


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    return parted(case.inputs["x_train"], outputs["labels"], case.truth["classes"])


def _bound(case: Case) -> Bound:
    """Each row is held against another one at least."""
    return Bound(float(case.inputs["x_train"].size), "F64")


TASKS = (
    Task(
        name=_NAME,
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes",),
        params={
            "affinity": ParamSpec(str, words=("rbf", "nearest_neighbors")),
            "k": ParamSpec(int, low=2),
            "gamma": ParamSpec(float, above=0.0),
            "neighbours": ParamSpec(int, low=1),
            "rows": ROWS,
        },
        make=_fit,
        metrics=_metrics,
        decides="ari",
        direction=1,
        criteria=(),
        alone="each draws its own start, and solves for eigenvectors in its own way",
        bound=_bound,
        value_dependent=True,
    ),
)
