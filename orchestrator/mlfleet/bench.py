"""What a trial needs: its cell, and the bench it runs on. Tests hand in benches that take no time."""

import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from mlfleet import deadlines, roofline
from mlfleet.client import Client
from mlfleet.clocks import clock_of
from mlfleet.launch.base import Launcher, LaunchSpec
from mlfleet.launch.ready import Stopper
from mlfleet.meters import Meters
from mlfleet.model import Clock, Environment, Prepared, Roof, Runtime, Sentinel, Service, Trial
from mlfleet.noise import Limits
from mlfleet.payload import Payload
from mlfleet.schedule import Rules
from mlfleet.tasks import Case, Task


@dataclass(frozen=True)
class Job:
    """Work that a service can be given: a case and its payload."""

    case: Case
    payload: Payload


@dataclass(frozen=True)
class Cell:
    """A workload on one framework in one environment, with all that its trials need."""

    id: str
    service: Service
    image_id: str | None
    # What the service must report.
    version: str
    workload: str
    task: Task
    case: Case
    payload: Payload
    environment: Environment
    seed: int
    rules: Rules
    fault: str | None = None
    # What an iteration takes at least, by the task's bound and the host's roof; None: not known.
    least_ns: float | None = None
    # Of an audit: what the process works on before the job that is measured, and whether each turn's outputs are asked.
    before: tuple[Job, ...] = ()
    every_turn: bool = False
    # Whether single iterations are timed one by one after the turns.
    latency: bool = False
    # Whether memory at rest is read in its first trial.
    idle: bool = False

    def give(self, job: Job, client: Client, block: int) -> Prepared:
        """Send a job; what the service answers to it. Raises what calls raise."""
        return client.prepare(
            self.task.name,
            job.case.params,
            job.payload.path,
            job.payload.sha256,
            # A task that draws for itself draws anew in each block, all frameworks of the block from one seed.
            seed=self.seed + block,
            device=self.environment.visible_device,
            transport=self.environment.transport,
            timeout_s=deadlines.PREPARE_S + deadlines.PREPARE_S_PER_GIB * job.payload.size_bytes / (1 << 30),
        )


@dataclass(frozen=True)
class Bench:
    """What trials run on; tests hand in fakes that take no time."""

    # The first 8 digits of the run id's SHA-256: names of containers and folders carry it.
    run8: str
    launcher: Launcher
    stop: Stopper
    connect: Callable[[Path, Stopper], AbstractContextManager[Client]]
    # Of a pid, its runtime and the measured CPU set.
    open_meters: Callable[[int, Runtime, tuple[int, ...]], AbstractContextManager[Meters]]
    socket_folder: Callable[[], Path]
    # (framework, phase) for whoever shows progress.
    progress: Callable[[str, str], None]
    # What every launch is marked with: run, boot, and the lock that says whether anybody looks after it.
    labels: Mapping[str, str] = field(default_factory=dict)
    # Keeps outputs by their SHA-256.
    store_blob: Callable[[bytes], str] = lambda data: hashlib.sha256(data).hexdigest()
    # Beyond these the machine flags a turn or disturbs a trial. None: times are not compared, so it is not judged.
    limits: Limits | None = None
    # The sentinel on that CPU, and the share of the memory that is free. None: nobody asks.
    sentinel: Callable[[int], Sentinel | None] = lambda _cpu: None
    memory_free: Callable[[], float | None] = lambda: None
    # What a CPU set can do at best: of its CPUs, the device, and the host's fingerprint.
    roof: Callable[[tuple[int, ...], str, Mapping[str, str | int | None]], Roof] = roofline.unknown
    # CLOCK_MONOTONIC in ns.
    clock: Callable[[], int] = time.monotonic_ns
    # Whether a service's is the same, by its pid and the boot id that it reports.
    clock_of: Callable[[int, str], Clock] = clock_of

    def watched_by(self, progress: Callable[[str, str], None], store_blob: Callable[[bytes], str]) -> "Bench":
        """The same bench, showing its phases and keeping its outputs elsewhere."""
        return replace(self, progress=progress, store_blob=store_blob)

    def launch_spec(self, cell: Cell, trial: Trial) -> LaunchSpec:
        """How a trial's service is launched, in a fresh folder."""
        return LaunchSpec(
            service=cell.service,
            image_id=cell.image_id,
            environment=cell.environment,
            payload=cell.payload.path if cell.environment.transport == "mapped" else None,
            name=f"mlf-{self.run8}-{cell.id[:8]}-{trial.block}-{trial.attempt}",
            socket_folder=self.socket_folder(),
            labels={
                **self.labels,
                "dev.mlfleet.cell": cell.id,
                "dev.mlfleet.block": str(trial.block),
                "dev.mlfleet.attempt": str(trial.attempt),
            },
            fault=cell.fault,
        )
