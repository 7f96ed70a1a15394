"""Logistic regression of two classes with a quadratic penalty, intercept unpenalised.

Minimised is C sum ln(1 + exp(-s z)) + |coef|^2 / 2 with z = x coef + intercept and s = 1 for class 1, -1 for class 0.
Libraries stop by other rules, so compared is the time to the same objective. Of more than two classes there is no task:
linfa's multinomial fit ends far above the minimum, and says nothing.
"""

from collections.abc import Mapping

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats, Integers
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Arrays, Case, Output, Reached, Task
from mlfleet.tasks.criteria import Metrics, Objective
from mlfleet.tasks.metrics import classification
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.rows import ROWS

_CRITERIA = (Objective("objective", 1e-4),)
_CLASSES = 2
# Newton's steps get twice as many digits each time; the norm of the gradient, over that at zero, at which they end.
_STEPS, _STILL = 100, 1e-12


def objective(x: Floats, y: Integers, c: float, weights: Floats) -> float:
    """What is minimised, of weights f64[d+1] whose last one is the intercept."""
    margins = np.where(y == 1, 1.0, -1.0) * (x @ weights[:-1] + weights[-1])
    return float(c * np.logaddexp(0, -margins).sum() + weights[:-1] @ weights[:-1] / 2)


def newton(x: Floats, y: Integers, c: float) -> Floats:
    """Weights f64[d+1] of the minimum by Newton's method, steps halved until they descend (Boyd, Vandenberghe, 9.5).

    Raises UsageError if there is none within the limit.
    """
    ones = np.column_stack([x, np.ones(len(x))])
    penalty = np.append(np.ones(x.shape[1]), 0.0)
    weights = np.zeros(len(penalty))
    first = None
    for _ in range(_STEPS):
        shares = 1 / (1 + np.exp(-(ones @ weights)))
        gradient = c * (ones.T @ (shares - y)) + penalty * weights
        norm = float(np.linalg.norm(gradient))
        first = norm if first is None else first
        if norm <= _STILL * first:
            return weights
        curvature = c * (ones.T * (shares * (1 - shares))) @ ones + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        before, length = objective(x, y, c, weights), 1.0
        while objective(x, y, c, weights - length * step) > before and length > _STILL:
            length /= 2
        weights = weights - length * step
    raise UsageError(f"logistic.fit: no minimum found within {_STEPS} of Newton's steps at c = {c:g}")


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x, x_test = dataset.standardised()
    y = dataset.y_train
    if (found := np.unique(y).tolist()) != list(range(_CLASSES)):
        raise UsageError(
            f"logistic.fit: dataset {dataset.name!r} has the classes {found} in its training rows, 0 and 1 awaited"
        )
    weights = newton(x, y, float(params["c"]))
    share = y.mean()
    return Case(
        task="logistic.fit",
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y},
        params=params,
        outputs={"coef": Output("F64", (x.shape[1],)), "intercept": Output("F64", ())},
        planned={"rows": len(x), "classes": _CLASSES},
        criteria=_CRITERIA,
        truth={"x_test": x_test, "y_test": dataset.y_test},
        guess={"coef": np.zeros(x.shape[1]), "intercept": np.asarray(np.log(share / (1 - share)))},
        reference={"coef": weights[:-1], "intercept": np.asarray(weights[-1])},
        # Who took as many as he may has not shown that he met the tolerance.
        most={"n_iter": int(params["max_iter"]) - 1},
    )


def _metrics(case: Case, outputs: Arrays) -> Metrics:
    truth, c = case.truth["y_test"], float(case.params["c"])
    with np.errstate(all="ignore"):
        scores = case.truth["x_test"] @ outputs["coef"] + outputs["intercept"]
        weights = np.append(outputs["coef"], outputs["intercept"])
        found = {
            "objective": objective(case.inputs["x_train"], case.inputs["y_train"], c, weights),
            "log_loss": float(np.logaddexp(0, np.where(truth == 1, -scores, scores)).mean()),
        }
    labels = (scores > 0).astype(np.int64)
    quality = classification(truth, labels, _CLASSES, np.column_stack([-scores, scores]))
    return {**{name: value if np.isfinite(value) else None for name, value in found.items()}, **quality}


def _bound(case: Case) -> Bound:
    """One gradient at least: a product with X, and one with its transpose."""
    return Bound(4.0 * case.inputs["x_train"].size, "F64")


TASKS = (
    Task(
        name="logistic.fit",
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes",),
        params={
            "c": ParamSpec(float, above=0.0),
            # Of the largest element of the gradient of objective / (c rows).
            "tol": ParamSpec(float, above=0.0),
            "max_iter": ParamSpec(int, low=2),
            "rows": ROWS,
        },
        make=_fit,
        metrics=_metrics,
        decides="objective",
        direction=-1,
        criteria=_CRITERIA,
        reached={"n_iter": Reached(int, "printed", low=1), "converged": Reached(bool, "printed", must=True)},
        title_time="time to the same objective",
        bound=_bound,
        value_dependent=True,
    ),
)
