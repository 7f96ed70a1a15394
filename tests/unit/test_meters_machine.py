"""The machine's readings: the CPU set and the other CPUs apart, from a tree laid out like /proc and /sys."""

import os
from pathlib import Path

from mlfleet.meters import Name, open_meters
from mlfleet.meters.machine import TICK_NS, Machine
from mlfleet.names import HOST_EDGE

STAT = """cpu  999 999 999 999 999 999 999 999 999 999
cpu0 100 10 20 5000 70 3 4 5 50 5
cpu1 1000 0 0 5000 0 0 0 60 0 0
cpu2 7 0 0 0 0 0 0 0 0 0
intr 1 2 3
"""


def tree(root, stat=STAT):
    (root / "proc/pressure").mkdir(parents=True)
    (root / "proc/stat").write_text(stat)
    (root / "proc/pressure/cpu").write_text("some avg10=0.00 avg60=0.00 avg300=0.00 total=321\nfull total=9\n")
    for cpu in range(3):
        folder = root / f"sys/devices/system/cpu/cpu{cpu}"
        (folder / "thermal_throttle").mkdir(parents=True)
        (folder / "thermal_throttle/core_throttle_count").write_text(f"{10 + cpu}\n")
        (folder / "cpufreq").mkdir()
        (folder / "cpufreq/scaling_cur_freq").write_text("3400000\n")
    return root


def test_the_set_and_the_others_are_told_apart(tmp_path):
    found = Machine((0, 2), tree(tmp_path)).edge()
    assert {name: reading.value for name, reading in found.items()} == {
        # user, nice, system, irq, softirq; guests are in user, idle and iowait are not busy.
        Name.SET_BUSY: (100 + 10 + 20 + 3 + 4 + 7) * TICK_NS,
        Name.SET_STEAL: 5 * TICK_NS,
        Name.OTHERS_BUSY: 1000 * TICK_NS,
        Name.OTHERS_STEAL: 60 * TICK_NS,
        Name.OTHER_CPUS: 1,
        Name.HOST_CPU_PRESSURE: 321,
        Name.CORE_THROTTLES: 10 + 12,
        Name.FREQUENCY: 3_400_000_000,
    }
    assert (found[Name.SET_BUSY].unit, found[Name.FREQUENCY].unit, found[Name.OTHER_CPUS].unit) == ("ns", "hz", "count")


def test_it_is_read_anew_each_time(tmp_path):
    machine = Machine((1,), tree(tmp_path))
    first = machine.edge()[Name.SET_BUSY].value
    (tmp_path / "proc/stat").write_text(STAT.replace("cpu1 1000", "cpu1 1005"))
    assert machine.edge()[Name.SET_BUSY].value - first == 5 * TICK_NS


def test_what_a_machine_does_not_tell_is_null_with_its_reason(tmp_path):
    found = Machine((0,), tmp_path).edge()
    assert {(reading.value, reading.reason) for reading in found.values()} == {(None, "no_such_file")}
    assert set(found) == set(HOST_EDGE)


def test_a_cpu_of_the_set_that_is_not_shown_leaves_its_readings_null(tmp_path):
    found = Machine((0, 7), tree(tmp_path)).edge()
    assert (found[Name.SET_BUSY].value, found[Name.SET_BUSY].reason) == (None, "not_supported")
    assert (found[Name.CORE_THROTTLES].value, found[Name.CORE_THROTTLES].reason) == (None, "no_such_file")


def test_without_a_cpu_set_nothing_is_asked(tmp_path):
    found = Machine((), tree(tmp_path)).edge()
    assert {(reading.value, reading.reason) for reading in found.values()} == {(None, "not_applicable")}


def test_a_trial_leaves_no_file_open(tmp_path):
    root = tree(tmp_path)
    before = sorted(Path("/proc/self/fd").iterdir())
    Machine((0, 2), root).close()
    with open_meters(os.getpid(), "process", (0, 2)) as meters:
        meters.edge()
    # A run of a thousand trials would end at the limit of open files.
    assert sorted(Path("/proc/self/fd").iterdir()) == before
