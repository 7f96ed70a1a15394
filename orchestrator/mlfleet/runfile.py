"""run.json: all that was decided before the first trial. With the ledger it is the whole of a run."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic.dataclasses import dataclass

from mlfleet.codec import decode
from mlfleet.errors import HostError, StorageError, printable
from mlfleet.kept import kept
from mlfleet.looks import BUDGET_S, blocks_text
from mlfleet.model import (
    SCHEMA,
    STRICT,
    Bound,
    Environment,
    Identity,
    Metric,
    Param,
    Reading,
    Roof,
    Service,
    Setting,
    Sized,
    WeightsFact,
    Workload,
)
from mlfleet.plan import Block
from mlfleet.resolution import Resolution

# A release as Python and Rust packages number them: 1.9.1, 0.8.0, 2.0rc1.
_VERSION = re.compile(r"\d+(\.\d+)+((a|b|rc)\d+)?((\.|-)(post|dev|alpha|beta|rc)\.?\d+)?")


def promised(service: Service) -> str | None:
    """The version that the image's tag promises; None for an id, a foreign image, a tag that is no version."""
    name, _, tag = service.image.rpartition(":")
    return tag if name == f"mlfleet/{service.key.partition(':')[0]}" and _VERSION.fullmatch(tag) else None


@dataclass(frozen=True, config=STRICT)
class Contestant:
    """A service that takes part, pinned to what was built: image id, or digest of the sources (process runtime)."""

    service: Service
    # None: not built, and `reason` says why.
    image_id: str | None
    size_bytes: int | None
    # How its base image was made where no registry answered; None for an official one.
    stand_in: str | None
    reason: str
    # Describe, asked once before the plan was made; None if it could not be asked.
    identity: Identity | None
    # Its image was named by --image: it need not be built from this source.
    named: bool = False
    # From launch to SERVING, as seen when it was asked.
    start_s: float | None = None
    # Of the layer that it shares with others: part of an image's size, beside a local build's.
    layer_bytes: int | None = None
    # Seconds of its last build, and what that began from; None where nothing is known, and then why.
    build_s: float | None = None
    build_note: str = "this run kept no build times"
    # Of an image, its layers that no other service of the run has; None: recorded before it was kept.
    own_size: Reading | None = None

    @property
    def version(self) -> str:
        """What it must report in every trial: what its tag promises, else what it reported for the plan."""
        return promised(self.service) or (self.identity.version if self.identity else self.service.tag)


@dataclass(frozen=True, config=STRICT)
class PlannedWorkload:
    """A workload with its payload and the cells that measure it."""

    workload: Workload
    # Parameters as the services get them.
    params: Mapping[str, Param]
    dataset_version: str
    dataset_licence: str
    # "real" or "synthetic".
    dataset_label: str
    dataset_sha256: str
    payload_sha256: str
    payload_bytes: int
    tensors_sha256: str
    parity: str
    # What the ratio of times is a ratio of: "time", "time to the same objective".
    title_time: str
    unit: str
    unit_key: str
    control: bool
    # Why there is no payload: the dataset's state. Empty where there is one.
    unavailable: str
    # Cell id by framework: the services that have the task.
    cells: Mapping[str, str]
    # The model whose weights are in the payload, if it is not the dataset's own.
    weights: WeightsFact | None = None
    # The least that any admissible algorithm does in an iteration; None where nothing is known.
    bound: Bound | None = None
    # +1 where more of the deciding metric is better, -1 where less; 0: recorded before it was kept.
    direction: int = 0
    # What its mean over blocks must reach, where quality is judged over blocks.
    floor: float | None = None
    # What frameworks do otherwise in it, so that only versions of one are compared; empty where all may be.
    alone: str = ""
    # Its honest work is no more than a call costs: no gate tells it from nothing.
    trivial: bool = False
    # What it has otherwise than the run, None: nothing. Its own blocks are all measured; see RunFile for the others.
    blocks: int | None = None
    budget_s: float | None = None
    margin: float | None = None
    schedule: str | None = None
    memory_bytes: int | None = None
    metrics: tuple[Metric, ...] | None = None
    # Against which its time may be drawn where other workloads differ in nothing else.
    sizes: tuple[Sized, ...] = ()

    @property
    def data_text(self) -> str:
        """What was worked on, with what a reader must not overlook: "tokens-syn (synthetic), weights gpt2 (random)"."""
        weights = f", weights {self.weights.name} ({self.weights.kind})" if self.weights else ""
        return f"{self.workload.dataset} ({self.dataset_label}){weights}"


