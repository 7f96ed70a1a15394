"""Builds services, as images or as local environments, and says which builds are older than their source.

builder = build.builder("docker", root)
builder.state(service)                     # current, stale, missing, foreign or not_built, with the reason
builder.build(services, print)             # one after another; what fails is HostError with the last log lines
builder.clean(services, print)             # bytes given back
"""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlfleet.builders.attach import AttachBuilder
from mlfleet.builders.docker import DockerBuilder
from mlfleet.builders.notes import UNKNOWN, Note
from mlfleet.builders.orchestrator import OrchestratorBuilder
from mlfleet.builders.process import ProcessBuilder, process_command
from mlfleet.builders.source import source_digest
from mlfleet.builders.state import Build, BuildState
from mlfleet.errors import HostError
from mlfleet.launch.attached import required_folder
from mlfleet.launch.engine import connect
from mlfleet.model import Reading, Runtime, Service

__all__ = ["BuildResult", "BuildState", "Builder", "build", "builder", "process_command", "source_digest"]

Report = Callable[[str], None]


@dataclass(frozen=True)
class BuildResult:
    """What became of one service; `seconds` is 0 where nothing had to be done."""

    key: str
    state: Build
    seconds: float
    size_bytes: int | None
    reason: str
    # As BuildState has them.
    layer_bytes: int | None = None
    built: Note = UNKNOWN


class Builder(Protocol):
    """One runtime's builds."""

    def state(self, service: Service) -> BuildState:
        """How the service's build stands to its source."""

    def own_size(self, image_id: str | None, others: Collection[str]) -> Reading:
        """Bytes of the layers that this image has and none of the others; null where builds have no layers to see."""

    def prepare(self, services: Iterable[Service], report: Report) -> None:
        """Make what several builds stand on. Raises HostError."""

    def build(self, service: Service, report: Report) -> BuildState:
        """Build one service and say how it stands then. Raises HostError with the last log lines."""

    def clean(self, services: Iterable[Service], report: Report) -> int:
        """Remove what was built; bytes given back."""


def builder(runtime: Runtime, root: Path) -> Builder:
    """The builder of a runtime. Raises HostError where an engine is needed and none answers."""
    if runtime == "attach":
        return AttachBuilder(required_folder())
    return DockerBuilder(root, connect()) if runtime == "docker" else ProcessBuilder(root)


def build_orchestrator(root: Path, report: Report, *, force: bool = False) -> list[BuildResult]:
    """Build the orchestrator's own image where it is not current. Raises HostError."""
    chosen = OrchestratorBuilder(root, connect())
    return build([chosen.stand_in()], chosen, report, force=force)


def build(services: Iterable[Service], chosen: Builder, report: Report, *, force: bool = False) -> list[BuildResult]:
    """Build what is not current (`force`: all), one after another, since the engine and its caches are shared."""
    states = {service: chosen.state(service) for service in services}
    due = [service for service, state in states.items() if force or state.state != "current"]
    chosen.prepare(due, report)
    results = []
    for service, before in states.items():
        seconds, after = 0.0, before
        if service in due:
            number = due.index(service) + 1
            report(f"[{number}/{len(due)}] {service.key}: {before.state}")
            start = time.monotonic()
            try:
                after = chosen.build(service, report)
            except HostError as error:
                # The others may do without what could not be had.
                after = BuildState("failed", str(error))
            seconds = time.monotonic() - start
            report(f"[{number}/{len(due)}] {service.key}: {after.state} after {seconds:.0f} s")
        results.append(
            BuildResult(
                service.key, after.state, seconds, after.size_bytes, after.reason, after.layer_bytes, after.built
            )
        )
    return results
