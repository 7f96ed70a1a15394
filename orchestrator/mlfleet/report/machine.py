"""What was not quiet: flagged turns, trials that were not estimated, and labels, for each cell of a workload."""

from collections import Counter

from mlfleet.cells import CellRow
from mlfleet.report.units import count, plural
from mlfleet.runfile import PlannedWorkload
from mlfleet.table import Table
from mlfleet.verdict import Group


def noted(table: Table, planned: PlannedWorkload) -> tuple[str, ...]:
    """One sentence for each cell with something to say, and one for all whose turns were quiet."""
    cells = [table.cell(planned.workload.name, key) for key in planned.cells]
    said = [f"{cell.framework}: {'; '.join(parts)}" for cell in cells if (parts := _parts(cell))]
    quiet = [f"{cell.framework} ({count(cell.turns)})" for cell in cells if cell.turns and not cell.flagged_turns]
    return (*said, *((f"turns without a flag: {', '.join(quiet)}",) if quiet else ()))


def labels(cell: CellRow) -> Counter[str]:
    """In how many of its trials each label was given."""
    return Counter(label for record in cell.records for label in record.labels)


def _parts(cell: CellRow) -> list[str]:
    parts = []
    if cell.flagged_turns:
        flags = ", ".join(f"{flag} {count(number)}" for flag, number in cell.flagged.items())
        parts.append(f"{count(cell.flagged_turns)} of {plural(cell.turns, 'turn')} flagged ({flags})")
    lost = [(verdict, number) for verdict, number in cell.verdicts.items() if verdict.group is Group.LOST]
    parts += [f"{count(number)} of {plural(cell.trials, 'trial')} {verdict.value}" for verdict, number in lost]
    parts += [f"{label} in {plural(number, 'trial')}" for label, number in labels(cell).items()]
    return parts
