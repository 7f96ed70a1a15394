"""Gates that verify judges again from records: the machine, claims on time, audits, where a run stopped, means."""

import json
import os
from dataclasses import replace
from functools import partial

import mlfleet.summary
import pytest
from mlfleet import advice, audits, judged, noise, schedule, stats, tasks, values
from mlfleet.audits import Audit, Outcome
from mlfleet.constants import constants
from mlfleet.ledger_lines import StopBody
from mlfleet.model import Bound, Reading, Roof, Sample, Sentinel
from mlfleet.names import Name
from mlfleet.resolution import Limit, Resolution
from mlfleet.verdict import Verdict
from mlfleet.verify.constants import CONSTANTS
from mlfleet.verify.outcomes import CHOSEN, REACHED
from mlfleet.verify.whole import Progress, verify
from runs import write_run
from samples import CELLS, Cell

NAME, JSON, LEDGER = "ridge.fit-diabetes", "report.json", "ledger.jsonl"
NOISE = (1.0, 1.06, 0.95, 1.02, 0.97, 1.3, 1.01, 0.99, 1.03, 0.98)
PAIR = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}
S = 10**9
ALL_REACHED = {name: tasks.get(name).reached for name in tasks.names()}


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _fd: None)


def checked(folder):
    return verify(folder, Progress(lambda _: None), (folder.parent,)).findings


def differences(folder):
    return checked(folder).differences


def in_report(folder):
    return {one.field.rpartition(", ")[2] for one in differences(folder) if one.file == JSON}


def in_ledger(folder):
    return {one.field for one in differences(folder) if one.file == LEDGER}


def flagging(run):
    """A run that flags its turns."""
    return replace(run, constants={**run.constants, **noise.Limits().constants()})


def reads(flags=(), **readings):
    """A turn with further readings and the flags that were recorded."""

    def change(record):
        more = {name: Reading(value, "count", "x") for name, value in readings.items()}
        turn = replace(record.turns[0], flags=flags, readings={**record.turns[0].readings, **more})
        return replace(record, turns=(turn,))

    return change


def once(change, block=2, framework="sklearn"):
    place = (framework, block)
    return lambda record: change(record) if (record.trial.framework, record.trial.block) == place else record


NOISY = [
    ("throttled", {Name.THROTTLED_PERIODS: 1}),
    ("stolen", {Name.SET_STEAL: S}),
    ("pressure", {Name.CPU_PRESSURE: 10_000, Name.CPU: 1}),
    ("pressure", {Name.MEMORY_PRESSURE: 10_000}),
    # Without its cgroup's pressure.
    ("pressure", {Name.CPU_WAIT: 10_000, Name.CPU: 1}),
    ("foreign", {Name.SET_BUSY: S}),
    ("load", {Name.OTHERS_BUSY: S, Name.OTHER_CPUS: 3}),
    ("faults", {Name.MAJOR_FAULTS: 1}),
    ("hot", {Name.CORE_THROTTLES: 1}),
    ("gap", {Name.SAMPLER_GAP: 2 * S}),
]


@pytest.mark.parametrize(("flag", "readings"), NOISY)
def test_a_flag_that_its_readings_give_must_be_there(tmp_path, flag, readings):
    named = {name.value: value for name, value in readings.items()}
    found = differences(write_run(tmp_path / "run", PAIR, planned=flagging, change=once(reads(**named))))
    flags = [one for one in found if one.field == "turn 1, flags"]
    assert [(one.found, one.recomputed) for one in flags] == [("[]", f'["{flag}"]')]


def test_a_flag_that_its_readings_do_not_give_must_not_be_there(tmp_path):
    folder = write_run(tmp_path / "run", PAIR, planned=flagging, change=once(reads(flags=("load",))))
    assert "turn 1, flags" in in_ledger(folder)
    assert differences(write_run(tmp_path / "sound", PAIR, planned=flagging)) == []


def test_a_limit_below_its_starting_value_is_named(tmp_path):
    def loud(run):
        return replace(run, constants={**flagging(run).constants, "noise_limits.load": 0.1})

    found = differences(write_run(tmp_path / "run", PAIR, planned=loud))
    assert [one.field for one in found] == ["constants.noise_limits.load"]


