"""Estimates from paired blocks: the trimmed mean and its interval. Knows nothing of frameworks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

# Not scipy.stats: it takes seconds to import, and every command would wait for it.
from scipy.special import ndtr, ndtri, stdtr, stdtrit

# The 97 % interval: with looks, a nominal 5 % would become 5-8 % false alarms.
ALPHA = 0.03
# Below this no outcome but refused.
MIN_BLOCKS = 5
# From this many blocks on, a fifth is trimmed on either side (Yuen 1974).
TRIM_FROM = 8
TRIM_SHARE = 0.2
# Least standard error of a log ratio: what clock and scheduling leave even in identical runs.
MIN_SE = 0.0005
# Of a bootstrap: its own scatter is then a hundredth of the interval's width. One seed: a fold has no chance in it.
RESAMPLES = 20_000
BOOTSTRAP_SEED = 1987


@dataclass(frozen=True)
class Estimate:
    """A paired difference d (log ratio, or in the metric's unit) with its interval at `level`; p tests d = 0."""

    point: float
    low: float
    high: float
    standard_error: float
    degrees: int
    p: float
    blocks: int
    level: float

    def at(self, alpha: float) -> "Estimate":
        """The same estimate with its interval at level 1 - alpha. It excludes 0 if and only if p <= alpha."""
        half = -float(stdtrit(self.degrees, alpha / 2)) * self.standard_error
        return replace(self, low=self.point - half, high=self.point + half, level=1 - alpha)


def estimate(differences: Sequence[float], alpha: float = ALPHA, min_se: float = MIN_SE) -> Estimate:
    """The trimmed mean of paired differences with Yuen's interval (1974): g = 0 below 8 blocks, the paired t.

    Yuen, K. K. (1974): The two-sample trimmed t for unequal population variances. Needs at least 2 differences.
    """
    trimmed = _trimmed(differences)
    standard_error = max(math.sqrt(trimmed.variance), min_se)
    return _tested(trimmed.mean, standard_error, trimmed.kept - 1, trimmed.values, alpha)


def unpaired(before: Sequence[float], after: Sequence[float], alpha: float = ALPHA, min_se: float = MIN_SE) -> Estimate:
    """The difference of two trimmed means, after less before, of values that belong to no common blocks.

    Yuen, K. K. (1974), as above, with Welch's degrees of freedom, rounded down. Needs at least 2 values on each side.
    """
    a, b = _trimmed(before), _trimmed(after)
    total = a.variance + b.variance
    shares = a.variance**2 / (a.kept - 1) + b.variance**2 / (b.kept - 1)
    # Where nothing scatters on either side, the least standard error stands for both.
    degrees = int(total**2 / shares) if shares else a.kept + b.kept - 2
    return _tested(b.mean - a.mean, max(math.sqrt(total), min_se), degrees, min(a.values, b.values), alpha)


@dataclass(frozen=True)
class _Trimmed:
    """Mean of what is `kept` of so many values, and the squared standard error that Yuen gives it."""

    mean: float
    variance: float
    kept: int
    values: int


def _trimmed(values: Sequence[float]) -> _Trimmed:
    d = np.sort(np.asarray(values, dtype=np.float64))
    g = int(TRIM_SHARE * len(d)) if len(d) >= TRIM_FROM else 0
    h = len(d) - 2 * g
    winsorised = np.clip(d, d[g], d[len(d) - g - 1])
    squares = float(((winsorised - winsorised.mean()) ** 2).sum())
    return _Trimmed(float(d[g : len(d) - g].mean()), squares / (h * (h - 1)), h, len(d))


def _tested(point: float, standard_error: float, degrees: int, blocks: int, alpha: float) -> Estimate:
    # Both zero: nothing differs, and nothing can be tested.
    p = float(2 * stdtr(degrees, -abs(point) / standard_error)) if standard_error else 1.0
    return Estimate(point, point, point, standard_error, degrees, p, blocks, 1).at(alpha)


def mean_interval(differences: Sequence[float], alpha: float) -> tuple[float, float, float]:
    """Plain mean of paired differences with Student's interval: low, mean, high. Needs at least 2 differences.

    For qualities, where trimming would hide a seed that diverged.
    """
    d = np.asarray(differences, dtype=np.float64)
    mean = float(d.mean())
    half = float(stdtrit(len(d) - 1, 1 - alpha / 2) * d.std(ddof=1) / math.sqrt(len(d)))
    return mean - half, mean, mean + half


def bca(values: Sequence[float], alpha: float = ALPHA) -> tuple[float, float]:
    """Bootstrap interval of a plain mean at level 1 - alpha, corrected for bias and skewness (BCa).

    Efron, B. (1987): Better bootstrap confidence intervals. JASA 82. Needs at least 2 values.
    """
    x = np.asarray(values, dtype=np.float64)
    left_out = (x.sum() - x) / (len(x) - 1)
    deviations = left_out.mean() - left_out
    squares = float((deviations**2).sum())
    if squares == 0:
        return float(x.mean()), float(x.mean())
    acceleration = float((deviations**3).sum()) / (6 * squares**1.5)
    chosen = np.random.default_rng(BOOTSTRAP_SEED).integers(0, len(x), (RESAMPLES, len(x)))
    means = x[chosen].mean(axis=1)
    bias = float(ndtri(((means < x.mean()).mean() + (means <= x.mean()).mean()) / 2))
    corrected = [bias + float(ndtri(tail)) for tail in (alpha / 2, 1 - alpha / 2)]
    shares = [float(ndtr(bias + z / (1 - acceleration * z))) for z in corrected]
    low, high = np.quantile(means, shares)
    return float(low), float(high)
