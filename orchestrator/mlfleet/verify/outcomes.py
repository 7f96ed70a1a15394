"""Cells and comparisons a second time: what each pair must be called, from the trials alone."""

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from mlfleet.verify import estimates, levels, meters, numbers
from mlfleet.verify.estimates import Interval
from mlfleet.verify.plan import Run, Workload
from mlfleet.verify.trials import Trial

METRICS = ("time", "cpu", "memory")
_Both = Sequence[tuple[Trial, Trial]]
_Settled = tuple[str, tuple[str, ...]]
# Receipt keys that say when an algorithm was done, or how: they may differ between frameworks and are printed; all
# others are the work that was asked for.
REACHED = frozenset({"n_iter", "n_support", "converged", "evaluations", "updates", "episodes", "column_major"})
# Those that may differ between frameworks, not between versions of one: a default that became another is other work.
CHOSEN = frozenset({"solver"})


@dataclass(frozen=True)
class CellNumbers:
    """A cell: its trials, why it is refused, and by metric and percentile an interval of logarithms, or why none."""

    trials: tuple[Trial, ...]
    verdict: str
    codes: tuple[str, ...]
    intervals: Mapping[str, Interval | None]
    absent: Mapping[str, str]


_Sides = tuple[CellNumbers, CellNumbers]


@dataclass(frozen=True)
class Pair:
    """A comparison. Intervals are of log ratios, or in the metric's unit where `absolute`."""

    workload: str
    metric: str
    baseline: str
    contestant: str
    # What is decided without an interval: (outcome, reasons).
    settled: _Settled | None
    first: Interval | None
    absolute: bool
    values: tuple[tuple[float, float], ...]
    # Without flagged turns.
    quiet: tuple[tuple[float, float], ...]
    trials: tuple[tuple[Trial, Trial], ...]

    @property
    def family(self) -> tuple[str, str]:
        """Comparisons that share a level; a run has one setting."""
        return self.workload, self.metric


@dataclass(frozen=True)
class Decided:
    """A comparison with its outcome, the interval that is printed with it, and the level that it was tested at."""

    pair: Pair
    outcome: str
    reasons: tuple[str, ...]
    marks: tuple[str, ...]
    shown: Interval | None
    second: Interval | None
    tested: float | None


def cells_of(run: Run, trials: Sequence[Trial]) -> dict[tuple[str, str], CellNumbers]:
    """Every cell of run.json by workload and framework."""
    found = {}
    for work in run.workloads:
        for key in work.cells:
            mine = [one for one in trials if (one.workload, one.framework) == (work.name, key)]
            mine.sort(key=lambda one: (one.block, one.attempt))
            found[work.name, key] = _cell(work, mine)
    return found


def decided(run: Run, cells: Mapping[tuple[str, str], CellNumbers]) -> tuple[list[Decided], int]:
    """Every comparison that run.json asks for, tested among all of them; in how many families something differs."""
    pairs = list(_pairs(run, cells))
    families: dict[Hashable, dict[str, float]] = {}
    for pair in pairs:
        if pair.first:
            families.setdefault(pair.family, {})[pair.contestant] = pair.first.p
    given, selected = levels.tested(families)
    return [_decide(run, pair, given.get((pair.family, pair.contestant))) for pair in pairs], selected


def _pairs(run: Run, cells: Mapping[tuple[str, str], CellNumbers]) -> Iterator[Pair]:
    for work in run.workloads:
        baseline = run.baselines.get(work.name)
        if work.control or baseline is None or baseline not in work.cells:
            continue
        for key in work.cells:
            if key != baseline:
                sides = cells[work.name, baseline], cells[work.name, key]
                yield from (_pair(work, metric, (baseline, key), sides) for metric in run.metrics_of(work))


def _cell(work: Workload, trials: list[Trial]) -> CellNumbers:
    closing = next((one for one in trials if one.group not in ("ok", "lost")), None)
    fine = [one for one in trials if one.verdict == "ok"]
    last = closing or (fine[-1] if fine else trials[-1] if trials else None)
    intervals, absent = {}, {}
    counted = [] if closing else fine
    found = {metric: _level([numbers.value(one, metric) for one in counted]) for metric in METRICS}
    found |= {name: _level([numbers.percentile(one, name) for one in counted]) for name in numbers.PERCENTILES}
    for name, (interval, why) in found.items():
        intervals[name] = interval
        if why:
            absent[name] = why
    return CellNumbers(
        tuple(trials), last.verdict if last else "interrupted", codes_of(work, trials), intervals, absent
    )


def _level(values: Sequence[numbers.Value]) -> tuple[Interval | None, str]:
    """The level of one cell over its trials' numbers, as an interval of logarithms."""
    unread = next((why for value, why in values if value is None), None)
    if unread is not None:
        return None, unread
    known = [value for value, _ in values if value is not None]
    if len(known) < estimates.MIN_BLOCKS:
        return None, "few_blocks"
    if min(known) <= 0:
        return None, "not_positive"
    return estimates.trimmed([math.log(value) for value in known]), ""


def codes_of(work: Workload, trials: Sequence[Trial]) -> tuple[str, ...]:
    """Codes of all that a cell's own trials fail, alone or in the mean; lost ones say nothing about it."""
    codes = []
    for one in trials:
        if one.group not in ("ok", "lost"):
            codes += [*(code for _, code in one.findings), *one.added] or [one.verdict]
    if _is_below(work, [one for one in trials if one.verdict == "ok"]):
        codes.append("outside_tolerance")
    return tuple(dict.fromkeys(codes))