@dataclass(frozen=True, config=STRICT)
class RunFile:
    """The plan of a run and where it was made; nothing in it changes afterwards."""

    schema_version: int
    run: str
    created: str
    mlfleet_version: str
    suite: str
    schedule: str
    seed: int
    blocks: int
    margin: float
    metrics: tuple[Metric, ...]
    # Contestants that others are divided by, by workload.
    baselines: Mapping[str, str]
    setting: Setting
    environment: Environment
    contestants: tuple[Contestant, ...]
    workloads: tuple[PlannedWorkload, ...]
    plan: tuple[Block, ...]
    # Facts of the machine; None with the reason under `<name>.reason`.
    host: Mapping[str, str | int | float | bool | None]
    host_fingerprint: Mapping[str, str | int | None]
    proto_sha256: str
    commit: str | None
    # Every constant that decided something, by module and name.
    constants: Mapping[str, float | int]
    # How long all blocks were thought to take, and workloads of the suite that its limit of time left no room for.
    forecast_s: float | None = None
    # The same up to the first look; None where blocks are fixed.
    first_look_s: float | None = None
    left_out: tuple[str, ...] = ()
    # What equal services seemed to differ by on this host, as last validated; None where it never was.
    resolution: Resolution | None = None
    # Numbers of blocks at which a workload may stop; empty where `blocks` are fixed. Else those are the most.
    looks: tuple[int, ...] = ()
    # Whether each trial ends with single iterations, timed one by one.
    latency: bool = False
    # After which a workload that looks is not measured on, and no block is appended to any.
    budget_s: float = BUDGET_S
    # What the CPU set can do at best, probed before the first trial; None: recorded before it was probed.
    roof: Roof | None = None

    @property
    def blocks_text(self) -> str:
        """How many blocks were planned of each workload: "10 to 40 blocks", "5 blocks (lenet.train-a 12)"."""
        own = [f"{one.workload.name} {one.blocks}" for one in self.workloads if one.blocks is not None]
        return blocks_text(self.blocks, self.looks) + (f" ({', '.join(own)})" if own else "")

    def looks_of(self, workload: str) -> tuple[int, ...]:
        """Numbers of blocks at which that workload may stop; empty where its blocks are fixed."""
        return self.looks if self.planned(workload).blocks is None else ()

    def budget_of(self, workload: str) -> float:
        """Seconds that it may take."""
        own = self.planned(workload).budget_s
        return self.budget_s if own is None else own

    def margin_of(self, workload: str) -> float:
        """The ratio, less 1, below which two are called equivalent in it."""
        own = self.planned(workload).margin
        return self.margin if own is None else own

    def schedule_of(self, workload: str) -> str:
        """How long its trials are."""
        return self.planned(workload).schedule or self.schedule

    def metrics_of(self, workload: str) -> tuple[Metric, ...]:
        """What is compared of it."""
        return self.planned(workload).metrics or self.metrics

    def environment_of(self, workload: str) -> Environment:
        """What the launcher sets for it."""
        own = self.planned(workload).memory_bytes
        return self.environment if own is None else replace(self.environment, memory_bytes=own)

    def planned(self, workload: str) -> PlannedWorkload:
        """The workload of that name."""
        return _workloads(self)[workload]

    def contestant(self, key: str) -> Contestant:
        """The contestant of that key."""
        return _contestants(self)[key]


@kept
def _workloads(run: RunFile) -> dict[str, PlannedWorkload]:
    return {planned.workload.name: planned for planned in run.workloads}


@kept
def _contestants(run: RunFile) -> dict[str, Contestant]:
    return {contestant.service.key: contestant for contestant in run.contestants}


def read_run(folder: Path) -> RunFile:
    """run.json of a run folder. Raises StorageError, HostError where its schema is newer than this program's."""
    path = folder / "run.json"
    try:
        found = decode(RunFile, path.read_bytes())
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; awaited the folder of a run") from error
    if found.schema_version != SCHEMA:
        raise HostError(
            f"{path} has schema {found.schema_version}, this mlfleet reads {SCHEMA}; "
            "try: the version that wrote it, mlfleet " + printable(found.mlfleet_version)
        )
    return found
