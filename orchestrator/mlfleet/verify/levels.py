"""The level at which each comparison is tested: Benjamini-Hochberg across families, Holm within each."""

from collections.abc import Hashable, Mapping, Sequence

from mlfleet.verify.estimates import ALPHA


def tested(p_values: Mapping[Hashable, Mapping[str, float]]) -> tuple[dict[tuple[Hashable, str], float], int]:
    """Each comparison's level by family and contestant, and the number of families in which something differs."""
    smallest = sorted(min(1.0, len(family) * min(family.values())) for family in p_values.values())
    passing = [rank for rank, p in enumerate(smallest, start=1) if p <= ALPHA * rank / len(smallest)]
    selected = passing[-1] if passing else 0
    levels: dict[tuple[Hashable, str], float] = {}
    for key, family in p_values.items():
        share = ALPHA * max(selected, 1) / len(smallest)
        levels |= {(key, name): level for name, level in _holm(family, share).items()}
    return levels, selected


def _holm(family: Mapping[str, float], alpha: float) -> dict[str, float]:
    """Step down from the smallest p: m, m - 1, ... tests share alpha; a failure fixes the level of all that follow."""
    order: Sequence[str] = sorted(family, key=lambda name: family[name])
    levels: dict[str, float] = {}
    for done, name in enumerate(order):
        level = alpha / (len(order) - done)
        levels[name] = level
        if family[name] > level:
            return levels | dict.fromkeys(order[done:], level)
    return levels
