"""How long a run takes, and what fits a limit."""

import pytest
from mlfleet.schedule import RULES
from mlfleet.sizing import Cost, fit, trial_seconds

COSTS = (
    Cost("a", ("sklearn", "linfa"), 10.0),
    Cost("b", ("pytorch", "tch"), 20.0),
    Cost("c", ("pytorch", "candle"), 30.0),
    Cost("d", ("sklearn",), 5.0),
)


def test_without_a_limit_nothing_is_left_out():
    found = fit(COSTS, 5, None)
    assert (found.kept, found.left_out, found.seconds) == (("a", "b", "c", "d"), (), 325.0)


def test_what_does_not_fit_is_left_out_from_the_end():
    found = fit(COSTS, 5, 300.0)
    assert (found.kept, found.left_out, found.seconds) == (("a", "b", "c"), ("d",), 300.0)


def test_a_frameworks_only_workload_stays_whatever_the_limit():
    found = fit(COSTS, 5, 1.0)
    # candle has only c, linfa only a, tch only b.
    assert (found.kept, found.seconds) == (("a", "b", "c"), 300.0)


@pytest.mark.parametrize(("iteration_s", "low", "high"), [(0.0, 3.0, 4.0), (1.0, 12.9, 13.1)])
def test_a_trial_is_its_start_payload_and_iterations(iteration_s, low, high):
    assert low < trial_seconds(1.0, 75_000_000, iteration_s, RULES["short"]) < high