def _pair(work: Workload, metric: str, names: tuple[str, str], sides: _Sides) -> Pair:
    both = numbers.both_ok(sides[0].trials, sides[1].trials)
    values, unread = numbers.pairs(both, metric)
    small = estimates.SMALL_MEMORY_BYTES if metric == "memory" else 0
    absolute = any(min(one) <= 0 or min(one) < small for one in values)
    codes = [*work.apart(*names), *sides[0].codes, *sides[1].codes, *codes_between(work, both)]
    settled = _settled(work, [*codes, *meters.refused(metric, [one.trials for one in sides])], sides, both, unread)
    return Pair(
        workload=work.name,
        metric=metric,
        baseline=names[0],
        contestant=names[1],
        settled=settled,
        first=None if settled else _interval(values, metric, absolute=absolute),
        absolute=absolute,
        values=tuple(values),
        quiet=tuple(numbers.quiet_pairs(both, metric)),
        trials=tuple(both),
    )


def _settled(work: Workload, codes: Sequence[str], sides: _Sides, both: _Both, unread: str) -> _Settled | None:
    if refused := tuple(dict.fromkeys(codes)):
        return "refused", refused
    if unread:
        return "refused", ("meter", unread)
    if any("not_fresh" in one.flags for side in sides for one in side.trials):
        return "inconclusive", ("not_fresh",)
    if len(both) < estimates.MIN_BLOCKS:
        return "inconclusive", ("few_blocks",)
    return None if _quality_equal(work, both) else ("inconclusive", ("quality_undecided",))


def _interval(values: Sequence[tuple[float, float]], metric: str, *, absolute: bool) -> Interval:
    if not absolute:
        return estimates.trimmed([math.log(b / a) for a, b in values])
    memory = metric == "memory"
    least = estimates.MEMORY_SE_BYTES if memory else estimates.MIN_SE * median(max(one) for one in values)
    return estimates.trimmed([b - a for a, b in values], least_error=least)


def _decide(run: Run, pair: Pair, level: float | None) -> Decided:
    if pair.first is None or level is None:
        outcome, reasons = pair.settled or ("inconclusive", ())
        return Decided(pair, outcome, reasons, (), None, None, None)
    second = _interval(pair.quiet, pair.metric, absolute=pair.absolute) if len(pair.quiet) > 1 else None
    outcome, reasons, shown = _by_all_turns(run, pair, pair.first, level)
    marks: tuple[str, ...] = ()
    if second is None or len(pair.quiet) < estimates.MIN_BLOCKS:
        marks = ("noisy",)
    elif not pair.first.low <= second.point <= pair.first.high:
        outcome, reasons, shown = "inconclusive", (*reasons, "noise"), pair.first
    return Decided(pair, outcome, reasons, marks, shown, second, level)


def _by_all_turns(run: Run, pair: Pair, first: Interval, level: float) -> tuple[str, tuple[str, ...], Interval]:
    """The first rule that matches: equivalent, different at the level that was tested, inconclusive."""
    low, point, high = (first.low, first.point, first.high) if pair.absolute else first.ratio
    if not pair.absolute and 1 / (1 + (margin := run.own(pair.workload, "margin"))) < low and high < 1 + margin:
        return "equivalent", (), first
    at_level = first.at(level)
    if not at_level.excludes_zero:
        return "inconclusive", ("wide",), first
    least = run.resolution(pair.workload, pair.metric)
    if least is not None:
        seen = abs(point) / median(max(one) for one in pair.values) if pair.absolute else max(point, 1 / point) - 1
        if seen <= least:
            return "inconclusive", ("below_resolution",), first
    return "different", (), at_level


def codes_between(work: Workload, both: _Both) -> list[str]:
    """Codes of what must be equal between two sides and is not."""
    codes = []
    for a, b in both:
        versions = a.framework.partition(":")[0] == b.framework.partition(":")[0]
        free = REACHED if versions else REACHED | CHOSEN
        one, other = ({key: value for key, value in side.receipt.items() if key not in free} for side in (a, b))
        if any(one[key] != other[key] for key in one.keys() & other.keys() if isinstance(one[key], int)):
            codes.append("short_work")
    rule = work.spread
    if rule and len(both) >= rule[0]:
        _, mean, _ = estimates.plain(_quality_differences(both), estimates.QUALITY_ALPHA)
        codes += ["outside_tolerance"] if abs(mean) > rule[1] else []
    return codes


def _is_below(work: Workload, trials: Sequence[Trial]) -> bool:
    """Rule S: the mean over blocks misses the floor. A single bad seed is no failure."""
    return work.floor is not None and bool(trials) and fmean(quality(one) for one in trials) < work.floor


def _quality_equal(work: Workload, both: _Both) -> bool:
    """Rule S: from k blocks on, the 90 % interval of the quality difference lies inside the margin."""
    rule = work.spread
    if rule is None:
        return True
    if len(both) < rule[0]:
        return False
    low, _, high = estimates.plain(_quality_differences(both), estimates.QUALITY_ALPHA)
    return -rule[1] < low and high < rule[1]


def _quality_differences(both: _Both) -> list[float]:
    return [quality(b) - quality(a) for a, b in both]


def quality(trial: Trial) -> float:
    """The deciding metric of a trial. Raises Malformed where it has none."""
    judged = trial.body["quality"]
    return judged["metrics"][judged["decides"].text()].number()
