"""The release that a change came in with, by the fewest builds: a search that knows neither images nor runs. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from pydantic.dataclasses import dataclass

from mlfleet.model import STRICT

# old, new: it behaves as that end does. nearer_old, nearer_new: as neither end, so something else has changed too; the
# larger part of the change came in after it, or before. second: as neither, and no ratio tells which part is larger.
# undecided: no comparison tells. not_built: there is no image of it to measure.
Like = Literal["old", "new", "nearer_old", "nearer_new", "second", "undecided", "not_built"]
OLDER: frozenset[Like] = frozenset({"old", "nearer_old"})
NEWER: frozenset[Like] = frozenset({"new", "nearer_new"})


@dataclass(frozen=True, config=STRICT)
class Side:
    """What a release turned out to be beside both ends. `said`: against the old end and the new one, or why not."""

    like: Like
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """Where a search ended. `between` the last unchanged and the first changed lie only releases that tell nothing."""

    last: str
    first: str
    between: tuple[str, ...]
    # Every release that was tried, in that order.
    asked: Mapping[str, Side]


def search(releases: Sequence[str], measure: Callable[[str], Side]) -> Found:
    """The two releases between which the behaviour changes, or most of it does.

    `releases`: from the old end to the new, both known.
    Each step asks for the middle of what is left, so that there are at most `most_steps`. One that tells nothing is
    skipped, as `git bisect skip` does: then that is asked for which is nearest to the middle of those not asked yet.
    """
    low, high = 0, len(releases) - 1
    asked: dict[str, Side] = {}
    while left := [at for at in range(low + 1, high) if releases[at] not in asked]:
        at = _middle(left, low, high)
        side = asked[releases[at]] = measure(releases[at])
        if side.like in OLDER:
            low = at
        elif side.like in NEWER:
            high = at
    return Found(releases[low], releases[high], tuple(releases[low + 1 : high]), asked)


def most_steps(releases: Sequence[str]) -> int:
    """How many releases between the ends are asked for at most, where none has to be skipped: ceil(log2(n + 1))."""
    return max(0, len(releases) - 2).bit_length()


def _middle(left: Sequence[int], low: int, high: int) -> int:
    return min(left, key=lambda at: abs(2 * at - low - high))
