"""Each gate on times, and the honest that it lets pass; without its gate each of these tests is red."""

import socket
from dataclasses import replace

import pytest
from calm import sentinel
from fakes import ENVIRONMENT, FOLDED_NS, Fleet
from mlfleet import gates, judged
from mlfleet.audits import Audit, Outcome
from mlfleet.block import measure_block
from mlfleet.first_trial import idle_cpu
from mlfleet.gates import IDLE_CPU_NS, MEMORY_BOUND_CACHES, ROOF_FACTOR
from mlfleet.model import Bound, Calibration, Reading, Roof, Sample, Turn
from mlfleet.names import Name
from mlfleet.plan import Block
from mlfleet.schedule import RULES
from mlfleet.verdict import Verdict
from samples import CELLS, Cell, records, run_file

MS = 1_000_000
ROOF = Roof({"F32": 1e11, "F64": 5e10}, 3e10, 32 << 20)


def turn(wall_ns=100 * MS, claimed_ns=99 * MS, cpu_ns=99 * MS, waited_us=0, own_us=0):
    readings = {
        "cpu_ns": Reading(cpu_ns, "ns", "cpuacct.usage"),
        "cpu_pressure_us": Reading(waited_us, "us", "cpu.pressure"),
        "orchestrator_wait_us": Reading(own_us, "us", "schedstat"),
    }
    return Turn(1, 1, 0, 0, wall_ns, (Sample(10, 0, claimed_ns),), readings)


@pytest.mark.parametrize(
    ("changes", "fails"),
    [
        ({}, False),
        ({"wall_ns": 105 * MS}, False),
        ({"wall_ns": 150 * MS}, True),
        ({"wall_ns": 150 * MS, "waited_us": 45_000}, False),
        ({"wall_ns": 150 * MS, "waited_us": 20_000, "own_us": 25_000}, False),
        ({"wall_ns": 150 * MS, "own_us": 20_000}, True),
        # Claims little, computes much, on however busy a machine.
        ({"claimed_ns": 1000, "cpu_ns": 99 * MS, "waited_us": 10**9}, True),
        ({"claimed_ns": 80 * MS, "cpu_ns": 99 * MS, "waited_us": 10**9}, True),
    ],
)
def test_unexplained_time_is_wall_or_cpu_time_that_no_sample_claims(changes, fails):
    found = gates.unexplained(turn(**changes), cpus=1)
    assert {finding.code for finding in found} == ({"unexplained_time"} if fails else set())


def test_unexplained_time_on_two_cpus_is_more_than_both_can_take():
    busy = turn(cpu_ns=190 * MS)
    assert gates.unexplained(busy, cpus=1)
    assert not gates.unexplained(busy, cpus=2)


def test_a_reading_that_is_null_proves_nothing():
    gone = {"cpu_ns": Reading(None, "ns", "x", "lost"), "cpu_pressure_us": Reading(None, "us", "x", "disabled")}
    assert not gates.unexplained(replace(turn(wall_ns=150 * MS), readings=gone), cpus=1)


@pytest.mark.parametrize(
    ("bound", "least_ns"),
    [
        (Bound(1e6, "F64"), 1e6 / 5e10 * 1e9 / ROOF_FACTOR),
        (Bound(1e6, "F32"), 1e6 / 1e11 * 1e9 / ROOF_FACTOR),
        # Of what is read, as much as the cache holds may still be there.
        (Bound(0, "F64", 8e6, 4 * (32 << 20)), 0.75 * 8e6 / 3e10 * 1e9 / ROOF_FACTOR),
        (Bound(0, "F64", 8e6, MEMORY_BOUND_CACHES * (32 << 20)), None),
        (Bound(1e6, "F64", 8e6, 4 * (32 << 20)), 0.75 * 8e6 / 3e10 * 1e9 / ROOF_FACTOR),
        (None, None),
    ],
)
def test_the_speed_of_light_is_the_slower_of_computing_and_reading(bound, least_ns):
    found = gates.least_ns(bound, ROOF)
    assert found == (None if least_ns is None else pytest.approx(least_ns))


