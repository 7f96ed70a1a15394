"""What `mlfleet validate` measures, and how long that takes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mlfleet.catalogue import Suite
from mlfleet.model import Service, Workload
from mlfleet.resolution import Bound, Schedule
from mlfleet.schedule import RULES
from mlfleet.sizing import trial_seconds

# Injected slow-downs in per cent of counted work; equal services are the fourth, of 0.
SHARES = (2, 5, 10)
# Of it is said how often it is found, so every experiment has it; of the others half of them tell enough.
FOUND_SHARE = 5
# Of every experiment: the number at which a run looks first.
BLOCKS = 10
BOUNDS: tuple[Bound, ...] = ("interpreter", "compute", "memory")
# Whose loops wait for an interpreter, and whose for the CPU or its memory.
LANGUAGES: Mapping[Bound, Literal["python", "rust"]] = {"interpreter": "python", "compute": "rust", "memory": "rust"}
# Seconds from launch to SERVING of a control, as seen on 2 cores; docker adds create, start and remove.
START_S = {"python": 0.6, "rust": 0.1}
DOCKER_S = 0.4
# The controls' one iteration, about.
ITERATION_S = 0.01
# The liars and two audits 60 s, all canaries in both languages 140 s, the quotas 20 s: seen on 2 cores.
CANARIES_S = 220.0


@dataclass(frozen=True)
class Plan:
    """`twins`: equal services in each block, beside one for each injected share."""

    schedule: Schedule
    twins: int
    experiments: Mapping[Bound, int]
    # In per cent, by what waits.
    shares: Mapping[Bound, tuple[int, ...]]

    def names(self, bound: Bound, number: int) -> tuple[str, ...]:
        """What the services of the number-th experiment, from 1, are called behind their key: a, b, plus2, plus5."""
        shares = (share for share in self.shares[bound] if number % 2 or share == FOUND_SHARE)
        return (*"abcdefgh"[: self.twins], *(f"plus{share}" for share in shares))

    def seconds(self, *, docker: bool, canaries: bool) -> float:
        """How long all of it takes, about."""
        rules = RULES[self.schedule]
        trials = {
            bound: BLOCKS * sum(len(self.names(bound, number)) for number in range(1, count + 1))
            for bound, count in self.experiments.items()
        }
        extra = DOCKER_S if docker else 0.0
        each = {bound: trial_seconds(START_S[LANGUAGES[bound]] + extra, 0, ITERATION_S, rules) for bound in trials}
        return (CANARIES_S if canaries else 0.0) + sum(count * each[bound] for bound, count in trials.items())


# Seven equal services make 21 pairs, the fewest that have a 95th percentile, in one block instead of twenty; three of
# these pairs share no service, and only they are counted as alarms. Of one experiment a share found says little: one
# kind shows them all.
QUICK = Plan("short", 7, dict.fromkeys(BOUNDS, 1), {"interpreter": (5,), "compute": SHARES, "memory": ()})
# 40 experiments are what 35 of 40 found is said of. Of memory the ratios are only recorded: 24 leave 20 pairs for the
# resolution where a busy machine spoils some.
FULL = Plan("standard", 2, {"interpreter": 40, "compute": 40, "memory": 24}, dict.fromkeys(BOUNDS, SHARES))


def share_of(name: str) -> int:
    """The injected share of a service of that name, in per cent; 0 of a twin."""
    return int(name.rpartition(":")[2].removeprefix("plus") if ":plus" in name else 0)


def workload_of(suite: Suite, bound: Bound) -> Workload:
    """The suite's workload that is bound so."""
    return next(workload for workload in suite.workloads if workload.name.endswith(f"-{bound}"))


def canaries_of(suite: Suite) -> tuple[Workload, ...]:
    """The suite's workloads that are canaries, not experiments."""
    experiments = {workload_of(suite, bound).name for bound in BOUNDS}
    return tuple(workload for workload in suite.workloads if workload.name not in experiments)


def control_of(services: tuple[Service, ...], bound: Bound) -> Service:
    """The control that experiments of that kind are made with."""
    return next(service for service in services if service.control and service.language == LANGUAGES[bound])
