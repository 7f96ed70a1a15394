"""The order of a trial's phases, and what becomes of a trial that goes wrong in one of them."""

import gc
from dataclasses import replace

import numpy as np
import pytest
import samples
from fakes import ENVIRONMENT, Fleet, listening, refused
from mlfleet import schedule
from mlfleet.block import measure_block
from mlfleet.calls import Malformed, NotServing
from mlfleet.classify import check_identity
from mlfleet.errors import InterruptedRun
from mlfleet.launch.base import Exit
from mlfleet.model import Calibration, Reading, ThreadPool
from mlfleet.noise import Limits
from mlfleet.parity import refusals
from mlfleet.plan import Block
from mlfleet.schedule import RULES
from mlfleet.values import percentile
from mlfleet.verdict import Verdict


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    monkeypatch.setattr("mlfleet.launch.ready.peer", lambda _path: None)
    with listening(tmp_path, "one", "two"):
        yield Fleet(tmp_path)


def run(fleet, keys=("one", "two"), turns=(("one", "two"),), rules=RULES["short"], latency=False):
    cells = {key: replace(fleet.cell(key, rules=rules), latency=latency) for key in keys}
    trials = {key: fleet.trial(key) for key in keys}
    block = Block("control.noop", 1, tuple(keys), turns)
    return measure_block(block, cells, trials, {}, fleet.bench(), lambda trial: fleet.log("announce", trial.framework))


def of_turn(events):
    return events[events.index("freeze two") + 1 : events.index("thaw one", events.index("thaw two"))]


def test_no_garbage_is_collected_from_thaw_to_freeze(fleet, monkeypatch):
    seen, log = [], fleet.log

    def watched(*words):
        seen.append((words[0], gc.isenabled()))
        log(*words)

    monkeypatch.setattr(fleet, "log", watched)
    run(fleet)
    words = [word for word, _ in seen]
    first = words.index("sentinel")
    turn = dict(seen[first : words.index("sentinel", first + 1)])
    assert {word: turn[word] for word in ("sentinel", "thaw", "measure", "freeze")} == {
        "sentinel": True,
        "thaw": False,
        "measure": False,
        "freeze": False,
    }
    assert gc.isenabled()


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
        "sentinel",
        "read",
        "reset",
        "thaw one",
        "sampler on",
        "measure one",
        "sampler off",
        "freeze one",
        "read",
        "sentinel",
        "read",
        "reset",
        "thaw two",
        "sampler on",
        "measure two",
        "sampler off",
        "freeze two",
        "read",
        # Closes the block.
        "sentinel",
    ]


def test_each_turn_has_the_nearest_sentinel_on_either_side(fleet):
    one, two = run(fleet, turns=(("one", "two"), ("two", "one")), rules=RULES["standard"])
    found = {
        (turn.number, turn.position): [sentinel.compute.value - 1000 for sentinel in turn.sentinel]
        for record in (one, two)
        for turn in record.turns
    }
    assert found == {(1, 1): [1, 2], (1, 2): [2, 3], (2, 1): [3, 4], (2, 2): [4, 5]}
    assert {sentinel.compute.source for turn in one.turns for sentinel in turn.sentinel} == {"CPU 0"}


def test_a_block_without_turns_asks_for_no_sentinel(fleet):
    for key in ("one", "two"):
        fleet.behaviour(key).fail = {"prepare": refused("INVALID_ARGUMENT", "params")}
    run(fleet)
    assert "sentinel" not in fleet.events


def test_a_turn_is_stamped_between_thaw_and_freeze(fleet):
    (turn,) = run(fleet)[0].turns
    assert turn.thawed_ns <= turn.sent_ns < turn.received_ns <= turn.frozen_ns


# Of a turn of 5 samples of 7 iterations of 1 ms on one CPU: another used the CPU as long as the service did.
NEIGHBOUR = {
    "set_busy_ns": Reading(61_000_000, "ns", "fake"),
    "cpu_pressure_us": Reading(30_000, "us", "fake"),
}


def test_a_neighbour_flags_the_turn_and_disturbs_the_trial_and_no_other(fleet):
    fleet.readings["two"] = NEIGHBOUR
    quiet, disturbed = run(fleet)
    assert (quiet.verdict, quiet.flags, quiet.turns[0].flags) == (Verdict.OK, (), ())
    assert (disturbed.verdict, disturbed.flags) == (Verdict.DISTURBED, ("contended",))
    assert disturbed.turns[0].flags == ("pressure", "foreign")
    assert "others used" in disturbed.reason
    # It is kept whole.
    assert disturbed.quality is not None
    assert disturbed.outputs_sha256 is not None


def test_a_gate_that_failed_weighs_more_than_the_machine(fleet):
    fleet.readings["two"] = NEIGHBOUR
    fleet.behaviour("two").receipt = {"rows": 8}
    assert run(fleet)[1].verdict is Verdict.SHORT_WORK


def test_where_times_are_not_compared_the_machine_is_not_judged(fleet):
    fleet.readings["two"] = NEIGHBOUR
    fleet.limits = None
    record = run(fleet)[1]
    assert (record.verdict, record.flags, record.turns[0].flags) == (Verdict.OK, (), ())


