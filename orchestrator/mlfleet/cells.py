"""One cell: all its trials folded into what is known of it without looking at any other cell."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from mlfleet import parity, stats
from mlfleet.errors import StorageError, printable
from mlfleet.model import Metric, Record, Setting
from mlfleet.parity import Refusal
from mlfleet.runfile import PlannedWorkload, RunFile
from mlfleet.stats import Estimate
from mlfleet.values import PERCENTILES, percentile, value
from mlfleet.verdict import Group, TurnFlag, Verdict

FEW_BLOCKS = "few_blocks"
# A value of 0 or less has no logarithm, hence no estimate over factors.
NOT_POSITIVE = "not_positive"
_METRICS: tuple[Metric, ...] = ("time", "cpu", "memory")


@dataclass(frozen=True)
class CellRow:
    """One cell, all its counted trials. `estimates` holds medians with 97 % intervals in ns, ns and bytes."""

    workload: str
    setting: Setting
    framework: str
    image: str
    version: str
    # Of the trial that closed the cell, else ok.
    verdict: Verdict
    reasons: tuple[Refusal, ...]
    trials: int
    estimates: Mapping[Metric, Estimate | None]
    # Why an estimate is None: few_blocks, a reading's own reason.
    absent: Mapping[Metric, str]
    records: tuple[Record, ...]
    # p95 and p99 of single iterations in ns with 97 % intervals, or None and the reason.
    percentiles: Mapping[str, tuple[Estimate | None, str]]
    # Turns of its ok trials, how many carry a flag, and in how many of them each flag was seen.
    turns: int
    flagged_turns: int
    flagged: Mapping[TurnFlag, int]

    @property
    def shown(self) -> tuple[Record, ...]:
        """The trials whose numbers stand for the cell: of an ok one those that count, else all that there are."""
        return tuple(r for r in self.records if r.verdict is Verdict.OK) if self.verdict is Verdict.OK else self.records

    @property
    def verdicts(self) -> Mapping[Verdict, int]:
        """How many trials ended in each verdict."""
        return Counter(record.verdict for record in self.records)

    @property
    def cpus_used(self) -> float | None:
        """CPU time per wall time of an iteration."""
        time, cpu = self.estimates.get("time"), self.estimates.get("cpu")
        return cpu.point / time.point if time and cpu else None


def cell_row(run: RunFile, planned: PlannedWorkload, framework: str, records: Sequence[Record]) -> CellRow:
    """The cell of that framework from its trials, in the order of block and attempt. Raises StorageError."""
    for record in records:
        _of_something(record)
    contestant = run.contestant(framework)
    closing = next((r for r in records if r.verdict.group not in {Group.OK, Group.LOST}), None)
    fine = [record for record in records if record.verdict is Verdict.OK]
    last = closing or (fine[-1] if fine else records[-1] if records else None)
    counted = fine if closing is None else []
    found = {metric: _estimate(counted, partial(value, metric=metric)) for metric in _METRICS}
    return CellRow(
        workload=planned.workload.name,
        setting=run.setting,
        framework=framework,
        image=contestant.service.image,
        version=contestant.identity.version if contestant.identity else contestant.service.tag,
        verdict=last.verdict if last else Verdict.INTERRUPTED,
        reasons=parity.refusals(planned.workload.task, records, ()),
        trials=len(records),
        estimates={metric: one for metric, (one, _) in found.items()},
        absent={metric: why for metric, (_, why) in found.items() if why},
        records=tuple(records),
        percentiles={name: _estimate(counted, partial(percentile, name=name)) for name in PERCENTILES},
        turns=sum(len(record.turns) for record in fine),
        flagged_turns=sum(bool(turn.flags) for record in fine for turn in record.turns),
        flagged=Counter(flag for record in fine for turn in record.turns for flag in turn.flags),
    )


def _of_something(record: Record) -> None:
    """All that follows divides by iterations; no run writes a sample of none."""
    turns = (*record.turns, *([record.latency] if record.latency else []))
    samples = (*(one for turn in turns for one in turn.samples), *([record.cold] if record.cold else []))
    if any(one.iterations < 1 for one in samples):
        trial = record.trial
        where = f"{trial.workload} {trial.framework} block {trial.block}"
        raise StorageError(f"ledger: {printable(where)}: found a sample of no iteration, 1 or more awaited")


def _estimate(
    records: Sequence[Record], number: Callable[[Record], tuple[float | None, str]]
) -> tuple[Estimate | None, str]:
    """The level of one cell: estimated over ln of its trials' values, given back in the metric's own unit."""
    found = [number(record) for record in records]
    known = [one for one, _ in found if one is not None]
    if len(known) < len(found):
        return None, next(reason for one, reason in found if one is None)
    if len(known) < stats.MIN_BLOCKS:
        return None, FEW_BLOCKS
    if min(known) <= 0:
        return None, NOT_POSITIVE
    log = stats.estimate([math.log(one) for one in known])
    return Estimate(
        math.exp(log.point),
        math.exp(log.low),
        math.exp(log.high),
        log.standard_error,
        log.degrees,
        log.p,
        log.blocks,
        log.level,
    ), ""
