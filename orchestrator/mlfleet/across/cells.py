"""Cells that two runs have in common, each metric estimated before it is known what it is held against. Pure.

Blocks of two runs are no pairs: another hour is another state of the machine. Both sides' trials are compared unpaired.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from mlfleet import parity, stats
from mlfleet.cells import FEW_BLOCKS, CellRow
from mlfleet.compare import METER, QUALITY_UNDECIDED, SMALL_MEMORY_BYTES
from mlfleet.model import Metric, Record
from mlfleet.parity import Refusal
from mlfleet.runfile import PlannedWorkload, RunFile
from mlfleet.stats import Estimate
from mlfleet.table import Table
from mlfleet.values import meters_of, unflagged_value, value
from mlfleet.verdict import NOT_FRESH, Verdict

# The two sides of every sentence.
BEFORE, AFTER = "A", "B"
# As in a run: below 8 MiB start-up noise would be sold as a factor.
SMALL_MEMORY = "small_memory"

# A workload and a framework.
Key = tuple[str, str]


@dataclass(frozen=True)
class Pair:
    """One metric of one cell in both runs. `first`: B over A from all turns; None: `settled` or `refused` say why."""

    planned: PlannedWorkload
    metric: Metric
    before: CellRow
    after: CellRow
    # The very same image on both sides: what differs is the host's doing.
    unchanged: bool
    refused: tuple[Refusal, ...]
    settled: tuple[str, ...]
    first: Estimate | None
    # Without the flagged turns, and how many trials of the poorer side keep a turn.
    second: Estimate | None
    unflagged: int
    values: tuple[float | None, float | None]


@dataclass(frozen=True)
class _Numbers:
    """One number of each trial that counts, on one side."""

    known: tuple[float, ...]
    # Of those with an unflagged turn.
    unflagged: tuple[float, ...]
    # Why a trial has none.
    unread: str
    meters: frozenset[str]


def common(before: Table, after: Table) -> tuple[list[Key], list[Key], list[Key]]:
    """Cells of both runs, of the first alone, of the second alone."""
    ours, theirs = ([(row.workload, row.framework) for row in table.cells] for table in (before, after))
    both = [key for key in ours if key in theirs]
    return both, [key for key in ours if key not in both], [key for key in theirs if key not in both]


def pairs(before: Table, after: Table, key: Key, refused: Sequence[Refusal]) -> list[Pair]:
    """Every metric that both runs decide. `refused`: what stands against all cells alike."""
    (ours, a), (theirs, b) = _side(before, key), _side(after, key)
    images = [table.run.contestant(a.framework).image_id for table in (before, after)]
    sides = _named(a, BEFORE), _named(b, AFTER)
    task = ours.workload.task
    own = _own_settings(before.run, after.run, key[0])
    against = (*dict.fromkeys((*refused, *own)), *_payload(ours, theirs), *parity.refusals(task, *sides))
    undecided = () if against or not parity.undecided(task, *sides) else (QUALITY_UNDECIDED,)
    shared = [metric for metric in before.run.metrics_of(key[0]) if metric in after.run.metrics_of(key[0])]
    # The memory of a control says nothing of the host.
    chosen = [metric for metric in shared if metric != "memory" or not ours.control]
    return [_pair(ours, metric, (a, b), images[0] == images[1], against, undecided) for metric in chosen]


def _side(table: Table, key: Key) -> tuple[PlannedWorkload, CellRow]:
    return table.run.planned(key[0]), table.cell(*key)


def _named(row: CellRow, side: str) -> tuple[Record, ...]:
    """Its trials, whose framework says the side too: both have the same name."""
    name = f"{row.framework} ({side})"
    return tuple(replace(record, trial=replace(record.trial, framework=name)) for record in row.records)


def _own_settings(before: RunFile, after: RunFile, workload: str) -> list[Refusal]:
    """What a workload may have otherwise than its run, where that is not the same on both sides."""
    sides = [
        {"memory_bytes": run.environment_of(workload).memory_bytes, "schedule": run.schedule_of(workload)}
        for run in (before, after)
    ]
    return [
        Refusal("environment", "environment", f"{name} is {b} in {AFTER}, {a} in {BEFORE}", "every trial")
        for (name, a), b in zip(sides[0].items(), sides[1].values(), strict=True)
        if a != b
    ]


def _payload(ours: PlannedWorkload, theirs: PlannedWorkload) -> tuple[Refusal, ...]:
    if ours.payload_sha256 == theirs.payload_sha256:
        return ()
    text = f"SHA-256 {theirs.payload_sha256[:12]} in {AFTER}, {ours.payload_sha256[:12]} in {BEFORE}"
    return (Refusal("payload", Verdict.WRONG_PAYLOAD.value, text, "every trial"),)


def _pair(
    planned: PlannedWorkload,
    metric: Metric,
    rows: tuple[CellRow, CellRow],
    unchanged: bool,
    refused: tuple[Refusal, ...],
    undecided: tuple[str, ...],
) -> Pair:
    a, b = (_numbers(row, metric) for row in rows)
    against = (*refused, *_meters(a, b, metric))
    settled = _settled(rows, a, b, metric) or undecided
    estimated = not against and not settled
    left = min(len(a.unflagged), len(b.unflagged))
    return Pair(
        planned=planned,
        metric=metric,
        before=rows[0],
        after=rows[1],
        unchanged=unchanged,
        refused=against,
        settled=settled,
        first=_estimate(a.known, b.known) if estimated else None,
        second=_estimate(a.unflagged, b.unflagged) if estimated and left > 1 else None,
        unflagged=left,
        values=(median(a.known) if a.known else None, median(b.known) if b.known else None),
    )


def _numbers(row: CellRow, metric: Metric) -> _Numbers:
    fine = [record for record in row.records if record.verdict is Verdict.OK]
    found = [value(record, metric) for record in fine]
    unflagged = [unflagged_value(record, metric)[0] for record in fine]
    return _Numbers(
        known=tuple(number for number, _ in found if number is not None),
        unflagged=tuple(number for number in unflagged if number is not None),
        unread=next((why for number, why in found if number is None), ""),
        meters=frozenset(filter(None, (meters_of(record, metric) for record in fine))),
    )


def _meters(a: _Numbers, b: _Numbers, metric: Metric) -> tuple[Refusal, ...]:
    if not a.meters or not b.meters or a.meters == b.meters:
        return ()
    ours, theirs = (" and ".join(sorted(side.meters)) for side in (a, b))
    return (
        Refusal(METER, METER, f"{metric} was read from {theirs} in {AFTER}, from {ours} in {BEFORE}", "every trial"),
    )


def _settled(rows: tuple[CellRow, CellRow], a: _Numbers, b: _Numbers, metric: Metric) -> tuple[str, ...]:
    """Why there can be no estimate."""
    if why := a.unread or b.unread:
        return METER, why
    if any(NOT_FRESH in record.flags for row in rows for record in row.records):
        return (NOT_FRESH,)
    if min(len(a.known), len(b.known)) < stats.MIN_BLOCKS:
        return (FEW_BLOCKS,)
    least = min((*a.known, *b.known))
    return (SMALL_MEMORY,) if least <= 0 or (metric == "memory" and least < SMALL_MEMORY_BYTES) else ()


def _estimate(before: Sequence[float], after: Sequence[float]) -> Estimate:
    return stats.unpaired([math.log(number) for number in before], [math.log(number) for number in after])
