"""Each gate of an audit on made-up records, and the variants that a cell is audited in. Nothing is measured."""

import math
from dataclasses import replace

import numpy as np
import pytest
import samples
from fakes import ENVIRONMENT, Fleet
from mlfleet import audits, datasets, payload, tasks
from mlfleet.audit import data, judge, variants
from mlfleet.audit.judge import Audited
from mlfleet.audits import Audit, Outcome
from mlfleet.bench import Cell
from mlfleet.cli import status
from mlfleet.commands import report
from mlfleet.errors import StorageError
from mlfleet.model import Quality, Record, Sample, Trial, Turn, Workload
from mlfleet.schedule import RULES
from mlfleet.verdict import Verdict

MS = 1_000_000
BLOCKS = 5
# Noise of the blocks, so that intervals are neither empty nor wide.
NOISE = (1.0, 1.01, 0.99, 1.005, 0.995)


def record(variant, block, ns, cold_ns=None, outputs="original", **changes):
    turn = Turn(1, 1, 0, 0, round(ns * 4), (Sample(1, 0, round(ns)),), {})
    made = Record(
        Trial("c", "w", "1 thread", variant, block, 1),
        Verdict.OK,
        "",
        "collect",
        cold=Sample(1, 0, round(cold_ns or ns)),
        turns=(turn,) * 3,
        outputs_sha256=outputs,
        turn_outputs=(outputs,) * 3,
    )
    return replace(made, **changes)


def trials(variant, ns, cold_ns=None, **changes):
    outputs = changes.pop("outputs", "other" if variant == "perturbed" else "original")
    return [
        record(variant, block, ns * NOISE[block - 1], cold_ns, outputs, **changes) for block in range(1, BLOCKS + 1)
    ]


def audited(**records):
    found = {"original": trials("original", 10 * MS), "perturbed": trials("perturbed", 10 * MS)}
    found |= {"again": trials("again", 10 * MS), "sized": trials("sized", 20 * MS), "same": trials("same", 10 * MS)}
    return Audited(
        found | records, {}, 2.0, trains=False, value_dependent=False, first_call=False, nondeterministic=False
    )


def outcomes(found):
    return {outcome.gate: outcome for outcome in judge.judge(found)}


def failed(found):
    return {outcome.gate: outcome.code for outcome in judge.judge(found) if outcome.state == "failed"}


def test_an_honest_service_passes_every_gate():
    assert failed(audited()) == {}
    passed = {gate for gate, outcome in outcomes(audited()).items() if outcome.state == "passed"}
    assert passed == set(outcomes(audited())) - {"gradient coverage"}


def test_gate_outputs_of_every_turn():
    flipping = record("original", 1, 10 * MS, turn_outputs=("original", "another", "original"))
    found = audited(original=[flipping, *trials("original", 10 * MS)[1:]])
    assert failed(found) == {"outputs of every turn": "outside_tolerance"}
    assert failed(replace(found, nondeterministic=True)) == {}


def test_outputs_that_are_collected_last_must_be_those_of_the_turns():
    found = audited(original=trials("original", 10 * MS, turn_outputs=("another",) * 3))
    assert failed(found) == {"outputs of every turn": "outside_tolerance"}


def test_gate_perturbed_sample_outputs():
    same = audited(perturbed=trials("perturbed", 10 * MS, outputs="original"))
    assert failed(same) == {"perturbed sample, outputs": "cached"}
    wrong = trials("perturbed", 10 * MS, verdict=Verdict.OUTSIDE_TOLERANCE, reason="sum differs")
    assert failed(audited(perturbed=wrong)) == {"perturbed sample, outputs": "cached"}


@pytest.mark.parametrize(("factor", "fails"), [(1.0, False), (1.04, False), (1.10, True), (0.90, True)])
def test_gate_perturbed_sample_time(factor, fails):
    found = audited(perturbed=trials("perturbed", 10 * MS * factor), again=trials("again", 10 * MS * factor))
    assert ("perturbed sample, time" in failed(found)) is fails


