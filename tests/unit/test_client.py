"""The product's client against a server in this process that answers wrongly, slowly or not at all."""

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from mlfleet.calls import CallFailed, Malformed, NotServing
from mlfleet.client import SERVICE_NAME, connect
from mlfleet.model import Sample
from mlfleet_stubs import benchmark_pb2 as pb
from mlfleet_stubs import benchmark_pb2_grpc as pb_grpc

CALL_S = 20.0
# Twice what the client takes to look, and then some for a busy host.
STOP_S = 0.5
LIMIT = 1 << 20


class Flag:
    requested = False


class Fake(pb_grpc.BenchmarkServicer):
    """Each call answers what the test put into the attribute of its name: a message, or a function of the request."""

    describe = pb.DescribeResponse()
    prepare = pb.PrepareResponse()
    measure = pb.MeasureResponse()
    collect = ()

    def __init__(self):
        self.requests = []
        self.released = threading.Event()

    def hang(self, request, context):
        self.released.wait(CALL_S)
        context.abort(grpc.StatusCode.UNAVAILABLE, "the test is over")

    def _answer(self, answer, request, context):
        self.requests.append(request)
        return answer(request, context) if callable(answer) else answer

    def Describe(self, request, context):  # noqa: N802
        return self._answer(self.describe, request, context)

    def Prepare(self, requests, context):  # noqa: N802
        return self._answer(self.prepare, list(requests), context)

    def Measure(self, request, context):  # noqa: N802
        return self._answer(self.measure, request, context)

    def Collect(self, request, context):  # noqa: N802
        yield from self._answer(self.collect, request, context)


@contextmanager
def serving(fake, socket):
    server = grpc.server(ThreadPoolExecutor(4))
    pb_grpc.add_BenchmarkServicer_to_server(fake, server)
    status = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    status.set(SERVICE_NAME, health_pb2.HealthCheckResponse.NOT_SERVING)
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    try:
        yield status
    finally:
        fake.released.set()
        server.stop(None).wait()


@pytest.fixture
def fake():
    return Fake()


@pytest.fixture
def stop():
    return Flag()


@pytest.fixture
def status(fake, tmp_path):
    with serving(fake, tmp_path / "s") as found:
        yield found


@pytest.fixture
def client(status, stop, tmp_path):
    with connect(tmp_path / "s", stop) as made:
        yield made


def prepare(client, path, transport="streamed"):
    params = {"flag": True, "k": 3, "alpha": 0.5, "kernel": "rbf"}
    return client.prepare("a.b", params, path, "a" * 64, seed=7, device="cpu", transport=transport, timeout_s=CALL_S)


def test_serving_is_seen_when_it_comes(client, status):
    timer = threading.Timer(0.1, status.set, (SERVICE_NAME, health_pb2.HealthCheckResponse.SERVING))
    before = time.monotonic_ns()
    timer.start()
    assert before + 100_000_000 <= client.await_serving(CALL_S) <= time.monotonic_ns()


def test_never_serving_says_what_was_found(client):
    with pytest.raises(NotServing, match="NOT_SERVING, then DEADLINE_EXCEEDED"):
        client.await_serving(0.3)


def test_nobody_listens(stop, tmp_path):
    with connect(tmp_path / "absent", stop) as client, pytest.raises(NotServing, match="no answer"):
        client.await_serving(0.3)


def test_describe_becomes_an_identity(client, fake):
    fake.describe = pb.DescribeResponse(
        framework="f",
        version="1",
        language="rust",
        protocol=1,
        devices=["cpu"],
        build=pb.Build(optimised=True, facts={"blas": "none"}),
        thread_pools=[pb.ThreadPool(pool="p", library="l", version="2", asked=4, effective=3)],
        boot_id="b",
        tasks=[pb.Task(name="a.b", origin=pb.ORIGIN_IN_REPO, kernels="k")],
        cpus=[0, 2],
    )
    found = client.describe(CALL_S)
    assert (found.framework, found.version, found.language, found.protocol) == ("f", "1", "rust", 1)
    assert (found.devices, found.cpus, found.boot_id) == (("cpu",), (0, 2), "b")
    assert (found.optimised, found.debug_assertions, found.facts) == (True, False, {"blas": "none"})
    assert (found.thread_pools[0].asked, found.thread_pools[0].effective) == (4, 3)
    assert found.task("a.b").origin == "in_repo"
    assert found.task("other") is None


@pytest.mark.parametrize("origin", [pb.ORIGIN_UNSPECIFIED, 9])
def test_a_task_without_origin_is_malformed(client, fake, origin):
    fake.describe = pb.DescribeResponse(tasks=[pb.Task(name="a.b", origin=origin)])
    with pytest.raises(Malformed, match=r"no origin for a\.b"):
        client.describe(CALL_S)


def test_prepare_sends_setup_then_chunks(client, fake, tmp_path):
    path = tmp_path / "payload"
    path.write_bytes(bytes(range(256)) * 4096 * 2 + b"end")
    fake.prepare = pb.PrepareResponse(payload_sha256="p", tensors_sha256="t", received_ns=1, verified_ns=2, ready_ns=3)
    found = prepare(client, path)
    assert (found.payload_sha256, found.tensors_sha256) == ("p", "t")
    assert (found.received_ns, found.verified_ns, found.ready_ns) == (1, 2, 3)
    first, *chunks = fake.requests[0]
    setup = first.setup
    assert (setup.task, setup.seed, setup.device, setup.payload_sha256) == ("a.b", 7, "cpu", "a" * 64)
    assert (setup.payload_bytes, setup.transport) == (path.stat().st_size, pb.TRANSPORT_STREAMED)
    kinds = {name: value.WhichOneof("value") for name, value in setup.params.items()}
    assert kinds == {"flag": "flag", "k": "integer", "alpha": "real", "kernel": "text"}
    assert [len(part.chunk) for part in chunks] == [1 << 20, 1 << 20, 3]
    assert b"".join(part.chunk for part in chunks) == path.read_bytes()


