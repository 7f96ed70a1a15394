"""The types that grow from a plan to a record; frozen, with units in their names.

One codec (`codec.py`) turns them into canonical JSON and back. Times are nanoseconds of CLOCK_MONOTONIC, sizes bytes,
digests SHA-256 in hexadecimal.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from mlfleet.verdict import Flag, TurnFlag, Verdict

SCHEMA = 1
Param = bool | int | float | str
Runtime = Literal["docker", "process", "attach"]
Metric = Literal["time", "cpu", "memory"]
Setting = Literal["1 thread", "all cores"]
# Whether a service's stamps and the orchestrator's are of one clock.
Clock = Literal["shared", "own"]
STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, config=STRICT)
class Service:
    """One stanza of compose.yaml: a framework behind the contract. Names no task: the service says what it can do."""

    # As in compose.yaml; `key:tag` where two images of it take part in one run.
    key: str
    language: Literal["python", "rust"]
    # Name and tag, as in compose.yaml after its variables: `mlfleet/sklearn:1.9.1`.
    image: str
    # A harness control: takes part in every run, is never compared.
    control: bool
    # Limit of containers that compose starts; measured ones get the suite's.
    memory_bytes: int
    # The image that its own stands on, shared with others: `mlfleet/torch:2.11.0`. None: the plain base image.
    layer: str | None = None

    @property
    def tag(self) -> str:
        """The image's tag: of an image that we build, the framework version."""
        return self.image.rpartition(":")[2]


@dataclass(frozen=True, config=STRICT)
class Workload:
    """A task with a dataset and parameters; names no framework."""

    name: str
    task: str
    dataset: str
    params: Mapping[str, Param] = field(default_factory=dict)


@dataclass(frozen=True, config=STRICT)
class WeightsFact:
    """Which model's weights a payload holds."""

    name: str
    # Weights of kind random have true shapes and no quality.
    kind: Literal["real", "trained", "random"]
    licence: str
    # Of all its tensors.
    sha256: str


@dataclass(frozen=True, config=STRICT)
class Environment:
    """What the launcher sets, alike for every framework of a block."""

    # "cpu", "cuda", or a GPU by the driver's number: "cuda:1".
    device: str
    cpus: tuple[int, ...]
    threads: int
    memory_bytes: int
    runtime: Runtime
    transport: Literal["mapped", "streamed"]

    @property
    def visible_device(self) -> str:
        """The device as the service sees it: of all GPUs it is shown one, which is its first."""
        return self.device.partition(":")[0]

    @property
    def gpu(self) -> str | None:
        """The driver's number of the GPU that the service is shown."""
        return (self.device.partition(":")[2] or "0") if self.device != "cpu" else None


@dataclass(frozen=True, config=STRICT)
class Reading:
    """One value read from outside, or null with its reason; never a zero that stands for unknown."""

    value: int | None
    unit: Literal["ns", "us", "hz", "bytes", "count"]
    # The file or call that gave it, as it is named in the kernel's documentation: `memory.max_usage_in_bytes`.
    source: str
    # not_supported no_permission no_such_file disabled not_visible not_applicable counter_went_back lost
    reason: str | None = None
    # How it was obtained where that matters for comparing: sampled, lifetime_mark.
    method: str | None = None


@dataclass(frozen=True, config=STRICT)
class Sample:
    """`iterations` calls of step between two reads of the service's clock."""

    iterations: int
    start_ns: int
    end_ns: int

    @property
    def ns_per_iteration(self) -> float:
        """Mean time of one iteration in this sample."""
        return (self.end_ns - self.start_ns) / self.iterations


@dataclass(frozen=True, config=STRICT)
class Sentinel:
    """A work of the orchestrator's own that is always the same, timed on the measured CPU set while all is frozen.

    ns of one hash and of one copy, so that values of a run and of its resume are of one kind.
    """

    compute: Reading
    memory: Reading


@dataclass(frozen=True, config=STRICT)
class Turn:
    """One Measure call while the others are frozen. The first `discarded` samples are kept, but enter no estimate."""

    number: int
    position: int
    discarded: int
    sent_ns: int
    received_ns: int
    samples: tuple[Sample, ...]
    readings: Mapping[str, Reading]
    # THAWED was seen; freezing was asked for. None: recorded before these were kept.
    thawed_ns: int | None = None
    frozen_ns: int | None = None
    # The nearest before the turn and the nearest after it.
    sentinel: tuple[Sentinel, ...] = ()
    # What the machine's readings of this turn say. `sentinel` depends on the whole run: see noise.turn_flags.
    flags: tuple[TurnFlag, ...] = ()

    @property
    def timed(self) -> tuple[Sample, ...]:
        """The samples that estimates are made of."""
        return self.samples[self.discarded :]


@dataclass(frozen=True, config=STRICT)
class Phase:
    """One phase of a trial with its own figures (`mlfleet_` stamps in ns, memory levels in bytes)."""

    name: Literal["launch", "import", "idle", "prepare", "cold", "warm-up", "collect"]
    start_ns: int
    end_ns: int
    readings: Mapping[str, Reading] = field(default_factory=dict)


@dataclass(frozen=True, config=STRICT)
class TaskFact:
    """What a service says of one of its tasks."""

    name: str
    origin: Literal["stock", "in_repo"]
    kernels: str


