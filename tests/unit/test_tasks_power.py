"""Proof of power: for every task, outputs of those who did not do the work fail, and near misses do."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlfleet import datasets, tasks
from mlfleet.catalogue import load_suite, suite_names
from mlfleet.datasets import goldens
from mlfleet.datasets.dataset import permutations
from mlfleet.errors import HostError
from mlfleet.model import Param
from mlfleet.tasks import control, kmeans
from mlfleet.tasks.base import Case, Task
from mlfleet.tasks.kmeans import lloyd
from mlfleet.tasks.knn import brute_force, vote
from mlfleet.tasks.ridge import closed_form
from sklearn.svm import SVC

Both = tuple[Task, Case]
Cases = dict[str, Both]

WORKLOADS = {workload.name: workload for workload in (*load_suite("smoke").workloads, control.WORKLOAD)}


@pytest.fixture(scope="module")
def cases() -> Cases:
    return {
        name: (task := tasks.get(w.task), task.case(datasets.load(w.dataset), w.params, 1))
        for name, w in WORKLOADS.items()
    }


@pytest.fixture(params=WORKLOADS)
def both(request: pytest.FixtureRequest, cases: Cases) -> Both:
    return cases[str(request.param)]


def failures(task: Task, case: Case, outputs: Mapping[str, np.ndarray[Any, Any]]) -> list[str]:
    quality = task.score(case, outputs)
    assert all((finding.gate, finding.code) == ("quality", "outside_tolerance") for finding in quality.findings)
    return [finding.detail for finding in quality.findings]


def test_every_task_is_in_a_suite() -> None:
    found = {workload.task for suite in suite_names() for workload in load_suite(suite).workloads}
    assert found | {control.WORKLOAD.task} == set(tasks.names())


def test_the_reference_passes_every_gate(both: Both) -> None:
    task, case = both
    reference = task.reference(case)
    assert task.check_outputs(case, reference) == ()
    assert failures(task, case, reference) == []


def test_guesses_zeros_and_constants_fail(both: Both) -> None:
    task, case = both
    reference = task.reference(case)
    for fill in (0, 1):
        assert failures(task, case, {name: np.full_like(array, fill) for name, array in reference.items()})
    assert any("awaited" in words and words.startswith(task.decides) for words in failures(task, case, case.guess))


def test_outputs_of_another_order_fail(both: Both) -> None:
    task, case = both
    reference = task.reference(case)
    shifted = {name: np.roll(array, 1, axis=0) if array.ndim else array + 1 for name, array in reference.items()}
    assert failures(task, case, shifted)


def test_params_and_inputs_are_what_travels(both: Both) -> None:
    _, case = both
    assert all(isinstance(value, bool | int | float) or value in {"brute", "rbf"} for value in case.params.values())
    assert all(array.flags["C_CONTIGUOUS"] and array.dtype in (np.float64, np.int64) for array in case.inputs.values())
    assert "k" not in case.params or case.task == "knn_classify.predict"


def test_only_the_start_of_kmeans_depends_on_the_seed(cases: Cases) -> None:
    for name, workload in WORKLOADS.items():
        other = tasks.get(workload.task).case(datasets.load(workload.dataset), workload.params, 2)
        mine = cases[name][1].inputs
        differing = {key for key in mine if not np.array_equal(mine[key], other.inputs[key])}
        assert differing == ({"start"} if workload.task == "kmeans.fit" else set())


def test_untrained_centres_fail(cases: Cases) -> None:
    task, case = cases["kmeans.fit-digits"]
    x, start = case.inputs["x_train"], case.inputs["start"]
    labels = ((x[:, None] - start[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert any("inertia" in words for words in failures(task, case, {"labels": labels, "centres": start}))


def test_a_kmeans_that_stopped_early_fails(cases: Cases) -> None:
    task, case = cases["kmeans.fit-digits"]
    x, centres = case.inputs["x_train"], case.inputs["start"]
    for _ in range(3):
        labels = ((x[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
        centres = np.stack([x[labels == number].mean(axis=0) for number in range(10)])
    assert failures(task, case, {"labels": labels, "centres": centres})


@pytest.mark.filterwarnings("error")
def test_start_rows_are_training_rows_and_no_cluster_empties() -> None:
    x = np.array([[0.0], [0.0], [0.0], [1.0], [5.0]])
    assert lloyd(x, x[[0, 1, 4]], 100) is None
    assert lloyd(x, x[[0, 3, 4]], 1) is None
    labels, centres = lloyd(x, x[[0, 3, 4]], 100) or pytest.fail("no fixed point")
    assert (labels.tolist(), centres.ravel().tolist()) == ([0, 0, 0, 1, 2], [0.0, 1.0, 5.0])
    case = tasks.get("kmeans.fit").case(datasets.load("iris"), {"k": 3, "max_iter": 300}, 5)
    train = case.inputs["x_train"]
    assert case.inputs["start"].tolist() == train[next(permutations(len(train), 5))[:3]].tolist()


def test_a_start_that_empties_a_cluster_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.array([[0.0], [0.0], [0.0], [1.0], [5.0]])
    draws = [np.array([0, 1, 4, 2, 3]), np.array([4, 3, 0, 1, 2])]
    monkeypatch.setattr(kmeans, "permutations", lambda *_: iter(draws))
    start, *_ = kmeans.delivered_start("kmeans.fit", x, 3, 100, 0, "x")
    assert start.ravel().tolist() == [5.0, 1.0, 0.0]


@pytest.mark.parametrize("alpha", [0.999, 1.001])
def test_another_penalty_fails(cases: Cases, alpha: float) -> None:
    task, case = cases["ridge.fit-boston_housing"]
    coef, intercept = closed_form(case.inputs["x_train"], case.inputs["y_train"], alpha)
    assert failures(task, case, {"coef": coef, "intercept": intercept})


def test_the_closed_form_solves_the_normal_equations() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(30, 4)) + 3, rng.normal(size=30)
    coef, intercept = closed_form(x, y, 2.0)
    centred = x - x.mean(axis=0)
    assert np.allclose((centred.T @ centred + 2 * np.eye(4)) @ coef, centred.T @ (y - y.mean()))
    assert np.isclose(intercept, (y - x @ coef).mean())


def test_ridge_trained_on_every_other_row_fails(cases: Cases) -> None:
    task, case = cases["ridge.predict-diabetes-batch32"]
    coef, intercept = closed_form(case.inputs["x_train"][::2], case.inputs["y_train"][::2], 1.0)
    assert failures(task, case, {"pred": case.inputs["x_test"][:32] @ coef + intercept})


def test_knn_that_holds_every_other_row_fails(cases: Cases) -> None:
    task, case = cases["knn_classify.predict-breast_cancer-all"]
    neighbours, _ = brute_force(case.inputs["x_train"][::2], case.inputs["x_test"], 5)
    neighbours *= 2
    assert failures(task, case, {"pred": vote(case.inputs["y_train"][neighbours], 2), "neighbours": neighbours})


def test_knn_with_one_swapped_neighbour_or_vote_fails(cases: Cases) -> None:
    task, case = cases["knn_classify.predict-breast_cancer-all"]
    neighbours = case.reference["neighbours"].copy()
    neighbours[3, [0, 1]] = neighbours[3, [1, 0]]
    words = failures(task, case, {**case.reference, "neighbours": neighbours})
    assert words == ["neighbours agree on 0.991 of 113 rows, 1 awaited"]
    pred = case.reference["pred"].copy()
    pred[0] = 1 - pred[0]
    assert failures(task, case, {**case.reference, "pred": pred}) == ["pred agree on 0.991 of 113 rows, 1 awaited"]


def test_knn_ties_in_distance_relax_the_class_and_ties_in_votes_take_the_smallest_label() -> None:
    x = np.array([[0.0], [1.0], [1.0 + 1e-10], [4.0]])
    assert brute_force(x, np.array([[0.0]]), 1)[1] is False
    neighbours, tied = brute_force(x, np.array([[0.0]]), 2)
    assert (neighbours.tolist(), tied) == ([[0, 1]], True)
    assert vote(np.array([[2, 1, 1, 2], [2, 2, 0, 1]]), 3).tolist() == [1, 2]
    iris = datasets.load("iris")
    twins = replace(iris, x=np.round(iris.x))
    params = {"k": 5, "index": "brute", "batch": "all"}
    assert tasks.get("knn_classify.predict").case(twins, params, 0).parity == "A(0.995)"


def test_svc_of_every_other_row_fails_by_its_outputs(cases: Cases) -> None:
    task, case = cases["svc_ovo.fit-wine-rbf"]
    x, y = case.inputs["x_train"][::2], case.inputs["y_train"][::2]
    gamma = case.params["gamma"]
    model = SVC(C=1.0, gamma=gamma, shrinking=False, decision_function_shape="ovo").fit(x, y)
    decision = model.decision_function(case.inputs["x_test"])
    words = failures(task, case, {"labels": model.predict(case.inputs["x_test"]), "decision": decision})
    assert any(sentence.startswith("decision lie") for sentence in words)


def test_svc_lets_one_row_differ_and_not_two(cases: Cases) -> None:
    task, case = cases["svc_ovo.fit-wine-rbf"]
    golden = task.reference(case)
    labels = golden["labels"].copy()
    labels[0] = (labels[0] + 1) % 3
    assert failures(task, case, {**golden, "labels": labels}) == []
    labels[1] = (labels[1] + 1) % 3
    words = failures(task, case, {**golden, "labels": labels})
    assert words[0] == "labels agree on 0.944 of 36 rows, 0.990 awaited"
    assert any("f1_macro" in sentence for sentence in words)


def test_a_golden_of_another_payload_or_parameter_is_refused(cases: Cases) -> None:
    task, case = cases["svc_ovo.fit-wine-rbf"]
    golden = task.reference(case)
    with pytest.raises(HostError, match="answers the payload"):
        task.score(replace(case, inputs={**case.inputs, "x_test": case.inputs["x_test"] + 1}), golden)
    with pytest.raises(HostError, match=r"was made with c 1.0, 2.0 awaited"):
        task.score(replace(case, params={**case.params, "c": 2.0}), golden)
    with pytest.raises(HostError, match="no golden"):
        task.score(replace(case, golden="other"), golden)


def test_a_golden_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    inputs, outputs = {"x": np.arange(3.0)}, {"y": np.array([1])}
    params: dict[str, Param] = {"c": 1.0, "kernel": "rbf", "flag": True}
    goldens.save(tmp_path, "a-1", outputs, inputs=inputs, params=params, maker="somebody 1.0")
    golden = goldens.save(tmp_path, "b", outputs, inputs=inputs, params=params, maker="somebody 1.0")
    found = goldens._parse((tmp_path / goldens.MANIFEST).read_text())
    assert list(found) == ["a-1", "b"]
    assert found["b"] == golden
    data = (tmp_path / "b.safetensors").read_bytes()
    goldens.check("b", golden, inputs, params, data)
    with pytest.raises(HostError, match="has sha256"):
        goldens.check("b", golden, inputs, params, data + b" ")


@pytest.mark.parametrize("vast", [1e300, -1e300])
def test_vast_outputs_fail_and_stay_finite_in_the_record(cases: Cases, vast: float) -> None:
    task, case = cases["ridge.predict-diabetes-batch32"]
    quality = task.score(case, {"pred": np.full(32, vast)})
    assert len(quality.findings) == 3
    assert all(np.isfinite(distance) for distance in quality.agreement.values())


def test_words_of_the_report() -> None:
    assert tasks.get("kmeans.fit").parity == "F(0.0001), A(0.99)"
    assert tasks.get("kmeans.fit").title_time == "time to the same objective"
    assert tasks.get("svc_ovo.fit").parity == "A(0.99), C(0.01)"
