"""Stand-ins for launcher, service, meters and signals: they take no time, and write down the order of what is asked."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from mlfleet import datasets, payload, tasks
from mlfleet.bench import Bench, Cell
from mlfleet.calls import CallFailed
from mlfleet.client import Measured
from mlfleet.errors import InterruptedRun
from mlfleet.launch.base import Exit, LaunchFailed
from mlfleet.model import Environment, Identity, Prepared, Reading, Sample, Sentinel, Service, TaskFact, Trial
from mlfleet.noise import Limits
from mlfleet.schedule import RULES
from mlfleet.tasks.control import WORKLOAD

ENVIRONMENT = Environment("cpu", (0,), 1, 1 << 30, "process", "mapped")
ITERATION_NS = 1_000_000
FOLDED_NS = 30_000_000
FILE_BYTES = 5 << 20


@dataclass
class Behaviour:
    """What a fake service does wrong; all of it honest by default."""

    identity: dict = field(default_factory=dict)
    prepared: dict = field(default_factory=dict)
    outputs: dict = field(default_factory=dict)
    receipt: dict = field(default_factory=dict)
    fail_launch: str = ""
    # phase of the client's call -> exception
    fail: dict = field(default_factory=dict)
    shift_ns: int = 0
    # Samples claim this share of what they take.
    claims: float = 1.0
    # A sample takes 30 ms, however many iterations it has.
    folded: bool = False
    # CPU time from one reading to the next.
    works_on_ns: int = 0
    # File pages that its container is charged for after import.
    charged_bytes: int = 0
    exit: Exit | None = None


@dataclass
class Fleet:
    """A bench of fakes; `events` is the order in which everything happened."""

    folder: Path
    events: list = field(default_factory=list)
    behaviours: dict = field(default_factory=dict)
    clock: list = field(default_factory=lambda: [1_000])
    stop_after: str = ""
    stopped: bool = False
    # What a turn's readings are, beside those of every turn; by service.
    readings: dict = field(default_factory=dict)
    limits: Limits | None = field(default_factory=Limits)
    memory_free: float | None = 0.5
    running_flags: tuple = ()
    # What a service waits for a CPU from one reading to the next.
    edge_wait_us: int = 0

    def log(self, *event: object) -> None:
        self.events.append(" ".join(map(str, event)))
        self.stopped = self.stopped or self.events[-1] == self.stop_after

    def behaviour(self, key: str) -> Behaviour:
        return self.behaviours.setdefault(key, Behaviour())

    def cell(self, key: str, workload=WORKLOAD, rules=RULES["short"]) -> Cell:
        task = tasks.get(workload.task)
        case = task.case(datasets.load(workload.dataset), workload.params, 1)
        stored = payload.store(case.inputs, self.folder / "payloads")
        service = Service(key, "python", f"mlfleet/{key}:1.0", control=False, memory_bytes=1 << 30)
        return Cell(f"{key:0<64}", service, "sha256:1", "1.0", workload.name, task, case, stored, ENVIRONMENT, 1, rules)

    def trial(self, key: str, block: int = 1, attempt: int = 1) -> Trial:
        return Trial(f"{key:0<64}", WORKLOAD.name, "1 thread", key, block, attempt)

    def bench(self) -> Bench:
        return Bench(
            run8="12345678",
            launcher=Launcher(self),
            stop=Stop(self),
            connect=self._connect,
            open_meters=self._meters,
            socket_folder=lambda: self.folder,
            progress=lambda *_: None,
            limits=self.limits,
            sentinel=self._sentinel,
            memory_free=lambda: self.memory_free,
            clock=lambda: self.clock[0],
            clock_of=lambda _pid, boot: "shared" if boot == "boot" else "own",
        )

    def _sentinel(self, cpu: int) -> Sentinel:
        """Each is one longer than the one before, so that a test can tell them apart."""
        self.log("sentinel")
        count = self.events.count("sentinel")
        return Sentinel(Reading(1000 + count, "ns", f"CPU {cpu}"), Reading(2000 + count, "ns", f"CPU {cpu}"))

    @contextmanager
    def _connect(self, socket: Path, _stop: object) -> Iterator["Client"]:
        yield Client(self, socket.name)

    @contextmanager
    def _meters(self, _pid: int, _runtime: str, _cpus: tuple[int, ...]) -> Iterator["Meters"]:
        try:
            yield Meters(self, [event for event in self.events if event.startswith("launch")][-1].partition(" ")[2])
        finally:
            self.log("close meters")


@dataclass
class Stop:
    fleet: Fleet

    @property
    def requested(self) -> bool:
        return self.fleet.stopped

    def wait(self, seconds: float) -> bool:
        self.fleet.clock[0] += round(seconds * 1e9)
        return self.fleet.stopped

    def check(self) -> None:
        if self.fleet.stopped:
            message = "stopped by SIGINT"
            raise InterruptedRun(message, 2)


@dataclass
class Launcher:
    fleet: Fleet

    @contextmanager
    def launch(self, spec) -> Iterator["Running"]:
        key = spec.service.key
        self.fleet.log("launch", key)
        if text := self.fleet.behaviour(key).fail_launch:
            raise LaunchFailed(text)
        try:
            yield Running(self.fleet, key, flags=self.fleet.running_flags)
        finally:
            self.fleet.log("remove", key)


@dataclass
class Running:
    fleet: Fleet
    key: str
    pid: int = 1
    recipe: dict = field(default_factory=dict)
    flags: tuple = ()

    @property
    def socket(self) -> Path:
        return self.fleet.folder / self.key

    def freeze(self) -> None:
        self.fleet.log("freeze", self.key)

    def thaw(self) -> None:
        self.fleet.log("thaw", self.key)

    def exit(self) -> Exit | None:
        return self.fleet.behaviour(self.key).exit

    def log_tail(self, lines: int = 20) -> str:
        return f"log of {self.key}, {lines} lines"


@dataclass
class Client:
    fleet: Fleet
    key: str
    cell: Cell | None = None

    def _call(self, name: str) -> Behaviour:
        self.fleet.log(name, self.key)
        behaviour = self.fleet.behaviour(self.key)
        if name in behaviour.fail:
            raise behaviour.fail[name]
        return behaviour

    def await_serving(self, _timeout: float) -> int:
        self._call("serving")
        return self.fleet.clock[0]

    def describe(self, _timeout: float) -> Identity:
        behaviour = self._call("describe")
        facts = {
            "framework": self.key,
            "version": "1.0",
            "language": "python",
            "protocol": 1,
            "devices": ("cpu",),
            "optimised": True,
            "debug_assertions": False,
            "facts": {},
            "thread_pools": (),
            "cpus": (0,),
            "boot_id": "boot",
            "tasks": (TaskFact(WORKLOAD.task, "stock", "none"),),
        }
        return Identity(**facts | behaviour.identity)

    def prepare(self, task, params, path, sha256, **_options) -> Prepared:
        behaviour = self._call("prepare")
        case = tasks.get(task).case(datasets.load(WORKLOAD.dataset), params, 1)
        answer = {
            "payload_sha256": sha256,
            "tensors_sha256": payload.tensors_sha256(case.inputs),
            "received_ns": 1,
            "verified_ns": 2,
            "ready_ns": 3,
        }
        return Prepared(**answer | behaviour.prepared)

    def measure(self, schedule, _timeout: float) -> Measured:
        behaviour = self._call("measure")
        sent = self.fleet.clock[0]
        samples = []
        for iterations in schedule:
            start = self.fleet.clock[0] + 10
            took = FOLDED_NS if behaviour.folded else iterations * ITERATION_NS
            self.fleet.clock[0] = start + took
            end = start + round(took * behaviour.claims)
            samples.append(Sample(iterations, start + behaviour.shift_ns, end + behaviour.shift_ns))
        self.fleet.clock[0] += 10
        return Measured(sent, self.fleet.clock[0], tuple(samples))

    def collect(self, _limit: int, _timeout: float) -> bytes:
        behaviour = self._call("collect")
        case = tasks.get(WORKLOAD.task).case(datasets.load(WORKLOAD.dataset), {}, 1)
        outputs = {"x": case.inputs["x"]} | behaviour.outputs
        receipt = {"rows": len(case.inputs["x"])} | behaviour.receipt
        return payload.encode(outputs | {f"receipt.{key}": np.asarray(value) for key, value in receipt.items()})


@dataclass
class Meters:
    fleet: Fleet
    key: str = ""
    cpu_ns: int = 0
    wait_us: int = 0
    file_bytes: int = FILE_BYTES

    def edge(self) -> dict[str, Reading]:
        self.fleet.log("read")
        self.cpu_ns += self.fleet.behaviour(self.key).works_on_ns
        self.wait_us += self.fleet.edge_wait_us
        pages, self.file_bytes = self.file_bytes, FILE_BYTES + self.fleet.behaviour(self.key).charged_bytes
        return {
            "cpu_ns": Reading(self.cpu_ns, "ns", "fake"),
            "cpu_wait_us": Reading(self.wait_us, "us", "fake"),
            "memory_file": Reading(pages, "bytes", "fake"),
        }

    def reset_peak(self) -> bool:
        self.fleet.log("reset")
        return True

    @contextmanager
    def sampling(self) -> Iterator[None]:
        self.fleet.log("sampler on")
        yield None
        self.fleet.log("sampler off")

    def turn_readings(self, _before, _after, _sampled, *, reset_ok: bool) -> dict[str, Reading]:
        del reset_ok
        return {
            "cpu_ns": Reading(5_000_000, "ns", "fake"),
            "cpu_pressure_us": Reading(0, "us", "fake"),
            "memory_peak_anonymous": Reading(100 << 20, "bytes", "fake"),
        } | self.fleet.readings.get(self.key, {})


@contextmanager
def listening(folder: Path, *keys: str) -> Iterator[None]:
    """A socket for each service, so that it is awaited in vain no longer than it takes to look."""
    with ExitStack() as stack:
        for key in keys:
            stack.enter_context(socket.socket(socket.AF_UNIX)).bind(str(folder / key))
        yield


def refused(code: str, reason: str = "") -> CallFailed:
    return CallFailed("Call", code, reason, "what the service said")
