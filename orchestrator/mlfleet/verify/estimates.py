"""The statistics a second time, with scipy.stats: Yuen's trimmed mean, Student's interval, the outcome of a pair."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Each is written a second time, and held against what run.json says decided.
ALPHA = 0.03
MIN_BLOCKS = 5
TRIM_FROM = 8
# A fifth on either side.
TRIM_DIVISOR = 5
MIN_SE = 0.0005
# Two one-sided tests at 5 % each, for qualities that are judged over blocks.
QUALITY_ALPHA = 0.10
# 64 pages per CPU are what the kernel batches.
MEMORY_SE_BYTES = 64 * 4096
SMALL_MEMORY_BYTES = 8 * 1024 * 1024
# Any fixed number.
DRAWS_SEED = 20_260_102


@dataclass(frozen=True)
class Interval:
    """A paired difference: log ratio, or bytes."""

    low: float
    point: float
    high: float
    level: float
    blocks: int
    p: float
    standard_error: float
    degrees: int

    @property
    def ratio(self) -> tuple[float, float, float]:
        """Low, point and high of the ratio that the logarithms stand for."""
        return math.exp(self.low), math.exp(self.point), math.exp(self.high)

    @property
    def excludes_zero(self) -> bool:
        """Whether chance is excluded at this level."""
        return self.low > 0 or self.high < 0

    def at(self, alpha: float) -> "Interval":
        """The same estimate at another level."""
        half = _student_quantile(self.degrees, alpha) * self.standard_error
        return Interval(
            self.point - half,
            self.point,
            self.point + half,
            1 - alpha,
            self.blocks,
            self.p,
            self.standard_error,
            self.degrees,
        )


def trimmed(differences: Sequence[float], alpha: float = ALPHA, least_error: float = MIN_SE) -> Interval:
    """Yuen's interval around the trimmed mean; with fewer than 8 blocks nothing is trimmed, which is the paired t."""
    from scipy import stats  # noqa: PLC0415 - takes a second, and only this command needs it
    from scipy.stats import mstats  # noqa: PLC0415

    count = len(differences)
    cut = count // TRIM_DIVISOR if count >= TRIM_FROM else 0
    kept = count - 2 * cut
    point = float(np.mean(sorted(differences)[cut : count - cut]))
    winsorised = mstats.winsorize(np.array(differences, dtype=float), limits=(cut / count, cut / count))
    # (h - 1) degrees of freedom: the winsorised sum of squares over h (h - 1), by way of its variance.
    variance = float(np.var(np.asarray(winsorised), ddof=1)) * (count - 1) / (kept * (kept - 1))
    error = max(variance**0.5, least_error)
    half = _student_quantile(kept - 1, alpha) * error
    p = float(2 * stats.t.sf(abs(point) / error, kept - 1)) if error else 1.0
    return Interval(point - half, point, point + half, 1 - alpha, count, p, error, kept - 1)


def plain(differences: Sequence[float], alpha: float) -> tuple[float, float, float]:
    """Low, mean and high by Student's one-sample interval."""
    from scipy import stats  # noqa: PLC0415 - as above

    found = np.array(differences, dtype=float)
    mean, error = float(np.mean(found)), float(stats.sem(found))
    half = _student_quantile(len(found) - 1, alpha) * error
    return mean - half, mean, mean + half


def is_steady(times: Sequence[float], change: float) -> bool | None:
    """Whether logarithms of times have no trend, by the 95 % interval of their slope, or one that is too small."""
    from scipy import stats  # noqa: PLC0415 - as above

    if not times:
        return None
    line = stats.linregress(range(len(times)), np.log(times))
    half = _student_quantile(len(times) - 2, 0.05) * float(line.stderr)
    return bool(abs(line.slope) <= half or abs(line.slope) * (len(times) - 1) < change)


def mean_by_bootstrap(values: Sequence[float]) -> tuple[float, float]:
    """BCa interval of the exponential of a mean of logarithms."""
    from scipy import stats  # noqa: PLC0415 - as above

    if len(set(values)) == 1:
        return math.exp(values[0]), math.exp(values[0])
    drawn = stats.bootstrap((np.array(values),), np.mean, confidence_level=1 - ALPHA, method="BCa", rng=DRAWS_SEED)
    return math.exp(drawn.confidence_interval.low), math.exp(drawn.confidence_interval.high)


def _student_quantile(degrees: int, alpha: float) -> float:
    from scipy import stats  # noqa: PLC0415 - as above

    return float(stats.t.isf(alpha / 2, degrees))
