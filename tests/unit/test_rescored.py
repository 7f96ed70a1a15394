"""`mlfleet verify` scores kept outputs again: a record cannot say of them what they are not."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from mlfleet import datasets, payload, tasks
from mlfleet.cli import status
from mlfleet.commands.rescored import check_quality
from mlfleet.datasets import DataUnavailable
from mlfleet.verify.findings import Findings
from mlfleet.verify.whole import Progress
from runs import write_run
from samples import Cell

NAME, PARAMS = "ridge.fit-diabetes", {"alpha": 1.0}
CELLS = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}
TASK = tasks.get("ridge.fit")


@pytest.fixture(scope="module")
def case():
    return TASK.case(datasets.load("diabetes"), PARAMS, 1)


def written(folder, case, outputs, quality, sha256=None):
    """A run of which every trial kept these outputs, and says that this is their quality."""
    data = payload.encode(outputs)
    digest = hashlib.sha256(data).hexdigest()
    tensors = payload.tensors_sha256(case.inputs) if sha256 is None else sha256

    def planned(run):
        (one,) = (one for one in run.workloads if one.workload.name == NAME)
        mine = replace(one, workload=replace(one.workload, params=PARAMS), tensors_sha256=tensors)
        return replace(run, workloads=tuple(mine if other is one else other for other in run.workloads))

    def change(record):
        return replace(record, outputs_sha256=digest, quality=quality)

    write_run(folder, CELLS, planned=planned, change=change)
    (folder / "blobs" / digest).write_bytes(data)
    return folder


def found(folder):
    findings = Findings()
    check_quality(folder, findings, Progress(lambda _: None))
    return findings


def test_what_outputs_come_to_is_what_the_record_says(tmp_path, case):
    findings = found(written(tmp_path / "run", case, case.reference, TASK.score(case, case.reference)))
    assert (findings.differences, findings.notes) == ([], [])
    # r2, mae, ... of ten trials: more than one figure each.
    assert findings.checked.total() > 20


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("metrics.r2", lambda said: replace(said, metrics={**said.metrics, "r2": said.metrics["r2"] + 1e-5})),
        ("metrics.extra", lambda said: replace(said, metrics={**said.metrics, "extra": 1.0})),
        ("agreement.coef", lambda said: replace(said, agreement={**said.agreement, "coef": 1e-7})),
        ("floor", lambda said: replace(said, floor=(said.floor or 0.0) - 0.1)),
        ("decides", lambda said: replace(said, decides="mae")),
    ],
)
def test_each_altered_figure_is_named_with_both_values(tmp_path, case, field, change):
    honest = TASK.score(case, case.reference)
    findings = found(written(tmp_path / "run", case, case.reference, change(honest)))
    assert {one.field for one in findings.differences} == {
        f"quality.{field} of {key}, block {block}, {NAME}" for key in ("sklearn", "linfa") for block in range(1, 6)
    }
    assert all(one.found != one.recomputed for one in findings.differences)


def test_outputs_that_fail_their_gate_cannot_be_said_to_have_passed(tmp_path, case, capsys):
    zeros = {name: np.zeros_like(value) for name, value in case.reference.items()}
    folder = written(tmp_path / "run", case, zeros, TASK.score(case, case.reference))
    fields = {one.field.split(" of ")[0] for one in found(folder).differences}
    assert {"quality.findings", "quality.metrics.r2", "quality.agreement.coef"} <= fields
    assert status(["verify", str(folder)]) == 1
    assert "quality.findings of linfa, block 1" in capsys.readouterr().out


def test_outputs_of_another_shape_were_never_scored(tmp_path, case):
    short = {**case.reference, "coef": case.reference["coef"][:-1]}
    differences = found(written(tmp_path / "run", case, short, TASK.score(case, case.reference))).differences
    assert len(differences) == 10
    assert "has shape [9], [10] awaited" in differences[0].recomputed


def test_data_that_are_not_here_or_have_changed_give_a_note_and_no_difference(tmp_path, case, monkeypatch):
    honest = TASK.score(case, case.reference)
    other = found(written(tmp_path / "other", case, case.reference, honest, sha256="0" * 64))
    assert other.differences == []
    assert ["is not the one that this version of mlfleet makes" in note for note in other.notes] == [True]

    def absent(_name):
        raise DataUnavailable("not on this host")

    folder = written(tmp_path / "absent", case, case.reference, honest)
    monkeypatch.setattr(datasets, "load", absent)
    findings = found(folder)
    assert findings.differences == []
    assert findings.notes == [f"{NAME}: quality of 10 trials was not scored again: not on this host"]