def test_the_flags_of_an_older_rule_are_not_judged(tmp_path):
    def older(run):
        kept = {name: value for name, value in flagging(run).constants.items() if name != "noise_limits.waiting"}
        return replace(run, constants=kept)

    queued = once(reads(**{Name.CPU_WAIT.value: 10_000}))
    assert differences(write_run(tmp_path / "run", PAIR, planned=older, change=queued)) == []


@pytest.mark.parametrize("by", ["throttled", "stolen", "hot", "gap"])
def test_a_trial_that_was_disturbed_is_not_ok(tmp_path, by):
    readings = {name.value: value for flag, names in NOISY for name, value in names.items() if flag == by}
    change = once(reads(flags=(by,), **readings))
    found = differences(write_run(tmp_path / "run", PAIR, planned=flagging, change=change))
    assert (f'["{by}"]', "flags") in {(one.recomputed, one.field) for one in found}


def test_a_number_that_is_disliked_cannot_be_called_disturbed(tmp_path):
    def disliked(record):
        return replace(
            record, verdict=Verdict.DISTURBED, reason="others used 90 % of the CPU set", flags=("contended",)
        )

    make = partial(write_run, cells=PAIR, planned=flagging)
    found = differences(make(tmp_path / "flagged", change=once(disliked)))
    assert {(one.field, one.found, one.recomputed) for one in found} == {("flags", '["contended"]', "[]")}
    found = differences(make(tmp_path / "bare", change=once(lambda r: replace(disliked(r), flags=()))))
    assert {(one.field, one.recomputed) for one in found} == {("verdict", "ok: nothing disturbed it")}
    short = once(lambda r: replace(disliked(r), flags=("memory_short",)))
    assert differences(make(tmp_path / "short", change=short)) == []


def test_an_unusual_sentinel_flags_its_turn_in_what_was_published(tmp_path, monkeypatch):
    def timed(record):
        ns = 1100 if (record.trial.framework, record.trial.block) == ("linfa", 3) else 1000
        usual = Sentinel(Reading(ns, "ns", "sha256"), Reading(5000, "ns", "copy"))
        return replace(record, turns=(replace(record.turns[0], sentinel=(usual, usual)),))

    make = partial(write_run, cells=PAIR, blocks=10, planned=flagging, change=timed)
    folder = make(tmp_path / "honest")
    assert differences(folder) == []
    cells = json.loads((folder / JSON).read_text())["cells"]
    flagged = {one["framework"]: one["flagged"]["flags"] for one in cells}
    assert flagged == {"sklearn": {}, "linfa": {"sentinel": 0.1}}
    monkeypatch.setattr(noise, "COMPUTE", 10.0)
    monkeypatch.setattr(mlfleet.table, "turn_flags", lambda turn, _: turn.flags)
    assert {"flagged.turns", "unflagged.blocks"} <= in_report(make(tmp_path / "run"))


@pytest.mark.parametrize("task", tasks.names())
def test_verify_knows_which_receipt_keys_a_task_may_reach_otherwise(task):
    """A key that only the writer knows to be free made an honest run differ."""
    known = {
        key: "printed" if key in REACHED else "versions" if key in CHOSEN else "equal" for key in ALL_REACHED[task]
    }
    assert known == {key: rule.between for key, rule in ALL_REACHED[task].items()}


def test_flags_are_published_in_one_order(tmp_path):
    """`sentinel`, which only the whole run can tell, before `faults`, which the turn was recorded with."""

    def unusual(record):
        ns = 1100 if (record.trial.framework, record.trial.block) == ("linfa", 3) else 1000
        usual = Sentinel(Reading(ns, "ns", "sha256"), Reading(5000, "ns", "copy"))
        faulty = reads(flags=("faults",), **{Name.MAJOR_FAULTS.value: 1})(record)
        return replace(faulty, turns=(replace(faulty.turns[0], sentinel=(usual, usual)),))

    folder = write_run(tmp_path / "run", PAIR, planned=flagging, change=unusual)
    assert "sentinel faults" in (folder / "benchmark_results_complete.csv").read_text()
    assert differences(folder) == []


