"""Meters against the kernel: a plain container, and a process of our own."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from mlfleet.disturbed import disturbances
from mlfleet.meters import Name, open_meters
from mlfleet.meters.sentinel import SentinelWork
from mlfleet.model import Sample, Turn
from mlfleet.noise import Limits, known_flags, shares
from mlfleet.validate.neighbour import busy

MIB = 1 << 20
PERL = """
$| = 1;
while (my $line = <STDIN>) {
    if ($line =~ /burn/) {
        my $end = (times)[0] + (times)[1] + 1;
        while ((times)[0] + (times)[1] < $end) { my $x = 0; $x += $_ for 1 .. 20000 }
        print join(" ", times), "\n";
    } elsif ($line =~ /alloc/) {
        { my $held = "x" x (100 << 20); select(undef, undef, undef, 0.1); undef $held }
        print "done\n";
    } elsif ($line =~ /shared/) {
        system("head -c 104857600 /dev/zero > /dev/shm/x; sleep 0.1; rm /dev/shm/x");
        print "done\n";
    }
}
"""
PYTHON = """
import mmap, resource, sys, time
for line in sys.stdin:
    if "burn" in line:
        end = time.process_time() + 1
        while time.process_time() < end:
            sum(range(20000))
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(used.ru_utime, used.ru_stime, flush=True)
    elif "shared" in line:
        held = mmap.mmap(-1, 100 << 20)
        [held.write(bytes(1 << 20)) for _ in range(100)]
        time.sleep(0.1)
        held.close()
        print("done", flush=True)
    else:
        held = b"x" * (100 << 20)
        time.sleep(0.1)
        del held
        print("done", flush=True)
"""


class Service:
    """A program that works on demand; its answer is what it says of its own CPU time."""

    def __init__(self, process):
        self.process = process

    def ask(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().split()

    def cpu_s(self):
        return sum(map(float, self.ask("burn")))


@contextmanager
def container():
    name = f"mlf-test-meters-{time.monotonic_ns()}"
    command = [
        "docker",
        "run",
        "--rm",
        "-i",
        "--init",
        "--name",
        name,
        "--network",
        "none",
        "--shm-size",
        "256m",
        "--memory",
        "512m",
    ]
    process = subprocess.Popen(
        [*command, "debian:bookworm-slim", "perl", "-e", PERL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        service = Service(process)
        service.ask("alloc")
        pid = subprocess.check_output(["docker", "inspect", "-f", "{{.State.Pid}}", name], text=True)
        yield int(pid), service
    finally:
        process.stdin.close()
        process.stdout.close()
        subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=False)
        process.wait(10)


@contextmanager
def python():
    process = subprocess.Popen([sys.executable, "-c", PYTHON], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        service = Service(process)
        service.ask("alloc")
        yield process.pid, service
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(10)


@pytest.fixture(params=["docker", "process"])
def metered(request):
    with (
        container() if request.param == "docker" else python() as (pid, service),
        open_meters(pid, request.param) as meters,
    ):
        yield meters, service


def turn(meters, service, what):
    before = meters.edge()
    reset = meters.reset_peak()
    with meters.sampling() as sampled:
        answer = service.ask(what)
    return meters.turn_readings(before, meters.edge(), sampled, reset_ok=reset), answer


def test_cpu_time_is_what_the_service_says(metered):
    meters, service = metered
    first = service.cpu_s()
    readings, answer = turn(meters, service, "burn")
    said = sum(map(float, answer[:2])) - first if len(answer) == 2 else None
    if said is None:
        # perl's times: user, system, and those of children.
        said = sum(map(float, answer)) - first
    assert readings[Name.CPU].value / 1e9 == pytest.approx(said, rel=0.04)
    split = (readings[Name.USER].value + readings[Name.SYSTEM].value) / 1e6
    assert split == pytest.approx(said, rel=0.06)


@pytest.mark.parametrize("what", ["alloc", "shared"])
def test_the_peak_sees_an_allocation_that_is_gone_again(metered, what):
    meters, service = metered
    before = meters.edge()
    readings, _ = turn(meters, service, what)
    for level, peak in ((Name.CHARGED, Name.PEAK_CHARGED), (Name.ANONYMOUS, Name.PEAK_ANONYMOUS)):
        rise = readings[peak].value - before[level].value
        assert 95 * MIB < rise < 120 * MIB, (peak, rise / MIB)
    assert readings[Name.ANONYMOUS].value < before[Name.ANONYMOUS].value + 20 * MIB
    assert readings[Name.PEAK_CHARGED].method is None
    assert readings[Name.FAULTS].value > 100


def test_after_a_reset_the_peak_is_down_again(metered):
    meters, service = metered
    turn(meters, service, "alloc")
    assert meters.reset_peak()
    found = meters.edge()
    assert found[Name.MARK].value < found[Name.CHARGED].value + 10 * MIB


def test_the_sampler_keeps_its_rate_within_its_budget(metered):
    meters, service = metered
    start = time.monotonic_ns()
    readings, _ = turn(meters, service, "burn")
    wall = time.monotonic_ns() - start
    due = readings[Name.SAMPLER_SAMPLES].value + readings[Name.SAMPLER_MISSED].value
    assert due == pytest.approx(wall / 1e7, rel=0.1)
    assert readings[Name.SAMPLER_CPU].value < 0.05 * wall


def test_every_reading_is_a_value_or_has_a_reason(metered):
    meters, _ = metered
    found = meters.edge()
    assert {bool(reading.reason) for reading in found.values() if reading.value is None} <= {True}
    assert all(reading.reason is None for reading in found.values() if reading.value is not None)
    for name in (Name.CPU, Name.USER, Name.CHARGED, Name.ANONYMOUS, Name.MARK, Name.FAULTS, Name.IO_READ, Name.FROZEN):
        assert found[name].value is not None, name


def test_a_neighbour_on_the_cpu_set_flags_the_turn_and_disturbs_the_trial():
    cpu = max(os.sched_getaffinity(0))
    with python() as (pid, service), open_meters(pid, "process", (cpu,)) as meters, busy(cpu):
        os.sched_setaffinity(pid, {cpu})
        start = time.monotonic_ns()
        readings, _ = turn(meters, service, "burn")
        end = time.monotonic_ns()
    found = Turn(1, 1, 0, start, end, (Sample(1, start, end),), readings, start, end)
    assert "foreign" in known_flags(found, 1, Limits())
    # Both had an equal share of the CPU, less what tests beside them took.
    seen = shares(found, 1)
    assert seen["foreign"] > 0.3
    assert seen["wait"] > 0.5
    assert "contended" in disturbances([found], 1, Limits())


def test_the_sentinel_sees_this_machine():
    cpu = max(os.sched_getaffinity(0))
    work = SentinelWork(None)
    for found in (work(cpu), work(cpu)):
        assert found.compute.value is not None
        assert found.memory.value is not None


def test_a_service_that_died_reads_as_lost():
    with container() as (pid, service), open_meters(pid, "docker") as meters:
        before = meters.edge()
        service.process.stdin.close()
        service.process.wait(10)
        after = meters.edge()
        readings = meters.turn_readings(before, after, _nothing(meters), reset_ok=meters.reset_peak())
    assert {readings[name].reason for name in (Name.CPU, Name.CHARGED, Name.ANONYMOUS)} == {"lost"}


def _nothing(meters):
    with meters.sampling() as sampled:
        pass
    return sampled
