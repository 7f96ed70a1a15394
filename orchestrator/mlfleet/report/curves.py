"""Curves of levels on two log axes: one a framework, through what was measured of it and nothing else."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mlfleet.cells import CellRow
from mlfleet.report.axis import DECIMAL, Axis, Grid, free_line, log_axis
from mlfleet.report.placed import unplaced
from mlfleet.report.units import count, duration
from mlfleet.runfile import PlannedWorkload
from mlfleet.table import Table

LEFT, RIGHT = 12.0, 80.0
TOP, BOTTOM = 16.0, 216.0


@dataclass(frozen=True)
class Level:
    """What a cell takes, in ns; `low` and `high` are its interval's ends, both `point` where none is drawn."""

    point: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """One framework: marks as (x percent, y px), lines between neighbours as (x1, y1, x2, y2)."""

    framework: str
    marks: tuple[tuple[float, float], ...]
    lines: tuple[tuple[float, float, float, float], ...]
    # Intervals, as (x percent, y px of the low end, y px of the high end).
    spans: tuple[tuple[float, float, float], ...]
    label_y: float
    # "batch 1: 12.3 µs, batch 32: 1.20 µs".
    text: str


@dataclass(frozen=True)
class Curves:
    """All curves of one task on one dataset; no axes where nothing may be drawn. `missing` names what is not."""

    title: str
    # What is drawn and how: "time per row", "batch".
    upwards: str
    sideways: str
    across: Axis | None
    time: Axis | None
    curves: tuple[Curve, ...]
    missing: tuple[str, ...]
    # Sentences about where two of them cross, or that none was seen to.
    crossings: tuple[str, ...] = ()
    height: float = BOTTOM + 24


@dataclass(frozen=True)
class Steps:
    """What lies along the axis across: its word, how one is called in a sentence, and which numbers are round there."""

    sideways: str
    said: Callable[[int], str]
    grids: Sequence[Grid]


Read = Callable[[PlannedWorkload, CellRow], tuple[Level | None, str]]


def curves(table: Table, by_step: Mapping[int, PlannedWorkload], upwards: str, steps: Steps, read: Read) -> Curves:
    """Curves of workloads by what lies across, in ascending order. `read`: a cell's level, or why it has none."""
    found: dict[str, dict[int, Level]] = {key: {} for planned in by_step.values() for key in planned.cells}
    missing = []
    for step, planned in by_step.items():
        for key in planned.cells:
            cell = table.cell(planned.workload.name, key)
            why = unplaced(table, cell, ("time",))
            level, why = (None, why) if why else read(planned, cell)
            if level is None:
                missing.append(f"{key} at {steps.said(step)}: {why}")
            else:
                found[key][step] = level
    work = next(iter(by_step.values())).workload
    title = f"{work.task} on {work.dataset}"
    # A single mark of each framework is no curve.
    if all(len(mine) < 2 for mine in found.values()):  # noqa: PLR2004
        return Curves(title, upwards, steps.sideways, None, None, (), tuple(missing))
    ends = [end for mine in found.values() for level in mine.values() for end in (level.low, level.high)]
    across = log_axis(list(by_step), steps.grids, lambda step: count(round(step)), LEFT, RIGHT)
    time = log_axis(ends, DECIMAL, duration, BOTTOM, TOP)
    drawn = _drawn(found, list(by_step), across, time, steps)
    return Curves(title, upwards, steps.sideways, across, time, drawn, tuple(missing))


def _drawn(
    found: Mapping[str, Mapping[int, Level]], order: Sequence[int], across: Axis, time: Axis, steps: Steps
) -> tuple[Curve, ...]:
    taken: list[tuple[float, float]] = []
    drawn = []
    for key, levels in found.items():
        if not levels:
            continue
        places = {step: (across.place(step), time.place(level.point)) for step, level in levels.items()}
        # Never across a step that is not there: nobody knows how it goes there.
        lines = [pair for pair in pairwise(order) if pair[0] in places and pair[1] in places]
        last = places[max(places)]
        label = free_line(last[0], last[1], taken)
        taken.append((last[0], label))
        drawn.append(
            Curve(
                key,
                tuple(places.values()),
                tuple((*places[a], *places[b]) for a, b in lines),
                tuple(
                    (places[step][0], time.place(level.low), time.place(level.high))
                    for step, level in levels.items()
                    if level.low < level.high
                ),
                round(label + 4, 3),
                ", ".join(f"{steps.said(step)}: {duration(level.point)}" for step, level in levels.items()),
            )
        )
    return tuple(drawn)
