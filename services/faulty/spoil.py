"""An honest service, spoilt in the one way that MLFLEET_FAULT names; unset, it is its own honest twin."""

import importlib.util
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlfleet_sdk.servicer
from mlfleet_sdk import Job, Service
from mlfleet_stubs.benchmark_pb2 import DescribeResponse

SERVICES = Path(__file__).resolve().parents[1]
Adapter = Callable[..., Job[Any]]
# What a fault does to the service or to the SDK under it, before anything is answered.
Fault = Callable[[Service], None]


def honest(key: str) -> Service:
    """The service of that folder, as it is built and measured."""
    folder = SERVICES / key
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(f"honest_{key}", folder / "service.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.service


def spoilt(service: Service, faults: Mapping[str, Fault]) -> Service:
    """The service after the fault that was asked for; a name that is none of its faults ends the process."""
    name = os.environ.get("MLFLEET_FAULT")
    if name is None:
        return service
    if name not in faults:
        sys.exit(f"MLFLEET_FAULT is {name!r}; awaited one of: {', '.join(faults)}")
    faults[name](service)
    return service


def instead(task: str, adapter: Adapter) -> Fault:
    """Another adapter under an honest task's name, with the same inputs and parameters."""

    def put(service: Service) -> None:
        service.tasks[task] = replace(service.tasks[task], adapter=adapter)

    return put


def answers(task: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Fault:
    """The honest work, but other outputs."""

    def put(service: Service) -> None:
        registered = service.tasks[task]

        def adapter(*tensors: object, **params: object) -> Job[Any]:
            job = registered.adapter(*tensors, **params)
            return Job(job.step, lambda result: change(dict(job.outputs(result))))

        service.tasks[task] = replace(registered, adapter=adapter)

    return put


def describing(change: Callable[[DescribeResponse], None]) -> Fault:
    """Describe says something else of the service."""

    def put(_service: Service) -> None:
        describe = mlfleet_sdk.servicer.describe

        def described(of: Service, threads: int) -> DescribeResponse:
            answer = describe(of, threads)
            change(answer)
            return answer

        mlfleet_sdk.servicer.describe = described

    return put


def _debug(answer: DescribeResponse) -> None:
    answer.build.optimised, answer.build.debug_assertions = False, True


def _on_a_gpu(answer: DescribeResponse) -> None:
    answer.devices[:] = ["cuda"]


debug_build = describing(_debug)
other_device = describing(_on_a_gpu)


def other_data(tensors: Mapping[str, Any]) -> Fault:
    """The digest of what it worked on is that of its own data, not of those that it was sent."""

    def put(_service: Service) -> None:
        digest = mlfleet_sdk.servicer.tensors_sha256
        mlfleet_sdk.servicer.tensors_sha256 = lambda _delivered: digest(tensors)

    return put