def test_short_iterations_may_differ_more_on_other_data_and_those_that_depend_on_values_freely():
    rest = {name: trials(name, 0.1 * MS * factor) for name, factor in (("original", 1), ("same", 1), ("sized", 2))}
    later = {name: trials(name, 0.115 * MS) for name in ("perturbed", "again")}
    assert failed(audited(**rest, **later)) == {}
    slow = audited(perturbed=trials("perturbed", 20 * MS), again=trials("again", 10 * MS))
    assert failed(replace(slow, value_dependent=True)) == {}


@pytest.mark.parametrize(("factor", "fails"), [(1.0, False), (0.93, False), (0.85, True)])
def test_gate_seen_before(factor, fails):
    steady = failed(audited(again=trials("again", 10 * MS * factor, 10 * MS)))
    cold = failed(audited(again=trials("again", 10 * MS, 10 * MS * factor)))
    assert steady == ({"seen before, steady": "cached"} if fails else {})
    assert cold == ({"seen before, cold": "cached"} if fails else {})


@pytest.mark.parametrize(("cold_ns", "ns", "fails"), [(30 * MS, 0.9 * MS, True), (20 * MS, MS, False)])
def test_gate_memoised_step(cold_ns, ns, fails):
    warm = {name: trials(name, ns, cold_ns) for name in ("perturbed", "again")}
    rest = {"original": trials("original", ns), "sized": trials("sized", 2 * ns), "same": trials("same", ns)}
    found = audited(**warm, **rest)
    assert failed(found) == ({"memoised step": "cached"} if fails else {})
    assert failed(replace(found, first_call=True)) == {}


def test_a_first_iteration_of_less_than_a_millisecond_tells_nothing():
    warm = {name: trials(name, 100, 0.9 * MS) for name in ("perturbed", "again")}
    assert outcomes(audited(**warm))["memoised step"].state == "not_applicable"


@pytest.mark.parametrize(("factor", "fails"), [(2.0, False), (1.75, False), (2.25, False), (1.0, True), (2.5, True)])
def test_gate_linear_in_size(factor, fails):
    found = failed(audited(sized=trials("sized", 10 * MS * factor)))
    assert found == ({"linear in size": "short_work"} if fails else {})


def test_a_formula_must_not_grow_with_its_size():
    found = replace(audited(sized=trials("sized", 10 * MS)), size_factor=1.0)
    assert failed(found) == {}
    assert failed(replace(audited(), size_factor=1.0)) == {"linear in size": "short_work"}


def test_gate_same_sample():
    assert failed(audited(same=trials("same", 8 * MS))) == {"same sample": "cached"}


def test_a_gate_on_times_fails_only_where_its_whole_interval_lies_beyond():
    restless = [
        record("again", block, 10 * MS * factor) for block, factor in enumerate((0.5, 1.2, 0.7, 1.0, 0.8), start=1)
    ]
    assert failed(audited(again=restless)) == {}
    assert outcomes(audited(again=restless))["seen before, steady"].state == "undecided"


def test_fewer_than_five_pairs_have_no_verdict():
    found = audited(again=trials("again", MS, MS)[:4])
    assert outcomes(found)["seen before, steady"].state == "not_applicable"


def test_what_its_own_trial_fails_is_the_audits_failure_too():
    caught = trials("original", 10 * MS, verdict=Verdict.BACKGROUND_WORK, reason="works on")
    assert failed(audited(original=caught))["linear in k, background work, gates of a trial"] == "background_work"


def test_a_disturbed_trial_keeps_its_answers_and_loses_its_times():
    busy = {name: trials(name, 10 * MS, verdict=Verdict.DISTURBED) for name in ("original", "perturbed", "again")}
    found = outcomes(audited(**busy))
    assert found["perturbed sample, outputs"].state == found["memoised step"].state == "passed"
    assert found["seen before, cold"].state == found["perturbed sample, time"].state == "not_applicable"


