"""Ridge regression in closed form: intercept unpenalised, X and y centred, Cholesky of X'X + alpha I."""

from collections.abc import Mapping

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Task
from mlfleet.tasks.batch import BATCH, batch_rows
from mlfleet.tasks.criteria import Close, Metrics, Within
from mlfleet.tasks.metrics import coefficients, regression
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


def _fit_metrics(case: Case, outputs: Arrays) -> Metrics:
    with np.errstate(all="ignore"):
        pred = case.truth["x_test"] @ outputs["coef"] + outputs["intercept"]
    return regression(case.truth["y_test"], pred) | coefficients(outputs["coef"])


def _predict(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x, x_test = dataset.standardised()
    y = dataset.y_train
    batch = batch_rows("ridge.predict", params["batch"], len(x_test))
    coef, intercept = closed_form(x, y, float(params["alpha"]))
    return Case(
        task="ridge.predict",
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y, "x_test": x_test},
        params={**params, "batch": batch},
        outputs={"pred": Output("F64", (batch,))},
        planned={"rows": len(x), "rows_predicted": batch},
        criteria=_PREDICT,
        truth={"y_test": dataset.y_test[:batch]},
        guess={"pred": np.full(batch, y.mean())},
        reference={"pred": x_test[:batch] @ coef + intercept},
    )


def _predict_metrics(case: Case, outputs: Arrays) -> Metrics:
    return regression(case.truth["y_test"], outputs["pred"])


def _fit_bound(case: Case) -> Bound:
    """X'y alone: a multiplication and an addition for each number of X. The Gram matrix may be had by other ways."""
    return Bound(2.0 * case.inputs["x_train"].size, "F64")


def _predict_bound(case: Case) -> Bound:
    """Each number of the batch is multiplied by a coefficient and added."""
    return Bound(2.0 * int(case.params["batch"]) * case.inputs["x_test"].shape[1], "F64")


TASKS = (
    Task(
        name="ridge.fit",
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("real",),
        params={"alpha": _ALPHA, "rows": ROWS},
        make=_fit,
        metrics=_fit_metrics,
        decides="r2",
        direction=1,
        criteria=_FIT,
        bound=_fit_bound,
    ),
    Task(
        name="ridge.predict",
        stage="infer",
        unit_key="rows_predicted",
        unit="row",
        targets=("real",),
        params={"alpha": _ALPHA, "batch": BATCH},
        make=_predict,
        metrics=_predict_metrics,
        decides="r2",
        direction=1,
        criteria=_PREDICT,
        bound=_predict_bound,
    ),
)
