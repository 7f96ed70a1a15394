"""One number over many workloads: a geometric mean, where every framework has a defended ratio in each of them.

No arithmetic mean of ratios, no ratio of means, no total: over different sets of workloads these have made factors out
of nothing.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from statistics import fmean
from typing import Literal

from mlfleet import stats
from mlfleet.compare import Comparison
from mlfleet.model import Metric, Setting
from mlfleet.table import Table

# Fewer say nothing of workloads in general; fewer than the second give no interval that could be trusted.
MIN_WORKLOADS = 3
MIN_WORKLOADS_INTERVAL = 8
# Of the workloads that passed parity: to leave out more inconclusive ones would favour large effects.
MAX_INCONCLUSIVE_SHARE = 0.25

# Where a workload stands: every framework defended, or the first reason why not (`absolute`: a difference, no ratio;
# `trivial`: its work is no more than a call costs, so its ratio is one of calls).
Standing = Literal["defended", "refused", "partial", "inconclusive", "absolute", "trivial"]


@dataclass(frozen=True)
class Mean:
    """The geometric mean of one framework's ratios; low and high by BCa over workloads, None below 8 of them."""

    framework: str
    ratio: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Summary:
    """All workloads with one baseline, in one metric: how each stands, and the means or why there are none."""

    metric: Metric
    setting: Setting
    baseline: str
    frameworks: tuple[str, ...]
    standing: Mapping[str, Standing]
    means: tuple[Mean, ...]
    # few_workloads, many_inconclusive; empty where there are means.
    reason: str

    def count(self, standing: Standing) -> int:
        """How many workloads stand so."""
        return Counter(self.standing.values())[standing]


def summaries(table: Table) -> tuple[Summary, ...]:
    """A summary for each metric and baseline of the run, in its order."""
    groups: dict[tuple[Metric, Setting, str], list[Comparison]] = {}
    for one in table.comparisons:
        groups.setdefault((one.metric, one.setting, one.baseline), []).append(one)
    trivial = frozenset(planned.workload.name for planned in table.run.workloads if planned.trivial)
    return tuple(_summary(*key, mine, trivial) for key, mine in groups.items())


def _summary(
    metric: Metric, setting: Setting, baseline: str, comparisons: Sequence[Comparison], trivial: Collection[str]
) -> Summary:
    frameworks = tuple(dict.fromkeys(one.contestant for one in comparisons))
    workloads: dict[str, list[Comparison]] = {}
    for one in comparisons:
        workloads.setdefault(one.workload, []).append(one)
    standing: dict[str, Standing] = {
        name: "trivial" if name in trivial else _standing(mine, frameworks) for name, mine in workloads.items()
    }
    counts = Counter(standing.values())
    passed = counts["defended"] + counts["inconclusive"] + counts["absolute"]
    reason = ""
    if counts["defended"] < MIN_WORKLOADS:
        reason = "few_workloads"
    elif counts["inconclusive"] > MAX_INCONCLUSIVE_SHARE * passed:
        reason = "many_inconclusive"
    defended = [one for one in comparisons if standing[one.workload] == "defended"]
    means = () if reason else tuple(_mean(name, defended) for name in frameworks)
    return Summary(metric, setting, baseline, frameworks, standing, means, reason)


def _standing(comparisons: Sequence[Comparison], frameworks: Sequence[str]) -> Standing:
    if any(one.outcome == "refused" for one in comparisons):
        return "refused"
    if {one.contestant for one in comparisons} != set(frameworks):
        return "partial"
    if any(one.outcome == "inconclusive" for one in comparisons):
        return "inconclusive"
    return "absolute" if any(one.ratio is None for one in comparisons) else "defended"


def _mean(framework: str, defended: Sequence[Comparison]) -> Mean:
    logs = [one.estimate.point for one in defended if one.contestant == framework and one.estimate]
    low, high = stats.bca(logs) if len(logs) >= MIN_WORKLOADS_INTERVAL else (None, None)
    return Mean(framework, exp(fmean(logs)), None if low is None else exp(low), None if high is None else exp(high))