@pytest.mark.parametrize("name", ["iris", "diabetes", "integers-syn", "digits"])
def test_perturbed_data_have_the_same_shapes_and_other_values(name):
    dataset = datasets.load(name)
    other = data.perturbed(dataset)
    assert (other.x.shape, other.x.dtype) == (dataset.x.shape, dataset.x.dtype)
    assert (other.x != dataset.x).any()
    assert np.array_equal(data.perturbed(dataset).x, other.x)
    if dataset.x.dtype.kind == "f":
        assert np.abs(other.x - dataset.x).max() <= 2 * data.NUDGE * dataset.x.std(axis=0).max()
    else:
        assert np.abs(other.x - dataset.x).max() == 1


def test_one_row_is_all_of_the_test_part_and_nothing_of_the_train_part():
    dataset = datasets.load("iris")
    copies = data.one_row(dataset)
    assert len(np.unique(copies.x[copies.test], axis=0)) == 1
    assert np.array_equal(copies.x[copies.train], dataset.x[dataset.train])
    assert data.one_row(datasets.load("integers-syn")) is None


def cell(tmp_path, name, dataset, params):
    task = tasks.get(name)
    case = task.case(datasets.load(dataset), params, 1)
    stored = payload.store(case.inputs, tmp_path)
    service = Fleet(tmp_path).cell("one").service
    one = Cell("c" * 64, service, "sha256:1", "1", "w", task, case, stored, ENVIRONMENT, 1, RULES["short"])
    return one, Workload("w", name, dataset, params)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path / "cache"))


def test_the_variants_of_a_regression_are_given_what_came_before(tmp_path):
    one, workload = cell(tmp_path, "knn_regress.predict", "diabetes", {"k": 5, "index": "brute", "batch": 16})
    found = variants.variants(one, workload, 1)
    cells = found.cells
    assert set(cells) == {"original", "perturbed", "again", "same"}
    original, other = cells["original"].payload, cells["perturbed"].payload
    assert original.sha256 != other.sha256
    assert [job.payload.sha256 for job in cells["perturbed"].before] == [original.sha256]
    assert [job.payload.sha256 for job in cells["again"].before] == [original.sha256, other.sha256]
    assert cells["again"].payload.sha256 == original.sha256
    assert cells["original"].before == cells["same"].before == ()
    assert len({one.id for one in cells.values()}) == 4
    assert all(one.every_turn and one.environment.transport == "streamed" for one in cells.values())
    assert found.size_factor is None


def test_sizes_are_doubled_or_halved_where_there_is_not_so_much(tmp_path):
    one, workload = cell(tmp_path, "sum.range", "integers-syn", {"n": 1000})
    found = variants.variants(one, workload, 1)
    assert (found.cells["sized"].case.params["n"], found.size_factor) == (2000, 2.0)
    assert found.cells["perturbed"].case.params["n"] == 1001
    one, workload = cell(tmp_path, "sum.range", "integers-syn", {"n": 3_000_000_000})
    found = variants.variants(one, workload, 1)
    assert (found.cells["sized"].case.params["n"], found.size_factor) == (1_500_000_000, 0.5)
    one, workload = cell(tmp_path, "sum.formula", "integers-syn", {"n": 1000})
    assert variants.variants(one, workload, 1).size_factor == 1.0


def test_goldens_are_known_for_the_delivered_data_alone(tmp_path):
    svc = {"c": 1.0, "kernel": "rbf", "gamma": "scale", "tol": 1e-3}
    one, workload = cell(tmp_path, "svc_ovo.fit", "wine", svc)
    found = variants.variants(one, workload, 1)
    assert set(found.cells) == {"original"}
    assert "goldens" in found.absent["perturbed"]


def audit(image, state="failed", task="t"):
    return Audit("a", "one", "1", image, task, "w", (Outcome("seen before", state, "cached", "why"),))


def test_of_several_audits_of_an_image_and_workload_the_last_counts(tmp_path):
    for one in (audit("x"), audit("y"), audit("x", "passed")):
        audits.keep(tmp_path / "results", one)
    found = audits.read([tmp_path / "results", tmp_path / "nowhere", tmp_path / "results"])
    assert {(one.image_id, bool(one.failures)) for one in found} == {("x", False), ("y", True)}


