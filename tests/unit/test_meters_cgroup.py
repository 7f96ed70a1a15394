"""Readings from trees of v1, hybrid and v2.

v1 and hybrid as a host with Docker 20.10 showed them. v2 is written from the kernel's documentation
(Documentation/admin-guide/cgroup-v2.rst): no v2 host was at hand.
"""

import shutil

import pytest
from mlfleet.meters import Name, open_meters
from mlfleet.meters.cgroup import folders
from mlfleet.meters.machine import TICK_NS
from mlfleet.names import EDGE, HOST_EDGE

PID = 4242
GROUP = "docker/abc"
V1 = {
    "cpuacct/cpuacct.usage": "5000000123\n",
    "cpuacct/cpuacct.usage_user": "4000000000\n",
    "cpuacct/cpuacct.usage_sys": "16000000\n",
    "cpu/cpu.stat": "nr_periods 9\nnr_throttled 2\nthrottled_time 7000000\nnr_bursts 0\n",
    "memory/memory.usage_in_bytes": "3000000\n",
    "memory/memory.max_usage_in_bytes": "9000000\n",
    "memory/memory.stat": (
        "cache 1\nrss 2\nshmem 3\npgfault 4\npgmajfault 5\ntotal_cache 1900000\ntotal_rss 100000\n"
        "total_rss_huge 7\ntotal_shmem 40000\ntotal_pgfault 1181\ntotal_pgmajfault 25\n"
    ),
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    "memory/cgroup.procs": f"{PID}\n7\n",
    "blkio/blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\n8:0 Write 10\n8:9 Read 4\nTotal 9\n",
    "blkio/blkio.throttle.io_serviced_recursive": "8:0 Read 3\n8:0 Write 2\nTotal 5\n",
    "pids/pids.peak": "17\n",
    "pids/pids.events": "max 3\n",
    "freezer/freezer.state": "FROZEN\n",
}
PSI = "some avg10=0.00 avg60=0.00 avg300=0.00 total={}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=6\n"
UNIFIED = {
    "cpu.stat": "usage_usec 43369\nuser_usec 15770\nsystem_usec 27599\nnice_usec 0\n",
    "cpu.pressure": PSI.format(101),
    "memory.pressure": PSI.format(102),
    "io.pressure": PSI.format(103),
    "cgroup.events": "populated 1\nfrozen 0\n",
}
V2 = UNIFIED | {
    "cpu.stat": UNIFIED["cpu.stat"] + "nr_periods 9\nnr_throttled 2\nthrottled_usec 7000\n",
    "memory.current": "3000000\n",
    "memory.peak": "9000000\n",
    "memory.stat": "anon 100000\nfile 1900000\nkernel 5\nshmem 40000\npgfault 1181\npgmajfault 25\nanon_thp 9\n",
    "memory.events": "low 0\nhigh 0\nmax 4\noom 1\noom_kill 1\noom_group_kill 0\n",
    "io.stat": "8:0 rbytes=4096 wbytes=10 rios=3 wios=2 dbytes=0 dios=0\n8:16 rbytes=4 wbytes=0 rios=0 wios=0\n",
    "pids.peak": "17\n",
    "pids.events": "max 3\n",
}
ALIKE = {
    Name.THROTTLED_PERIODS: 2,
    Name.THROTTLED: 7000,
    Name.CHARGED: 3000000,
    Name.MARK: 9000000,
    Name.ANONYMOUS: 140000,
    Name.FILE: 1860000,
    Name.FAULTS: 1181,
    Name.MAJOR_FAULTS: 25,
    Name.OOM_KILLS: 1,
    Name.IO_READ: 4100,
    Name.IO_WRITE: 10,
    Name.IO_READS: 3,
    Name.IO_WRITES: 2,
    Name.TASKS_PEAK: 17,
    Name.TASKS_REFUSED: 3,
}