@dataclass(frozen=True, config=STRICT)
class ThreadPool:
    """A pool of threads as its library reports it."""

    pool: str
    library: str
    version: str
    asked: int
    effective: int


@dataclass(frozen=True, config=STRICT)
class Identity:
    """Describe, as the service answered it."""

    framework: str
    version: str
    language: str
    protocol: int
    devices: tuple[str, ...]
    optimised: bool
    debug_assertions: bool
    facts: Mapping[str, str]
    thread_pools: tuple[ThreadPool, ...]
    cpus: tuple[int, ...]
    boot_id: str
    tasks: tuple[TaskFact, ...]

    def task(self, name: str) -> TaskFact | None:
        """The task of that name, if the service has it."""
        return next((task for task in self.tasks if task.name == name), None)


@dataclass(frozen=True, config=STRICT)
class Prepared:
    """What a service answered to Prepare: its own digests, computed from what it received and decoded."""

    payload_sha256: str
    tensors_sha256: str
    received_ns: int
    verified_ns: int
    ready_ns: int


@dataclass(frozen=True, config=STRICT)
class Calibration:
    """Iterations per sample and samples per turn, fixed once per cell and kept for the run."""

    iterations: int
    timed: int
    discarded: int
    turns: int
    iteration_ns: float

    @property
    def schedule(self) -> tuple[int, ...]:
        """The schedule of one turn."""
        return (self.iterations,) * (self.discarded + self.timed)


@dataclass(frozen=True, config=STRICT)
class Finding:
    """One gate that failed: a code of the closed list, and the sentence that says what was found and awaited."""

    gate: Literal["environment", "payload", "work", "quality", "output", "time", "meter"]
    code: str
    detail: str


@dataclass(frozen=True, config=STRICT)
class Quality:
    """The orchestrator's own scoring of a trial's outputs."""

    # Printed metrics: {"accuracy": 0.97}; None where undefined.
    metrics: Mapping[str, float | None]
    # The task's deciding metric, and distances from the reference: {"labels": 1.0, "decision": 2e-4}.
    decides: str
    agreement: Mapping[str, float]
    findings: tuple[Finding, ...] = ()
    # What the deciding metric must reach; None: agreement alone decides, or quality is judged over blocks.
    floor: float | None = None


@dataclass(frozen=True, config=STRICT)
class Sized:
    """How much there is to do, by one parameter of a workload."""

    param: str
    value: int
    # Parameters that are chosen with it.
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Bound:
    """The least that any admissible algorithm computes and reads in one iteration; 0: no bound is known."""

    flop: float
    # As safetensors writes it; the peak of this type is what `flop` is held against.
    dtype: Literal["F32", "F64"]
    # Bytes that an iteration reads, and those that it shares the cache with before it reads them again.
    read_bytes: float = 0.0
    working_set_bytes: float = 0.0


@dataclass(frozen=True, config=STRICT)
class Roof:
    """What the CPU set can compute and read, the best that was seen; each null with its reason under `reasons`."""

    # FLOP/s by dtype: native products of 2048 x 2048 matrices.
    flop_per_s: Mapping[str, float]
    # Of an array of four times the last-level cache.
    read_bytes_per_s: float | None
    last_level_bytes: int | None
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, config=STRICT)
class Trial:
    """One fresh container's run of a cell, as planned."""

    cell: str
    workload: str
    setting: Setting
    framework: str
    block: int
    attempt: int


@dataclass(frozen=True, config=STRICT)
class Record:
    """A finished trial: what was planned, what was seen, and the verdict. Absent parts were not reached."""

    trial: Trial
    verdict: Verdict
    reason: str
    phase: str
    findings: tuple[Finding, ...] = ()
    image_id: str | None = None
    identity: Identity | None = None
    # Own: its stamps are held against each other and against durations, not against ours. None: never asked.
    clock: Clock | None = None
    prepared: Prepared | None = None
    calibration: Calibration | None = None
    # Whether warm-up ended in a steady state; None: too few samples to tell.
    steady: bool | None = None
    phases: tuple[Phase, ...] = ()
    cold: Sample | None = None
    warm_up: tuple[Sample, ...] = ()
    turns: tuple[Turn, ...] = ()
    # Single iterations, one by one, after all turns, where the suite asks for them: for percentiles and nothing else.
    latency: Turn | None = None
    receipt: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    quality: Quality | None = None
    outputs_sha256: str | None = None
    recipe: Mapping[str, str] = field(default_factory=dict)
    log_tail: str = ""
    flags: tuple[Flag, ...] = ()
    # What a reader must know of a trial that is ok: "waits", "not steady".
    labels: tuple[str, ...] = ()
    # Gates of a cell's first trial: samples of k and 2k iterations, ten a try; what each try waited for a CPU, None
    # where that is not known; and CPU time long after a reply.
    linear: tuple[Sample, ...] = ()
    linear_waited_ns: tuple[int | None, ...] = ()
    # Where every try waited too long: CPU time of single samples in the order of a try.
    linear_cpu_ns: tuple[int, ...] = ()
    idle_cpu: Reading | None = None
    # Of an audit: SHA-256 of the outputs after each turn.
    turn_outputs: tuple[str, ...] = ()
