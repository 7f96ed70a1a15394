"""Percentiles of single iterations as text."""

from mlfleet.cells import CellRow
from mlfleet.report.units import duration_span, percent, plural
from mlfleet.stats import Estimate


def percentile_text(found: Estimate | None, why: str) -> str:
    """A percentile with its interval over trials, or why there is none."""
    if found is None:
        return f"none: {why}"
    shown = duration_span(found.point, found.low, found.high)
    return f"{shown.value} ({percent(found.level)} interval {shown.interval}, {plural(found.blocks, 'trial')})"


def percentiles(cell: CellRow) -> str:
    """Those percentiles that are known, in one line: "p95 1.2 ms (97 % interval 1.1 to 1.3 ms, 5 trials)"."""
    known = [f"{name} {percentile_text(*found)}" for name, found in cell.percentiles.items() if found[0]]
    return f"{cell.framework}, one iteration: {'; '.join(known)}" if known else ""
