"""The docker runtime: one container an attempt, built from the recipe alone and compared with it before any payload."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, NotFound

from mlfleet.errors import HostError
from mlfleet.launch.base import Exit, LaunchFailed, LaunchSpec
from mlfleet.launch.engine import TIMEOUT_S
from mlfleet.launch.recipe import (
    SOCKETS,
    Row,
    create_body,
    differences,
    memory_nodes,
    recorded,
    rows,
    status_differences,
)
from mlfleet.launch.sockets import NAME
from mlfleet.verdict import Flag, Verdict

FREEZE_TRIES = 3
REMOVE_TRIES = 10
REMOVE_POLLS = 50
REMOVE_PAUSE_S = 0.2
LOG_BYTES = 64 << 10
EMPTY = f"chmod -R u+rwx {SOCKETS}; find {SOCKETS} -mindepth 1 -delete"
FAULT_LABEL = "dev.mlfleet.fault"


class ImageMissing(LaunchFailed):
    """The image is not there (any more)."""

    verdict = Verdict.NOT_BUILT


class DeviceUnavailable(LaunchFailed):
    """The engine cannot give the device that was asked for."""

    verdict = Verdict.DEVICE_UNAVAILABLE


class DaemonLost(LaunchFailed):
    """The engine vanished or hangs: nothing is known about the service."""

    verdict = Verdict.DAEMON_LOST


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """The engine's refusals as LaunchFailed, its silence as DaemonLost."""
    try:
        yield
    except APIError as error:
        text = f"{what}: {error.explanation or error}"
        if "could not select device driver" in text or "nvidia-container-cli" in text:
            raise DeviceUnavailable(text) from error
        if isinstance(error, NotFound) and "image" in text.lower():
            raise ImageMissing(text) from error
        raise LaunchFailed(text) from error
    except requests.RequestException as error:
        message = f"{what}: the docker engine does not answer ({error})"
        raise DaemonLost(message) from error


