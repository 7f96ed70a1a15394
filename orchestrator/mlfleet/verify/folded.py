"""What a report says over several cells: geometric means over workloads, and how many turns a trial should have."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np

from mlfleet.verify import estimates
from mlfleet.verify.outcomes import CellNumbers, Decided
from mlfleet.verify.plain import Json
from mlfleet.verify.plan import Run
from mlfleet.verify.trials import Trial, Turn

# Fewer workloads have no mean; fewer than the second no interval of it.
LEAST, LEAST_INTERVAL = 3, 8
# Of those that passed parity: leaving more out would favour large effects.
INCONCLUSIVE_SHARE = 0.25
# Advice is made of the first look.
FIRST_LOOK = 10


@dataclass(frozen=True)
class Mean:
    """A geometric mean of one framework's ratios, with the logarithms that it is made of."""

    framework: str
    logs: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The mean itself."""
        return math.prod(math.exp(one) for one in self.logs) ** (1 / len(self.logs))


@dataclass(frozen=True)
class Summary:
    """All workloads of one metric and baseline."""

    metric: str
    baseline: str
    frameworks: tuple[str, ...]
    standing: Mapping[str, str]
    reason: str | None
    means: tuple[Mean, ...]


def summaries(pairs: Sequence[Decided], trivial: Collection[str]) -> dict[tuple[str, str], Summary]:
    """A summary for each metric and baseline; workloads whose work is no more than a call costs are in no mean."""
    groups: dict[tuple[str, str], list[Decided]] = {}
    for one in pairs:
        groups.setdefault((one.pair.metric, one.pair.baseline), []).append(one)
    return {key: _summary(*key, mine, trivial) for key, mine in groups.items()}


def _summary(metric: str, baseline: str, pairs: Sequence[Decided], trivial: Collection[str]) -> Summary:
    frameworks = tuple(dict.fromkeys(one.pair.contestant for one in pairs))
    standing = {}
    for name in dict.fromkeys(one.pair.workload for one in pairs):
        mine = [one for one in pairs if one.pair.workload == name]
        standing[name] = "trivial" if name in trivial else _standing(mine, len(frameworks))
    counts = Counter(standing.values())
    passed = counts["defended"] + counts["inconclusive"] + counts["absolute"]
    reason = None
    if counts["defended"] < LEAST:
        reason = "few_workloads"
    elif counts["inconclusive"] > INCONCLUSIVE_SHARE * passed:
        reason = "many_inconclusive"
    means = [] if reason else [_mean(name, pairs, standing) for name in frameworks]
    return Summary(metric, baseline, frameworks, standing, reason, tuple(means))


def _standing(pairs: Sequence[Decided], frameworks: int) -> str:
    outcomes = {one.outcome for one in pairs}
    if "refused" in outcomes:
        return "refused"
    if len(pairs) < frameworks:
        return "partial"
    if "inconclusive" in outcomes:
        return "inconclusive"
    return "absolute" if any(one.pair.absolute for one in pairs) else "defended"


def _mean(framework: str, pairs: Sequence[Decided], standing: Mapping[str, str]) -> Mean:
    mine = [one for one in pairs if one.pair.contestant == framework and standing[one.pair.workload] == "defended"]
    return Mean(framework, tuple(one.shown.point for one in mine if one.shown))


def advice(run: Run, cells: Mapping[tuple[str, str], CellNumbers]) -> dict[str, dict[str, Json]]:
    """By workload: how many turns a trial should have, and what that is made of."""
    compared = [work for work in run.workloads if not work.control and work.cells]
    return {work.name: _advice([_counted(cells[work.name, key].trials) for key in work.cells]) for work in compared}


def _counted(trials: Sequence[Trial]) -> list[Trial]:
    first = [one for one in trials if one.block <= FIRST_LOOK and one.verdict == "ok"]
    return [one for one in first if all(_ns(turn) > 0 for turn in one.turns)]


def _advice(cells: Sequence[Sequence[Trial]]) -> dict[str, Json]:
    counted = [trials for trials in cells if len(trials) >= estimates.MIN_BLOCKS]
    used = min((len(trial.turns) for trials in counted for trial in trials), default=0)
    said: dict[str, Json] = {"turns": None, "used": used}
    nothing: dict[str, Json] = dict.fromkeys(("sd_between_turns", "sd_between_trials", "trial_s", "turn_s"), 0.0)
    if not counted:
        return said | nothing | {"reason": "few_blocks"}
    if used < 2:  # noqa: PLR2004 - a variance needs two
        return said | nothing | {"reason": "one_turn"}
    within = fmean(fmean(_variance(trial) for trial in trials) for trials in counted)
    between = fmean(_between(trials) for trials in counted)
    trial_ns = fmean(median(_launched_ns(trial) for trial in trials) for trials in counted)
    turn_ns = fmean(median(median(turn.window for turn in one.turns) for one in mine) for mine in counted)
    said |= {
        "sd_between_turns": math.sqrt(within),
        "sd_between_trials": math.sqrt(max(between, 0.0)),
        "trial_s": trial_ns / 1e9,
        "turn_s": turn_ns / 1e9,
    }
    if between <= 0:
        return said | {"reason": "no_variance_between_trials"}
    return said | {"reason": None, "turns": max(1, math.ceil(math.sqrt(trial_ns / turn_ns * within / between)))}


def _ns(turn: Turn) -> float:
    return median(one.per_iteration for one in turn.timed)


def _logs(trial: Trial) -> list[float]:
    return [math.log(_ns(turn)) for turn in trial.turns]


def _variance(trial: Trial) -> float:
    return float(np.var(_logs(trial), ddof=1))


def _between(trials: Sequence[Trial]) -> float:
    """The variance between trials' means, less the share of it that turns alone would give."""
    means = float(np.var([fmean(_logs(trial)) for trial in trials], ddof=1))
    return means - fmean(_variance(trial) for trial in trials) / fmean(len(trial.turns) for trial in trials)


def _launched_ns(trial: Trial) -> int:
    phases = trial.body["phases"].items()
    return sum(one["end_ns"].integer() - one["start_ns"].integer() for one in phases)
