"""The timed region of the Python SDK: the schedule exactly, and nothing between the clocks but steps."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlfleet_sdk import InvalidArgument
from mlfleet_sdk import measure as module
from mlfleet_sdk.measure import MAX_SAMPLES, check_schedule, measure


class Step:
    """Counts its calls; its result is their number."""

    calls = 0

    def __call__(self):
        self.calls += 1
        return self.calls


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_every_sample_holds_exactly_its_iterations(schedule):
    step = Step()
    samples, last = measure(step, schedule)
    assert [sample.iterations for sample in samples] == schedule
    assert step.calls == last == sum(schedule)
    stamps = [stamp for sample in samples for stamp in (sample.start_ns, sample.end_ns)]
    assert stamps == sorted(stamps)


def test_clock_steps_clock_in_this_order(monkeypatch):
    events = []

    def clock():
        events.append("clock")
        return len(events)

    monkeypatch.setattr(module.time, "monotonic_ns", clock)
    samples, _ = measure(lambda: events.append("step"), [2, 1])
    assert events == ["clock", "step", "step", "clock", "clock", "step", "clock"]
    assert [(sample.start_ns, sample.end_ns) for sample in samples] == [(1, 4), (5, 7)]


def test_stamps_are_of_the_monotonic_clock():
    before = time.monotonic_ns()
    (sample,), _ = measure(Step(), [1])
    assert before <= sample.start_ns <= sample.end_ns <= time.monotonic_ns()


def test_a_failing_step_ends_the_turn():
    def fail():
        raise RuntimeError("tired")

    with pytest.raises(RuntimeError, match="tired"):
        measure(fail, [1, 1])


@pytest.mark.parametrize("schedule", [[], [0], [3, 0], [1] * (MAX_SAMPLES + 1)], ids=["empty", "0", "a 0", "too long"])
def test_schedules_that_are_refused(schedule):
    with pytest.raises(InvalidArgument, match=r"schedule .* awaited"):
        check_schedule(schedule)


def test_the_longest_schedule_is_taken():
    assert check_schedule([1] * MAX_SAMPLES) is None
    assert check_schedule([2**63]) is None
