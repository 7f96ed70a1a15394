"""A run into its ledger: every block once, whatever stops it, and cells that are shut stay shut."""

import socket
from dataclasses import replace

import pytest
from fakes import Fleet, refused
from mlfleet import runner
from mlfleet.codec import encode
from mlfleet.errors import InterruptedRun, MlfleetError
from mlfleet.ledger import Ledger
from mlfleet.ledger_lines import StopBody, closed_blocks, read_records
from mlfleet.looks import LOOKS
from mlfleet.runner import go_on, measure_run
from mlfleet.state import read_state
from mlfleet.tasks.control import WORKLOAD
from mlfleet.verdict import Verdict
from samples import Cell, run_file
from silent import Silent

KEYS = ("one", "two")


def compared(blocks):
    """A run of two frameworks that do the control's work, to be compared as any other."""
    run = run_file({WORKLOAD.name: {key: Cell(1e6) for key in KEYS}}, blocks=blocks)
    return replace(run, workloads=(replace(run.workloads[0], control=False),))


RUN = compared(3)


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    fleet = Fleet(tmp_path)
    monkeypatch.setattr("mlfleet.launch.ready.peer", lambda _path: None)
    listening = []
    for key in KEYS:
        listening.append(socket.socket(socket.AF_UNIX))
        listening[-1].bind(str(tmp_path / key))
    yield fleet
    for open_socket in listening:
        open_socket.close()


def measure(fleet, ledger, max_time=None, run=RUN):
    cells = {(WORKLOAD.name, key): fleet.cell(key) for key in KEYS}
    return measure_run(run, cells, ledger, fleet.bench(), Silent(), max_time)


def fresh(fleet):
    return Ledger.create(fleet.folder / "run", encode(RUN))


def verdicts(fleet, **options):
    return [
        (r.trial.block, r.trial.framework, r.trial.attempt, r.verdict)
        for r in sorted(read_records(fleet.folder / "run", **options), key=lambda r: (r.trial.block, r.trial.framework))
    ]


def test_every_block_is_closed_with_a_record_per_cell(fleet):
    with fresh(fleet) as ledger:
        assert measure(fleet, ledger) == "done"
    assert verdicts(fleet) == [(block, key, 1, Verdict.OK) for block in (1, 2, 3) for key in KEYS]


def test_calibration_is_made_once_per_cell_and_kept(fleet):
    with fresh(fleet) as ledger:
        measure(fleet, ledger)
    found = read_records(fleet.folder / "run")
    assert len({record.calibration for record in found}) == 1


@pytest.mark.parametrize("instant", range(0, 120, 7))
def test_a_run_stopped_anywhere_is_finished_by_resume_with_no_block_lost_or_doubled(fleet, instant):
    class Bomb(list):
        def append(self, event):
            super().append(event)
            fleet.stopped = fleet.stopped or len(self) == instant + 1

    fleet.events = Bomb()
    with fresh(fleet) as ledger:
        try:
            measure(fleet, ledger)
        except InterruptedRun:
            assert list(ledger.lines())[-1].kind == "close"
    fleet.stopped, fleet.events = False, []
    with Ledger.open(fleet.folder / "run") as ledger:
        go_on(ledger)
        assert measure(fleet, ledger) == "done"
        assert len(closed_blocks(ledger.lines())) == 3
        assert sum(line.kind == "block" for line in ledger.lines()) == 3
    assert [(b, k, v) for b, k, _, v in verdicts(fleet)] == [(b, k, Verdict.OK) for b in (1, 2, 3) for k in KEYS]
    starts = sum(event.startswith("launch") for event in fleet.events)
    assert starts % 2 == 0, "a block is measured whole"


def test_an_invalid_cell_is_shut_and_the_other_goes_on(fleet):
    fleet.behaviour("two").receipt = {"rows": 1}
    with fresh(fleet) as ledger:
        measure(fleet, ledger)
    assert verdicts(fleet) == [
        (1, "one", 1, Verdict.OK),
        (1, "two", 1, Verdict.SHORT_WORK),
        (2, "one", 1, Verdict.OK),
        (3, "one", 1, Verdict.OK),
    ]


def test_a_lost_trial_is_tried_three_times_as_a_whole_block_and_all_attempts_are_kept(fleet):
    fleet.behaviour("two").fail = {"measure": refused("UNAVAILABLE")}
    with fresh(fleet) as ledger:
        measure(fleet, ledger)
    everything = [v for v in verdicts(fleet, closed_only=False) if v[0] == 1]
    assert [(key, attempt) for _, key, attempt, _ in everything if key == "two"] == [("two", 1), ("two", 2), ("two", 3)]
    counted = [v for v in verdicts(fleet) if v[0] == 1]
    assert counted == [(1, "one", 3, Verdict.OK), (1, "two", 3, Verdict.TRANSPORT_FAILED)]
    assert [v for v in verdicts(fleet) if v[1] == "two"] == counted[1:], "then the cell is shut"


