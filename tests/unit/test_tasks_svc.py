"""Proof of power for C-SVC: decisions and probabilities of those who did not do the work fail, near misses do, too."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from classical import classical
from mlfleet import datasets, tasks
from mlfleet.datasets import goldens
from mlfleet.errors import HostError, UsageError
from mlfleet.golden_maker import golden_cases
from mlfleet.tasks.base import Case, Task
from mlfleet.tasks.metrics import log_loss
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import NearestCentroid
from sklearn.svm import SVC

WORKLOADS = classical("svc", "svc_ovo", "svc_ovr")
BINARY = "svc.fit-breast_cancer-rbf"
Arrays = Mapping[str, np.ndarray[Any, Any]]


@cache
def both(name: str) -> tuple[Task, Case]:
    workload = WORKLOADS[name]
    task = tasks.get(workload.task)
    return task, task.case(datasets.load(workload.dataset), workload.params, 1)


def failures(task: Task, case: Case, outputs: Arrays) -> list[str]:
    return [finding.detail for finding in task.score(case, outputs).findings]


def machine(case: Case, **changes: object) -> SVC:
    names = {"c": "C", "kernel": "kernel", "gamma": "gamma", "tol": "tol"}
    params = {names[key]: value for key, value in case.params.items() if key in names}
    return SVC(**{"degree": 3, "coef0": 1.0, "shrinking": False, **params, **changes})


def decided(decision: np.ndarray[Any, Any]) -> Arrays:
    return {"labels": (decision > 0).astype(np.int64), "decision": decision[:, np.newaxis]}


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_golden_passes_and_zeros_constants_guesses_and_another_order_fail(name: str) -> None:
    task, case = both(name)
    right = task.reference(case)
    assert task.check_outputs(case, right) == ()
    assert failures(task, case, right) == []
    for fill in (0, 1):
        assert failures(task, case, {key: np.full_like(array, fill) for key, array in right.items()})
    assert failures(task, case, case.guess)
    if next(iter(case.outputs.values())).shape[0] > 1:
        assert failures(task, case, {key: np.roll(array, 1, axis=0) for key, array in right.items()})


@pytest.mark.parametrize("name", [name for name in WORKLOADS if name.startswith("svc.fit-")])
def test_a_fit_that_scikit_learn_stops_at_1e3_passes_and_near_misses_fail(name: str) -> None:
    task, case = both(name)
    x, y, x_test = (case.inputs[key] for key in ("x_train", "y_train", "x_test"))
    honest = machine(case).fit(x, y)
    assert failures(task, case, decided(honest.decision_function(x_test))) == []
    others = {
        "every other row": machine(case).fit(x[::2], y[::2]),
        "half of C": machine(case, C=case.params["c"] / 2).fit(x, y),
        "sqrt gamma": machine(case, gamma=case.params["gamma"] ** 0.5).fit(x, y),
        "another kernel": machine(case, kernel="sigmoid").fit(x, y),
    }
    if case.params["kernel"] == "linear":
        del others["sqrt gamma"]
    for what, other in others.items():
        found = failures(task, case, decided(other.decision_function(x_test)))
        assert any(words.startswith("decision lie") for words in found), what


def test_a_polynomial_without_gamma_in_both_factors_fails() -> None:
    task, case = both("svc.fit-breast_cancer-poly")
    x, y, x_test = (case.inputs[key] for key in ("x_train", "y_train", "x_test"))
    scaled = case.params["gamma"] ** 0.5
    right = machine(case, gamma=1.0).fit(x * scaled, y).decision_function(x_test * scaled)
    wrong = machine(case, gamma=1.0).fit(x, y).decision_function(x_test)
    assert failures(task, case, decided(right)) == []
    assert failures(task, case, decided(wrong))


def test_nearest_centroid_fails_by_its_decision_values() -> None:
    task, case = both(BINARY)
    model = NearestCentroid().fit(case.inputs["x_train"], case.inputs["y_train"])
    apart = np.linalg.norm(case.inputs["x_test"][:, np.newaxis] - model.centroids_, axis=2)
    assert failures(task, case, decided(apart[:, 0] - apart[:, 1]))


def test_one_against_one_and_one_against_the_rest_are_different_work() -> None:
    task, case = both("svc_ovr.fit-digits-rbf")
    ovo_task, ovo = both("svc_ovo.fit-digits-rbf")
    apart = task.reference(case)["labels"] != ovo_task.reference(ovo)["labels"]
    assert 0 < apart.mean() < 0.02
    right = task.reference(case)
    swapped = {**right, "decision": right["decision"][:, [1, 0, *range(2, 10)]]}
    assert failures(task, case, swapped)


@pytest.mark.parametrize("name", ["svc_ovo.fit-wine-poly", "svc_ovr.fit-wine-linear", "svc_ovr.fit-wine-poly"])
def test_several_classes_agree_with_scikit_learn_and_not_on_every_other_row(name: str) -> None:
    task, case = both(name)
    x, y, x_test = (case.inputs[key] for key in ("x_train", "y_train", "x_test"))
    model = machine(case, decision_function_shape="ovo")
    model = OneVsRestClassifier(model) if name.startswith("svc_ovr") else model
    for rows, passes in ((slice(None), True), (slice(None, None, 2), False)):
        model.fit(x[rows], y[rows])
        outputs = {"labels": model.predict(x_test), "decision": model.decision_function(x_test)}
        assert (failures(task, case, outputs) == []) == passes


@pytest.mark.parametrize("batch", [1, 32, "all"])
def test_predictions_are_the_first_rows_of_the_fits_golden(batch: int | str) -> None:
    fit_task, fit = both(BINARY)
    task, case = both(f"svc.predict-breast_cancer-batch{batch}")
    whole, part = fit_task.reference(fit), task.reference(case)
    for name, array in part.items():
        assert len(array) == case.params["batch"]
        assert np.array_equal(array, whole[name][: len(array)])
    assert case.golden not in {w.golden for w in golden_cases().values() if w.task == "svc.predict"}


def test_decisions_that_saw_the_row_they_are_held_against_fail() -> None:
    task, case = both("svc.cross_validate-breast_cancer-rbf")
    x, y, folds = (case.inputs[key] for key in ("x_train", "y_train", "folds"))
    honest = cross_val_predict(machine(case), x, y, cv=PredefinedSplit(folds), method="decision_function")
    assert failures(task, case, decided(honest)) == []
    assert failures(task, case, decided(machine(case).fit(x, y).decision_function(x)))
    other = cross_val_predict(machine(case), x, y, cv=PredefinedSplit(np.roll(folds, 1)), method="decision_function")
    assert failures(task, case, decided(other))


def test_every_fold_has_its_share_in_the_metrics() -> None:
    task, case = both("svc.cross_validate-breast_cancer-rbf")
    metrics = task.score(case, task.reference(case)).metrics
    labels, folds = task.reference(case)["labels"], case.inputs["folds"]
    shares = [(labels == case.inputs["y_train"])[folds == fold].mean() for fold in range(5)]
    assert metrics["accuracy"] == pytest.approx(np.mean(shares))
    assert metrics["accuracy_std"] == pytest.approx(np.std(shares))


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_probabilities_that_were_not_calibrated_out_of_fold_fail(kernel: str) -> None:
    task, case = both(f"svc.calibrate-breast_cancer-{kernel}")
    x, y, x_test, folds = (case.inputs[key] for key in ("x_train", "y_train", "x_test", "folds"))
    cross = CalibratedClassifierCV(machine(case), method="sigmoid", cv=PredefinedSplit(folds), ensemble=False)
    assert failures(task, case, {"proba": cross.fit(x, y).predict_proba(x_test)}) == []
    # What linfa's own does: the sigmoid of the decisions on the rows that the machine was fitted on.
    seen = np.concatenate([np.arange(len(y)), np.arange(len(y))])
    inside = PredefinedSplit(np.repeat([0, 1], len(y)))
    twice = CalibratedClassifierCV(machine(case), method="sigmoid", cv=inside, ensemble=False)
    assert failures(task, case, {"proba": twice.fit(x[seen], y[seen]).predict_proba(x_test)})
    plain = 1 / (1 + np.exp(-machine(case).fit(x, y).decision_function(x_test)))
    assert failures(task, case, {"proba": np.stack([1 - plain, plain], axis=1)})
    right = task.reference(case)["proba"]
    assert failures(task, case, {"proba": np.round(right)})


def test_log_loss_of_probabilities() -> None:
    proba = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])
    assert log_loss(np.array([1, 0, 0]), proba) == pytest.approx(-np.log([0.75, 0.5, 1.0]).mean())
    assert log_loss(np.array([1]), proba[2:]) == pytest.approx(52 * np.log(2))


def test_each_task_has_its_number_of_classes() -> None:
    params = {"c": 1.0, "kernel": "rbf", "tol": 1e-3}
    with pytest.raises(UsageError, match=r"svc\.fit is for 2 classes, dataset 'iris' has 3"):
        tasks.get("svc.fit").case(datasets.load("iris"), params, 1)
    with pytest.raises(UsageError, match=r"svc_ovr\.fit is for 3 classes or more, dataset 'breast_cancer' has 2"):
        tasks.get("svc_ovr.fit").case(datasets.load("breast_cancer"), params, 1)
    for name in ("svc.cross_validate", "svc.calibrate"):
        with pytest.raises(UsageError, match="for 2 classes"):
            tasks.get(name).case(datasets.load("iris"), {**params, "folds": 5}, 1)


def test_words_for_gamma_become_numbers() -> None:
    task, digits = tasks.get("svc_ovo.fit"), datasets.load("digits")
    found = {
        word: task.case(digits, {"c": 1.0, "kernel": "rbf", "gamma": word, "tol": 1e-3}, 1).params["gamma"]
        for word in ("scale", "auto", 0.01)
    }
    # Four columns are constant, so that the variance of all is below 1.
    assert found["auto"] == 1 / 64
    assert found["scale"] == pytest.approx(1 / 60, rel=1e-12)
    assert found[0.01] == 0.01


def test_fewer_rows_have_no_golden_of_all() -> None:
    task = tasks.get("svc.fit")
    case = task.case(datasets.load("breast_cancer"), {"c": 1.0, "kernel": "rbf", "tol": 1e-3, "rows": 100}, 1)
    assert case.planned == {"rows": 100, "machines": 1}
    with pytest.raises(HostError, match=r"no golden 'svc\.fit-breast_cancer-rows100-rbf"):
        task.reference(case)


def test_goldens_are_small() -> None:
    folder = goldens._folder()
    sizes = [len(folder.joinpath(f"{name}.safetensors").read_bytes()) for name in goldens.manifest()]
    assert max(sizes) < 300_000
    assert sum(sizes) < 1_500_000
