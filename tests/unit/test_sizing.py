"""How long a run takes, and what fits a limit."""

import pytest
from mlfleet.catalogue import load_suite
from mlfleet.schedule import RULES
from mlfleet.sizing import Cost, first_trial_seconds, fit, latency_seconds, narrower, trial_seconds

COSTS = (
    Cost("a", ("sklearn", "linfa"), 10.0, 5),
    Cost("b", ("pytorch", "tch"), 20.0, 5),
    Cost("c", ("pytorch", "candle"), 30.0, 5),
    Cost("d", ("sklearn",), 5.0, 5),
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


def test_a_run_that_looks_is_forecast_to_its_first_look_and_at_most():
    quick, slow, control = (
        Cost("a", ("x", "y"), 10.0, 40, 900),
        Cost("b", ("x", "y"), 60.0, 40, 900),
        Cost("c", (), 1.0, 10, 900),
    )
    assert fit((quick,), 10, None).first_look_s == 100
    assert fit((quick,), 10, None).seconds == 400
    # The budget is spent after 15 blocks; the one that was begun by then is finished.
    assert fit((slow,), 10, None).seconds == 960
    assert fit((control,), 10, None).seconds == 10
    assert fit((quick, slow, control), 10, None).first_look_s == 710


@pytest.mark.parametrize(("iteration_s", "low", "high"), [(0.0, 2.8, 2.9), (1.0, 12.7, 12.9)])
def test_a_trial_is_its_start_payload_and_iterations(iteration_s, low, high):
    assert low < trial_seconds(1.0, 75_000_000, iteration_s, RULES["short"]) < high


@pytest.mark.parametrize(("iteration_s", "seconds"), [(0.0, 1.075), (0.1, 2.5), (1.0, 1.0)])
def test_a_first_trial_adds_its_gates_once(iteration_s, seconds):
    """Five pairs of k and 2k samples, unless one lasts a second, and a second of silence."""
    assert first_trial_seconds(iteration_s, RULES["short"]) == pytest.approx(seconds)
    assert Cost("a", ("x",), 10.0, 5, first_s=seconds).total(3) == 30.0 + seconds


def test_a_latency_turn_costs_its_single_iterations_unless_it_is_not_taken():
    assert latency_seconds(0.01) == pytest.approx(2.01)
    assert latency_seconds(0.2) == 0


@pytest.mark.parametrize(
    ("suite", "awaited"),
    [
        ("defend", [(10, "standard"), (5, "standard"), (5, "short")]),
        # Fewer have no interval, and nothing is shorter.
        ("smoke", []),
    ],
)
def test_less_time_means_fewer_blocks_and_then_short_trials(suite, awaited):
    found = list(narrower(load_suite(suite)))
    assert [(one.blocks, one.schedule) for one in found] == awaited
    assert all(one.looks == () for one in found)
    assert [one.latency for one in found] == [one.schedule == "standard" for one in found]
