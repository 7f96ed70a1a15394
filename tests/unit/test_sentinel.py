"""The sentinel on a clock that is scripted: the minimum of three, the number of hashes, the slices' rotation."""

import threading

import pytest
from mlfleet.meters import sentinel
from mlfleet.meters.sentinel import COPIED_BYTES, HASHED_BYTES, SentinelWork

# Two slices, so that a test takes no time.
SMALL_CACHE = 4 << 20
US, MS = 1000, 1_000_000


def clock(*durations):
    """Each pair of readings lies so far apart."""
    times = [0]
    for duration in durations:
        times += [times[-1] + 7, times[-1] + 7 + duration]
    return iter(times[1:]).__next__


@pytest.fixture
def pinned(monkeypatch):
    found = []
    monkeypatch.setattr(
        "os.sched_setaffinity", lambda pid, cpus: found.append((pid, cpus, threading.current_thread().name))
    )
    return found


COUNT = (300 * US, 100 * US, 200 * US)


def test_each_half_is_the_minimum_of_three_per_hash_and_per_copy(pinned):
    work = SentinelWork(SMALL_CACHE, clock(*COUNT, 3 * MS, MS, 2 * MS, 900 * US, 800 * US, 700 * US))
    found = work(1)
    # 1 ms of hashes that take 100 us each: 10 of them.
    assert (found.compute.value, found.compute.unit) == (100 * US, "ns")
    assert (found.memory.value, found.memory.unit) == (700 * US, "ns")


def test_it_runs_on_a_thread_of_its_own_on_the_cpu_that_is_asked_for(pinned):
    work = SentinelWork(SMALL_CACHE, clock(*COUNT, *[MS] * 12))
    work(1)
    work(0)
    assert pinned == [(0, {1}, "sentinel"), (0, {0}, "sentinel")]


def test_the_number_of_hashes_is_found_once(pinned, monkeypatch):
    hashed = []
    real = sentinel.hashlib.sha256
    monkeypatch.setattr(sentinel.hashlib, "sha256", lambda block: hashed.append(len(block)) or real(block))
    work = SentinelWork(SMALL_CACHE, clock(*COUNT, *[MS] * 12))
    work(1)
    assert hashed == [HASHED_BYTES] * (3 + 3 * 10)
    work(1)
    assert hashed == [HASHED_BYTES] * (3 + 2 * 3 * 10)


def test_slices_rotate_and_are_copied_to_the_other_half_of_the_buffer(pinned, monkeypatch):
    copies = []

    class Buffer:
        def __getitem__(self, place):
            copies.append([place.start // COPIED_BYTES])
            return b""

        def __setitem__(self, place, _):
            copies[-1].append(place.start // COPIED_BYTES)

    sizes = []
    monkeypatch.setattr(sentinel, "_touched", lambda slices: sizes.append(slices) or Buffer())
    work = SentinelWork(32 << 20, clock(*COUNT, *[MS] * 36))
    for _ in range(6):
        work(1)
    # Four caches of 32 MiB in slices of 8 MiB.
    assert sizes == [16]
    assert [source for source, _ in copies] == [number % 16 for number in range(18)]
    assert {(target - source) % 16 for source, target in copies} == {8}


@pytest.mark.parametrize(("cache", "slices"), [(None, 16), (32 << 20, 16), (1 << 40, 128), (1 << 10, 2)])
def test_the_buffer_is_four_caches_but_bounded(cache, slices):
    assert SentinelWork(cache)._slices == slices


def test_a_cpu_that_this_process_may_not_use_reads_as_null(monkeypatch):
    def refuse(_pid, _cpus):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr("os.sched_setaffinity", refuse)
    found = SentinelWork(SMALL_CACHE)(99)
    assert (found.compute.value, found.compute.reason) == (None, "no_permission")
    assert (found.memory.value, found.memory.reason) == (None, "no_permission")


def test_a_bug_of_ours_is_not_lost_with_its_thread(pinned):
    def broken():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        SentinelWork(SMALL_CACHE, broken)(0)


def test_a_real_clock_gives_plausible_values():
    work = SentinelWork(SMALL_CACHE)
    for found in (work(0), work(0)):
        # 1 GB/s to 100 GB/s.
        assert 80 * US < found.memory.value < 8 * MS * 10
        assert 5 * US < found.compute.value < MS
