"""Records folded into cells and comparisons: what every report prints. Pure; nothing here formats."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from mlfleet import parity, stats
from mlfleet.model import Metric, Reading, Record, Setting
from mlfleet.parity import Refusal
from mlfleet.runfile import PlannedWorkload, RunFile
from mlfleet.stats import Estimate
from mlfleet.verdict import NOT_FRESH, Group, Verdict

# Below this a memory value has no ratio: start-up noise would be sold as a factor.
SMALL_MEMORY_BYTES = 8 << 20
QUALITY_UNDECIDED = "quality_undecided"
# The kernel batches memory accounting in up to 64 pages per CPU: no difference is known better.
MEMORY_SE_BYTES = 64 * 4096.0


@dataclass(frozen=True)
class CellRow:
    """One cell, all its counted trials. `estimates` holds medians with 97 % intervals in ns, ns and bytes."""

    workload: str
    setting: Setting
    framework: str
    image: str
    version: str
    # Of the trial that closed the cell, else ok.
    verdict: Verdict
    reasons: tuple[Refusal, ...]
    trials: int
    estimates: Mapping[Metric, Estimate | None]
    # Why an estimate is None: few_blocks, a reading's own reason.
    absent: Mapping[Metric, str]
    records: tuple[Record, ...]


@dataclass(frozen=True)
class Comparison:
    """One metric of one pair. `estimate` is of log ratios, or of bytes where `in_bytes`; None where there is none."""

    workload: str
    setting: Setting
    metric: Metric
    baseline: str
    contestant: str
    outcome: str
    reasons: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    passed: tuple[str, ...]
    estimate: Estimate | None
    in_bytes: bool
    blocks: int
    # Both sides' medians: ns per iteration, CPU ns per iteration, bytes.
    values: tuple[float | None, float | None]
    # Where the outcome is `quality_undecided`: both qualities, and what is not known of them.
    undecided: str = ""

    @property
    def ratio(self) -> tuple[float, float, float] | None:
        """Point, low and high of contestant / baseline; only where the outcome carries one."""
        if self.estimate is None or self.in_bytes or self.outcome not in {"different", "equivalent"}:
            return None
        return math.exp(self.estimate.point), math.exp(self.estimate.low), math.exp(self.estimate.high)


@dataclass(frozen=True)
class Table:
    """A run, folded."""

    run: RunFile
    cells: tuple[CellRow, ...]
    comparisons: tuple[Comparison, ...]

    def cell(self, workload: str, framework: str) -> CellRow:
        """The cell of that workload and framework."""
        return next(cell for cell in self.cells if (cell.workload, cell.framework) == (workload, framework))


def fold(run: RunFile, records: Sequence[Record]) -> Table:
    """All cells in the order of the plan, and every comparison against the workload's baseline."""
    cells: list[CellRow] = []
    comparisons: list[Comparison] = []
    for planned in run.workloads:
        mine = {fw: _counted(records, planned.workload.name, fw) for fw in planned.cells}
        rows = {fw: _cell(run, planned, fw, found) for fw, found in mine.items()}
        cells += rows.values()
        baseline = run.baselines.get(planned.workload.name)
        if planned.control or baseline is None:
            continue
        for framework in planned.cells:
            if framework != baseline:
                comparisons += _compare(run, planned, rows[baseline], rows[framework])
    return Table(run, tuple(cells), tuple(comparisons))


def value(record: Record, metric: Metric) -> tuple[float | None, str]:
    """One number of a trial: ns per iteration, CPU ns per iteration, peak anonymous bytes; or None and the reason."""
    if not record.turns:
        return None, "not_measured"
    if metric == "time":
        return median(sample.ns_per_iteration for turn in record.turns for sample in turn.timed), ""
    name = "cpu_ns" if metric == "cpu" else "memory_peak_anonymous"
    readings = [turn.readings.get(name) for turn in record.turns]
    known = [reading.value for reading in readings if reading is not None and reading.value is not None]
    if len(known) < len(readings):
        return None, next((_why(reading) for reading in readings if reading is None or reading.value is None), "lost")
    if metric == "memory":
        return float(max(known)), ""
    return sum(known) / sum(sample.iterations for turn in record.turns for sample in turn.samples), ""


def _why(reading: Reading | None) -> str:
    return "lost" if reading is None else reading.reason or "lost"


def _counted(records: Sequence[Record], workload: str, framework: str) -> list[Record]:
    mine = [r for r in records if (r.trial.workload, r.trial.framework) == (workload, framework)]
    return sorted(mine, key=lambda record: (record.trial.block, record.trial.attempt))


