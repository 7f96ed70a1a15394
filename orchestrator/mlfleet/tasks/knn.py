"""k nearest neighbours, Euclidean, uniform vote. Ties: the lowest row is nearer, the smallest label wins."""

from collections.abc import Mapping

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats, Integers
from mlfleet.errors import UsageError
from mlfleet.model import Param
from mlfleet.tasks.base import Arrays, Case, Output, Task
from mlfleet.tasks.batch import BATCH, batch_rows
from mlfleet.tasks.criteria import Criterion, Equal, Metrics, Share
from mlfleet.tasks.metrics import classification
from mlfleet.tasks.params import ParamSpec

# Distances closer than this may swap by rounding.
_TIE = 1e-9
_EXACT: tuple[Criterion, ...] = (Equal("pred"), Equal("neighbours"))
_TIED: tuple[Criterion, ...] = (Share("pred", 0.995), Share("neighbours", 0.995))


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


def _predict(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    name = "knn_classify.predict"
    x, x_test = dataset.standardised()
    y, classes = dataset.y_train, int(dataset.y.max()) + 1
    batch, k = batch_rows(name, params["batch"], len(x_test)), int(params["k"])
    if k > len(x):
        raise UsageError(f"{name}: k is {k}, dataset {dataset.name!r} has {len(x)} training rows")
    neighbours, tied = brute_force(x, x_test[:batch], k)
    most_frequent = int(np.bincount(y).argmax())
    return Case(
        task=name,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y, "x_test": x_test},
        params={**params, "batch": batch},
        outputs={
            "pred": Output("I64", (batch,), below=classes),
            "neighbours": Output("I64", (batch, k), below=len(x)),
        },
        planned={"rows": len(x), "rows_predicted": batch, "distances": len(x) * batch},
        criteria=_TIED if tied else _EXACT,
        truth={"y_test": dataset.y_test[:batch], "classes": np.asarray(classes)},
        guess={"pred": np.full(batch, most_frequent), "neighbours": np.zeros((batch, k), np.int64)},
        reference={"pred": vote(y[neighbours], classes), "neighbours": neighbours},
    )


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    return classification(case.truth["y_test"], outputs["pred"], int(case.truth["classes"]))


TASKS = (
    Task(
        name="knn_classify.predict",
        stage="infer",
        unit_key="rows_predicted",
        unit="row",
        targets=("classes",),
        params={"k": ParamSpec(int, low=1), "index": ParamSpec(str, words=("brute",)), "batch": BATCH},
        make=_predict,
        metrics=_metrics,
        decides="accuracy",
        direction=1,
        criteria=_EXACT,
    ),
)
