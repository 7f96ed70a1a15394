"""What tests send: an honest case of every task that a service has, and the messages of the contract around it."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from contract.launched import CALL_S
from mlfleet import catalogue, datasets, payload, tasks
from mlfleet.client import CHUNK_BYTES, _parameter
from mlfleet.errors import UsageError
from mlfleet.model import Param, Workload
from mlfleet.tasks import control
from mlfleet_stubs import benchmark_pb2 as pb

SEED = 1
SMALL = str(Path(__file__).with_name("small.toml"))
OUTPUT_BYTES = 64 << 20


@dataclass(frozen=True)
class Honest:
    """A task with the case and payload of a workload, which a service must be able to do."""

    task: tasks.Task
    workload: Workload
    case: tasks.Case
    payload: payload.Payload

    @property
    def data(self) -> bytes:
        return self.payload.path.read_bytes()

    @property
    def typed(self) -> bool:
        """The control takes any tensor; all others say what theirs must be."""
        return self.task.name != control.WORKLOAD.task

    def accepts(self, name: str, value: Param) -> bool:
        """Whether the orchestrator's own task can use the value in place of the workload's."""
        try:
            self.task.case(datasets.load(self.workload.dataset), {**self.workload.params, name: value}, SEED)
        except UsageError:
            return False
        return True


@cache
def workloads() -> dict[str, Workload]:
    """Of each task the small twin that these tests have, else the first workload that any suite has."""
    suites = [SMALL, *catalogue.suite_names()]
    found = [workload for suite in suites for workload in catalogue.load_suite(suite).workloads]
    return {workload.task: workload for workload in reversed([*found, control.WORKLOAD])}


def honest(name: str, folder: Path) -> Honest:
    if name not in workloads():
        pytest.fail(f"no suite has a workload of {name}", pytrace=False)
    workload = workloads()[name]
    task = tasks.get(name)
    case = task.case(datasets.load(workload.dataset), workload.params, seed=SEED)
    return Honest(task, workload, case, payload.store(case.inputs, folder))


def setup_of(case: Honest, data: bytes | None = None, **changes) -> pb.Setup:
    """An honest setup for a streamed payload but for the changes; `data` if another payload is to be honest."""
    found = pb.Setup(
        task=case.task.name,
        seed=SEED,
        device="cpu",
        payload_sha256=case.payload.sha256 if data is None else hashlib.sha256(data).hexdigest(),
        payload_bytes=case.payload.size_bytes if data is None else len(data),
        transport=pb.TRANSPORT_STREAMED,
    )
    params = changes.pop("params", case.case.params)
    for name, value in params.items():
        found.params[name].CopyFrom(_parameter(value))
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def parts(setup: pb.Setup, data: bytes = b""):
    """The messages of one Prepare."""
    yield pb.PrepareRequest(setup=setup)
    for start in range(0, len(data), CHUNK_BYTES):
        yield pb.PrepareRequest(chunk=data[start : start + CHUNK_BYTES])


def prepare(launched, setup: pb.Setup, data: bytes = b"") -> pb.PrepareResponse:
    return launched.stub.Prepare(parts(setup, data), timeout=CALL_S)


def prepare_inputs(launched, case: Honest, inputs) -> pb.PrepareResponse:
    """Prepare with other tensors, honestly announced."""
    data = payload.encode(inputs)
    return prepare(launched, setup_of(case, data), data)


def measure(launched, schedule) -> pb.MeasureResponse:
    return launched.stub.Measure(pb.MeasureRequest(iterations=schedule), timeout=CALL_S)


def collect(launched) -> bytes:
    return launched.client.collect(OUTPUT_BYTES, CALL_S)


def assert_works(launched, case: Honest):
    """Whatever went before, the service does honest work."""
    prepare(launched, setup_of(case), case.data)
    assert [sample.iterations for sample in measure(launched, [1]).samples] == [1]
