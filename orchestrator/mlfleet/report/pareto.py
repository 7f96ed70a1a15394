"""Peak memory against time, quality beside: which cells of a workload no other is better than, by point estimates."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlfleet.model import Metric
from mlfleet.report.axis import BINARY, DECIMAL, Axis, free_line, log_axis
from mlfleet.report.placed import unplaced
from mlfleet.report.rows import Row
from mlfleet.report.units import duration, size
from mlfleet.runfile import PlannedWorkload
from mlfleet.stats import Estimate
from mlfleet.table import Table

_METRICS: tuple[Metric, Metric] = ("time", "memory")
# Percent of the width, and px of the height: labels of the other axis lie beyond.
_LEFT, _RIGHT = 12.0, 96.0
_TOP, _BOTTOM = 16.0, 256.0
# From here on a name has no room to the right of its mark.
_LEFTWARDS = 70.0
# px that it stands above its whisker.
_LIFT = 5
# What a single cell would show is no trade-off.
_LEAST = 2


@dataclass(frozen=True)
class Extent:
    """Where a value and the ends of its interval are drawn: percent of the width, or px."""

    low: float
    point: float
    high: float


@dataclass(frozen=True)
class Point:
    """A cell in the plane. `better` names those that are at least as good in everything and better in something."""

    framework: str
    x: Extent
    y: Extent
    label_y: float
    leftwards: bool
    text: str
    better: tuple[str, ...]


@dataclass(frozen=True)
class Plane:
    """The plane of one workload; no points where fewer than two cells may be placed. `missing` names all others."""

    points: tuple[Point, ...]
    time: Axis | None
    memory: Axis | None
    missing: tuple[str, ...]
    # What is weighed against each other: "time, peak anonymous memory and accuracy".
    by: str
    height: float = _BOTTOM + 24


@dataclass(frozen=True)
class _Placed:
    row: Row
    time: Estimate
    memory: Estimate
    # All the lower, the better.
    values: tuple[float, ...]


def plane(table: Table, planned: PlannedWorkload, rows: Sequence[Row]) -> Plane:
    """The plane of a workload that is compared, from its rows."""
    why = {row.cell.framework: unplaced(table, row.cell, _METRICS) for row in rows}
    fit = [row for row in rows if not why[row.cell.framework]]
    quality = planned.direction != 0 and all(row.quality.exact is not None for row in fit)
    placed = [one for row in fit if (one := _placed(row, planned.direction if quality else 0))]
    missing = tuple(f"{name}: {reason}" for name, reason in why.items() if reason)
    decides = _decides(fit[0]) if fit and quality else ""
    by = f"time, peak anonymous memory and {decides}" if decides else "time and peak anonymous memory"
    if len(placed) < _LEAST:
        return Plane((), None, None, missing, by)
    times = [end for one in placed for end in (one.time.low, one.time.high)]
    sizes = [end for one in placed for end in (one.memory.low, one.memory.high)]
    time = log_axis(times, DECIMAL, duration, _LEFT, _RIGHT)
    memory = log_axis(sizes, BINARY, size, _BOTTOM, _TOP)
    return Plane(_points(placed, time, memory), time, memory, missing, by)


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether the one is at least as good in everything and better in something; the lower, the better."""
    pairs = list(zip(one, other, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def _placed(row: Row, direction: int) -> _Placed | None:
    time, memory = row.cell.estimates.get("time"), row.cell.estimates.get("memory")
    if time is None or memory is None:
        return None
    values: tuple[float, ...] = (time.point, memory.point)
    if direction and row.quality.exact is not None:
        # As it is printed: a difference in the sixth digit is no better quality.
        values = (*values, -direction * float(f"{row.quality.exact:.5g}"))
    return _Placed(row, time, memory, values)


def _points(placed: Sequence[_Placed], time: Axis, memory: Axis) -> tuple[Point, ...]:
    taken: list[tuple[float, float]] = []
    found = []
    for one in sorted(placed, key=lambda one: (-one.memory.point, one.time.point)):
        x, y = _extent(one.time, time), _extent(one.memory, memory)
        label = free_line(x.point, y.point, taken)
        taken.append((x.point, label))
        better = tuple(other.row.cell.framework for other in placed if dominates(other.values, one.values))
        name = one.row.cell.framework
        found.append(Point(name, x, y, round(label - _LIFT, 3), x.point > _LEFTWARDS, _text(one.row), better))
    return tuple(found)


def _extent(estimate: Estimate, axis: Axis) -> Extent:
    return Extent(axis.place(estimate.low), axis.place(estimate.point), axis.place(estimate.high))


def _text(row: Row) -> str:
    parts = [row.time.text, row.anonymous.text]
    if row.quality.exact is not None:
        parts.append(f"{_decides(row)} {row.quality.text}")
    return ", ".join(parts)


def _decides(row: Row) -> str:
    return row.quality.note.partition(",")[0]
