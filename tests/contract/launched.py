"""Services launched as a run launches them, and what tests call beside the product's client."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import grpc
import pytest
from mlfleet import build
from mlfleet.calls import NotServing
from mlfleet.client import Client, connect
from mlfleet.errors import HostError
from mlfleet.launch.base import Launcher, LaunchSpec, Running
from mlfleet.launch.docker import DockerLauncher
from mlfleet.launch.engine import connect as engine
from mlfleet.launch.process import ProcessLauncher
from mlfleet.launch.ready import await_socket
from mlfleet.launch.sockets import RunFolder
from mlfleet.model import Environment, Runtime, Service

ROOT = Path(__file__).parents[2]
# Generous: a host at work is no failure of the service.
CALL_S = 60.0
CPUS = sorted(os.sched_getaffinity(0))
THREADS = 1


class NeverStopped:
    """A run that nobody interrupts."""

    requested = False

    def wait(self, seconds):
        time.sleep(seconds)
        return False

    def check(self):
        """Nothing to raise."""


NEVER = NeverStopped()


@dataclass(frozen=True)
class Target:
    service: Service
    runtime: Runtime

    def __str__(self):
        return f"{self.service.key}-{self.runtime}"


@dataclass(frozen=True)
class Launched:
    """A service that is SERVING; `stub` and `channel` send what the product's client never would."""

    spec: LaunchSpec
    running: Running
    client: Client

    @property
    def stub(self):
        return self.client._stub

    @property
    def channel(self):
        return self.client._channel


@cache
def launcher(runtime) -> Launcher:
    if runtime == "process":
        return ProcessLauncher(lambda service: build.process_command(service, ROOT))
    return DockerLauncher(engine())


@cache
def built(target):
    """The image id, None for a process; a service that is not built from this source fails the test in one line."""
    image, reason = None, ""
    try:
        state = build.builder(target.runtime, ROOT).state(target.service)
        image, reason = state.image_id, "" if state.state == "current" else state.reason
    except HostError as error:
        reason = str(error)
    if reason:
        pytest.fail(f"{target}: {reason}", pytrace=False)
    return image


class Fleet:
    """Launches into one run folder."""

    def __init__(self, folder: RunFolder):
        self.folder = folder

    @contextmanager
    def launch(self, target, payload: Path | None = None) -> Iterator[Launched]:
        spec = self.spec(target, built(target), payload)
        with self.serving(launcher(target.runtime), spec) as launched:
            yield launched

    @contextmanager
    def launch_each(self, target, payloads) -> Iterator[list[Launched]]:
        """One launch a payload, all started at once: an import takes longer than what is tested."""
        specs = [self.spec(target, built(target), payload) for payload in payloads]
        with ExitStack() as stack:
            with ThreadPoolExecutor() as pool:
                starting = [self.serving(launcher(target.runtime), spec) for spec in specs]
                launched = list(pool.map(stack.enter_context, starting))
            yield launched

    def spec(self, target, image_id, payload=None, fault=None):
        environment = Environment(
            device="cpu",
            # In turn, so that launches side by side do not share one.
            cpus=(CPUS[self.folder.attempts % len(CPUS)],),
            threads=THREADS,
            memory_bytes=target.service.memory_bytes,
            runtime=target.runtime,
            transport="streamed" if payload is None else "mapped",
        )
        folder = self.folder.fresh()
        name = f"{self.folder.path.name}-{target.service.key}-{folder.name}"
        labels = {"dev.mlfleet.run": self.folder.path.name}
        return LaunchSpec(target.service, image_id, environment, payload, name, folder, labels, fault)

    @contextmanager
    def serving(self, launcher, spec) -> Iterator[Launched]:
        with launcher.launch(spec) as running:
            try:
                await_socket(running, NEVER)
                with connect(running.socket, NEVER) as client:
                    client.await_serving(CALL_S)
                    yield Launched(spec, running, client)
            except NotServing as error:
                pytest.fail(f"{spec.service.key} is not SERVING: {error}\n{running.log_tail()}", pytrace=False)


@dataclass(frozen=True)
class Refusal:
    """How a call failed."""

    code: str
    reason: str
    message: str

    @property
    def kind(self):
        return self.code, self.reason


def refusal(call) -> Refusal:
    """The failure of a call that must fail."""
    try:
        answer = call()
    except grpc.RpcError as error:
        trailing = dict(error.trailing_metadata() or ())
        return Refusal(error.code().name, trailing.get("mlfleet-reason", ""), error.details())
    return pytest.fail(f"a refusal was awaited, answered was {str(answer)[:200]}", pytrace=False)
