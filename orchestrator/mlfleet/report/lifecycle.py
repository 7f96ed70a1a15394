"""What a framework costs beside its work: its size and build, how it starts, its first answer, its memory at rest."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from mlfleet import stats
from mlfleet.model import Record
from mlfleet.report.lifecycle_read import COSTS, Cost
from mlfleet.report.lifecycle_verdict import VERDICT_FROM, Key, verdicts
from mlfleet.report.notes import build_size, build_time, own_layers
from mlfleet.report.rows import Figure, verdict_text
from mlfleet.report.units import count, duration, duration_span, percent, plural, size, size_span
from mlfleet.runfile import Contestant
from mlfleet.table import Table
from mlfleet.verdict import Verdict

# Why nothing is known of a start that somebody else made.
ATTACHED = "attached: compose started it"


@dataclass(frozen=True)
class FrameworkCosts:
    """A framework over all its trials; `absent` says why it takes no part."""

    framework: str
    control: bool
    absent: str
    image: str
    own_layers: str
    build: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class CellCosts:
    """A cell's own; `verdict` says what it is where it is not ok."""

    workload: str
    framework: str
    verdict: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class LifeCycle:
    """Both tables with their columns, and what their figures are, in one sentence."""

    framework_heads: tuple[str, ...]
    frameworks: tuple[FrameworkCosts, ...]
    cell_heads: tuple[str, ...]
    cells: tuple[CellCosts, ...]
    words: str


def life_cycle(table: Table) -> LifeCycle:
    """Median, maximum and number of trials of every cost; a verdict only from 20 blocks on."""
    found = verdicts(table)
    ours = [cost for cost in COSTS if cost.of == "framework"]
    theirs = [cost for cost in COSTS if cost.of == "cell"]
    return LifeCycle(
        tuple(cost.name for cost in ours),
        tuple(_framework(table, contestant, ours, found) for contestant in table.run.contestants),
        tuple(cost.name for cost in theirs),
        tuple(_cells(table, theirs, found)),
        _words(len(found)),
    )


def _words(tested: int) -> str:
    start = (
        f"One value a trial: median, maximum and number of trials; from {VERDICT_FROM} trials on the estimate of the "
        f"Methods with its interval. A verdict against the baseline needs {VERDICT_FROM} pairs of trials of common "
        "blocks, both ok, and is never of a refused pair: "
    )
    if not tested:
        return start + "there is none here."
    return start + f"{count(tested)} here, each tested at {percent(stats.ALPHA)} / {count(tested)}."


def _framework(table: Table, contestant: Contestant, costs: Sequence[Cost], found: Mapping[Key, str]) -> FrameworkCosts:
    key = contestant.service.key
    cells = [cell for cell in table.cells if cell.framework == key]
    records = [record for cell in cells for record in cell.shown]
    absent = "" if cells else contestant.reason or "it has no task of this run"
    return FrameworkCosts(
        key,
        contestant.service.control,
        absent,
        build_size(table.run.environment, contestant),
        own_layers(contestant),
        build_time(contestant),
        () if absent else tuple(_figure(table, cost, records, found.get(("", key, cost.name), "")) for cost in costs),
    )


def _cells(table: Table, costs: Sequence[Cost], found: Mapping[Key, str]) -> list[CellCosts]:
    controls = {planned.workload.name for planned in table.run.workloads if planned.control}
    return [
        CellCosts(
            cell.workload,
            cell.framework,
            "" if cell.verdict is Verdict.OK else verdict_text(cell.verdict),
            tuple(
                _figure(table, cost, cell.shown, found.get((cell.workload, cell.framework, cost.name), ""))
                for cost in costs
            ),
        )
        for cell in table.cells
        if cell.workload not in controls
    ]


def _figure(table: Table, cost: Cost, records: Sequence[Record], verdict: str) -> Figure:
    """Never with its exact value: that is of the figures which `mlfleet verify` recomputes."""
    if cost.start and table.run.environment.runtime == "attach":
        return Figure("none", ATTACHED, None)
    read = [cost.read(record) for record in records]
    known = [number for number, _ in read if number is not None]
    if not known:
        return Figure("none", next((why for _, why in read if why), "no trial"), None)
    text, note = _shown(cost, known)
    return Figure(text, f"{note}; {verdict}" if verdict else note, None)


def _shown(cost: Cost, known: Sequence[float]) -> tuple[str, str]:
    amount = size if cost.unit == "bytes" else duration
    most = f"max {amount(max(known))}"
    if len(known) < VERDICT_FROM or min(known) <= 0:
        return amount(median(known)), f"median of {count(len(known))}, {most}"
    log = stats.estimate([math.log(one) for one in known])
    spanned = (size_span if cost.unit == "bytes" else duration_span)(*map(math.exp, (log.point, log.low, log.high)))
    return spanned.value, f"{percent(log.level)} interval {spanned.interval}, {plural(len(known), 'trial')}, {most}"