def remove(client: docker.DockerClient, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
    """Remove a container in whatever state, by name. Gone already is done. Raises HostError if it stays."""
    failed = polls = 0
    problem = ""
    while failed < REMOVE_TRIES and polls < REMOVE_POLLS:
        try:
            client.api.remove_container(name, v=True, force=True)
        except NotFound:
            return
        except APIError as error:
            problem = str(error.explanation or error)
            if error.status_code == requests.codes.conflict and "progress" in problem:
                polls += 1
            else:
                failed += 1
        except requests.RequestException as error:
            problem, failed = str(error), failed + 1
        else:
            return
        sleep(REMOVE_PAUSE_S)
    message = f"container {name} could not be removed ({problem}); try: docker rm --force {name}"
    raise HostError(message)


@dataclass(frozen=True)
class Container:
    """A started container."""

    client: docker.DockerClient
    id: str
    # Host pid of its init; 0 if it had ended by the time it was inspected.
    pid: int
    socket: Path
    recipe: Mapping[str, str]
    flags: tuple[Flag, ...] = ()

    def freeze(self) -> None:
        """Pause; the engine answers when the freezer says FROZEN."""
        for left in reversed(range(FREEZE_TRIES)):
            try:
                with _asking("freeze"):
                    self.client.api.pause(self.id)
            except LaunchFailed as error:
                # Not the service's fault: on a busy host its threads were not caught in the runtime's time.
                if not left or "unable to freeze" not in str(error):
                    raise
            else:
                return

    def thaw(self) -> None:
        """Unpause."""
        with _asking("thaw"):
            self.client.api.unpause(self.id)

    def exit(self) -> Exit | None:
        """Status and the engine's OOM flag, which also tells of a killed child; None while it runs or is paused."""
        with _asking("inspect"):
            state = self.client.api.inspect_container(self.id)["State"]
        if state["Running"]:
            return None
        return Exit(int(state["ExitCode"]), bool(state["OOMKilled"]))

    def log_tail(self, lines: int = 20) -> str:
        """The end of what it wrote to both streams, at most 64 KiB; untrusted."""
        with _asking("logs"):
            data: bytes = self.client.api.logs(self.id, tail=lines)
        return data[-LOG_BYTES:].decode(errors="replace")


class DockerLauncher:
    """Containers on the local engine."""

    def __init__(
        self,
        client: docker.DockerClient,
        proc: Path = Path("/proc"),
        sleep: Callable[[float], None] = time.sleep,
        *,
        plain_user: bool | None = None,
        hurried: Callable[[], bool] = lambda: False,
    ) -> None:
        """`hurried`: asked on leaving a launch; where it says so, removing is left to the reaper."""
        self.client = client
        self.proc = proc
        self.sleep = sleep
        self.hurried = hurried
        self.plain_user = os.geteuid() != 0 if plain_user is None else plain_user

    @contextmanager
    def launch(self, spec: LaunchSpec) -> Iterator[Container]:
        """A fresh container that is as the recipe says; removed on leaving, also where it never started."""
        self._check_image(spec)
        table = rows(spec, memory_nodes(spec.environment.cpus))
        try:
            yield self._start(spec, table)
        finally:
            if not self.hurried():
                remove(self.client, spec.name, self.sleep)
                if self.plain_user and any(path.is_dir() for path in spec.socket_folder.iterdir()):
                    self._empty(spec, table)

    def _empty(self, spec: LaunchSpec, table: tuple[Row, ...]) -> None:
        """Delete what the service made in folders of its own: only its own user can."""
        name = f"{spec.name}-empty"
        body = create_body(table) | {"Entrypoint": ["/bin/sh", "-c", EMPTY], "Cmd": []}
        try:
            with _asking("empty the socket folder"):
                self._create(body, name)
                self.client.api.start(name)
                self.client.api.wait(name, timeout=TIMEOUT_S)
        finally:
            remove(self.client, name, self.sleep)

    def _create(self, body: Mapping[str, Any], name: str) -> str:
        created: Mapping[str, Any] = self.client.api.create_container_from_config(body, name)  # type: ignore[no-untyped-call]
        return str(created["Id"])

    def _check_image(self, spec: LaunchSpec) -> None:
        if spec.image_id is None:
            message = f"no image {spec.service.image}"
            raise ImageMissing(message)
        with _asking("image"):
            image: Mapping[str, Any] = self.client.api.inspect_image(spec.image_id)  # type: ignore[no-untyped-call]
        labels = image["Config"].get("Labels") or {}
        if spec.fault is not None and labels.get(FAULT_LABEL) != "1":
            message = f"image {spec.service.image} is no fault service: its label {FAULT_LABEL} is not 1"
            raise LaunchFailed(message)

    def _start(self, spec: LaunchSpec, table: tuple[Row, ...]) -> Container:
        with _asking("create"):
            container = self._create(create_body(table), spec.name)
        with _asking("start"):
            self.client.api.start(container)
        with _asking("inspect"):
            inspected: Mapping[str, Any] = self.client.api.inspect_container(container)
        wrong = differences(table, inspected) + self._confinement(container, inspected["State"])
        if wrong:
            raise LaunchFailed("the container is not as the recipe says: " + "; ".join(wrong))
        return Container(
            self.client, container, inspected["State"]["Pid"], spec.socket_folder / NAME, recorded(table, inspected)
        )

    def _confinement(self, container: str, state: Mapping[str, Any]) -> list[str]:
        """What the kernel says of its init. One that has ended already is not at fault: exit() tells."""
        if not state["Running"]:
            return []
        try:
            return status_differences((self.proc / str(state["Pid"]) / "status").read_text())
        except OSError as error:
            with _asking("inspect"):
                running = self.client.api.inspect_container(container)["State"]["Running"]
            return [f"/proc/<pid>/status: {error.strerror}"] if running else []
