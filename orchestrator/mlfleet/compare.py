"""Pairs of cells: what refuses or defers a comparison, its estimates, and its outcome among all comparisons."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from mlfleet import charged, multiplicity, parity, stats
from mlfleet.cells import FEW_BLOCKS, CellRow
from mlfleet.model import Metric, Setting
from mlfleet.multiplicity import Levels
from mlfleet.outcomes import Limits, Outcome, decide, ratio_limits
from mlfleet.parity import Refusal
from mlfleet.resolution import Bound
from mlfleet.runfile import PlannedWorkload, RunFile
from mlfleet.stats import Estimate
from mlfleet.values import paired_values, unequal_meters, unflagged_pairs
from mlfleet.verdict import NOT_FRESH, Verdict

# Below this a memory value has no ratio: start-up noise would be sold as a factor.
SMALL_MEMORY_BYTES = 8 << 20
QUALITY_UNDECIDED = "quality_undecided"
# The gate of readings, and its code.
METER = "meter"
# The kernel batches memory accounting in up to 64 pages per CPU: no difference is known better.
MEMORY_SE_BYTES = 64 * 4096.0
# Kinds of A/A pairs that a comparison may be held against.
_CPU_BOUNDS: tuple[Bound, ...] = ("interpreter", "compute", "memory")
_GPU_BOUNDS: tuple[Bound, ...] = ("gpu",)


@dataclass(frozen=True)
class Comparison:
    """One metric of one pair. `estimate` is of log ratios, or in the metric's unit where `absolute`; None: none."""

    workload: str
    setting: Setting
    metric: Metric
    baseline: str
    contestant: str
    outcome: Outcome
    reasons: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    passed: tuple[str, ...]
    # Of all turns. Its interval is at 97 %, where the outcome is `different` at the level that was tested.
    estimate: Estimate | None
    # A difference in ns or bytes, where no ratio can be: small memory, a value of 0.
    absolute: bool
    blocks: int
    # Both sides' medians: ns per iteration, CPU ns per iteration, bytes.
    values: tuple[float | None, float | None]
    # Where the outcome is `quality_undecided`: both qualities, and what is not known of them.
    undecided: str = ""
    # What a decided outcome carries: noisy.
    marks: tuple[str, ...] = ()
    # The level a_i at which p was tested; None where nothing was.
    tested: float | None = None
    # Without the flagged turns: None where fewer than two blocks keep a turn on both sides.
    second: Estimate | None = None
    second_blocks: int = 0
    # What the host shows between equal services, as a share: None if it was not measured.
    resolution: float | None = None

    @property
    def ratio(self) -> tuple[float, float, float] | None:
        """Point, low and high of contestant / baseline; only where the outcome carries one."""
        if self.estimate is None or self.absolute or self.outcome not in {"different", "equivalent"}:
            return None
        return math.exp(self.estimate.point), math.exp(self.estimate.low), math.exp(self.estimate.high)


@dataclass(frozen=True)
class Pair:
    """A comparison before its level is known, since that depends on all the others."""

    planned: PlannedWorkload
    metric: Metric
    baseline: CellRow
    contestant: CellRow
    refused: tuple[Refusal, ...]
    undecided: str
    # Values of both sides by block, from all turns and from the unflagged ones.
    values: tuple[tuple[float, float], ...]
    unflagged: tuple[tuple[float, float], ...]
    absolute: bool
    # Outcome and reasons that stand without an estimate; None where there is one.
    settled: tuple[Outcome, tuple[str, ...]] | None
    first: Estimate | None

    @property
    def family(self) -> tuple[str, Setting, Metric]:
        """Comparisons that are adjusted together first."""
        return self.baseline.workload, self.baseline.setting, self.metric


def pairs(run: RunFile, planned: PlannedWorkload, baseline: CellRow, contestant: CellRow) -> list[Pair]:
    """Every metric of one pair: what refuses it, else its estimate from all turns."""
    refused = (
        *parity.incomparable(planned, baseline.framework, contestant.framework),
        *parity.refusals(planned.workload.task, baseline.records, contestant.records),
    )
    undecided = "" if refused else parity.undecided(planned.workload.task, baseline.records, contestant.records)
    metrics = run.metrics_of(planned.workload.name)
    return [_pair(planned, metric, baseline, contestant, refused, undecided) for metric in metrics]


def compared(run: RunFile, found: Sequence[Pair]) -> tuple[tuple[Comparison, ...], Levels]:
    """All comparisons of a report with their outcomes, and the levels they were tested at."""
    families: dict[tuple[str, Setting, Metric], list[Pair]] = {}
    for pair in found:
        if pair.first is not None:
            families.setdefault(pair.family, []).append(pair)
    p_values = [[pair.first.p for pair in family if pair.first] for family in families.values()]
    levels = multiplicity.adjusted_levels(p_values, stats.ALPHA)
    tested = {
        (family, pair.contestant.framework): level
        for (family, mine), given in zip(families.items(), levels.tested, strict=True)
        for pair, level in zip(mine, given, strict=True)
    }
    return tuple(_comparison(run, pair, tested.get((pair.family, pair.contestant.framework))) for pair in found), levels


