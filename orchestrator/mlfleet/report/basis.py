"""What the outcomes rest on: how many were tested together, and what this host can show at all."""

from mlfleet.model import Metric
from mlfleet.report.units import percent, plural
from mlfleet.stats import ALPHA
from mlfleet.table import Table


def basis(table: Table) -> tuple[str, ...]:
    """The sentences that stand before the outcomes."""
    return (how_many_tested(table), resolution(table))


def how_many_tested(table: Table) -> str:
    """How many comparisons were tested, in how many families, and how many of these hold a small enough p."""
    levels = table.levels
    if not levels.comparisons:
        return "No comparison was tested: none passed every gate in enough blocks."
    return (
        f"{plural(levels.comparisons, 'comparison')} tested in M = {levels.families} families of one workload and "
        f"metric, R = {levels.selected} of them with a small enough p; a = {percent(ALPHA)}, divided by Holm within "
        "a family and by Benjamini-Hochberg across them."
    )


def resolution(table: Table) -> str:
    """What equal services seem to differ by on this host, or that nobody has measured it."""
    run = table.run
    found: dict[Metric, float] = {one.metric: one.resolution for one in table.comparisons if one.resolution is not None}
    if run.resolution is None or not found:
        return (
            "No A/A resolution of this host is known: how small a difference it can show was not measured, and no "
            "outcome takes it into account; try: mlfleet validate"
        )
    shares = ", ".join(f"{metric} {percent(float(f'{share:.2g}'))}" for metric, share in found.items())
    lacking = [metric for metric in run.metrics if metric not in found]
    rest = f"; none is known for {', '.join(lacking)}" if lacking else ""
    return (
        f"A/A resolution of this host, within which equal services differ: {shares}{rest} "
        f"(validation {run.resolution.validation}, {run.resolution.created}). Nothing within it is called different."
    )
