"""Builds of services that compose started: nothing is known of them but that somebody listens."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NoReturn

from mlfleet.builders.own_layers import SOURCE
from mlfleet.builders.state import BuildState
from mlfleet.errors import HostError
from mlfleet.launch.attached import meet
from mlfleet.launch.sockets import NotOurSocket
from mlfleet.model import Reading, Service


class AttachBuilder:
    """It builds nothing; its states say who is there."""

    def __init__(self, sockets: Path) -> None:
        self.sockets = sockets

    def state(self, service: Service) -> BuildState:
        """`current` where somebody listens; the image is out of sight."""
        try:
            met = meet(service, self.sockets)
        except NotOurSocket as error:
            raise HostError(str(error)) from error
        if met is None:
            return BuildState("not_built", f"nobody listens for {service.key}; try: docker compose up -d {service.key}")
        return BuildState("current", f"{service.key} was started by compose, its image is not visible")

    def own_size(self, image_id: str | None, others: Collection[str]) -> Reading:  # noqa: ARG002 - out of sight
        """Null: the engine is out of sight."""
        return Reading(None, "bytes", SOURCE, "not_visible")

    def prepare(self, services: Iterable[Service], report: object) -> NoReturn:  # noqa: ARG002 - nothing is built
        """Refused."""
        raise HostError("images are built on the host, not in the orchestrator's container; try there: mlfleet build")

    def build(self, service: Service, report: object) -> NoReturn:
        """Refused."""
        self.prepare((service,), report)

    def clean(self, services: Iterable[Service], report: object) -> NoReturn:
        """Refused."""
        self.prepare(services, report)
