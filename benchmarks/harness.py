"""What the harness itself costs, measured on the null services of each language; ratios are taken within one run.

.venv/bin/python benchmarks/harness.py [docker|process]
"""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median, quantiles

import numpy as np
from mlfleet import build as builds
from mlfleet import host, payload, roofline
from mlfleet.client import Client, connect
from mlfleet.commands.common import ROOT, services
from mlfleet.interrupt import Stop
from mlfleet.launch.base import Launcher, LaunchSpec, Running
from mlfleet.launch.docker import DockerLauncher
from mlfleet.launch.engine import connect as connect_engine
from mlfleet.launch.process import ProcessLauncher
from mlfleet.launch.ready import await_socket
from mlfleet.launch.sockets import RunFolder
from mlfleet.meters import Meters, open_meters
from mlfleet.meters.sentinel import SentinelWork
from mlfleet.model import Environment, Runtime, Service

CALLS = 2000
PAIRS = 50
PAYLOAD_BYTES = 64 << 20
CHUNK_BYTES = 1 << 20
MEASURE_S = 3.0
MS = 1e6


@dataclass(frozen=True)
class Subject:
    """A null service under way."""

    running: Running
    client: Client
    meters: Meters
    stored: payload.Payload


def main() -> None:
    """Measure every control of compose.yaml on the runtime given, by default docker."""
    runtime: Runtime = "process" if sys.argv[1:] == ["process"] else "docker"
    cpus = host.cpu_sets("1")
    environment = Environment("cpu", cpus, 1, 2 << 30, runtime, "mapped")
    stored = payload.store({"x": np.random.default_rng(1).random(PAYLOAD_BYTES // 8)})
    print(f"runtime {runtime}, CPU {cpus[0]} for the service, payload {PAYLOAD_BYTES >> 20} MiB")
    print(f"raw unix socket, the same bytes: {(raw := raw_socket_s()) * 1e3:.0f} ms")
    for service in services():
        if service.control:
            with subject(service, environment, stored) as found:
                print(f"\n{service.key}")
                report(found, environment, raw)


def report(subject: Subject, environment: Environment, raw_s: float) -> None:
    """Print one service's figures."""
    client, running = subject.client, subject.running
    trips = sorted(seconds(lambda: client.measure((1,), 5)) * 1e6 for _ in range(CALLS))
    print(f"  unary round trip     p50 {median(trips):.0f} us, p99 {quantiles(trips, n=100)[98]:.0f} us")
    transports = {way: median(prepare_s(subject, way, environment) for _ in range(5)) for way in ("mapped", "streamed")}
    for way, taken in transports.items():
        print(f"  payload {way:<12} {taken * 1e3:.0f} ms, {taken / raw_s:.2f} x the raw socket (digests included)")
    pairs = [(seconds(running.freeze), seconds(running.thaw)) for _ in range(PAIRS)]
    freeze, thaw = (median(side) * 1e3 for side in zip(*pairs, strict=True))
    print(f"  freeze, thaw         {freeze:.1f} ms, {thaw:.1f} ms")
    sentinel = SentinelWork(roofline.last_level_bytes(environment.cpus))
    taken = [seconds(lambda: sentinel(environment.cpus[0])) for _ in range(PAIRS + 1)][1:]
    around = [seconds(lambda: read_around(subject)) for _ in range(PAIRS)]
    print(f"  a turn's own work    readings {median(around) * 1e3:.2f} ms, sentinel {median(taken) * 1e3:.1f} ms")
    iterations = 1 << 17
    sample = median(s.ns_per_iteration for s in client.measure((iterations,) * 11, 60).samples[1:])
    print(f"  no-op                {sample:.1f} ns an iteration")
    count = int(MEASURE_S * 1e9 / (sample * iterations))
    began, own = time.monotonic(), time.process_time()
    with subject.meters.sampling() as sampled:
        client.measure((iterations,) * count, 60)
    wall = time.monotonic() - began
    share = (time.process_time() - own) / wall
    readings = subject.meters.turn_readings(subject.meters.edge(), subject.meters.edge(), sampled, reset_ok=True)
    sampler = (readings["sampler_cpu_ns"].value or 0) / 1e9 / wall
    print(f"  orchestrator         {share:.2%} of a core while the service measures; its sampler {sampler:.2%}")


def read_around(subject: Subject) -> None:
    """All that a turn reads, with nothing measured in between."""
    before = subject.meters.edge()
    reset = subject.meters.reset_peak()
    with subject.meters.sampling() as sampled:
        pass
    subject.meters.turn_readings(before, subject.meters.edge(), sampled, reset_ok=reset)


def prepare_s(subject: Subject, transport: str, environment: Environment) -> float:
    """Seconds of one Prepare of the whole payload."""
    stored = subject.stored
    return seconds(
        lambda: subject.client.prepare(
            "control.noop",
            {},
            stored.path,
            stored.sha256,
            seed=1,
            device=environment.device,
            transport=transport,
            timeout_s=60,
        )
    )


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.monotonic()
    call()
    return time.monotonic() - start


def raw_socket_s() -> float:
    """Seconds for the payload's bytes from one thread to another over a unix socket, in chunks."""
    chunk = bytes(CHUNK_BYTES)
    ours, theirs = socket.socketpair()

    def send() -> None:
        for _ in range(PAYLOAD_BYTES // CHUNK_BYTES):
            ours.sendall(chunk)

    sender = threading.Thread(target=send)

    def transfer() -> None:
        sender.start()
        left = PAYLOAD_BYTES
        while left:
            left -= len(theirs.recv(CHUNK_BYTES))
        sender.join()

    with ours, theirs:
        return seconds(transfer)


@contextmanager
def subject(service: Service, environment: Environment, stored: payload.Payload) -> Iterator[Subject]:
    """Launch the service with the payload mapped and prepared."""
    builder = builds.builder(environment.runtime, ROOT)
    with ExitStack() as stack:
        stop = stack.enter_context(Stop())
        folder = stack.enter_context(RunFolder("harness0"))
        launcher: Launcher = (
            DockerLauncher(connect_engine())
            if environment.runtime == "docker"
            else ProcessLauncher(lambda known: builds.process_command(known, ROOT))
        )
        image = builder.state(service).image_id
        spec = LaunchSpec(service, image, environment, stored.path, "mlf-harness", folder.fresh(), {})
        running = stack.enter_context(launcher.launch(spec))
        await_socket(running, stop)
        client = stack.enter_context(connect(running.socket, stop))
        client.await_serving(60)
        meters = stack.enter_context(open_meters(running.pid, environment.runtime, environment.cpus))
        found = Subject(running, client, meters, stored)
        prepare_s(found, "mapped", environment)
        yield found


if __name__ == "__main__":
    main()
