"""Records folded into cells and comparisons: what every report prints. Pure; nothing here formats."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlfleet.audits import Audit
from mlfleet.cells import CellRow, cell_row
from mlfleet.compare import Comparison, Pair, compared, pairs
from mlfleet.judged import judged
from mlfleet.kept import kept
from mlfleet.ledger_lines import StopBody
from mlfleet.model import Record
from mlfleet.multiplicity import Levels
from mlfleet.noise import quiet, turn_flags
from mlfleet.runfile import RunFile


@dataclass(frozen=True)
class Table:
    """A run, folded."""

    run: RunFile
    cells: tuple[CellRow, ...]
    comparisons: tuple[Comparison, ...]
    # How many comparisons were tested, in how many families, and at what levels.
    levels: Levels
    # Workloads that were not measured on, and why; empty where blocks are fixed.
    stops: tuple[StopBody, ...] = ()

    def cell(self, workload: str, framework: str) -> CellRow:
        """The cell of that workload and framework."""
        return _cells(self)[workload, framework]


@kept
def _cells(table: Table) -> dict[tuple[str, str], CellRow]:
    return {(cell.workload, cell.framework): cell for cell in table.cells}


def fold(
    run: RunFile, records: Sequence[Record], audits: Sequence[Audit] = (), stops: Sequence[StopBody] = ()
) -> Table:
    """All cells in the order of the plan, and every comparison against the workload's baseline."""
    by_cell = _by_cell(judged(run, _flagged(run, records), audits))
    cells: list[CellRow] = []
    found: list[Pair] = []
    for planned in run.workloads:
        name = planned.workload.name
        rows = {fw: cell_row(run, planned, fw, by_cell.get((name, fw), ())) for fw in planned.cells}
        cells += rows.values()
        baseline = run.baselines.get(name)
        if planned.control or baseline not in rows:
            continue
        for framework in planned.cells:
            if framework != baseline:
                found += pairs(run, planned, rows[baseline], rows[framework])
    comparisons, levels = compared(run, found)
    return Table(run, tuple(cells), comparisons, levels, tuple(stops))


def _flagged(run: RunFile, records: Sequence[Record]) -> list[Record]:
    """The records with those flags, too, that depend on the whole run."""
    usual = quiet((turn for record in records for turn in record.turns), run.constants)
    found = []
    for record in records:
        flags = [turn_flags(turn, usual) for turn in record.turns]
        if any(more != turn.flags for more, turn in zip(flags, record.turns, strict=True)):
            turns = (replace(turn, flags=more) for turn, more in zip(record.turns, flags, strict=True))
            record = replace(record, turns=tuple(turns))  # noqa: PLW2901 - the same record, its flags complete
        found.append(record)
    return found


def _by_cell(records: Sequence[Record]) -> dict[tuple[str, str], list[Record]]:
    """By workload and framework, in the order of block and attempt."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in sorted(records, key=lambda record: (record.trial.block, record.trial.attempt)):
        found.setdefault((record.trial.workload, record.trial.framework), []).append(record)
    return found
