"""The order of an audit: what a process is given before, what is collected, and when enough was measured."""

import socket
from dataclasses import replace

import pytest
import samples
from fakes import Fleet
from mlfleet.audit import measure, variants
from mlfleet.bench import Job
from mlfleet.block import measure_block
from mlfleet.model import Reading
from mlfleet.plan import Block
from mlfleet.tasks.control import WORKLOAD
from mlfleet.verdict import Verdict


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("mlfleet.launch.ready.peer", lambda _path: None)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "one"))
        yield Fleet(tmp_path)


def test_a_process_is_given_its_past_first_and_every_turn_is_collected(fleet):
    cell = fleet.cell("one")
    cell = replace(cell, before=(Job(cell.case, cell.payload),), every_turn=True)
    block = Block("control.noop", 1, ("one",), (("one",),))
    (record,) = measure_block(block, {"one": cell}, {"one": fleet.trial("one")}, {}, fleet.bench(), lambda _: None)
    calls = [event for event in fleet.events if event.startswith(("prepare", "collect", "thaw", "freeze"))]
    turn = ["thaw one", "freeze one"]
    asked = ["thaw one", "collect one", "freeze one"]
    assert calls == [
        *("prepare one", "collect one", "prepare one"),
        "freeze one",
        *turn,
        *asked,
        *("thaw one", "collect one"),
    ]
    assert record.turn_outputs == (record.outputs_sha256,)
    # What came before is no part of the record.
    assert record.cold.iterations == 1
    assert record.verdict is Verdict.OK


def audited(fleet, blocks=5):
    run = samples.run_file({"control.noop": {"null-rust": samples.CELLS["control.noop"]["null-rust"]}})
    contestant = replace(run.contestants[0], service=fleet.cell("one").service)
    kept = []
    cell = fleet.cell("one")
    found = measure.audit_cell(
        replace(run, contestants=(contestant,)), WORKLOAD, cell, blocks, fleet.bench(), kept.append
    )
    return found, kept


def test_every_record_is_kept_and_the_outcome_names_image_task_and_workload(fleet, monkeypatch):
    monkeypatch.setattr(variants, "one_row", lambda _dataset: None)
    found, kept = audited(fleet)
    assert (found.framework, found.task, found.workload) == ("one", "control.noop", "control.noop")
    assert found.image_id == f"sha256:{samples.SHA}"
    assert {record.trial.framework for record in kept} == {"original", "perturbed", "again"}
    assert {record.trial.block for record in kept} == {1, 2, 3, 4, 5}
    # The fake answers the delivered data whatever it was sent: that is a cache, and is called one.
    assert {outcome.gate: outcome.code for outcome in found.failures} == {"perturbed sample, outputs": "cached"}


def test_a_service_whose_own_trial_fails_is_not_measured_on(fleet):
    fleet.behaviour("one").claims = 0.5
    found, kept = audited(fleet)
    assert {record.trial.block for record in kept} == {1}
    assert found.failures[0].code == "unexplained_time"


def test_on_a_busy_machine_more_blocks_are_measured_but_not_for_ever(fleet):
    busy = {"cpu_pressure_us": ("us", 10**6), "set_busy_ns": ("ns", 10**10)}
    fleet.readings["one"] = {name: Reading(value, unit, "fake") for name, (unit, value) in busy.items()}
    found, kept = audited(fleet)
    originals = [record for record in kept if record.trial.framework == "original"]
    assert {record.verdict for record in originals} == {Verdict.DISTURBED}
    assert len(originals) == measure.MORE_BLOCKS * 5
    states = {outcome.gate: outcome.state for outcome in found.outcomes}
    assert states["outputs of every turn"] == "passed"
    assert states["seen before, steady"] == "not_applicable"
