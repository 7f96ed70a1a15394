"""A hierarchical bootstrap, block > turn > sample, held against the width of the interval that was published.

It shares no assumption with Yuen's interval: where the two differ twofold, one of them does not fit these data.
"""

import numpy as np
from numpy.typing import NDArray

from mlfleet.verify.estimates import ALPHA, TRIM_DIVISOR, TRIM_FROM
from mlfleet.verify.outcomes import Decided
from mlfleet.verify.trials import Trial

DRAWS = 2000
# Any fixed number: the same records give the same widths.
SEED = 20_260_101
# Published and drawn widths that differ by more are reported.
TWOFOLD = 2.0

Floats = NDArray[np.float64]


def width(one: Decided, draws: int = DRAWS) -> float | None:
    """The width of the 97 % interval of a log ratio of times by resampling, None where nothing is to be compared."""
    trials = one.pair.trials
    if one.pair.first is None or one.pair.absolute or one.pair.metric != "time" or not trials:
        return None
    if any(sample.per_iteration <= 0 for both in trials for one in both for turn in one.turns for sample in turn.timed):
        # Named among the gates; such a time has no logarithm.
        return None
    random = np.random.default_rng(SEED)
    # By block and draw: the block's difference, its turns and samples drawn anew each time.
    differences = np.array([_logs(b, random, draws) - _logs(a, random, draws) for a, b in trials])
    blocks = len(trials)
    chosen = random.integers(blocks, size=(blocks, draws))
    drawn = np.sort(np.take_along_axis(differences, chosen, axis=0), axis=0)
    cut = blocks // TRIM_DIVISOR if blocks >= TRIM_FROM else 0
    points = drawn[cut : blocks - cut].mean(axis=0)
    low, high = np.quantile(points, [ALPHA / 2, 1 - ALPHA / 2])
    return float(high - low)


def _logs(trial: Trial, random: np.random.Generator, draws: int) -> Floats:
    """Logarithms of the trial's median, drawn `draws` times: turns with replacement, in each its samples."""
    turns = [np.array([sample.per_iteration for sample in turn.timed]) for turn in trial.turns if turn.timed]
    parts = []
    for _ in turns:
        picked = random.integers(len(turns), size=draws)
        least = min(len(turn) for turn in turns)
        # Turns of one trial have one schedule, hence one length.
        table = np.array([turn[:least] for turn in turns])
        parts.append(table[picked[:, np.newaxis], random.integers(least, size=(draws, least))])
    medians: Floats = np.log(np.median(np.concatenate(parts, axis=1), axis=1))
    return medians
