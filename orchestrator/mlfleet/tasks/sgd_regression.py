"""Linear regression by stochastic gradient descent: scikit-learn's alone, for studies of its versions.

Rows come in an order that the library draws; how many epochs run is the library's own rule, or all of them.
"""

from collections.abc import Mapping

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Case, Output, Reached, Size, Task
from mlfleet.tasks.criteria import Within
from mlfleet.tasks.linear_models import fit_bound, fit_metrics
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.ridge import closed_form
from mlfleet.tasks.rows import ROWS

_NAME = "sgd_regression.fit"
# Of the R2 of least squares: its noise is that of a step's size, which shrinks with the root of the root of steps.
_CRITERIA = (Within("r2", 0.05),)
# Until the loss of five epochs has not fallen by tol, or until the limit whatever it does.
_TOL, _LIMIT = "tol", "limit"


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    """On one scale, without which the steps diverge. The run's seed draws the order of rows, in the service."""
    del seed
    x, x_test = dataset.standardised()
    y, limit = dataset.y_train, int(params["max_iter"])
    coef, intercept = closed_form(x, y, 0.0)
    every = {"epochs": limit, "updates": limit * len(x)} if params["until"] == _LIMIT else {}
    return Case(
        task=_NAME,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y},
        params=params,
        outputs={"coef": Output("F64", coef.shape), "intercept": Output("F64", ())},
        planned={"rows": len(x), **every},
        criteria=_CRITERIA,
        truth={"x_test": x_test, "y_test": dataset.y_test},
        guess={"coef": np.zeros_like(coef), "intercept": np.asarray(y.mean())},
        reference={"coef": coef, "intercept": intercept},
        # By its rule it ends before the limit; at the limit it has not.
        most={"epochs": limit if every else limit - 1},
    )


def _bound(case: Case) -> Bound:
    """An epoch: each number of X is multiplied for the error of its row, and once more for the step."""
    one = fit_bound(case)
    return Bound(one.flop * 2 * case.planned.get("epochs", 1), one.dtype)


def _size(params: Mapping[str, Param]) -> Size | None:
    return Size("max_iter", 1) if params["until"] == _LIMIT else None


TASKS = (
    Task(
        name=_NAME,
        stage="train",
        unit_key="updates",
        unit="update",
        targets=("real",),
        params={
            "until": ParamSpec(str, words=(_TOL, _LIMIT)),
            "tol": ParamSpec(float, above=0),
            "max_iter": ParamSpec(int, low=2),
            "rows": ROWS,
        },
        make=_fit,
        metrics=fit_metrics,
        decides="r2",
        direction=1,
        criteria=_CRITERIA,
        bound=_bound,
        size=_size,
        alone="no other framework descends by single rows under the same rule of stopping",
        reached={"epochs": Reached(int, "equal", low=1), "updates": Reached(int, "printed", low=1)},
        value_dependent=True,
    ),
)
