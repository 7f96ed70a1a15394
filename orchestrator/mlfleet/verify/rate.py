"""Units of work in a second: those of an iteration by the receipts of a cell, over its time."""

from statistics import median

from mlfleet.verify import numbers
from mlfleet.verify.outcomes import CellNumbers
from mlfleet.verify.plan import Run

_NS_PER_S = 1e9


def per_second(run: Run, workload: str, cell: CellNumbers) -> tuple[tuple[float, float, float] | None, str]:
    """Lower end, point and upper end; or None and why."""
    work, time = run.workload(workload), cell.intervals["time"]
    if time is None or work is None:
        return None, cell.absent.get("time", "no_interval")
    shown = [one for one in cell.trials if one.verdict == "ok" or cell.verdict != "ok"]
    counted = [numbers.units(one, work.body["unit_key"].text()) for one in shown]
    known = [one for one in counted if one is not None]
    if not known or len(known) < len(counted):
        return None, "not_counted"
    low, point, high = time.ratio
    each = _NS_PER_S * median(known)
    return (each / high, each / point, each / low), ""
