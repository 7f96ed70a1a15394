"""`mlfleet doctor` says of each thing that makes figures worse what it is, and what to do."""

import pytest
from mlfleet import host
from mlfleet.commands.diagnosis import MEMORY_BYTES, diagnose

SOUND = {
    "load_1_minute": 0.1,
    "cpu_count": 2,
    "pressure_cpu_percent": 0.0,
    "pressure_memory_percent": 0.0,
    "pressure_io_percent": 1.0,
    "cgroup": "v2",
    "clock_source": "tsc",
    "cpu_governor": "performance",
    "hypervisor": "no",
    "swap_bytes": 0,
    "memory_bytes": 8 << 30,
}
UNKNOWN_PRESSURE = {f"pressure_{kind}_percent": None for kind in ("cpu", "memory", "io")} | {
    "pressure_cpu_percent.reason": "no_such_file"
}


def checks(changes=(), available=6 << 30, gpus=()):
    return {check.name: check for check in diagnose(SOUND | dict(changes), available, gpus)}


def test_a_sound_host_has_nothing_to_mend():
    assert {check.state for check in checks().values()} == {"ok"}


@pytest.mark.parametrize(
    ("changes", "name", "says"),
    [
        ({"load_1_minute": 3.2}, "load", "3.2 over the last minute on 2 CPUs: other work runs"),
        ({"load_1_minute": None, "load_1_minute.reason": "no_such_file"}, "load", "not known (no_such_file)"),
        ({"pressure_cpu_percent": 40.0}, "pressure", "cpu is short"),
        ({"pressure_io_percent": 40.0, "pressure_memory_percent": 9.0}, "pressure", "memory, io is short"),
        (UNKNOWN_PRESSURE, "pressure", "not known (no_such_file)"),
        ({"cgroup": "v1"}, "cgroup", "no pressure per container"),
        ({"cgroup": None}, "cgroup", "none visible"),
        ({"clock_source": "hpet"}, "clock", "try: boot with clocksource=tsc"),
        ({"cpu_governor": "powersave"}, "frequency", "try: cpupower frequency-set -g performance"),
        ({"swap_bytes": None, "swap_bytes.reason": "not_supported"}, "swap", "not known (not_supported)"),
    ],
)
def test_what_makes_figures_worse_is_a_note_that_says_what_to_do(changes, name, says):
    found = checks(changes)
    assert [check.name for check in found.values() if check.state != "ok"] == [name]
    assert says in found[name].found


def test_little_memory_is_a_note_just_below_what_is_awaited():
    assert checks(available=MEMORY_BYTES)["memory"].state == "ok"
    found = checks(available=MEMORY_BYTES - 1)["memory"]
    assert (found.state, "out_of_memory" in found.found, "of 8192" in found.found) == ("note", True, True)


def test_gpus_are_counted_and_absent_ones_are_no_fault():
    assert checks(gpus=())["GPU"].found.startswith("none")
    assert checks(gpus=(0, 3))["GPU"].found.startswith("2 by /dev/nvidia*; try: mlfleet run fleet --device cuda")
    assert checks(gpus=None)["GPU"].state == "note"


def test_facts_of_this_host_are_all_understood():
    found = list(diagnose(host.facts(), host.memory_available(), host.gpus()))
    assert len({check.name for check in found}) == len(found) == 9
