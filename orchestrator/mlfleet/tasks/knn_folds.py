"""Nearest neighbours of rows that were held out, fold by fold: `knn_classify.cross_validate`."""

from collections.abc import Mapping

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Integers
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Task
from mlfleet.tasks.criteria import Criterion, Equal, Metrics, Share
from mlfleet.tasks.folds import FOLDS, fold_ids, per_fold
from mlfleet.tasks.knn import INDEX, K, brute_force, check_k, vote
from mlfleet.tasks.metrics import classification

_TASK = "knn_classify.cross_validate"
_EXACT: tuple[Criterion, ...] = (Equal("pred"),)
_TIED: tuple[Criterion, ...] = (Share("pred", 0.995),)


def _validate(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    """X on one scale over all training rows, none inside a fold."""
    del seed
    x, _ = dataset.standardised()
    y, classes, k = dataset.y_train, int(dataset.y.max()) + 1, int(params["k"])
    folds = fold_ids(_TASK, y, int(params["folds"]), classes=True)
    pred, guess, tied = np.empty_like(y), np.empty_like(y), False
    for fold in range(int(params["folds"])):
        fitted, held = folds != fold, folds == fold
        check_k(_TASK, k, dataset.name, int(fitted.sum()))
        neighbours, ties = brute_force(x[fitted], x[held], k)
        pred[held] = vote(y[fitted][neighbours], classes)
        guess[held] = np.bincount(y[fitted]).argmax()
        tied = tied or ties
    return Case(
        task=_TASK,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y, "folds": folds},
        params=params,
        outputs={"pred": Output("I64", y.shape, below=classes)},
        planned={"rows": len(x), "fits": int(params["folds"])},
        criteria=_TIED if tied else _EXACT,
        truth={"classes": np.asarray(classes)},
        guess={"pred": guess},
        reference={"pred": pred},
    )


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    y, classes = case.inputs["y_train"], int(case.truth["classes"])

    def of_fold(rows: Integers) -> Metrics:
        return classification(y[rows], outputs["pred"][rows], classes)

    return per_fold(case.inputs["folds"], of_fold)


def _bound(case: Case) -> Bound:
    """As of a prediction of every row among those of the other folds; a tree looks at the neighbours alone."""
    rows, width = case.inputs["x_train"].shape
    _, sizes = np.unique(case.inputs["folds"], return_counts=True)
    pairs = float((sizes * (rows - sizes)).sum()) if case.params["index"] == "brute" else rows * int(case.params["k"])
    return Bound(float(pairs) * width, "F64")


TASKS = (
    Task(
        name=_TASK,
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes",),
        params={"k": K, "index": INDEX, "folds": FOLDS},
        make=_validate,
        metrics=_metrics,
        decides="accuracy",
        direction=1,
        criteria=_EXACT,
        bound=_bound,
    ),
)