def test_the_limits_are_the_hosts_own(fleet):
    fleet.readings["two"] = NEIGHBOUR
    fleet.limits = Limits.fitted({"foreign": 2.0, "waiting": 2.0, "wait": 50.0})
    record = run(fleet)[1]
    assert (record.verdict, record.turns[0].flags) == (Verdict.OK, ())


def test_peers_that_cannot_be_frozen_flag_every_turn(fleet):
    fleet.running_flags = ("peers_running",)
    for record in run(fleet):
        assert record.flags == ("peers_running",)
        assert record.turns[0].flags == ("peers_running",)
        assert record.verdict is Verdict.OK


def test_a_quota_that_attach_finds_throttles_every_turn_and_disturbs_the_trial(fleet):
    """Nobody inspects a container that somebody else started: its own counter says it."""
    fleet.running_flags = ("peers_running",)
    fleet.readings["two"] = {"throttled_periods": Reading(3, "count", "cpu.stat nr_throttled")}
    rows = (("one", "two"), ("two", "one"), ("one", "two"))
    fine, quoted = run(fleet, turns=rows, rules=RULES["standard"])
    assert (fine.verdict, fine.flags) == (Verdict.OK, ("peers_running",))
    assert len(quoted.turns) == 3
    assert {turn.flags for turn in quoted.turns} == {("throttled", "peers_running")}
    assert (quoted.verdict, quoted.flags) == (Verdict.DISTURBED, ("peers_running", "throttled"))
    assert "no quota was asked for" in quoted.reason


def test_a_counter_of_throttling_that_cannot_be_read_proves_nothing(fleet):
    fleet.readings["two"] = {"throttled_periods": Reading(None, "count", "cpu.stat nr_throttled", "no_permission")}
    assert {record.verdict for record in run(fleet)} == {Verdict.OK}


@pytest.mark.parametrize(("free", "turns"), [(0.10, 1), (0.099, 0), (None, 1)])
def test_with_too_little_memory_left_the_block_is_not_measured(fleet, free, turns):
    fleet.memory_free = free
    for record in run(fleet):
        assert len(record.turns) == turns
        assert record.verdict is (Verdict.OK if turns else Verdict.DISTURBED)
        assert record.flags == (() if turns else ("memory_short",))


def test_what_failed_is_removed_before_the_others_take_turns(fleet):
    fleet.behaviour("two").fail = {"prepare": refused("INVALID_ARGUMENT", "params")}
    run(fleet)
    assert fleet.events.index("remove two") < fleet.events.index("sentinel")


def test_outputs_are_collected_once_and_after_the_last_turn(fleet):
    run(fleet, turns=(("one", "two"), ("two", "one")))
    assert [event for event in fleet.events if event.startswith("collect")] == ["collect one", "collect two"]
    last_measure = max(index for index, event in enumerate(fleet.events) if event.startswith("measure"))
    assert fleet.events.index("collect one") > last_measure


def test_the_short_schedule_takes_one_turn_whatever_rows_are_planned(fleet):
    records = run(fleet, turns=(("one", "two"), ("two", "one")))
    assert [len(record.turns) for record in records] == [1, 1]


def test_a_latency_turn_times_single_iterations_after_all_turns_and_only_where_it_is_asked_for(fleet):
    plain = run(fleet)
    assert [record.latency for record in plain] == [None, None]
    fleet.events.clear()
    asked = run(fleet, latency=True)
    for record in asked:
        assert record.verdict is Verdict.OK, record.reason
        assert {sample.iterations for sample in record.latency.samples} == {1}
        assert (len(record.latency.samples), len(record.latency.timed)) == (201, 200)
        # It enters nothing but percentiles.
        assert len(record.turns) == 1
        assert percentile(record, "p99")[1] == ""
    events = [event for event in fleet.events if event.startswith(("thaw", "freeze", "measure", "collect"))]
    ends = events[events.index("thaw one") :]
    turn = ["thaw {0}", "measure {0}", "freeze {0}"]
    assert ends[:12] == [event.format(key) for key in ("one", "two", "one", "two") for event in turn]
    assert ends[12:] == ["thaw one", "collect one", "thaw two", "collect two"]


def test_a_latency_turn_of_a_slow_task_is_not_taken():
    assert schedule.latency(Calibration(1, 4, 1, 1, 149e6)).schedule == (1,) * 201
    assert schedule.latency(Calibration(1, 4, 1, 1, 150e6)) is None


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
    assert refusal.detail == "pool libtorch-intraop (libtorch) has 2 threads, awaited 1"


@pytest.mark.parametrize(
    ("pool", "effective", "awaited"),
    [("openblas", 1, 2), ("openblas", 2, None), ("openblas", 3, 2), ("libtorch-interop", 1, None), ("x-interop", 2, 1)],
)
def test_each_pool_has_as_many_threads_as_were_asked_for_but_for_operators_beside_each_other(pool, effective, awaited):
    environment = replace(ENVIRONMENT, threads=2)
    told = replace(
        samples.identity("sklearn", "1.9.1"), cpus=(0,), thread_pools=(ThreadPool(pool, "l", "1", 2, effective),)
    )
    found = [one.detail for one in check_identity(told, "1.9.1", "kmeans.fit", environment)]
    assert found == ([] if awaited is None else [f"pool {pool} (l) has {effective} threads, awaited {awaited}"])


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
