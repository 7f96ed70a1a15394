"""DBSCAN and agglomerative clustering: numbering of parts, ties, and outputs of those who did not do the work."""

from dataclasses import replace

import numpy as np
import pytest
from mlfleet import datasets, tasks
from mlfleet.errors import UsageError
from mlfleet.tasks.agglomerative import cut, merged
from mlfleet.tasks.dbscan import grown, neighbourhoods
from mlfleet.tasks.metrics import clustering
from mlfleet.tasks.partitions import by_first_row, parted
from scipy.cluster.hierarchy import linkage
from sklearn.cluster import DBSCAN, AgglomerativeClustering

DBSCANS = {"iris": (0.6, 5), "wine": (2.3, 5), "breast_cancer": (3.0, 5)}
LINKAGES = ("ward", "complete", "average")


def failures(task, case, outputs):
    assert task.check_outputs(case, outputs) == ()
    return [finding.detail for finding in task.score(case, outputs).findings]


def density(name="wine", eps=2.3, min_samples=5):
    task = tasks.get("dbscan.fit")
    return task, task.case(datasets.load(name), {"eps": eps, "min_samples": min_samples}, 1)


def tree(name="wine", how="ward", k=3):
    task = tasks.get("agglomerative.fit")
    return task, task.case(datasets.load(name), {"linkage": how, "k": k}, 1)


def test_parts_are_numbered_by_their_first_rows_and_noise_is_none():
    assert by_first_row(np.array([7, -1, 7, 0, -1, 3])).tolist() == [0, -1, 0, 1, -1, 2]


def test_noise_is_left_out_of_what_is_said_of_a_partition():
    x = np.array([[0.0], [1.0], [10.0], [11.0], [500.0]])
    labels, truth = np.array([4, 4, 2, 2, -1]), np.array([0, 0, 1, 1, 1])
    found = parted(x, labels, truth)
    assert (found["noise"], found["n_clusters"], found["inertia"], found["ari"]) == (1, 2, 1.0, 1.0)
    nothing = parted(x, np.full(5, -1), truth)
    assert (nothing["noise"], nothing["silhouette"], nothing["ari"], nothing["n_clusters"]) == (5, None, None, 0)


def test_the_silhouette_of_many_rows_is_that_of_5000_and_of_all_where_there_are_fewer():
    rng = np.random.default_rng(1)
    labels = np.arange(6000) % 2
    x = rng.normal(size=(6000, 2)) + 4 * labels[:, np.newaxis]
    centres = np.array([[0.0, 0.0], [4.0, 4.0]])
    once, twice = (clustering(x, labels, centres, None)["silhouette"] for _ in range(2))
    assert once == twice
    few = clustering(x[:4000], labels[:4000], centres, None)["silhouette"]
    assert once == pytest.approx(few, abs=0.02)
    rare = np.zeros(6000, np.int64)
    rare[np.flatnonzero(~np.isin(np.arange(6000), _drawn()))[0]] = 1
    assert clustering(x, rare, centres, None)["silhouette"] is None


def _drawn():
    return next(datasets.dataset.permutations(6000, datasets.dataset.SPLIT_SEED))[:5000]


@pytest.mark.parametrize("name", DBSCANS)
def test_scikit_learn_finds_the_same_clusters_noise_and_core_rows(name):
    eps, min_samples = DBSCANS[name]
    task, case = density(name, eps, min_samples)
    fitted = DBSCAN(eps=eps, min_samples=min_samples).fit(case.inputs["x_train"])
    assert failures(task, case, {"labels": fitted.labels_.astype(np.int64)}) == []
    assert case.planned["core"] == len(fitted.core_sample_indices_)


@pytest.mark.parametrize("name", ["moons-syn", "circles-syn"])
def test_shapes_that_no_centre_describes_are_told_apart_in_raw_columns(name):
    task = tasks.get("dbscan.fit")
    case = task.case(datasets.load(name), {"eps": 0.12, "min_samples": 5, "columns": "raw"}, 1)
    assert case.params == {"eps": 0.12, "min_samples": 5}
    assert task.score(case, case.reference).metrics["ari"] == 1.0
    # As the catalogue has it of the whole set, k-means does not.
    lloyd = tasks.get("kmeans.fit")
    means = lloyd.case(datasets.load("moons-syn"), {"k": 2, "max_iter": 300}, 1)
    assert lloyd.score(means, means.reference).metrics["ari"] < 0.5


def test_other_numbers_pass_and_one_row_elsewhere_does_not():
    task, case = density()
    labels = case.reference["labels"]
    renamed = np.where(labels == -1, -1, 10 - labels)
    assert failures(task, case, {"labels": renamed}) == []
    for change in (-1, 5, labels.max() - labels[0]):
        wrong = labels.copy()
        wrong[np.flatnonzero(labels >= 0)[0]] = change
        assert any("numbered by first rows" in words for words in failures(task, case, {"labels": wrong}))


@pytest.mark.parametrize("what", ["all noise", "all one", "each alone", "linear search", "does not count itself"])
def test_who_did_other_work_fails(what):
    task, case = density()
    x, rows = case.inputs["x_train"], len(case.inputs["x_train"])
    labels = {
        "all noise": np.full(rows, -1),
        "all one": np.zeros(rows, np.int64),
        "each alone": np.arange(rows),
        # Less reach, or one neighbour fewer.
        "linear search": DBSCAN(eps=2.2, min_samples=5).fit(x).labels_.astype(np.int64),
        "does not count itself": DBSCAN(eps=2.3, min_samples=6).fit(x).labels_.astype(np.int64),
    }[what]
    assert failures(task, case, {"labels": labels})


