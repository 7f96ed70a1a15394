"""How long a run will take, and which workloads of a suite fit a limit of time on this host. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mlfleet import gates
from mlfleet.catalogue import Suite
from mlfleet.plan import Block, plan_blocks
from mlfleet.runfile import Contestant, PlannedWorkload
from mlfleet.schedule import LATENCY_CAP_NS, LATENCY_SAMPLES, Rules, S, rules_of
from mlfleet.schedule import WARM_UP_ITERATIONS as WARM_UP

# Of a trial that prepares, collects and removes next to nothing: 0.31 s in docker.
_TRIAL_S = 0.3
# Payloads are digested twice, decoded once and read once by the orchestrator.
_PAYLOAD_BYTES_PER_S = 150e6
# cold, and the two samples with which calibration of a long iteration ends.
_FIRST = 3
# Blocks where looks do not fit a limit: the first look's, then the fewest of which there is an interval.
_FEWER_BLOCKS = (10, 5)
# Of a limit that the user set so much is planned with: busy machines disturb blocks, which are measured again.
PLANNED_SHARE = 0.95


@dataclass(frozen=True)
class Cost:
    """What one block of a workload costs, how many there are at most, and what they may take together.

    `first_s`: what the gates of first trials add, once.
    """

    workload: str
    frameworks: tuple[str, ...]
    seconds: float
    blocks: int
    # None: its blocks are fixed, all of them are measured.
    budget_s: float | None = None
    first_s: float = 0.0

    def total(self, blocks: int) -> float:
        """Seconds of that many blocks, or of all there are; the block that spends the budget is finished."""
        spent = self.first_s + min(blocks, self.blocks) * self.seconds
        return spent if self.budget_s is None else min(spent, self.budget_s + self.seconds)


@dataclass(frozen=True)
class Fit:
    """Workloads that fit the limit, those that were left out, and the forecast of what is left, in seconds.

    Up to the first look, where there is one, and at most.
    """

    kept: tuple[str, ...]
    left_out: tuple[str, ...]
    first_look_s: float
    seconds: float


def trial_seconds(start_s: float, payload_bytes: int, iteration_s: float, rules: Rules) -> float:
    """One trial: start (launch and import), payload, first iterations, warm-up, turns.

    `iteration_s` may be 0 where it is far below the least length of a sample.
    """
    sample_s = max(rules.sample_ns / S, iteration_s)
    warm_up_s = max(rules.warm_up_ns / S, WARM_UP * iteration_s)
    turns_s = rules.turns * (1 + rules.timed) * sample_s
    return start_s + _TRIAL_S + payload_bytes / _PAYLOAD_BYTES_PER_S + _FIRST * iteration_s + warm_up_s + turns_s


def first_trial_seconds(iteration_s: float, rules: Rules) -> float:
    """What a cell's first trial adds: pairs of k and 2k iterations, and a second of silence."""
    sample_s = max(rules.sample_ns / S, iteration_s)
    linear_s = 3 * gates.LINEAR_PAIRS * sample_s if sample_s < gates.LINEAR_LONGEST_NS / S else 0.0
    return linear_s + 2 * gates.IDLE_HALF_S


def narrower(suite: Suite) -> Iterator[Suite]:
    """The same workloads in less and less time: a fixed number of blocks, fewer, and at last short trials."""
    fewer = suite
    for blocks in _FEWER_BLOCKS:
        if suite.looks or suite.blocks > blocks:
            fewer = suite.fixed(blocks)
            yield fewer
    if suite.schedule != "short" or any(one.schedule == "standard" for one in suite.own.values()):
        yield fewer.shortened()


def with_own(planned: PlannedWorkload, suite: Suite) -> PlannedWorkload:
    """The workload with what it has otherwise than the suite. Its memory limit it has already: cell ids hang on it."""
    own = suite.own_of(planned.workload.name)
    return replace(
        planned,
        blocks=own.blocks,
        budget_s=own.budget_seconds,
        margin=own.margin,
        schedule=own.schedule,
        metrics=own.metrics,
    )


def every_block(
    workloads: Sequence[PlannedWorkload], suite: Suite, blocks: int, looks: Sequence[int], seed: int
) -> tuple[Block, ...]:
    """All blocks that may be measured."""
    cells = {one.workload.name: list(one.cells) for one in workloads}
    most = {one.workload.name: most_blocks(one, blocks, looks) for one in workloads}
    turns = {one.workload.name: rules_of(one.schedule or suite.schedule).turns for one in workloads}
    drawn = plan_blocks(cells, max(most.values(), default=0), turns, seed)
    return tuple(block for block in drawn if block.number <= most[block.workload])


def most_blocks(planned: PlannedWorkload, blocks: int, looks: Sequence[int]) -> int:
    """Its own number, else the run's.

    Where nothing is compared no look can stop it: as many blocks as all others have at their first look.
    """
    if planned.blocks is not None:
        return planned.blocks
    alone = planned.control or len(planned.cells) < 2  # noqa: PLR2004 - a pair
    return looks[0] if looks and alone else blocks


def costs(
    workloads: Sequence[PlannedWorkload],
    taking_part: Sequence[Contestant],
    suite: Suite,
    blocks: int,
    looks: Sequence[int],
) -> list[Cost]:
    """What the blocks of each workload take here; the control comes first, since it is never left out."""
    starts = {contestant.service.key: contestant.start_s or 0.0 for contestant in taking_part}
    found = []
    for planned in sorted(workloads, key=lambda planned: not planned.control):
        name, size = planned.workload.name, planned.payload_bytes
        iteration_s = suite.iteration_seconds.get(name, 0.0)
        more_s = latency_seconds(iteration_s) if suite.latency and not planned.control else 0.0
        rules = rules_of(planned.schedule or suite.schedule)
        trials = [more_s + trial_seconds(starts[key], size, iteration_s, rules) for key in planned.cells]
        looked = looks and planned.blocks is None
        budget_s = (planned.budget_s or suite.budget_seconds) if looked else None
        first_s = len(trials) * first_trial_seconds(iteration_s, rules)
        most = most_blocks(planned, blocks, looks)
        found.append(Cost(name, tuple(planned.cells), sum(trials), most, budget_s, first_s))
    return found


def latency_seconds(iteration_s: float) -> float:
    """What a latency turn adds to a trial."""
    lasts_s = (1 + LATENCY_SAMPLES) * iteration_s
    return lasts_s if lasts_s <= LATENCY_CAP_NS / S else 0.0


def fit(costs: Sequence[Cost], first_look: int, limit_s: float | None) -> Fit:
    """Leave out workloads from the end of the suite until the forecast is within the limit.

    A framework's only workload stays: then the forecast may lie above the limit, and the caller says so. `first_look`:
    blocks.
    """
    kept = list(costs)
    for cost in reversed(costs):
        if limit_s is None or _seconds(kept) <= limit_s:
            break
        rest = [other for other in kept if other is not cost]
        elsewhere = {framework for other in rest for framework in other.frameworks}
        if set(cost.frameworks) <= elsewhere:
            kept = rest
    names = tuple(cost.workload for cost in kept)
    left_out = tuple(cost.workload for cost in costs if cost not in kept)
    first_look_s = sum(cost.total(first_look) for cost in kept)
    return Fit(names, left_out, first_look_s, _seconds(kept))


def _seconds(costs: Sequence[Cost]) -> float:
    return sum(cost.total(cost.blocks) for cost in costs)
