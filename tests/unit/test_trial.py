"""The order of a trial's phases, and what becomes of a trial that goes wrong in one of them."""

import socket

import numpy as np
import pytest
from fakes import Fleet, refused
from mlfleet.block import measure_block
from mlfleet.calls import Malformed, NotServing
from mlfleet.errors import InterruptedRun
from mlfleet.launch.base import Exit
from mlfleet.model import ThreadPool
from mlfleet.parity import refusals
from mlfleet.plan import Block
from mlfleet.verdict import Verdict


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    fleet = Fleet(tmp_path)
    monkeypatch.setattr("mlfleet.launch.ready.peer", lambda _path: None)
    listening = []
    for key in ("one", "two"):
        listening.append(socket.socket(socket.AF_UNIX))
        listening[-1].bind(str(tmp_path / key))
    yield fleet
    for open_socket in listening:
        open_socket.close()


def run(fleet, keys=("one", "two"), turns=(("one", "two"),)):
    cells = {key: fleet.cell(key) for key in keys}
    trials = {key: fleet.trial(key) for key in keys}
    block = Block("control.noop", 1, tuple(keys), turns)
    return measure_block(block, cells, trials, {}, fleet.bench(), lambda trial: fleet.log("announce", trial.framework))


def of_turn(events):
    return events[events.index("freeze two") + 1 : events.index("thaw one", events.index("thaw two"))]


def test_an_honest_block_is_ok_with_all_its_parts(fleet):
    records = run(fleet)
    assert [record.verdict for record in records] == [Verdict.OK, Verdict.OK], [record.reason for record in records]
    for record in records:
        assert [phase.name for phase in record.phases] == ["launch", "import", "prepare", "cold", "warm-up", "collect"]
        assert len(record.turns) == 1
        assert len(record.turns[0].timed) == 4
        assert record.receipt == {"rows": 16}
        assert record.quality is not None
        assert record.outputs_sha256 is not None


def test_each_service_is_frozen_before_the_next_is_launched(fleet):
    run(fleet)
    events = fleet.events
    assert events.index("freeze one") < events.index("launch two")
    assert [event for event in events if event.startswith(("announce", "launch"))] == [
        "announce one",
        "launch one",
        "announce two",
        "launch two",
    ]


def test_a_turn_reads_outside_of_thaw_and_freeze_and_samples_inside(fleet):
    run(fleet)
    assert of_turn(fleet.events) == [
        "read",
        "reset",
        "thaw one",
        "sampler on",
        "measure one",
        "sampler off",
        "freeze one",
        "read",
        "read",
        "reset",
        "thaw two",
        "sampler on",
        "measure two",
        "sampler off",
        "freeze two",
        "read",
    ]


def test_outputs_are_collected_once_and_after_the_last_turn(fleet):
    run(fleet, turns=(("one", "two"), ("two", "one")))
    assert [event for event in fleet.events if event.startswith("collect")] == ["collect one", "collect two"]
    last_measure = max(index for index, event in enumerate(fleet.events) if event.startswith("measure"))
    assert fleet.events.index("collect one") > last_measure


def test_the_short_schedule_takes_one_turn_whatever_rows_are_planned(fleet):
    records = run(fleet, turns=(("one", "two"), ("two", "one")))
    assert [len(record.turns) for record in records] == [1, 1]


def test_everything_is_removed_at_the_end(fleet):
    run(fleet)
    assert sorted(event for event in fleet.events if event.startswith("remove")) == ["remove one", "remove two"]
    assert fleet.events.count("close meters") == 2


