"""A linear support vector machine of two classes by the dual problem, its intercept penalised as one weight more.

The objective is (w'w + b²)/2 + C sum(loss), loss max(0, 1 - s(w'x + b)) or its square, s = 1 for class 1 and else -1.
An SVC with a linear kernel solves another problem: its intercept is free.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats, Integers
from mlfleet.errors import UsageError
from mlfleet.model import Param
from mlfleet.tasks.base import Arrays, Case, Output, Reached, Task
from mlfleet.tasks.batch import batch_rows, predicts
from mlfleet.tasks.criteria import Close, Metrics, Objective, Share, Within
from mlfleet.tasks.interior_point import box_minimum
from mlfleet.tasks.metrics import classification
from mlfleet.tasks.params import ParamSpec
from mlfleet.tasks.rows import ROWS
from mlfleet.tasks.svc import fit_bound

_FIT = (Objective("objective", 1e-3), Within("f1_macro", 0.01))
_PREDICT = (Share("labels", 0.99), Close("decision", 1e-2), Within("f1_macro", 0.01, rows="labels"))
# How far decision values may lie from what the coefficients say: rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class _Problem:
    """Training data, and what weighs the loss."""

    x: Floats
    y: Integers
    c: float
    loss: str

    def optimum(self) -> Arrays:
        """Coefficients f64[d] and intercept f64[], from the dual problem."""
        rows = np.where(self.y == 1, 1.0, -1.0)[:, np.newaxis] * np.column_stack([self.x, np.ones(len(self.x))])
        gram = rows @ rows.T
        if self.loss == "hinge":
            weights = rows.T @ box_minimum(gram, self.c)
        else:
            weights = rows.T @ box_minimum(gram + np.eye(len(rows)) / (2 * self.c), np.inf)
        return {"coef": weights[:-1], "intercept": np.asarray(weights[-1])}

    def objective(self, coef: Floats, intercept: Floats) -> float:
        """Of the primal problem."""
        with np.errstate(all="ignore"):
            margin = np.where(self.y == 1, 1.0, -1.0) * (self.x @ coef + intercept)
            loss = np.maximum(0.0, 1 - margin)
            total = loss.sum() if self.loss == "hinge" else (loss**2).sum()
            return float((coef @ coef + intercept**2) / 2 + self.c * total)


def _two_classes(task: str, dataset: Dataset) -> None:
    if (classes := int(dataset.y.max()) + 1) != 2:  # noqa: PLR2004
        raise UsageError(f"{task} cannot use dataset {dataset.name!r}: it has {classes} classes, 2 awaited")


def _fit(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    _two_classes("linear_svc.fit", dataset)
    x, x_test = dataset.standardised()
    problem = _Problem(x, dataset.y_train, float(params["c"]), str(params["loss"]))
    width = x.shape[1]
    most = 1.0 if problem.y.mean() > 0.5 else -1.0  # noqa: PLR2004

    def answer() -> Arrays:
        found = problem.optimum()
        return {**found, "decision": x_test @ found["coef"] + found["intercept"]}

    return Case(
        task="linear_svc.fit",
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": problem.y, "x_test": x_test},
        params=params,
        outputs={
            "coef": Output("F64", (width,)),
            "intercept": Output("F64", ()),
            "decision": Output("F64", (len(x_test),)),
        },
        planned={"rows": len(x), "machines": 1},
        criteria=_FIT,
        truth={"y_test": dataset.y_test},
        guess={"coef": np.zeros(width), "intercept": np.asarray(most), "decision": np.full(len(x_test), most)},
        answer=answer,
        # Who took as many iterations as he may has not shown that he met the tolerance.
        most={"n_iter": int(params["max_iter"]) - 1},
    )


def _fit_metrics(case: Case, outputs: Arrays) -> Metrics:
    problem = _Problem(
        case.inputs["x_train"], case.inputs["y_train"], float(case.params["c"]), str(case.params["loss"])
    )
    objective = problem.objective(outputs["coef"], outputs["intercept"])
    found = _of_decision(case, outputs["decision"])
    return found | {"objective": objective if np.isfinite(objective) else None}


def _of_decision(case: Case, decision: Floats) -> dict[str, float | None]:
    scores = np.column_stack([-decision, decision])
    return classification(case.truth["y_test"], (decision > 0).astype(np.int64), 2, scores)


def _undone(case: Case, outputs: Arrays) -> list[str]:
    with np.errstate(all="ignore"):
        said = case.inputs["x_test"] @ outputs["coef"] + outputs["intercept"]
        apart = float(np.abs(outputs["decision"] - said).max())
    if apart <= _ROUNDING * max(1.0, float(np.abs(outputs["decision"]).max())):
        return []
    return [f"decision lies up to {apart:.2g} from x_test coef + intercept"]


def _predict(dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    _two_classes("linear_svc.predict", dataset)
    x, x_test = dataset.standardised()
    problem = _Problem(x, dataset.y_train, float(params["c"]), str(params["loss"]))
    batch = batch_rows("linear_svc.predict", params["batch"], len(x_test))

    def answer() -> Arrays:
        found = problem.optimum()
        decision = x_test[:batch] @ found["coef"] + found["intercept"]
        return {"labels": (decision > 0).astype(np.int64), "decision": decision}

    return Case(
        task="linear_svc.predict",
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": problem.y, "x_test": x_test},
        params={**params, "batch": batch},
        outputs={"labels": Output("I64", (batch,), below=2), "decision": Output("F64", (batch,))},
        planned={"rows": len(x), "machines": 1, "rows_predicted": batch},
        criteria=_PREDICT,
        truth={"y_test": dataset.y_test[:batch]},
        guess={"labels": np.full(batch, int(np.bincount(problem.y).argmax())), "decision": np.zeros(batch)},
        answer=answer,
    )


def _predict_metrics(case: Case, outputs: Arrays) -> Metrics:
    scores = np.column_stack([-outputs["decision"], outputs["decision"]])
    return classification(case.truth["y_test"], outputs["labels"], 2, scores)


_PARAMS = {
    "c": ParamSpec(float, above=0.0),
    "loss": ParamSpec(str, words=("hinge", "squared_hinge")),
    "tol": ParamSpec(float, above=0.0),
    "max_iter": ParamSpec(int, low=1),
}
_CONVERGED = {"converged": Reached(bool, "printed", must=True)}

TASKS = (
    Task(
        name="linear_svc.fit",
        stage="train",
        unit_key="rows",
        unit="row",
        targets=("classes",),
        params={**_PARAMS, "rows": ROWS},
        make=_fit,
        metrics=_fit_metrics,
        decides="f1_macro",
        direction=1,
        criteria=_FIT,
        reached={"n_iter": Reached(int, "printed", low=1), **_CONVERGED},
        title_time="time to the same objective",
        undone=_undone,
        bound=fit_bound,
        value_dependent=True,
    ),
    replace(
        predicts(
            "linear_svc.predict",
            params=_PARAMS,
            make=_predict,
            target="classes",
            decides="f1_macro",
            metrics=_predict_metrics,
            criteria=_PREDICT,
        ),
        reached=_CONVERGED,
    ),
)
