"""Which cells may be drawn or set beside others at all: those that are ok and whose pair no gate refused."""

from collections.abc import Sequence

from mlfleet.cells import CellRow
from mlfleet.compare import METER, QUALITY_UNDECIDED
from mlfleet.model import Metric
from mlfleet.report.rows import verdict_text
from mlfleet.table import Table
from mlfleet.verdict import Verdict


def unplaced(table: Table, cell: CellRow, metrics: Sequence[Metric]) -> str:
    """Why a cell has no place in a figure of these metrics; empty where it has one.

    A place is an order by another name: a pair without a ratio has no order either, nor has one of unknown quality.
    """
    if cell.verdict is not Verdict.OK:
        return verdict_text(cell.verdict)
    baseline = table.run.baselines.get(cell.workload)
    pair = (cell.workload, cell.framework)
    mine = [one for one in table.comparisons if (one.workload, one.contestant) == pair and one.metric in metrics]
    if cell.framework != baseline and not mine:
        return "not compared"
    if any(one.outcome == "refused" for one in mine):
        return f"REFUSED against {baseline}"
    if any(QUALITY_UNDECIDED in one.reasons for one in mine):
        return QUALITY_UNDECIDED
    if unheld := [metric for metric in metrics if metric not in table.run.metrics_of(cell.workload)]:
        return f"{unheld[0]} is not compared in this run"
    lacking = next((metric for metric in metrics if cell.estimates.get(metric) is None), None)
    return f"no interval of its {lacking}: {cell.absent.get(lacking, 'not_measured')}" if lacking else ""


def refused(table: Table) -> frozenset[tuple[str, str]]:
    """Workload and contestant of every pair that failed more than a meter: of unequal work nothing is compared."""
    return frozenset(
        (one.workload, one.contestant)
        for one in table.comparisons
        if any(refusal.gate != METER for refusal in one.refusals)
    )
