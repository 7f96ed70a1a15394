"""The outcome of a comparison from its estimates: equivalent, different, inconclusive. Knows no framework."""

import math
from dataclasses import dataclass
from typing import Literal

from mlfleet.stats import MIN_BLOCKS, Estimate

Outcome = Literal["different", "equivalent", "inconclusive", "refused"]
# Why an estimate names no winner.
WIDE, BELOW_RESOLUTION, NOISE = "wide", "below_resolution", "noise"
# What a decided outcome carries where too few blocks are left to weigh the flagged turns.
NOISY = "noisy"


@dataclass(frozen=True)
class Limits:
    """What a difference is held against, in the unit of the estimate (natural logarithms of ratios, ns or bytes)."""

    # Within this on either side nothing differs that matters; None: no such margin in this unit.
    margin: float | None
    # Half-widths that the host shows between equal services; None: not measured, the rule is skipped.
    resolution: float | None


@dataclass(frozen=True)
class Decision:
    """An outcome with its reasons, what it carries, and the estimate whose interval is printed with it."""

    outcome: Outcome
    reasons: tuple[str, ...]
    marks: tuple[str, ...]
    shown: Estimate


def decide(first: Estimate, second: Estimate | None, blocks_left: int, tested: float, limits: Limits) -> Decision:
    """First match of: equivalent, different (p at most the level it is tested at), inconclusive; then the noise rule.

    `first` is made of all turns, with its 97 % interval; `second` without the flagged ones, None where fewer than two
    of the `blocks_left` remain. Flagged turns decide nothing themselves: they can only take a decision away.
    """
    outcome, reason, shown = _by_all_turns(first, tested, limits)
    if second is None or blocks_left < MIN_BLOCKS:
        return Decision(outcome, (reason,) if reason else (), (NOISY,), shown)
    if first.low <= second.point <= first.high:
        return Decision(outcome, (reason,) if reason else (), (), shown)
    return Decision("inconclusive", (reason, NOISE) if reason else (NOISE,), (), first)


def _by_all_turns(first: Estimate, tested: float, limits: Limits) -> tuple[Outcome, str, Estimate]:
    if limits.margin is not None and -limits.margin < first.low and first.high < limits.margin:
        return "equivalent", "", first
    if first.p > tested:
        return "inconclusive", WIDE, first
    if limits.resolution is not None and abs(first.point) <= limits.resolution:
        return "inconclusive", BELOW_RESOLUTION, first
    return "different", "", first.at(tested)


def ratio_limits(margin: float, resolution: float | None) -> Limits:
    """Of log ratios. Margin 0.03 means [1/1.03, 1.03]: symmetric, so swapping the baseline changes nothing."""
    return Limits(math.log1p(margin), None if resolution is None else math.log1p(resolution))
