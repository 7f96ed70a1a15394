"""Services that fail on purpose: each failure is an answer with code, reason and text, and the service lives on."""

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from contract.cases import assert_works, measure, prepare, setup_of
from contract.launched import CALL_S, ROOT, Target, refusal
from mlfleet import payload
from mlfleet.launch.process import ProcessLauncher
from mlfleet.model import Service
from mlfleet_stubs import benchmark_pb2 as pb

PYTHON = [
    *(str(ROOT / "services/null/.venv/bin/python"), "-B", "-u", "-m", "mlfleet_sdk"),
    str(ROOT / "tests/faults/python/service.py"),
]
RUST = [str(ROOT / "rust_services/target/release/mlfleet-fault")]
BUG, MEMORY, ORDER = ("INTERNAL", "bug"), ("RESOURCE_EXHAUSTED", "memory"), ("FAILED_PRECONDITION", "order")
X = {"x": np.array([0.5, 1.5, 2.0])}


@contextmanager
def faulty(fleet, command, fault):
    assert ROOT.joinpath(command[0]).exists(), f"{command[0]} is not built; try: tests/run.sh build-process"
    language = "python" if command is PYTHON else "rust"
    target = Target(Service("fault", language, "mlfleet/fault:0.1.0", control=False, memory_bytes=1 << 30), "process")
    spec = fleet.spec(target, image_id=None, fault=fault)
    with fleet.serving(ProcessLauncher(lambda _: command), spec) as launched:
        yield launched


def assert_told(found, kind, fault, command):
    """A bug is told with its traceback (Python) or its place (a Rust panic), the rest with its message."""
    assert found.kind == kind, found
    assert f"the fault {fault}" in found.message.replace("`", "")
    if kind == BUG and command is PYTHON:
        assert "Traceback" in found.message
        assert "faults/python/service.py" in found.message
    if fault == "panic":
        assert "faulty.rs" in found.message


@pytest.fixture
def summed(tmp_path):
    """The Python fault service's only task, as an honest case; the orchestrator does not know it."""
    stored = payload.store(X, tmp_path)
    task, case = SimpleNamespace(name="fault.sum"), SimpleNamespace(params={})
    return SimpleNamespace(task=task, case=case, payload=stored, data=stored.path.read_bytes())


def assert_sums(launched, summed):
    prepare(launched, setup_of(summed), summed.data)
    measure(launched, [1])
    outputs, receipt = payload.read_outputs(launched.client.collect(1 << 20, CALL_S))
    assert outputs["sum"] == X["x"].sum()
    assert receipt == {"rows": len(X["x"])}


def test_an_honest_fault_service_sums(fleet, summed):
    with faulty(fleet, PYTHON, None) as launched:
        assert_sums(launched, summed)


@pytest.mark.parametrize(
    ("fault", "kind"), [("internal", BUG), ("exit", BUG), ("memory", MEMORY)], ids=["internal", "exit", "memory"]
)
def test_python_step(fleet, summed, fault, kind):
    with faulty(fleet, PYTHON, fault) as launched:
        prepare(launched, setup_of(summed), summed.data)
        assert_told(refusal(lambda: measure(launched, [1])), kind, fault, PYTHON)
        assert refusal(lambda: measure(launched, [1])).kind == ORDER
        assert_sums(launched, summed)


@pytest.mark.parametrize(("fault", "kind"), [("internal_prepare", BUG), ("memory_prepare", MEMORY)])
def test_python_prepare(fleet, summed, fault, kind):
    with faulty(fleet, PYTHON, fault) as launched:
        assert_told(refusal(lambda: prepare(launched, setup_of(summed), summed.data)), kind, fault, PYTHON)
        assert refusal(lambda: measure(launched, [1])).kind == ORDER
        assert_sums(launched, summed)


@pytest.mark.parametrize(("fault", "kind"), [("internal_outputs", BUG), ("memory_outputs", MEMORY)])
def test_python_outputs(fleet, summed, fault, kind):
    with faulty(fleet, PYTHON, fault) as launched:
        prepare(launched, setup_of(summed), summed.data)
        measure(launched, [1])
        found = refusal(lambda: list(launched.stub.Collect(pb.CollectRequest(), timeout=CALL_S)))
        assert_told(found, kind, fault, PYTHON)
        assert_sums(launched, summed)


@pytest.mark.parametrize(("fault", "kind"), [("internal", BUG), ("panic", BUG), ("memory", MEMORY)])
def test_rust_step(fleet, honest, subtests, fault, kind):
    with faulty(fleet, RUST, fault) as launched:
        for task in launched.client.describe(CALL_S).tasks:
            case = honest(task.name)
            with subtests.test(task=task.name):
                prepare(launched, setup_of(case), case.data)
                assert_told(refusal(lambda: measure(launched, [1])), kind, fault, RUST)
                assert refusal(lambda: measure(launched, [1])).kind == ORDER


def test_an_honest_rust_fault_service_works(fleet, honest):
    with faulty(fleet, RUST, None) as launched:
        assert_works(launched, honest(launched.client.describe(CALL_S).tasks[0].name))
