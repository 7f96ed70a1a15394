"""What services that compose started run in, read off their processes: a launcher would have set it."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlfleet.errors import HostError
from mlfleet.launch.attached import Met, meet
from mlfleet.launch.sockets import NotOurSocket
from mlfleet.meters.limit import memory_limit
from mlfleet.model import Service

# After `up -d` services need a moment to bind; those that are not up are not waited for any longer.
BIND_S = 10.0
POLL_S = 0.1


@dataclass(frozen=True)
class Surroundings:
    """CPUs and memory limit, the same for all of them."""

    cpus: tuple[int, ...]
    memory_bytes: int


def meet_all(
    services: Sequence[Service], sockets: Path, wait: Callable[[float], object] = time.sleep
) -> dict[str, Met]:
    """Who listens for each service. Raises HostError for a socket that is not what it should be, or no framework."""
    polls = int(BIND_S / POLL_S)
    try:
        while len(met := _met(services, sockets)) < len(services) and polls > 0:
            wait(POLL_S)
            polls -= 1
    except NotOurSocket as error:
        raise HostError(str(error)) from error
    if not any(service.key in met for service in services if not service.control):
        names = ", ".join(service.key for service in services if not service.control) or "no framework"
        raise HostError(f"no framework listens in {sockets} (awaited one of {names}); try: docker compose up -d")
    return met


def surroundings(services: Sequence[Service], met: Mapping[str, Met]) -> Surroundings:
    """What they all have. Raises HostError where they differ, since a ratio would compare that."""
    there = [service for service in services if service.key in met]
    cpus = {service.key: tuple(sorted(os.sched_getaffinity(met[service.key].pid))) for service in there}
    limits = {service.key: _limit(service, met[service.key]) for service in there}
    for what, found in (("CPUs", cpus), ("memory limits", limits)):
        if len(set(found.values())) > 1:
            shown = ", ".join(f"{key} {value}" for key, value in found.items())
            raise HostError(f"services differ in their {what}: {shown}; try: docker compose up -d --force-recreate")
    return Surroundings(next(iter(cpus.values())), next(iter(limits.values())))


def _met(services: Sequence[Service], sockets: Path) -> dict[str, Met]:
    return {service.key: met for service in services if (met := meet(service, sockets))}


def _limit(service: Service, met: Met) -> int:
    """As the kernel says; where it is out of sight (a cgroup namespace of our own), as compose.yaml says."""
    found = memory_limit(met.pid)
    return found if isinstance(found, int) else service.memory_bytes
