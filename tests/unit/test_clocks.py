"""Rule T1: stamps are held against our clock where it is the service's; where not, durations are, and that is said."""

import os
from dataclasses import replace

import pytest
from fakes import Fleet, listening
from mlfleet.block import measure_block
from mlfleet.classify import check_stamps
from mlfleet.clocks import clock_of
from mlfleet.model import Sample
from mlfleet.plan import Block
from mlfleet.verdict import Verdict
from mlfleet.verify.whole import Progress, verify
from runs import write_run
from samples import Cell

HERE = "0f2ae2c5-0001-4f6c-9d5b-000000000001"
ZERO = "monotonic           0         0\nboottime            0         0\n"
NAME = "ridge.fit-diabetes"
PAIR = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}
PID = 7


def host(root, own=ZERO, service=ZERO):
    """Offsets of the orchestrator and of the service; None: there is no such file."""
    boot = root / "proc/sys/kernel/random/boot_id"
    boot.parent.mkdir(parents=True)
    boot.write_text(f"{HERE}\n")
    for name, offsets in (("self", own), (str(PID), service)):
        (root / "proc" / name).mkdir()
        if offsets is not None:
            (root / "proc" / name / "timens_offsets").write_text(offsets)
    return root


def test_one_boot_and_no_offset_is_one_clock(tmp_path):
    assert clock_of(PID, HERE, host(tmp_path)) == "shared"


def test_another_boot_id_is_a_clock_of_its_own(tmp_path):
    assert clock_of(PID, HERE.replace("1", "2"), host(tmp_path)) == "own"


@pytest.mark.parametrize("offset", ["monotonic 86400 0", "monotonic 0 1", "monotonic -5 0", "boottime 3 0"])
@pytest.mark.parametrize("whose", ["own", "service"])
def test_a_shifted_time_namespace_is_a_clock_of_its_own(tmp_path, whose, offset):
    assert clock_of(PID, HERE, host(tmp_path, **{whose: f"{offset}\n"})) == "own"


def test_a_kernel_without_time_namespaces_has_one_clock(tmp_path):
    assert clock_of(PID, HERE, host(tmp_path, own=None, service=None)) == "shared"


@pytest.mark.parametrize("offsets", [None, "monotonic ? ?\n"])
def test_offsets_that_cannot_be_read_prove_nothing(tmp_path, offsets):
    assert clock_of(PID, HERE, host(tmp_path, service=offsets)) == "own"
    assert clock_of(PID + 1, HERE, tmp_path) == "own"
    assert clock_of(PID, HERE, tmp_path / "nowhere") == "own"


def test_a_process_that_is_gone_on_a_kernel_without_time_namespaces_proves_nothing(tmp_path):
    assert clock_of(PID + 1, HERE, host(tmp_path, own=None, service=None)) == "own"


SHIFT = 10**12
LATER = (Sample(1, SHIFT, SHIFT + 40), Sample(1, SHIFT + 50, SHIFT + 90))


def test_of_a_clock_of_its_own_durations_and_order_are_checked_and_no_more():
    assert check_stamps(LATER, 0, 100, "own") == []
    for clock in ("shared", None):
        assert [one.code for one in check_stamps(LATER, 0, 100, clock)] == ["impossible_time"]
    # More time than the call took; one before the other; an end before its start.
    for samples, received in (
        (LATER, 89),
        (LATER[::-1], 100),
        ((Sample(1, SHIFT, SHIFT - 1),), 100),
        ((Sample(1, SHIFT, SHIFT + 40), Sample(1, SHIFT + 39, SHIFT + 90)), 100),
    ):
        assert [one.code for one in check_stamps(samples, 0, received, "own")] == ["impossible_time"]


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    monkeypatch.setattr("mlfleet.launch.ready.peer", lambda _path: None)
    with listening(tmp_path, "one"):
        yield Fleet(tmp_path)


def measured(fleet, runtime, **bench):
    cell = fleet.cell("one")
    cell = replace(cell, environment=replace(cell.environment, runtime=runtime))
    block = Block("control.noop", 1, ("one",), (("one",),))
    bench = replace(fleet.bench(), **bench)
    (record,) = measure_block(block, {"one": cell}, {"one": fleet.trial("one")}, {}, bench, lambda _: None)
    return record


@pytest.mark.parametrize("runtime", ["docker", "process", "attach"])
def test_a_shifted_clock_is_impossible_where_it_is_ours_and_measured_where_it_is_not(fleet, runtime):
    fleet.behaviour("one").shift_ns = SHIFT
    found = measured(fleet, runtime)
    assert (found.verdict, found.clock) == (Verdict.IMPOSSIBLE_TIME, "shared")
    fleet.behaviour("one").identity = {"boot_id": "another"}
    found = measured(fleet, runtime)
    assert (found.verdict, found.clock) == (Verdict.OK, "own"), found.reason


def test_the_process_that_is_asked_is_the_service_that_listens(fleet):
    asked = []

    def clock(pid, boot):
        asked.append((pid, boot))
        return "shared"

    assert measured(fleet, "attach", clock_of=clock).clock == "shared"
    assert asked == [(1, "boot")]


def with_clock(clock, boot="boot", shift=0):
    """Makes sklearn's trials have that clock, its stamps shifted."""

    def change(record):
        if record.trial.framework != "sklearn":
            return record
        (turn,) = record.turns
        shifted = tuple(Sample(one.iterations, one.start_ns + shift, one.end_ns + shift) for one in turn.samples)
        identity = replace(record.identity, boot_id=boot)
        return replace(record, clock=clock, identity=identity, turns=(replace(turn, samples=shifted),))

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (with_clock("shared"), set()),
        (with_clock("own"), set()),
        (with_clock("own", "another", SHIFT), set()),
        (with_clock("shared", "another"), {"clock"}),
        (with_clock("shared", shift=SHIFT), {"turn 1, stamps"}),
        (with_clock(None, shift=SHIFT), {"turn 1, stamps"}),
    ],
)
def test_verify_holds_stamps_by_the_clock_that_the_boots_allow(tmp_path, monkeypatch, change, named):
    monkeypatch.setattr(os, "fsync", lambda _fd: None)
    folder = write_run(tmp_path / "run", PAIR, change=change)
    found = verify(folder, Progress(lambda _: None), (folder.parent,)).findings.differences
    assert {one.field for one in found} == named, found
