"""Where the docker engine answers, and whether it does."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlfleet.errors import HostError

if TYPE_CHECKING:
    import docker

DEFAULT_HOST = "unix:///var/run/docker.sock"
# The engine's answers take milliseconds; one that takes this long counts as lost.
TIMEOUT_S = 10


class EngineAbsent(HostError):  # noqa: N818 - it names a state of the host
    """No docker engine answers; the message says why."""


def engine_socket(environment: Mapping[str, str] = os.environ) -> str:
    """Path of the engine's socket. Raises HostError if DOCKER_HOST leaves this machine."""
    host = environment.get("DOCKER_HOST") or DEFAULT_HOST
    if not host.startswith("unix://"):
        message = f"DOCKER_HOST is {host}; awaited a unix socket: meters and sockets need the engine on this machine"
        raise HostError(message)
    return host.removeprefix("unix://")


def connect(environment: Mapping[str, str] = os.environ) -> docker.DockerClient:
    """The local engine. Raises EngineAbsent if none answers, HostError if DOCKER_HOST leaves this machine."""
    # A fifth of a second that commands which need no engine need not pay.
    import docker  # noqa: PLC0415
    from docker.errors import DockerException  # noqa: PLC0415

    path = engine_socket(environment)
    host = f"unix://{path}"
    try:
        # Asked first without the SDK, which leaks the descriptor of a connection that is refused.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(TIMEOUT_S)
            probe.connect(path)
        return docker.DockerClient(base_url=host, timeout=TIMEOUT_S)
    except (OSError, DockerException) as error:
        message = f"no docker engine answers at {host} ({error})"
        raise EngineAbsent(message) from error
