"""Facts of the machine a run was made on, its fingerprint, and the CPUs that services and orchestrator get."""

import hashlib
import os
import platform
import re
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlfleet.errors import HostError

Fact = str | int | float | None
# From here on the first core is the orchestrator's and its sampler's alone.
CPUS_TO_SHARE_NONE = 4
ROOT = Path("/")
# What this process was given: it narrows its own affinity while it measures, which makes the machine no smaller.
STARTED_ON = frozenset(os.sched_getaffinity(0))


class Absent(Exception):  # noqa: N818 - a fact may be absent, that is no error
    """A fact cannot be told; the message is its reason."""


def facts(root: Path = ROOT) -> dict[str, Fact]:
    """Everything about the machine that a reader of results may ask for.

    What cannot be told is None, with the reason under `<name>.reason`. Names are hashed, sizes in bytes.
    """
    found: dict[str, Fact] = {}
    for name, ask in _FACTS.items():
        try:
            found[name] = ask(root)
        except FileNotFoundError:
            found[name], found[f"{name}.reason"] = None, "no_such_file"
        except PermissionError:
            found[name], found[f"{name}.reason"] = None, "no_permission"
        except OSError:
            found[name], found[f"{name}.reason"] = None, "disabled"
        except Absent as reason:
            found[name], found[f"{name}.reason"] = None, str(reason)
    return found


def gpus(dev: Path = Path("/dev")) -> tuple[int, ...] | None:
    """The driver's numbers of this host's NVIDIA GPUs, by their device files; None where these cannot tell."""
    if (dev / "dxg").exists():  # WSL shows GPUs without files of their own.
        return None
    return tuple(sorted(int(path.name.removeprefix("nvidia")) for path in dev.glob("nvidia[0-9]*")))


# What makes it the same host. Memory in whole GiB: kernels of one machine differ by some MiB.
FINGERPRINT = ("machine_id_sha256", "cpu_model", "cpu_count", "core_count", "memory_gib", "kernel")


def fingerprint(found: Mapping[str, Fact], others: Mapping[str, str | int | None]) -> dict[str, str | int | None]:
    """Take what identifies the host; `others`: what the caller asked elsewhere (`docker_engine`, `gpu_uuids`)."""
    own: dict[str, str | int | None] = {}
    for name in FINGERPRINT:
        value = found[name]
        own[name] = int(value) if isinstance(value, float) else value
    return own | dict(others)


