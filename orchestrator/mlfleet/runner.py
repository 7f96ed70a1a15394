"""A run: a fold of blocks into the ledger, which can be stopped and gone on with at any block."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from mlfleet import datasets, payload, tasks
from mlfleet.bench import Bench, Cell
from mlfleet.block import measure_block
from mlfleet.course import blocks_left, course, seconds_left
from mlfleet.errors import HostError, InterruptedRun, MlfleetError, StorageError
from mlfleet.gates import least_ns
from mlfleet.ledger import Ledger
from mlfleet.ledger_lines import BlockBody, CloseBody, NoteBody, StopBody, attempts
from mlfleet.model import Record, Trial
from mlfleet.noise import Limits
from mlfleet.plan import Block
from mlfleet.runfile import PlannedWorkload, RunFile
from mlfleet.schedule import rules_of
from mlfleet.state import CLOSING, State, lost, read_state
from mlfleet.verdict import Verdict

# Launches that a lost trial is worth, the first included.
ATTEMPTS = 3
# This many bugs of our own in a row end the run.
OUR_BUGS = 3


class Progress(Protocol):
    """Whoever shows how far the run is."""

    def block(self, block: Block, number: int, total: int, left_s: float | None) -> None:
        """A block begins, the number-th of the run; `total` and `left_s`: how many and how long, if that is known."""

    def done(self, block: Block, records: list[Record]) -> None:
        """A block has ended."""


def cells_of(run: RunFile) -> dict[tuple[str, str], Cell]:
    """Every cell of the plan by workload and framework, its payload made again and checked against the plan."""
    cells: dict[tuple[str, str], Cell] = {}
    met: set[str] = set()
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
                environment=run.environment_of(planned.workload.name),
                seed=run.seed,
                rules=rules_of(run.schedule_of(planned.workload.name)),
                least_ns=least_ns(planned.bound, run.roof),
                latency=run.latency and not planned.control,
                # What a service holds before it is given any data is the same in all of them.
                idle=framework not in met,
            )
            met.add(framework)
    return cells


def measure_run(
    run: RunFile,
    cells: Mapping[tuple[str, str], Cell],
    ledger: Ledger,
    bench: Bench,
    progress: Progress,
    max_time_s: float | None,
) -> str:
    """Measure what the ledger lacks, in the order of `course`; gives why it ended: `done` or `max_time`.

    Raises InterruptedRun, StorageError, and MlfleetError after three bugs of our own in a row.
    """
    state = read_state(ledger)
    bench = replace(bench, limits=Limits.of_run(run.constants))
    start, longest = time.monotonic(), 0.0
    with _closing(ledger) as close:
        for step in course(run, state):
            if isinstance(step, StopBody):
                ledger.append("stop", step)
                state.stop(step)
                continue
            number = len(state.closed) + 1
            total = max(number, len(state.closed) + blocks_left(run, state))
            began = time.monotonic()
            if max_time_s is not None and began - start + longest > max_time_s:
                ledger.append("note", NoteBody("max_time", f"stopped before block {number} of {total}"))
                close("max_time")
                return "max_time"
            progress.block(step, number, total, seconds_left(run, state))
            progress.done(step, _one_block(run, step, cells, ledger, bench, state))
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
    """A block until no trial of it was lost, or all attempts are used up.

    Only its last attempt counts, and what closed a cell in an earlier one: that cell has no later attempt.
    """
    began = time.monotonic_ns()
    closing: dict[int, Record] = {}
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
        found = {ledger.append("record", record): record for record in records}
        for record in records:
            key = (record.trial.cell, record.trial.block)
            state.started[key] += 1
            state.charged[key] += 1
            state.note(record)
        if state.bugs >= OUR_BUGS:
            raise MlfleetError(
                f"{state.bugs} trials in a row ended in a bug of mlfleet; the last: {records[-1].reason}"
            )
        again = [record for record in records if lost(record)]
        if not any(state.charged[record.trial.cell, record.trial.block] < ATTEMPTS for record in again):
            counted = closing | found
            body = BlockBody(block.workload, block.number, tuple(counted), time.monotonic_ns() - began)
            ledger.append("block", body)
            state.close(body, tuple(counted.values()))
            return list(counted.values())
        closing |= {seq: record for seq, record in found.items() if record.verdict.group in CLOSING}


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
