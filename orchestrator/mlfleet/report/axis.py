"""A log axis: its ends on round numbers, few ticks, where a value lies on it, and labels that keep apart."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

# Round numbers as base and mantissas, from fine to coarse: the ends lie on the first, the ticks on the first that
# gives few enough.
Grid = tuple[float, tuple[float, ...]]
DECIMAL: tuple[Grid, ...] = ((10.0, (1.0, 2.0, 5.0)), (10.0, (1.0, 3.0)), (10.0, (1.0,)))
BINARY: tuple[Grid, ...] = ((2.0, (1.0,)), (4.0, (1.0,)), (16.0, (1.0,)))
_MOST_TICKS = 6
# A value that is a round number but for its last bit lies on it.
_CLOSE = 1e-9
# Labels this near, in percent of the width and in px, would cover each other.
_BESIDE, _LINE = 25.0, 15.0


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, in the unit of the values, drawn from `start` to `end`; ticks as (place, label)."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[tuple[float, str], ...]

    def place(self, value: float) -> float:
        """Where a value above 0 is drawn."""
        return _place(value, (self.low, self.high), (self.start, self.end))


def log_axis(
    values: Sequence[float], grids: Sequence[Grid], label: Callable[[float], str], start: float, end: float
) -> Axis:
    """The axis that holds these values, all above 0; at least one."""
    marks = _marks(grids[0], min(values), max(values))
    ends = marks[0], marks[-1]
    chosen: list[float] = []
    for grid in grids:
        chosen = [mark for mark in _marks(grid, *ends) if _within(mark, ends)]
        if len(chosen) <= _MOST_TICKS:
            break
    step = math.ceil(len(chosen) / _MOST_TICKS)
    ticks = tuple((_place(mark, ends, (start, end)), label(mark)) for mark in chosen[::step])
    return Axis(*ends, start, end, ticks)


def free_line(x: float, y: float, taken: Iterable[tuple[float, float]]) -> float:
    """The first height from `y` px downwards at which a label at `x` percent covers none of those taken."""
    others = list(taken)
    while any(abs(x - a) < _BESIDE and abs(y - b) < _LINE for a, b in others):
        y += _LINE
    return y


def _place(value: float, ends: tuple[float, float], drawn: tuple[float, float]) -> float:
    share = math.log(value / ends[0]) / math.log(ends[1] / ends[0])
    return round(drawn[0] + (drawn[1] - drawn[0]) * share, 3)


def _within(mark: float, ends: tuple[float, float]) -> bool:
    return ends[0] * (1 - _CLOSE) <= mark <= ends[1] * (1 + _CLOSE)


def _marks(grid: Grid, low: float, high: float) -> list[float]:
    """The round numbers from the last at or below `low` to the first at or above `high`: two or more."""
    base, mantissas = grid
    powers = range(math.floor(math.log(low, base)) - 1, math.ceil(math.log(high, base)) + 2)
    every = [mantissa * base**power for power in powers for mantissa in mantissas]
    begin = max(index for index, mark in enumerate(every) if mark <= low * (1 + _CLOSE))
    end = min(index for index, mark in enumerate(every) if mark >= high * (1 - _CLOSE))
    return every[begin : end + 1] if begin < end else every[begin - 1 : end + 2]
