"""When a workload has been measured enough: on precision, at a few fixed numbers of blocks, or on time. Never on p.

Stopping as soon as something looks different would call 20 to 23 % of equal pairs different. Pure: the same blocks give
the same answer, so that a resumed run goes on as the interrupted one would have.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mlfleet.stats import estimate

# precision: every interval is narrow enough. none_left: nothing is left that could be compared. budget: the workload's
# time is spent. max_blocks: the plan has no further block for it.
Stop = Literal["precision", "none_left", "budget", "max_blocks"]
# Numbers of blocks in which a pair is complete. At each more one test is made: between them nobody looks.
LOOKS = (10, 15, 20, 30, 40)
# Half-width of the interval of a ratio of times, as a share of 1, and as a share of the log ratio itself: nobody needs
# to know to 2 % how far apart two are that differ tenfold.
PRECISION = 0.02
PRECISION_OF_EFFECT = 0.05
# Time that a workload may take where its suite says nothing else.
BUDGET_S = 900


@dataclass(frozen=True)
class Pair:
    """Two frameworks whose cells are open: ln(contestant's time / baseline's) by block, where both sides were ok."""

    differences: Mapping[int, float]
    # A gate between the two failed, as far as these blocks can tell: more blocks may yet tell otherwise.
    refused: bool = False


def stop(pairs: Sequence[Pair], closed: int, spent_s: float, budget_s: float) -> Stop | None:
    """Why a workload that is compared is not measured on, or None. `closed`: the number of its last closed block."""
    if not pairs:
        return "none_left"
    if look_due(pairs, closed):
        judged = [pair for pair in pairs if not pair.refused]
        if all(precise(tuple(pair.differences.values())) for pair in judged):
            return "precision" if judged else "none_left"
    return "budget" if spent_s >= budget_s else None


def look_due(pairs: Sequence[Pair], closed: int) -> bool:
    """Whether the block that was just closed completed a number at which it is looked: once each, and nowhere else.

    A workload's number is that of its pair with the fewest complete blocks: none is judged on less than it needs.
    """
    now = min(len(pair.differences) for pair in pairs)
    before = min(len(pair.differences) - (closed in pair.differences) for pair in pairs)
    return now in LOOKS and before < now


def blocks_text(blocks: int, looks: Sequence[int]) -> str:
    """How many blocks a workload has: "5 blocks", "10 to 40 blocks"."""
    if looks:
        return f"{looks[0]} to {blocks} blocks"
    return "1 block" if blocks == 1 else f"{blocks} blocks"


def precise(differences: Sequence[float]) -> bool:
    """Whether the interval of a pair's ratio is narrow enough: half-width at most 2 %, or 5 % of a large log ratio."""
    found = estimate(differences)
    half_width = math.expm1(found.high - found.point)
    return half_width <= max(PRECISION, PRECISION_OF_EFFECT * abs(found.point))
