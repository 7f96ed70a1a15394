"""Absolute deadlines on a clock that takes no time."""

import pytest
from mlfleet.meters.sampler import PERIOD_NS, Sampled, run_line, sampling


class Clock:
    """A clock that only moves when somebody waits or reads."""

    def __init__(self, rounds, cost_ns=0, late_ns=()):
        self.now, self.rounds, self.cost_ns, self.late = 0, rounds, cost_ns, dict(late_ns)
        self.read_at = []

    def __call__(self):
        return self.now

    def wait(self, seconds):
        if len(self.read_at) == self.rounds:
            return True
        self.now += round(seconds * 1e9) + self.late.get(len(self.read_at), 0)
        return False

    def watch(self):
        self.read_at.append(self.now)
        self.now += self.cost_ns
        return len(self.read_at), 10 - len(self.read_at)


def line(clock):
    into = Sampled()
    run_line(clock.watch, into, clock, clock.wait)
    return into


def test_reading_takes_nothing_from_the_period():
    clock = Clock(5, cost_ns=3_000_000)
    found = line(clock)
    assert clock.read_at == [PERIOD_NS * number for number in range(1, 6)]
    assert (found.samples, found.missed) == (5, 0)
    assert (found.charged_max, found.anonymous_max) == (5, 9)


def test_missed_deadlines_are_counted_and_not_caught_up():
    clock = Clock(4, late_ns={1: 35_000_000})
    found = line(clock)
    assert [at // 1_000_000 for at in clock.read_at] == [10, 55, 60, 70]
    assert (found.samples, found.missed) == (4, 3)
    assert found.gap_ns == 45_000_000


def test_unreadable_is_not_zero():
    clock = Clock(2)
    into = Sampled()
    run_line(lambda: (clock.watch(), (None, None))[1], into, clock, clock.wait)
    assert (into.samples, into.charged_max, into.anonymous_max) == (2, None, None)


def test_silence_shows_as_a_gap():
    clock = Clock(0)
    stopped = iter([False])

    def wait(_seconds):
        clock.now += 2_000_000_000
        return next(stopped, True)

    into = Sampled()
    run_line(clock.watch, into, clock, wait)
    assert into.gap_ns == 2_000_000_000


def test_an_error_of_the_thread_comes_out():
    def broken():
        raise ZeroDivisionError

    def until_it_failed():
        with sampling(broken) as into:
            while not into.own_cpu_ns:
                pass

    with pytest.raises(ZeroDivisionError):
        until_it_failed()
