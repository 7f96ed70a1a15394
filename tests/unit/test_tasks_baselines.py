"""Sums, gradient descent and mean of neighbours: who did not do the work fails, and what has no answer is refused."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from mlfleet import datasets, tasks
from mlfleet.datasets import Dataset
from mlfleet.errors import UsageError
from mlfleet.tasks.base import Case, Task
from mlfleet.tasks.gd_regression import descent

Both = tuple[Task, Case]

GD: dict[str, Any] = {"rows": 300, "lr": 0.05, "iterations": 20, "schedule": "fused"}
KNN: dict[str, Any] = {"k": 5, "index": "brute", "batch": "all"}


@pytest.fixture(scope="module")
def gd_syn() -> Dataset:
    return datasets.load("gd-syn")


@pytest.fixture(scope="module")
def gd(gd_syn: Dataset) -> Both:
    task = tasks.get("gd_regression.fit")
    return task, task.case(gd_syn, GD, 1)


@pytest.fixture(scope="module")
def knn() -> Both:
    task = tasks.get("knn_regress.predict")
    return task, task.case(datasets.load("diabetes"), KNN, 1)


def sums(name: str, **params: int) -> Both:
    task = tasks.get(name)
    return task, task.case(datasets.load("integers-syn"), params, 1)


def failures(both: Both, outputs: Mapping[str, np.ndarray[Any, Any]]) -> list[str]:
    task, case = both
    assert task.check_outputs(case, outputs) == ()
    return [finding.detail for finding in task.score(case, outputs).findings]


def short(both: Both, receipt: Mapping[str, int]) -> list[tuple[str, str]]:
    task, case = both
    return [(finding.code, finding.detail) for finding in task.check_receipt(case, receipt)]


def test_the_right_answers_pass_and_guesses_fail(gd: Both, knn: Both) -> None:
    counted = [sums(name, n=7) for name in ("sum.range", "sum.chunked", "sum.arange", "sum.formula")]
    summed = [sums("sum.loop", m=1000, buffers=3), *counted]
    for both in (*summed, gd, knn):
        task, case = both
        assert failures(both, task.reference(case)) == []
        assert failures(both, case.guess)


def test_sums_are_those_of_whole_numbers_and_of_the_first_buffer() -> None:
    for name in ("sum.range", "sum.chunked", "sum.arange", "sum.formula"):
        assert sums(name, n=7)[1].reference["sum"] == 28
    _, case = sums("sum.loop", m=70_000, buffers=3)
    delivered = case.inputs["buffers"]
    assert (delivered.shape, delivered.dtype, case.params) == ((3, 70_000), np.int64, {})
    assert case.reference["sum"] == sum(delivered[0].tolist())
    # The numbers of the data come again where there are too few of them.
    assert (delivered[0, :100] == delivered[0, 65_536:65_636]).all()
    assert len(set(delivered.sum(axis=1).tolist())) == 3


def test_a_sum_of_another_buffer_or_of_half_the_numbers_fails() -> None:
    both = sums("sum.loop", m=1000, buffers=3)
    delivered = both[1].inputs["buffers"]
    for wrong in (delivered[1].sum(), delivered[0, ::2].sum()):
        assert failures(both, {"sum": np.asarray(wrong)})


@pytest.mark.parametrize("name", ["sum.loop", "sum.range"])
def test_a_loop_that_was_folded_says_so_in_its_receipt(name: str) -> None:
    params = {"m": 1000, "buffers": 2} if name == "sum.loop" else {"n": 1000}
    both = sums(name, **params)
    assert short(both, {"additions": 1000}) == []
    assert short(both, {"additions": 1}) == [("short_work", "receipt additions is 1, 1000 awaited")]
    assert short(both, {"multiplications": 1}) == [("short_work", "receipt additions is missing, 1000 awaited")]


def test_numbers_are_written_in_ranges_of_a_million_or_all_at_once() -> None:
    for n, ranges in ((1, 1), (1_000_000, 1), (1_000_001, 2), (10_000_000, 10)):
        assert sums("sum.chunked", n=n)[1].planned == {"elements_written": n, "ranges": ranges}
        assert sums("sum.arange", n=n)[1].planned == {"elements_written": n, "ranges": 1}
    # Whoever writes a range after the other holds less memory, and does another task.
    at_once = sums("sum.arange", n=3_000_000)
    assert short(at_once, {"elements_written": 3_000_000, "ranges": 3}) == [
        ("short_work", "receipt ranges is 3, 1 awaited")
    ]
    assert short(at_once, {"additions": 3_000_000})[0] == (
        "short_work",
        "receipt elements_written is missing, 3000000 awaited",
    )


def test_a_formula_multiplies_once_whatever_n_is() -> None:
    for n in (1, 3_000_000_000):
        assert sums("sum.formula", n=n)[1].planned == {"multiplications": 1}
    assert sums("sum.formula", n=3_000_000_000)[1].reference["sum"] == 4_500_000_001_500_000_000


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("sum.range", {"n": -5}, "parameter 'n' of sum.range is -5; awaited: a whole number of at least 1 and at most"),
        ("sum.formula", {"n": 3_000_000_001}, "of at least 1 and at most 3000000000"),
        ("sum.chunked", {"n": 3_000_000_001}, "of at least 1 and at most 3000000000"),
        ("sum.arange", {"n": 1_000_000_001}, "of at least 1 and at most 1000000000"),
        ("sum.loop", {"m": 0, "buffers": 1}, "parameter 'm' of sum.loop is 0"),
        ("sum.loop", {"m": 1, "buffers": -1}, "parameter 'buffers' of sum.loop is -1"),
    ],
)
def test_what_has_no_sum_is_refused(name: str, params: dict[str, int], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        sums(name, **params)


def test_floats_are_no_buffers() -> None:
    floats = replace(datasets.load("integers-syn"), x=np.ones((4, 1)))
    with pytest.raises(UsageError, match="holds float64, int64 awaited"):
        tasks.get("sum.loop").case(floats, {"m": 4, "buffers": 1}, 1)


def test_the_closed_form_is_where_the_steps_end(gd: Both) -> None:
    x, y = gd[1].inputs["x_train"], gd[1].inputs["y_train"]
    coef, intercept = np.zeros(x.shape[1]), 0.0
    for _ in range(20):
        residual = x @ coef + intercept - y
        coef = coef - 0.05 * x.T @ residual / len(x)
        intercept -= 0.05 * residual.mean()
    walked = {"coef": coef, "intercept": np.asarray(intercept), "last_loss": np.asarray((residual**2).mean() / 2)}
    assert failures(gd, walked) == []


@pytest.mark.parametrize("change", [{"iterations": 19}, {"lr": 0.0501}, {"rows": 299}])
def test_one_step_less_another_rate_or_a_row_less_fails(gd: Both, gd_syn: Dataset, change: dict[str, Any]) -> None:
    task, _ = gd
    other = task.case(gd_syn, GD | change, 1)
    assert failures(gd, task.reference(other))


def test_least_squares_is_no_descent(gd: Both) -> None:
    x, y = gd[1].inputs["x_train"], gd[1].inputs["y_train"]
    rows = np.column_stack([np.ones(len(x)), x])
    weights = np.linalg.lstsq(rows, y)[0]
    loss = ((rows @ weights - y) ** 2).mean() / 2
    outputs = {"coef": weights[1:], "intercept": np.asarray(weights[0]), "last_loss": np.asarray(loss)}
    assert any(words.startswith("coef lie") for words in failures(gd, outputs))


def test_steps_and_rows_are_counted(gd: Both, gd_syn: Dataset) -> None:
    honest = {"steps": 20, "rows_read": 6000}
    assert short(gd, honest) == []
    assert short(gd, honest | {"steps": 8}) == [("short_work", "receipt steps is 8, 20 awaited")]
    # Reading X once is another schedule, no faster descent.
    assert short(gd, honest | {"rows_read": 300}) == [("short_work", "receipt rows_read is 300, 6000 awaited")]
    task, case = gd
    for schedule, rows_read in (("gram", 300), ("two_pass", 12_000)):
        other = task.case(gd_syn, GD | {"schedule": schedule}, 1)
        assert other.planned == {"steps": 20, "rows_read": rows_read}
        assert all((other.reference[name] == value).all() for name, value in case.reference.items())


def test_a_descent_that_cannot_be_is_refused(gd_syn: Dataset) -> None:
    task = tasks.get("gd_regression.fit")
    with pytest.raises(UsageError, match=r"'rows' of gd_regression.fit is 200001, .* has 200000 training rows"):
        task.case(gd_syn, GD | {"rows": 200_001}, 1)
    with pytest.raises(UsageError, match=r"'lr' of gd_regression.fit is 3; on these data steps diverge from 1\.\d+ on"):
        task.case(gd_syn, GD | {"lr": 3}, 1)
    with pytest.raises(UsageError, match="awaited: one of 'two_pass', 'fused', 'gram'"):
        task.case(gd_syn, GD | {"schedule": "stochastic"}, 1)


def test_the_data_teach_as_slowly_as_their_note_says(gd_syn: Dataset) -> None:
    x, y = gd_syn.x[gd_syn.train], gd_syn.y_train
    x_test, y_test = gd_syn.x[gd_syn.test], gd_syn.y_test
    for iterations, awaited in ((100, 0.55), (500, 0.80), (1000, 0.87), (5000, 0.92)):
        coef, intercept = descent(x, y, 0.05, iterations)
        r2 = 1 - ((x_test @ coef + intercept - y_test) ** 2).mean() / y_test.var()
        assert r2 == pytest.approx(awaited, abs=0.005)


def test_a_mean_of_other_neighbours_fails(knn: Both) -> None:
    _, case = knn
    y, neighbours = case.inputs["y_train"], case.reference["neighbours"]
    assert failures(knn, {"pred": y[neighbours[:, :4]].mean(axis=1), "neighbours": neighbours})
    swapped = neighbours[:, ::-1].copy()
    assert failures(knn, {"pred": y[swapped].mean(axis=1), "neighbours": swapped}) == [
        "neighbours agree on 0.000 of 88 rows, 1 awaited"
    ]


def test_means_of_tied_neighbours_may_differ_in_one_row() -> None:
    task = tasks.get("knn_regress.predict")
    diabetes = datasets.load("diabetes")
    twins = replace(diabetes, x=np.repeat(diabetes.x[::2], 2, axis=0))
    case = task.case(twins, KNN, 1)
    assert case.parity == "A(0.995)"
    neighbours = case.reference["neighbours"].copy()
    neighbours[0] = neighbours[0, ::-1]
    assert failures((task, case), {**case.reference, "neighbours": neighbours}) == []


def test_more_neighbours_than_rows_are_refused() -> None:
    with pytest.raises(UsageError, match="k is 355, dataset 'diabetes' has 354 training rows"):
        tasks.get("knn_regress.predict").case(datasets.load("diabetes"), KNN | {"k": 355}, 1)
