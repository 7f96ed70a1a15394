"""SIGTERM: a service leaves at once, with status 0 and without its socket, whoever still watches it."""

import os
import signal
import time

from contract.launched import CALL_S, launcher
from grpc_health.v1 import health_pb2, health_pb2_grpc

STOP_S = 2.0


def terminate(launched):
    """As `docker kill --signal TERM` does, or to the leader of the group."""
    if launched.spec.environment.runtime == "docker":
        launcher("docker").client.api.kill(launched.running.id, "SIGTERM")
    else:
        os.kill(launched.running.pid, signal.SIGTERM)


def test_sigterm_ends_it_in_order(fleet, target):
    with fleet.launch(target) as launched:
        watch = health_pb2_grpc.HealthStub(launched.channel).Watch(health_pb2.HealthCheckRequest(), timeout=CALL_S)
        next(watch)
        assert launched.running.socket.is_socket()
        start = time.monotonic()
        terminate(launched)
        while (ended := launched.running.exit()) is None:
            assert time.monotonic() - start < STOP_S, launched.running.log_tail()
            time.sleep(0.01)
        assert ended.status == 0, launched.running.log_tail()
        assert not os.path.lexists(launched.running.socket)
