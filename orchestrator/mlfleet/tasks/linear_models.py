"""What linear models share: metrics, the cases of a `.predict` and of a `.cross_validate`, the least work of each."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats, Integers
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Task
from mlfleet.tasks.batch import batch_rows, predicts
from mlfleet.tasks.criteria import Criterion, Metrics
from mlfleet.tasks.folds import FOLDS, out_of_fold, per_fold
from mlfleet.tasks.metrics import coefficients, regression
from mlfleet.tasks.params import ParamSpec

# Coefficients f64[d] and intercept f64[].
Model = tuple[Floats, Floats]


def check_rank(task: str, dataset: str, x: Floats) -> None:
    """Raises UsageError where least squares has more than one answer: a constant column, or fewer rows than columns."""
    rank, width = int(np.linalg.matrix_rank(x - x.mean(axis=0))), x.shape[1]
    if rank < width:
        raise UsageError(f"{task} cannot use dataset {dataset!r}: its {width} columns, centred, have rank {rank}")


def fit_metrics(case: Case, outputs: Arrays) -> Metrics:
    """REG of the test part, by coefficients and intercept."""
    with np.errstate(all="ignore"):
        pred = case.truth["x_test"] @ outputs["coef"] + outputs["intercept"]
    return regression(case.truth["y_test"], pred) | coefficients(outputs["coef"])


def fit_bound(case: Case) -> Bound:
    """X'y alone: a multiplication and an addition for each number of X. The Gram matrix may be had by other ways."""
    return Bound(2.0 * case.inputs["x_train"].size, "F64")


def predict_case(
    task: str,
    dataset: Dataset,
    params: Mapping[str, Param],
    data: tuple[Floats, Floats, Floats],
    model: Model,
    criteria: tuple[Criterion, ...],
) -> Case:
    """Data: x_train, x_test and y_train as delivered; where y was centred, metrics are of the centred test targets."""
    x, x_test, y = data
    batch = batch_rows(task, params["batch"], len(x_test))
    coef, intercept = model
    return Case(
        task=task,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y, "x_test": x_test},
        params={**params, "batch": batch},
        outputs={"pred": Output("F64", (batch,))},
        planned={"rows": len(x), "rows_predicted": batch},
        criteria=criteria,
        truth={"y_test": dataset.y_test[:batch] - (dataset.y_train.mean() - y.mean())},
        guess={"pred": np.full(batch, y.mean())},
        reference={"pred": x_test[:batch] @ coef + intercept},
    )


def _predict_metrics(case: Case, outputs: Arrays) -> Metrics:
    """REG of the batch."""
    return regression(case.truth["y_test"], outputs["pred"])


# A `.predict`, whose case is `predict_case`.
predict_task = partial(predicts, target="real", decides="r2", metrics=_predict_metrics)


def validate_case(
    task: str,
    dataset: Dataset,
    params: Mapping[str, Param],
    folds: Integers,
    pred: Floats,
    criteria: tuple[Criterion, ...],
) -> Case:
    """X on one scale over all training rows, none inside a fold. `pred`: the right answers, each row held out once."""
    x, _ = dataset.standardised()
    y = dataset.y_train
    return Case(
        task=task,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y, "folds": folds},
        params=params,
        outputs={"pred": Output("F64", y.shape)},
        planned={"rows": len(x), "fits": int(params["folds"])},
        criteria=criteria,
        guess={"pred": out_of_fold(folds, lambda fitted, held: np.full(len(held), y[fitted].mean()))},
        reference={"pred": pred},
    )


def _validate_metrics(case: Case, outputs: Arrays) -> Metrics:
    """REG of each fold, its mean and its std."""
    y, pred = case.inputs["y_train"], outputs["pred"]
    return per_fold(case.inputs["folds"], lambda held: regression(y[held], pred[held]))


def validate_task(
    name: str,
    *,
    params: Mapping[str, ParamSpec],
    make: Callable[[Dataset, Mapping[str, Param], int], Case],
    criteria: tuple[Criterion, ...],
) -> Task:
    """A `.cross_validate`, whose case is `validate_case`: `params` and folds."""
    return Task(
        name=name,
        stage="train",
        unit_key="fits",
        unit="fit",
        targets=("real",),
        params={**params, "folds": FOLDS},
        make=make,
        metrics=_validate_metrics,
        decides="r2",
        direction=1,
        criteria=criteria,
        # X'y of each fold's rows: those of one fold are the rest of all, so a pass over X serves every fit.
        bound=fit_bound,
    )
