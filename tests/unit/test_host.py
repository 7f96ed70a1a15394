"""CPU sets of the two settings on every shape of machine; facts that are absent are null with a reason."""

import os
import threading

import pytest
from mlfleet.errors import HostError
from mlfleet.host import Cpus, cpu_sets, cpus, differing, facts, fingerprint, kept_off, memory_available, memory_free


def tree(root, siblings):
    """Write the topology of CPUs: {cpu: list of its core's siblings}."""
    for cpu, shared in siblings.items():
        folder = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(shared + "\n")
    return root


@pytest.mark.parametrize(
    ("cores", "one", "all_", "orchestrator"),
    [
        # With less than 4 CPUs they share.
        (((0,),), (0,), (0,), {0}),
        (((0,), (1,)), (1,), (0, 1), {0, 1}),
        (((0,), (1,), (2,)), (2,), (0, 1, 2), {0, 1, 2}),
        # From 4 on the first core is kept.
        (((0,), (1,), (2,), (3,)), (3,), (1, 2, 3), {0}),
        (((0, 2), (1, 3)), (1,), (1,), {0, 2}),
        (((0, 4), (1, 5), (2, 6), (3, 7)), (3,), (1, 2, 3), {0, 4}),
        # One core of four threads: there is no other.
        (((0, 1, 2, 3),), (0,), (0,), {1, 2, 3}),
    ],
)
def test_cpu_sets(cores, one, all_, orchestrator):
    machine = Cpus(cores)
    assert machine.measured("1") == one
    assert machine.measured("all") == all_
    assert machine.orchestrator(all_) == orchestrator


def test_the_orchestrator_leaves_the_siblings_of_measured_cpus_idle():
    machine = Cpus(((0, 4), (1, 5), (2, 6), (3, 7)))
    assert machine.orchestrator((3,)) == {0, 1, 2, 4, 5, 6}


def test_to_keep_off_the_measured_cpus_makes_the_machine_no_smaller():
    before, measured = os.sched_getaffinity(0), cpu_sets("1")
    seen = []
    with kept_off(measured):
        assert os.sched_getaffinity(0) == cpus().orchestrator(measured)
        assert cpu_sets("1") == measured
        thread = threading.Thread(target=lambda: seen.append(os.sched_getaffinity(0)))
        thread.start()
        thread.join()
    assert seen == [cpus().orchestrator(measured)]
    assert os.sched_getaffinity(0) == before


def test_cores_are_told_by_their_siblings_and_affinity_is_respected(tmp_path):
    root = tree(tmp_path, {0: "0,4", 1: "1,5", 2: "2-3", 3: "2-3", 4: "0,4", 5: "1,5"})
    assert cpus(root, frozenset(range(6))).cores == ((0, 4), (1, 5), (2, 3))
    assert cpus(root, frozenset({4, 3, 2})).cores == ((2, 3), (4,))


def test_without_topology_each_cpu_is_a_core(tmp_path):
    assert cpus(tmp_path, frozenset({1, 3})).cores == ((1,), (3,))


def test_absent_facts_are_null_with_a_reason(tmp_path):
    found = facts(tmp_path)
    assert found["cpu_model"] is None
    assert found["cpu_model.reason"] == "no_such_file"
    assert all(f"{name}.reason" in found for name, value in found.items() if value is None)


def test_facts_are_read(tmp_path):
    files = {
        "proc/cpuinfo": "model name\t: AMD EPYC\nmicrocode\t: 0x10\nflags\t\t: fpu hypervisor sse\n",
        "proc/meminfo": "MemTotal:       24683656 kB\nMemAvailable:    1024 kB\nSwapTotal:  0 kB\n",
        "proc/self/mountinfo": "1 0 0:1 / /a rw - cgroup cgroup rw,cpu\n2 0 0:2 / /b rw - cgroup2 cgroup2 rw\n",
        "proc/pressure/cpu": "some avg10=1.50 avg60=0 avg300=0 total=1\n",
        "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
        "sys/devices/system/cpu/online": "0-3\n",
        "sys/devices/system/cpu/cpufreq/boost": "1\n",
        "etc/machine-id": "abc\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    tree(tmp_path, {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"})
    found = facts(tmp_path)
    assert (found["cpu_model"], found["cpu_microcode"], found["hypervisor"]) == ("AMD EPYC", "0x10", "yes")
    assert (found["cpu_count"], found["core_count"], found["cpu_turbo"]) == (4, 2, "on")
    assert (found["memory_bytes"], found["memory_gib"], found["swap_bytes"]) == (24683656 * 1024, 24, 0)
    assert (found["cgroup"], found["transparent_huge_pages"]) == ("hybrid", "madvise")
    assert found["pressure_cpu_percent"] == 1.5
    assert "abc" not in str(found["machine_id_sha256"])
    assert memory_available(tmp_path) == 1024 * 1024
    assert memory_free(tmp_path) == pytest.approx(1024 / 24683656)


def test_memory_that_cannot_be_told_is_an_error(tmp_path):
    with pytest.raises(HostError, match=r"/proc/meminfo"):
        memory_available(tmp_path)
    assert memory_free(tmp_path) is None


def test_names_are_never_told(monkeypatch, tmp_path):
    monkeypatch.setattr("socket.gethostname", lambda: "secret-name")
    assert "secret-name" not in str(facts(tmp_path))


def test_another_host_is_told_by_its_fields():
    mine = fingerprint(facts(), {"docker_engine": "20.10.24"})
    assert differing(mine, mine) == []
    assert differing(mine, mine | {"kernel": "0", "gpu_uuids": "x"}) == ["gpu_uuids", "kernel"]
