"""Whether a life-cycle cost differs from the baseline's: paired by block, from 20 pairs on, never of a refused pair."""

import math
from collections.abc import Iterator, Mapping

from mlfleet import stats
from mlfleet.cells import CellRow
from mlfleet.kept import kept
from mlfleet.model import Record
from mlfleet.report.lifecycle_read import COSTS, Cost
from mlfleet.report.placed import refused
from mlfleet.table import Table
from mlfleet.verdict import Verdict

# One value a process, and starts scatter more than turns: fewer would name a winner by chance.
VERDICT_FROM = 20
# Workload ("" for a cost of the framework alone, over all of them), framework and name of the cost.
Key = tuple[str, str, str]


def verdicts(table: Table) -> Mapping[Key, str]:
    """Such as "less than sklearn's" or "not shown to differ from sklearn's", where there is a verdict.

    Each is tested at the false alarms of a whole report divided by how many there are (Bonferroni): they belong to no
    family of comparisons, and no host was validated for them.
    """
    logs: dict[Key, list[float]] = {}
    whose: dict[Key, str] = {}
    for key, baseline, log in _logs(table):
        logs.setdefault(key, []).append(log)
        whose[key] = baseline
    tested = {key: stats.estimate(found) for key, found in logs.items() if len(found) >= VERDICT_FROM}
    return {key: _words(one, stats.ALPHA / len(tested), whose[key]) for key, one in tested.items()}


def _words(found: stats.Estimate, level: float, baseline: str) -> str:
    if found.p > level:
        return f"not shown to differ from {baseline}'s"
    return f"{'less' if found.point < 0 else 'more'} than {baseline}'s"


def _logs(table: Table) -> Iterator[tuple[Key, str, float]]:
    """ln(framework / baseline) of every cost in every block in which both sides are ok."""
    cells = {(cell.workload, cell.framework): cell for cell in table.cells}
    unequal = refused(table)
    pairs = dict.fromkeys((one.workload, one.baseline, one.contestant) for one in table.comparisons)
    # Of the framework alone only where all its workloads are divided by the same.
    one_baseline = len({baseline for _, baseline, _ in pairs}) == 1
    attached = table.run.environment.runtime == "attach"
    costs = [cost for cost in COSTS if (one_baseline or cost.of == "cell") and not (attached and cost.start)]
    for workload, baseline, contestant in pairs:
        ours, theirs = cells[workload, baseline], cells[workload, contestant]
        fine = ours.verdict is Verdict.OK and theirs.verdict is Verdict.OK
        if not fine or (workload, contestant) in unequal:
            continue
        for cost in costs:
            scope = workload if cost.of == "cell" else ""
            for log in _paired(cost, ours, theirs):
                yield (scope, contestant, cost.name), baseline, log


def _paired(cost: Cost, ours: CellRow, theirs: CellRow) -> Iterator[float]:
    others = _by_block(theirs)
    for block, record in _by_block(ours).items():
        a, b = cost.read(record)[0], cost.read(others[block])[0] if block in others else None
        # A value of 0 or less has no logarithm.
        if a is not None and b is not None and min(a, b) > 0:
            yield math.log(b / a)


@kept
def _by_block(cell: CellRow) -> dict[int, Record]:
    return {record.trial.block: record for record in cell.records if record.verdict is Verdict.OK}
