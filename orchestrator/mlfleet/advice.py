"""How many turns a trial should have, so that a given time gives the narrowest interval. Printed, never applied.

Kalibera, T. and Jones, R. (2013): Rigorous benchmarking in reasonable time. ISMM: the number of repetitions of a level
is the root of (cost of the level above / its own cost) * (its own variance / the variance of the level above).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, mean, median, variance

from mlfleet.looks import LOOKS
from mlfleet.model import Record, Turn
from mlfleet.noise import window_ns
from mlfleet.runfile import PlannedWorkload
from mlfleet.stats import MIN_BLOCKS
from mlfleet.table import Table
from mlfleet.verdict import Verdict

# The blocks that advice is made of: the first number at which it is looked.
FIRST_LOOK = LOOKS[0]
# Variance between turns needs two of them.
_MIN_TURNS = 2


@dataclass(frozen=True)
class Advice:
    """Turns a trial for one workload, with what the number is made of; None with the reason where it is not known.

    Standard deviations are of ln(time), over all cells of the workload; costs are seconds of one cell.
    """

    workload: str
    turns: int | None
    # few_blocks, one_turn, no_variance_between_trials
    reason: str
    used: int
    between_turns: float = 0.0
    between_trials: float = 0.0
    trial_s: float = 0.0
    turn_s: float = 0.0


@dataclass(frozen=True)
class _Nested:
    """One cell: variances between turns of a trial and between trials, and costs in ns."""

    turns: float
    trials: float
    trial_ns: float
    turn_ns: float


def advice(table: Table) -> tuple[Advice, ...]:
    """For every workload that is compared."""
    return tuple(_advice(table, planned) for planned in table.run.workloads if not planned.control and planned.cells)


def _advice(table: Table, planned: PlannedWorkload) -> Advice:
    name = planned.workload.name
    cells = [
        [record for record in table.cell(name, key).records if record.trial.block <= FIRST_LOOK and _counts(record)]
        for key in planned.cells
    ]
    counted = [records for records in cells if len(records) >= MIN_BLOCKS]
    used = min((len(record.turns) for records in counted for record in records), default=0)
    if not counted:
        return Advice(name, None, "few_blocks", used)
    if used < _MIN_TURNS:
        return Advice(name, None, "one_turn", used)
    nested = [_nested(records) for records in counted]
    turns, trials = fmean(one.turns for one in nested), fmean(one.trials for one in nested)
    trial_ns, turn_ns = fmean(one.trial_ns for one in nested), fmean(one.turn_ns for one in nested)
    known = math.sqrt(turns), math.sqrt(max(trials, 0.0)), trial_ns / 1e9, turn_ns / 1e9
    if trials <= 0:
        return Advice(name, None, "no_variance_between_trials", used, *known)
    best = math.ceil(math.sqrt(trial_ns / turn_ns * turns / trials))
    return Advice(name, max(1, best), "", used, *known)


def _counts(record: Record) -> bool:
    return record.verdict is Verdict.OK and all(turn.timed and _ns(turn) > 0 for turn in record.turns)


def _nested(records: Sequence[Record]) -> _Nested:
    logs = [[math.log(_ns(turn)) for turn in record.turns] for record in records]
    turns = fmean(variance(one) for one in logs)
    # The variance of trials' means holds a share of that between turns.
    trials = variance(mean(one) for one in logs) - turns / fmean(len(one) for one in logs)
    return _Nested(turns, trials, median(map(_trial_ns, records)), median(map(_turn_ns, records)))


def _ns(turn: Turn) -> float:
    return median(sample.ns_per_iteration for sample in turn.timed)


def _trial_ns(record: Record) -> int:
    """What a trial costs beside its turns."""
    return sum(phase.end_ns - phase.start_ns for phase in record.phases)


def _turn_ns(record: Record) -> float:
    return median(map(window_ns, record.turns))