def differing(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    """Name the fields of two fingerprints that are not equal."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def check_same(begun: Mapping[str, object], here: Mapping[str, object], folder: Path) -> None:
    """What was begun in a folder goes on where it was begun. Raises HostError naming the fields that differ."""
    if found := differing(begun, here):
        raise HostError(f"{folder} was begun on another host: {', '.join(found)} differ; it cannot go on here")


@dataclass(frozen=True)
class Cpus:
    """CPUs that this process may use, by physical core, in the order of their lowest numbers."""

    cores: tuple[tuple[int, ...], ...]

    @property
    def allowed(self) -> frozenset[int]:
        """All of them."""
        return frozenset(cpu for core in self.cores for cpu in core)

    def measured(self, threads: Literal["1", "all"]) -> tuple[int, ...]:
        """Choose the CPU set of a setting: one CPU of the last core, or one of each core; siblings stay idle.

        With 4 CPUs or more the first core is kept for the orchestrator.
        """
        share_none = len(self.allowed) >= CPUS_TO_SHARE_NONE and len(self.cores) > 1
        free = self.cores[1:] if share_none else self.cores
        return tuple(core[0] for core in (free if threads == "all" else free[-1:]))

    def orchestrator(self, measured: tuple[int, ...]) -> frozenset[int]:
        """Choose the orchestrator's own CPUs: off the measured cores, else off the measured CPUs, else all."""
        off_cores = frozenset(cpu for core in self.cores if not set(core) & set(measured) for cpu in core)
        return off_cores or self.allowed - set(measured) or self.allowed


def cpus(root: Path = ROOT, allowed: frozenset[int] | None = None) -> Cpus:
    """Look at the topology of the CPUs in `allowed`, by default this process's affinity when it started."""
    mine = allowed if allowed is not None else STARTED_ON
    cores: dict[tuple[int, ...], tuple[int, ...]] = {}
    for cpu in sorted(mine):
        topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
        try:
            siblings = _cpu_list((topology / "thread_siblings_list").read_text())
        except FileNotFoundError:
            siblings = (cpu,)
        cores.setdefault(siblings, tuple(sibling for sibling in siblings if sibling in mine))
    return Cpus(tuple(cores.values()))


def cpu_sets(threads: Literal["1", "all"]) -> tuple[int, ...]:
    """Return the CPU set of a setting on this machine."""
    return cpus().measured(threads)


@contextmanager
def kept_off(measured: tuple[int, ...]) -> Iterator[None]:
    """This thread, and those that it starts, on the CPUs that the orchestrator has while services have `measured`."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus().orchestrator(measured))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def memory_available(root: Path = ROOT) -> int:
    """Return MemAvailable in bytes. Raises HostError where the kernel does not say."""
    try:
        return _meminfo("MemAvailable")(root)
    except (OSError, Absent) as error:
        raise HostError(f"cannot tell the memory that is available: {error}; try: look at /proc/meminfo") from error


def memory_free(root: Path = ROOT) -> float | None:
    """MemAvailable as a share of MemTotal; None where the kernel does not say."""
    try:
        return _meminfo("MemAvailable")(root) / _meminfo("MemTotal")(root)
    except (OSError, Absent):
        return None


def disk_free(path: Path) -> int:
    """Return the bytes that this user can still write below `path`. Raises OSError."""
    return shutil.disk_usage(path).free


def _cpu_list(text: str) -> tuple[int, ...]:
    found: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return tuple(found)


def _text(path: str) -> Callable[[Path], str]:
    return lambda root: (root / path).read_text().strip()


def _hashed(text: str) -> str:
    return hashlib.sha256(f"mlfleet:{text}".encode()).hexdigest()


def _cpuinfo(key: str) -> Callable[[Path], str]:
    def ask(root: Path) -> str:
        found = re.search(rf"^{key}\s*:\s*(.*)$", (root / "proc/cpuinfo").read_text(), re.MULTILINE)
        if found is None:
            raise Absent("not_supported")
        return found[1]

    return ask


def _meminfo(key: str) -> Callable[[Path], int]:
    def ask(root: Path) -> int:
        found = re.search(rf"^{key}:\s*(\d+) kB$", (root / "proc/meminfo").read_text(), re.MULTILINE)
        if found is None:
            raise Absent("not_supported")
        return int(found[1]) * 1024

    return ask


def _chosen(path: str) -> Callable[[Path], str]:
    """Take the word in brackets of `always [madvise] never`."""

    def ask(root: Path) -> str:
        text = (root / path).read_text().strip()
        found = re.search(r"\[(.*?)\]", text)
        return found[1] if found else text

    return ask


def _turbo(root: Path) -> str:
    intel, generic = "sys/devices/system/cpu/intel_pstate/no_turbo", "sys/devices/system/cpu/cpufreq/boost"
    if (root / intel).exists():
        return "off" if _text(intel)(root) == "1" else "on"
    return "on" if _text(generic)(root) == "1" else "off"


def _cgroup(root: Path) -> str:
    kinds = set(re.findall(r" - (cgroup2?) ", (root / "proc/self/mountinfo").read_text()))
    names = {frozenset({"cgroup"}): "v1", frozenset({"cgroup2"}): "v2", frozenset({"cgroup", "cgroup2"}): "hybrid"}
    if not kinds:
        raise Absent("not_visible")
    return names[frozenset(kinds)]


def _pressure(kind: str) -> Callable[[Path], float]:
    def ask(root: Path) -> float:
        found = re.search(r"^some avg10=([0-9.]+)", (root / "proc/pressure" / kind).read_text(), re.MULTILINE)
        if found is None:
            raise Absent("not_supported")
        return float(found[1])

    return ask


_SYS = "sys/devices/system"
_FACTS: Mapping[str, Callable[[Path], Fact]] = {
    "machine_id_sha256": lambda root: _hashed(_text("etc/machine-id")(root)),
    "host_name_sha256": lambda _root: _hashed(socket.gethostname()),
    "boot_id": _text("proc/sys/kernel/random/boot_id"),
    "architecture": lambda _root: platform.machine(),
    "cpu_model": _cpuinfo("model name"),
    "cpu_microcode": _cpuinfo("microcode"),
    "cpu_count": lambda root: len(_cpu_list(_text(f"{_SYS}/cpu/online")(root))),
    "core_count": lambda root: len(cpus(root, frozenset(_cpu_list(_text(f"{_SYS}/cpu/online")(root)))).cores),
    "smt": _text(f"{_SYS}/cpu/smt/control"),
    "cpu_governor": _text(f"{_SYS}/cpu/cpu0/cpufreq/scaling_governor"),
    "cpu_turbo": _turbo,
    "numa_nodes": lambda root: len(_cpu_list(_text(f"{_SYS}/node/online")(root))),
    "memory_bytes": _meminfo("MemTotal"),
    "memory_gib": lambda root: round(_meminfo("MemTotal")(root) / (1 << 30)),
    "swap_bytes": _meminfo("SwapTotal"),
    "transparent_huge_pages": _chosen("sys/kernel/mm/transparent_hugepage/enabled"),
    "kernel": _text("proc/sys/kernel/osrelease"),
    "cgroup": _cgroup,
    "hypervisor": lambda root: "yes" if "hypervisor" in _cpuinfo("flags")(root).split() else "no",
    "clock_source": _text(f"{_SYS}/clocksource/clocksource0/current_clocksource"),
    "load_1_minute": lambda root: float(_text("proc/loadavg")(root).split()[0]),
    "pressure_cpu_percent": _pressure("cpu"),
    "pressure_memory_percent": _pressure("memory"),
    "pressure_io_percent": _pressure("io"),
}