def write(root, layout, base="/"):
    """Lay out proc and the mounts; `base`: which part of each hierarchy is mounted."""
    mounts, groups = [], []
    if layout in ("v1", "hybrid"):
        for number, controller in enumerate(sorted({name.split("/")[0] for name in V1}), 1):
            mounts.append(
                f"3{number} 1 0:{number} {base} /sys/fs/cgroup/{controller} rw - cgroup cgroup rw,{controller}"
            )
            groups.append(f"{number}:{controller}:/{GROUP}")
        for name, text in V1.items():
            controller, file = name.split("/")
            put(root / "sys/fs/cgroup" / controller / GROUP / file, text)
    groups.append(f"0::/{GROUP}")
    if layout in ("v2", "hybrid"):
        point = "/sys/fs/cgroup" if layout == "v2" else "/sys/fs/cgroup/unified"
        mounts.append(f"41 1 0:38 {base} {point} rw,relatime shared:9 - cgroup2 cgroup2 rw")
        for file, text in (V2 if layout == "v2" else UNIFIED).items():
            put(root / point.lstrip("/") / GROUP / file, text)
    put(root / "proc/self/mountinfo", "\n".join(["1 0 8:1 / / rw - ext4 /dev/vda rw", *mounts, ""]))
    put(root / f"proc/{PID}/cgroup", "\n".join([*groups, ""]))
    return root


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def edge(root):
    """What a cgroup can tell: not what belongs to the process runtime."""
    with open_meters(PID, "docker", root=root) as meters:
        return {name: reading for name, reading in meters.edge().items() if name != Name.CPU_WAIT}


def known(readings):
    return {name: reading.value for name, reading in readings.items()}


def test_v1(tmp_path):
    found = edge(write(tmp_path, "v1"))
    times = {Name.CPU: 5000000123, Name.USER: 4000000, Name.SYSTEM: 16000, Name.FROZEN: 1}
    pressures = dict.fromkeys((Name.CPU_PRESSURE, Name.MEMORY_PRESSURE, Name.IO_PRESSURE))
    assert known(found) == ALIKE | times | pressures
    assert {found[name].reason for name in pressures} == {"not_supported"}
    assert found[Name.ANONYMOUS].source == "memory.stat total_rss + total_shmem"


def test_hybrid(tmp_path):
    found = edge(write(tmp_path, "hybrid"))
    times = {Name.CPU: 5000000123, Name.USER: 15770, Name.SYSTEM: 27599, Name.FROZEN: 1}
    pressures = {Name.CPU_PRESSURE: 101, Name.MEMORY_PRESSURE: 102, Name.IO_PRESSURE: 103}
    assert known(found) == ALIKE | times | pressures
    assert found[Name.CPU].source == "cpuacct.usage"
    assert found[Name.USER].source == "cpu.stat user_usec"


def test_v2(tmp_path):
    found = edge(write(tmp_path, "v2"))
    times = {Name.CPU: 43369000, Name.USER: 15770, Name.SYSTEM: 27599, Name.FROZEN: 0}
    pressures = {Name.CPU_PRESSURE: 101, Name.MEMORY_PRESSURE: 102, Name.IO_PRESSURE: 103}
    assert known(found) == ALIKE | times | pressures
    assert found[Name.ANONYMOUS].source == "memory.stat anon + shmem"
    assert {name: reading.unit for name, reading in found.items() if name.startswith("memory_")} == {
        Name.CHARGED: "bytes",
        Name.MARK: "bytes",
        Name.ANONYMOUS: "bytes",
        Name.FILE: "bytes",
        Name.MEMORY_PRESSURE: "us",
    }


@pytest.mark.parametrize("layout", ["v1", "hybrid", "v2"])
def test_what_is_missing_is_null_and_never_zero(tmp_path, layout):
    root = write(tmp_path, layout)
    for folder in (root / "sys/fs/cgroup").rglob(GROUP):
        for file in folder.iterdir():
            file.unlink()
    found = edge(root)
    assert set(known(found).values()) == {None}
    assert {reading.reason for reading in found.values()} <= {"no_such_file", "not_supported"}


def test_a_field_that_this_kernel_lacks_is_null(tmp_path):
    root = write(tmp_path, "v2")
    put(root / "sys/fs/cgroup" / GROUP / "cpu.stat", "usage_usec 43369\n")
    found = edge(root)
    assert found[Name.CPU].value == 43369000
    assert (found[Name.THROTTLED].value, found[Name.THROTTLED].reason) == (None, "not_supported")


def test_a_namespace_that_hides_the_folder_is_said(tmp_path):
    found = edge(write(tmp_path, "v2", base="/other"))
    assert {reading.reason for reading in found.values()} == {"not_visible"}


