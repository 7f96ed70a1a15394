"""The linear models: proof of power of every workload, near misses, and the traps of both libraries."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from classical import classical
from mlfleet import datasets, tasks
from mlfleet.errors import UsageError
from mlfleet.model import Param
from mlfleet.tasks.base import Case, Task
from mlfleet.tasks.elastic_net_numpy import duality_gap, least_alpha, minimiser, objective
from mlfleet.tasks.ridge import closed_form
from mlfleet.tasks.scaler import scales
from sklearn.linear_model import ElasticNet, Lasso, SGDRegressor
from sklearn.preprocessing import StandardScaler

FAMILIES = ("scaler", "linear", "ridge", "lasso", "elastic_net", "sgd_regression", "gd_regression")
STOP = {"tol": 1e-8, "max_iter": 10_000}
# 64 MB of payload: its tasks are proven on a part of it.
PARTS: dict[str, dict[str, int]] = {
    "sgd_regression.fit": {"rows": 3000},
    "gd_regression.predict": {"rows": 3000, "test_rows": 300},
    "gd_regression.fit": {"rows": 3000},
}
WORKLOADS = classical(*FAMILIES)

Outputs = Mapping[str, np.ndarray[Any, Any]]


def case_of(name: str, dataset: str, **params: Param) -> tuple[Task, Case]:
    task = tasks.get(name)
    return task, task.case(datasets.load(dataset), params, 1)


@pytest.fixture(params=WORKLOADS, scope="module")
def both(request: pytest.FixtureRequest) -> tuple[Task, Case]:
    work = WORKLOADS[str(request.param)]
    part = PARTS[work.task] if work.dataset == "gd-syn" else {}
    return case_of(work.task, work.dataset, **{**work.params, **part})


def failures(task: Task, case: Case, outputs: Outputs) -> list[str]:
    return [finding.detail for finding in task.score(case, outputs).findings]


def test_the_reference_passes_every_gate(both: tuple[Task, Case]) -> None:
    task, case = both
    assert task.check_outputs(case, case.reference) == ()
    assert failures(task, case, case.reference) == []


def test_guesses_zeros_and_constants_fail(both: tuple[Task, Case]) -> None:
    task, case = both
    for fill in (0.0, 1.0):
        assert failures(task, case, {name: np.full_like(array, fill) for name, array in case.reference.items()})
    assert failures(task, case, case.guess)


def test_outputs_of_another_order_fail(both: tuple[Task, Case]) -> None:
    task, case = both
    shifted = {
        name: np.roll(array, 1, axis=0) if array.ndim and array.size > 1 else array + 1
        for name, array in case.reference.items()
    }
    assert failures(task, case, shifted)


def test_every_bold_value_of_the_catalogue_has_a_workload() -> None:
    asked = {(work.task, name, value) for work in WORKLOADS.values() for name, value in work.params.items()}
    for fit in ("lasso.fit", "elastic_net.fit"):
        assert {value for task, name, value in asked if (task, name) == (fit, "alpha")} >= {0.1, 1.0}
    assert {value for task, name, value in asked if (task, name) == ("ridge.fit", "alpha")} >= {1.0, 10.0}
    assert ("elastic_net.fit", "l1_ratio", 0.5) in asked
    assert {value for _, name, value in asked if name == "batch"} >= {1, 32, 256, "all"}


def test_least_squares_of_less_than_full_rank_is_refused() -> None:
    data = datasets.load("diabetes")
    flat, twice = data.x.copy(), data.x.copy()
    flat[:, 3] = 7
    twice[:, 3] = 2 * twice[:, 5] - 1
    for x in (flat, twice):
        for name, params in (("linear.fit", {}), ("linear.predict", {"batch": 1})):
            with pytest.raises(UsageError, match="10 columns, centred, have rank 9"):
                tasks.get(name).case(replace(data, x=x), params, 1)
    with pytest.raises(UsageError, match="rank 9"):
        tasks.get("linear.fit").case(data, {"rows": 10}, 1)


@pytest.mark.parametrize("alpha", [1e-5, 1e-3])
def test_a_ridge_is_no_least_squares(alpha: float) -> None:
    task, case = case_of("linear.fit", "diabetes")
    coef, intercept = closed_form(case.inputs["x_train"], case.inputs["y_train"], alpha)
    assert failures(task, case, {"coef": coef, "intercept": intercept})


def test_a_fit_without_an_intercept_fails() -> None:
    task, case = case_of("linear.fit", "boston_housing")
    coef = np.linalg.lstsq(case.inputs["x_train"], case.inputs["y_train"])[0]
    assert any("intercept" in words for words in failures(task, case, {"coef": coef, "intercept": np.zeros(())}))


@pytest.mark.parametrize(("dataset", "alpha"), [("diabetes", 0.1), ("diabetes", 1.0), ("boston_housing", 0.1)])
@pytest.mark.parametrize("l1_ratio", [0.1, 0.5, 0.9, 1.0])
def test_the_elastic_net_reference_is_the_minimum_that_scikit_learn_finds(
    dataset: str, alpha: float, l1_ratio: float
) -> None:
    _, case = case_of("elastic_net.fit", dataset, alpha=alpha, l1_ratio=l1_ratio, **STOP)
    x, y, coef = case.inputs["x_train"], case.inputs["y_train"], case.reference["coef"]
    model = ElasticNet(alpha=alpha, l1_ratio=l1_ratio, fit_intercept=False, tol=1e-12, max_iter=100_000).fit(x, y)
    assert np.allclose(coef, model.coef_, rtol=0, atol=1e-6 * np.abs(coef).max())
    assert np.array_equal(coef != 0, model.coef_ != 0)
    assert objective(x, y, coef, alpha, l1_ratio) <= objective(x, y, model.coef_, alpha, l1_ratio) + 1e-10
    # The subgradient of each coefficient: a sign's where there is one, within the penalty where there is none.
    slope = x.T @ (y - x @ coef) / len(x) - alpha * (1 - l1_ratio) * coef
    support = coef != 0
    assert np.allclose(slope[support], alpha * l1_ratio * np.sign(coef[support]), atol=1e-10)
    assert (np.abs(slope[~support]) <= alpha * l1_ratio + 1e-10).all()


def test_the_gap_is_scikit_learns_and_bounds_the_objective() -> None:
    _, case = case_of("elastic_net.fit", "diabetes", alpha=1.0, l1_ratio=0.5, **STOP)
    x, y = case.inputs["x_train"], case.inputs["y_train"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ElasticNet(alpha=1.0, l1_ratio=0.5, fit_intercept=False, tol=1e-12, max_iter=3).fit(x, y)
    gap = duality_gap(x, y, model.coef_, 1.0, 0.5)
    assert gap == pytest.approx(model.dual_gap_, rel=1e-9)
    above = objective(x, y, model.coef_, 1.0, 0.5) - objective(x, y, case.reference["coef"], 1.0, 0.5)
    assert 0 < above <= gap


def test_a_lasso_that_stopped_early_or_has_another_penalty_fails() -> None:
    task, case = case_of("lasso.fit", "diabetes", alpha=0.1, **STOP)
    x, y = case.inputs["x_train"], case.inputs["y_train"]
    for alpha in (0.09, 0.11):
        assert any("objective" in words for words in failures(task, case, {"coef": minimiser(x, y, alpha, 1.0)}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        early = Lasso(alpha=0.1, fit_intercept=False, tol=1e-12, max_iter=5).fit(x, y)
    assert any("objective" in words for words in failures(task, case, {"coef": early.coef_}))


def test_a_penalty_on_n_instead_of_2n_fails() -> None:
    task, case = case_of("lasso.fit", "diabetes", alpha=1.0, **STOP)
    x, y = case.inputs["x_train"], case.inputs["y_train"]
    assert failures(task, case, {"coef": minimiser(x, y, 0.5, 1.0)})


def test_one_coefficient_more_or_less_fails_however_small() -> None:
    task, case = case_of("lasso.fit", "diabetes", alpha=1.0, **STOP)
    coef = case.reference["coef"]
    more = np.where(coef == 0, 2e-6, coef)
    assert failures(task, case, {"coef": more}) == [
        "coef has 10 values beyond 1e-06, 1 of them or of the reference's 9 on one side alone; none awaited"
    ]
    assert failures(task, case, {"coef": np.where(coef == 0, 1e-8, coef)}) == []
    least = np.abs(coef[coef != 0]).min()
    assert any("on one side alone" in w for w in failures(task, case, {"coef": np.where(abs(coef) > least, coef, 0)}))


def test_x_and_y_are_delivered_centred_because_linfa_centres_y_alone() -> None:
    task, case = case_of("lasso.fit", "diabetes", alpha=0.1, **STOP)
    x, y = case.inputs["x_train"], case.inputs["y_train"]
    assert np.abs(x.mean(axis=0)).max() < 1e-14
    assert abs(y.mean()) < 1e-12
    # On raw columns the fit without their means is another, and a worse one.
    data = datasets.load("diabetes")
    raw = data.x[data.train]
    good = minimiser(raw - raw.mean(axis=0), y, 0.1, 1.0)
    bad = minimiser(raw, y, 0.1, 1.0)
    r2 = [1 - ((y - (a @ c)) ** 2).mean() / y.var() for a, c in ((raw - raw.mean(axis=0), good), (raw, bad))]
    assert r2[0] > r2[1] + 0.03
    # The mean of y comes back as the intercept.
    metrics = task.metrics(case, case.reference)
    pred = case.truth["x_test"] @ case.reference["coef"] + data.y_train.mean()
    assert metrics["rmse"] == pytest.approx(float(np.sqrt(((data.y_test - pred) ** 2).mean())))


def test_no_penalty_and_one_that_leaves_nothing_are_refused() -> None:
    data = datasets.load("diabetes")
    for name in ("lasso.fit", "lasso.predict", "lasso.cross_validate"):
        others: dict[str, Param] = {"batch": 1} if name.endswith("predict") else {}
        others |= {"folds": 5} if name.endswith("validate") else {}
        with pytest.raises(UsageError, match="awaited: a number above 0"):
            tasks.get(name).case(data, {"alpha": 0.0, **STOP, **others}, 1)
        with pytest.raises(UsageError, match="every coefficient is 0 from 4"):
            tasks.get(name).case(data, {"alpha": 100.0, **STOP, **others}, 1)
    _, case = case_of("lasso.fit", "diabetes", alpha=0.1, **STOP)
    x, y = case.inputs["x_train"], case.inputs["y_train"]
    limit = least_alpha(x, y, 1.0)
    assert not minimiser(x, y, limit * 1.001, 1.0).any()
    assert minimiser(x, y, limit * 0.999, 1.0).any()


@pytest.mark.parametrize("l1_ratio", [0.0, 1.1, -0.5])
def test_a_ratio_outside_0_to_1_is_refused(l1_ratio: float) -> None:
    with pytest.raises(UsageError, match="l1_ratio"):
        case_of("elastic_net.fit", "diabetes", alpha=1.0, l1_ratio=l1_ratio, **STOP)


@pytest.mark.parametrize("name", ["ridge.cross_validate", "lasso.cross_validate"])
def test_a_fit_that_saw_the_rows_it_is_asked_about_fails(name: str) -> None:
    stop = STOP if name.startswith("lasso") else {}
    task, case = case_of(name, "boston_housing", alpha=1.0, folds=5, **stop)
    x, y, folds = (case.inputs[key] for key in ("x_train", "y_train", "folds"))
    assert case.planned == {"rows": len(x), "fits": 5}
    assert set(np.bincount(folds).tolist()) <= {len(x) // 5, len(x) // 5 + 1}
    coef, intercept = closed_form(x, y, 1.0)
    assert failures(task, case, {"pred": x @ coef + intercept})


def test_a_validation_has_metrics_of_each_fold() -> None:
    task, case = case_of("ridge.cross_validate", "diabetes", alpha=1.0, folds=5)
    pred, y, folds = case.reference["pred"], case.inputs["y_train"], case.inputs["folds"]
    metrics = task.metrics(case, case.reference)
    rmse = [float(np.sqrt(((y - pred)[folds == fold] ** 2).mean())) for fold in range(5)]
    assert [metrics[f"rmse_fold_{fold}"] for fold in range(5)] == pytest.approx(rmse)
    assert metrics["rmse"] == pytest.approx(np.mean(rmse))
    assert metrics["rmse_std"] == pytest.approx(np.std(rmse))


def test_ridge_that_penalises_by_the_mean_fails() -> None:
    # linfa's penalty is scikit-learn's over n.
    task, case = case_of("ridge.fit", "diabetes", alpha=1.0)
    x, y = case.inputs["x_train"], case.inputs["y_train"]
    coef, intercept = closed_form(x, y, len(x) * 1.0)
    assert failures(task, case, {"coef": coef, "intercept": intercept})


@pytest.mark.parametrize("dataset", ["diabetes", "digits"])
def test_scales_are_scikit_learns_and_a_sample_std_fails(dataset: str) -> None:
    task, case = case_of("scaler.fit", dataset)
    x = case.inputs["x_train"]
    model = StandardScaler().fit(x)
    assert failures(task, case, {"mean": model.mean_, "std": model.scale_}) == []
    sample = x.std(axis=0, ddof=1)
    sample[sample == 0] = 1
    assert any(words.startswith("std lie") for words in failures(task, case, {"mean": model.mean_, "std": sample}))


def test_a_constant_column_is_divided_by_one() -> None:
    _, case = case_of("scaler.fit", "digits")
    x, std = case.inputs["x_train"], case.reference["std"]
    constant = x.min(axis=0) == x.max(axis=0)
    assert constant.sum() == 4
    assert (std[constant] == 1).all()
    mean, std = scales(np.full((1003, 1), 123_456.789))
    assert (mean.item(), std.item()) == (123_456.789, 1.0)


def test_rows_that_are_not_scaled_fail() -> None:
    task, case = case_of("scaler.transform", "digits")
    x, z = case.inputs["x_train"], case.reference["z"]
    assert failures(task, case, {"z": x})
    assert failures(task, case, {"z": z + 1e-9})
    # By a float32 scaler.
    assert failures(task, case, {"z": z.astype(np.float32).astype(np.float64)})


def test_descent_by_single_rows_passes_and_has_no_ratio_between_frameworks() -> None:
    task, case = case_of("sgd_regression.fit", "diabetes", until="tol", tol=1e-3, max_iter=1000)
    assert (task.parity, case.parity) == ("N", "N")
    assert case.alone
    assert case.most["epochs"] == 999
    assert "epochs" not in case.planned
    for seed in range(5):
        model = SGDRegressor(random_state=seed).fit(case.inputs["x_train"], case.inputs["y_train"])
        assert failures(task, case, {"coef": model.coef_, "intercept": np.asarray(model.intercept_[0])}) == []
        assert model.n_iter_ < 999
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        short = SGDRegressor(random_state=1, max_iter=1).fit(case.inputs["x_train"][:50], case.inputs["y_train"][:50])
    assert failures(task, case, {"coef": short.coef_, "intercept": np.asarray(short.intercept_[0])})


def test_descent_to_the_limit_plans_every_epoch() -> None:
    task, case = case_of("sgd_regression.fit", "diabetes", until="limit", tol=1e-3, max_iter=7)
    rows = len(case.inputs["x_train"])
    assert case.planned == {"rows": rows, "epochs": 7, "updates": 7 * rows}
    assert task.check_receipt(case, {"rows": rows, "epochs": 7, "updates": 7 * rows}) == ()
    assert task.check_receipt(case, {"rows": rows, "epochs": 6, "updates": 6 * rows})


def test_predictions_of_the_training_rows_fail() -> None:
    # As the source's early code did.
    params: dict[str, Param] = {"lr": 0.05, "iterations": 100, "rows": 3000, "test_rows": 300, "batch": "all"}
    task, case = case_of("gd_regression.predict", "gd-syn", **params)
    x, x_test = case.inputs["x_train"], case.inputs["x_test"]
    coef, *_ = np.linalg.lstsq(np.column_stack([np.ones(300), x_test]), case.reference["pred"])
    assert failures(task, case, {"pred": x[:300] @ coef[1:] + coef[0]})
    with pytest.raises(UsageError, match="test part has 10000 rows"):
        case_of("gd_regression.predict", "gd-syn", **{**params, "test_rows": 20_000})
