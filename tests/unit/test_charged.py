"""The payload's pages: read beforehand, seen where a container was charged for them, and no memory ratio then."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import samples
from fakes import Fleet, listening
from mlfleet import charged
from mlfleet.block import measure_block
from mlfleet.constants import constants
from mlfleet.model import Environment, Phase, Reading
from mlfleet.names import Name
from mlfleet.plan import Block
from mlfleet.table import fold
from mlfleet.verdict import Verdict
from mlfleet.verify.whole import Progress, verify
from runs import write_run
from samples import Cell

MIB = 1 << 20
PAYLOAD = 100 * MIB
CONTAINER = Environment("cpu", (0,), 1, 1 << 30, "docker", "mapped")
NAME = "ridge.fit-diabetes"
PAIR = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}


def pages(before, after):
    return tuple({Name.FILE: Reading(size, "bytes", "memory.stat file - shmem")} for size in (before, after))


@pytest.mark.parametrize(("grown", "labelled"), [(0, False), (10 * MIB, False), (10 * MIB + 1, True), (-1, False)])
def test_more_than_a_tenth_of_the_payload_in_its_file_pages_is_labelled(grown, labelled):
    found = charged.payload_pages(*pages(50 * MIB, 50 * MIB + grown), CONTAINER, PAYLOAD)
    assert (found.value, found.source) == (max(grown, 0), "memory.stat file - shmem")
    phases = (Phase("import", 0, 1), Phase("prepare", 1, 2, {Name.PAYLOAD_PAGES: found}))
    assert charged.labels(phases, PAYLOAD) == (("payload_charged",) if labelled else ())


@pytest.mark.parametrize(
    ("environment", "size"),
    [
        # What a process maps counts in its file pages, whoever was charged for it.
        (replace(CONTAINER, runtime="process"), PAYLOAD),
        (replace(CONTAINER, transport="streamed"), PAYLOAD),
        # A tenth of it is no more than the kernel's own batches.
        (CONTAINER, 10 * 256 * 1024),
        (replace(CONTAINER, cpus=tuple(range(64))), PAYLOAD),
    ],
)
def test_where_the_payload_would_not_show_there_is_no_reading_and_no_label(environment, size):
    found = charged.payload_pages(*pages(0, size), environment, size)
    assert (found.value, found.reason) == (None, "not_applicable")
    assert charged.labels((Phase("prepare", 1, 2, {Name.PAYLOAD_PAGES: found}),), size) == ()


def test_pages_that_cannot_be_read_are_null_with_their_own_reason():
    (before, after), unread = pages(1, 2), {Name.FILE: Reading(None, "bytes", "memory.stat", "no_permission")}
    for edges in ((unread, after), (before, unread)):
        assert charged.payload_pages(*edges, CONTAINER, PAYLOAD).reason == "no_permission"
    assert charged.payload_pages({}, {}, CONTAINER, PAYLOAD).reason == "lost"


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    monkeypatch.setattr("mlfleet.launch.ready.peer", lambda _path: None)
    with listening(tmp_path, "one", "two"):
        yield Fleet(tmp_path)


def measured(fleet):
    cells = {
        key: replace(cell, environment=CONTAINER, payload=replace(cell.payload, size_bytes=PAYLOAD))
        for key in ("one", "two")
        for cell in (fleet.cell(key),)
    }
    block = Block("control.noop", 1, ("one", "two"), (("one", "two"),))
    return measure_block(block, cells, {key: fleet.trial(key) for key in cells}, {}, fleet.bench(), lambda _: None)


def test_a_trial_whose_container_was_charged_for_the_payload_is_ok_and_labelled(fleet):
    fleet.behaviour("two").charged_bytes = PAYLOAD // 2
    honest, charging = measured(fleet)
    assert (honest.verdict, charging.verdict) == (Verdict.OK, Verdict.OK)
    assert ("payload_charged" in honest.labels, "payload_charged" in charging.labels) == (False, True)
    prepare = next(phase for phase in charging.phases if phase.name == "prepare")
    assert prepare.readings[Name.PAYLOAD_PAGES].value == PAYLOAD // 2


def test_the_whole_payload_is_read_before_each_launch(fleet, monkeypatch):
    read = Path.read_bytes

    def logged(path):
        if path.suffix == ".safetensors":
            fleet.log("read payload")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", logged)
    measured(fleet)
    events = [event for event in fleet.events if event.startswith(("read payload", "launch"))]
    assert events == ["read payload", "launch one", "read payload", "launch two"]


def charging(record):
    return replace(record, labels=("payload_charged",)) if record.trial.framework == "linfa" else record


def test_memory_that_was_charged_for_the_payload_has_no_ratio_and_time_keeps_its_own():
    table = fold(samples.run_file(PAIR), [charging(one) for one in samples.records(PAIR)])
    found = {one.metric: one for one in table.comparisons}
    assert (found["memory"].outcome, found["memory"].reasons, found["memory"].ratio) == ("refused", ("meter",), None)
    assert [(one.gate, one.where) for one in found["memory"].refusals] == [("meter", "linfa: 5 of 5 trials")]
    assert found["time"].outcome == "different"


def with_pages(grown, *, says, labels, payload=PAYLOAD):
    """Makes each record of a run in containers have such file pages; and its plan have such a payload."""
    before, after = pages(50 * MIB, 50 * MIB + grown)

    def change(record):
        edges = {"import": before, "prepare": {**after, Name.PAYLOAD_PAGES: Reading(says, "bytes", "memory.stat")}}
        phases = tuple(replace(phase, readings=edges.get(phase.name, {})) for phase in record.phases)
        kept = tuple(phase for phase in phases if phase.name != "prepare")
        return replace(record, phases=(*kept, Phase("prepare", 1, 2, edges["prepare"])), labels=labels)

    def planned(run):
        return replace(run, workloads=tuple(replace(one, payload_bytes=payload) for one in run.workloads))

    return {"change": change, "planned": planned}


@pytest.mark.parametrize(
    ("grown", "says", "labels", "named"),
    [
        (20 * MIB, 20 * MIB, ("payload_charged",), set()),
        (5 * MIB, 5 * MIB, (), set()),
        (20 * MIB, 20 * MIB, (), {"labels"}),
        (5 * MIB, 5 * MIB, ("payload_charged",), {"labels"}),
        (20 * MIB, 0, (), {"memory_payload_pages"}),
    ],
)
def test_verify_finds_a_label_or_a_reading_that_the_pages_do_not_give(
    tmp_path, monkeypatch, grown, says, labels, named
):
    monkeypatch.setattr(os, "fsync", lambda _fd: None)
    folder = write_run(tmp_path / "run", PAIR, **with_pages(grown, says=says, labels=labels))
    found = verify(folder, Progress(lambda _: None), (folder.parent,)).findings.differences
    assert {one.field for one in found} == named, found


def test_verify_refuses_the_memory_ratio_too(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _fd: None)
    monkeypatch.setattr("mlfleet.compare.charged.LABEL", "another label")
    labelled = with_pages(20 * MIB, says=20 * MIB, labels=("payload_charged",))
    folder = write_run(tmp_path / "run", PAIR, **labelled)
    found = verify(folder, Progress(lambda _: None), (folder.parent,)).findings.differences
    assert any("memory" in one.field and "outcome" in one.field for one in found), found


def test_verify_refuses_readings_of_another_method(tmp_path, monkeypatch):
    def other(record):
        (turn,) = record.turns
        peak = replace(turn.readings[Name.PEAK_ANONYMOUS], method="lifetime_mark")
        mine = replace(record, turns=(replace(turn, readings={**turn.readings, Name.PEAK_ANONYMOUS: peak}),))
        return mine if record.trial.framework == "linfa" else record

    monkeypatch.setattr(os, "fsync", lambda _fd: None)
    folder = write_run(tmp_path / "sound", PAIR, change=other)
    assert verify(folder, Progress(lambda _: None), (folder.parent,)).findings.differences == []
    monkeypatch.setattr("mlfleet.compare.unequal_meters", lambda *_: ("", 0, 0))
    folder = write_run(tmp_path / "run", PAIR, change=other)
    found = verify(folder, Progress(lambda _: None), (folder.parent,)).findings.differences
    assert any("memory" in one.field and "outcome" in one.field for one in found), found


def test_the_limits_are_kept_with_the_run():
    assert constants()["charged.PAYLOAD_SHARE"] == 0.10
