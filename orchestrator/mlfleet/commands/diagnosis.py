"""What a host's facts mean for measurements made on it, and what to do. Pure: facts in, checks out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mlfleet.host import Fact

# Of work that is not ours, in CPUs' worth per CPU: from here on turns of quiet services are flagged.
BUSY_LOAD = 0.25
# Share of the last 10 s in which something waited, in per cent: a turn is flagged from 5 % on.
WAITING_PERCENT = 5.0
# What a clock read costs beyond these: microseconds instead of 20 to 50 ns.
FAST_CLOCKS = ("tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter")
# The largest memory limit of a built-in suite, that of fleet.
MEMORY_BYTES = 4 << 30


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, how it is, and what follows."""

    name: str
    state: Literal["ok", "note", "bad"]
    found: str


def diagnose(facts: Mapping[str, Fact], memory_available: int, gpus: Sequence[int] | None) -> Iterator[Check]:
    """Whatever of the machine bears on its figures. `memory_available` in bytes; `gpus`: None where none can tell."""
    for rule in _RULES:
        yield rule(facts)
    yield _memory(facts, memory_available)
    yield _gpu(gpus)


def _load(facts: Mapping[str, Fact]) -> Check:
    load, cpus = facts["load_1_minute"], facts["cpu_count"]
    if not isinstance(load, float) or not isinstance(cpus, int):
        return _unknown("load", facts, "load_1_minute")
    text = f"{load:g} over the last minute on {cpus} CPUs"
    if load <= BUSY_LOAD * cpus:
        return Check("load", "ok", text)
    return Check(
        "load", "note", f"{text}: other work runs, turns will be flagged and trials repeated; try: stop it (see top)"
    )


def _pressure(facts: Mapping[str, Fact]) -> Check:
    found = {kind: facts[f"pressure_{kind}_percent"] for kind in ("cpu", "memory", "io")}
    known = {kind: share for kind, share in found.items() if isinstance(share, float)}
    if not known:
        text = f"not known ({facts.get('pressure_cpu_percent.reason')}): a neighbour on the same CPU shows less"
        return Check("pressure", "note", f"{text}; try: a kernel with psi=1")
    text = ", ".join(f"{kind} {share:g} %" for kind, share in known.items()) + " of the last 10 s"
    waiting = [kind for kind, share in known.items() if share > WAITING_PERCENT]
    if not waiting:
        return Check("pressure", "ok", text)
    return Check("pressure", "note", f"{text}: {', '.join(waiting)} is short; try: stop other work, then measure")


def _cgroup(facts: Mapping[str, Fact]) -> Check:
    version = facts["cgroup"]
    if version is None:
        return Check("cgroup", "note", "none visible: containers cannot be metered from here, null with its reason")
    if version == "v1":
        return Check("cgroup", "note", "v1: no pressure per container, and peaks are reset by root alone")
    return Check("cgroup", "ok", str(version))


def _clock(facts: Mapping[str, Fact]) -> Check:
    source = facts["clock_source"]
    if source is None:
        return _unknown("clock", facts, "clock_source")
    if source in FAST_CLOCKS:
        return Check("clock", "ok", str(source))
    return Check("clock", "note", f"{source}: each read costs microseconds; try: boot with clocksource=tsc")


def _governor(facts: Mapping[str, Fact]) -> Check:
    governor = facts["cpu_governor"]
    if governor is None:
        return Check("frequency", "ok", "not visible, as on most virtual machines; the sentinel watches clocks")
    if governor == "performance":
        return Check("frequency", "ok", "governor performance")
    text = f"governor {governor}: clocks follow the load; try: cpupower frequency-set -g performance"
    return Check("frequency", "note", text)


def _virtual(facts: Mapping[str, Fact]) -> Check:
    if facts["hypervisor"] != "yes":
        return Check("machine", "ok", "no hypervisor")
    text = "virtual: neighbours take time and bandwidth; steal and the sentinel are watched, intervals will be wider"
    return Check("machine", "ok", text)


def _swap(facts: Mapping[str, Fact]) -> Check:
    swap = facts["swap_bytes"]
    if not isinstance(swap, int):
        return _unknown("swap", facts, "swap_bytes")
    if swap == 0:
        return Check("swap", "ok", "none")
    text = f"{swap >> 20} MiB: containers get none of it, local processes may; a turn that swaps is flagged `faults`"
    return Check("swap", "ok", text)


def _memory(facts: Mapping[str, Fact], available: int) -> Check:
    text = f"{available >> 20} MiB available"
    if available >= MEMORY_BYTES:
        return Check("memory", "ok", text)
    of = facts["memory_bytes"]
    whole = f" of {of >> 20}" if isinstance(of, int) else ""
    return Check(
        "memory", "note", f"{text}{whole}, {MEMORY_BYTES >> 20} awaited: large workloads may end as out_of_memory"
    )


def _gpu(gpus: Sequence[int] | None) -> Check:
    if gpus is None:
        return Check("GPU", "note", "cannot be told here (WSL); try: mlfleet run fleet --device cuda")
    if not gpus:
        return Check("GPU", "ok", "none by /dev/nvidia*: services compute on the CPU")
    text = f"{len(gpus)} by /dev/nvidia*; try: mlfleet run fleet --device cuda"
    return Check("GPU", "ok", f"{text} (docker needs the NVIDIA Container Toolkit)")


def _unknown(name: str, facts: Mapping[str, Fact], fact: str) -> Check:
    return Check(name, "note", f"not known ({facts.get(f'{fact}.reason', 'no reason')})")


_RULES: tuple[Callable[[Mapping[str, Fact]], Check], ...] = (
    _load,
    _pressure,
    _cgroup,
    _clock,
    _governor,
    _virtual,
    _swap,
)
