"""The lasso and the elastic net, on centred X and y: linfa centres y alone, so neither library is asked to.

The intercept is the mean of y, which the orchestrator adds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mlfleet.datasets import Dataset
from mlfleet.datasets.dataset import Floats, Integers
from mlfleet.errors import UsageError
from mlfleet.model import Param
from mlfleet.tasks.base import Arrays, Case, Output, Reached, Task
from mlfleet.tasks.criteria import Answer, Close, Judgement, Metrics, Objective, Within
from mlfleet.tasks.elastic_net_numpy import duality_gap, least_alpha, minimiser, objective
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

# A coefficient beyond it is one, by the catalogue.
NONZERO = 1e-6


@dataclass(frozen=True)
class Support:
    """The same coefficients lie beyond a size: a quality tolerance, no parity class."""

    output: str
    least: float
    text: str = ""

    def judge(self, found: Answer, reference: Answer) -> Judgement:
        """Distance: how many lie beyond it on one side alone."""
        mine, theirs = (np.abs(one.outputs[self.output]) > self.least for one in (found, reference))
        apart = int((mine != theirs).sum())
        words = f"{self.output} has {int(mine.sum())} values beyond {self.least:g}, {apart} of them or of the "
        failure = f"{words}reference's {int(theirs.sum())} on one side alone; none awaited"
        return Judgement("support", float(apart), failure if apart else None)


_R2 = Within("r2", 1e-4)
_FIT = (Objective("objective", 1e-6), Support("coef", NONZERO), _R2)
# What the objective's class leaves open in the coefficients is far more than both are apart at tol 1e-8.
_PREDICT = (Close("pred", 1e-5), _R2)
# 0 is least squares, of which coordinate descent has no dual gap to stop by.
_ALPHA = ParamSpec(float, above=0)
_RATIO = ParamSpec(float, above=0, most=1)
_CONVERGED = {"converged": Reached(bool, "printed", must=True)}
_STOP = {"tol": ParamSpec(float, above=0), "max_iter": ParamSpec(int, low=1)}


def _ratio(params: Mapping[str, Param]) -> float:
    """The lasso has none: all of its penalty is on the first norm."""
    return float(params.get("l1_ratio", 1.0))


def _solved(task: str, dataset: Dataset, params: Mapping[str, Param], x: Floats, y: Floats) -> Floats:
    """The reference. Raises UsageError where it is zero: nothing would tell it from no work."""
    alpha, ratio = float(params["alpha"]), _ratio(params)
    if alpha >= (limit := least_alpha(x, y, ratio)):
        said = f"parameter 'alpha' of {task} is {alpha:g}; on dataset {dataset.name!r}"
        raise UsageError(f"{said} every coefficient is 0 from {limit:.4g} on")
    return minimiser(x, y, alpha, ratio)


def _fit(task: str, dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x, x_test = dataset.standardised()
    mean = dataset.y_train.mean()
    y = dataset.y_train - mean
    coef = _solved(task, dataset, params, x, y)
    return Case(
        task=task,
        dataset=dataset.name,
        label=dataset.label,
        inputs={"x_train": x, "y_train": y},
        params=params,
        outputs={"coef": Output("F64", coef.shape)},
        planned={"rows": len(x)},
        criteria=_FIT,
        truth={"x_test": x_test, "y_test": dataset.y_test, "intercept": np.asarray(mean)},
        guess={"coef": np.zeros_like(coef)},
        reference={"coef": coef},
        most={"n_iter": int(params["max_iter"]), "nonzero": len(coef)},
    )


def _fit_metrics(case: Case, outputs: Arrays) -> Metrics:
    x, y, coef = case.inputs["x_train"], case.inputs["y_train"], outputs["coef"]
    asked = float(case.params["alpha"]), _ratio(case.params)
    return {
        **fit_metrics(case, {**outputs, "intercept": case.truth["intercept"]}),
        "objective": objective(x, y, coef, *asked),
        "duality_gap": duality_gap(x, y, coef, *asked),
    }


def _predict(task: str, dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    del seed
    x, x_test = dataset.standardised()
    y = dataset.y_train - dataset.y_train.mean()
    model = _solved(task, dataset, params, x, y), np.zeros(())
    return predict_case(task, dataset, params, (x, x_test, y), model, _PREDICT)


def _validate(task: str, dataset: Dataset, params: Mapping[str, Param], seed: int) -> Case:
    """Each fit centres its own rows: what is left of them has another mean."""
    del seed
    x, _ = dataset.standardised()
    y = dataset.y_train
    ids = fold_ids(task, y, int(params["folds"]), classes=False)

    def answer(fitted: Integers, held: Integers) -> Floats:
        mean, offset = x[fitted].mean(axis=0), y[fitted].mean()
        coef = _solved(task, dataset, params, x[fitted] - mean, y[fitted] - offset)
        return np.asarray((x[held] - mean) @ coef + offset)

    return validate_case(task, dataset, params, ids, out_of_fold(ids, answer), _PREDICT)


def _family(name: str, penalty: Mapping[str, ParamSpec]) -> tuple[Task, Task]:
    """`.fit` and `.predict` of one of the two."""
    fit, predict = f"{name}.fit", f"{name}.predict"
    return (
        Task(
            name=fit,
            stage="train",
            unit_key="rows",
            unit="row",
            targets=("real",),
            params={**penalty, **_STOP, "rows": ROWS},
            make=partial(_fit, fit),
            metrics=_fit_metrics,
            decides="r2",
            direction=1,
            criteria=_FIT,
            bound=fit_bound,
            title_time="time to the same objective",
            reached={
                "n_iter": Reached(int, "printed", low=1),
                "nonzero": Reached(int, "equal"),
                "column_major": Reached(bool, "printed"),
                **_CONVERGED,
            },
            value_dependent=True,
        ),
        replace(
            predict_task(predict, params={**penalty, **_STOP}, make=partial(_predict, predict), criteria=_PREDICT),
            reached=_CONVERGED,
        ),
    )


TASKS = (
    *_family("lasso", {"alpha": _ALPHA}),
    *_family("elastic_net", {"alpha": _ALPHA, "l1_ratio": _RATIO}),
    replace(
        validate_task(
            "lasso.cross_validate",
            params={"alpha": _ALPHA, **_STOP},
            make=partial(_validate, "lasso.cross_validate"),
            criteria=_PREDICT,
        ),
        reached=_CONVERGED,
        value_dependent=True,
    ),
)
