"""Comparisons in words: one sentence each, and every reason of those that have no ratio."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, expm1

from mlfleet.cells import FEW_BLOCKS
from mlfleet.compare import QUALITY_UNDECIDED, Comparison
from mlfleet.model import Metric
from mlfleet.outcomes import BELOW_RESOLUTION, NOISE, NOISY, WIDE
from mlfleet.report.units import Span, duration, duration_span, percent, plural, ratio_span, size, size_span
from mlfleet.runfile import PlannedWorkload
from mlfleet.stats import MIN_BLOCKS, Estimate
from mlfleet.table import Table
from mlfleet.verdict import NOT_FRESH, Group

_VERB: dict[Metric, str] = {"time": "takes", "cpu": "takes", "memory": "uses"}


@dataclass(frozen=True)
class Reason:
    """One gate that refused: what was found against what was awaited, and in which trials or blocks."""

    gate: str
    detail: str
    where: str


@dataclass(frozen=True)
class Refused:
    """All that a pair fails. Metrics that fail alike stand together: a gate fails the pair, not the metric."""

    comparisons: tuple[Comparison, ...]
    reasons: tuple[Reason, ...]
    passed: tuple[str, ...]
    # Both sides as values, never as a quotient.
    values: tuple[str, ...]


def first_line(table: Table) -> str:
    """How many ratios were refused: the first thing a reader sees."""
    refused = sum(comparison.outcome == "refused" for comparison in table.comparisons)
    return f"{refused} of {plural(len(table.comparisons), 'ratio')} refused"


def noun(planned: PlannedWorkload, metric: Metric) -> tuple[str, str]:
    """What is compared, and what follows the baseline's name: ("time", " to the same objective")."""
    head, space, rest = planned.title_time.partition(" ")
    if metric == "memory":
        return "peak anonymous memory", ""
    return (head if metric == "time" else f"CPU {head}"), space + rest


def title(planned: PlannedWorkload, metric: Metric) -> str:
    """What is compared, as a heading: "time to the same objective"."""
    return "".join(noun(planned, metric))


def amount(metric: Metric, value: float) -> str:
    """A value of a metric with its unit."""
    return size(value) if metric == "memory" else duration(value)


def span(comparison: Comparison) -> Span | None:
    """The interval of a comparison as text, as a ratio or in its unit; None where nothing was estimated."""
    if comparison.estimate is None:
        return None
    low, point, high = edges(comparison, comparison.estimate)
    return _unit_span(comparison.metric)(point, low, high) if comparison.absolute else ratio_span(point, low, high)


def _unit_span(metric: Metric) -> Callable[[float, float, float], Span]:
    return size_span if metric == "memory" else duration_span


def edges(comparison: Comparison, estimate: Estimate) -> tuple[float, float, float]:
    """Low, point and high of an estimate: ns or bytes where `absolute`, else ratios."""
    logs = estimate.low, estimate.point, estimate.high
    if comparison.absolute:
        return logs
    low, point, high = (exp(value) for value in logs)
    return low, point, high


def sentence(planned: PlannedWorkload, comparison: Comparison, margin: float) -> str:
    """The outcome of a comparison that was not refused, in one sentence."""
    if comparison.estimate is None or (shown := span(comparison)) is None:
        return _without_interval(comparison)
    basis = f"{percent(comparison.estimate.level)} interval"
    blocks = plural(comparison.estimate.blocks, "block")
    what, rest = noun(planned, comparison.metric)
    if comparison.outcome == "inconclusive":
        return (
            f"inconclusive: {basis} {shown.interval} for the {what} of {comparison.contestant} against "
            f"{comparison.baseline}{rest} ({blocks}, H = {half_width(comparison)}): {_undecided(comparison)}"
        )
    if comparison.outcome == "equivalent":
        return (
            f"no difference above {percent(margin)} between the {what} of {comparison.contestant} and of "
            f"{comparison.baseline}{rest} ({basis} {shown.interval}, {blocks}){_marks(comparison)}"
        )
    if comparison.absolute:
        return _absolute(comparison, comparison.estimate, what)
    return (
        f"{comparison.contestant} {_VERB[comparison.metric]} {shown.point}x the {what} of {comparison.baseline}{rest} "
        f"({basis} {shown.interval}, {blocks}){_marks(comparison)}"
    )


def half_width(comparison: Comparison) -> str:
    """Half the width of the interval: as a share of the ratio, or in the metric's unit."""
    if comparison.estimate is None:
        return "none"
    half = (comparison.estimate.high - comparison.estimate.low) / 2
    return amount(comparison.metric, half) if comparison.absolute else percent(float(f"{expm1(half):.2g}"))


def _undecided(comparison: Comparison) -> str:
    """Why an interval names no winner, each reason in one sentence."""
    return "; ".join(_REASONS[reason](comparison) for reason in comparison.reasons)


