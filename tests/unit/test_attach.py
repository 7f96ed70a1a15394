"""Services that somebody else started: who may be met, when a process is fresh, and what is said where it is not."""

import os
import socket
from dataclasses import replace

import pytest
import samples
from mlfleet import build
from mlfleet.builders.attach import AttachBuilder
from mlfleet.catalogue import load_suite
from mlfleet.classify import Evidence, classify
from mlfleet.commands.common import choose_runtime
from mlfleet.errors import HostError
from mlfleet.launch import attached, surroundings
from mlfleet.launch.attach import AttachLauncher
from mlfleet.launch.base import Exit, LaunchFailed, LaunchSpec
from mlfleet.launch.sockets import NotOurSocket, Peer, Replaced
from mlfleet.model import Environment, Service
from mlfleet.report import summary
from mlfleet.setting import environment_of
from mlfleet.table import fold
from mlfleet.verdict import Verdict

ONE = Service("one", "rust", "mlfleet/one:1.0", control=False, memory_bytes=1 << 30)
CONTROL = Service("null-rust", "rust", "mlfleet/null-rust:1.0", control=True, memory_bytes=1 << 30)
ENVIRONMENT = Environment("cpu", (0,), 1, 1 << 30, "attach", "mapped")


class World:
    """One service's socket, and the process behind it: `pid` None while nobody listens."""

    def __init__(self, folder, monkeypatch):
        self.sockets, self.payloads = folder / "sockets", folder / "payloads"
        for made in (self.sockets, self.payloads):
            made.mkdir()
        self.path = self.sockets / "one"
        self.pid, self.uid, self.starts = 100, os.getuid(), {}
        self.finished, self.waited = [], 0
        # What happens at which wait.
        self.acts = {}
        monkeypatch.setattr(attached, "peer", self.peer)
        monkeypatch.setattr(attached, "started", lambda pid: 7 if pid == self.pid else None)
        monkeypatch.setattr(attached.meet, "__defaults__", (os.getuid(),))
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(self.path))

    def peer(self, path):
        if self.pid is None or path != self.path:
            raise ConnectionRefusedError
        return Peer(self.pid, self.uid, 1)

    def wait(self, _seconds):
        self.waited += 1
        self.acts.pop(self.waited, lambda: None)()

    def launcher(self):
        return AttachLauncher(self.sockets, self.payloads, self.finished.append, self.wait)

    def trial(self, launcher=None):
        spec = LaunchSpec(ONE, None, ENVIRONMENT, self.payloads / "x.safetensors", "n", self.sockets, {})
        with (launcher or self.launcher()).launch(spec) as running:
            return running

    def describe(self):
        with self.launcher().launch(LaunchSpec(ONE, None, ENVIRONMENT, None, "n", self.sockets, {})) as running:
            return running

    def become(self, pid):
        return lambda: setattr(self, "pid", pid)


@pytest.fixture
def world(tmp_path, monkeypatch):
    made = World(tmp_path, monkeypatch)
    yield made
    made.server.close()


def test_a_first_process_is_fresh_and_a_describe_leaves_it_so(world):
    world.describe()
    running = world.trial()
    assert (running.pid, running.socket, running.flags) == (100, world.path, ("peers_running",))
    assert running.exit() is None
    assert world.waited == 0


def test_the_next_trial_waits_for_another_process(world):
    world.trial()
    world.acts = {3: world.become(None), 9: world.become(101)}
    running = world.trial()
    assert (running.pid, running.flags) == (101, ("peers_running",))
    assert world.finished == []


def test_a_process_that_stays_is_told_to_finish_then_taken_and_flagged(world):
    world.trial()
    running = world.trial(world.launcher())
    assert (running.pid, running.flags) == (100, ("peers_running", "not_fresh"))
    assert world.finished == [world.path]


def test_an_orchestrator_before_is_remembered_and_its_trial_ended(world):
    world.trial()
    launcher = world.launcher()
    launcher._finish = lambda _path: world.become(102)()
    running = world.trial(launcher)
    assert (running.pid, running.flags) == (102, ("peers_running",))


def test_a_pid_that_came_again_is_another_process(world, monkeypatch):
    world.trial()
    monkeypatch.setattr(attached, "started", lambda _pid: 8)
    assert world.trial().flags == ("peers_running",)


def test_a_service_that_is_gone_is_a_verdict_with_its_next_step(world):
    world.pid = None
    with pytest.raises(LaunchFailed, match=r"nobody listens for one in .* after 75 s; try: docker compose ps one"):
        world.trial()


def test_an_end_in_a_trial_has_no_status(world):
    running = world.trial()
    world.pid = None
    assert running.exit() == Exit(None, out_of_memory=False)
    verdict, reason = classify(Evidence(exit=running.exit(), call=("UNAVAILABLE", "", "")))
    assert (verdict, reason) == (Verdict.EXITED, "its process is gone; this runtime cannot tell how it ended")
    assert "docker compose logs" in running.log_tail()


def test_another_users_socket_or_process_is_refused(world):
    world.uid += 1
    with pytest.raises(LaunchFailed, match=rf"uid {os.getuid()}, uid {world.uid} listens; awaited uid"):
        world.trial()
    with pytest.raises(NotOurSocket, match=r"awaited uid 65532 for both"):
        attached.meet(ONE, world.sockets, 65532)
    with pytest.raises(HostError, match="listens; awaited uid") as refused:
        surroundings.meet_all([ONE], world.sockets, world.wait)
    assert "\n" not in str(refused.value)


