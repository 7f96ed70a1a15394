"""The contract from the orchestrator's side: the only module that imports the stubs."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from mlfleet_stubs import benchmark_pb2 as pb
from mlfleet_stubs import benchmark_pb2_grpc as pb_grpc

from mlfleet.calls import CallFailed, Malformed, NotServing
from mlfleet.model import Identity, Param, Prepared, Sample, TaskFact, ThreadPool

PROTOCOL = 1
MESSAGE_BYTES = 8 << 20
CHUNK_BYTES = 1 << 20
# How late a signal may cancel a call under way; waking five times a second costs a measured neighbour nothing.
STOP_CHECK_S = 0.2
T = TypeVar("T")
SERVICE_NAME = pb.DESCRIPTOR.services_by_name["Benchmark"].full_name
_ORIGINS = {pb.ORIGIN_STOCK: "stock", pb.ORIGIN_IN_REPO: "in_repo"}
_TRANSPORTS = {"mapped": pb.TRANSPORT_MAPPED, "streamed": pb.TRANSPORT_STREAMED}


class Stopped(Protocol):
    """Whether the run was told to stop."""

    @property
    def requested(self) -> bool:
        """A signal came."""


@dataclass(frozen=True)
class Measured:
    """One Measure call: samples, and the orchestrator's own stamps around it."""

    sent_ns: int
    received_ns: int
    samples: tuple[Sample, ...]


class Client:
    """One service's calls. Every one has a total deadline in seconds, and ends early when the run is stopped."""

    def __init__(self, channel: grpc.Channel, stop: Stopped) -> None:
        self._channel = channel
        self._stub = pb_grpc.BenchmarkStub(channel)  # type: ignore[no-untyped-call]
        self._stop = stop
        self._waiter = ThreadPoolExecutor(max_workers=1)

    def await_serving(self, timeout_s: float) -> int:
        """Wait on one health stream, no polling; gives the stamp at which SERVING was seen."""
        request = health_pb2.HealthCheckRequest(service=SERVICE_NAME)
        watch = health_pb2_grpc.HealthStub(self._channel).Watch(request, timeout=timeout_s, wait_for_ready=True)
        try:
            return self._wait(watch, _first_serving)
        finally:
            watch.cancel()

    def describe(self, timeout_s: float) -> Identity:
        """Identity and tasks."""
        with _calling("Describe"):
            answer = self._wait(self._stub.Describe.future(pb.DescribeRequest(), timeout=timeout_s), _result)
        return _identity(answer)

    def prepare(
        self,
        task: str,
        params: Mapping[str, Param],
        payload: Path,
        sha256: str,
        *,
        seed: int,
        device: str,
        transport: str,
        timeout_s: float,
    ) -> Prepared:
        """Send the setup and, if streamed, the payload; gives the service's digests and stamps."""
        setup = pb.Setup(
            task=task,
            params={name: _parameter(value) for name, value in params.items()},
            seed=seed,
            device=device,
            payload_sha256=sha256,
            payload_bytes=payload.stat().st_size,
            transport=_TRANSPORTS[transport],
        )
        with _calling("Prepare"):
            answer = self._wait(self._stub.Prepare.future(_parts(setup, payload), timeout=timeout_s), _result)
        return Prepared(
            answer.payload_sha256, answer.tensors_sha256, answer.received_ns, answer.verified_ns, answer.ready_ns
        )

    def measure(self, schedule: Sequence[int], timeout_s: float) -> Measured:
        """One turn; Malformed unless the samples are the schedule's."""
        request = pb.MeasureRequest(iterations=schedule)
        sent = time.monotonic_ns()
        with _calling("Measure"):
            call = self._stub.Measure.future(request, timeout=timeout_s)
            answer, received = self._wait(call, _result_and_stamp)
        samples = tuple(Sample(sample.iterations, sample.start_ns, sample.end_ns) for sample in answer.samples)
        if [sample.iterations for sample in samples] != list(schedule):
            message = f"Measure answered {len(samples)} samples that are not the schedule's {len(schedule)}"
            raise Malformed(message)
        return Measured(sent, received, samples)

    def collect(self, limit_bytes: int, timeout_s: float) -> bytes:
        """Outputs of the last iteration; Malformed unless the closing message agrees with the bytes."""
        with _calling("Collect"):
            call = self._stub.Collect(pb.CollectRequest(), timeout=timeout_s)
            data, closing = self._wait(call, lambda parts: _drain(parts, limit_bytes))
        found = hashlib.sha256(data).hexdigest()
        if closing is None or (closing.bytes, closing.sha256) != (len(data), found):
            awaited = "none" if closing is None else f"{closing.bytes} bytes, SHA-256 {closing.sha256[:12]}"
            message = f"Collect sent {len(data)} bytes, SHA-256 {found[:12]}; its closing message says {awaited}"
            raise Malformed(message)
        return data

    def _wait(self, call: Any, consume: Callable[[Any], T]) -> T:  # noqa: ANN401 - grpc's calls have no common type
        """Read the call on a thread of its own, so that this one can cancel it when a signal came."""
        reading = self._waiter.submit(consume, call)
        while True:
            try:
                return reading.result(timeout=STOP_CHECK_S)
            except TimeoutError:
                if self._stop.requested:
                    call.cancel()


