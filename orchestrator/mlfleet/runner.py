"""A run: a fold of blocks into the ledger, which can be stopped and gone on with at any block."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from mlfleet import datasets, payload, tasks
from mlfleet.bench import Bench, Cell
from mlfleet.block import measure_block
from mlfleet.errors import HostError, InterruptedRun, MlfleetError, StorageError
from mlfleet.ledger import Ledger
from mlfleet.ledger_lines import BlockBody, CloseBody, NoteBody, attempts, closed_blocks, read_records
from mlfleet.model import Calibration, Record, Trial
from mlfleet.plan import Block
from mlfleet.runfile import PlannedWorkload, RunFile
from mlfleet.schedule import RULES
from mlfleet.verdict import Group, Verdict

# Launches that a lost trial is worth, the first included.
ATTEMPTS = 3
# This many bugs of our own in a row end the run.
OUR_BUGS = 3
_CLOSING = (Group.NOT_RUN, Group.FAILED, Group.INVALID)


class Progress(Protocol):
    """Whoever shows how far the run is."""

    def block(self, block: Block, number: int, total: int) -> None:
        """A block begins; number counts from 1."""

    def done(self, block: Block, records: list[Record]) -> None:
        """A block has ended."""


@dataclass
class State:
    """What the ledger says so far: enough to go on from any block."""

    closed: set[tuple[str, int]]
    # Cells that need no further trial: one closed them.
    shut: set[str]
    calibrations: dict[str, Calibration]
    started: Counter[tuple[str, int]]
    charged: Counter[tuple[str, int]]
    bugs: int = 0

    def note(self, record: Record) -> None:
        """Take a record in."""
        if record.verdict.group in _CLOSING:
            self.shut.add(record.trial.cell)
        if record.calibration is not None and record.verdict is Verdict.OK:
            self.calibrations[record.trial.cell] = record.calibration
        self.bugs = self.bugs + 1 if record.verdict.group is Group.OURS else 0

    def close(self, block: tuple[str, int], records: Iterable[Record]) -> None:
        """A block is closed: what is lost in its last attempt stays lost, and shuts its cell."""
        self.closed.add(block)
        self.shut |= {record.trial.cell for record in records if record.verdict.group is Group.LOST}


def read_state(ledger: Ledger) -> State:
    """Fold the ledger's lines."""
    lines = list(ledger.lines())
    counted = attempts(lines)
    state = State(set(closed_blocks(lines)), set(), {}, counted.started, counted.charged)
    records = read_records(ledger.folder)
    for record in records:
        state.note(record)
        state.close((record.trial.workload, record.trial.block), [record])
    state.bugs = 0
    return state


def cells_of(run: RunFile) -> dict[tuple[str, str], Cell]:
    """Every cell of the plan by workload and framework, its payload made again and checked against the plan."""
    cells: dict[tuple[str, str], Cell] = {}
    for planned in run.workloads:
        if not planned.cells:
            continue
        task = tasks.get(planned.workload.task)
        case = task.case(datasets.load(planned.workload.dataset), planned.workload.params, run.seed)
        stored = payload.store(case.inputs)
        _same_payload(planned, stored)
        for framework, cell in planned.cells.items():
            contestant = run.contestant(framework)
            cells[planned.workload.name, framework] = Cell(
                id=cell,
                service=contestant.service,
                image_id=contestant.image_id,
                version=contestant.version,
                workload=planned.workload.name,
                task=task,
                case=case,
                payload=stored,
                environment=run.environment,
                seed=run.seed,
                rules=RULES["short" if run.schedule == "short" else "standard"],
            )
    return cells


