"""The one setting of a run: CPUs, threads and memory, the same for everybody."""

from collections.abc import Mapping

from mlfleet import errors, host
from mlfleet.catalogue import Suite
from mlfleet.launch.surroundings import Surroundings
from mlfleet.model import Environment, Runtime, Setting

SETTINGS: Mapping[str, Setting] = {"1": "1 thread", "all": "all cores"}


def environment_of(
    suite: Suite, runtime: Runtime, around: Surroundings | None, device: str = "cpu"
) -> tuple[Setting, Environment]:
    """The one setting of the run, as the launcher will set it; or as it was found `around` services to attach to."""
    if len(suite.threads) != 1:
        raise errors.UsageError(
            f"suite {suite.name}: one thread setting a run is supported, found {list(suite.threads)}"
        )
    cpus = host.cpu_sets(suite.threads[0])
    memory = suite.memory_bytes
    if around is not None:
        if len(around.cpus) != len(cpus):
            wanted = ",".join(map(str, cpus))
            raise errors.HostError(
                f"suite {suite.name} asks for {SETTINGS[suite.threads[0]]}, services may run on CPUs "
                f"{list(around.cpus)}; try: MLFLEET_CPUS={wanted} MLFLEET_THREADS={len(cpus)} docker compose up -d"
            )
        cpus, memory = around.cpus, around.memory_bytes
    environment = Environment(device, cpus, len(cpus), memory, runtime, "mapped")
    return SETTINGS[suite.threads[0]], environment
