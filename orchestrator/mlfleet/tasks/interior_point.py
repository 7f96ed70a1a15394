"""Convex quadratic programs in a box, by a primal-dual interior-point method: right answers for dual problems."""

import numpy as np

from mlfleet.datasets.dataset import Floats

# A step ends short of the nearest side of the box, and the next one aims at a tenth of the gap.
_SHORT, _AIM = 0.99, 0.1
_GAP = 1e-11
_STEPS = 200


def box_minimum(h: Floats, upper: float) -> Floats:
    """The a f64[n] in 0 .. upper, which may be infinite, that makes a'Ha/2 - sum(a) smallest.

    To a relative gap of 1e-11; Nocedal and Wright (2006), chapter 16.6. Raises ArithmeticError if it is not reached.
    """
    n = len(h)
    bounded = np.isfinite(upper)
    a = np.full(n, min(upper, 1.0) / 2)
    low, high = np.ones(n), np.full(n, 1.0 if bounded else 0.0)
    for _ in range(_STEPS):
        slack = upper - a
        slope = h @ a - 1
        # Where there is no upper side, its multiplier is 0 and its slack infinite.
        gap = float(a @ low + (slack @ high if bounded else 0.0))
        rest = float(np.abs(slope - low + high).max())
        if max(gap / max(abs(float(a @ (slope - 1) / 2)), 1.0), rest) <= _GAP:
            return a
        aim = _AIM * gap / (n * (1 + bounded))
        step = np.linalg.solve(h + np.diag(low / a + high / slack), aim / a - aim / slack - slope)
        to_low = aim / a - low - low / a * step
        to_high = aim / slack - high + high / slack * step
        lengths = [_length(a, step), _length(slack, -step), _length(low, to_low), _length(high, to_high)]
        length = min(1.0, _SHORT * min(lengths))
        a, low, high = a + length * step, low + length * to_low, high + length * to_high
    raise ArithmeticError(f"the interior point is {gap:g} from the optimum after {_STEPS} steps")


def _length(values: Floats, steps: Floats) -> float:
    """How many steps until the first of these values is 0."""
    falling = steps < 0
    return float(np.min(-values[falling] / steps[falling], initial=np.inf))
