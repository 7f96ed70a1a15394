"""How a release behaves beside two others that were measured in the same blocks: as the old one, or the new. Pure."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic.dataclasses import dataclass

from mlfleet import parity
from mlfleet.across.bisect import Like, Side
from mlfleet.compare import Comparison
from mlfleet.model import STRICT, Metric
from mlfleet.parity import Refusal
from mlfleet.report.sentences import sentence
from mlfleet.table import Table
from mlfleet.verdict import Verdict

# The gate whose refusal is itself a change: a default that is another does other work.
WORK = "work"
# metric: their ratio is another. work: they do not do the same work, so there is no ratio. none: nothing that is known.
Kind = Literal["metric", "work", "none"]
# Whether a release differs from the old end, and from the new one.
_LIKE: Mapping[tuple[bool, bool], Like] = {
    (False, True): "old",
    (True, False): "new",
    (True, True): "second",
    (False, False): "undecided",
}


@dataclass(frozen=True, config=STRICT)
class Ends:
    """What the ends differ in, in words; of kind none: why no difference between them is known."""

    kind: Kind
    said: tuple[str, ...]


@dataclass(frozen=True, config=STRICT)
class Sought:
    """The change that is looked for, between two contestants. `least`: the share that all of its interval exceeds."""

    workload: str
    metric: Metric
    least: float
    old: str
    new: str


def ends(table: Table, sought: Sought) -> Ends:
    """What the run of both ends says, the old one being its baseline."""
    if absent := _absent(table, sought.workload, (sought.old, sought.new)):
        return Ends("none", absent)
    found = _comparison(table, sought, sought.new)
    if differs(found, sought.least):
        return Ends("metric", (told(table, found),))
    if other := _other_work(table, sought.workload, sought.old, sought.new):
        return Ends("work", tuple(map(_refusal, other)))
    below = f"below the threshold of {sought.least:.3g}: " if found.outcome == "different" else ""
    return Ends("none", (below + told(table, found),))


def side(by_old: Table, by_new: Table, sought: Sought, kind: Kind, middle: str) -> Side:
    """Where a release belongs that was measured with both ends, which differ in that `kind`.

    Both tables are of one run: others divided by the old end in the first, by the new end in the second.
    """
    if absent := _absent(by_old, sought.workload, (sought.old, sought.new, middle)):
        return Side("undecided", absent)
    if kind == "work":
        return _by_work(by_old, sought, middle)
    found = [(table, _comparison(table, sought, middle)) for table in (by_old, by_new)]
    old, new = (differs(one, sought.least) for _, one in found)
    like = _nearer(found[0][1], found[1][1]) if old and new else _LIKE[old, new]
    return Side(like, tuple(told(table, one) for table, one in found))


def _nearer(to_old: Comparison, to_new: Comparison) -> Like:
    """Which end a release is nearer to that differs from both, by the logarithms of its ratios to them."""
    if to_old.ratio is None or to_new.ratio is None:
        return "second"
    return "nearer_old" if abs(math.log(to_old.ratio[0])) < abs(math.log(to_new.ratio[0])) else "nearer_new"


def differs(one: Comparison, least: float) -> bool:
    """Whether the outcome is `different`, and by more than that share: all of the interval, in either direction.

    A difference without a ratio (little memory) crosses no threshold but 0.
    """
    if one.outcome != "different":
        return False
    if one.ratio is None or least == 0:
        return least == 0
    _, low, high = one.ratio
    return low > 1 + least or high < 1 / (1 + least)


def told(table: Table, one: Comparison) -> str:
    """A comparison in one sentence, refused ones with every reason."""
    if one.outcome == "refused":
        return "refused: " + ("; ".join(map(_refusal, one.refusals)) or ", ".join(one.reasons))
    return sentence(table.run.planned(one.workload), one, table.run.margin_of(one.workload))


def _refusal(one: Refusal) -> str:
    return f"{one.gate} {one.code}: {one.detail} ({one.where})"


def _comparison(table: Table, sought: Sought, contestant: str) -> Comparison:
    asked = sought.workload, sought.metric, contestant
    return next(one for one in table.comparisons if (one.workload, one.metric, one.contestant) == asked)


def _absent(table: Table, workload: str, keys: Sequence[str]) -> tuple[str, ...]:
    """Why contestants have no cell of that workload; empty where all have one."""
    cells = table.run.planned(workload).cells
    return tuple(
        f"{key} takes no part: {table.run.contestant(key).reason or 'it has no such task'}"
        for key in keys
        if key not in cells
    )


def _by_work(table: Table, sought: Sought, middle: str) -> Side:
    row = table.cell(sought.workload, middle)
    if row.verdict is not Verdict.OK and not any(refusal.gate == WORK for refusal in row.reasons):
        why = "; ".join(map(_refusal, row.reasons)) or "no trial of it counts"
        return Side("undecided", (f"{middle}: {row.verdict.value}: {why}",))
    old, new = (_other_work(table, sought.workload, end, middle) for end in (sought.old, sought.new))
    said = [
        f"{middle} against {end}: {'; '.join(map(_refusal, other)) or 'the same work'}"
        for end, other in ((sought.old, old), (sought.new, new))
    ]
    return Side(_LIKE[bool(old), bool(new)], tuple(said))


def _other_work(table: Table, workload: str, one: str, other: str) -> tuple[Refusal, ...]:
    """What shows that two did not do the same work; empty where both did, or both fail the gate by themselves.

    Of a pair in which one side fails by itself every ratio is refused, whatever the other does: so it is asked which
    of them fails, and then what their receipts have unequal.
    """
    task = table.run.planned(workload).workload.task
    rows = [table.cell(workload, key) for key in (one, other)]
    own = [[refusal for refusal in row.reasons if refusal.gate == WORK] for row in rows]
    if bool(own[0]) != bool(own[1]):
        return (*own[0], *own[1])
    theirs = (*rows[0].reasons, *rows[1].reasons)
    both = parity.refusals(task, rows[0].records, rows[1].records)
    return tuple(refusal for refusal in both if refusal.gate == WORK and refusal not in theirs)
