"""A block: one trial of every cell of a workload, prepared one after another, measured in turns."""

from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack

from mlfleet.bench import Bench, Cell
from mlfleet.disturbed import LEAST_FREE
from mlfleet.model import Calibration, Record, Trial
from mlfleet.plan import Block
from mlfleet.trial import TrialRun
from mlfleet.turn import closed


def measure_block(
    block: Block,
    cells: Mapping[str, Cell],
    trials: Mapping[str, Trial],
    calibrations: Mapping[str, Calibration],
    bench: Bench,
    announce: Callable[[Trial], None],
) -> list[Record]:
    """Launch, prepare and warm up each cell, frozen before the next; then turns; then every record.

    `cells`, `trials`: by framework, those of the block that are still open; `calibrations`: by cell id.
    """
    with ExitStack() as stack:
        runs: dict[str, TrialRun] = {}
        for framework in block.launch:
            if framework not in cells:
                continue
            cell = cells[framework]
            cell.payload.path.read_bytes()  # Into the page cache: its pages must not be charged to whoever comes first.
            announce(trials[framework])
            run = TrialRun(cell, trials[framework], bench, calibrations.get(cell.id))
            runs[framework] = stack.enter_context(run)
            run.ready()
        free = bench.memory_free()
        if free is not None and free < LEAST_FREE:
            for run in runs.values():
                run.disturb(
                    "memory_short",
                    f"with all services prepared {free:.0%} of the memory are free, {LEAST_FREE:.0%} are needed",
                )
        _take_turns(block, runs, bench)
        for run in runs.values():
            if run.alive:
                run.latency()
        return [run.finish() for run in runs.values()]


def _take_turns(block: Block, runs: Mapping[str, TrialRun], bench: Bench) -> None:
    turns = min((run.turns_asked for run in runs.values() if run.alive), default=0)
    for number, row in enumerate(block.turns[:turns], start=1):
        for position, framework in enumerate(row, start=1):
            if framework in runs and runs[framework].alive:
                runs[framework].turn(number, position)
    _close(runs.values(), bench)


def _close(runs: Collection[TrialRun], bench: Bench) -> None:
    """One more sentinel, so that each turn has one on either side."""
    taken = sorted((turn for run in runs for turn in run.parts.turns), key=lambda turn: (turn.number, turn.position))
    if not taken:
        return
    cpu = next(run.cell.environment.cpus[0] for run in runs)
    whole = {(turn.number, turn.position): turn for turn in closed(taken, bench.sentinel(cpu))}
    for run in runs:
        run.parts.turns = [whole[turn.number, turn.position] for turn in run.parts.turns]
