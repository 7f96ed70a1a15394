"""Many comparisons at once: Benjamini-Hochberg across families, Holm within each. Knows nothing of frameworks.

Benjamini, Y. and Bogomolov, M. (2014): Selective inference on multiple families of hypotheses. JRSS B 76.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Levels:
    """The level a_i that each p value is tested at, in the shape of the families, and how it came about."""

    tested: tuple[tuple[float, ...], ...]
    # Families: M, and R of them in which something differs.
    families: int
    selected: int
    comparisons: int


def adjusted_levels(families: Sequence[Sequence[float]], alpha: float) -> Levels:
    """Give each p value its own level, so that p <= level says whether it is rejected. Families are not empty.

    P_f = min(1, m * min p) of each family of m; R = the largest r such that the r-th smallest P_f is at most
    alpha r / M. Each family is then tested by Holm at a_f = alpha * max(R, 1) / M.
    """
    total = len(families)
    ordered = sorted(min(1.0, len(family) * min(family)) for family in families)
    selected = max((rank for rank, p in enumerate(ordered, 1) if p <= alpha * (rank / total)), default=0)
    # In this order of operations no level exceeds alpha by a rounding.
    level = alpha * (max(selected, 1) / total) if total else alpha
    return Levels(
        tested=tuple(_holm(family, level) for family in families),
        families=total,
        selected=selected,
        comparisons=sum(map(len, families)),
    )


def _holm(family: Sequence[float], alpha: float) -> tuple[float, ...]:
    """The j-th smallest of m is tested at alpha / (m - j + 1); after the first failure the rest keep that level."""
    levels = [alpha] * len(family)
    failed = None
    for rank, index in enumerate(sorted(range(len(family)), key=family.__getitem__)):
        levels[index] = failed or alpha / (len(family) - rank)
        if family[index] > levels[index]:
            failed = levels[index]
    return tuple(levels)
