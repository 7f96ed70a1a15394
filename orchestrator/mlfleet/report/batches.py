"""Time per unit of work against batch size: workloads that differ in nothing but their batch."""

from mlfleet.cells import CellRow
from mlfleet.model import Param
from mlfleet.report.axis import BINARY
from mlfleet.report.curves import Curves, Level, Steps, curves
from mlfleet.report.throughput import units_of
from mlfleet.report.units import count
from mlfleet.runfile import PlannedWorkload
from mlfleet.table import Table

_BATCH = "batch"
_STEPS = Steps("batch", lambda batch: f"batch {count(batch)}", BINARY)


def batches(table: Table) -> tuple[Curves, ...]:
    """The curves of every task and dataset that the run has with two batches or more."""
    groups: dict[tuple[str, str, tuple[tuple[str, Param], ...]], dict[int, PlannedWorkload]] = {}
    for planned in table.run.workloads:
        batch = _batch(planned)
        if batch is None or planned.control or not planned.cells:
            continue
        work = planned.workload
        rest = tuple(sorted((name, value) for name, value in work.params.items() if name != _BATCH))
        groups.setdefault((work.task, work.dataset, rest), {}).setdefault(batch, planned)
    return tuple(
        curves(
            table,
            dict(sorted(mine.items())),
            f"time per {next(iter(mine.values())).unit}",
            _STEPS,
            _time_per_unit,
        )
        for mine in groups.values()
        if len(mine) > 1
    )


def _batch(planned: PlannedWorkload) -> int | None:
    """The number that went on the wire: a suite may say "all"."""
    found = planned.params.get(_BATCH) if _BATCH in planned.workload.params else None
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None


def _time_per_unit(planned: PlannedWorkload, cell: CellRow) -> tuple[Level | None, str]:
    """Of each unit, in ns: an iteration's estimate by what its receipt counts, or None and the reason."""
    estimate, counted = cell.estimates.get("time"), units_of(planned, cell)
    if estimate is None or counted is None:
        return None, f"its receipt counts no {planned.unit_key}"
    time = estimate.point / counted
    return Level(time, time, time), ""
