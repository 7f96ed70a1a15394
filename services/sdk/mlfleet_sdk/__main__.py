"""`python -m mlfleet_sdk service.py`: bind first, import the framework, serve until SIGTERM."""

import importlib.util
import os
import signal
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from mlfleet_stubs import benchmark_pb2 as pb
from mlfleet_stubs import benchmark_pb2_grpc as pb_grpc

from mlfleet_sdk.reflection import add_reflection
from mlfleet_sdk.service import Service
from mlfleet_sdk.servicer import Servicer, Settings
from mlfleet_sdk.worker import MainThread

NAME = pb.DESCRIPTOR.services_by_name["Benchmark"].full_name
MESSAGE_BYTES = 8 << 20
OPTIONS = (("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES))
# Calls never overlap in use; four threads leave room for health watches beside one.
GRPC_THREADS = 4
# Replies under way need milliseconds; health watches, which never end by themselves, always use it up.
STOP_GRACE_S = 0.5


def main() -> int:
    """Serve the file given; exit 0 after SIGTERM, SIGINT or the one trial asked for, 2 on wrong usage."""
    try:
        (file,) = sys.argv[1:]
        settings = read_settings()
    except (KeyError, ValueError) as error:
        print(f"usage: MLFLEET_SOCKET=<path> python -m mlfleet_sdk <service.py> ({error!r})", file=sys.stderr)
        return 2
    worker = MainThread()
    stop_on_signal(worker)
    service: Future[Service] = Future()
    server, status = bind(settings.socket, Servicer(service, worker, settings))
    service.set_result(load(Path(file)))
    for name in ("", NAME):
        status.set(name, health_pb2.HealthCheckResponse.SERVING)
    worker.run()
    status.enter_graceful_shutdown()
    server.stop(STOP_GRACE_S).wait()
    settings.socket.unlink(missing_ok=True)
    return 0


def stop_on_signal(worker: MainThread) -> None:
    """End the worker at SIGTERM or SIGINT, of which a thread learns through a pipe.

    A Python handler would run on the main thread, and that may just be about to wait for work, or another thread have
    taken the signal: it would not be woken, and the signal be lost.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    def wait() -> None:
        os.read(reader, 1)
        worker.stop()

    Thread(target=wait, daemon=True).start()


def read_settings() -> Settings:
    """The launcher's variables; MLFLEET_SOCKET must be there."""
    return Settings(
        socket=Path(os.environ["MLFLEET_SOCKET"]),
        payloads=Path(os.environ.get("MLFLEET_PAYLOADS", "/payload")),
        device=os.environ.get("MLFLEET_DEVICE", "cpu"),
        threads=int(os.environ.get("MLFLEET_THREADS", "1")),
        exit_after_trial_s=int(least_age) if (least_age := os.environ.get("MLFLEET_EXIT_AFTER_TRIAL")) else None,
    )


def bind(socket: Path, servicer: Servicer) -> tuple[grpc.Server, health.HealthServicer]:
    """A server on the socket that answers health (NOT_SERVING) and reflection while the framework is imported."""
    server = grpc.server(ThreadPoolExecutor(GRPC_THREADS), options=OPTIONS)
    status = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(status, server)
    for name in ("", NAME):
        status.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)
    pb_grpc.add_BenchmarkServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    add_reflection((NAME, health.SERVICE_NAME), server)
    socket.unlink(missing_ok=True)
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    # The orchestrator runs as another user: the folder above decides who may reach it.
    socket.chmod(0o666)
    return server, status


def load(file: Path) -> Service:
    """Import the file, and with it the framework; it must define `service`."""
    sys.path.insert(0, str(file.resolve().parent))
    spec = importlib.util.spec_from_file_location("service", file)
    if spec is None or spec.loader is None:
        message = f"{file} is no Python file"
        raise ImportError(message)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    service = module.service
    if not isinstance(service, Service):
        message = f"{file}: `service` is {type(service).__name__}, awaited mlfleet_sdk.Service"
        raise TypeError(message)
    return service


if __name__ == "__main__":
    STATUS = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is answered and closed; to take a large framework apart module by module costs a second.
    os._exit(STATUS)
