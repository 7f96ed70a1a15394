"""Memory at rest: a second after SERVING in a service's first trial, into every output, and checked by verify."""

import csv
import io
import os
from dataclasses import replace

import pytest
import samples
from fakes import FILE_BYTES, Fleet, listening
from mlfleet import runner
from mlfleet.block import measure_block
from mlfleet.codec import decode, encode
from mlfleet.errors import InterruptedRun
from mlfleet.model import Calibration, Phase, Reading, Record
from mlfleet.names import Name
from mlfleet.plan import Block
from mlfleet.report import report_csv, report_json
from mlfleet.report.lifecycle import life_cycle
from mlfleet.report.lifecycle_read import first_answer
from mlfleet.schedule import IDLE_NS, S
from mlfleet.table import fold
from mlfleet.verdict import Verdict
from mlfleet.verify.whole import Progress, verify
from runs import write_run
from samples import MIB, Cell

FIRST, SECOND = "ridge.fit-diabetes", "ridge.fit-boston"
CELLS = {name: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)} for name in (FIRST, SECOND)}


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    monkeypatch.setattr("mlfleet.launch.ready.peer", lambda _path: None)
    with listening(tmp_path, "one"):
        yield Fleet(tmp_path)


def trial(fleet, first=True, **changes):
    cell = replace(fleet.cell("one"), **{"idle": True} | changes)
    known = {} if first else {cell.id: Calibration(10, 4, 1, 1, 1e6)}
    planned = Block("control.noop", 1, ("one",), (("one",),))
    return measure_block(planned, {"one": cell}, {"one": fleet.trial("one")}, known, fleet.bench(), lambda _: None)[0]


def phase(record, name):
    return next((one for one in record.phases if one.name == name), None)


def test_a_first_trial_is_read_frozen_a_second_after_serving_and_before_any_data(fleet):
    record = trial(fleet)
    assert record.verdict is Verdict.OK, record.reason
    assert [one.name for one in record.phases][:4] == ["launch", "import", "idle", "prepare"]
    serving, idle = phase(record, "import").end_ns, phase(record, "idle")
    assert idle.end_ns - serving == IDLE_NS == S
    assert idle.readings[Name.FILE] == Reading(FILE_BYTES, "bytes", "fake")
    start = fleet.events.index("serving one")
    # The first reading is that of import.
    order = ["read", "describe one", "freeze one", "read", "thaw one", "prepare one"]
    assert fleet.events[start + 1 : start + 7] == order


