"""Gaussian mixtures: the reference against scikit-learn's, and outputs of those who did not do the work."""

import numpy as np
import pytest
from mlfleet import datasets, tasks
from mlfleet.errors import UsageError
from mlfleet.tasks.gaussians import Mixture, em, log_joint, log_likelihood, parts_of
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

EM = {"iterations": 50, "floor": 1e-3}
CASES = {"iris": 3, "wine": 3, "breast_cancer": 2}


def failures(task, case, outputs):
    assert task.check_outputs(case, outputs) == ()
    return [finding.detail for finding in task.score(case, outputs).findings]


def made(name="wine", seed=1, **changes):
    task = tasks.get("gaussian_mixture.em")
    return task, task.case(datasets.load(name), {"k": CASES[name], **EM, **changes}, seed)


def start_of(case):
    width = case.inputs["x_train"].shape[1]
    precisions = case.inputs["precisions"].reshape(-1, width, width)
    return Mixture(case.inputs["weights"], case.inputs["means"], np.linalg.inv(precisions))


def outputs_of(mixture, proba):
    return {
        "weights": mixture.weights,
        "means": mixture.means,
        "covariances": mixture.covariances.reshape(-1, mixture.means.shape[1]),
        "proba": proba,
        "labels": proba.argmax(axis=1),
    }


def test_the_density_is_that_of_scipy():
    rng = np.random.default_rng(1)
    x, root = rng.normal(size=(20, 3)), rng.normal(size=(3, 3))
    mixture = Mixture(np.array([0.3, 0.7]), rng.normal(size=(2, 3)), np.stack([np.eye(3), root @ root.T]))
    awaited = sum(
        weight * multivariate_normal(mean, covariance).pdf(x)
        for weight, mean, covariance in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    )
    assert log_likelihood(log_joint(mixture, x)) == pytest.approx(np.log(awaited))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_scikit_learn_goes_the_same_way(name, seed):
    task, case = made(name, seed)
    x, start = case.inputs["x_train"], start_of(case)
    model = GaussianMixture(
        len(start.weights),
        tol=0,
        reg_covar=1e-3,
        max_iter=50,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(start.covariances),
    ).fit(x)
    assert model.n_iter_ == 50
    found = outputs_of(Mixture(model.weights_, model.means_, model.covariances_), model.predict_proba(x))
    assert failures(task, case, found) == []
    quality = task.score(case, found)
    assert max(distance for key, distance in quality.agreement.items() if key != "labels") < 1e-11
    assert quality.metrics["mean_log_likelihood"] == pytest.approx(model.score(x), abs=1e-10)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize("name", CASES)
def test_a_start_moved_by_rounding_ends_in_the_same_mixture(name, seed):
    task, case = made(name, seed)
    start = start_of(case)
    moved = start.means + 1e-9 * np.random.default_rng(seed).normal(size=start.means.shape)
    found = em(case.inputs["x_train"], Mixture(start.weights, moved, start.covariances), 50, 1e-3)
    assert failures(task, case, outputs_of(*found)) == []


@pytest.mark.parametrize("what", ["start", "49 steps", "another floor", "half the rows", "zeros", "ones", "guess"])
def test_who_did_other_work_fails(what):
    task, case = made("iris", seed=3, iterations=10)
    x, start = case.inputs["x_train"], start_of(case)
    if what == "guess":
        found = case.guess
    elif what in {"zeros", "ones"}:
        found = {key: np.full_like(array, what == "ones") for key, array in case.reference.items()}
    else:
        rows = x[::2] if what == "half the rows" else x
        steps = {"start": 0, "49 steps": 9}.get(what, 10)
        mixture, _ = em(rows, start, steps, 2e-3 if what == "another floor" else 1e-3)
        found = outputs_of(mixture, em(x, mixture, 0, 1e-3)[1])
    assert failures(task, case, found)


def test_parts_of_another_order_fail():
    task, case = made()
    turned = {key: np.roll(array, 1, axis=0) for key, array in case.reference.items() if key in {"weights", "means"}}
    assert failures(task, case, {**case.reference, **turned})


def test_a_covariance_that_is_none_has_no_likelihood():
    task, case = made()
    quality = task.score(case, {**case.reference, "covariances": -case.reference["covariances"]})
    assert quality.metrics["mean_log_likelihood"] is None
    assert any("mean_log_likelihood is undefined" in finding.detail for finding in quality.findings)


def test_more_parts_than_rows_are_an_error():
    for name, more in (
        ("gaussian_mixture.em", EM),
        ("gaussian_mixture.fit", {"tol": 1e-6, "floor": 1e-3, "max_iter": 9}),
    ):
        with pytest.raises(UsageError, match=r"k is 11, dataset 'wine' has 10 training rows"):
            tasks.get(name).case(datasets.load("wine"), {"k": 11, "rows": 10, **more}, 1)


@pytest.mark.parametrize("batch", [1, 32, "all"])
def test_predictions_are_those_of_the_fitted_mixture(batch):
    task = tasks.get("gaussian_mixture.predict")
    case = task.case(datasets.load("wine"), {"k": 3, **EM, "batch": batch}, 1)
    _, fitted = made()
    mixture = Mixture(
        fitted.reference["weights"], fitted.reference["means"], fitted.reference["covariances"].reshape(3, 13, 13)
    )
    x_test = case.inputs["x_test"][: case.planned["rows_predicted"]]
    _, proba = em(x_test, mixture, 0, 1e-3)
    assert failures(task, case, {"proba": proba, "pred": proba.argmax(axis=1)}) == []
    _, untrained = em(x_test, start_of(fitted), 0, 1e-3)
    turned = np.roll(proba, 1, axis=1)
    for wrong in (case.guess["proba"], np.zeros_like(proba), turned):
        assert failures(task, case, {"proba": wrong, "pred": wrong.argmax(axis=1)})
    if batch == "all":
        assert failures(task, case, {"proba": untrained, "pred": untrained.argmax(axis=1)})


def test_parts_as_likely_relax_the_class():
    x = np.array([[-1.0], [1.0], [0.0], [-3.0], [3.0]])
    mixture = parts_of(x[:2], np.array([0, 1]), 1e-3)
    least, most = np.sort(log_joint(mixture, x[2:3]), axis=1)[0]
    assert most - least < 1e-6
    assert tasks.get("gaussian_mixture.predict").parity == "C(1e-06), E"


def test_an_own_start_is_never_compared_between_frameworks_and_a_poor_end_fails():
    task = tasks.get("gaussian_mixture.fit")
    case = task.case(datasets.load("iris"), {"k": 3, "tol": 1e-6, "floor": 1e-3, "max_iter": 300}, 1)
    assert case.parity == "N"
    assert "own start" in case.alone
    assert list(case.inputs) == ["x_train"]
    x = case.inputs["x_train"]
    for seed in range(4):
        model = GaussianMixture(3, tol=1e-6, reg_covar=1e-3, max_iter=300, random_state=seed).fit(x)
        found = outputs_of(Mixture(model.weights_, model.means_, model.covariances_), model.predict_proba(x))
        assert failures(task, case, found) == []
    assert failures(task, case, case.guess)
