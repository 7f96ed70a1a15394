"""When a workload stops: on precision at a look, on time, on nothing left; never on p."""

import itertools
import math
import random

import pytest
from mlfleet import looks
from mlfleet.looks import LOOKS, Pair, look_due, precise, stop
from mlfleet.stats import estimate

BUDGET_S = 900


def pair(blocks, sd=0.002, point=0.0, seed=1, without=(), *, refused=False):
    """Log ratios of as many blocks as are asked for, numbered from 1 without those that are left out."""
    draw = random.Random(seed)
    numbers = (number for number in itertools.count(1) if number not in without)
    return Pair({number: point + draw.gauss(0, sd) for number in itertools.islice(numbers, blocks)}, refused)


def values(one):
    return tuple(one.differences.values())


def test_the_numbers_of_the_rule():
    assert LOOKS == (10, 15, 20, 30, 40)
    assert (looks.PRECISION, looks.PRECISION_OF_EFFECT, looks.BUDGET_S) == (0.02, 0.05, 900)


def test_precision_stops_at_the_looks_and_nowhere_else():
    stopped = [blocks for blocks in range(1, 46) if stop([pair(blocks)], blocks, 0, BUDGET_S)]
    assert stopped == list(LOOKS)


def test_a_difference_beyond_all_doubt_does_not_stop_a_pair_whose_interval_is_wide():
    blocks = pair(20, sd=0.10, point=0.5)
    assert estimate(values(blocks)).p < 1e-9
    assert stop([blocks], 20, 0, BUDGET_S) is None


def test_equal_times_known_to_2_percent_stop_although_nothing_differs():
    blocks = pair(10, sd=0.01)
    assert estimate(values(blocks)).p > 0.05
    assert stop([blocks], 10, 0, BUDGET_S) == "precision"


def test_the_half_width_is_that_of_the_97_percent_interval():
    differences = (0.010, 0.012, 0.008, 0.015, 0.011, 0.090, 0.009, 0.013, 0.007, 0.014)
    # exp(t(0.985, 5) * 0.0011902) - 1 = 0.36 %; five times as wide is 1.8 %, six times 2.2 %.
    assert precise(differences)
    assert precise([5 * d for d in differences])
    assert not precise([6 * d for d in differences])


def test_a_large_effect_needs_5_percent_of_its_logarithm():
    tenfold = pair(10, sd=0.1, point=math.log(10), seed=3)
    found = estimate(values(tenfold))
    half_width = math.expm1(found.high - found.point)
    assert 0.02 < half_width < 0.05 * math.log(10)
    assert precise(values(tenfold))
    assert not precise(tuple(d - math.log(10) for d in values(tenfold)))


def test_every_pair_must_be_precise():
    assert stop([pair(10), pair(10, seed=2)], 10, 0, BUDGET_S) == "precision"
    assert stop([pair(10), pair(10, sd=0.2, seed=2)], 10, 0, BUDGET_S) is None


def test_a_pair_with_fewer_complete_blocks_is_waited_for():
    assert stop([pair(10), pair(9, seed=2, without=[3])], 10, 0, BUDGET_S) is None
    assert stop([pair(11), pair(10, seed=2, without=[3])], 11, 0, BUDGET_S) == "precision"


def test_a_look_is_taken_once():
    # Block 12 completed the first pair alone: the second still has its 10, and was looked at with block 11.
    assert not look_due([pair(11), pair(10, without=[4])], 12)
    assert look_due([pair(11), pair(10, without=[4])], 11)


def test_the_budget_stops_at_any_number_of_blocks():
    assert stop([pair(3)], 3, 900.0, BUDGET_S) == "budget"
    assert stop([pair(3)], 3, 899.9, BUDGET_S) is None


def test_precision_is_the_reason_where_the_budget_is_spent_too():
    assert stop([pair(10)], 10, 1e6, BUDGET_S) == "precision"


def test_nothing_left_to_compare_stops_at_once():
    assert stop([], 1, 0, BUDGET_S) == "none_left"


def test_a_refused_pair_is_not_waited_for_and_refuses_nobody_before_a_look():
    assert stop([pair(10), pair(10, sd=0.2, refused=True)], 10, 0, BUDGET_S) == "precision"
    assert stop([pair(10, refused=True)], 10, 0, BUDGET_S) == "none_left"
    # One bad seed may refuse what the next blocks put right.
    assert stop([pair(1, refused=True)], 1, 0, BUDGET_S) is None


@pytest.mark.parametrize("blocks", [1, 2, 9])
def test_before_the_first_look_nothing_is_looked_at(blocks):
    assert not look_due([pair(blocks)], blocks)