def test_what_closed_a_cell_counts_although_another_was_lost_beside_it_and_tried_again(fleet):
    fleet.behaviour("one").receipt = {"rows": 1}
    fleet.behaviour("two").fail = {"measure": refused("UNAVAILABLE")}
    with fresh(fleet) as ledger:
        measure(fleet, ledger)
        again = read_state(ledger)
    assert verdicts(fleet) == [(1, "one", 1, Verdict.SHORT_WORK), (1, "two", 3, Verdict.TRANSPORT_FAILED)]
    assert again.shut == {fleet.cell(key).id for key in KEYS}


def test_a_block_line_says_how_long_all_its_attempts_took(fleet, monkeypatch):
    fleet.behaviour("two").fail = {"measure": refused("UNAVAILABLE")}
    monkeypatch.setattr("mlfleet.runner.time.monotonic_ns", lambda: len(fleet.events))
    with fresh(fleet) as ledger:
        measure(fleet, ledger)
        first, *_ = closed_blocks(ledger.lines()).values()
        state = read_state(ledger)
    assert fleet.events[: first.spent_ns].count("launch two") == 3
    assert state.spent_ns[WORKLOAD.name] == len(fleet.events)


def disturbed_in(fleet, monkeypatch, *blocks):
    """What the machine did to the trials of framework two in these blocks."""
    measured = runner.measure_block

    def busy(block, *others):
        records = measured(block, *others)
        return [
            replace(record, verdict=Verdict.DISTURBED)
            if block.number in blocks and record.trial.framework == "two"
            else record
            for record in records
        ]

    monkeypatch.setattr(runner, "measure_block", busy)


def test_a_disturbed_trial_is_not_tried_again_in_place_but_in_a_block_behind_the_plan(fleet, monkeypatch):
    disturbed_in(fleet, monkeypatch, 2)
    with fresh(fleet) as ledger:
        assert measure(fleet, ledger) == "done"
    found = [v for v in verdicts(fleet, closed_only=False) if v[1] == "two"]
    assert found == [
        (1, "two", 1, Verdict.OK),
        (2, "two", 1, Verdict.DISTURBED),
        (3, "two", 1, Verdict.OK),
        (4, "two", 1, Verdict.OK),
    ]


def looking(fleet):
    """A run that looks, of two frameworks that take as long as each other."""
    planned = replace(RUN.workloads[0], cells={key: fleet.cell(key).id for key in KEYS})
    return replace(compared(40), workloads=(planned,), looks=LOOKS)


def stops(ledger):
    return [line.read(StopBody) for line in ledger.lines() if line.kind == "stop"]


def test_a_stop_is_a_line_of_the_ledger_with_its_reason(fleet):
    run = looking(fleet)
    with Ledger.create(fleet.folder / "run", encode(run)) as ledger:
        assert measure(fleet, ledger, run=run) == "done"
        assert stops(ledger) == [StopBody(WORKLOAD.name, "precision", 10)]
        assert [line.kind for line in ledger.lines()][-2:] == ["stop", "close"]
        assert len(closed_blocks(ledger.lines())) == 10


@pytest.mark.parametrize("killed_at", ["block", "stop"])
def test_a_resume_decides_the_same_whichever_line_was_the_last(fleet, killed_at, monkeypatch):
    run = looking(fleet)
    append = Ledger.append

    def dies(self, kind, body):
        seq = append(self, kind, body)
        if kind == killed_at and getattr(body, "block", 10) == 10:
            raise KeyboardInterrupt
        return seq

    monkeypatch.setattr(Ledger, "append", dies)
    with Ledger.create(fleet.folder / "run", encode(run)) as ledger, pytest.raises(KeyboardInterrupt):
        measure(fleet, ledger, run=run)
    monkeypatch.setattr(Ledger, "append", append)
    fleet.events = []
    with Ledger.open(fleet.folder / "run") as ledger:
        go_on(ledger)
        assert measure(fleet, ledger, run=run) == "done"
        assert stops(ledger) == [StopBody(WORKLOAD.name, "precision", 10)]
    assert not fleet.events, "nothing more was measured"


def test_three_bugs_of_our_own_end_the_run(fleet):
    for key in KEYS:
        fleet.behaviour(key).fail = {"measure": ZeroDivisionError()}
    with fresh(fleet) as ledger, pytest.raises(MlfleetError, match="bug of mlfleet"):
        measure(fleet, ledger)


def test_max_time_ends_before_the_next_block_and_says_so(fleet):
    with fresh(fleet) as ledger:
        assert measure(fleet, ledger, max_time=-1.0) == "max_time"
        kinds = [line.kind for line in ledger.lines()]
    assert kinds == ["open", "note", "close"]


def test_run_file_round_trips():
    from mlfleet.codec import decode  # noqa: PLC0415

    assert decode(type(RUN), encode(RUN)) == RUN
    assert encode(replace(RUN, seed=RUN.seed + 1)) != encode(RUN)
