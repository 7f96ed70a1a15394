"""What the adapter of scikit-learn does otherwise for older releases, so that the work stays the task's."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn
from mlfleet import datasets, tasks
from mlfleet_sdk.errors import UnknownTask

ADAPTER = Path(__file__).parents[2] / "services/sklearn"
PARAMS = {"c": 1.0, "tol": 1e-4, "max_iter": 10_000}


@pytest.fixture
def adapter(monkeypatch):
    """One of the adapter's files by name. Its modules go again: other services have files of the same names."""
    monkeypatch.syspath_prepend(str(ADAPTER))
    yield importlib.import_module
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(ADAPTER)):
            del sys.modules[name]


@pytest.fixture(scope="module")
def case():
    return tasks.get("logistic.fit").case(datasets.load("breast_cancer"), PARAMS, 1)


def gradient(x, y, coef, intercept):
    """Of the mean over the rows of the loss, and of the penalty beside it."""
    apart = 1 / (1 + np.exp(-(x @ coef + intercept))) - y
    return np.append(x.T @ apart / len(x) + coef / len(x), apart.mean())


@pytest.mark.parametrize("tol", [1e-2, 1e-4])
def test_logistic_regression_stops_by_the_gradient_of_the_mean(adapter, case, tol):
    service = adapter("logistic").service
    job = service.find("logistic.fit").build(case.inputs, {**PARAMS, "tol": tol})
    outputs = job.outputs(job.step())
    found = gradient(case.inputs["x_train"], case.inputs["y_train"], outputs["coef"], outputs["intercept"])
    assert tol / 100 < np.abs(found).max() <= tol


@pytest.mark.parametrize(("release", "told"), [((1, 1), 0.0456), ((1, 3), 0.0456), ((1, 4), 1e-4), ((1, 10), 1e-4)])
def test_releases_that_minimise_the_sum_are_told_as_many_times_the_tolerance(adapter, case, monkeypatch, release, told):
    asked = []
    logistic = adapter("logistic")
    monkeypatch.setattr(logistic, "RELEASE", release)
    monkeypatch.setattr(logistic, "LogisticRegression", lambda **given: asked.append(given["tol"]))
    logistic.service.find("logistic.fit").build(case.inputs, PARAMS)
    assert asked == [pytest.approx(told)]


def test_a_release_that_takes_no_small_gamma_is_unsupported_and_says_so(adapter, monkeypatch):
    cluster = adapter("cluster")
    inputs = {"x_train": np.arange(12.0).reshape(6, 2)}
    params = {"affinity": "rbf", "k": 2, "gamma": 0.5, "neighbours": 3}
    cluster.service.find("spectral.fit").build(inputs, params)
    monkeypatch.setattr(cluster, "RELEASE", (1, 1))
    cluster.service.find("spectral.fit").build(inputs, {**params, "gamma": 1.0})
    with pytest.raises(UnknownTask, match=r"takes no gamma below 1 \(1\.2 and later do\), gamma is 0\.5"):
        cluster.service.find("spectral.fit").build(inputs, params)


def test_the_release_is_the_installed_one(adapter):
    assert sklearn.__version__.startswith("{}.{}.".format(*adapter("library").RELEASE))
