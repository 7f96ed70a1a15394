"""Principal components: the reference is the covariance's, signs are free, ties and other components are not."""

from dataclasses import replace

import numpy as np
import pytest
from mlfleet import datasets, tasks
from mlfleet.errors import UsageError
from mlfleet.tasks.base import Case
from mlfleet.tasks.pca import decompose

TASK = tasks.get("pca.fit")


@pytest.fixture(scope="module")
def case() -> Case:
    return TASK.case(datasets.load("breast_cancer"), {"components": 4, "solver": "full"}, 1)


def failures(case: Case, **outputs: np.ndarray) -> list[str]:
    found = {**case.reference, **outputs}
    assert TASK.check_outputs(case, found) == ()
    return [finding.detail for finding in TASK.score(case, found).findings]


def test_the_reference_is_that_of_the_covariance(case: Case) -> None:
    values, vectors = np.linalg.eigh(np.cov(case.inputs["x_train"], rowvar=False))
    assert case.reference["variance"] == pytest.approx(values[::-1][:4], rel=1e-10)
    assert failures(case, components=vectors.T[::-1][:4]) == []


def test_signs_are_free(case: Case) -> None:
    turned = case.reference["components"] * np.array([[1.0], [-1.0], [-1.0], [1.0]])
    assert failures(case, components=turned) == []


def test_who_did_nothing_fails(case: Case) -> None:
    for outputs in (case.guess, *({n: np.full_like(a, fill) for n, a in case.reference.items()} for fill in (0, 1))):
        assert failures(case, **outputs)


def test_swapped_scaled_or_nearly_right_components_fail(case: Case) -> None:
    components = case.reference["components"]
    near = components + 1e-5 * np.random.default_rng(1).normal(size=components.shape)
    for wrong in (components[[1, 0, 2, 3]], 2 * components, near):
        assert failures(case, components=wrong)


def test_variances_by_the_number_of_components_or_rows_fail(case: Case) -> None:
    variance, rows = case.reference["variance"], len(case.inputs["x_train"])
    # linfa-reduction's explained_variance divides by the components less one.
    for divisor in (3, rows):
        assert failures(case, variance=variance * (rows - 1) / divisor)


def test_components_of_every_other_row_fail(case: Case) -> None:
    components, variance = decompose(case.inputs["x_train"][::2], 4)
    assert failures(case, components=components, variance=variance)


def test_a_default_solver_is_not_compared_between_frameworks(case: Case) -> None:
    default = TASK.case(datasets.load("breast_cancer"), {"components": 4, "solver": "default"}, 1)
    assert default.parity == "N, C(0.01)"
    assert "another decomposition" in default.alone
    assert (case.parity, case.alone) == ("C(1e-06)", "")


def test_the_solver_that_ran_is_told(case: Case) -> None:
    honest = {"rows": 456, "components": 4, "solver": 4}
    assert TASK.check_receipt(case, honest) == ()
    for lie in ({"solver": 5}, {"solver": -1}, {"components": 3}):
        assert TASK.check_receipt(case, {**honest, **lie})


def test_components_that_rounding_turns_are_refused() -> None:
    # Two uncorrelated columns of one variance.
    x = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    with pytest.raises(UsageError, match=r"singular values 0 and 1 lie within 0\.001 of the largest"):
        decompose(x, 1)


def test_more_components_than_columns_or_rows_are_refused() -> None:
    iris = datasets.load("iris")
    for data, rows in ((iris, 120), (replace(iris, train=iris.train[:3]), 3)):
        with pytest.raises(UsageError, match=f"components is 5, dataset 'iris' has {rows} training rows of 4 columns"):
            TASK.case(data, {"components": 5, "solver": "full"}, 1)


def test_an_approximation_passes_where_the_library_chooses_and_nowhere_else(case: Case) -> None:
    params = {"components": 4, "solver": "default"}
    default = TASK.case(datasets.load("breast_cancer"), params, 1)
    turned = case.reference["components"] + 1e-3 * np.eye(4, 30, k=7)
    assert failures(default, components=turned) == []
    assert failures(case, components=turned)
    for wrong in (turned[[1, 0, 2, 3]], 1.1 * turned, default.guess["components"]):
        assert failures(default, components=wrong)
    for scale in (1.001, 0.999):
        assert failures(default, variance=scale * case.reference["variance"])
