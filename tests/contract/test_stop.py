"""SIGTERM, or the one trial asked for: a service leaves with status 0 and without its socket, whoever watches it."""

import os
import signal
import time

import pytest
from contract.cases import collect, measure, prepare, setup_of
from contract.launched import CALL_S, launcher
from grpc_health.v1 import health_pb2, health_pb2_grpc
from mlfleet.calls import CallFailed
from mlfleet.launch.variables import variables

# A service needs less than one; a host that builds beside the tests may take several.
STOP_S = 8.0
LEAST_AGE_S = 1


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
        terminate(launched)
        left_in_order(launched, STOP_S)


def left_in_order(launched, seconds):
    start = time.monotonic()
    while (ended := launched.running.exit()) is None:
        assert time.monotonic() - start < seconds, launched.running.log_tail()
        time.sleep(0.01)
    assert ended.status == 0, launched.running.log_tail()
    assert not os.path.lexists(launched.running.socket)


@pytest.fixture
def one_trial(monkeypatch):
    """Launchers never say so, only compose.yaml does."""
    for module in ("recipe", "process"):
        name = f"mlfleet.launch.{module}.variables"
        monkeypatch.setattr(name, lambda *a, **k: variables(*a, **k) | {"MLFLEET_EXIT_AFTER_TRIAL": str(LEAST_AGE_S)})


def test_after_the_one_trial_asked_for_it_ends_in_order(fleet, target, one_trial, offered):
    with fleet.launch(target) as launched:
        with pytest.raises(CallFailed):
            collect(launched)
        prepare(launched, setup_of(offered[0]), offered[0].data)
        measure(launched, [1])
        assert collect(launched)
        left_in_order(launched, LEAST_AGE_S + STOP_S)
