"""Logistic regression: what is not the minimum fails, the reference is one, and other classes than two are refused."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from mlfleet import datasets, tasks
from mlfleet.errors import UsageError
from mlfleet.tasks import logistic
from mlfleet.tasks.base import Case
from mlfleet.tasks.logistic import newton, objective
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

TASK = tasks.get("logistic.fit")
PARAMS = {"c": 1.0, "tol": 1e-4, "max_iter": 10_000}


@pytest.fixture(scope="module")
def case() -> Case:
    return TASK.case(datasets.load("breast_cancer"), PARAMS, 1)


def failures(case: Case, weights: np.ndarray) -> list[str]:
    outputs: Mapping[str, np.ndarray] = {"coef": weights[:-1], "intercept": np.asarray(weights[-1])}
    assert TASK.check_outputs(case, outputs) == ()
    return [finding.detail for finding in TASK.score(case, outputs).findings]


def test_the_reference_is_the_minimum_by_another_method_too(case: Case) -> None:
    x, y = case.inputs["x_train"], case.inputs["y_train"]
    weights = newton(x, y, 2.0)
    found = minimize(lambda at: objective(x, y, 2.0, at), np.zeros(len(weights)), method="BFGS")
    assert objective(x, y, 2.0, weights) == pytest.approx(found.fun, rel=1e-7)
    assert objective(x, y, 2.0, weights) <= found.fun


def test_the_reference_passes_and_who_did_nothing_fails(case: Case) -> None:
    assert failures(case, newton(case.inputs["x_train"], case.inputs["y_train"], 1.0)) == []
    for weights in (np.zeros(31), np.ones(31), np.append(case.guess["coef"], case.guess["intercept"])):
        assert any(words.startswith("objective is") for words in failures(case, weights))


@pytest.mark.parametrize("c", [0.9, 1.1])
def test_another_penalty_fails(case: Case, c: float) -> None:
    assert failures(case, newton(case.inputs["x_train"], case.inputs["y_train"], c))


def test_a_penalised_intercept_fails_where_classes_are_of_unequal_size() -> None:
    digits = datasets.load("digits")
    case = TASK.case(replace(digits, y=(digits.y == 0).astype(np.int64)), PARAMS, 1)
    x, y = case.inputs["x_train"], case.inputs["y_train"]
    model = LogisticRegression(C=1.0, tol=1e-8, solver="liblinear").fit(x, y)
    assert failures(case, np.append(model.coef_[0], model.intercept_))


def test_a_fit_of_every_other_row_and_one_that_stopped_early_fail(case: Case) -> None:
    x, y = case.inputs["x_train"], case.inputs["y_train"]
    assert failures(case, newton(x[::2], y[::2], 1.0))
    with pytest.warns(match="failed to converge"):
        early = LogisticRegression(max_iter=8).fit(x, y)
    assert failures(case, np.append(early.coef_[0], early.intercept_))


def test_the_other_class_fails(case: Case) -> None:
    assert failures(case, -newton(case.inputs["x_train"], case.inputs["y_train"], 1.0))


def test_a_receipt_of_the_limit_or_of_no_convergence_is_short_work(case: Case) -> None:
    honest = {"rows": 456, "classes": 2, "n_iter": 17, "converged": True}
    assert TASK.check_receipt(case, honest) == ()
    for lie in ({"n_iter": 10_000}, {"n_iter": 0}, {"converged": False}, {"rows": 455}):
        assert TASK.check_receipt(case, {**honest, **lie})


def test_more_or_other_classes_are_refused() -> None:
    with pytest.raises(UsageError, match=r"has the classes \[0, 1, 2\] in its training rows, 0 and 1 awaited"):
        TASK.case(datasets.load("iris"), PARAMS, 1)
    data = datasets.load("breast_cancer")
    with pytest.raises(UsageError, match=r"has the classes \[1\]"):
        TASK.case(replace(data, y=np.ones_like(data.y)), PARAMS, 1)


def test_a_minimum_out_of_reach_is_refused(monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    monkeypatch.setattr(logistic, "_STEPS", 3)
    with pytest.raises(UsageError, match="no minimum found within 3 of Newton's steps at c = 1"):
        newton(case.inputs["x_train"], case.inputs["y_train"], 1.0)


def test_vast_outputs_have_no_objective(case: Case) -> None:
    assert failures(case, np.full(31, 1e300))[0].startswith("objective is undefined")
