"""Who takes part: each service asked once, before the plan is made, what it is and what it can do."""

import time
from contextlib import ExitStack
from dataclasses import dataclass

from mlfleet.bench import Bench
from mlfleet.calls import CallFailed, Malformed, NotServing
from mlfleet.deadlines import DESCRIBE_S, IMPORT_S
from mlfleet.launch.base import LaunchFailed, LaunchSpec
from mlfleet.launch.ready import await_socket
from mlfleet.launch.sockets import NotOurSocket
from mlfleet.model import Environment, Identity, Service

# From launch to SERVING, in s: what takes longer may have read its files from disk.
SLOW_START_S = 1.0


@dataclass(frozen=True)
class Met:
    """A service's own description, and how long it took from launch to SERVING."""

    identity: Identity
    start_s: float


def identify(service: Service, image_id: str | None, environment: Environment, bench: Bench) -> Met | str:
    """The service as it described itself; or, where it did not, one line that says why.

    One that is slow to start is started once more: the first start after a build reads its files from disk, and a
    forecast made of that would be of no trial.
    """
    met = _meet(service, image_id, environment, bench)
    if isinstance(met, Met) and met.start_s > SLOW_START_S:
        return _meet(service, image_id, environment, bench)
    return met


def _meet(service: Service, image_id: str | None, environment: Environment, bench: Bench) -> Met | str:
    start = time.monotonic()
    spec = LaunchSpec(
        service=service,
        image_id=image_id,
        environment=environment,
        payload=None,
        name=f"mlf-{bench.run8}-describe-{service.key.replace(':', '-')}",
        socket_folder=bench.socket_folder(),
        labels=bench.labels,
    )
    with ExitStack() as stack:
        try:
            running = stack.enter_context(bench.launcher.launch(spec))
        except LaunchFailed as error:
            return f"{error.verdict.value}: {error}"
        try:
            await_socket(running, bench.stop)
            client = stack.enter_context(bench.connect(running.socket, bench.stop))
            client.await_serving(IMPORT_S)
            start_s = time.monotonic() - start
            return Met(client.describe(DESCRIBE_S), start_s)
        except (LaunchFailed, NotServing, CallFailed, Malformed, NotOurSocket) as error:
            bench.stop.check()
            last = running.log_tail(1).strip()
            return f"gave no description: {error}; last log line: {last or 'none'}"