def test_where_the_roof_or_the_dtype_is_unknown_there_is_no_speed_of_light():
    assert gates.least_ns(Bound(1e6, "F64"), None) is None
    assert gates.least_ns(Bound(1e6, "F64"), Roof({"F32": 1e11}, None, None)) is None


def test_an_iteration_beyond_the_speed_of_light_is_short_work():
    (finding,) = gates.beyond_light([turn()], least=10 * MS)
    assert finding.code == "short_work"
    assert gates.beyond_light([turn()], least=9 * MS) == gates.beyond_light([turn()], None) == []


def pairs(ratio, tries=1):
    samples, end = [], 0
    for iterations in gates.linear_schedule(4) * tries:
        start, end = end, end + round(MS * (ratio if iterations == 8 else 1))
        samples.append(Sample(iterations, start, end))
    return samples


@pytest.mark.parametrize(("ratio", "fails"), [(1.0, True), (1.65, True), (1.75, False), (2.25, False), (2.35, True)])
def test_twice_the_iterations_must_take_about_twice_as_long(ratio, fails):
    assert bool(gates.not_linear(pairs(ratio), [0])) is fails


def test_one_try_of_pairs_that_is_linear_is_enough():
    assert not gates.not_linear([*pairs(1.2), *pairs(2.0)], [0, 0])
    assert gates.not_linear([*pairs(1.2), *pairs(1.2)], [0, None])
    assert gates.not_linear([], []) == []


def test_a_try_that_waited_for_a_cpu_counts_for_a_service_but_not_against_it():
    busy = 2 * gates.LINEAR_PAIRS * MS
    assert not gates.not_linear(pairs(1.2), [busy])
    assert gates.not_linear([*pairs(1.2), *pairs(1.2)], [busy, 0])
    assert not gates.not_linear([*pairs(1.2), *pairs(2.0)], [0, busy])
    assert gates.unjudged(pairs(1.2), [busy]) == ("linear in k not judged",)
    assert gates.unjudged(pairs(1.2), [0]) == gates.unjudged(pairs(2.0), [busy]) == gates.unjudged([], []) == ()


@pytest.mark.parametrize(("ratio", "fails"), [(1.0, True), (1.25, True), (2.0, False), (1.4, False), (2.4, False)])
def test_where_every_try_waited_for_a_cpu_the_cpu_time_must_grow(ratio, fails):
    busy = [2 * gates.LINEAR_PAIRS * MS]
    times = [10 * MS if k == 1 else round(10 * MS * ratio) for k in gates.linear_schedule(1)]
    assert bool(gates.not_linear(pairs(1.2), busy, times)) is fails
    assert gates.unjudged(pairs(1.2), busy, times) == ()


def test_cpu_time_of_the_size_of_a_call_does_not_count_against_a_service():
    busy = [2 * gates.LINEAR_PAIRS * MS]
    times = [gates.LINEAR_CPU_NS - 1] * (2 * gates.LINEAR_PAIRS)
    assert not gates.not_linear(pairs(1.2), busy, times)
    assert gates.unjudged(pairs(1.2), busy, times) == ("linear in k not judged",)


@pytest.mark.parametrize(("value", "fails"), [(IDLE_CPU_NS, False), (IDLE_CPU_NS + 1, True), (None, False)])
def test_cpu_time_long_after_a_reply_is_background_work(value, fails):
    reading = Reading(value, "ns", "cpuacct.usage", None if value else "lost")
    assert [finding.code for finding in gates.works_on(reading)] == (["background_work"] if fails else [])


