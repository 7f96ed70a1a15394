"""Every ratio that a table could be quoted for: defended with its interval, or refused with each reason."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import median
from typing import Literal

from mlfleet import stats
from mlfleet.compare import SMALL_MEMORY_BYTES
from mlfleet.errors import UsageError, unknown
from mlfleet.model import Metric
from mlfleet.multiplicity import adjusted_levels
from mlfleet.outcomes import Outcome, decide, ratio_limits
from mlfleet.parity import Refusal
from mlfleet.review.gates import refusals
from mlfleet.review.imported import Imported
from mlfleet.review.means import mean_refusals
from mlfleet.review.pairs import Pair, Side, pair_up
from mlfleet.review.quality import quality_undecided
from mlfleet.review.reading import Table
from mlfleet.stats import Estimate

METRICS: tuple[Metric, ...] = ("time", "cpu", "memory")
# As suites have it: no difference within 3 % matters.
MARGIN = 0.03
# As compare.py has it: below this start-up noise would be sold as a factor.
SMALL_MEMORY = "small_memory"
# Pairs of frameworks grow with their square; beyond so many claims one baseline is enough to read.
MOST_CLAIMS = 20_000


@dataclass(frozen=True)
class Claim:
    """A metric of a pair, in one cell or as the mean over all of them. `estimate`: of log ratios."""

    scope: Literal["cell", "mean"]
    cell: str
    metric: Metric
    baseline: str
    contestant: str
    outcome: Outcome
    reasons: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    estimate: Estimate | None
    pairs: int
    # Both sides, ns or bytes: medians of a cell, means over all rows.
    values: tuple[float | None, float | None]
    undecided: str = ""

    @property
    def defended(self) -> bool:
        """Whether the table may be quoted for it."""
        return self.outcome in {"different", "equivalent"}

    @property
    def ratio(self) -> tuple[float, float, float] | None:
        """Point, low and high of contestant / baseline, where it is defended."""
        if self.estimate is None or not self.defended:
            return None
        return math.exp(self.estimate.point), math.exp(self.estimate.low), math.exp(self.estimate.high)


@dataclass(frozen=True)
class Review:
    """A table, reviewed. A mean over different workloads is never defended, and does not count as a ratio of it."""

    table: Table
    cells: tuple[Claim, ...]
    means: tuple[Claim, ...]

    @property
    def defended(self) -> bool:
        """Whether there are ratios, and the table can defend all of them."""
        return bool(self.cells) and all(claim.defended for claim in self.cells)


def review_table(table: Table, baseline: str | None = None) -> Review:
    """All pairs of frameworks, or those with the baseline. Raises UsageError for one that is not in the table."""
    by_framework: dict[str, dict[str, list[Imported]]] = {}
    for row in table.rows:
        by_framework.setdefault(row.framework, {}).setdefault(row.cell, []).append(row)
    if baseline is not None and baseline not in by_framework:
        raise unknown("framework", baseline, by_framework)
    order = sorted(by_framework, key=lambda name: name != baseline)
    couples = [(a, b) for a, b in combinations(order, 2) if baseline in {None, a}]
    cells = sum(len(by_framework[a]) * len(METRICS) for a, _ in couples)
    if cells > MOST_CLAIMS:
        raise UsageError(f"{table.name}: found up to {cells:,} ratios; try: --baseline with one framework")
    claims: list[Claim] = []
    means: list[Claim] = []
    for a, b in couples:
        mine = list(_cells(a, b, by_framework[a], by_framework[b]))
        claims += mine
        means += _means(a, b, by_framework[a], by_framework[b], mine)
    return Review(table, tuple(_decided(claims)), tuple(means))


def _cells(
    a: str, b: str, ours: Mapping[str, Sequence[Imported]], theirs: Mapping[str, Sequence[Imported]]
) -> Iterator[Claim]:
    for cell in ours:
        if cell not in theirs:
            continue
        pair = pair_up(cell, Side(a, tuple(ours[cell])), Side(b, tuple(theirs[cell])))
        for metric in METRICS:
            if any(_speaks(row, metric) for side in pair.sides for row in side.rows):
                yield _cell(pair, metric)


def _speaks(row: Imported, metric: Metric) -> bool:
    return metric in row.values or any(problem.metric == metric for problem in row.problems)


def _cell(pair: Pair, metric: Metric) -> Claim:
    """Refused, or estimated and not yet decided: the level depends on all others."""
    found = refusals(pair, metric)
    medians = [[row.values[metric] for row in side.rows if metric in row.values] for side in pair.sides]
    undecided = "" if found else quality_undecided(pair.paired)
    estimate, reasons = None, tuple(dict.fromkeys(refusal.code for refusal in found))
    if undecided:
        reasons = ("quality_undecided",)
    elif not found and len(pair.paired) < stats.MIN_BLOCKS:
        reasons = ("few_blocks",)
    elif not found and metric == "memory" and min(map(min, medians)) < SMALL_MEMORY_BYTES:
        reasons = (SMALL_MEMORY,)
    elif not found:
        estimate = stats.estimate([math.log(b.values[metric] / a.values[metric]) for a, b in pair.paired])
    return Claim(
        scope="cell",
        cell=pair.cell,
        metric=metric,
        baseline=pair.baseline.framework,
        contestant=pair.contestant.framework,
        outcome="refused" if found else "inconclusive",
        reasons=reasons,
        refusals=found,
        estimate=estimate,
        pairs=len(pair.paired),
        values=(_median(medians[0]), _median(medians[1])),
        undecided=undecided,
    )


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _decided(claims: Sequence[Claim]) -> Iterator[Claim]:
    """Each estimate tested at the level that many comparisons at once leave it."""
    families: dict[tuple[str, Metric], list[tuple[int, Estimate]]] = {}
    for number, claim in enumerate(claims):
        if claim.estimate is not None:
            families.setdefault((claim.cell, claim.metric), []).append((number, claim.estimate))
    levels = adjusted_levels([[one.p for _, one in family] for family in families.values()], stats.ALPHA)
    tested = {
        number: level
        for family, found in zip(families.values(), levels.tested, strict=True)
        for (number, _), level in zip(family, found, strict=True)
    }
    for number, claim in enumerate(claims):
        if claim.estimate is None:
            yield claim
            continue
        # No flags and no resolution of that host are known: all blocks count, and the rule is skipped.
        made = decide(claim.estimate, claim.estimate, claim.pairs, tested[number], ratio_limits(MARGIN, None))
        yield replace(claim, outcome=made.outcome, reasons=made.reasons, estimate=made.shown)


def _means(
    a: str,
    b: str,
    ours: Mapping[str, Sequence[Imported]],
    theirs: Mapping[str, Sequence[Imported]],
    cells: Sequence[Claim],
) -> Iterator[Claim]:
    """What the table would be quoted for as a whole. Of one workload there is no such mean."""
    if len({*ours, *theirs}) == 1:
        return
    for metric in METRICS:
        sides = [[row for rows in side.values() for row in rows if metric in row.values] for side in (ours, theirs)]
        if not all(sides):
            continue
        found = mean_refusals(metric, (a, sides[0]), (b, sides[1]))
        mine = [claim for claim in cells if claim.metric == metric]
        found += tuple(_gathered(mine))
        values = tuple(sum(row.values[metric] for row in rows) / len(rows) for rows in sides)
        codes = tuple(dict.fromkeys(refusal.code for refusal in found))
        yield Claim("mean", "", metric, a, b, "refused", codes, found, None, 0, (values[0], values[1]))


def _gathered(cells: Sequence[Claim]) -> Iterator[Refusal]:
    """What the shared cells fail, each code once: the first sentence, and in how many cells."""
    seen: dict[tuple[str, str], list[str]] = {}
    for claim in cells:
        for (gate, code), detail in {(one.gate, one.code): one.detail for one in reversed(claim.refusals)}.items():
            seen.setdefault((gate, code), []).append(f"{claim.cell}: {detail}")
    for (gate, code), details in seen.items():
        yield Refusal(gate, code, details[0], f"{len(details)} of {len(cells)} shared cells")
