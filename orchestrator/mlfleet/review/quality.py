"""Equal quality of two imported sides, by the numbers alone: nobody here can score their outputs."""

from collections.abc import Iterator, Sequence
from statistics import fmean

from mlfleet.parity import EQUALITY_ALPHA, Refusal
from mlfleet.review.columns import RANGES
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
    apart = fmean(b.value - a.value for a, b in found)
    if abs(apart) > margin:
        a, b = found[0]
        text = f"{metrics[0]} is {b.shown} against {a.shown}{_other_reading(a, b, margin)}, within {_text(a, margin)}"
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


def _other_reading(a: Quality, b: Quality, margin: float) -> str:
    """A share beyond 1 is often one written in percent twice; nothing is corrected, but that reading is said."""
    if a.in_range and b.in_range:
        return ""
    read = [one.value if one.in_range else one.value / 100 for one in (a, b)]
    if not all(0 <= value <= 1 for value in read):
        return ""
    apart = "still apart" if abs(read[1] - read[0]) > margin else "then equal"
    return f" ({read[1]:.3g} against {read[0]:.3g} if that was multiplied by 100 twice, {apart})"
