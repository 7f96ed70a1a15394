"""A block: one trial of every cell of a workload, prepared one after another, measured in turns."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack

from mlfleet.bench import Bench, Cell
from mlfleet.model import Calibration, Record, Trial
from mlfleet.plan import Block
from mlfleet.trial import TrialRun


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
        turns = min((run.turns_asked for run in runs.values() if run.alive), default=0)
        for number, row in enumerate(block.turns[:turns], start=1):
            for position, framework in enumerate(row, start=1):
                if framework in runs and runs[framework].alive:
                    runs[framework].turn(number, position)
        return [run.finish() for run in runs.values()]
