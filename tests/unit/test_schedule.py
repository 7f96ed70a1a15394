"""Calibration and warm-up on services whose time per iteration is known."""

import pytest
from mlfleet.model import Sample
from mlfleet.schedule import MS, RULES, S, calibrate, fix, refine, steady, warm_up

STANDARD, SHORT = RULES["standard"], RULES["short"]


class Service:
    """Takes `iteration_ns(n)` for its n-th iteration."""

    def __init__(self, iteration_ns):
        self.iteration_ns = iteration_ns if callable(iteration_ns) else lambda _: iteration_ns
        self.clock = self.count = 0
        self.schedules = []

    def __call__(self, schedule):
        self.schedules.append(tuple(schedule))
        samples = []
        for iterations in schedule:
            start = self.clock
            for _ in range(iterations):
                self.clock += int(self.iteration_ns(self.count))
                self.count += 1
            samples.append(Sample(iterations, start, self.clock))
        return tuple(samples)


@pytest.mark.parametrize("iteration_ns", [40, 900, 20_000, 3 * MS, 24 * MS])
def test_samples_are_long_enough_and_not_much_longer(iteration_ns):
    found = calibrate(Service(iteration_ns), STANDARD)
    length = found.iterations * iteration_ns
    assert STANDARD.sample_ns <= length <= 2.5 * STANDARD.sample_ns
    assert (found.discarded, found.timed, found.turns) == (1, 10, 3)


def test_calibration_doubles_from_one_and_judges_the_second_sample():
    service = Service(MS)
    calibrate(service, STANDARD)
    assert service.schedules == [(1, 1), (2, 2), (4, 4), (8, 8)]


@pytest.mark.parametrize(
    ("iteration_ns", "expected"),
    [
        (30 * MS, (1, 9, 1, 3)),
        (100 * MS, (1, 4, 1, 3)),
        (900 * MS, (1, 4, 1, 3)),
        (2 * S, (1, 4, 0, 2)),
        (11 * S, (1, 1, 0, 1)),
    ],
)
def test_long_iterations_are_samples_of_their_own(iteration_ns, expected):
    found = fix(iteration_ns, STANDARD)
    assert (found.iterations, found.timed, found.discarded, found.turns) == expected


def test_the_short_schedule_is_one_turn_of_1_and_4_samples_of_at_least_5_ms():
    found = fix(100_000, SHORT)
    assert (found.timed, found.discarded, found.turns) == (4, 1, 1)
    assert found.iterations * 100_000 >= 5 * MS


def test_warm_up_runs_a_second_and_says_steady():
    samples, settled = warm_up(Service(MS), fix(MS, SHORT), SHORT)
    assert settled is True
    assert S <= samples[-1].end_ns <= 1.2 * S


def test_warm_up_goes_on_until_steady_but_no_longer_than_its_cap():
    slowing = Service(lambda n: 10 * MS * 1.01**n)
    samples, settled = warm_up(slowing, fix(10 * MS, STANDARD), STANDARD)
    assert settled is False
    assert samples[-1].end_ns >= 30 * S


def test_warm_up_of_a_falling_time_waits_for_its_end():
    falling = Service(lambda n: max(10 * MS, 40 * MS - n * MS // 20))
    samples, settled = warm_up(falling, fix(30 * MS, STANDARD), STANDARD)
    assert settled is True
    assert samples[-1].end_ns - samples[-1].start_ns == 10 * MS


def test_steady_needs_five_samples():
    assert steady(Service(MS)((1, 1, 1, 1))) is None
    assert steady(Service(MS)((1, 1, 1, 1, 1))) is True


def test_a_calibration_made_cold_is_made_again_once_warm():
    cold = fix(10 * MS, SHORT)
    warm = Service(MS)((cold.iterations,) * 5)
    assert refine(cold, warm, SHORT).iterations >= 5
    good = fix(MS, SHORT)
    assert refine(good, Service(MS)((good.iterations,) * 5), SHORT) == good
    assert refine(good, Service(5 * MS)((good.iterations,) * 5), SHORT) != good