def test_a_row_counts_itself_and_a_border_row_belongs_to_the_first_cluster():
    x = np.array([[10.0], [5.5], [0.0], [0.9], [1.8], [9.2], [8.4], [5.1], [5.9]])
    labels, core = grown(neighbourhoods("x", x, 1.0), 3)
    assert by_first_row(labels).tolist() == [0, 1, 2, 2, 2, 0, 0, 1, 1]
    assert core.tolist() == [False, True, False, True, False, True, False, True, True]
    # Row 0 is near a core row of both sides, neither of which reaches the other's.
    x = np.array([[0.0], [1.0], [1.2], [1.4], [-1.0], [-1.2], [-1.4]])
    labels, core = grown(neighbourhoods("x", x, 1.1), 4)
    assert labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert core.tolist() == [False, True, False, False, True, False, False]


def test_a_distance_that_rounding_decides_is_an_error():
    with pytest.raises(UsageError, match=r"training rows 0 and 2 are eps = 0\.5 apart within 1e-09"):
        neighbourhoods("x", np.array([[0.0], [2.0], [0.5 + 1e-10]]), 0.5)
    iris = datasets.load("iris")
    x, _ = iris.standardised()
    apart = float(np.sqrt(((x[0] - x[1]) ** 2).sum()))
    with pytest.raises(UsageError, match="try another eps"):
        tasks.get("dbscan.fit").case(iris, {"eps": apart, "min_samples": 5}, 1)


@pytest.mark.parametrize("how", LINKAGES)
@pytest.mark.parametrize(("name", "k"), [("iris", 3), ("wine", 3), ("breast_cancer", 2)])
def test_scikit_learn_grows_the_same_tree(name, k, how):
    task, case = tree(name, how, k)
    fitted = AgglomerativeClustering(k, linkage=how, compute_distances=True).fit(case.inputs["x_train"])
    outputs = {
        "labels": fitted.labels_.astype(np.int64),
        "merges": np.sort(fitted.children_, axis=1).astype(np.int64),
        "heights": fitted.distances_,
    }
    assert failures(task, case, outputs) == []
    # Iris has equal distances, which other orders of the same merges would be right for; here they agree all the same.
    assert case.parity == ("A(0.99), C(0.01)" if name == "iris" else "E, C(1e-09)")
    assert (outputs["merges"] == case.reference["merges"]).all()
    assert outputs["heights"] == pytest.approx(case.reference["heights"], abs=1e-12)


@pytest.mark.parametrize("how", LINKAGES)
def test_the_reference_is_scipys_tree(how):
    x = np.random.default_rng(3).normal(size=(40, 3))
    found, awaited = merged(x, how), linkage(x, how)
    assert not found.tied
    assert (found.merges == awaited[:, :2]).all()
    assert found.heights == pytest.approx(awaited[:, 2])


def test_ties_are_seen_wherever_they_are():
    square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [5.0, 5.0]])
    assert merged(square, "average").tied
    # The tie comes with the second merge alone.
    assert merged(np.array([[0.0], [1.0], [3.5], [-2.5]]), "average").tied


def test_a_cut_leaves_k_clusters():
    x = np.array([[7.0], [0.0], [8.0], [1.5], [20.0]])
    merges = merged(x, "complete").merges
    assert merges.tolist() == [[0, 2], [1, 3], [5, 6], [4, 7]]
    assert by_first_row(cut(merges, 3)).tolist() == [0, 1, 0, 1, 2]
    assert by_first_row(cut(merges, 5)).tolist() == [0, 1, 2, 3, 4]
    assert by_first_row(cut(merges, 2)).tolist() == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("name", ["iris", "wine"])
@pytest.mark.parametrize("how", LINKAGES)
def test_another_linkage_or_another_cut_fails(name, how):
    task, case = tree(name, how)
    x = case.inputs["x_train"]
    for other in LINKAGES:
        if other != how:
            found = merged(x, other)
            outputs = {"labels": cut(found.merges, 3), "merges": found.merges, "heights": found.heights}
            assert failures(task, case, outputs)
    assert failures(task, case, {**case.reference, "labels": cut(case.reference["merges"], 2)})
    for fill in (0, 1):
        assert failures(task, case, {key: np.full_like(array, fill) for key, array in case.reference.items()})


def test_one_row_elsewhere_or_one_swapped_merge_fails():
    task, case = tree()
    labels = case.reference["labels"].copy()
    labels[0] = (labels[0] + 1) % 3
    assert any("of 142 rows" in words for words in failures(task, case, {**case.reference, "labels": labels}))
    merges = case.reference["merges"].copy()
    merges[[3, 4]] = merges[[4, 3]]
    assert any("merges agree" in words for words in failures(task, case, {**case.reference, "merges": merges}))


def test_more_clusters_than_rows_and_too_many_rows_are_errors():
    task, wine = tasks.get("agglomerative.fit"), datasets.load("wine")
    with pytest.raises(UsageError, match="k is 21, dataset 'wine' has 20 training rows"):
        task.case(wine, {"linkage": "ward", "k": 21, "rows": 20}, 1)
    many = replace(wine, train=np.resize(wine.train, 10_001))
    with pytest.raises(UsageError, match="10001 training rows, awaited at most 10000"):
        task.case(many, {"linkage": "ward", "k": 2}, 1)
