"""Synthetic tables and points: what they were planted with is found again, by the libraries that they are there for."""

from math import sin

import numpy as np
import pytest
from mlfleet import datasets
from mlfleet.datasets import manifest, planted
from mlfleet.datasets.decode import decode
from mlfleet.datasets.words import bells, sine, units
from sklearn.cluster import DBSCAN, KMeans
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.svm import SVC

_KNOWN = manifest.read_manifest().dataset
GENERATED = [
    name for name, entry in _KNOWN.items() if entry.kind == "synthetic" and entry.target in {"real", "classes"}
]


def _score(name: str, model: object) -> float:
    """R2 or accuracy on the test part, of standardised columns."""
    dataset = datasets.load(name)
    train, test = dataset.standardised()
    return float(model.fit(train, dataset.y_train).score(test, dataset.y_test))  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", GENERATED)
def test_what_is_generated_is_labelled_in_name_entry_and_dataset(name: str) -> None:
    assert name.endswith("-syn")
    assert datasets.load(name).label == datasets.entry(name).label == "synthetic"


@pytest.mark.parametrize("name", [name for name in GENERATED if not _KNOWN[name].train_rows])
def test_the_split_says_nothing_of_the_columns(name: str) -> None:
    """Drawn from the words that the split is drawn from, the first column would be higher throughout the test part."""
    dataset = datasets.load(name)
    train, test = dataset.standardised()
    assert np.abs(test.mean(axis=0)).max() < 4 / np.sqrt(len(test))
    assert abs(dataset.y_train.mean() - dataset.y_test.mean()) < 4 * dataset.y.std() / np.sqrt(len(test))
    assert len(train) == 4 * len(test)


def test_sines_are_sines_to_14_digits() -> None:
    angles = np.linspace(-20, 20, 1001)
    assert np.abs(sine(angles) - [sin(angle) for angle in angles]).max() < 1e-14
    assert sine(np.zeros(1))[0] == 0


def test_bells_and_units_are_the_words_that_they_are_made_of() -> None:
    (word,) = np.random.Philox(key=7).random_raw(1).tolist()
    parts = [word >> shift & 0xFFFF for shift in (0, 16, 32, 48)]
    assert bells(1, 7)[0] == pytest.approx((sum(parts) - 2 * 65535) / np.sqrt((2**32 - 1) / 3))
    assert units(1, 7)[0] == (word >> 11) / 2**53
    many = bells(100_000, 7)
    assert (abs(many.mean()), many.var()) == (pytest.approx(0, abs=0.01), pytest.approx(1, abs=0.01))


@pytest.mark.parametrize(
    ("name", "coefficients", "sd"),
    [("linear-syn", planted.LINEAR, 1.0), ("sparse-syn", planted.SPARSE, 1.0)],
)
def test_least_squares_finds_the_coefficients_and_the_noise(
    name: str, coefficients: tuple[float, ...], sd: float
) -> None:
    x, y = decode(name, [])
    found = LinearRegression().fit(x, y)
    assert found.coef_ == pytest.approx(coefficients, abs=0.05)
    assert found.intercept_ == pytest.approx(planted.INTERCEPT, abs=0.05)
    assert (y - found.predict(x)).std() == pytest.approx(sd, abs=0.02)


def test_ten_of_a_hundred_columns_count() -> None:
    assert np.flatnonzero(planted.SPARSE).tolist() == list(range(0, 100, 10))


@pytest.mark.parametrize(
    ("name", "linear", "boosted"),
    [("california_housing-syn", 0.59, 0.77), ("nonlinear-syn", 0.71, 0.95), ("tree-syn", 0.0, 0.93)],
)
def test_boosted_trees_see_what_a_plane_does_not(name: str, linear: float, boosted: float) -> None:
    assert _score(name, LinearRegression()) == pytest.approx(linear, abs=0.01)
    assert _score(name, HistGradientBoostingRegressor()) == pytest.approx(boosted, abs=0.02)


def test_the_stand_in_for_california_is_three_fifths_linear_and_a_fifth_noise() -> None:
    x, y = decode("california_housing-syn", [])
    linear = x @ np.array(planted.CALIFORNIA)
    waves = np.sqrt(0.4) * np.sin(2 * x[:, 1]) * x[:, 2]
    assert [part.var() for part in (linear, waves, y - linear - waves)] == pytest.approx([0.6, 0.2, 0.2], abs=0.01)


def test_a_quadric_is_no_plane() -> None:
    assert _score("tabular-syn", LogisticRegression()) == pytest.approx(0.64, abs=0.01)
    assert _score("tabular-syn", HistGradientBoostingClassifier()) == pytest.approx(0.91, abs=0.01)


def test_a_support_vector_machine_tells_19_of_20_apart() -> None:
    assert _score("classification-syn", SVC(C=1.0, gamma=0.05)) == pytest.approx(0.95, abs=0.01)


def test_ten_components_stand_out_and_no_two_are_alike() -> None:
    train, _ = datasets.load("classification-20k-syn").standardised()
    found = np.linalg.eigvalsh(train.T @ train / len(train))[::-1]
    assert found[9] > 10 * found[10]
    assert (found[:10] / found[1:11]).min() > 1.05


@pytest.mark.parametrize(("name", "alike"), [("moons-syn", 0.24), ("circles-syn", 0.0)])
def test_moons_and_rings_are_found_by_density_and_not_by_means(name: str, alike: float) -> None:
    x, y = decode(name, [])
    dense = DBSCAN(eps=0.12, min_samples=5).fit_predict(x)
    assert adjusted_rand_score(y, dense) > 0.99
    means = KMeans(2, n_init=10, random_state=0).fit_predict(x)
    assert adjusted_rand_score(y, means) == pytest.approx(alike, abs=0.02)


@pytest.mark.parametrize(
    ("name", "classes", "alike"), [("blobs2d-syn", 4, 0.88), ("blobs3d-syn", 4, 0.96), ("blobs16-syn", 8, 0.86)]
)
def test_clouds_are_found_by_means(name: str, classes: int, alike: float) -> None:
    train, _ = datasets.load(name).standardised()
    y = datasets.load(name).y_train
    found = KMeans(classes, n_init=3, random_state=0).fit_predict(train)
    assert adjusted_rand_score(y, found) == pytest.approx(alike, abs=0.01)
    assert len(set(np.bincount(y))) == 1
