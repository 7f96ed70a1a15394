"""Readings of a process with its family, from a tree laid out like /proc."""

import pytest
from mlfleet.meters import Name
from mlfleet.meters.procfs import TICK_NS, ProcessMeter

STATUS = "Name:\tpy\nVmHWM:\t     900 kB\nVmRSS:\t  800 kB\nRssAnon:\t 500 kB\nRssFile:\t 200 kB\nRssShmem:\t 100 kB\n"
IO = "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 8192\nwrite_bytes: 4096\ncancelled_write_bytes: 0\n"


def process(root, pid, children=(), state="S", reaped=0):
    folder = root / "proc" / str(pid)
    (folder / "task" / str(pid)).mkdir(parents=True)
    (folder / "task" / str(pid) / "schedstat").write_text("500 7000 3\n")
    (folder / "task" / str(pid) / "children").write_text(" ".join(map(str, children)) + " ")
    (folder / "status").write_text(STATUS)
    (folder / "io").write_text(IO)
    # A command with blanks and brackets, as a hostile service may choose it.
    fields = [state, 1, 1, 1, 0, -1, 0, 11, 12, 13, 14, 20, 30, reaped, reaped, 20, 0, 5]
    (folder / "stat").write_text(f"{pid} (a) R 9 (b) {' '.join(map(str, fields))}\n")
    (folder / "clear_refs").write_text("")
    return root


def meter(root, clock=lambda pid: pid * 1000):
    return ProcessMeter(1, root, clock)


def test_one_process(tmp_path):
    found = meter(process(tmp_path, 1)).edge()
    assert {name: found[name].value for name in (Name.CHARGED, Name.MARK, Name.ANONYMOUS, Name.FILE)} == {
        Name.CHARGED: 800 * 1024,
        Name.MARK: 900 * 1024,
        Name.ANONYMOUS: 600 * 1024,
        Name.FILE: 200 * 1024,
    }
    assert (found[Name.FAULTS].value, found[Name.MAJOR_FAULTS].value) == (11 + 12 + 13 + 14, 13 + 14)
    assert (found[Name.USER].value, found[Name.SYSTEM].value) == (20 * TICK_NS // 1000, 30 * TICK_NS // 1000)
    assert (found[Name.CPU].value, found[Name.CPU].method) == (1000, None)
    assert (found[Name.IO_READ].value, found[Name.IO_WRITES].value) == (8192, 4)
    assert (found[Name.CPU_PRESSURE].value, found[Name.CPU_PRESSURE].reason) == (None, "not_supported")
    assert (found[Name.CPU_WAIT].value, found[Name.CPU_WAIT].unit) == (7, "us")
    assert found[Name.FROZEN].value == 0
    assert found[Name.CHARGED].method is None


def test_time_without_a_cpu_is_summed_over_all_threads_of_the_family(tmp_path):
    process(process(tmp_path, 1, children=[2]), 2)
    (tmp_path / "proc/2/task/9").mkdir()
    (tmp_path / "proc/2/task/9/schedstat").write_text("1 1000000 1\n")
    assert meter(tmp_path).edge()[Name.CPU_WAIT].value == 7 + 7 + 1000


def test_a_kernel_that_keeps_no_waiting_times_is_null(tmp_path):
    process(tmp_path, 1)
    (tmp_path / "proc/1/task/1/schedstat").unlink()
    found = meter(tmp_path).edge()[Name.CPU_WAIT]
    assert (found.value, found.reason) == (None, "no_such_file")


@pytest.mark.parametrize("state", ["T", "t"])
def test_a_stopped_process_is_frozen(tmp_path, state):
    assert meter(process(tmp_path, 1, state=state)).edge()[Name.FROZEN].value == 1


def test_descendants_count_too_and_memory_says_that_it_is_a_sum(tmp_path):
    process(tmp_path, 1, children=[2, 3], reaped=5)
    process(tmp_path, 2, children=[4])
    process(tmp_path, 4)
    found = meter(tmp_path).edge()
    assert found[Name.CPU].value == (1 + 2 + 3 + 4) * 1000 + 10 * TICK_NS - 3000
    assert (found[Name.CHARGED].value, found[Name.CHARGED].method) == (3 * 800 * 1024, "summed")
    assert found[Name.IO_READ].value == 3 * 8192
    assert found[Name.USER].value == (60 + 5) * TICK_NS // 1000


def test_the_peak_is_reset_for_the_whole_family(tmp_path):
    process(process(tmp_path, 1, children=[2]), 2)
    assert meter(tmp_path).reset_peak()
    assert {(tmp_path / f"proc/{pid}/clear_refs").read_text() for pid in (1, 2)} == {"5"}


def test_refused_is_said(tmp_path):
    process(tmp_path, 1)
    (tmp_path / "proc/1/clear_refs").unlink()
    (tmp_path / "proc/1/clear_refs").mkdir()
    assert not meter(tmp_path).reset_peak()


def test_a_process_that_is_gone_reads_as_null(tmp_path):
    watched = meter(process(tmp_path, 1), clock=lambda _pid: (_ for _ in ()).throw(ProcessLookupError(3, "gone")))
    for file in ("status", "stat", "io", "task/1/schedstat"):
        (tmp_path / "proc/1" / file).unlink()
    assert {reading.value for reading in watched.edge().values()} == {None}
    assert watched.watch() == (None, None)
