"""Gradient boosted trees of two classes, scikit-learn's alone: linfa has none."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats, Integers
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Task
from mlfleet.tasks.boosting_numpy import boost
from mlfleet.tasks.criteria import Metrics, Within
from mlfleet.tasks.metrics import classification
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.rows import ROWS

_CLASSES = 2
# Sums of gradients in single precision, as scikit-learn has them, take another of two cuts that gain nearly as much.
_CRITERIA = (Within("accuracy", 0.01, rows="labels"), Within("log_loss", 0.01))


def _answer(x: Floats, y: Integers, x_test: Floats, trees: int) -> Arrays:
    scores = boost(x, y, x_test, trees)
    return {"labels": (scores > 0).astype(np.int64), "scores": scores}


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x, x_test = dataset.standardised()
    y, trees = dataset.y_train, int(params["trees"])
    if (found := np.unique(y).tolist()) != list(range(_CLASSES)):
        raise UsageError(
            f"gradient_boosting.fit: dataset {dataset.name!r} has the classes {found} in its training rows, "
            "0 and 1 awaited"
        )
    rows, share = len(x_test), y.mean()
    return Case(
        task="gradient_boosting.fit",
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y, "x_test": x_test},
        params=params,
        outputs={"labels": Output("I64", (rows,), below=_CLASSES), "scores": Output("F64", (rows,))},
        planned={"rows": len(x), "classes": _CLASSES, "trees": trees},
        criteria=_CRITERIA,
        truth={"y_test": dataset.y_test},
        guess={
            "labels": np.full(rows, int(np.bincount(y).argmax())),
            "scores": np.full(rows, np.log(share / (1 - share))),
        },
        answer=partial(_answer, x, y, x_test, trees),
    )


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    truth, scores = case.truth["y_test"], outputs["scores"]
    quality = classification(truth, outputs["labels"], _CLASSES, np.column_stack([-scores, scores]))
    with np.errstate(all="ignore"):
        loss = float(np.logaddexp(0, np.where(truth == 1, -scores, scores)).mean())
    return {**quality, "log_loss": loss if np.isfinite(loss) else None}


def _bound(case: Case) -> Bound:
    """A tree adds up the gradient of every row at least once."""
    return Bound(float(len(case.inputs["x_train"])) * case.planned["trees"], "F64")


TASKS = (
    Task(
        name="gradient_boosting.fit",
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes",),
        params={"trees": ParamSpec(int, low=1), "rows": ROWS},
        make=_fit,
        metrics=_metrics,
        decides="accuracy",
        direction=1,
        criteria=_CRITERIA,
        alone="one framework alone has the task; its versions bin, grow and stop alike",
        bound=_bound,
        value_dependent=True,
    ),
)