def _cell(run: RunFile, planned: PlannedWorkload, framework: str, records: Sequence[Record]) -> CellRow:
    contestant = run.contestant(framework)
    closing = next((r for r in records if r.verdict.group not in {Group.OK, Group.LOST}), None)
    fine = [record for record in records if record.verdict is Verdict.OK]
    last = closing or (fine[-1] if fine else records[-1] if records else None)
    estimates: dict[Metric, Estimate | None] = {}
    absent: dict[Metric, str] = {}
    for metric in ("time", "cpu", "memory"):
        estimates[metric], absent[metric] = _cell_estimate(fine if closing is None else [], metric)
    return CellRow(
        workload=planned.workload.name,
        setting=run.setting,
        framework=framework,
        image=contestant.service.image,
        version=contestant.identity.version if contestant.identity else contestant.service.tag,
        verdict=last.verdict if last else Verdict.INTERRUPTED,
        reasons=parity.refusals(planned.workload.task, records, ()),
        trials=len(records),
        estimates=estimates,
        absent={metric: reason for metric, reason in absent.items() if reason},
        records=tuple(records),
    )


def _cell_estimate(records: Sequence[Record], metric: Metric) -> tuple[Estimate | None, str]:
    """The level of one cell: estimated over ln of its trials' values, given back in the metric's own unit."""
    found = [value(record, metric) for record in records]
    known = [number for number, _ in found if number]
    if len(known) < len(found) or not known:
        return None, next((reason for number, reason in found if number is None), "few_blocks")
    if len(known) < stats.MIN_BLOCKS:
        return None, "few_blocks"
    log = stats.estimate([math.log(number) for number in known])
    return Estimate(
        math.exp(log.point),
        math.exp(log.low),
        math.exp(log.high),
        log.standard_error,
        log.degrees,
        log.p,
        log.blocks,
        log.level,
    ), ""


def _compare(run: RunFile, planned: PlannedWorkload, baseline: CellRow, contestant: CellRow) -> list[Comparison]:
    refused = parity.refusals(planned.workload.task, baseline.records, contestant.records)
    undecided = "" if refused else parity.undecided(planned.workload.task, baseline.records, contestant.records)
    return [_comparison(run, metric, baseline, contestant, refused, undecided) for metric in run.metrics]


def _comparison(
    run: RunFile,
    metric: Metric,
    baseline: CellRow,
    contestant: CellRow,
    refused: tuple[Refusal, ...],
    undecided: str,
) -> Comparison:
    pairs, why = _pairs(baseline.records, contestant.records, metric)
    values = tuple(median(side) if side else None for side in ([a for a, _ in pairs], [b for _, b in pairs]))
    in_bytes = metric == "memory" and any(min(pair) < SMALL_MEMORY_BYTES for pair in pairs)
    estimated = None
    if refused:
        outcome, reasons = "refused", tuple(dict.fromkeys(refusal.code for refusal in refused))
    elif why:
        outcome, reasons = "refused", ("meter", why)
    elif any(NOT_FRESH in record.flags for record in (*baseline.records, *contestant.records)):
        outcome, reasons = "inconclusive", (NOT_FRESH,)
    elif len(pairs) < stats.MIN_BLOCKS:
        outcome, reasons = "inconclusive", ("few_blocks",)
    elif undecided:
        outcome, reasons = "inconclusive", (QUALITY_UNDECIDED,)
    elif in_bytes:
        estimated = stats.estimate([b - a for a, b in pairs], min_se=MEMORY_SE_BYTES)
        differs = estimated.low > 0 or estimated.high < 0
        outcome, reasons = ("different", ()) if differs else ("inconclusive", ("wide",))
    else:
        estimated = stats.estimate([math.log(b / a) for a, b in pairs])
        outcome, reason = stats.decide_ratio(estimated, run.margin)
        reasons = (reason,) if reason else ()
    return Comparison(
        workload=baseline.workload,
        setting=baseline.setting,
        metric=metric,
        baseline=baseline.framework,
        contestant=contestant.framework,
        outcome=outcome,
        reasons=reasons,
        refusals=refused,
        passed=parity.passed_gates(refused),
        estimate=estimated,
        in_bytes=in_bytes,
        blocks=len(pairs),
        values=(values[0], values[1]),
        undecided=undecided if QUALITY_UNDECIDED in reasons else "",
    )


def _pairs(
    baseline: Sequence[Record], contestant: Sequence[Record], metric: Metric
) -> tuple[list[tuple[float, float]], str]:
    """Values of both sides by block, for blocks in which both trials are ok; and the reason if one is unreadable."""
    other = {record.trial.block: record for record in baseline if record.verdict is Verdict.OK}
    pairs = []
    for record in contestant:
        if record.verdict is not Verdict.OK or record.trial.block not in other:
            continue
        (a, why_a), (b, why_b) = value(other[record.trial.block], metric), value(record, metric)
        if a is None or b is None:
            return [], why_a or why_b
        pairs.append((a, b))
    return pairs, ""
