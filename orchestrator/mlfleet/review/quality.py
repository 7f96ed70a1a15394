"""Equal quality of two imported sides, by the numbers alone: nobody here can score their outputs."""

from collections.abc import Iterator, Sequence
from statistics import fmean

from mlfleet.parity import EQUALITY_ALPHA, Refusal
from mlfleet.review.columns import NOTHING_LEARNT, RANGES
from mlfleet.review.imported import Imported, Quality
from mlfleet.stats import MIN_BLOCKS, mean_interval
from mlfleet.verdict import Verdict

# Shares and R2 may differ by a point, as much as the tasks of mlfleet allow labels; others by as much of themselves.
SHARE_MARGIN = 0.01
RELATIVE_MARGIN = 0.01
Paired = Sequence[tuple[Imported, Imported]]


def quality_refusals(paired: Paired) -> Iterator[Refusal]:
    """A quality that differs on average, or two that are not of one metric."""
    found = _found(paired)
    metrics = sorted({one.metric for pair in found for one in pair})
    if len(metrics) > 1:
        text = f"the qualities {' and '.join(metrics)} are not one metric; the same awaited"
        yield Refusal("quality", "other_metric", text, "both sides")
        return
    if not found:
        return
    margin = _margin(found)
    least = NOTHING_LEARNT.get(metrics[0])
    apart = fmean(b.value - a.value for a, b in found)
    if least is not None and all(max(a.value, b.value) <= least for a, b in found):
        text = f"{metrics[0]} is {found[0][0].shown} on both sides, as of one who learnt nothing; more awaited"
        yield Refusal("quality", Verdict.OUTSIDE_TOLERANCE.value, text, f"{len(found)} of {len(paired)} pairs")
    elif abs(apart) > margin and not all(_equal_otherwise(a, b, margin) for a, b in found):
        a, b = found[0]
        text = f"{metrics[0]} is {b.shown} against {a.shown}{_other_reading(a, b)}, within {_text(a, margin)}"
        where = f"{len(found)} of {len(paired)} pairs, on average"
        yield Refusal("quality", Verdict.OUTSIDE_TOLERANCE.value, f"{text} awaited", where)


def quality_undecided(paired: Paired) -> str:
    """Why equal quality is not known where the mean is near enough; empty where it is."""
    found = _found(paired)
    if len(found) < MIN_BLOCKS:
        return ""
    low, _, high = mean_interval([b.value - a.value for a, b in found], EQUALITY_ALPHA)
    margin = _margin(found)
    if -margin < low and high < margin:
        return ""
    return f"the qualities differ by {low:.4g} to {high:.4g} (90 % interval), within ± {margin:.4g} awaited"


def _found(paired: Paired) -> list[tuple[Quality, Quality]]:
    return [(a.quality, b.quality) for a, b in paired if a.quality is not None and b.quality is not None]


def _margin(found: Sequence[tuple[Quality, Quality]]) -> float:
    if _is_share(found[0][0].metric):
        return SHARE_MARGIN
    return RELATIVE_MARGIN * fmean(abs(a.value) for a, _ in found)


def _is_share(metric: str) -> bool:
    return metric in RANGES and RANGES[metric][1] == 1.0


def _text(one: Quality, margin: float) -> str:
    if not _is_share(one.metric):
        return f"{RELATIVE_MARGIN:.0%} of each other".replace("%", " %")
    return f"{margin * 100:g} point" if one.shown.endswith("%") else f"{margin:g}"


def _read_otherwise(a: Quality, b: Quality) -> tuple[float, float] | None:
    """A share beyond 1 is often one written in percent, or in percent twice: both values by that reading."""
    read = [one.value if one.in_range else one.value / 100 for one in (a, b)]
    return None if (a.in_range and b.in_range) or not all(0 <= value <= 1 for value in read) else (read[0], read[1])


def _equal_otherwise(a: Quality, b: Quality, margin: float) -> bool:
    """Whether only the unit of one side is wrong, which is a reason of its own."""
    read = _read_otherwise(a, b)
    return read is not None and abs(read[1] - read[0]) <= margin


def _other_reading(a: Quality, b: Quality) -> str:
    """Nothing is corrected, but that reading is said."""
    read = _read_otherwise(a, b)
    return f" ({read[1]:.3g} against {read[0]:.3g} if that was multiplied by 100 twice, still apart)" if read else ""
