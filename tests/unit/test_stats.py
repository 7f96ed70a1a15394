"""The estimator against golden values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlfleet.stats import estimate

GOLDEN = [0.010, 0.012, 0.008, 0.015, 0.011, 0.090, 0.009, 0.013, 0.007, 0.014]
FINITE = st.floats(-1, 1, allow_nan=False)


def test_golden_values_of_the_trimmed_mean():
    found = estimate(GOLDEN)
    assert found.point == pytest.approx(0.0115)
    assert found.standard_error == pytest.approx(0.0011902, abs=5e-8)
    assert found.degrees == 5
    assert found.p == pytest.approx(2.016e-4, rel=1e-3)
    assert [math.exp(x) for x in (found.point, found.low, found.high)] == pytest.approx(
        [1.01157, 1.00796, 1.01519], abs=5e-6
    )


def test_golden_values_of_five_blocks_are_the_paired_t():
    found = estimate(GOLDEN[:5])
    assert found.point == pytest.approx(0.0112)
    assert found.standard_error == pytest.approx(0.0011576, abs=5e-8)
    assert found.degrees == 4
    assert [math.exp(x) for x in (found.point, found.low, found.high)] == pytest.approx(
        [1.01126, 1.00741, 1.01513], abs=5e-6
    )


def test_identical_blocks_keep_the_least_standard_error():
    assert estimate([0.01] * 5).standard_error == 0.0005


@given(st.lists(FINITE, min_size=5, max_size=40))
def test_swapping_the_baseline_mirrors_the_estimate(d):
    one, other = estimate(d), estimate([-x for x in d])
    assert (one.point, one.low, one.high) == pytest.approx((-other.point, -other.high, -other.low), abs=1e-12)


@given(st.lists(FINITE, min_size=5, max_size=40))
def test_p_and_interval_say_the_same(d):
    found = estimate(d)
    excludes = found.low > 0 or found.high < 0
    assert excludes == (found.p < 0.03) or abs(found.p - 0.03) < 1e-9


def test_coverage_of_the_97_percent_interval_on_normal_blocks():
    generator = np.random.default_rng(7)
    hits = [(found := estimate(generator.normal(0.05, 0.02, 10))).low <= 0.05 <= found.high for _ in range(2000)]
    assert 0.95 < np.mean(hits) < 0.985
