"""Why each workload was not measured on, and what was measured again: the end of every workload of a run."""

from mlfleet.looks import PRECISION, PRECISION_OF_EFFECT, Stop
from mlfleet.report.units import duration, percent, plural
from mlfleet.runfile import PlannedWorkload
from mlfleet.table import Table
from mlfleet.verdict import Verdict


def ended(table: Table) -> tuple[str, ...]:
    """One sentence for each workload that stopped at a look or before, or that has appended blocks."""
    return tuple(
        f"{planned.workload.name}: {'; '.join(parts)}"
        for planned in table.run.workloads
        if (parts := _parts(table, planned))
    )


def _parts(table: Table, planned: PlannedWorkload) -> list[str]:
    name = planned.workload.name
    stop = next((stop for stop in table.stops if stop.workload == name), None)
    parts = [f"{plural(stop.blocks, 'block')}, {_reasons(table.run.budget_of(name))[stop.reason]}"] if stop else []
    most = max((block.number for block in table.run.plan if block.workload == name), default=0)
    records = [record for key in planned.cells for record in table.cell(name, key).records]
    disturbed = {record.trial.block for record in records if record.verdict is Verdict.DISTURBED}
    appended = {record.trial.block for record in records if record.trial.block > most}
    if disturbed:
        parts.append(
            f"{plural(len(disturbed), 'block')} disturbed, kept and not estimated; "
            f"{plural(len(appended), 'block')} appended for them"
        )
    return parts


def _reasons(budget_s: float) -> dict[Stop, str]:
    return {
        "precision": (
            f"stopped on precision: each ratio of times is known to {percent(PRECISION)}, "
            f"or to {percent(PRECISION_OF_EFFECT)} of its logarithm"
        ),
        "budget": f"stopped on its budget of {duration(budget_s * 1e9)}",
        "none_left": "stopped: no pair was left to compare",
        "max_blocks": "all that were planned for it",
    }
