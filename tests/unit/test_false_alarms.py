"""How often the procedure is wrong, with fixed seeds: on recorded samples of equal services, and in simulation.

`mlfleet validate` counts the same on a user's own host, live.
"""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from mlfleet import looks, stats
from mlfleet.outcomes import decide, ratio_limits

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import procedures

OF = 200
SEED = 11
# The most blocks that a look allows.
MOST = looks.LOOKS[-1]


def normal(generator, size):
    return generator.normal(size=size)


def heavy(generator, size):
    return generator.standard_t(3, size) / math.sqrt(3)


def contaminated(generator, size):
    """One block in ten is disturbed, and takes up to some ten times the spread longer or shorter."""
    outside = generator.random(size) < 0.1
    return np.where(outside, generator.normal(scale=6, size=size), generator.normal(size=size))


SHAPES = pytest.mark.parametrize("shape", [normal, heavy, contaminated])
SPREADS = pytest.mark.parametrize("spread", [0.005, 0.015, 0.056])


@pytest.fixture(scope="module")
def recorded():
    return procedures.load()[1]


def test_equal_services_differ_as_seldom_as_promised(recorded):
    alarms = procedures.alarms(recorded, procedures.PROCEDURES[0], OF, SEED)
    assert 4 <= alarms <= 16


def test_one_after_the_other_and_pooled_raises_more_alarms_than_are_allowed(recorded):
    """The recorded services can tell a wrong procedure from a right one."""
    after = next(one for one in procedures.PROCEDURES if one.differs is procedures.pooled_t and not one.together)
    assert procedures.alarms(recorded, after, OF, SEED) > 16


def test_the_recording_says_what_it_is():
    about, samples = procedures.load()
    assert "no difference to be found" in about["what"]
    assert about["host"]["cpu_count"] >= 1
    assert samples.ndim == 3
    assert samples.shape[0] >= 2 * procedures.BLOCKS
    assert (samples > 0).all()


@SHAPES
@pytest.mark.parametrize("share", [0.0, 0.02, 0.05, 0.10])
def test_intervals_cover_the_truth(shape, share):
    generator = np.random.default_rng([SEED, round(1000 * share)])
    truth = math.log1p(share)
    covered = 0
    for _ in range(OF):
        found = stats.estimate(list(truth + 0.015 * shape(generator, 10)), 0.05)
        covered += found.low <= truth <= found.high
    assert 180 <= covered <= 196


def decision(differences):
    """The outcome of a pair that is measured block by block, until a look ends it."""
    for closed in range(1, MOST + 1):
        pair = {block: float(differences[block - 1]) for block in range(1, closed + 1)}
        if looks.stop([looks.Pair(pair)], closed, 0.0, looks.BUDGET_S):
            break
    first = stats.estimate(list(pair.values()))
    return decide(first, first, len(pair), stats.ALPHA, ratio_limits(0.03, None)).outcome, len(pair)


@SHAPES
@SPREADS
def test_decisions_with_looks_call_few_equal_pairs_different(shape, spread):
    generator = np.random.default_rng(SEED)
    outcomes = [decision(spread * shape(generator, MOST))[0] for _ in range(OF)]
    assert outcomes.count("different") <= 16


def test_looks_end_early_where_blocks_are_steady_and_late_where_they_are_not():
    generator = np.random.default_rng(SEED)
    steady = [decision(0.005 * normal(generator, MOST))[1] for _ in range(20)]
    restless = [decision(0.2 * normal(generator, MOST))[1] for _ in range(20)]
    assert set(steady) == {10}
    assert set(restless) == {MOST}


@pytest.mark.parametrize(("spread", "least"), [(0.015, 38), (0.025, 35)])
def test_five_per_cent_are_found_at_ten_blocks(spread, least):
    generator = np.random.default_rng(SEED)
    found = sum(stats.estimate(list(math.log1p(0.05) + spread * normal(generator, 10))).low > 0 for _ in range(40))
    assert found >= least


def test_whoever_stops_at_the_first_low_p_raises_too_many_alarms():
    """Why looks are few and never stop on p: the same blocks, tested after each."""
    generator = np.random.default_rng(SEED)
    alarms = 0
    for _ in range(OF):
        drawn = list(0.015 * normal(generator, MOST))
        alarms += any(stats.estimate(drawn[:blocks], 0.05).p <= 0.05 for blocks in range(5, MOST + 1))
    assert alarms > 32
