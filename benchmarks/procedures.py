"""False alarms of this procedure and of those in common use, on the same recorded samples of equal services.

.venv/bin/python benchmarks/procedures.py [FILE]

FILE was made by `record_equal.py`. Each procedure is shown ten trials of one service and ten of another, two names of
one build, and says whether they differ. Whatever it says, they do not: every yes is a false alarm.
"""

import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mlfleet.stats import estimate
from numpy.typing import NDArray
from scipy import stats

RECORDED = Path(__file__).parents[1] / "tests/recorded/equal_controls.json"
DRAWS, BLOCKS, SEED = 2000, 10, 1
ALPHA = 0.05
# A ratio that is printed without an interval is read as a difference from here on.
CLAIM = 0.01
# [trial, sample] in ns.
Side = NDArray[np.float64]


def load(path: Path = RECORDED) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """What was recorded, and the samples [block, service, sample]."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return found, np.array(found["blocks"])


def paired(a: Side, b: Side) -> bool:
    """One value a restart, paired by block, trimmed: as mlfleet does."""
    found = estimate(list(np.log(np.median(b, axis=1) / np.median(a, axis=1))), ALPHA)
    return found.low > 0 or found.high < 0


def per_restart(a: Side, b: Side) -> bool:
    """One value a restart, Welch's t."""
    return bool(stats.ttest_ind(np.median(a, axis=1), np.median(b, axis=1), equal_var=False).pvalue <= ALPHA)


def pooled_t(a: Side, b: Side) -> bool:
    """All samples of all restarts in one heap, Welch's t."""
    return bool(stats.ttest_ind(a.ravel(), b.ravel(), equal_var=False).pvalue <= ALPHA)


def mann_whitney(a: Side, b: Side) -> bool:
    """The same heap, by ranks."""
    return bool(stats.mannwhitneyu(a.ravel(), b.ravel()).pvalue <= ALPHA)


def best_of(a: Side, b: Side) -> bool:
    """The fastest sample of each."""
    return bool(abs(math.log(b.min() / a.min())) > math.log1p(CLAIM))


def mean_of_means(a: Side, b: Side) -> bool:
    """The ratio of means over everything."""
    return bool(abs(math.log(b.mean() / a.mean())) > math.log1p(CLAIM))


@dataclass(frozen=True)
class Procedure:
    """How a difference is decided; `together`: whether both are measured in the same blocks, in turns."""

    name: str
    together: bool
    differs: Callable[[Side, Side], bool]


PROCEDURES = (
    Procedure("mlfleet: in turns, paired by restart, trimmed t", True, paired),
    Procedure("in turns, one value a restart, Welch's t", True, per_restart),
    Procedure("in turns, samples pooled, Welch's t", True, pooled_t),
    Procedure("in turns, samples pooled, Mann-Whitney", True, mann_whitney),
    Procedure("one after the other, one value a restart, Welch's t", False, per_restart),
    Procedure("one after the other, samples pooled, Welch's t", False, pooled_t),
    Procedure("one after the other, samples pooled, Mann-Whitney", False, mann_whitney),
    Procedure(f"one after the other, best of N differ by > {CLAIM:.0%}", False, best_of),
    Procedure(f"one after the other, means differ by > {CLAIM:.0%}", False, mean_of_means),
)


def draw(samples: NDArray[np.float64], together: bool, generator: np.random.Generator) -> tuple[Side, Side]:
    """Ten trials of each of two services: of the same ten blocks, or of ten blocks and the ten that came after them."""
    blocks, services, _ = samples.shape
    one, other = generator.choice(services, 2, replace=False)
    if together:
        drawn = generator.choice(blocks, BLOCKS, replace=False)
        return samples[drawn, one], samples[drawn, other]
    first = generator.integers(blocks - 2 * BLOCKS + 1)
    middle = first + BLOCKS
    return samples[first:middle, one], samples[middle : middle + BLOCKS, other]


def alarms(samples: NDArray[np.float64], procedure: Procedure, draws: int = DRAWS, seed: int = SEED) -> int:
    """How many of so many pairs the procedure calls different."""
    generator = np.random.default_rng(seed)
    return sum(procedure.differs(*draw(samples, procedure.together, generator)) for _ in range(draws))


def main(path: Path = RECORDED) -> None:
    """Print the table."""
    about, samples = load(path)
    blocks, services, timed = samples.shape
    print(f"{about['what']}\n{about['host']}, recorded {about['recorded']}")
    print(
        f"{blocks} blocks of {services} services, {timed} samples each; {DRAWS} pairs drawn, nominal rate {ALPHA:.0%}\n"
    )
    print(f"{'procedure':<58}{'false alarms':>12}")
    for procedure in PROCEDURES:
        print(f"{procedure.name:<58}{alarms(samples, procedure) / DRAWS:>12.1%}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
