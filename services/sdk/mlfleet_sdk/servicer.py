"""The four calls of the contract. gRPC threads receive and check, the main thread works."""

import hashlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from mlfleet_stubs import benchmark_pb2 as pb
from mlfleet_stubs import benchmark_pb2_grpc as pb_grpc

from mlfleet_sdk.describe import describe
from mlfleet_sdk.errors import InvalidArgument, OutOfOrder, answered, require
from mlfleet_sdk.measure import check_schedule, measure
from mlfleet_sdk.payload import Tensors, chunks, encode_outputs, read_mapped, read_streamed, tensors_sha256
from mlfleet_sdk.service import Job, Param, RegisteredTask, Service
from mlfleet_sdk.worker import MainThread


@dataclass(frozen=True)
class Settings:
    """What the launcher's environment says (MLFLEET_*)."""

    socket: Path
    payloads: Path
    device: str
    threads: int
    # Leave after a Collect that was sent whole, but not before this age: engines put off the restart of a container
    # that lived less than 10 s, twice as long each time. None: stay.
    exit_after_trial_s: float | None


class Servicer(pb_grpc.BenchmarkServicer):
    """State of one service: the job prepared last and its last result, both owned by the main thread."""

    def __init__(self, service: Future[Service], worker: MainThread, settings: Settings) -> None:
        """`service` is done once the framework is imported; a call that comes before waits for it."""
        self._imported = service
        self._worker = worker
        self._settings = settings
        self._job: Job[Any] | None = None
        self._measured = False
        self._last: Any = None
        self._started = time.monotonic()

    @property
    def _service(self) -> Service:
        return self._imported.result()

    def Describe(self, _request: pb.DescribeRequest, context: grpc.ServicerContext) -> pb.DescribeResponse:  # noqa: N802
        """Identity and tasks."""
        with answered(context):
            return self._worker.call(lambda: describe(self._service, self._settings.threads))

    def Prepare(  # noqa: N802
        self, requests: Iterator[pb.PrepareRequest], context: grpc.ServicerContext
    ) -> pb.PrepareResponse:
        """Setup, payload, digests, job; a failed Prepare leaves no job."""
        with answered(context):
            self._worker.call(self._drop)
            setup = _setup(requests)
            self._check_device(setup.device)
            task = self._service.find(setup.task)
            payload_sha256, tensors = self._receive(setup, requests)
            received = time.monotonic_ns()
            decoded_sha256 = tensors_sha256(tensors)
            verified = time.monotonic_ns()
            self._worker.call(lambda: self._build(task, tensors, setup))
            return pb.PrepareResponse(
                payload_sha256=payload_sha256,
                tensors_sha256=decoded_sha256,
                received_ns=received,
                verified_ns=verified,
                ready_ns=time.monotonic_ns(),
            )

    def Measure(self, request: pb.MeasureRequest, context: grpc.ServicerContext) -> pb.MeasureResponse:  # noqa: N802
        """One turn: the schedule, exactly."""
        with answered(context):
            schedule = list(request.iterations)
            check_schedule(schedule)
            return pb.MeasureResponse(samples=self._worker.call(lambda: self._measure(schedule)))

    def Collect(  # noqa: N802
        self, _request: pb.CollectRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.CollectResponse]:
        """Outputs of the last iteration."""
        with answered(context):
            data = self._worker.call(self._collect)
            for chunk in chunks(data):
                yield pb.CollectResponse(chunk=bytes(chunk))
            closing = pb.Closing(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
            yield pb.CollectResponse(closing=closing)
            # Asked for the next message, gRPC has sent the last one; what remains is the status.
            context.add_callback(self._end_trial)

    def _end_trial(self) -> None:
        if self._settings.exit_after_trial_s is not None:
            rest = self._started + self._settings.exit_after_trial_s - time.monotonic()
            timer = threading.Timer(max(0.0, rest), self._worker.stop)
            timer.daemon = True
            timer.start()

    def _receive(self, setup: pb.Setup, requests: Iterator[pb.PrepareRequest]) -> tuple[str, Tensors]:
        if setup.transport == pb.TRANSPORT_MAPPED:
            return read_mapped(setup, self._settings.payloads)
        require(setup.transport == pb.TRANSPORT_STREAMED, "transport is unspecified; awaited mapped or streamed")
        return read_streamed(setup, requests)

    def _check_device(self, found: str) -> None:
        known, own = self._service.devices, self._settings.device
        require(found in known, f"device {found!r} is not here; this service computes on: {', '.join(known)}")
        require(found == own, f"device {found!r} is not what this process was started for: {own}")

    def _drop(self) -> None:
        self._job, self._measured, self._last = None, False, None

    def _build(self, task: RegisteredTask, tensors: Tensors, setup: pb.Setup) -> None:
        self._job = task.build(tensors, _params(setup), setup.seed)

    def _measure(self, schedule: list[int]) -> list[pb.Sample]:
        if self._job is None:
            message = "Measure before Prepare: no job"
            raise OutOfOrder(message)
        try:
            samples, self._last = measure(self._job.step, schedule)
        except BaseException:
            self._drop()
            raise
        self._measured = True
        return samples

    def _collect(self) -> bytes:
        if self._job is None or not self._measured:
            message = "Collect before Measure: no iteration has run"
            raise OutOfOrder(message)
        return encode_outputs(self._job.outputs(self._last))


def _setup(requests: Iterator[pb.PrepareRequest]) -> pb.Setup:
    first = next(requests, None)
    if first is None or first.WhichOneof("part") != "setup":
        message = "Prepare did not start with its setup"
        raise InvalidArgument(message)
    return first.setup


def _params(setup: pb.Setup) -> dict[str, Param]:
    params: dict[str, Param] = {}
    for name, parameter in setup.params.items():
        kind = parameter.WhichOneof("value")
        require(kind is not None, f"parameter {name} has no value")
        params[name] = getattr(parameter, str(kind))
    return params
