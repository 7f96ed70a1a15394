"""One cell's audit: its variants as the cells of one block, in turns, by the same trials as everything else."""

from collections.abc import Callable, Mapping

from mlfleet import stats
from mlfleet.audit.judge import Audited, judge
from mlfleet.audit.variants import TURNS, Variants, variants
from mlfleet.audits import Audit
from mlfleet.bench import Bench, Cell
from mlfleet.block import measure_block
from mlfleet.model import Calibration, Record, Trial, Workload
from mlfleet.plan import plan_blocks
from mlfleet.runfile import RunFile
from mlfleet.verdict import Group, Verdict

# On a busy machine some blocks are disturbed: at most so many times as many are measured.
MORE_BLOCKS = 2
_CLOSING = (Group.NOT_RUN, Group.FAILED, Group.INVALID)


def audit_cell(
    run: RunFile, workload: Workload, cell: Cell, blocks: int, bench: Bench, keep: Callable[[Record], None]
) -> Audit:
    """Measure and judge; every record is handed to `keep`. Raises what a block raises."""
    found = variants(cell, workload, run.seed)
    records = _measured(run, workload, found, blocks, bench, keep)
    task, contestant = cell.task, run.contestant(cell.service.key)
    outcomes = judge(
        Audited(
            records=records,
            absent={str(name): why for name, why in found.absent.items()},
            size_factor=found.size_factor,
            trains=task.stage == "train",
            value_dependent=task.value_dependent,
            first_call=task.first_call,
            nondeterministic=task.nondeterministic,
        )
    )
    return Audit(
        audit=run.run,
        framework=cell.service.key,
        version=contestant.version,
        image_id=contestant.image_id or "",
        task=task.name,
        workload=workload.name,
        outcomes=outcomes,
    )


def _measured(
    run: RunFile, workload: Workload, found: Variants, blocks: int, bench: Bench, keep: Callable[[Record], None]
) -> dict[str, list[Record]]:
    cells: Mapping[str, Cell] = {str(name): cell for name, cell in found.cells.items()}
    records: dict[str, list[Record]] = {name: [] for name in cells}
    calibrations: dict[str, Calibration] = {}
    open_cells = dict(cells)
    for block in plan_blocks({workload.name: list(cells)}, MORE_BLOCKS * blocks, {workload.name: TURNS}, run.seed):
        bench.stop.check()
        if "original" not in open_cells or (block.number > blocks and _enough(records, open_cells)):
            break
        trials = {
            name: Trial(cell.id, workload.name, run.setting, name, block.number, 1) for name, cell in open_cells.items()
        }
        for record in measure_block(block, open_cells, trials, calibrations, bench, lambda _trial: None):
            keep(record)
            name = record.trial.framework
            records[name].append(record)
            if record.calibration is not None and record.verdict is Verdict.OK:
                calibrations[record.trial.cell] = record.calibration
            if record.verdict.group in _CLOSING:
                open_cells.pop(name)
    return records


def _enough(records: Mapping[str, list[Record]], open_cells: Mapping[str, Cell]) -> bool:
    """Whether every variant that is still measured has an interval with every other."""
    fine = [{record.trial.block for record in records[name] if record.verdict is Verdict.OK} for name in open_cells]
    return len(set.intersection(*fine)) >= stats.MIN_BLOCKS
