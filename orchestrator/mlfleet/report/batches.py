"""Time per unit of work against batch size: workloads that differ in nothing but their batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from mlfleet.cells import CellRow
from mlfleet.model import Param
from mlfleet.report.axis import BINARY, DECIMAL, Axis, free_line, log_axis
from mlfleet.report.placed import unplaced
from mlfleet.report.units import count, duration
from mlfleet.runfile import PlannedWorkload
from mlfleet.table import Table

_BATCH = "batch"
_LEFT, _RIGHT = 12.0, 80.0
_TOP, _BOTTOM = 16.0, 216.0


@dataclass(frozen=True)
class Curve:
    """One framework: marks as (x percent, y px), lines between neighbouring batches as (x1, y1, x2, y2)."""

    framework: str
    marks: tuple[tuple[float, float], ...]
    lines: tuple[tuple[float, float, float, float], ...]
    label_y: float
    # "batch 1: 12.3 µs, batch 32: 1.20 µs".
    text: str


@dataclass(frozen=True)
class Curves:
    """All curves of one task on one dataset; no axes where nothing may be drawn. `missing` names what is not."""

    title: str
    unit: str
    batch: Axis | None
    time: Axis | None
    curves: tuple[Curve, ...]
    missing: tuple[str, ...]
    height: float = _BOTTOM + 24


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
    return tuple(_curves(table, dict(sorted(mine.items()))) for mine in groups.values() if len(mine) > 1)


def _batch(planned: PlannedWorkload) -> int | None:
    """The number that went on the wire: a suite may say "all"."""
    found = planned.params.get(_BATCH) if _BATCH in planned.workload.params else None
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None


def _curves(table: Table, by_batch: Mapping[int, PlannedWorkload]) -> Curves:
    frameworks = dict.fromkeys(key for planned in by_batch.values() for key in planned.cells)
    found: dict[str, dict[int, float]] = {key: {} for key in frameworks}
    missing = []
    for batch, planned in by_batch.items():
        for key in planned.cells:
            cell = table.cell(planned.workload.name, key)
            time, why = _time_per_unit(table, planned, cell)
            if time is None:
                missing.append(f"{key} at batch {count(batch)}: {why}")
            else:
                found[key][batch] = time
    first = next(iter(by_batch.values()))
    title = f"{first.workload.task} on {first.workload.dataset}"
    times = [time for mine in found.values() for time in mine.values()]
    # A single batch of each framework is no curve.
    if all(len(mine) < 2 for mine in found.values()):  # noqa: PLR2004
        return Curves(title, first.unit, None, None, (), tuple(missing))
    batch_axis = log_axis(list(by_batch), BINARY, lambda batch: count(round(batch)), _LEFT, _RIGHT)
    time_axis = log_axis(times, DECIMAL, duration, _BOTTOM, _TOP)
    curves = _drawn(found, list(by_batch), batch_axis, time_axis)
    return Curves(title, first.unit, batch_axis, time_axis, curves, tuple(missing))


def _drawn(
    found: Mapping[str, Mapping[int, float]], batches: Sequence[int], across: Axis, down: Axis
) -> tuple[Curve, ...]:
    taken: list[tuple[float, float]] = []
    curves = []
    for key, times in found.items():
        if not times:
            continue
        places = {batch: (across.place(batch), down.place(time)) for batch, time in times.items()}
        # Never across a batch that is not there: nobody knows how it goes there.
        steps = [pair for pair in pairwise(batches) if pair[0] in places and pair[1] in places]
        last = places[max(places)]
        label = free_line(last[0], last[1], taken)
        taken.append((last[0], label))
        curves.append(
            Curve(
                key,
                tuple(places.values()),
                tuple((*places[a], *places[b]) for a, b in steps),
                round(label + 4, 3),
                ", ".join(f"batch {count(batch)}: {duration(time)}" for batch, time in times.items()),
            )
        )
    return tuple(curves)


def _time_per_unit(table: Table, planned: PlannedWorkload, cell: CellRow) -> tuple[float | None, str]:
    """Of each unit, in ns: an iteration's estimate by what its receipt counts, or None and the reason."""
    if why := unplaced(table, cell, ("time",)):
        return None, why
    counted = [record.receipt.get(planned.unit_key) for record in cell.shown]
    units = [one for one in counted if isinstance(one, int | float) and not isinstance(one, bool) and one > 0]
    estimate = cell.estimates.get("time")
    if estimate is None or not units or len(units) < len(counted):
        return None, f"its receipt counts no {planned.unit_key}"
    return estimate.point / median(units), ""