def test_a_mapped_payload_is_not_sent(client, fake, tmp_path):
    path = tmp_path / "payload"
    path.write_bytes(b"data")
    prepare(client, path, "mapped")
    (only,) = fake.requests[0]
    assert (only.setup.payload_bytes, only.setup.transport) == (4, pb.TRANSPORT_MAPPED)


def samples(*entries):
    return pb.MeasureResponse(samples=[pb.Sample(iterations=k, start_ns=a, end_ns=b) for k, a, b in entries])


def test_measure_gives_samples_and_stamps(client, fake):
    fake.measure = samples((2, 10, 20), (1, 30, 40))
    before = time.monotonic_ns()
    found = client.measure([2, 1], CALL_S)
    assert found.samples == (Sample(2, 10, 20), Sample(1, 30, 40))
    assert before <= found.sent_ns <= found.received_ns <= time.monotonic_ns()


@pytest.mark.parametrize("answer", [samples(), samples((1, 0, 1)), samples((1, 0, 1), (1, 1, 2), (1, 2, 3))])
def test_samples_that_are_not_the_schedules_are_malformed(client, fake, answer):
    fake.measure = answer
    with pytest.raises(Malformed, match="schedule"):
        client.measure([1, 2], CALL_S)


DATA = b"outputs" * 100
SIZE, DIGEST = len(DATA), hashlib.sha256(DATA).hexdigest()


def chunk(data=DATA):
    return pb.CollectResponse(chunk=data)


def closing(size=SIZE, sha256=DIGEST):
    return pb.CollectResponse(closing=pb.Closing(bytes=size, sha256=sha256))


@pytest.mark.parametrize("parts", [(chunk(), closing()), (chunk(DATA[:9]), chunk(DATA[9:]), closing())])
def test_collect_joins_the_chunks(client, fake, parts):
    fake.collect = parts
    assert client.collect(SIZE, CALL_S) == DATA


@pytest.mark.parametrize(
    "parts",
    [
        (chunk(),),
        (),
        (chunk(), closing(SIZE - 1)),
        (chunk(), closing(sha256="0" * 64)),
        (chunk(DATA[:-1]), closing()),
        (chunk(), chunk(b"more"), closing()),
    ],
    ids=["no closing", "nothing", "wrong size", "wrong digest", "too little", "too much"],
)
def test_a_closing_message_that_disagrees_is_malformed(client, fake, parts):
    fake.collect = parts
    with pytest.raises(Malformed, match="closing"):
        client.collect(LIMIT, CALL_S)


def test_outputs_beyond_the_limit_are_cut_off(client, fake):
    def endless(request, context):
        while context.is_active():
            yield chunk(bytes(LIMIT // 4))

    fake.collect = endless
    with pytest.raises(Malformed, match=f"more than {LIMIT} bytes"):
        client.collect(LIMIT, CALL_S)


def test_a_status_keeps_code_reason_and_text(client, fake):
    def refuse(request, context):
        context.set_trailing_metadata((("mlfleet-reason", "params"),))
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "k is 0")

    fake.measure = refuse
    with pytest.raises(CallFailed) as error:
        client.measure([1], CALL_S)
    found = error.value
    assert (found.call, found.code, found.reason, found.message) == ("Measure", "INVALID_ARGUMENT", "params", "k is 0")


CALLS = {
    "describe": lambda client, path, seconds: client.describe(seconds),
    "measure": lambda client, path, seconds: client.measure([1], seconds),
    "collect": lambda client, path, seconds: client.collect(LIMIT, seconds),
    "prepare": lambda client, path, seconds: client.prepare(
        "a.b", {}, path, "a" * 64, seed=1, device="cpu", transport="mapped", timeout_s=seconds
    ),
}


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "payload"
    made.write_bytes(b"data")
    return made


@pytest.mark.parametrize("call", CALLS)
def test_every_call_has_a_deadline(client, fake, path, call):
    setattr(fake, call, fake.hang)
    with pytest.raises(CallFailed) as error:
        CALLS[call](client, path, 0.3)
    assert (error.value.code, error.value.reason) == ("DEADLINE_EXCEEDED", "")


@pytest.mark.parametrize("call", CALLS)
def test_a_stop_ends_a_call_under_way(client, fake, stop, path, call):
    setattr(fake, call, fake.hang)
    stamps = []

    def interrupt():
        stamps.append(time.monotonic())
        stop.requested = True

    threading.Timer(0.3, interrupt).start()
    with pytest.raises(CallFailed) as error:
        CALLS[call](client, path, CALL_S)
    assert time.monotonic() - stamps[0] < STOP_S
    assert error.value.code == "CANCELLED"


def test_a_stop_ends_the_wait_for_serving(client, stop):
    threading.Timer(0.3, setattr, (stop, "requested", True)).start()
    start = time.monotonic()
    with pytest.raises(NotServing, match="CANCELLED"):
        client.await_serving(CALL_S)
    assert time.monotonic() - start < 0.3 + STOP_S
