"""What a comparison of two runs found."""

import math
from dataclasses import dataclass
from typing import Literal

from mlfleet.across.conditions import Condition
from mlfleet.model import Metric
from mlfleet.parity import Refusal
from mlfleet.stats import Estimate

# Of time and CPU time; of memory; of any metric.
Outcome = Literal["faster", "slower", "less", "more", "same", "inconclusive", "refused"]


@dataclass(frozen=True)
class Change:
    """One metric of one cell, B over A. `estimate` is of log ratios; None: there is none, and `reasons` say why."""

    workload: str
    framework: str
    metric: Metric
    versions: tuple[str, str]
    # The very same image on both sides.
    unchanged: bool
    outcome: Outcome
    reasons: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    estimate: Estimate | None
    # Trials that count on either side.
    trials: tuple[int, int]
    # Medians: ns per iteration, CPU ns per iteration, bytes.
    values: tuple[float | None, float | None]
    # The deciding metric's name, and its mean on either side; None where the task has none.
    quality_name: str
    quality: tuple[float | None, float | None]
    # How far in this metric anything may have moved that nobody changed, as a share; None where everything was changed.
    drift: float | None
    # The host's A/A resolution; None where it was not validated.
    resolution: float | None

    @property
    def ratio(self) -> tuple[float, float, float] | None:
        """Point, low and high of B / A; only where the outcome carries one."""
        if self.estimate is None or self.outcome in {"inconclusive", "refused"}:
            return None
        return math.exp(self.estimate.point), math.exp(self.estimate.low), math.exp(self.estimate.high)


@dataclass(frozen=True)
class Compared:
    """Two runs, compared."""

    before: str
    after: str
    margin: float
    conditions: tuple[Condition, ...]
    changes: tuple[Change, ...]
    # "workload, framework" that only one of the two has.
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
