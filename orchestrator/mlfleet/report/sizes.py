"""Time against size: workloads that differ in nothing but how much there is to do, and where two curves cross."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from mlfleet.cells import CellRow
from mlfleet.compare import Comparison
from mlfleet.model import Param
from mlfleet.report.axis import DECIMAL
from mlfleet.report.curves import Curves, Level, Steps, curves
from mlfleet.report.units import count
from mlfleet.runfile import PlannedWorkload
from mlfleet.table import Table

# Task, dataset, parameter, and all others that were asked for.
_Group = tuple[str, str, str, tuple[tuple[str, Param], ...]]


@dataclass(frozen=True)
class _Known:
    """What is known of a pair at a size: the logarithm of contestant / baseline where they differ."""

    size: int
    log: float | None
    refused: bool


def sizes(table: Table) -> tuple[Curves, ...]:
    """The curves of every task and dataset that the run has in two sizes or more."""
    groups: dict[_Group, dict[int, PlannedWorkload]] = {}
    for planned in table.run.workloads:
        if planned.control or not planned.cells:
            continue
        work = planned.workload
        for size in planned.sizes:
            left_out = {size.param, *size.beside}
            rest = tuple(sorted((name, value) for name, value in work.params.items() if name not in left_out))
            groups.setdefault((work.task, work.dataset, size.param, rest), {}).setdefault(size.value, planned)
    return tuple(
        _curves(table, param, dict(sorted(mine.items()))) for (_, _, param, _), mine in groups.items() if len(mine) > 1
    )


def _curves(table: Table, param: str, by_size: Mapping[int, PlannedWorkload]) -> Curves:
    found = curves(table, by_size, "time per iteration", Steps(param, lambda size: _said(param, size), DECIMAL), _time)
    return replace(found, crossings=_crossings(table, param, by_size)) if found.curves else found


def _said(param: str, size: float) -> str:
    """As a sentence has it: "900 rows", or "m = 900" of a parameter that is no plural."""
    number = count(round(size))
    return f"{number} {param}" if param.endswith("s") else f"{param} = {number}"


def _time(_: PlannedWorkload, cell: CellRow) -> tuple[Level | None, str]:
    estimate = cell.estimates.get("time")
    return (Level(estimate.point, estimate.low, estimate.high), "") if estimate else (None, "no interval of its time")


def _crossings(table: Table, param: str, by_size: Mapping[int, PlannedWorkload]) -> tuple[str, ...]:
    """What can be said of each pair that is compared."""
    places = {planned.workload.name: size for size, planned in by_size.items()}
    pairs: dict[tuple[str, str], list[_Known]] = {}
    for one in table.comparisons:
        if one.metric == "time" and one.workload in places:
            pairs.setdefault((one.contestant, one.baseline), []).append(_known(one, places[one.workload]))
    return tuple(
        text
        for pair, found in pairs.items()
        for text in _of_pair(param, pair, sorted(found, key=lambda known: known.size))
    )


def _known(one: Comparison, size: int) -> _Known:
    log = math.log(one.ratio[0]) if one.ratio and one.outcome == "different" else None
    return _Known(size, log, one.outcome == "refused")


def _of_pair(param: str, pair: tuple[str, str], found: Sequence[_Known]) -> list[str]:
    crossed = []
    for before, after in pairwise([one for one in found if one.log is not None]):
        # What was refused between them may have been anything.
        gap = any(one.refused and before.size < one.size < after.size for one in found)
        if not gap and _faster(pair, before) != _faster(pair, after):
            crossed.append(_crossing(param, pair, before, after))
    return crossed or [f"No crossing of {pair[0]} and {pair[1]} was seen: {_uncrossed(param, pair, found)}."]


def _faster(pair: tuple[str, str], known: _Known) -> str:
    return pair[0] if known.log is not None and known.log < 0 else pair[1]


def _crossing(param: str, pair: tuple[str, str], before: _Known, after: _Known) -> str:
    """Where the ratio would be 1 if it went in a straight line on log axes: two digits, for nobody was there."""
    first, last = abs(before.log or 0.0), abs(after.log or 0.0)
    way = math.log(after.size / before.size) * first / (first + last)
    size = float(f"{before.size * math.exp(way):.2g}")
    return (
        f"{_faster(pair, before)} is faster below about {_said(param, size)}, {_faster(pair, after)} above: they "
        f"differ, the other way round, at {_said(param, before.size)} and at {_said(param, after.size)}."
    )


def _uncrossed(param: str, pair: tuple[str, str], found: Sequence[_Known]) -> str:
    differ = [one for one in found if one.log is not None]
    faster = {_faster(pair, one) for one in differ}
    if not differ:
        return "at no size are they known to differ"
    if len(faster) > 1:
        return "between the sizes at which they differ the other way round, one was refused"
    where = _said(param, differ[0].size)
    if len(differ) == 1:
        return f"they are known to differ at {where} alone, where {faster.pop()} is faster"
    return (
        f"{faster.pop()} is faster wherever they are known to differ, from {where} to {_said(param, differ[-1].size)}"
    )
