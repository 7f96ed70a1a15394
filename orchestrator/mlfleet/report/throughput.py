"""Throughput of a cell: units of work in a second, by the time of an iteration and what its receipt counts."""

from statistics import median

from pydantic.dataclasses import dataclass

from mlfleet.cells import CellRow
from mlfleet.model import STRICT
from mlfleet.runfile import PlannedWorkload
from mlfleet.values import units

_NS_PER_S = 1e9


@dataclass(frozen=True, config=STRICT)
class Throughput:
    """Units in a second, with the interval of the time turned round: its upper end is this one's lower."""

    point: float
    low: float
    high: float
    level: float
    blocks: int
    # "row", "token", "image".
    unit: str


def units_of(planned: PlannedWorkload, cell: CellRow) -> float | None:
    """Units in an iteration, median over the trials; None where one of them counts none."""
    found = [units(record, planned.unit_key) for record in cell.shown]
    known = [one for one in found if one is not None]
    return median(known) if known and len(known) == len(found) else None


def throughput(planned: PlannedWorkload, cell: CellRow) -> tuple[Throughput | None, str]:
    """The throughput of a cell, or None and the reason."""
    time, counted = cell.estimates.get("time"), units_of(planned, cell)
    if time is None:
        return None, cell.absent.get("time", "no_interval")
    if counted is None:
        return None, "not_counted"
    per_second = _NS_PER_S * counted
    return Throughput(
        per_second / time.point, per_second / time.high, per_second / time.low, time.level, time.blocks, planned.unit
    ), ""