TWO_THREADS = ThreadPool("libtorch-intraop", "libtorch", "2.11.0", asked=1, effective=2)
CASES = {
    "launch": ({"fail_launch": "no such image"}, Verdict.LAUNCH_FAILED, "launch"),
    "hang": ({"fail": {"serving": NotServing("NOT_SERVING")}}, Verdict.TIMED_OUT, "import"),
    "protocol": ({"identity": {"protocol": 2}}, Verdict.VERSION_MISMATCH, "import"),
    "version": ({"identity": {"version": "9.9"}}, Verdict.VERSION_MISMATCH, "import"),
    "debug build": ({"identity": {"debug_assertions": True}}, Verdict.VERSION_MISMATCH, "import"),
    "affinity": ({"identity": {"cpus": (0, 1)}}, Verdict.VERSION_MISMATCH, "import"),
    "threads": ({"identity": {"thread_pools": (TWO_THREADS,)}}, Verdict.VERSION_MISMATCH, "import"),
    "task": ({"identity": {"tasks": ()}}, Verdict.UNSUPPORTED, "import"),
    "digest": ({"prepared": {"payload_sha256": "0" * 64}}, Verdict.WRONG_PAYLOAD, "prepare"),
    "tensors": ({"prepared": {"tensors_sha256": "0" * 64}}, Verdict.WRONG_PAYLOAD, "prepare"),
    "params": ({"fail": {"prepare": refused("INVALID_ARGUMENT", "params")}}, Verdict.ADAPTER_ERROR, "prepare"),
    "bytes": ({"fail": {"prepare": refused("DATA_LOSS", "digest")}}, Verdict.DATA_LOSS, "prepare"),
    "memory": ({"fail": {"measure": refused("RESOURCE_EXHAUSTED", "memory")}}, Verdict.OUT_OF_MEMORY, "cold"),
    "bug": ({"fail": {"measure": refused("INTERNAL", "bug")}}, Verdict.ADAPTER_ERROR, "cold"),
    "channel": ({"fail": {"measure": refused("UNAVAILABLE")}}, Verdict.TRANSPORT_FAILED, "cold"),
    "shape": ({"fail": {"measure": Malformed("no samples")}}, Verdict.PROTOCOL_VIOLATION, "cold"),
    "early": ({"shift_ns": -1_000_000_000}, Verdict.IMPOSSIBLE_TIME, "cold"),
    "late": ({"shift_ns": 1_000_000_000}, Verdict.IMPOSSIBLE_TIME, "cold"),
    "nan": ({"outputs": {"x": np.full((16, 4), np.nan)}}, Verdict.BAD_OUTPUT, "collect"),
    "shape of output": ({"outputs": {"x": np.zeros(3)}}, Verdict.BAD_OUTPUT, "collect"),
    "constant": ({"outputs": {"x": np.zeros((16, 4))}}, Verdict.OUTSIDE_TOLERANCE, "collect"),
    "receipt": ({"receipt": {"rows": 8}}, Verdict.SHORT_WORK, "collect"),
    "our bug": ({"fail": {"measure": ZeroDivisionError()}}, Verdict.ORCHESTRATOR_ERROR, "cold"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_goes_wrong_gets_its_own_verdict_and_the_other_cell_goes_on(fleet, name):
    changes, verdict, phase = CASES[name]
    for attribute, value in changes.items():
        setattr(fleet.behaviour("two"), attribute, value)
    honest, wrong = run(fleet)
    assert (wrong.verdict, wrong.phase) == (verdict, phase), wrong.reason
    assert wrong.reason
    assert honest.verdict is Verdict.OK


@pytest.mark.parametrize(
    ("ended", "verdict"),
    [
        (Exit(139, out_of_memory=False), Verdict.CRASHED),
        (Exit(137, out_of_memory=False), Verdict.KILLED),
        (Exit(137, out_of_memory=True), Verdict.OUT_OF_MEMORY),
        (Exit(7, out_of_memory=False), Verdict.EXITED),
        (Exit(0, out_of_memory=False), Verdict.EXITED),
    ],
)
def test_a_broken_channel_is_told_apart_by_how_the_process_ended(fleet, ended, verdict):
    fleet.behaviour("two").fail = {"measure": refused("UNAVAILABLE")}
    fleet.behaviour("two").exit = ended
    assert run(fleet)[1].verdict is verdict


def test_a_pair_with_more_threads_on_one_side_than_asked_for_is_refused(fleet):
    fleet.behaviour("two").identity = {"thread_pools": (TWO_THREADS,)}
    honest, wrong = run(fleet)
    (refusal,) = refusals("control.noop", [honest], [wrong])
    assert (refusal.gate, refusal.code, refusal.where) == ("environment", "version_mismatch", "two: 1 of 1 trials")
    assert refusal.detail == "pool libtorch-intraop (libtorch) has 2 threads, awaited at most 1"


def test_all_failed_gates_of_a_trial_are_kept(fleet):
    fleet.behaviour("two").receipt = {"rows": 8}
    fleet.behaviour("two").outputs = {"x": np.zeros((16, 4))}
    wrong = run(fleet)[1]
    assert {finding.code for finding in wrong.findings} == {"short_work", "outside_tolerance"}


def test_a_signal_ends_the_block_and_removes_what_runs(fleet):
    fleet.stop_after = "measure one"
    with pytest.raises(InterruptedRun):
        run(fleet)
    assert [event for event in fleet.events if event.startswith("remove")] == ["remove one"]
    assert "launch two" not in fleet.events
