"""The numbers of a trial and of pairs of trials, from raw samples and readings alone."""

from collections.abc import Sequence
from statistics import median

import numpy as np

from mlfleet.verify.trials import Trial, Turn, reading

# Readings that a metric is made of, as turns and phases name them.
CPU, ANONYMOUS_PEAK, CHARGED_PEAK = "cpu_ns", "memory_peak_anonymous", "memory_peak_charged"
ANONYMOUS, CHARGED = "memory_anonymous", "memory_charged"

# Share, and timed samples of single iterations that a trial needs for it: a sample of many is a mean.
PERCENTILES = {"p95": (95, 40), "p99": (99, 200)}

# A value, or none and why.
Value = tuple[float | None, str]


def value(trial: Trial, metric: str, *, quiet: bool = False) -> Value:
    """The number of a trial: ns per iteration, CPU ns per iteration, bytes. `quiet`: from its unflagged turns alone."""
    if not trial.turns:
        return None, "not_measured"
    turns = [turn for turn in trial.turns if not (quiet and turn.flags)]
    if not turns:
        return None, "all_flagged"
    if metric == "time":
        timed = [sample.per_iteration for turn in turns for sample in turn.timed]
        return (median(timed), "") if timed else (None, "no_samples")
    if metric == "memory":
        return _highest(turns, ANONYMOUS_PEAK)
    spent, why = _readings(turns, CPU)
    iterations = sum(sample.iterations for turn in turns for sample in turn.samples)
    return (None, why) if spent is None else (sum(spent) / iterations, "")


def percentile(trial: Trial, name: str) -> Value:
    """Of single iterations, in ns."""
    share, needed = PERCENTILES[name]
    turns = [trial.latency] if trial.latency else trial.turns
    single = [one.per_iteration for turn in turns for one in turn.timed if one.iterations == 1]
    return (float(np.percentile(single, share)), "") if len(single) >= needed else (None, "few_samples")


def peak(trial: Trial, name: str) -> Value:
    """The highest of a reading over the turns of a trial."""
    return _highest(trial.turns, name) if trial.turns else (None, "not_measured")


def level(trial: Trial, name: str, after: str = "prepare") -> float | None:
    """A memory level after that phase."""
    phase = trial.phase(after)
    found = phase["readings"].get(name) if phase else None
    known = reading(found).value if found else None
    return None if known is None else float(known)


def units(trial: Trial, key: str) -> float | None:
    """Units of work in an iteration, by the receipt; None where it counts none."""
    found = trial.receipt.get(key)
    counts = isinstance(found, int | float) and not isinstance(found, bool) and found > 0
    return found if counts else None  # type: ignore[return-value]


def both_ok(baseline: Sequence[Trial], contestant: Sequence[Trial]) -> list[tuple[Trial, Trial]]:
    """Both trials of each block in which both are ok."""
    theirs = {trial.block: trial for trial in baseline if trial.verdict == "ok"}
    return [(theirs[one.block], one) for one in contestant if one.verdict == "ok" and one.block in theirs]


def pairs(both: Sequence[tuple[Trial, Trial]], metric: str) -> tuple[list[tuple[float, float]], str]:
    """Values of both sides by block; or none at all, and why a value could not be read."""
    found = []
    for one, other in both:
        (a, why_a), (b, why_b) = value(one, metric), value(other, metric)
        if a is None or b is None:
            return [], why_a or why_b
        found.append((a, b))
    return found, ""


def quiet_pairs(both: Sequence[tuple[Trial, Trial]], metric: str) -> list[tuple[float, float]]:
    """The same without flagged turns: a block remains if both sides keep one."""
    values = [(value(one, metric, quiet=True)[0], value(other, metric, quiet=True)[0]) for one, other in both]
    return [(a, b) for a, b in values if a is not None and b is not None]


def _highest(turns: Sequence[Turn], name: str) -> Value:
    found, why = _readings(turns, name)
    return (None, why) if found is None else (float(max(found)), "")


def _readings(turns: Sequence[Turn], name: str) -> tuple[list[int] | None, str]:
    found = []
    for turn in turns:
        one = turn.readings.get(name)
        if one is None or one.value is None:
            return None, one.reason if one else "lost"
        found.append(one.value)
    return found, ""


def middle(values: Sequence[float]) -> float | None:
    """The median, None of nothing."""
    return median(values) if values else None
