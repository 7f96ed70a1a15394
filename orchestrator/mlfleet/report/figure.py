"""Where the interval of each comparison lies on a log axis, in percent of the width; what is refused has no place."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mlfleet.compare import Comparison
from mlfleet.report.sentences import span

# Ticks over decades by their mantissas, from fine to coarse, and near 1 by their distance; the first that gives few
# enough is taken.
_MANTISSAS = ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))
_STEPS = (0.05, 0.1, 0.2, 0.5)
_NEAR = math.log(4)
_MOST_TICKS = 6
# The axis always shows this much around 1, so that a narrow interval looks narrow.
_LEAST = 1.25
# Percent of the width kept free on either side for the marks and the outer labels.
_EDGE = 4.0


@dataclass(frozen=True)
class Bar:
    """One comparison: `state` is its outcome; positions are None where there is no interval."""

    comparison: Comparison
    state: str
    text: str
    low: float | None
    point: float | None
    high: float | None


@dataclass(frozen=True)
class Axis:
    """Ticks as (position, label), and the band within the margin."""

    ticks: tuple[tuple[float, str], ...]
    one: float
    band: tuple[float, float]


@dataclass(frozen=True)
class Figure:
    """The bars of a workload; no axis where no bar has a position."""

    bars: tuple[Bar, ...]
    axis: Axis | None

    @property
    def worth_drawing(self) -> bool:
        """Whether there is more to see than the sentences say: an interval, or a refusal that must not hide."""
        return self.axis is not None or any(bar.state == "refused" for bar in self.bars)


def figure(comparisons: Sequence[Comparison], margin: float) -> Figure:
    """The geometry of one workload's outcomes."""
    placed = [one.estimate for one in comparisons if one.estimate and one.outcome != "refused" and not one.absolute]
    logs = [end for estimate in placed for end in (estimate.low, estimate.high)]
    if not logs:
        return Figure(tuple(_bar(one, 0, 1) for one in comparisons), None)
    least = math.log(_LEAST)
    low, high = min(-least, *logs), max(least, *logs)
    edges = (_place(-math.log1p(margin), low, high), _place(math.log1p(margin), low, high))
    axis = Axis(_ticks(low, high), _place(0, low, high), edges)
    return Figure(tuple(_bar(one, low, high) for one in comparisons), axis)


def _bar(one: Comparison, low: float, high: float) -> Bar:
    shown = span(one)
    if one.outcome == "refused":
        return Bar(one, "refused", "REFUSED", None, None, None)
    if shown is None or one.estimate is None:
        return Bar(one, one.outcome, ", ".join(one.reasons), None, None, None)
    if one.absolute:
        text = shown.interval if one.outcome == "inconclusive" else f"{shown.value} ({shown.interval})"
        return Bar(one, one.outcome, text, None, None, None)
    ends = _place(one.estimate.low, low, high), _place(one.estimate.high, low, high)
    if one.outcome == "inconclusive":
        # No point, so no winner can be read off it.
        return Bar(one, one.outcome, shown.interval, ends[0], None, ends[1])
    text = shown.interval if one.outcome == "equivalent" else f"{shown.point}x ({shown.interval})"
    return Bar(one, one.outcome, text, ends[0], _place(one.estimate.point, low, high), ends[1])


def _place(log: float, low: float, high: float) -> float:
    return round(_EDGE + (100 - 2 * _EDGE) * (log - low) / (high - low), 3)


def _ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    near = high - low < _NEAR
    candidates = (_steps(step, low, high) for step in _STEPS) if near else (_decades(m, low, high) for m in _MANTISSAS)
    found = next((values for values in candidates if len(values) <= _MOST_TICKS), None)
    if found is None:
        # Many decades: every n-th of them, 1 among them.
        decades = _decades((1.0,), low, high)
        one, step = decades.index(1.0), math.ceil(len(decades) / _MOST_TICKS)
        found = [value for index, value in enumerate(decades) if (index - one) % step == 0]
    return tuple((_place(math.log(value), low, high), f"{value:g}x") for value in found)


def _steps(step: float, low: float, high: float) -> list[float]:
    first, last = math.ceil(round(math.exp(low) / step, 6)), math.floor(round(math.exp(high) / step, 6))
    return [round(number * step, 6) for number in range(first, last + 1)]


def _decades(mantissas: Sequence[float], low: float, high: float) -> list[float]:
    decades = range(math.floor(low / math.log(10)), math.ceil(high / math.log(10)) + 1)
    values = (float(f"{mantissa * 10.0**decade:.6g}") for decade in decades for mantissa in mantissas)
    return [value for value in values if low <= math.log(value) <= high]
