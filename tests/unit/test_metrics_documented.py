"""Our metrics against the figures that scikit-learn's documentation prints, on the data and models that it names."""

import numpy as np
import pytest
from mlfleet.tasks.metrics import adjusted_rand, classification, clustering, regression
from mlfleet.tasks.ridge import closed_form
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import load_diabetes, load_digits, make_blobs
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC


def test_ordinary_least_squares_example():
    """One column of Diabetes, the last 20 rows held out; our closed form without a penalty is least squares."""
    x, y = load_diabetes(return_X_y=True)
    x = x[:, [2]]
    coef, intercept = closed_form(x[:-20], y[:-20], 0.0)
    found = regression(y[-20:], x[-20:] @ coef + intercept)
    assert round(found["mse"], 2) == 2548.07
    assert round(found["r2"], 2) == 0.47


def test_recognizing_hand_written_digits_example():
    """Half of Digits, in order; precision, recall and F1 of the classes, and the report's last lines."""
    x, y = load_digits(return_X_y=True)
    half = len(x) // 2
    found = classification(y[half:], SVC(gamma=0.001).fit(x[:half], y[:half]).predict(x[half:]), 10)
    printed = {
        "precision": (1.00, 0.99, 0.99, 0.98, 0.99, 0.95, 0.99, 0.96, 0.94, 0.93),
        "recall": (0.99, 0.97, 0.99, 0.87, 0.96, 0.97, 0.99, 0.99, 1.00, 0.98),
        "f1": (0.99, 0.98, 0.99, 0.92, 0.97, 0.96, 0.99, 0.97, 0.97, 0.95),
    }
    for name, values in printed.items():
        assert [round(found[f"{name}_class_{number}"], 2) for number in range(10)] == list(values)
        assert round(found[f"{name}_macro"], 2) == 0.97
    assert round(found["accuracy"], 2) == 0.97


def test_dbscan_demo():
    x, truth = make_blobs(750, centers=[[1, 1], [-1, -1], [1, -1]], cluster_std=0.4, random_state=0)
    x = StandardScaler().fit_transform(x)
    labels = DBSCAN(eps=0.3, min_samples=10).fit_predict(x)
    assert round(adjusted_rand(truth, labels), 3) == 0.952
    # The demo counts noise as a cluster of its own.
    numbered = np.where(labels < 0, labels.max() + 1, labels)
    centres = np.array([x[numbered == number].mean(axis=0) for number in range(4)])
    assert round(clustering(x, numbered, centres, truth)["silhouette"], 3) == 0.626


def test_regression_docstrings():
    found = regression(np.array([3, -0.5, 2, 7]), np.array([2.5, 0.0, 2, 8]))
    printed = {"r2": 0.948, "explained_variance": 0.957, "mae": 0.5, "mse": 0.375, "mape": 0.3273}
    assert {name: found[name] for name in printed} == pytest.approx(printed, abs=1e-3)


def test_classification_docstrings():
    found = classification(np.array([0, 1, 2, 0, 1, 2]), np.array([0, 2, 1, 0, 0, 1]), 3)
    printed = {"f1_macro": 0.267, "precision_macro": 0.222, "recall_macro": 0.333, "accuracy": 0.333}
    assert {name: found[name] for name in printed} == pytest.approx(printed, abs=1e-3)
    assert [found[f"f1_class_{number}"] for number in range(3)] == pytest.approx([0.8, 0, 0])


def test_average_precision_docstring():
    scores = np.array(
        [[0.7, 0.2, 0.1], [0.4, 0.3, 0.3], [0.1, 0.8, 0.1], [0.2, 0.3, 0.5], [0.4, 0.4, 0.2], [0.1, 0.2, 0.7]]
    )
    found = classification(np.array([0, 0, 1, 1, 2, 2]), scores.argmax(axis=1), 3, scores)
    # Printed as 0.77, cut off.
    assert found["auc_pr"] == pytest.approx(0.77, abs=0.01)


def test_clustering_docstrings():
    found = clustering(np.array([[0.0, 1], [1, 1], [3, 4]]), np.array([0, 0, 1]), np.array([[0.5, 1], [3, 4]]), None)
    assert found["davies_bouldin"] == pytest.approx(0.12, abs=0.01)
    x, truth = make_blobs(random_state=0)
    model = KMeans(3, random_state=0).fit(x)
    found = clustering(x, model.labels_.astype(np.int64), model.cluster_centers_, truth)
    assert found["calinski_harabasz"] == pytest.approx(114.8, abs=0.1)
    assert found["inertia"] == pytest.approx(model.inertia_)
    assert round(adjusted_rand(np.array([0, 0, 1, 2]), np.array([0, 0, 1, 1])), 2) == 0.57
