"""Nearest neighbours by any index, index built in `.fit`, and held out by folds: who did less fails."""

from dataclasses import replace

import numpy as np
import pytest
from mlfleet import datasets, tasks
from mlfleet.errors import UsageError
from mlfleet.tasks.base import Case, Task
from mlfleet.tasks.knn import brute_force, vote

PREDICT = {"k": 5, "index": "brute", "batch": 32}
FOLDS = {"k": 5, "index": "brute", "folds": 5}
VALIDATE = tasks.get("knn_classify.cross_validate")


def case(task: str, dataset: str, **params: object) -> tuple[Task, Case]:
    return tasks.get(task), tasks.get(task).case(datasets.load(dataset), params, 1)


def failures(task: Task, case: Case, outputs: dict[str, np.ndarray]) -> list[str]:
    assert task.check_outputs(case, outputs) == ()
    return [finding.detail for finding in task.score(case, outputs).findings]


@pytest.mark.parametrize("index", ["brute", "kd_tree", "ball_tree"])
def test_every_index_has_one_answer_and_brute_alone_counts_distances(index: str) -> None:
    _, found = case("knn_regress.predict", "diabetes", **{**PREDICT, "index": index})
    _, brute = case("knn_regress.predict", "diabetes", **PREDICT)
    assert np.array_equal(found.reference["neighbours"], brute.reference["neighbours"])
    assert ("distances" in found.planned) == (index == "brute")


def test_a_tree_is_held_to_its_neighbours_distances_alone() -> None:
    task, tree = case("knn_regress.predict", "diabetes", **{**PREDICT, "index": "kd_tree"})
    found = task.bound(tree)
    assert found is not None
    assert found.flop == 5 * 32 * 10


@pytest.mark.parametrize(("task", "dataset"), [("knn_classify.fit", "digits"), ("knn_regress.fit", "diabetes")])
def test_an_index_is_shown_by_the_neighbours_of_every_test_row(task: str, dataset: str) -> None:
    fit, built = case(task, dataset, k=5, index="ball_tree")
    assert len(built.reference["neighbours"]) == len(datasets.load(dataset).test)
    assert failures(fit, built, dict(built.reference)) == []
    half, _ = brute_force(built.inputs["x_train"][::2], built.inputs["x_test"], 5)
    assert failures(fit, built, {**built.reference, "neighbours": 2 * half})
    for outputs in (built.guess, {name: np.zeros_like(array) for name, array in built.reference.items()}):
        assert failures(fit, built, dict(outputs))


def test_of_every_row_there_is_no_index_to_build() -> None:
    with pytest.raises(UsageError, match="awaited: one of 'kd_tree', 'ball_tree'"):
        case("knn_classify.fit", "iris", k=5, index="brute")


def test_a_fold_is_answered_by_the_others() -> None:
    _, found = case(VALIDATE.name, "breast_cancer", **FOLDS)
    x, y, folds = (found.inputs[name] for name in ("x_train", "y_train", "folds"))
    row = int(np.flatnonzero(folds == 3)[7])
    distances = np.where(folds == 3, np.inf, ((x - x[row]) ** 2).sum(axis=1))
    assert found.reference["pred"][row] == np.bincount(y[np.argsort(distances)[:5]]).argmax()
    assert found.planned == {"rows": 456, "fits": 5}


def test_the_reference_of_folds_passes_and_who_did_less_fails() -> None:
    task, found = case(VALIDATE.name, "breast_cancer", **FOLDS)
    x, y = found.inputs["x_train"], found.inputs["y_train"]
    assert failures(task, found, dict(found.reference)) == []
    inside = vote(y[brute_force(x, x, 5)[0]], 2)
    for pred in (inside, found.guess["pred"], np.zeros_like(y), np.ones_like(y), y):
        assert failures(task, found, {"pred": pred})
    near = found.reference["pred"].copy()
    near[0] = 1 - near[0]
    assert failures(task, found, {"pred": near}) == ["pred agree on 0.998 of 456 rows, 1 awaited"]


def test_folds_have_metrics_each() -> None:
    task, found = case(VALIDATE.name, "breast_cancer", **FOLDS)
    metrics = task.metrics(found, found.reference)
    each = [metrics[f"accuracy_fold_{fold}"] for fold in range(5)]
    assert metrics["accuracy"] == pytest.approx(np.mean(each))
    assert metrics["accuracy_std"] == pytest.approx(np.std(each))


def test_ties_relax_the_class_of_folds() -> None:
    iris = datasets.load("iris")
    twins = replace(iris, x=np.round(iris.x))
    assert VALIDATE.case(twins, FOLDS, 1).parity == "A(0.995)"
    assert VALIDATE.case(datasets.load("breast_cancer"), FOLDS, 1).parity == "E"


def test_more_neighbours_than_rows_outside_a_fold_are_refused() -> None:
    iris = datasets.load("iris")
    VALIDATE.case(iris, {**FOLDS, "k": 96}, 1)
    with pytest.raises(UsageError, match="k is 97, dataset 'iris' has 96 training rows"):
        VALIDATE.case(iris, {**FOLDS, "k": 97}, 1)
    with pytest.raises(UsageError, match="k is 121, dataset 'iris' has 120 training rows"):
        tasks.get("knn_classify.fit").case(iris, {"k": 121, "index": "kd_tree"}, 1)


def test_a_fold_without_a_class_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'folds' of knn_classify\.cross_validate is 41"):
        VALIDATE.case(datasets.load("iris"), {**FOLDS, "folds": 41}, 1)