def test_what_came_before_of_the_second_is_waited_for_no_longer(fleet, monkeypatch):
    served = fleet.behaviour("one")
    before = fleet.clock[0]

    def slow(*words):
        fleet.clock[0] += S // 4 if words[0] == "describe" else 0
        fleet.events.append(" ".join(map(str, words)))

    monkeypatch.setattr(fleet, "log", slow)
    idle = phase(trial(fleet), "idle")
    assert (idle.start_ns - before, idle.end_ns - before) == (S // 4, S)
    assert served.fail == {}


@pytest.mark.parametrize("how", [{"first": False}, {"idle": False}])
def test_no_other_trial_waits(fleet, how):
    record = trial(fleet, **how)
    assert record.verdict is Verdict.OK
    assert phase(record, "idle") is None


def test_a_signal_ends_the_second(fleet):
    fleet.stop_after = "describe one"
    with pytest.raises(InterruptedRun):
        trial(fleet)
    assert fleet.events[-2:] == ["close meters", "remove one"]


def test_the_payloads_pages_are_still_what_grew_since_import(fleet):
    fleet.behaviour("one").charged_bytes = 4 * MIB
    cell = fleet.cell("one")
    big = replace(cell.payload, size_bytes=100 * MIB)
    record = trial(fleet, payload=big, environment=replace(cell.environment, runtime="docker"))
    assert phase(record, "idle").readings[Name.FILE].value == FILE_BYTES + 4 * MIB
    assert phase(record, "prepare").readings[Name.PAYLOAD_PAGES].value == 4 * MIB


def test_a_service_is_asked_in_its_first_workload_alone(monkeypatch):
    monkeypatch.setattr(runner, "_same_payload", lambda *_: None)
    run = samples.run_file({FIRST: {"sklearn": Cell(1e6)}, SECOND: CELLS[SECOND]})
    able = tuple(
        replace(one, workload=replace(one.workload, dataset="diabetes", params={"alpha": 1.0})) for one in run.workloads
    )
    cells = runner.cells_of(replace(run, workloads=able))
    assert {key for key, cell in cells.items() if cell.idle} == {(FIRST, "sklearn"), (SECOND, "linfa")}


def rested(record: Record, workload: str = FIRST, block: int = 1, **changes) -> Record:
    """The record with memory at rest, where it is the first of its service; `changes` are those of the phase."""
    levels = {
        Name.ANONYMOUS.value: Reading(40 * MIB, "bytes", "memory.stat"),
        Name.CHARGED.value: Reading(None, "bytes", "memory.usage_in_bytes", "no_permission"),
    }
    served = replace(record.phases[1], readings=levels)
    phases = [record.phases[0], served, Phase("prepare", 3 * S, 4 * S)]
    first = (record.trial.workload, record.trial.block) == (workload, block)
    if first and "phase" not in changes:
        idle = Phase("idle", served.end_ns + 1, served.end_ns + S, levels)
        phases.insert(2, replace(idle, **changes))
    idle_cpu = Reading(0, "ns", "cpuacct.usage") if record.trial.block == 1 else None
    return replace(record, phases=tuple(phases), idle_cpu=idle_cpu)


def table(change=rested):
    return fold(samples.run_file(CELLS), [change(record) for record in samples.records(CELLS)])


def test_it_stands_in_the_life_cycle_table_with_how_many_trials_it_is_of():
    life = life_cycle(table())
    (row,) = [row for row in life.frameworks if row.framework == "linfa"]
    found = dict(zip(life.framework_heads, row.figures, strict=True))
    assert (found["idle anonymous"].text, found["idle anonymous"].note) == ("40.0 MiB", "median of 1, max 40.0 MiB")
    assert (found["idle charged"].text, found["idle charged"].note) == ("none", "no_permission")


def test_a_first_answer_is_less_the_second():
    def told(block):
        (record,) = [one for one in samples.records({FIRST: {"linfa": Cell(1e6)}}, 2) if one.trial.block == block]
        return replace(rested(record), clock="shared", cold=replace(record.cold, start_ns=4 * S, end_ns=5 * S))

    waited, other = told(1), told(2)
    idle = phase(waited, "idle")
    assert first_answer(waited) == (5 * S - (idle.end_ns - idle.start_ns), "")
    assert first_answer(other) == (5 * S, "")


def test_it_is_exported_with_its_reason():
    rows = list(csv.DictReader(io.StringIO(report_csv(table()), newline="")))
    first = [row for row in rows if (row["workload"], row["framework"]) == (FIRST, "linfa")]
    assert [row["idle_anonymous_bytes"] for row in first] == [str(40.0 * MIB), "", "", "", ""]
    assert [row["idle_anonymous_absent"] for row in first[:2]] == ["", "not_asked"]
    assert [row["idle_charged_absent"] for row in first[:2]] == ["no_permission", "not_asked"]
    told = {one["framework"]: one for one in report_json(table())["contestants"]}
    at_rest = {"median": 40.0 * MIB, "low": 40.0 * MIB, "high": 40.0 * MIB}
    assert told["linfa"]["idle"] == {"anonymous": at_rest, "charged": None}
    assert told["linfa"]["idle_absent"] == {"charged": "no_permission"}
    assert told["tch"]["idle_absent"] == {"anonymous": "no_trial", "charged": "no_trial"}


def test_a_process_that_served_before_is_not_at_rest():
    told = report_json(table(lambda record: replace(rested(record), flags=("not_fresh",))))["contestants"]
    assert told[0]["idle_absent"] == {"anonymous": "not_fresh", "charged": "not_fresh"}


def test_a_record_keeps_it():
    (record,) = [rested(one) for one in samples.records({FIRST: {"linfa": Cell(1e6)}}, 1)]
    assert decode(Record, encode(record)) == record


def checked(folder, **made):
    def kept(run):
        return replace(run, constants={**run.constants, "schedule.IDLE_NS": IDLE_NS})

    run = write_run(folder / "run", CELLS, planned=kept, **made)
    return run, verify(run, Progress(lambda _: None), (folder,)).findings.differences


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _fd: None)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, set()),
        ({"phase": None}, {"idle"}),
        ({"workload": SECOND}, {"idle"}),
        ({"start_ns": 0}, {"idle, start_ns"}),
        ({"end_ns": S}, {"idle, end_ns"}),
        ({"end_ns": 3 * S + 1}, {"idle, end_ns"}),
        (
            {"readings": {}},
            {f"idle, {what} of {name}" for what in ("unit", "source") for name in (Name.ANONYMOUS, Name.CHARGED)},
        ),
        (
            {"readings": {name: Reading(1, "bytes", "VmRSS") for name in (Name.ANONYMOUS, Name.CHARGED)}},
            {f"idle, source of {name}" for name in (Name.ANONYMOUS, Name.CHARGED)},
        ),
    ],
)
def test_verify_names_what_is_not_as_it_must_be(tmp_path, changes, named):
    _, found = checked(tmp_path, change=lambda record: rested(record, **changes))
    assert {one.field for one in found} == named, found


def test_verify_recomputes_it_in_both_tables(tmp_path):
    run, found = checked(tmp_path, change=rested)
    assert found == []
    for name in ("report.json", "benchmark_results_complete.csv"):
        path = run / name
        path.write_text(path.read_text().replace(str(40.0 * MIB), str(41.0 * MIB)))
    fields = {one.field for one in verify(run, Progress(lambda _: None), (tmp_path,)).findings.differences}
    assert "idle_anonymous_bytes" in fields
    assert "contestants, linfa, idle.anonymous.median" in fields