def _wide(comparison: Comparison) -> str:
    estimate, level = comparison.estimate, comparison.tested
    if estimate is None or level is None or estimate.low <= 0 <= estimate.high:
        return "too wide to name a winner; run more blocks"
    return (
        f"it excludes {'0' if comparison.absolute else '1'}, but not at {percent(1 - level)}, the level at which this "
        "one of many comparisons is tested; run more blocks"
    )


def _below_resolution(comparison: Comparison) -> str:
    share = "" if comparison.resolution is None else f" of {percent(float(f'{comparison.resolution:.2g}'))}"
    return f"no larger than the A/A resolution{share}: this host shows as much between equal services"


def _noise(comparison: Comparison) -> str:
    return (
        f"without the flagged turns ({plural(comparison.second_blocks, 'block')} left) the estimate lies outside, so "
        "the machine may have made it; quieten the host"
    )


_REASONS: Mapping[str, Callable[[Comparison], str]] = {
    WIDE: _wide,
    BELOW_RESOLUTION: _below_resolution,
    NOISE: _noise,
}


def _marks(comparison: Comparison) -> str:
    if NOISY not in comparison.marks:
        return ""
    return f"; noisy: {comparison.second_blocks} of {plural(comparison.blocks, 'block')} without a flag"


def refused_pairs(table: Table, comparisons: Sequence[Comparison]) -> tuple[Refused, ...]:
    """The refused comparisons of a workload, those of one pair that fail alike together."""
    groups: dict[tuple[str, tuple[Reason, ...]], list[Comparison]] = {}
    for comparison in comparisons:
        if comparison.outcome == "refused":
            groups.setdefault((comparison.contestant, _reasons(table, comparison)), []).append(comparison)
    return tuple(
        Refused(tuple(same), reasons, same[0].passed, tuple(text for one in same if (text := _values(one))))
        for (_, reasons), same in groups.items()
    )


def _reasons(table: Table, comparison: Comparison) -> tuple[Reason, ...]:
    if comparison.refusals:
        invalid = {
            cell.framework: f"INVALID {cell.verdict.value}, "
            for framework in (comparison.baseline, comparison.contestant)
            if (cell := table.cell(comparison.workload, framework)).verdict.group is Group.INVALID
        }
        return tuple(
            Reason(refusal.gate, refusal.detail or refusal.code, _where(refusal.where, invalid))
            for refusal in comparison.refusals
        )
    sides = [table.cell(comparison.workload, name) for name in (comparison.baseline, comparison.contestant)]
    unread = [(cell.framework, why) for cell in sides if (why := cell.absent.get(comparison.metric))]
    return tuple(
        Reason("meter", f"{comparison.metric} was not read: {why}, a value awaited", framework)
        for framework, why in unread
        if why in comparison.reasons
    )


def _where(where: str, invalid: dict[str, str]) -> str:
    framework, colon, trials = where.partition(": ")
    return f"{framework}: {invalid.get(framework, '')}{trials}" if colon else where


def _without_interval(comparison: Comparison) -> str:
    values = _values(comparison)
    whose = f"{comparison.metric} of {comparison.contestant} against {comparison.baseline}"
    medians = f"; median {values}" if values else f"; {whose}: no value of both"
    if FEW_BLOCKS in comparison.reasons:
        return f"inconclusive: {plural(comparison.blocks, 'block')}, {MIN_BLOCKS} needed{medians}"
    if NOT_FRESH in comparison.reasons:
        return f"inconclusive: {NOT_FRESH}: a trial met a process that had served another before{medians}"
    if comparison.undecided:
        return f"inconclusive: {QUALITY_UNDECIDED}: {comparison.undecided}{medians}"
    return f"inconclusive: {', '.join(comparison.reasons)}{medians}"


def _values(comparison: Comparison) -> str:
    baseline, contestant = comparison.values
    if baseline is None or contestant is None:
        return ""
    return (
        f"{comparison.metric}: {comparison.contestant} {amount(comparison.metric, contestant)}, "
        f"{comparison.baseline} {amount(comparison.metric, baseline)}"
    )


def _absolute(comparison: Comparison, estimate: Estimate, what: str) -> str:
    less = estimate.point < 0
    ends = (-estimate.high, -estimate.low) if less else (estimate.low, estimate.high)
    shown = _unit_span(comparison.metric)(abs(estimate.point), *ends)
    return (
        f"{comparison.contestant} {_VERB[comparison.metric]} {shown.value} {'less' if less else 'more'} {what} than "
        f"{comparison.baseline} "
        f"({percent(estimate.level)} interval {shown.interval}, {plural(estimate.blocks, 'block')}){_marks(comparison)}"
    )
