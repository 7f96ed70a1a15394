"""The gates that are the same for every task, each shown to fail, and the rules of parameters."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mlfleet import datasets, tasks
from mlfleet.errors import UsageError
from mlfleet.model import Finding
from mlfleet.tasks import control
from mlfleet.tasks.base import Arrays, Case, Task
from mlfleet.tasks.params import ParamSpec

Both = tuple[Task, Case]

PARAMS: dict[str, Any] = {"k": 5, "index": "brute", "batch": 20}


@pytest.fixture(scope="module")
def knn() -> Both:
    task = tasks.get("knn_classify.predict")
    return task, task.case(datasets.load("wine"), PARAMS, 0)


def details(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.detail for finding in findings]


def test_the_reference_passes(knn: Both) -> None:
    task, case = knn
    assert task.check_outputs(case, case.reference) == ()
    assert task.score(case, case.reference).findings == ()


OUTPUTS = {
    "missing": (lambda o: {"pred": o["pred"]}, "output neighbours is missing"),
    "extra": (lambda o: {**o, "more": o["pred"]}, "output more is not awaited"),
    "dtype": (lambda o: {**o, "pred": o["pred"].astype(np.float64)}, "output pred is F64, I64 awaited"),
    "shape": (lambda o: {**o, "pred": o["pred"][:-1]}, "output pred has shape [19], [20] awaited"),
    "rank": (lambda o: {**o, "pred": o["pred"][:, None]}, "output pred has shape [20, 1], [20] awaited"),
    "label": (lambda o: {**o, "pred": o["pred"] + 1}, "output pred lies in 1 .. 3, 0 .. 2 awaited"),
    "row": (lambda o: {**o, "neighbours": o["neighbours"] - 142}, "0 .. 141 awaited"),
}


@pytest.mark.parametrize(("change", "words"), OUTPUTS.values(), ids=OUTPUTS)
def test_the_gate_of_outputs_fails(knn: Both, change: Callable[[Arrays], Arrays], words: str) -> None:
    task, case = knn
    (finding,) = task.check_outputs(case, change(case.reference))
    assert (finding.gate, finding.code) == ("output", "bad_output")
    assert words in finding.detail


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_no_number_is_a_bad_output(value: float) -> None:
    task = tasks.get("ridge.predict")
    case = task.case(datasets.load("diabetes"), {"alpha": 1, "batch": 3}, 0)
    pred = case.reference["pred"].copy()
    pred[1] = value
    assert details(task.check_outputs(case, {"pred": pred})) == ["output pred has 1 values that are NaN or infinite"]


def test_the_gate_of_work_wants_the_plan_exactly(knn: Both) -> None:
    task, case = knn
    plan = {"rows": 142, "rows_predicted": 20, "distances": 2840}
    assert case.planned == plan
    assert task.check_receipt(case, {**plan, "layout": "c"}) == ()
    assert details(task.check_receipt(case, {})) == [f"receipt {k} is missing, {v} awaited" for k, v in plan.items()]
    for wrong in (141, 143, 142.0, True, "142"):
        (finding,) = task.check_receipt(case, {**plan, "rows": wrong})
        assert (finding.gate, finding.code) == ("work", "short_work")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"converged": False}, "receipt converged is false, true awaited"),
        ({"converged": 1}, "receipt converged is 1, true awaited"),
        ({"converged": None}, "receipt converged is missing, true awaited"),
        ({"n_iter": 0}, "receipt n_iter is 0, a whole number of at least 1 and at most 299 awaited"),
        # The limit that was configured, in place of what ran.
        ({"n_iter": 300}, "receipt n_iter is 300"),
        ({"n_iter": True}, "receipt n_iter is true"),
        ({"n_iter": None}, "receipt n_iter is missing"),
    ],
)
def test_the_gate_of_work_wants_reached_keys_that_can_be(change: dict[str, Any], words: str) -> None:
    task = tasks.get("kmeans.fit")
    case = task.case(datasets.load("iris"), {"k": 3, "max_iter": 300}, 0)
    honest = {"rows": 120, "n_iter": 7, "converged": True}
    assert task.check_receipt(case, honest) == ()
    (finding,) = task.check_receipt(case, {k: v for k, v in (honest | change).items() if v is not None})
    assert words in finding.detail


@pytest.mark.parametrize(
    ("spec", "found", "value"),
    [
        (ParamSpec(float, low=0), 1, 1.0),
        (ParamSpec(float, low=0), 0, 0.0),
        (ParamSpec(float, above=0), 0.0, None),
        (ParamSpec(float), float("nan"), None),
        (ParamSpec(float), True, None),
        (ParamSpec(float), "1", None),
        (ParamSpec(int, low=1), 1.0, None),
        (ParamSpec(int, low=1), 0, None),
        (ParamSpec(int, low=1), True, None),
        (ParamSpec(int), 2**63, None),
        (ParamSpec(int, low=1, words=("all",)), "all", "all"),
        (ParamSpec(int, low=1, words=("all",)), "al", None),
        (ParamSpec(bool), True, True),
        (ParamSpec(bool), 1, None),
        (ParamSpec(str, words=("rbf",)), "linear", None),
        (ParamSpec(str, words=("rbf",)), ["rbf"], None),
    ],
)
def test_parameters_are_never_coerced_but_from_int_to_float(spec: ParamSpec, found: object, value: object) -> None:
    assert spec.value(found) == value
    assert type(spec.value(found)) is type(value)


def test_names_that_do_not_exist_name_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown task 'kmeans.fitt'.*did you mean 'kmeans.fit'"):
        tasks.get("kmeans.fitt")
    with pytest.raises(UsageError, match=r"unknown parameter of kmeans.fit 'maxiter'.*did you mean 'max_iter'"):
        tasks.get("kmeans.fit").check_params({"k": 3, "maxiter": 1})


@pytest.mark.parametrize(
    ("task", "dataset", "params", "words"),
    [
        ("ridge.fit", "iris", {"alpha": 1.0}, "its target is classes, real awaited"),
        ("knn_classify.predict", "wine", {**PARAMS, "batch": 37}, "'batch' .* is 37, the test part has 36 rows"),
        ("knn_classify.predict", "wine", {**PARAMS, "k": 143}, "k is 143"),
        ("kmeans.fit", "iris", {"k": 121, "max_iter": 9}, "k is 121"),
        ("kmeans.fit", "digits", {"k": 10, "max_iter": 1}, "not stable after 1 iterations"),
    ],
)
def test_what_a_dataset_cannot_give_is_a_usage_error(
    task: str, dataset: str, params: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        tasks.get(task).case(datasets.load(dataset), params, 0)


def test_the_control_is_a_workload_on_synthetic_data() -> None:
    workload = control.WORKLOAD
    case = tasks.get(workload.task).case(datasets.load(workload.dataset), workload.params, 0)
    assert (case.label, dict(case.params), dict(case.planned)) == ("synthetic", {}, {"rows": 16})
