"""Calibration, warm-up and the schedule of a turn: how many iterations a sample has, decided here and nowhere else."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

import numpy as np

# Not scipy.stats: it takes seconds to import, and every command would wait for it.
from scipy.special import stdtrit

from mlfleet.model import Calibration, Sample

Measure = Callable[[Sequence[int]], tuple[Sample, ...]]

MS = 1_000_000
S = 1_000_000_000
# A sample of calibration: 1e5 times what a read of the clock costs.
CALIBRATION_NS = 5 * MS
# Above this an iteration is its own sample, in warm-up and turns.
LONG_NS = S
VERY_LONG_NS = 10 * S
# Aim above the least length of a sample: half of all samples are shorter than the median.
HEADROOM = 1.25
# A later trial's median sample may be this much longer than the calibrated one before k is chosen anew.
DRIFT = 4.0
WARM_UP_ITERATIONS = 3
# Memory at rest is read so long after SERVING: what a service still sets up by itself is there.
IDLE_NS = S
# Single iterations of a latency turn: enough for a 99th percentile. None is taken where they would last longer than the
# cap.
LATENCY_SAMPLES = 200
LATENCY_CAP_NS = 30 * S
STEADY_WINDOW = 10
STEADY_WINDOW_LONG = 5
STEADY_LONG_NS = 100 * MS
STEADY_SLOPE = 0.01


@dataclass(frozen=True)
class Rules:
    """How long samples, turns and warm-up are; times in ns."""

    sample_ns: int
    timed: int
    turns: int
    warm_up_ns: int
    warm_up_cap_ns: int


RULES: dict[Literal["short", "standard"], Rules] = {
    "standard": Rules(sample_ns=25 * MS, timed=10, turns=3, warm_up_ns=S, warm_up_cap_ns=30 * S),
    # A newcomer's first report: one turn of 1 + 4 samples, warm-up ended at 1 s whether steady or not.
    "short": Rules(sample_ns=5 * MS, timed=4, turns=1, warm_up_ns=S, warm_up_cap_ns=S),
}


def rules_of(schedule: str) -> Rules:
    """The rules of a schedule by its name, as run.json has it."""
    return RULES["short" if schedule == "short" else "standard"]


def calibrate(measure: Measure, rules: Rules) -> Calibration:
    """Double k until the second of two samples lasts 5 ms, then fix the schedule for that time per iteration."""
    iterations = 1
    while True:
        sample = measure((iterations, iterations))[1]
        duration = sample.end_ns - sample.start_ns
        if duration >= CALIBRATION_NS:
            return fix(duration / iterations, rules)
        iterations *= 2


def fix(iteration_ns: float, rules: Rules) -> Calibration:
    """The schedule for a time per iteration: the table of the measurement rules."""
    if iteration_ns < rules.sample_ns:
        iterations = math.ceil(HEADROOM * rules.sample_ns / iteration_ns)
        return Calibration(iterations, rules.timed, 1, rules.turns, iteration_ns)
    if iteration_ns <= LONG_NS:
        timed = min(max(math.ceil(250 * MS / iteration_ns), 4), rules.timed)
        return Calibration(1, timed, 1, rules.turns, iteration_ns)
    if iteration_ns <= VERY_LONG_NS:
        return Calibration(1, 4, 0, min(2, rules.turns), iteration_ns)
    return Calibration(1, 1, 0, 1, iteration_ns)


def latency(calibration: Calibration) -> Calibration | None:
    """The schedule of a latency turn: iterations one by one, since a sample of many hides the slowest of them."""
    lasts_ns = calibration.iteration_ns * (1 + LATENCY_SAMPLES)
    return (
        replace(calibration, iterations=1, timed=LATENCY_SAMPLES, discarded=1) if lasts_ns <= LATENCY_CAP_NS else None
    )


def warm_up(measure: Measure, calibration: Calibration, rules: Rules) -> tuple[tuple[Sample, ...], bool | None]:
    """Run until steady, at least 3 iterations and 1 s, and no longer than the cap; gives all samples and `steady`."""
    schedule = (1,) if calibration.iteration_ns > LONG_NS else (calibration.iterations,) * 5
    samples: list[Sample] = []
    while True:
        samples += measure(schedule)
        elapsed = samples[-1].end_ns - samples[0].start_ns
        enough = elapsed >= rules.warm_up_ns and sum(s.iterations for s in samples) >= WARM_UP_ITERATIONS
        settled = steady(samples)
        if enough and (settled or elapsed >= rules.warm_up_cap_ns):
            return tuple(samples), settled


def steady(samples: Sequence[Sample]) -> bool | None:
    """Whether the last samples have no trend that matters; None when there are fewer than 5.

    The least-squares slope of ln(sample) has a 95 % interval that covers 0, or is less than 1 % over the window.
    """
    is_long = bool(samples) and samples[-1].end_ns - samples[-1].start_ns > STEADY_LONG_NS
    window = samples[-(STEADY_WINDOW_LONG if is_long else STEADY_WINDOW) :]
    if len(window) < STEADY_WINDOW_LONG:
        return None
    y = np.log([sample.ns_per_iteration for sample in window])
    x = np.arange(len(y)) - (len(y) - 1) / 2
    slope = x @ y / (x @ x)
    residuals = y - y.mean() - slope * x
    freedom = len(y) - 2
    half_width = stdtrit(freedom, 0.975) * np.sqrt(residuals @ residuals / freedom / (x @ x))
    return bool(abs(slope) <= half_width or abs(slope) * (len(y) - 1) < STEADY_SLOPE)


def refine(calibration: Calibration, samples: Sequence[Sample], rules: Rules) -> Calibration:
    """The calibration again after warm-up, if the warmed-up samples show that it was made on a colder process.

    Calibration comes before warm-up, where an iteration may still take several times as long: kept as it is when the
    median of the last samples lies between the least length of a sample and 4 times the calibrated length.
    """
    per_iteration = median(sample.ns_per_iteration for sample in samples[-STEADY_WINDOW:])
    length = per_iteration * calibration.iterations
    is_short = calibration.iterations > 1 and length < rules.sample_ns
    is_long = length > DRIFT * calibration.iterations * calibration.iteration_ns
    return fix(per_iteration, rules) if is_short or is_long or calibration.iterations == 1 else calibration
