"""Outcomes and levels: what is called different, equivalent or inconclusive, alone and among many."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mlfleet.multiplicity import adjusted_levels
from mlfleet.outcomes import Limits, decide, ratio_limits
from mlfleet.stats import ALPHA, estimate

P = st.floats(0, 1, exclude_min=True)
FAMILIES = st.lists(st.lists(P, min_size=1, max_size=6), min_size=1, max_size=12)
SMALL = [0.010, 0.0101, 0.0099, 0.010, 0.010]
DOUBLED = [math.log(2) + e for e in (0.01, -0.01, 0.02, -0.02, 0.0)]
RESTLESS = [0.3, -0.3, 0.2, -0.2, 0.0]


def outcome(d, *, tested=ALPHA, margin=0.03, resolution=None, second=None, left=None):
    """Outcome, reasons and marks of paired log ratios, and the level of the interval that is printed."""
    again = estimate(d if second is None else second)
    found = decide(estimate(d), again, len(d) if left is None else left, tested, ratio_limits(margin, resolution))
    return found.outcome, found.reasons, found.marks, found.shown.level


@pytest.mark.parametrize(
    ("d", "awaited"),
    [
        ([math.log(2)] * 5, ("different", ())),
        ([math.log(0.5)] * 5, ("different", ())),
        ([0.001, -0.001, 0.002, -0.002, 0.0], ("equivalent", ())),
        (RESTLESS, ("inconclusive", ("wide",))),
        # Excludes 1, but lies inside the margin: too small to matter.
        (SMALL, ("equivalent", ())),
    ],
)
def test_outcomes(d, awaited):
    assert outcome(d)[:2] == awaited


def test_equivalent_comes_before_different_at_any_level():
    assert estimate(SMALL).p < 1e-4
    assert outcome(SMALL, margin=0.03)[0] == "equivalent"
    assert outcome(SMALL, margin=0.005)[0] == "different"


def test_different_needs_p_at_most_its_tested_level_not_the_97_percent_interval():
    found = estimate([0.05, 0.09, 0.02, 0.08, 0.06])
    assert found.low > 0
    assert outcome([0.05, 0.09, 0.02, 0.08, 0.06])[0] == "different"
    assert outcome([0.05, 0.09, 0.02, 0.08, 0.06], tested=found.p / 2)[:2] == ("inconclusive", ("wide",))


def test_different_prints_the_interval_at_its_tested_level_and_the_others_at_97_percent():
    assert outcome(DOUBLED, tested=0.001)[3] == pytest.approx(0.999)
    assert outcome(SMALL, tested=0.001)[3] == outcome(RESTLESS, tested=0.001)[3] == pytest.approx(0.97)


def test_a_difference_below_what_the_host_can_show_is_inconclusive():
    assert outcome(DOUBLED, resolution=1.5)[:2] == ("inconclusive", ("below_resolution",))
    assert outcome(DOUBLED, resolution=0.5)[0] == "different"
    assert outcome(DOUBLED, resolution=None)[0] == "different"
    # Swapping the baseline changes nothing.
    assert outcome([-x for x in DOUBLED], resolution=1.5)[:2] == ("inconclusive", ("below_resolution",))


def test_a_second_estimate_outside_the_first_interval_takes_the_outcome_away():
    assert outcome(DOUBLED, second=[0.2] * 5)[:2] == ("inconclusive", ("noise",))
    assert outcome(SMALL, second=[0.2] * 5)[:2] == ("inconclusive", ("noise",))
    assert outcome(RESTLESS, second=[2.0] * 5)[:2] == ("inconclusive", ("wide", "noise"))
    assert outcome(DOUBLED, second=DOUBLED)[:3] == ("different", (), ())


def test_fewer_than_five_unflagged_blocks_leave_the_outcome_and_mark_it_noisy():
    assert outcome(DOUBLED, second=[0.2] * 4, left=4)[:3] == ("different", (), ("noisy",))
    found = decide(estimate(DOUBLED), None, 0, ALPHA, ratio_limits(0.03, None))
    assert (found.outcome, found.marks) == ("different", ("noisy",))


def test_a_difference_in_bytes_has_no_margin():
    found = decide(estimate([1.0] * 5), estimate([1.0] * 5), 5, ALPHA, Limits(None, None))
    assert found.outcome == "different"


@given(st.lists(st.floats(-1, 1), min_size=5, max_size=40), st.floats(1e-5, 0.2))
def test_p_is_at_most_a_level_if_and_only_if_the_interval_at_it_excludes_1(d, level):
    found = estimate(d)
    assume(not math.isclose(found.p, level, rel_tol=1e-6))
    shown = found.at(level)
    assert (found.p <= level) == (shown.low > 0 or shown.high < 0)
    assert shown.level == pytest.approx(1 - level)


@given(FAMILIES)
def test_within_a_family_smaller_p_values_are_tested_first_and_no_later_one_is_rejected(families):
    for family, levels in zip(families, adjusted_levels(families, ALPHA).tested, strict=True):
        ordered = sorted(zip(family, levels, strict=True))
        rejected = [p <= level for p, level in ordered]
        assert all(earlier or not later for earlier, later in pairwise(rejected))
        assert all(0 < level <= ALPHA for level in levels)


@given(FAMILIES)
def test_a_family_has_a_rejection_if_and_only_if_it_was_selected(families):
    """The identity of Holm and Benjamini-Hochberg: R families are selected, and R have a rejection."""
    found = adjusted_levels(families, ALPHA)
    edges = [len(f) * min(f) * found.families / ALPHA for f in families]
    assume(all(not math.isclose(edge, round(edge), rel_tol=1e-9) for edge in edges))
    rejecting = sum(any(p <= a for p, a in zip(f, t, strict=True)) for f, t in zip(families, found.tested, strict=True))
    assert rejecting == found.selected
    assert (found.families, found.comparisons) == (len(families), sum(map(len, families)))


def test_one_pair_alone_is_tested_at_the_level_itself():
    assert adjusted_levels([[0.029]], ALPHA).tested == ((0.03,),)


def test_golden_levels_of_holm_and_benjamini_hochberg():
    # P_f = .003, .04, .6 over M = 3: .003 <= .01, .04 > .02, so R = 1 and a_f = .01.
    found = adjusted_levels([[0.001, 0.5, 0.004], [0.02, 0.3], [0.6]], 0.03)
    assert (found.families, found.selected, found.comparisons) == (3, 1, 6)
    assert found.tested[0] == pytest.approx((0.01 / 3, 0.01, 0.005))
    assert found.tested[1] == pytest.approx((0.005, 0.005))
    assert found.tested[2] == pytest.approx((0.01,))


def test_no_family_needs_no_level():
    found = adjusted_levels([], ALPHA)
    assert (found.tested, found.families, found.selected, found.comparisons) == ((), 0, 0, 0)


def false_discoveries(share_different, draws=150):
    """Mean share of false among the pairs called different: 30 families of 6 that share a baseline, 10 blocks."""
    generator = np.random.default_rng(20_260)
    shares = []
    for _ in range(draws):
        y = generator.normal(0, 0.02, (30, 10, 7))
        shifts = np.where(generator.random((30, 6)) < share_different, 0.05, 0.0)
        d = y[:, :, 1:] - y[:, :, :1] + shifts[:, None, :]
        p = [[estimate(d[family, :, pair]).p for pair in range(6)] for family in range(30)]
        called = np.array(p) <= np.array(adjusted_levels(p, ALPHA).tested)
        shares.append((called & (shifts == 0)).sum() / max(1, called.sum()))
    return float(np.mean(shares))


def test_30_families_of_6_without_a_difference_are_called_different_in_at_most_7_percent():
    assert false_discoveries(0.0) <= 0.07


def test_30_families_of_6_with_30_percent_differences_have_at_most_3_percent_false_ones():
    assert false_discoveries(0.3) <= 0.03