def test_a_turn_costs_from_thaw_to_freeze(tmp_path):
    def longer(record):
        turn = record.turns[0]
        first = replace(turn, thawed_ns=turn.sent_ns - 3_000_000, frozen_ns=turn.received_ns + 2_000_000)
        return replace(record, turns=(first, replace(first, number=2)))

    folder = write_run(tmp_path / "run", PAIR, blocks=10, planned=flagging, change=longer)
    assert json.loads((folder / JSON).read_text())["advice"][0]["turn_s"] > 0
    assert "turn_s" not in in_report(folder)


def claims(**parts):
    return lambda record: replace(record, **parts)


def with_roof(run):
    bound = Bound(flop=4e6, dtype="F64")
    roof = Roof({"F64": 1e9}, 1e10, 32 << 20)
    return replace(run, roof=roof, workloads=tuple(replace(one, bound=bound) for one in run.workloads))


def pairs(ratio):
    """Five pairs of k and 2k iterations."""
    found, at = [], 100 * S
    for number in range(5):
        both = ((1, 10**7), (2, round(10**7 * ratio)))
        for iterations, length in both if number % 2 == 0 else both[::-1]:
            found.append(Sample(iterations, at, at + length))
            at += length
    return tuple(found)


def test_an_iteration_faster_than_light_is_named(tmp_path):
    found = differences(write_run(tmp_path / "run", PAIR, planned=with_roof))
    # 4 MFLOP at 1 GFLOP/s, less what a library may beat the probe by: 2.67 ms.
    assert {(one.field, one.recomputed) for one in found} == {("time", "at least 2.667e+06 ns, at the speed of light")}
    assert len(found) == 10


@pytest.mark.parametrize(("ratio", "named"), [(1.0, True), (2.0, False)])
def test_work_that_does_not_grow_with_iterations_is_named(tmp_path, ratio, named):
    change = once(claims(linear=pairs(ratio), linear_waited_ns=(0,)))
    assert ("linear" in in_ledger(write_run(tmp_path / "run", PAIR, change=change))) is named


def test_work_behind_a_reply_is_named(tmp_path):
    change = once(claims(idle_cpu=Reading(20_000_000, "ns", "x")))
    assert in_ledger(write_run(tmp_path / "run", PAIR, change=change)) == {"idle_cpu"}


def test_wall_time_that_no_sample_claims_is_named(tmp_path):
    def late(record):
        turn = replace(record.turns[0], received_ns=record.turns[0].received_ns + 50_000_000)
        waited = Reading(0, "us", "x")
        return replace(record, turns=(replace(turn, readings={**turn.readings, Name.CPU_PRESSURE.value: waited}),))

    assert "turn 1, unexplained wall time" in in_ledger(write_run(tmp_path / "run", PAIR, change=once(late)))


def test_cpu_time_that_no_sample_claims_is_named(tmp_path):
    change = once(reads(**{Name.CPU.value: S}))
    assert "turn 1, CPU time" in in_ledger(write_run(tmp_path / "run", PAIR, change=change))


@pytest.mark.parametrize("parts", [{"labels": ("waits",)}, {"steady": False}])
def test_labels_that_do_not_follow_are_named(tmp_path, parts):
    assert in_ledger(write_run(tmp_path / "run", PAIR, change=once(claims(**parts)))) == {"labels"}


def test_hardly_slower_than_nothing_is_judged_again(tmp_path, monkeypatch):
    cells = {
        NAME: {"sklearn": Cell(1e6), "linfa": Cell(22.0)},
        "control.noop": {"null-rust": Cell(21.0, 2.0, metric="equal", quality=1.0)},
    }
    assert differences(write_run(tmp_path / "honest", cells)) == []
    monkeypatch.setattr(judged, "TOO_FAST_FACTOR", 0.5)
    assert {"verdict", "outcome", "reasons"} <= in_report(write_run(tmp_path / "run", cells))


