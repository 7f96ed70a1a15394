"""Trees: the references grow what they say, what is not that tree fails, and frameworks are not compared."""

from dataclasses import replace

import numpy as np
import pytest
from mlfleet import datasets, tasks
from mlfleet.errors import UsageError
from mlfleet.tasks.base import Case
from mlfleet.tasks.boosting_numpy import BINS, boost, limits
from mlfleet.tasks.tree_numpy import MEASURES, distances, grow, squares
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.tree import DecisionTreeRegressor

TREE, BOOSTING = tasks.get("tree.fit"), tasks.get("gradient_boosting.fit")


@pytest.fixture(scope="module", params=MEASURES)
def tree(request: pytest.FixtureRequest) -> Case:
    return TREE.case(datasets.load("diabetes"), {"criterion": request.param, "depth": 4}, 1)


@pytest.fixture(scope="module")
def boosting() -> Case:
    return BOOSTING.case(datasets.load("breast_cancer"), {"trees": 20}, 1)


def grown(case: Case, **changes: object) -> list[str]:
    params = {"criterion": case.params["criterion"], "max_depth": case.params["depth"], "random_state": 3, **changes}
    x, y = case.inputs["x_train"], case.inputs["y_train"]
    model = DecisionTreeRegressor(**params).fit(x, y)
    outputs = {"pred": model.predict(case.inputs["x_test"]), "fitted": model.predict(x)}
    return [finding.detail for finding in TREE.score(case, outputs).findings]


def test_the_tree_of_another_implementation_passes(tree: Case) -> None:
    assert TREE.check_outputs(tree, TREE.reference(tree)) == ()
    assert grown(tree) == []


@pytest.mark.parametrize(
    "changes", [{"max_depth": 3}, {"max_depth": 5}, {"splitter": "random"}, {"min_samples_leaf": 9}]
)
def test_another_tree_fails(tree: Case, changes: dict[str, object]) -> None:
    assert grown(tree, **changes)


def test_a_tree_of_the_other_criterion_fails(tree: Case) -> None:
    (other,) = set(MEASURES) - {str(tree.params["criterion"])}
    assert grown(tree, criterion=other)


def test_who_grew_nothing_fails(tree: Case) -> None:
    reference = TREE.reference(tree)
    for outputs in (tree.guess, *({n: np.full_like(a, fill) for n, a in reference.items()} for fill in (0, 1))):
        words = [finding.detail for finding in TREE.score(tree, outputs).findings]
        assert any("r2_fitted" in sentence for sentence in words)


def test_a_cut_is_half_way_where_least_is_left() -> None:
    x, y = np.array([[3.0], [0.0], [1.0], [2.0]]), np.array([9.0, 1.0, 1.0, 9.0])
    found = grow(x, y, np.array([[1.5], [1.6]]), 6, MEASURES["squared_error"])
    assert (found.pred.tolist(), found.leaves, found.depth) == ([1.0, 9.0], 2, 1)
    constant = grow(np.ones((3, 1)), np.arange(3.0), np.ones((1, 1)), 6, MEASURES["absolute_error"])
    assert (constant.pred.tolist(), constant.leaves, constant.depth) == ([1.0], 1, 0)


def test_what_prefixes_leave_is_what_it_is_by_definition() -> None:
    y = np.random.default_rng(1).normal(size=50).round(1)
    for place in range(1, 51):
        part = y[:place]
        assert squares(y)[place - 1] == pytest.approx(((part - part.mean()) ** 2).sum(), abs=1e-9)
        assert distances(y)[place - 1] == pytest.approx(np.abs(part - np.median(part)).sum(), abs=1e-9)


def boosted(case: Case, trees: int, **changes: object) -> list[str]:
    x, y, x_test = (case.inputs[name] for name in ("x_train", "y_train", "x_test"))
    model = HistGradientBoostingClassifier(max_iter=trees, early_stopping=False, **changes).fit(x, y)
    outputs = {"labels": model.predict(x_test), "scores": model.decision_function(x_test)}
    return [finding.detail for finding in BOOSTING.score(case, outputs).findings]


def test_boosted_trees_of_another_implementation_pass(boosting: Case) -> None:
    assert BOOSTING.check_outputs(boosting, BOOSTING.reference(boosting)) == ()
    assert boosted(boosting, 20) == []


def test_other_boosted_trees_fail(boosting: Case) -> None:
    assert boosted(boosting, 15)
    assert boosted(boosting, 20, learning_rate=0.07)
    assert boosted(boosting, 20, max_leaf_nodes=2)


def test_who_boosted_nothing_fails(boosting: Case) -> None:
    reference = BOOSTING.reference(boosting)
    for outputs in (boosting.guess, *({n: np.full_like(a, fill) for n, a in reference.items()} for fill in (0, 1))):
        assert BOOSTING.score(boosting, outputs).findings


def test_a_receipt_of_fewer_trees_is_short_work(boosting: Case) -> None:
    honest = {"rows": 456, "classes": 2, "trees": 20}
    assert BOOSTING.check_receipt(boosting, honest) == ()
    assert BOOSTING.check_receipt(boosting, {**honest, "trees": 11})


def test_bins_end_between_values() -> None:
    assert limits(np.array([1.0, 3.0, 1.0])).tolist() == [2.0]
    assert len(limits(np.arange(5000.0))) == BINS - 1


def test_scores_of_no_tree_are_the_odds() -> None:
    x, y = np.zeros((4, 1)), np.array([0, 1, 1, 1])
    assert boost(x, y, x[:1], 0).tolist() == [np.log(3)]


def test_frameworks_are_not_compared(tree: Case, boosting: Case) -> None:
    assert tree.parity.startswith("N, ")
    assert boosting.parity.startswith("N")


def test_more_classes_than_two_are_refused() -> None:
    with pytest.raises(UsageError, match="0 and 1 awaited"):
        BOOSTING.case(datasets.load("iris"), {"trees": 2}, 1)
    data = datasets.load("breast_cancer")
    with pytest.raises(UsageError, match=r"has the classes \[1\]"):
        BOOSTING.case(replace(data, y=np.ones_like(data.y)), {"trees": 2}, 1)
