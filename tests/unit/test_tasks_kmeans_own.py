"""k-means that predicts, k-means from own starts, and spectral clustering: what passes, and what does not."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from mlfleet import datasets, parity, tasks
from mlfleet.errors import UsageError
from sklearn.cluster import KMeans, SpectralClustering

PP = {"k": 10, "init": "k-means++", "n_init": 1, "max_iter": 300}


def failures(task, case, outputs):
    assert task.check_outputs(case, outputs) == ()
    return [finding.detail for finding in task.score(case, outputs).findings]


def made(name, dataset, params, seed=1):
    task = tasks.get(name)
    return task, task.case(datasets.load(dataset), params, seed)


def outputs_of(model):
    return {"labels": model.labels_.astype(np.int64), "centres": model.cluster_centers_}


@pytest.mark.parametrize("batch", [1, 32, 256, "all"])
def test_predictions_are_the_nearest_centres_of_the_fixed_point(batch):
    task, case = made("kmeans.predict", "digits", {"k": 10, "max_iter": 300, "batch": batch})
    x, start = case.inputs["x_train"], case.inputs["start"]
    rows = case.inputs["x_test"][: case.planned["rows_predicted"]]
    model = KMeans(10, init=start, n_init=1, tol=0, max_iter=300).fit(x)
    assert failures(task, case, {"pred": model.predict(rows).astype(np.int64)}) == []
    assert case.parity == "E"
    wrong = case.reference["pred"].copy()
    wrong[0] = (wrong[0] + 1) % 10
    assert failures(task, case, {"pred": wrong})
    if batch == "all":
        for fill in (0, 1):
            assert failures(task, case, {"pred": np.full_like(wrong, fill)})
        untrained = ((rows[:, None] - start[None]) ** 2).sum(axis=2).argmin(axis=1)
        assert failures(task, case, {"pred": untrained})


def test_a_row_between_two_centres_relaxes_the_class():
    iris, params = datasets.load("iris"), {"k": 3, "max_iter": 300, "batch": "all"}
    task, case = made("kmeans.predict", "iris", params)
    a, b = min(combinations(case.truth["centres"], 2), key=lambda pair: np.linalg.norm(pair[0] - pair[1]))
    # The raw row that is their middle once it is standardised.
    rows, train = iris.x.copy(), iris.x[iris.train]
    rows[iris.test[0]] = train.mean(axis=0) + (a + b) / 2 * train.std(axis=0)
    moved = task.case(replace(iris, x=rows), params, 1)
    assert (case.parity, moved.parity) == ("E", "A(0.995)")


def test_more_clusters_than_rows_are_an_error_everywhere():
    few = {"k": 11, "rows": 10}
    for name, params in (
        ("kmeans.fit", {"max_iter": 9}),
        ("kmeans_pp.fit", {"init": "random", "n_init": 1, "max_iter": 9}),
        ("kmeans_defaults.fit", {}),
        ("spectral.fit", {"affinity": "rbf", "gamma": 1.0, "neighbours": 5}),
    ):
        with pytest.raises(UsageError, match=r"k is 11, dataset 'wine' has 10 training rows"):
            tasks.get(name).case(datasets.load("wine"), {**few, **params}, 1)
    with pytest.raises(UsageError, match="neighbours is 11"):
        made("spectral.fit", "wine", {"affinity": "rbf", "gamma": 1.0, "neighbours": 11, "k": 3, "rows": 10})


def test_own_starts_are_judged_over_blocks_by_relative_inertia():
    task, case = made("kmeans_pp.fit", "digits", PP)
    assert task.parity == "S(20, 0.02)"
    assert list(case.inputs) == ["x_train"]
    assert case.planned == {"rows": 1438, "starts": 1}
    fits = [KMeans(10, n_init=1, tol=0, random_state=seed).fit(case.inputs["x_train"]) for seed in (0, 1)]
    a, b = (task.score(case, outputs_of(fitted)).metrics for fitted in fits)
    assert b["compactness"] - a["compactness"] == pytest.approx(np.log(a["inertia"] / b["inertia"]))
    for fitted in fits:
        assert task.check_work(case, outputs_of(fitted)) == ()
        assert a["compactness"] > task.spread.floor + task.spread.margin


def test_a_pair_without_a_block_of_both_is_undecided_and_no_error():
    assert parity.undecided("kmeans_pp.fit", [], []).startswith("no block has compactness of both")


@pytest.mark.parametrize("dataset", ["digits", "wine", "breast_cancer"])
def test_the_floor_of_own_starts_lies_above_chance_and_below_every_honest_fit(dataset):
    task, case = made("kmeans_pp.fit", dataset, PP)
    guess = task.score(case, case.guess).metrics["compactness"]
    assert guess == pytest.approx(0, abs=1e-9)
    assert guess < task.spread.floor - task.spread.margin
    fitted = KMeans(10, n_init=1, tol=0, random_state=0).fit(case.inputs["x_train"])
    assert task.score(case, outputs_of(fitted)).metrics["compactness"] > 0.3


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("untrained", "from the mean of its rows"),
        ("three steps", "from the mean of its rows"),
        ("zeros", "9 of 10 parts have no row"),
        ("other labels", "nearer to another centre"),
    ],
)
def test_who_stopped_before_a_fixed_point_did_not_do_the_work(what, words):
    task, case = made("kmeans_pp.fit", "digits", PP)
    x = case.inputs["x_train"]
    centres = x[:10]
    labels = ((x[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    if what == "three steps":
        model = KMeans(10, init=centres, n_init=1, max_iter=1, tol=0).fit(x)
        labels, centres = model.predict(x).astype(np.int64), model.cluster_centers_
    elif what == "zeros":
        labels = np.zeros_like(labels)
    elif what == "other labels":
        labels = np.arange(len(x)) % 10
        centres = np.stack([x[labels == number].mean(axis=0) for number in range(10)])
    found = task.check_work(case, {"labels": labels, "centres": centres})
    assert [finding.code for finding in found] == ["short_work"] * len(found)
    assert any(words in finding.detail for finding in found)


def test_defaults_are_of_class_n_and_versions_must_agree_in_starts_and_iterations():
    task, case = made("kmeans_defaults.fit", "digits", {"k": 10})
    assert case.parity == "N"
    assert {key: rule.between for key, rule in task.reached.items()} == {"starts": "equal", "iterations": "equal"}
    for seed in range(6):
        assert failures(task, case, outputs_of(KMeans(10, random_state=seed).fit(case.inputs["x_train"]))) == []
    assert failures(task, case, case.guess)
    x = case.inputs["x_train"]
    labels = np.arange(len(x)) % 10
    random = {"labels": labels, "centres": np.stack([x[labels == number].mean(axis=0) for number in range(10)])}
    assert failures(task, case, random)


@pytest.mark.parametrize("affinity", ["rbf", "nearest_neighbors"])
def test_spectral_clustering_is_of_class_n_and_far_from_chance(affinity):
    params = {"affinity": affinity, "k": 3, "gamma": 0.08, "neighbours": 10}
    task, case = made("spectral.fit", "wine", params)
    assert case.parity == "N"
    fitted = SpectralClustering(3, affinity=affinity, gamma=0.08, n_neighbors=10, random_state=1)
    labels = fitted.fit(case.inputs["x_train"]).labels_.astype(np.int64)
    assert failures(task, case, {"labels": labels}) == []
    assert failures(task, case, case.guess)
    assert failures(task, case, {"labels": np.arange(len(labels)) % 3})