def test_nothing_is_told_at_the_clock_beside_the_work_when_it_is_judged_again(tmp_path, monkeypatch):
    cells = {
        NAME: {"sklearn": Cell(1e6), "linfa": Cell(40.0)},
        "control.noop": {"null-rust": Cell(21.0, 2.0, metric="equal", quality=1.0)},
    }

    def beside(record):
        hash_ns = 1000 if record.trial.framework == "null-rust" else 2000
        both = Sentinel(Reading(hash_ns, "ns", "x"), Reading(1, "ns", "x"))
        return replace(record, turns=tuple(replace(turn, sentinel=(both,)) for turn in record.turns))

    folder = write_run(tmp_path / "run", cells, planned=flagging, change=beside)
    assert differences(folder) == []
    linfa = next(one for one in json.loads((folder / JSON).read_text())["cells"] if one["framework"] == "linfa")
    assert linfa["reasons"] == ["short_work"]
    monkeypatch.setattr(judged._Control, "at", lambda control, _clock: control.iteration_ns)
    assert {"verdict", "outcome", "reasons"} <= in_report(
        write_run(tmp_path / "other", cells, planned=flagging, change=beside)
    )


def test_a_disturbed_control_speaks_where_no_other_does(tmp_path):
    cells = {
        NAME: {"sklearn": Cell(1e6), "linfa": Cell(22.0)},
        "control.noop": {"null-rust": Cell(21.0, 2.0, metric="equal", quality=1.0)},
    }

    def disturb(record):
        control = record.trial.framework == "null-rust"
        return replace(record, verdict=Verdict.DISTURBED, reason="steal") if control else record

    folder = write_run(tmp_path / "run", cells, change=disturb)
    assert not any("linfa" in one.field for one in differences(folder))
    linfa = next(one for one in json.loads((folder / JSON).read_text())["cells"] if one["framework"] == "linfa")
    assert linfa["reasons"] == ["short_work"]


def test_a_failed_audit_is_taken_into_account(tmp_path, monkeypatch):
    failed = Outcome("seen before", "failed", Verdict.CACHED.value, "40 % faster")
    honest = write_run(tmp_path / "apart" / "run", PAIR)
    image = json.loads((honest / "run.json").read_text())["contestants"][1]["image_id"]
    audits.keep(tmp_path, Audit("a", "linfa", "1", image, "ridge.fit", NAME, (failed,)))
    folder = write_run(tmp_path / "run", PAIR)
    assert differences(folder) == []
    assert json.loads((folder / JSON).read_text())["comparisons"][0]["reasons"] == ["cached"]
    # What an audit found later is missing from an older report.
    (tmp_path / "apart" / audits.FILE).write_bytes((tmp_path / audits.FILE).read_bytes())
    assert {"verdict", "outcome", "reasons"} <= in_report(honest)


def looking(run):
    return replace(run, looks=(10, 15), budget_s=900.0)


@pytest.mark.parametrize(
    ("reason", "blocks", "noise", "held"),
    [
        ("precision", 10, (1.0, 1.001), True),
        ("precision", 10, NOISE, False),
        ("budget", 10, NOISE, False),
        ("max_blocks", 12, NOISE, True),
        ("max_blocks", 12, (1.0, 1.001), False),
    ],
)
def test_where_a_workload_stopped_is_replayed(tmp_path, reason, blocks, noise, held):
    cells = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(1.1e6, 50, noise)}}
    stops = (StopBody(NAME, reason, blocks),)
    found = in_ledger(write_run(tmp_path / "run", cells, blocks=blocks, planned=looking, stops=stops))
    assert found == (set() if held else {f"stop of {NAME}, reason"})


def test_a_host_that_cannot_resolve_a_difference_is_asked(tmp_path, monkeypatch):
    limit = Limit("1 thread", "short", "time", "compute", 0.2, 20, 1, 10)
    slower = replace(limit, bound="memory", share=0.5)
    known = Resolution("v", "2026", (limit, slower, replace(slower, metric="cpu")))
    cells = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(1.3e6, 50)}}
    make = partial(write_run, cells=cells, planned=lambda run: replace(run, resolution=known))
    folder = make(tmp_path / "honest")
    assert differences(folder) == []
    said = {one["metric"]: one["reasons"] for one in json.loads((folder / JSON).read_text())["comparisons"]}
    assert said == {"time": ["below_resolution"], "memory": []}
    monkeypatch.setattr(mlfleet.compare, "host_resolution", lambda *_: None)
    assert {"outcome", "reasons", "resolution", "ratio"} <= in_report(make(tmp_path / "run"))