def _pair(
    planned: PlannedWorkload,
    metric: Metric,
    baseline: CellRow,
    contestant: CellRow,
    refused: tuple[Refusal, ...],
    undecided: str,
) -> Pair:
    refused = (*refused, *_meters(baseline, contestant, metric))
    by_block, why = paired_values(baseline.records, contestant.records, metric)
    absolute = any(min(one) <= 0 or (metric == "memory" and min(one) < SMALL_MEMORY_BYTES) for one in by_block)
    settled = _settled(baseline, contestant, refused, why, len(by_block), undecided)
    return Pair(
        planned=planned,
        metric=metric,
        baseline=baseline,
        contestant=contestant,
        refused=refused,
        undecided=undecided,
        values=by_block,
        unflagged=unflagged_pairs(baseline.records, contestant.records, metric),
        absolute=absolute,
        settled=settled,
        first=None if settled else _estimate(by_block, metric, absolute=absolute),
    )


def _meters(baseline: CellRow, contestant: CellRow, metric: Metric) -> list[Refusal]:
    """Readings are compared only if taken from the same source in the same way, memory only if it is its own."""
    text, unequal, blocks = unequal_meters(baseline.records, contestant.records, metric)
    found = [Refusal(METER, METER, f"{metric} was {text}", f"{unequal} of {blocks} blocks")] if text else []
    for cell in (baseline, contestant) if metric == "memory" else ():
        fine = [record for record in cell.records if record.verdict is Verdict.OK]
        if charging := sum(charged.LABEL in record.labels for record in fine):
            where = f"{cell.framework}: {charging} of {len(fine)} trials"
            found.append(Refusal(METER, METER, "its container was charged for pages of the payload", where))
    return found


def _settled(
    baseline: CellRow,
    contestant: CellRow,
    refused: tuple[Refusal, ...],
    unread: str,
    blocks: int,
    undecided: str,
) -> tuple[Outcome, tuple[str, ...]] | None:
    if refused:
        return "refused", tuple(dict.fromkeys(refusal.code for refusal in refused))
    if unread:
        return "refused", (METER, unread)
    if any(NOT_FRESH in record.flags for record in (*baseline.records, *contestant.records)):
        return "inconclusive", (NOT_FRESH,)
    if blocks < stats.MIN_BLOCKS:
        return "inconclusive", (FEW_BLOCKS,)
    return ("inconclusive", (QUALITY_UNDECIDED,)) if undecided else None


def _estimate(by_block: Sequence[tuple[float, float]], metric: Metric, *, absolute: bool) -> Estimate:
    """Of paired log ratios, or of paired differences: never of pooled samples, since the block is what is repeated."""
    if not absolute:
        return stats.estimate([math.log(b / a) for a, b in by_block])
    least = MEMORY_SE_BYTES if metric == "memory" else stats.MIN_SE * median(max(one) for one in by_block)
    return stats.estimate([b - a for a, b in by_block], min_se=least)


def _comparison(run: RunFile, pair: Pair, tested: float | None) -> Comparison:
    outcome, reasons = pair.settled or ("inconclusive", ())
    marks: tuple[str, ...] = ()
    shown = second = None
    resolution = host_resolution(run, pair.planned.workload.name, pair.metric)
    if pair.first is not None and tested is not None:
        left = pair.unflagged
        second = _estimate(left, pair.metric, absolute=pair.absolute) if len(left) > 1 else None
        limits = _limits(run, pair, resolution)
        decision = decide(pair.first, second, len(left), tested, limits)
        outcome, reasons, marks, shown = decision.outcome, decision.reasons, decision.marks, decision.shown
    sides = ([a for a, _ in pair.values], [b for _, b in pair.values])
    values = tuple(median(side) if side else None for side in sides)
    return Comparison(
        workload=pair.baseline.workload,
        setting=pair.baseline.setting,
        metric=pair.metric,
        baseline=pair.baseline.framework,
        contestant=pair.contestant.framework,
        outcome=outcome,
        reasons=reasons,
        refusals=pair.refused,
        passed=parity.passed_gates(pair.refused),
        estimate=shown,
        absolute=pair.absolute,
        blocks=len(pair.values),
        values=(values[0], values[1]),
        undecided=pair.undecided if QUALITY_UNDECIDED in reasons else "",
        marks=marks,
        tested=tested,
        second=second,
        second_blocks=len(pair.unflagged),
        resolution=resolution,
    )


def _limits(run: RunFile, pair: Pair, resolution: float | None) -> Limits:
    if not pair.absolute:
        return ratio_limits(run.margin_of(pair.baseline.workload), resolution)
    # A share of the larger side: no difference in bytes may be smaller than the factor that nobody could see.
    larger = median(max(one) for one in pair.values)
    return Limits(None, None if resolution is None else resolution * larger)


def host_resolution(run: RunFile, workload: str, metric: Metric) -> float | None:
    """What equal services seemed to differ by, as a share; None where this host was not validated.

    No task says what it mostly waits for, so the coarsest limit of the host counts that may hold for it.
    """
    if run.resolution is None:
        return None
    known = [
        limit.share
        for bound in (_CPU_BOUNDS if run.environment.device == "cpu" else _GPU_BOUNDS)
        if (limit := run.resolution.limit(run.setting, run.schedule_of(workload), metric, bound))
    ]
    return max(known, default=None)
