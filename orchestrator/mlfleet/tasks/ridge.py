"""Ridge regression in closed form: intercept unpenalised, X and y centred, Cholesky of X'X + alpha I."""

from collections.abc import Mapping

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats, Integers
from mlfleet.model import Param
from mlfleet.tasks.base import Case, Output, Task
from mlfleet.tasks.criteria import Close, Within
from mlfleet.tasks.folds import fold_ids, out_of_fold
from mlfleet.tasks.linear_models import (
    fit_bound,
    fit_metrics,
    predict_case,
    predict_task,
    validate_case,
    validate_task,
)
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.rows import ROWS

_ALPHA = ParamSpec(float, low=0.0)
_R2 = Within("r2", 1e-8)
_FIT = (Close("coef", 1e-8), Close("intercept", 1e-8), _R2)
_PREDICT = (Close("pred", 1e-8), _R2)


def closed_form(x: Floats, y: Floats, alpha: float) -> tuple[Floats, Floats]:
    """Coefficients f64[d] and intercept f64[]."""
    mean = x.mean(axis=0)
    centred = x - mean
    # By least squares on rows that stand for the penalty: its condition is the root of that of X'X + alpha I, so the
    # reference is the more exact one.
    rows = np.vstack([centred, np.sqrt(alpha) * np.eye(x.shape[1])])
    targets = np.concatenate([y - y.mean(), np.zeros(x.shape[1])])
    coef = np.linalg.lstsq(rows, targets)[0]
    return coef, np.asarray(y.mean() - mean @ coef)


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x, x_test = dataset.standardised()
    y = dataset.y_train
    coef, intercept = closed_form(x, y, float(params["alpha"]))
    return Case(
        task="ridge.fit",
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y},
        params=params,
        outputs={"coef": Output("F64", coef.shape), "intercept": Output("F64", ())},
        planned={"rows": len(x)},
        criteria=_FIT,
        truth={"x_test": x_test, "y_test": dataset.y_test},
        guess={"coef": np.zeros_like(coef), "intercept": np.asarray(y.mean())},
        reference={"coef": coef, "intercept": intercept},
    )


def _predict(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x, x_test = dataset.standardised()
    model = closed_form(x, dataset.y_train, float(params["alpha"]))
    return predict_case("ridge.predict", dataset, params, (x, x_test, dataset.y_train), model, _PREDICT)


def _validate(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x, _ = dataset.standardised()
    y, alpha = dataset.y_train, float(params["alpha"])
    ids = fold_ids("ridge.cross_validate", y, int(params["folds"]), classes=False)

    def answer(fitted: Integers, held: Integers) -> Floats:
        coef, intercept = closed_form(x[fitted], y[fitted], alpha)
        return np.asarray(x[held] @ coef + intercept)

    return validate_case("ridge.cross_validate", dataset, params, ids, out_of_fold(ids, answer), _PREDICT)


TASKS = (
    Task(
        name="ridge.fit",
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("real",),
        params={"alpha": _ALPHA, "rows": ROWS},
        make=_fit,
        metrics=fit_metrics,
        decides="r2",
        direction=1,
        criteria=_FIT,
        bound=fit_bound,
    ),
    predict_task("ridge.predict", params={"alpha": _ALPHA}, make=_predict, criteria=_PREDICT),
    validate_task("ridge.cross_validate", params={"alpha": _ALPHA}, make=_validate, criteria=_PREDICT),
)