MANY = {
    f"{task}-{data}": {"sklearn": Cell(1e6, 100), "linfa": Cell(1e6 * (1.5 + number), 50)}
    for number, (task, data) in enumerate(
        (task, data) for task in ("ridge.fit", "knn_classify.predict", "ridge.predict") for data in ("a", "b", "c")
    )
}


def test_geometric_means_over_workloads_are_recomputed(tmp_path, monkeypatch):
    def honest(folder):
        return write_run(folder, MANY, change=with_tasks)

    folder = honest(tmp_path / "honest")
    assert differences(folder) == []
    means = json.loads((folder / JSON).read_text())["summaries"][0]["means"]
    assert means[0]["low"] < means[0]["ratio"] < means[0]["high"]
    monkeypatch.setattr(mlfleet.summary, "fmean", max)
    assert in_report(honest(tmp_path / "mean")) == {"ratio"}
    monkeypatch.undo()
    monkeypatch.setattr(os, "fsync", lambda _fd: None)
    monkeypatch.setattr(stats, "bca", lambda logs: (min(logs), max(logs)))
    assert in_report(honest(tmp_path / "interval")) == {"low", "high"}


def with_tasks(record):
    task, _, _ = record.trial.workload.rpartition("-")
    return replace(record, identity=replace(record.identity, tasks=(replace(record.identity.tasks[0], name=task),)))


def test_advice_is_recomputed(tmp_path, monkeypatch):
    cells = {NAME: {"sklearn": Cell(1e6, 100, NOISE), "linfa": Cell(2e6, 50, NOISE)}}
    assert differences(write_run(tmp_path / "honest", cells, blocks=10)) == []
    monkeypatch.setattr(advice, "MIN_BLOCKS", 100)
    assert "reason" in in_report(write_run(tmp_path / "run", cells, blocks=10))


def test_the_whole_sample_run_holds_where_turns_are_flagged(tmp_path):
    found = checked(write_run(tmp_path / "run", CELLS, planned=flagging))
    assert found.differences == []
    assert found.checked["turn flags"] > 100


def better(direction):
    return lambda run: replace(run, workloads=tuple(replace(one, direction=direction) for one in run.workloads))


@pytest.mark.parametrize(("direction", "floor", "named"), [(1, 0.98, True), (1, 0.9, False), (-1, 0.9, True)])
def test_a_quality_below_its_floor_is_named(tmp_path, direction, floor, named):
    def held(record):
        return replace(record, quality=replace(record.quality, floor=floor))

    found = in_ledger(write_run(tmp_path / "run", PAIR, planned=better(direction), change=once(held)))
    assert found == ({"quality.metrics.accuracy"} if named else set())


def spread(values):
    """A run of rule S, both sides with these qualities by block, the contestant's first."""
    rule = tasks.get("dqn.train").spread

    def planned(run):
        agents = replace(run.workloads[0].workload, task="dqn.train")
        work = replace(run.workloads[0], parity=rule.text, floor=rule.floor, direction=1, workload=agents)
        return replace(run, workloads=(work,))

    def change(record):
        mine = values[record.trial.framework != "linfa"]
        metrics = {"mean_return": mine[(record.trial.block - 1) % len(mine)]}
        facts = (replace(record.identity.tasks[0], name="dqn.train"),)
        return replace(
            record,
            quality=replace(record.quality, metrics=metrics, decides="mean_return"),
            identity=replace(record.identity, tasks=facts),
        )

    return planned, change