def test_an_audit_that_cannot_be_read_or_kept_says_where(tmp_path):
    (tmp_path / audits.FILE).write_text("no json\n")
    with pytest.raises(StorageError):
        audits.read([tmp_path])
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="mlfleet audit"):
        audits.keep(tmp_path / "file", audit("x"))


def test_the_awaited_factor_of_a_size_is_in_the_text():
    found = outcomes(audited(sized=trials("sized", 10 * MS)))["linear in size"]
    assert "1.7 to 2.3 awaited" in found.detail
    assert math.isclose(float(found.detail.split("takes ")[1].split(" ")[0]), 1.0, rel_tol=0.01)


def test_an_audit_of_too_few_blocks_is_a_usage_error_before_anything_starts(capsys):
    assert status(["audit", "--blocks", "3"]) == 2
    assert "at least 5" in capsys.readouterr().err


def test_every_report_beside_a_failed_audit_shows_the_images_cells_of_that_task_as_invalid(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "read_run", lambda _folder: samples.run_file())
    monkeypatch.setattr(report, "read_counted", lambda _folder: (samples.records(), []))
    monkeypatch.setattr(report, "RESULTS", tmp_path / "elsewhere")
    assert report.read_table(tmp_path / "run").cell("kmeans.fit-iris", "linfa").verdict is Verdict.OK
    audits.keep(tmp_path, audit(f"sha256:{samples.SHA}", task="kmeans.fit"))
    table = report.read_table(tmp_path / "run")
    cell = table.cell("kmeans.fit-iris", "linfa")
    assert (cell.verdict, cell.estimates["time"]) == (Verdict.CACHED, None)
    assert {reason.code for reason in cell.reasons} == {"cached"}
    refused = [one for one in table.comparisons if one.workload == "kmeans.fit-iris"]
    assert refused
    assert all(one.outcome == "refused" and one.ratio is None for one in refused)
    assert table.cell("ridge.fit-diabetes", "linfa").verdict is Verdict.OK


def test_an_answer_that_is_the_same_whatever_is_asked_fails_its_own_trial_and_is_cached_on_other_data():
    wrong = {"verdict": Verdict.OUTSIDE_TOLERANCE, "reason": "state agree on 0 of 1 rows", "outputs": "constant"}
    found = audited(
        original=trials("original", 10 * MS, **wrong)[:1], perturbed=trials("perturbed", 10 * MS, **wrong)[:1]
    )
    assert failed(found) == {
        "linear in k, background work, gates of a trial": "outside_tolerance",
        "perturbed sample, outputs": "cached",
    }


def taught(error, verdict=Verdict.OK):
    """Trials of a training whose second layer's gradients are off by so much, the first's hardly at all."""
    agreement = {"losses": 1e-7, "grad.fc1.weight": 1e-6, "grad.fc2.weight": error}
    quality = Quality({"accuracy": 0.9}, "accuracy", agreement)
    made = audited(original=trials("original", 10 * MS, quality=quality, verdict=verdict, reason="grad.fc2.weight"))
    return replace(made, trains=True)


@pytest.mark.parametrize(("error", "state"), [(1e-6, "passed"), (1e-3, "passed"), (1.1e-3, "failed"), (1.0, "failed")])
def test_gate_gradient_coverage(error, state):
    found = outcomes(taught(error))["gradient coverage"]
    assert (found.state, found.code) == (state, "short_work" if state == "failed" else "")
    assert "grad.fc2.weight" in found.detail
    assert "grad.fc1.weight" not in found.detail
    assert outcomes(replace(taught(error), trains=False))["gradient coverage"].state == "not_applicable"


def test_a_dropped_gradient_is_named_though_its_trial_was_refused_for_its_answer():
    found = failed(taught(1.0, Verdict.OUTSIDE_TOLERANCE))
    assert found["gradient coverage"] == "short_work"
    assert found["linear in k, background work, gates of a trial"] == "outside_tolerance"
