"""What a validation found: pairs of equal and of slowed services, counts of them, canaries."""

from collections.abc import Mapping
from typing import Literal

from pydantic.dataclasses import dataclass

from mlfleet.model import STRICT, Environment, Metric, Setting
from mlfleet.resolution import Bound, Limit, Schedule

# off: the harness is wrong, or this host not as it must be. not shown: the machine was too busy to tell, so nothing is
# proven either. not judged: there is nothing to hold it against here, or it is only recorded.
State = Literal["ok", "off", "not shown", "not judged"]
_FAILED = ("off", "not shown")


@dataclass(frozen=True, config=STRICT)
class PairSeen:
    """One metric of one pair. Points and intervals are ln(contestant / baseline); None where there is no estimate."""

    experiment: str
    bound: Bound
    metric: Metric
    baseline: str
    contestant: str
    # Injected, in per cent; 0 of twins.
    share: int
    # Counted work of the contestant / of the baseline, from both receipts.
    truth: float
    # False where it shares a service with a pair that is counted.
    independent: bool
    blocks: int
    outcome: str
    reasons: tuple[str, ...]
    point: float | None
    # At 95 %, for counting alarms and coverage.
    low: float | None
    high: float | None
    # At 97 %, which a run decides by.
    decided_low: float | None


@dataclass(frozen=True, config=STRICT)
class Count:
    """How often something happened, and how often it may."""

    name: str
    found: int
    of: int
    expected: str
    state: State


@dataclass(frozen=True, config=STRICT)
class Canary:
    """One truth that a reading or a gate is held against."""

    name: str
    service: str
    expected: str
    found: str
    state: State


@dataclass(frozen=True, config=STRICT)
class Validation:
    """All of one `mlfleet validate`."""

    validation: str
    created: str
    kind: Literal["quick", "full"]
    schedule: Schedule
    setting: Setting
    environment: Environment
    host_fingerprint: Mapping[str, str | int | None]
    seconds: float
    # Every number that decided something, by module and name.
    constants: Mapping[str, float | int]
    # Parts that were left out, with their reasons.
    left_out: tuple[str, ...]
    canaries: tuple[Canary, ...]
    counts: tuple[Count, ...]
    limits: tuple[Limit, ...]
    pairs: tuple[PairSeen, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of what is not as it must be, or was not shown to be."""
        found = [f"{one.name} ({one.service})" for one in self.canaries if one.state in _FAILED]
        return (*found, *(one.name for one in self.counts if one.state in _FAILED))
