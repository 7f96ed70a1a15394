"""Least squares with an intercept, of data that have one answer: full rank."""

from collections.abc import Mapping

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.model import Param
from mlfleet.tasks.base import Case, Output, Task
from mlfleet.tasks.criteria import Close, Within
from mlfleet.tasks.linear_models import check_rank, fit_bound, fit_metrics, predict_case, predict_task
from mlfleet.tasks.ridge import closed_form
from mlfleet.tasks.rows import ROWS

_R2 = Within("r2", 1e-8)
_FIT = (Close("coef", 1e-7), Close("intercept", 1e-7), _R2)
_PREDICT = (Close("pred", 1e-7), _R2)


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x, x_test = dataset.standardised()
    y = dataset.y_train
    check_rank("linear.fit", dataset.name, x)
    coef, intercept = closed_form(x, y, 0.0)
    return Case(
        task="linear.fit",
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
    check_rank("linear.predict", dataset.name, x)
    model = closed_form(x, dataset.y_train, 0.0)
    return predict_case("linear.predict", dataset, params, (x, x_test, dataset.y_train), model, _PREDICT)


TASKS = (
    Task(
        name="linear.fit",
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("real",),
        params={"rows": ROWS},
        make=_fit,
        metrics=fit_metrics,
        decides="r2",
        direction=1,
        criteria=_FIT,
        bound=fit_bound,
    ),
    predict_task("linear.predict", params={}, make=_predict, criteria=_PREDICT),
)
