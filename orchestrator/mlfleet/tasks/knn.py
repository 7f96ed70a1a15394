"""k nearest neighbours, Euclidean, uniform. Ties: the lowest row is nearer, the smallest label wins.

`index`: every distance (brute), or a tree of boxes or balls of rows, by which each library leaves out what it can.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats, Integers
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Task
from mlfleet.tasks.batch import BATCH, batch_rows
from mlfleet.tasks.criteria import Close, Criterion, Equal, Metrics, Share, Within
from mlfleet.tasks.metrics import classification, regression
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.rows import ROWS

TREES = ("kd_tree", "ball_tree")
INDEX = ParamSpec(str, words=("brute", *TREES))
K = ParamSpec(int, low=1)
# Distances closer than this may swap by rounding.
_TIE = 1e-9
_CLASSIFY, _REGRESS = "knn_classify.predict", "knn_regress.predict"
_CLASSIFY_FIT, _REGRESS_FIT = "knn_classify.fit", "knn_regress.fit"
_EXACT: tuple[Criterion, ...] = (Equal("pred"), Equal("neighbours"))
_TIED: tuple[Criterion, ...] = (Share("pred", 0.995), Share("neighbours", 0.995))
_EXACT_MEANS: tuple[Criterion, ...] = (Close("pred", 1e-12), Equal("neighbours"))
# One other neighbour moves a mean by more than rounding does.
_TIED_MEANS: tuple[Criterion, ...] = (Within("r2", 1e-3), Share("neighbours", 0.995))


@dataclass(frozen=True)
class _Search:
    """The nearest of x_train to the first batch of x_test, and what both tasks say of it."""

    inputs: Arrays
    params: Mapping[str, Param]
    batch: int
    neighbours: Integers
    tied: bool

    @property
    def output(self) -> Output:
        """Of the neighbours, whatever is made of them."""
        return Output("I64", self.neighbours.shape, below=len(self.inputs["x_train"]))

    @property
    def planned(self) -> dict[str, int]:
        """The receipt of a search; how many distances a tree leaves out is its own affair."""
        rows = len(self.inputs["x_train"])
        every = {"distances": rows * self.batch} if self.params["index"] == "brute" else {}
        return {"rows": rows, "rows_predicted": self.batch, **every}


def brute_force(x: Floats, queries: Floats, k: int) -> tuple[Integers, bool]:
    """Neighbours i64[m,k], nearest first, and whether two of the first k + 1 distances lie within 1e-9."""
    neighbours, tied = np.empty((len(queries), k), np.int64), False
    for row, query in enumerate(queries):
        distances = np.sqrt(((x - query) ** 2).sum(axis=1))
        order = np.argsort(distances, kind="stable")[: k + 1]
        neighbours[row] = order[:k]
        tied = tied or bool((np.diff(distances[order]) < _TIE).any())
    return neighbours, tied


def vote(labels: Integers, classes: int) -> Integers:
    """The most frequent label of each row of i64[m,k]; ties: the smallest."""
    counts = (labels[:, :, None] == np.arange(classes)).sum(axis=1)
    return np.asarray(counts.argmax(axis=1), np.int64)


def check_k(task: str, k: int, dataset: str, rows: int) -> None:
    """Raises UsageError if there are not as many rows as neighbours."""
    if k > rows:
        raise UsageError(f"{task}: k is {k}, dataset {dataset!r} has {rows} training rows")


def _search(name: str, dataset: Dataset, params: Mapping[str, Param]) -> _Search:
    x, x_test = dataset.standardised()
    # The index alone is built in a `.fit`; shown by the neighbours of every test row.
    batch = batch_rows(name, params.get("batch", "all"), len(x_test))
    k = int(params["k"])
    check_k(name, k, dataset.name, len(x))
    inputs = {"x_train": x, "y_train": dataset.y_train, "x_test": x_test}
    wire = {**params, "batch": batch} if "batch" in params else params
    return _Search(inputs, wire, batch, *brute_force(x, x_test[:batch], k))


def _classify(task: str, dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    found, y, classes = _search(task, dataset, params), dataset.y_train, int(dataset.y.max()) + 1
    most_frequent = int(np.bincount(y).argmax())
    return Case(
        task=task,
        dataset=dataset.name,
        label=dataset.label,
        inputs=found.inputs,
        params=found.params,
        outputs={"pred": Output("I64", (found.batch,), below=classes), "neighbours": found.output},
        planned=found.planned,
        criteria=_TIED if found.tied else _EXACT,
        truth={"y_test": dataset.y_test[: found.batch], "classes": np.asarray(classes)},
        guess={"pred": np.full(found.batch, most_frequent), "neighbours": np.zeros_like(found.neighbours)},
        reference={"pred": vote(y[found.neighbours], classes), "neighbours": found.neighbours},
    )


def _regress(task: str, dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    found, y = _search(task, dataset, params), dataset.y_train
    return Case(
        task=task,
        dataset=dataset.name,
        label=dataset.label,
        inputs=found.inputs,
        params=found.params,
        outputs={"pred": Output("F64", (found.batch,)), "neighbours": found.output},
        planned=found.planned,
        criteria=_TIED_MEANS if found.tied else _EXACT_MEANS,
        truth={"y_test": dataset.y_test[: found.batch]},
        guess={"pred": np.full(found.batch, y.mean()), "neighbours": np.zeros_like(found.neighbours)},
        reference={"pred": y[found.neighbours].mean(axis=1), "neighbours": found.neighbours},
    )


def _classify_metrics(case: Case, outputs: Arrays) -> Metrics:
    return classification(case.truth["y_test"], outputs["pred"], int(case.truth["classes"]))


def _regress_metrics(case: Case, outputs: Arrays) -> Metrics:
    return regression(case.truth["y_test"], outputs["pred"])


def _predict_bound(case: Case) -> Bound:
    """`index = brute` wants every distance, a tree those of the neighbours: two operations a coordinate of each pair.

    Halved: a search in single precision, made sure of in double, runs at twice the peak of double.
    """
    rows, width = case.inputs["x_train"].shape
    looked_at = rows if case.params["index"] == "brute" else int(case.params["k"])
    return Bound(float(looked_at) * int(case.params["batch"]) * width, "F64")


def _fit_bound(case: Case) -> Bound:
    """One comparison a row at least, to know on which side of the first cut it lies."""
    return Bound(float(len(case.inputs["x_train"])), "F64")


_SEARCH: dict[str, Any] = {
    "stage": "infer",
    "unit_key": "rows_predicted",
    "unit": "row",
    "params": {"k": K, "index": INDEX, "batch": BATCH},
    "direction": 1,
    "bound": _predict_bound,
}
_BUILD: dict[str, Any] = {
    "stage": "train",
    "unit_key": "rows",
    "unit": "row",
    # Of every row nothing is built.
    "params": {"k": K, "index": ParamSpec(str, words=TREES), "rows": ROWS},
    "direction": 1,
    "bound": _fit_bound,
    "title_time": "time to build the index",
}
_CLASSES: dict[str, Any] = {
    "targets": ("classes",),
    "metrics": _classify_metrics,
    "decides": "accuracy",
    "criteria": _EXACT,
}
_VALUES: dict[str, Any] = {
    "targets": ("real",),
    "metrics": _regress_metrics,
    "decides": "r2",
    "criteria": _EXACT_MEANS,
}

TASKS = (
    Task(name=_CLASSIFY, make=partial(_classify, _CLASSIFY), **_CLASSES, **_SEARCH),
    Task(name=_REGRESS, make=partial(_regress, _REGRESS), **_VALUES, **_SEARCH),
    Task(name=_CLASSIFY_FIT, make=partial(_classify, _CLASSIFY_FIT), **_CLASSES, **_BUILD),
    Task(name=_REGRESS_FIT, make=partial(_regress, _REGRESS_FIT), **_VALUES, **_BUILD),
)
