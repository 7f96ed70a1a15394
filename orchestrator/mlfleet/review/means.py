"""Why a mean over different workloads is no ratio: what was mixed, and what one row does to the sum."""

import math
from collections.abc import Iterator, Sequence
from statistics import median

from mlfleet.model import Metric
from mlfleet.parity import Refusal
from mlfleet.report.units import plural
from mlfleet.review.imported import Imported

# Beyond this share of its side's sum a row is most of the mean.
DOMINANT_SHARE = 0.5
# From so many shared cells the range of their quotients says how little a mean stands for, and names none of them.
CELLS_FOR_RANGE = 3
# Cells whose quotients differ by this have no common one.
WIDE_RANGE = 2.0
Named = tuple[str, Sequence[Imported]]


def mean_refusals(metric: Metric, ours: Named, theirs: Named) -> tuple[Refusal, ...]:
    """At least one reason: measurement.md allows no ratio of means, and no total over different workloads."""
    sets = tuple(_sets(ours, theirs))
    if not {row.cell for row in ours[1]} & {row.cell for row in theirs[1]}:
        # Whatever else is wrong with them, nothing of theirs could be compared.
        return sets
    return (*sets, *_mixed(metric, ours, theirs), *_dominated(metric, ours, theirs))


def _sets(ours: Named, theirs: Named) -> Iterator[Refusal]:
    cells = [list(dict.fromkeys(row.cell for row in rows)) for _, rows in (ours, theirs)]
    alone = [[cell for cell in mine if cell not in other] for mine, other in (cells, cells[::-1])]
    if alone[0] or alone[1]:
        shared = len(cells[0]) - len(alone[0])
        told = ", ".join(
            f"{len(mine)} only in {name} ({', '.join(mine[:3])}{', ...' if len(mine) > 3 else ''})"  # noqa: PLR2004
            for (name, _), mine in zip((ours, theirs), alone, strict=True)
            if mine
        )
        yield Refusal(
            "table", "sets_differ", f"{plural(shared, 'cell')} shared, {told}; equal sets awaited", "both sides"
        )


def _mixed(metric: Metric, ours: Named, theirs: Named) -> Iterator[Refusal]:
    text = "a mean over different workloads has no meaning: it weighs each by its size"
    medians = [_by_cell(metric, rows) for _, rows in (ours, theirs)]
    ratios = [a / b for cell, a in medians[0].items() if (b := medians[1].get(cell)) is not None]
    sizes = [max(ratio, 1 / ratio) for ratio in ratios]
    same_way = all(ratio >= 1 for ratio in ratios) or all(ratio <= 1 for ratio in ratios)
    if len(ratios) >= CELLS_FOR_RANGE and same_way and max(sizes) / min(sizes) > WIDE_RANGE:
        text += f"; its cells range from {_figures(min(sizes))} to {_figures(max(sizes))}, so no one number is theirs"
    yield Refusal("table", "mean_over_workloads", text, plural(len(ratios), "shared cell"))


def _by_cell(metric: Metric, rows: Sequence[Imported]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for row in rows:
        found.setdefault(row.cell, []).append(row.values[metric])
    return {cell: median(values) for cell, values in found.items()}


def _figures(number: float) -> str:
    """Three figures: 1.06x, 514x."""
    return f"{number:.{max(0, 2 - int(math.log10(number)))}f}x"


def _dominated(metric: Metric, ours: Named, theirs: Named) -> Iterator[Refusal]:
    for name, rows in (ours, theirs):
        largest = max(rows, key=lambda row: row.values[metric])
        share = largest.values[metric] / sum(row.values[metric] for row in rows)
        if share > DOMINANT_SHARE and len(rows) > 1:
            text = f"one row is {share * 100:.1f} % of the sum: {largest.cell}, {largest.place}; the mean is that row's"
            yield Refusal("table", "dominated", text, name)
