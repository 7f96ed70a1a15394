"""Linear regression by gradient descent: so many full steps from zero, intercept too; the gradient is X'e / n."""

from collections.abc import Mapping

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats
from mlfleet.errors import UsageError
from mlfleet.model import Bound, Param
from mlfleet.tasks.base import Case, Output, Size, Task
from mlfleet.tasks.bounds import product
from mlfleet.tasks.criteria import Close, Within
from mlfleet.tasks.linear_models import fit_metrics, predict_case, predict_task
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.rows import ROWS

_NAME, _PREDICT = "gd_regression.fit", "gd_regression.predict"
_CRITERIA = (
    Close("coef", 1e-9),
    Close("intercept", 1e-9),
    Close("last_loss", 1e-9),
    Within("r2", 1e-9),
)
_PREDICTED = (Close("pred", 1e-9), Within("r2", 1e-9))
_STEPS = {"lr": ParamSpec(float, above=0), "iterations": ParamSpec(int, low=1)}
# Rows read from memory: twice by each step, for the errors and then for the gradient; once by each step, both products
# of a row together; or once for X'X, with which all steps are taken.
_TWO_PASS, _FUSED, _GRAM = "two_pass", "fused", "gram"


def descent(x: Floats, y: Floats, lr: float, iterations: int) -> tuple[Floats, Floats]:
    """Coefficients f64[d] and intercept f64[] after that many steps, without taking one.

    Along an eigenvector of the Gram matrix each step shrinks what is left by 1 - lr x eigenvalue: a geometric series.
    Raises UsageError where the steps would grow.
    """
    rows = np.column_stack([np.ones(len(x)), x])
    eigenvalues, vectors = np.linalg.eigh(rows.T @ rows / len(x))
    if lr * eigenvalues[-1] >= 2:  # noqa: PLR2004 - beyond it a step overshoots by more than there was
        limit = 2 / eigenvalues[-1]
        raise UsageError(f"parameter 'lr' of {_NAME} is {lr:g}; on these data steps diverge from {limit:.3g} on")
    shrink, total = 1 - lr * eigenvalues, np.zeros(len(eigenvalues))
    for _ in range(iterations):
        total = 1 + shrink * total
    weights = vectors @ (lr * total * (vectors.T @ (rows.T @ y / len(x))))
    return weights[1:], np.asarray(weights[0])


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    """X as the dataset has it: to scale its columns would change what a number of steps means."""
    del seed
    x, y = np.ascontiguousarray(dataset.x[dataset.train], np.float64), dataset.y_train
    lr, iterations = float(params["lr"]), int(params["iterations"])
    coef, intercept = descent(x, y, lr, iterations)
    before, offset = descent(x, y, lr, iterations - 1)
    return Case(
        task=_NAME,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y},
        params=params,
        outputs={"coef": Output("F64", coef.shape), "intercept": Output("F64", ()), "last_loss": Output("F64", ())},
        planned={"steps": iterations, "rows_read": len(x) * _passes(str(params["schedule"]), iterations)},
        criteria=_CRITERIA,
        truth={"x_test": dataset.x[dataset.test], "y_test": dataset.y_test},
        guess={"coef": np.zeros_like(coef), "intercept": np.asarray(y.mean()), "last_loss": np.asarray(y.var() / 2)},
        reference={"coef": coef, "intercept": intercept, "last_loss": _loss(x, y, before, offset)},
    )


def _passes(schedule: str, iterations: int) -> int:
    """How often all rows are read."""
    return {_TWO_PASS: 2 * iterations, _FUSED: iterations, _GRAM: 1}[schedule]


def _loss(x: Floats, y: Floats, coef: Floats, intercept: Floats) -> Floats:
    """Half the mean square that a step with these parameters finds."""
    return np.asarray(((x @ coef + intercept - y) ** 2).mean() / 2)


def _bound(case: Case) -> Bound:
    """Each step multiplies X by the weights and its transpose by the errors, reading X once (`fused`) or twice.

    `gram`: X'X is symmetric, so half of a product.
    """
    x = case.inputs["x_train"]
    rows, width = x.shape
    if case.params["schedule"] == _GRAM:
        return Bound(product(rows, width, width) / 2, "F64", float(x.nbytes), float(x.nbytes))
    read = 8.0 * case.planned["rows_read"] * width
    return Bound(4.0 * case.planned["steps"] * rows * width, "F64", read, float(x.nbytes))


def _size(params: Mapping[str, Param]) -> Size | None:
    # By the Gram matrix steps are next to nothing.
    return None if params["schedule"] == _GRAM else Size("iterations", 1)


def _predict(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    """Fitted by the Gram matrix: however the model was made, predictions are the same work."""
    del seed
    rows = len(dataset.test) if params["test_rows"] == "all" else int(params["test_rows"])
    if rows > len(dataset.test):
        raise UsageError(f"parameter 'test_rows' of {_PREDICT} is {rows}, the test part has {len(dataset.test)} rows")
    x, x_test = (np.ascontiguousarray(dataset.x[part], np.float64) for part in (dataset.train, dataset.test[:rows]))
    model = descent(x, dataset.y_train, float(params["lr"]), int(params["iterations"]))
    return predict_case(_PREDICT, dataset, params, (x, x_test, dataset.y_train), model, _PREDICTED)


TASKS = (
    Task(
        name=_NAME,
        stage="train",
        unit_key="steps",
        unit="step",
        targets=("real",),
        params={
            **_STEPS,
            "schedule": ParamSpec(str, words=(_TWO_PASS, _FUSED, _GRAM)),
            "rows": ROWS,
        },
        make=_fit,
        metrics=fit_metrics,
        decides="r2",
        direction=1,
        criteria=_CRITERIA,
        bound=_bound,
        size=_size,
    ),
    predict_task(_PREDICT, params={**_STEPS, "rows": ROWS, "test_rows": ROWS}, make=_predict, criteria=_PREDICTED),
)