@contextmanager
def connect(socket: Path, stop: Stopped) -> Iterator[Client]:
    """A client over the unix socket. Tonic refuses grpcio's default authority there, hence the option."""
    options: list[tuple[str, Any]] = [
        ("grpc.default_authority", "localhost"),
        ("grpc.max_receive_message_length", MESSAGE_BYTES),
        ("grpc.max_send_message_length", MESSAGE_BYTES),
        ("grpc.initial_reconnect_backoff_ms", 20),
        ("grpc.min_reconnect_backoff_ms", 20),
        # A channel of its own for each trial: a socket path may be used again by the next.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    with grpc.insecure_channel(f"unix:{socket}", options=options) as channel:
        yield Client(channel, stop)


@contextmanager
def _calling(call: str) -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        _raise(call, error)
    except grpc.FutureCancelledError as error:
        # No RpcError: only `_wait` cancels, and a call that it cancels has no status of the service's.
        raise CallFailed(call, grpc.StatusCode.CANCELLED.name, "", "the run was stopped") from error


def _raise(call: str, error: Any) -> NoReturn:  # noqa: ANN401 - grpc types its errors without their call methods
    trailing = {item.key: item.value for item in error.trailing_metadata() or ()}
    reason = trailing.get("mlfleet-reason", "")
    raise CallFailed(call, error.code().name, str(reason), error.details() or "") from error


def _first_serving(watch: Any) -> int:  # noqa: ANN401
    last = "no answer"
    try:
        for answer in watch:
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return time.monotonic_ns()
            last = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    except grpc.RpcError as error:
        last = f"{last}, then {error.code().name}: {error.details()}"
    raise NotServing(last)


def _result(call: Any) -> Any:  # noqa: ANN401
    return call.result()


def _result_and_stamp(call: Any) -> tuple[Any, int]:  # noqa: ANN401
    return call.result(), time.monotonic_ns()


def _drain(parts: Any, limit_bytes: int) -> tuple[bytes, pb.Closing | None]:  # noqa: ANN401
    data, closing = bytearray(), None
    for part in parts:
        data += part.chunk
        if len(data) > limit_bytes:
            parts.cancel()
            message = f"Collect sent more than {limit_bytes} bytes"
            raise Malformed(message)
        closing = part.closing if part.HasField("closing") else closing
    return bytes(data), closing


def _parts(setup: pb.Setup, payload: Path) -> Iterator[pb.PrepareRequest]:
    yield pb.PrepareRequest(setup=setup)
    if setup.transport == pb.TRANSPORT_STREAMED:
        with payload.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield pb.PrepareRequest(chunk=chunk)


def _parameter(value: Param) -> pb.Parameter:
    if isinstance(value, bool):
        return pb.Parameter(flag=value)
    if isinstance(value, int):
        return pb.Parameter(integer=value)
    return pb.Parameter(real=value) if isinstance(value, float) else pb.Parameter(text=value)


def _identity(answer: pb.DescribeResponse) -> Identity:
    if strays := [task.name for task in answer.tasks if task.origin not in _ORIGINS]:
        message = f"Describe gives no origin for {', '.join(strays)}"
        raise Malformed(message)
    return Identity(
        framework=answer.framework,
        version=answer.version,
        language=answer.language,
        protocol=answer.protocol,
        devices=tuple(answer.devices),
        optimised=answer.build.optimised,
        debug_assertions=answer.build.debug_assertions,
        facts=dict(answer.build.facts),
        thread_pools=tuple(
            ThreadPool(pool.pool, pool.library, pool.version, pool.asked, pool.effective)
            for pool in answer.thread_pools
        ),
        cpus=tuple(answer.cpus),
        boot_id=answer.boot_id,
        tasks=tuple(
            TaskFact(task.name, "stock" if _ORIGINS[task.origin] == "stock" else "in_repo", task.kernels)
            for task in answer.tasks
        ),
    )