def test_part_of_a_hierarchy_may_be_mounted(tmp_path):
    root = write(tmp_path, "v2", base="/docker")
    shutil.move(root / "sys/fs/cgroup/docker/abc", root / "sys/fs/cgroup/abc")
    assert folders(PID, root) == {"": root / "sys/fs/cgroup/abc"}
    assert known(edge(root))[Name.CPU] == 43369000


@pytest.mark.parametrize(
    ("layout", "file"), [("v1", "memory/docker/abc/memory.max_usage_in_bytes"), ("v2", "docker/abc/memory.peak")]
)
def test_the_peak_is_reset_by_a_write(tmp_path, layout, file):
    root = write(tmp_path, layout)
    with open_meters(PID, "docker", root=root) as meters:
        assert meters.reset_peak()
    assert (root / "sys/fs/cgroup" / file).read_text().startswith("0")


def test_a_peak_that_is_not_there_cannot_be_reset(tmp_path):
    root = write(tmp_path, "v2")
    (root / "sys/fs/cgroup/docker/abc/memory.peak").unlink()
    with open_meters(PID, "docker", root=root) as meters:
        assert not meters.reset_peak()


def test_refused_by_the_kernel_the_peak_is_still_read(tmp_path, monkeypatch):
    root = write(tmp_path, "v1")
    real = __import__("os").open

    def no_writing(path, flags, *rest):
        if str(path).endswith("max_usage_in_bytes") and flags & 2:
            raise PermissionError(13, "no")
        return real(path, flags, *rest)

    monkeypatch.setattr("mlfleet.meters.reading.os.open", no_writing)
    with open_meters(PID, "docker", root=root) as meters:
        assert meters.edge()[Name.MARK].value == 9000000
        assert not meters.reset_peak()


def test_where_blkio_lists_no_disk_the_processes_are_asked(tmp_path):
    root = write(tmp_path, "v1")
    for file in ("io_service_bytes_recursive", "io_serviced_recursive"):
        put(root / f"sys/fs/cgroup/blkio/{GROUP}/blkio.throttle.{file}", "Total 0\n")
    for pid in (PID, 7):
        put(root / f"proc/{pid}/io", "rchar: 9\nwchar: 9\nsyscr: 2\nsyscw: 3\nread_bytes: 4096\nwrite_bytes: 1\n")
    found = edge(root)
    assert (found[Name.IO_READ].value, found[Name.IO_READ].source) == (8192, "/proc/<pid>/io read_bytes")
    assert found[Name.IO_WRITES].value == 6


def test_a_service_that_is_gone_reads_as_lost(tmp_path):
    root = write(tmp_path, "v1")
    shutil.rmtree(root / f"proc/{PID}")
    with open_meters(PID, "docker", root=root) as meters:
        found = meters.edge()
        assert not meters.reset_peak()
    assert set(found) == set(EDGE)
    assert {(reading.value, reading.reason) for reading in found.values()} == {(None, "lost")}


def test_the_machine_is_read_where_the_line_begins_and_ends(tmp_path):
    root = write(tmp_path, "v2")
    put(root / "proc/stat", "cpu0 1 0 0 9 0 0 0 0 0 0\ncpu1 10 0 0 9 0 0 0 0 0 0\n")
    with open_meters(PID, "docker", (1,), root) as meters:
        before = meters.edge()
        with meters.sampling() as sampled:
            put(root / "proc/stat", "cpu0 3 0 0 9 0 0 0 0 0 0\ncpu1 15 0 0 9 0 0 0 0 0 0\n")
        put(root / "proc/stat", "cpu0 99 0 0 9 0 0 0 0 0 0\ncpu1 99 0 0 9 0 0 0 0 0 0\n")
        found = meters.turn_readings(before, meters.edge(), sampled, reset_ok=False)
    assert (found[Name.SET_BUSY].value, found[Name.OTHERS_BUSY].value) == (5 * TICK_NS, 2 * TICK_NS)
    assert found[Name.OTHER_CPUS].value == 1
    assert set(HOST_EDGE) < set(found)


def test_a_folder_above_our_namespace_is_not_visible(tmp_path):
    root = write(tmp_path, "v2")
    put(root / f"proc/{PID}/cgroup", "0::/../docker/abc\n")
    put(root / "sys/fs/docker/abc/cpu.stat", "usage_usec 1\n")
    assert folders(PID, root) == {"": None}
    assert {reading.reason for reading in edge(root).values()} == {"not_visible"}