def measure_run(
    run: RunFile,
    cells: Mapping[tuple[str, str], Cell],
    ledger: Ledger,
    bench: Bench,
    progress: Progress,
    max_time_s: float | None,
) -> str:
    """Measure every block that the ledger has not closed; gives why it ended: `done` or `max_time`.

    Raises InterruptedRun, StorageError, and MlfleetError after three bugs of our own in a row.
    """
    state = read_state(ledger)
    start, longest = time.monotonic(), 0.0
    with _closing(ledger) as close:
        for number, block in enumerate(run.plan, start=1):
            if (block.workload, block.number) in state.closed:
                continue
            began = time.monotonic()
            if max_time_s is not None and began - start + longest > max_time_s:
                ledger.append("note", NoteBody("max_time", f"stopped before block {number} of {len(run.plan)}"))
                close("max_time")
                return "max_time"
            progress.block(block, number, len(run.plan))
            progress.done(block, _one_block(run, block, cells, ledger, bench, state))
            longest = max(longest, time.monotonic() - began)
        close("done")
    return "done"


def _one_block(
    run: RunFile,
    block: Block,
    cells: Mapping[tuple[str, str], Cell],
    ledger: Ledger,
    bench: Bench,
    state: State,
) -> list[Record]:
    """A block until no trial of it was lost, or all attempts are used up; only its last attempt counts."""
    while True:
        bench.stop.check()
        still_open = {
            framework: cells[block.workload, framework]
            for framework in block.launch
            if cells[block.workload, framework].id not in state.shut
        }
        trials = {fw: _trial(run, block, cell, state) for fw, cell in still_open.items()}
        records = measure_block(
            block, still_open, trials, state.calibrations, bench, lambda trial: _announce(ledger, trial)
        )
        seqs = [ledger.append("record", record) for record in records]
        for record in records:
            key = (record.trial.cell, record.trial.block)
            state.started[key] += 1
            state.charged[key] += 1
            state.note(record)
        if state.bugs >= OUR_BUGS:
            raise MlfleetError(
                f"{state.bugs} trials in a row ended in a bug of mlfleet; the last: {records[-1].reason}"
            )
        lost = [record for record in records if record.verdict.group is Group.LOST]
        if not any(state.charged[record.trial.cell, record.trial.block] < ATTEMPTS for record in lost):
            ledger.append("block", BlockBody(block.workload, block.number, tuple(seqs)))
            state.close((block.workload, block.number), records)
            return records


def _announce(ledger: Ledger, trial: Trial) -> None:
    ledger.append("start", trial)


def _trial(run: RunFile, block: Block, cell: Cell, state: State) -> Trial:
    attempt = state.started[cell.id, block.number] + 1
    return Trial(cell.id, block.workload, run.setting, cell.service.key, block.number, attempt)


@contextmanager
def _closing(ledger: Ledger) -> Iterator["Closer"]:
    """Write the `close` line with its reason, also when a signal ends the run."""
    closer = Closer(ledger)
    try:
        yield closer
    except InterruptedRun:
        closer("interrupted")
        raise
    except StorageError:
        raise
    except MlfleetError:
        closer("failed")
        raise


@dataclass
class Closer:
    """Writes the last line of a session."""

    ledger: Ledger

    def __call__(self, reason: str) -> None:
        """Why it ended."""
        self.ledger.append("close", CloseBody(reason))


def go_on(ledger: Ledger) -> None:
    """Mark the resume, and give the trials that were never finished their verdict."""
    unfinished = attempts(list(ledger.lines())).unfinished
    ledger.append("resume", {})
    for trial in unfinished:
        record = Record(trial, Verdict.INTERRUPTED, "the run was stopped or killed before it ended", "unknown")
        ledger.append("record", record)


def _same_payload(planned: PlannedWorkload, stored: payload.Payload) -> None:
    found = (stored.sha256, stored.tensors_sha256)
    if found != (planned.payload_sha256, planned.tensors_sha256):
        raise HostError(
            f"workload {planned.workload.name}: its payload is {found[0][:12]} on this host, run.json has "
            f"{planned.payload_sha256[:12]}; the run cannot go on here"
        )