@pytest.mark.parametrize(
    ("values", "blocks", "outcome"),
    [
        (((450.0, 452.0), (451.0, 450.0)), 10, "different"),
        (((450.0, 452.0), (451.0, 450.0)), 6, "inconclusive"),
        (((400.0, 402.0), (451.0, 450.0)), 10, "refused"),
        (((60.0, 62.0), (61.0, 60.0)), 10, "refused"),
        (((60.0, 62.0), (451.0, 450.0)), 6, "refused"),
        (((300.0, 360.0), (310.0, 300.0)), 10, "inconclusive"),
    ],
)
def test_quality_over_blocks_is_judged_alike(tmp_path, values, blocks, outcome):
    planned, change = spread(values)
    folder = write_run(tmp_path / "run", PAIR, blocks=blocks, planned=planned, change=change)
    # Another task is another cell; the sample run's ids are of the first.
    assert {one.field for one in differences(folder) if one.file != "run.json"} == set()
    assert json.loads((folder / JSON).read_text())["comparisons"][0]["outcome"] == outcome


def with_latency(change=lambda turn: turn):
    def added(record):
        at, found = record.turns[0].received_ns + 10, []
        for number in range(201):
            found.append(Sample(1, at, at + 1_000_000 + 1000 * number))
            at = found[-1].end_ns
        turn = replace(record.turns[0], sent_ns=found[0].start_ns, received_ns=at, samples=tuple(found))
        return replace(record, latency=change(turn))

    return added


def test_percentiles_come_from_single_iterations(tmp_path, monkeypatch):
    folder = write_run(tmp_path / "honest", PAIR, change=with_latency())
    assert differences(folder) == []
    found = json.loads((folder / JSON).read_text())["cells"][0]["percentiles"]
    assert (found["p95"]["point"], found["p99"]["point"]) == pytest.approx((1_190_050, 1_198_010), rel=1e-4)
    monkeypatch.setattr(values, "PERCENTILES", {"p95": (0.90, 40), "p99": (0.99, 200)})
    assert {"percentiles.p95.point"} <= in_report(write_run(tmp_path / "run", PAIR, change=with_latency()))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda turn: replace(turn, samples=turn.samples[:-1]), "latency, samples"),
        (lambda turn: replace(turn, sent_ns=turn.sent_ns + 1), "latency, stamps"),
        (lambda turn: replace(turn, sent_ns=turn.sent_ns - 1000), "latency, sent"),
        (lambda turn: replace(turn, samples=(replace(turn.samples[0], iterations=2), *turn.samples[1:])), "iterations"),
    ],
)
def test_a_latency_turn_that_is_none_is_named(tmp_path, change, field):
    found = in_ledger(write_run(tmp_path / "run", PAIR, change=once(with_latency(change))))
    assert any(field in one for one in found)


def warm_up(*times):
    found, at = [], 0
    for ns in times:
        found.append(Sample(1, at, at + ns))
        at += ns
    return tuple(found)


@pytest.mark.parametrize(
    ("samples", "steady"),
    [
        (warm_up(*range(2_000_000, 1_000_000, -100_000)), False),
        (warm_up(*[1_000_000, 1_020_000] * 5), True),
        (warm_up(*(1_000_000 + 500 * n for n in range(10))), True),
        (warm_up(*[1_000_000] * 4), None),
    ],
)
def test_a_warm_up_is_judged_alike(tmp_path, samples, steady):
    assert schedule.steady(samples) is steady
    labels = ("not steady",) if steady is False else ()
    for said, named in ((steady, False), (steady is not True, True)):
        change = once(claims(warm_up=samples, steady=said, labels=labels))
        found = in_ledger(write_run(tmp_path / str(said), PAIR, change=change))
        assert ("steady" in found) is named, found


def test_a_run_that_was_decided_by_other_constants_is_named(tmp_path):
    def lenient(run):
        return replace(run, constants={**run.constants, "stats.MIN_BLOCKS": 3, "gates.LINEAR_LOW": 1.0})

    found = differences(write_run(tmp_path / "run", PAIR, planned=lenient))
    assert {(one.field, one.found, one.recomputed) for one in found} == {
        ("constants.stats.MIN_BLOCKS", "3", "5"),
        ("constants.gates.LINEAR_LOW", "1.0", "1.7"),
    }


def test_the_constants_of_the_writer_are_the_ones_that_are_checked():
    """A constant that was renamed would be checked no more."""
    assert set(CONSTANTS) - set(constants()) == set()
