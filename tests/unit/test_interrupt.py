"""A signal is counted, wakes one wait, and raises only where it is asked for."""

import signal
import time

import pytest
from mlfleet.errors import InterruptedRun
from mlfleet.interrupt import SIGNALS, Stop


@pytest.fixture(autouse=True)
def _hangup_is_not_ignored():
    """Whoever runs the tests under nohup ignores SIGHUP, and Stop leaves that alone."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def test_without_a_signal_nothing_happens():
    with Stop() as stop:
        stop.check()
        assert (stop.requested, stop.count, stop.signal) == (False, 0, None)
        assert stop.wait(0) is False


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_raises_only_in_check(number, status):
    with Stop() as stop:
        signal.raise_signal(number)
        assert (stop.requested, stop.count, stop.signal) == (True, 1, number)
        with pytest.raises(InterruptedRun, match=number.name) as error:
            stop.check()
        assert error.value.exit_code == status


def test_each_signal_ends_one_wait():
    with Stop() as stop:
        signal.raise_signal(signal.SIGINT)
        start = time.monotonic()
        assert stop.wait(60) is True
        assert time.monotonic() - start < 30
        # Cleaning up sleeps too: only another signal may cut that short.
        start = time.monotonic()
        assert stop.wait(0.02) is True
        assert time.monotonic() - start >= 0.02
    assert stop.count == 1


def test_the_first_signal_decides_the_status_and_all_are_counted():
    left = []
    with Stop(left.append) as stop:
        signal.raise_signal(signal.SIGTERM)
        assert (stop.hurried(), left) == (False, [])
        signal.raise_signal(signal.SIGTERM)
        assert (stop.hurried(), left) == (True, [])
        signal.raise_signal(signal.SIGINT)
        assert left == [143], "the third leaves at once"
        signal.raise_signal(signal.SIGINT)
        assert (stop.count, stop.signal) == (4, signal.SIGTERM)


def test_a_full_pipe_does_not_raise():
    with Stop(lambda _: None) as stop:
        for _ in range(70_000):
            stop._note(signal.SIGINT, None)
        assert stop.count == 70_000
        assert stop.wait(60)


def test_the_old_handlers_come_back():
    before = [signal.getsignal(number) for number in SIGNALS]
    with Stop():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_nohup_is_respected():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stop() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.requested
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
