"""The one setting of a run: CPUs, threads and memory, the same for everybody."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mlfleet import errors, host
from mlfleet.catalogue import Suite, Threads
from mlfleet.launch.surroundings import Surroundings
from mlfleet.model import Environment, Runtime, Setting, Workload

SETTINGS: Mapping[Threads, Setting] = {"1": "1 thread", "all": "all cores"}


def one_by_one(suite: Suite) -> tuple[Suite, ...]:
    """The suite once for each thread setting that a workload has: each is a run of its own, since they never meet.

    Where all cores are one CPU the second setting would measure the first once more, and is left out.
    """
    alike: dict[tuple[int, ...], list[Threads]] = {}
    for setting in _settings(suite):
        alike.setdefault(host.cpu_sets(setting), []).append(setting)
    return tuple(
        replace(suite, threads=same[:1], workloads=_measured_in(suite, same)) for same in map(tuple, alike.values())
    )


def said_of(suite: Suite) -> str:
    """What a reader must know of the suite's settings on this host; empty where there is nothing to say."""
    settings = _settings(suite)
    if "all" not in settings or len(host.cpu_sets("all")) > 1:
        return ""
    also = "; it is measured once" if "1" in settings else ""
    return f"all cores is n = 1 on this host, the same as 1 thread{also}"


def environment_of(
    suite: Suite, runtime: Runtime, around: Surroundings | None, device: str = "cpu"
) -> tuple[Setting, Environment]:
    """The setting of a suite that has one, as the launcher will set it; or as it was found `around` services."""
    (threads,) = suite.threads
    cpus = host.cpu_sets(threads)
    memory = suite.memory_bytes
    if around is not None:
        if len(around.cpus) != len(cpus):
            wanted = ",".join(map(str, cpus))
            raise errors.HostError(
                f"suite {suite.name} asks for {SETTINGS[threads]}, services may run on CPUs {list(around.cpus)}; "
                f"try: MLFLEET_CPUS={wanted} MLFLEET_THREADS={len(cpus)} docker compose up -d"
            )
        cpus, memory = around.cpus, around.memory_bytes
    environment = Environment(device, cpus, len(cpus), memory, runtime, "mapped")
    return SETTINGS[threads], environment


def of_workload(environment: Environment, suite: Suite, workload: str) -> Environment:
    """The same with the memory limit that the workload has of its own; what compose has started keeps what it has."""
    own = suite.own_of(workload).memory_bytes
    return environment if own is None or environment.runtime == "attach" else replace(environment, memory_bytes=own)


def _settings(suite: Suite) -> tuple[Threads, ...]:
    return tuple(setting for setting in SETTINGS if _measured_in(suite, (setting,)))


def _measured_in(suite: Suite, settings: Sequence[Threads]) -> tuple[Workload, ...]:
    return tuple(one for one in suite.workloads if set(suite.threads_of(one.name)) & set(settings))