def test_a_cell_that_waits_or_never_settles_is_labelled_and_nothing_more():
    waiting = turn(cpu_ns=20 * MS)
    assert gates.labels([waiting], True, "cpu") == ("waits",)
    assert gates.labels([waiting], True, "cuda") == ()
    assert gates.labels([turn(cpu_ns=20 * MS, waited_us=70_000)], True, "cpu") == ()
    assert gates.labels([turn()], False, "cpu") == ("not steady",)
    assert gates.labels([turn()], None, "cpu") == ()


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    monkeypatch.setattr("mlfleet.launch.ready.peer", lambda _path: None)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "one"))
        yield Fleet(tmp_path)


def trial(fleet, first=True, **changes):
    cells = {"one": replace(fleet.cell("one"), **changes)}
    planned = Block("control.noop", 1, ("one",), (("one",),))
    known = {} if first else {cells["one"].id: Calibration(10, 4, 1, 1, MS)}
    (record,) = measure_block(planned, cells, {"one": fleet.trial("one")}, known, fleet.bench(), lambda _trial: None)
    return record


def test_gate_unexplained_time_in_a_trial(fleet):
    fleet.behaviour("one").claims = 0.5
    assert trial(fleet).verdict is Verdict.UNEXPLAINED_TIME


def test_gate_speed_of_light_in_a_trial(fleet):
    assert trial(fleet, least_ns=1.01 * MS).verdict is Verdict.SHORT_WORK
    assert trial(fleet, least_ns=0.99 * MS).verdict is Verdict.OK


def test_gate_linear_in_k_in_a_first_trial(fleet):
    fleet.behaviour("one").folded = True
    record = trial(fleet)
    assert (record.verdict, record.phase) == (Verdict.SHORT_WORK, "warm-up"), record.reason
    assert len(record.linear) == gates.LINEAR_TRIES * 2 * gates.LINEAR_PAIRS
    assert {sample.end_ns - sample.start_ns for sample in record.linear} == {FOLDED_NS}
    assert trial(fleet, first=False).verdict is Verdict.OK


def test_gate_linear_in_k_on_a_busy_machine(fleet):
    fleet.edge_wait_us = 10**6
    fleet.behaviour("one").works_on_ns = 5 * MS
    fleet.behaviour("one").folded = True
    record = trial(fleet)
    assert record.linear_waited_ns == (10**9,) * gates.LINEAR_TRIES
    assert record.linear_cpu_ns == (5 * MS,) * (2 * gates.LINEAR_PAIRS)
    assert (record.verdict, record.phase) == (Verdict.SHORT_WORK, "warm-up"), record.reason


def test_gate_background_work_in_a_first_trial(fleet):
    fleet.behaviour("one").works_on_ns = IDLE_CPU_NS + 1
    assert trial(fleet).verdict is Verdict.BACKGROUND_WORK
    assert trial(fleet, first=False).verdict is Verdict.OK


