"""The orchestrator's own image, which only compose uses."""

from pathlib import Path

from mlfleet.builders.docker import DockerBuilder
from mlfleet.builders.source import digest_of
from mlfleet.compose import ORCHESTRATOR, ORCHESTRATOR_DOCKERFILE, orchestrator_image
from mlfleet.model import Service

_SOURCES = ("orchestrator", "proto", "pyproject.toml", "uv.lock", ORCHESTRATOR_DOCKERFILE)


class OrchestratorBuilder(DockerBuilder):
    """Builds it as services are built; what stands for one here is in no list of services."""

    def stand_in(self) -> Service:
        """What `state` and `build` take in a service's place. Raises UsageError."""
        image = orchestrator_image(self.root / "compose.yaml", self.environment)
        return Service(ORCHESTRATOR, "python", image, control=True, memory_bytes=0)

    def digest(self, service: Service) -> str:  # noqa: ARG002 - there is one orchestrator
        """Of this package, the contract, and the locked dependencies."""
        return digest_of([self.root / source for source in _SOURCES], self.root)

    def dockerfile(self, service: Service) -> Path:  # noqa: ARG002
        """Its own."""
        return self.root / ORCHESTRATOR_DOCKERFILE