def test_a_link_or_a_file_is_refused(world, monkeypatch):
    monkeypatch.undo()
    world.path.unlink()
    world.path.symlink_to("/var/run/docker.sock")
    with pytest.raises(NotOurSocket, match=r"one is no socket but l.*; awaited a socket of uid 65532"):
        attached.meet(ONE, world.sockets)
    with pytest.raises(HostError, match="is no socket"):
        AttachBuilder(world.sockets).state(ONE)
    world.path.unlink()
    world.path.write_text("")
    with pytest.raises(NotOurSocket, match="is no socket but -"):
        attached.meet(ONE, world.sockets)


@pytest.mark.parametrize("moment", [PermissionError, ConnectionRefusedError, FileNotFoundError, Replaced])
def test_a_service_on_its_way_up_is_nobody_yet(world, monkeypatch, moment):
    def asked(_path):
        raise moment

    monkeypatch.setattr(attached, "peer", asked)
    assert attached.meet(ONE, world.sockets) is None


def test_a_process_out_of_sight_is_refused(world):
    world.pid = 0
    with pytest.raises(NotOurSocket, match="pid: host"):
        attached.meet(ONE, world.sockets)


def test_no_framework_is_one_line(world):
    world.pid = None
    with pytest.raises(HostError, match=r"no framework listens in .*awaited one of one.*docker compose up -d"):
        surroundings.meet_all([ONE, CONTROL], world.sockets, world.wait)
    assert world.waited == surroundings.BIND_S / surroundings.POLL_S


def test_services_that_bind_a_moment_later_are_waited_for(world):
    world.pid = None
    world.acts = {4: world.become(100)}
    assert surroundings.meet_all([ONE], world.sockets, world.wait)["one"].pid == 100


def test_who_is_not_up_takes_no_part(world):
    state = AttachBuilder(world.sockets).state(CONTROL)
    assert (state.state, state.reason) == (
        "not_built",
        "nobody listens for null-rust; try: docker compose up -d null-rust",
    )
    assert AttachBuilder(world.sockets).state(ONE).state == "current"
    with pytest.raises(HostError, match="on the host"):
        AttachBuilder(world.sockets).build(ONE, print)


def test_surroundings_are_read_and_must_be_alike(world, monkeypatch):
    met = {key: attached.Met(key, world.path, pid, 7) for key, pid in (("one", 1), ("null-rust", 2))}
    monkeypatch.setattr(surroundings, "memory_limit", lambda pid: {1: 5, 2: "not_visible"}[pid])
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {1, 0})
    alike = replace(CONTROL, memory_bytes=5)
    assert surroundings.surroundings([ONE, alike], met) == surroundings.Surroundings((0, 1), 5)
    with pytest.raises(HostError, match=r"differ in their memory limits: one 5, null-rust 1073741824"):
        surroundings.surroundings([ONE, CONTROL], met)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {pid})
    with pytest.raises(HostError, match=r"differ in their CPUs: one \(1,\), null-rust \(2,\)"):
        surroundings.surroundings([ONE, alike], met)


def test_the_suites_threads_must_be_those_of_the_services():
    smoke = load_suite("smoke")
    _, environment = environment_of(smoke, "attach", surroundings.Surroundings((3,), 7))
    assert (environment.cpus, environment.threads, environment.memory_bytes) == ((3,), 1, 7)
    with pytest.raises(HostError, match=r"asks for 1 thread, services may run on CPUs \[0, 1\]; try: MLFLEET_CPUS="):
        environment_of(smoke, "attach", surroundings.Surroundings((0, 1), 7))


def test_in_the_container_attach_is_the_runtime_and_elsewhere_it_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv(attached.VARIABLE, str(tmp_path))
    assert choose_runtime("auto") == choose_runtime("attach") == "attach"
    assert isinstance(build.builder("attach", tmp_path), AttachBuilder)
    for other in ("docker", "process"):
        with pytest.raises(HostError, match=f"--runtime {other} is not for this container") as refused:
            choose_runtime(other)
        assert refused.value.exit_code == 3
    monkeypatch.delenv(attached.VARIABLE)
    for attach in (lambda: choose_runtime("attach"), lambda: build.builder("attach", tmp_path)):
        with pytest.raises(HostError, match="docker compose run --rm"):
            attach()


def test_one_trial_that_was_not_fresh_leaves_its_comparisons_without_a_ratio():
    table = samples.table()
    records = [record for cell in table.cells for record in cell.records]
    pair = ("kmeans.fit-iris", "linfa")
    stale = next(i for i, one in enumerate(records) if (one.trial.workload, one.trial.framework) == pair)
    records[stale] = replace(records[stale], flags=("peers_running", "not_fresh"))
    run = replace(table.run, environment=replace(table.run.environment, runtime="attach"))
    table = fold(run, records)
    touched = [c for c in table.comparisons if (c.workload, c.contestant) == pair]
    assert {(c.outcome, c.reasons, c.ratio) for c in touched} == {("inconclusive", ("not_fresh",), None)}
    others = [c for c in table.comparisons if (c.workload, c.contestant) == ("kmeans.fit-iris", "candle")]
    assert all("not_fresh" not in c.reasons for c in others)
    assert "inconclusive: not_fresh: a trial met a process that had served" in " ".join(summary(table).split())
    assert "peers_running" in summary(table)