@pytest.mark.parametrize(("spent", "found", "asked"), [([18], 0, 1), ([18, 18], 0, 2), ([18] * 9, 18, 2), ([], 0, 0)])
def test_who_works_on_after_one_reply_is_asked_again(spent, found, asked):
    """In ms, in each silence; an interpreter that tidies up once is not at work behind every reply."""
    total, half, replies = 0, 0, []

    def edge():
        nonlocal total, half
        if half % 2:
            total += spent[half // 2] if half // 2 < len(spent) else 0
        half += 1
        return {Name.CPU: Reading(total * MS, "ns", "fake")}

    assert idle_cpu(edge, lambda _: None, lambda: replies.append(1)) == Reading(found * MS, "ns", "fake")
    assert len(replies) == asked


def test_gate_wrong_device_in_a_trial(fleet):
    record = trial(fleet, environment=replace(ENVIRONMENT, device="cuda"))
    assert (record.verdict, record.phase) == (Verdict.WRONG_DEVICE, "import")


def test_an_honest_first_trial_is_asked_once_and_keeps_what_it_answered(fleet):
    record = trial(fleet, rules=RULES["short"])
    assert record.verdict is Verdict.OK, record.reason
    assert len(record.linear) == 2 * gates.LINEAR_PAIRS
    assert record.idle_cpu == Reading(0, "ns", "fake")
    later = trial(fleet, first=False)
    assert later.linear == ()
    assert later.idle_cpu is None


FAST = {"kmeans.fit-iris": {"linfa": Cell(28.0), "candle": Cell(40.0)}, "control.noop": {"null-rust": Cell(21.0)}}


def fold(audits=(), **changes):
    run = run_file(FAST)
    workloads = tuple(replace(planned, **changes) if not planned.control else planned for planned in run.workloads)
    found = judged.judged(replace(run, workloads=workloads), records(FAST), audits)
    return {record.trial.framework: record for record in found if record.trial.block == 1}


def test_gate_too_fast_is_held_against_the_control_of_the_same_run_and_language():
    found = fold()
    assert found["linfa"].verdict is Verdict.SHORT_WORK
    assert found["candle"].verdict is found["null-rust"].verdict is Verdict.OK


@pytest.mark.parametrize(
    ("beside_control", "beside_work", "fast"),
    # 28 and 40 ns of work, 21 ns of nothing. At half the clock nothing would take 42 ns; at twice, 10.5 ns.
    [(100, 100, {"linfa"}), (100, 200, {"linfa", "candle"}), (200, 100, set()), (None, 200, {"linfa"})],
)
def test_the_control_is_told_at_the_clock_that_the_sentinel_found_beside_the_work(beside_control, beside_work, fast):
    def beside(record):
        hash_ns = beside_control if record.trial.framework == "null-rust" else beside_work
        return replace(record, turns=tuple(replace(turn, sentinel=(sentinel(hash_ns, 1),)) for turn in record.turns))

    found = judged.judged(run_file(FAST), [beside(record) for record in records(FAST)])
    assert {record.trial.framework for record in found if record.verdict is Verdict.SHORT_WORK} == fast


@pytest.mark.parametrize("blocks", [{1, 2, 3, 4, 5}, {2, 3, 4, 5}])
def test_a_disturbed_control_speaks_where_no_other_does(blocks):
    """The fastest, since a busy host makes it take longer: by the median of all, 63 ns, 40 ns of work would be none."""

    def disturb(record):
        control = record.trial.framework == "null-rust" and record.trial.block in blocks
        return replace(record, verdict=Verdict.DISTURBED) if control else record

    cells = {**FAST, "control.noop": {"null-rust": Cell(21.0, noise=(1.0, 3.0, 3.0, 3.0, 3.0))}}
    found = judged.judged(run_file(cells), [disturb(record) for record in records(cells)])
    assert {record.trial.framework for record in found if record.verdict is Verdict.SHORT_WORK} == {"linfa"}


def test_work_of_the_size_of_a_call_cannot_be_too_fast():
    assert fold(trivial=True)["linfa"].verdict is Verdict.OK


def test_without_a_control_of_its_language_nothing_is_too_fast():
    run = run_file(FAST)
    python = tuple(
        replace(one, service=replace(one.service, language="python" if one.service.control else "rust"))
        for one in run.contestants
    )
    assert all(one.verdict is Verdict.OK for one in judged.judged(replace(run, contestants=python), records(FAST)))


def audit(state, image_id=None, task="kmeans.fit"):
    image_id = image_id or run_file(CELLS).contestant("candle").image_id
    outcome = Outcome("seen before", state, "cached", "18 % faster")
    return Audit("a1", "candle", "1", image_id, task, "kmeans.fit-iris", (outcome,))


def test_a_failed_audit_makes_every_trial_of_that_image_and_task_invalid():
    record = fold([audit("failed")])["candle"]
    assert record.verdict is Verdict.CACHED
    assert "seen before: 18 % faster" in record.reason


@pytest.mark.parametrize(
    "other", [audit("passed"), audit("not_applicable"), audit("failed", "sha256:0"), audit("failed", task="knn")]
)
def test_other_audits_change_nothing(other):
    assert fold([other])["candle"].verdict is Verdict.OK
