"""What became of each cell between two runs: faster, slower, same, inconclusive, refused. Pure.

What nobody changed between the runs (controls, and services of the same image) says how far the host itself has moved.
"""

import math
from collections.abc import Sequence
from statistics import fmean

from mlfleet import multiplicity, stats
from mlfleet.across.cells import AFTER, BEFORE, Key, Pair, common, pairs
from mlfleet.across.conditions import conditions
from mlfleet.across.result import Change, Compared, Outcome
from mlfleet.cells import CellRow
from mlfleet.compare import host_resolution
from mlfleet.errors import UsageError
from mlfleet.model import Metric
from mlfleet.outcomes import NOISY, decide, ratio_limits
from mlfleet.parity import Refusal
from mlfleet.stats import Estimate
from mlfleet.table import Table
from mlfleet.verdict import Verdict

# Another host is another experiment: whatever differs may be its doing.
OTHER_HOST = "other_host"


def compare_runs(before: Table, after: Table) -> Compared:
    """Every cell that both runs have. Raises UsageError where that is none."""
    both, ours, theirs = common(before, after)
    if not both:
        raise UsageError(
            f"{before.run.run} and {after.run.run} have no workload of one framework in common; {BEFORE} has "
            f"{_names(ours)}; {AFTER} has {_names(theirs)}"
        )
    found = conditions(before.run, after.run)
    settings = [
        Refusal(
            "environment", "environment", f"{c.name} is {c.after} in {AFTER}, {c.before} in {BEFORE}", "every trial"
        )
        for c in found
        if c.kind == "setting"
    ]
    every = [pair for key in both for pair in pairs(before, after, key, settings)]
    doubts = (OTHER_HOST,) if any(condition.kind == "host" for condition in found) else ()
    return Compared(
        before=before.run.run,
        after=after.run.run,
        margin=before.run.margin,
        conditions=found,
        changes=tuple(_changes(before, every, doubts)),
        only_before=tuple(map(", ".join, ours)),
        only_after=tuple(map(", ".join, theirs)),
    )


def _names(cells: Sequence[Key]) -> str:
    return ", ".join(f"{workload} ({framework})" for workload, framework in cells) or "none"


def _changes(before: Table, every: Sequence[Pair], doubts: tuple[str, ...]) -> list[Change]:
    """One family for each metric: of many cells some differ by chance."""
    found = []
    for metric in dict.fromkeys(pair.metric for pair in every):
        family = [pair for pair in every if pair.metric == metric]
        p_values = [pair.first.p for pair in family if pair.first]
        tested = iter(multiplicity.adjusted_levels([p_values], stats.ALPHA).tested[0] if p_values else ())
        for pair in family:
            level = next(tested) if pair.first else None
            found.append(_change(before, pair, level, _drift(family, pair), doubts))
    order = {
        key: place for place, key in enumerate(dict.fromkeys((p.before.workload, p.before.framework) for p in every))
    }
    return sorted(found, key=lambda change: order[change.workload, change.framework])


def _drift(family: Sequence[Pair], mine: Pair) -> float | None:
    """How far what nobody changed may have moved, by its 97 % interval."""
    others = [pair.first for pair in family if pair.unchanged and pair is not mine and pair.first]
    return math.expm1(max(max(-one.low, one.high) for one in others)) if others else None


def _change(
    before: Table,
    pair: Pair,
    level: float | None,
    drift: float | None,
    doubts: tuple[str, ...],
) -> Change:
    resolution = host_resolution(before.run, pair.before.workload, pair.metric)
    limit = max((share for share in (drift, resolution) if share is not None), default=None)
    outcome, reasons, shown = _outcome(before.run.margin, pair, level, limit, doubts)
    name, *quality = _quality(pair)
    return Change(
        workload=pair.before.workload,
        framework=pair.before.framework,
        metric=pair.metric,
        versions=(pair.before.version, pair.after.version),
        unchanged=pair.unchanged,
        outcome=outcome,
        reasons=reasons,
        refusals=pair.refused,
        estimate=shown,
        trials=(_fine(pair.before), _fine(pair.after)),
        values=pair.values,
        quality_name=name,
        quality=(quality[0], quality[1]),
        drift=drift,
        resolution=resolution,
    )


def _outcome(
    margin: float, pair: Pair, level: float | None, limit: float | None, doubts: tuple[str, ...]
) -> tuple[Outcome, tuple[str, ...], Estimate | None]:
    """As in a run, but for two things: what few unflagged trials carry is inconclusive, and so is another host."""
    if pair.refused:
        return "refused", tuple(dict.fromkeys(refusal.code for refusal in pair.refused)), None
    if pair.first is None or level is None:
        return "inconclusive", pair.settled, None
    decision = decide(pair.first, pair.second, pair.unflagged, level, ratio_limits(margin, limit))
    doubts = (*doubts, *(mark for mark in decision.marks if mark == NOISY))
    if doubts or decision.outcome == "inconclusive":
        return "inconclusive", (*decision.reasons, *doubts), pair.first
    if decision.outcome == "equivalent":
        return "same", (), decision.shown
    return _direction(pair.metric, decision.shown.point < 0), (), decision.shown


def _direction(metric: Metric, lower: bool) -> Outcome:
    if metric == "memory":
        return "less" if lower else "more"
    return "faster" if lower else "slower"


def _fine(row: CellRow) -> int:
    return sum(record.verdict is Verdict.OK for record in row.records)


def _quality(pair: Pair) -> tuple[str, float | None, float | None]:
    """The deciding metric, and its mean over the trials that stand for each side."""
    found = [[record.quality for record in row.shown if record.quality] for row in (pair.before, pair.after)]
    name = next((quality.decides for side in found for quality in side), "")
    known = [[number for one in side if (number := one.metrics.get(name)) is not None] for side in found]
    a, b = (fmean(side) if side else None for side in known)
    return name, a, b
