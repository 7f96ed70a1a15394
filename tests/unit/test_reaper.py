"""The reaper and the sweep against processes and an engine of the test's own: what has the mark goes, nothing else."""

import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from mlfleet.errors import InterruptedRun, LockedError
from mlfleet.launch import leftovers
from mlfleet.launch.guard import guarded
from mlfleet.launch.leftovers import BOOT_LABEL, LOCK_LABEL, RUN_LABEL, services, started
from mlfleet.launch.reaper import listen
from mlfleet.launch.sockets import RunFolder
from mlfleet.launch.sweep import survey, sweep
from mlfleet.locks import boot_id

RUN = "0a1b2c3d"
DEADLINE_S = 10.0


class Engine(ThreadingUnixStreamServer):
    """Lists and deletes containers; the first delete of each is answered as if it were under way."""

    daemon_threads = True

    def __init__(self, path):
        super().__init__(str(path), Handler)
        self.path, self.containers, self.asked = str(path), {}, []


class Handler(BaseHTTPRequestHandler):
    def address_string(self):
        return ""

    def log_message(self, *_):
        pass

    def do_GET(self):
        [wanted] = json.loads(parse_qs(urlsplit(self.path).query)["filters"][0])["label"]
        name, _, value = wanted.partition("=")
        rows = [
            {"Id": key, "Names": [f"/{key}"], "Labels": labels}
            for key, labels in list(self.server.containers.items())
            if name in labels and value in ("", labels[name])
        ]
        self.answer(200, json.dumps(rows).encode())

    def do_DELETE(self):
        key = unquote(urlsplit(self.path).path).removeprefix("/containers/")
        again = key in self.server.asked
        self.server.asked.append(key)
        if again:
            del self.server.containers[key]
        self.answer(204 if again else 409, b"")

    def answer(self, code, body):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body:
            self.wfile.write(body)


@pytest.fixture
def base(tmp_path):
    return tmp_path


@pytest.fixture
def engine(tmp_path):
    with Engine(tmp_path / "engine.sock") as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def start():
    """A process that sleeps, in a session of its own; with variables or without."""
    made = []

    def begin(**variables):
        command = [sys.executable, "-S", "-c", "import time; print(flush=True); time.sleep(60)"]
        options = {"env": variables, "stdout": subprocess.PIPE, "start_new_session": True}
        made.append(subprocess.Popen(command, **options))
        made[-1].stdout.readline()
        return made[-1]

    yield begin
    for popen in made:
        popen.kill()
        popen.wait()
        popen.stdout.close()


def labels(base, run8=RUN, boot=None):
    return {RUN_LABEL: run8, BOOT_LABEL: boot or boot_id(), LOCK_LABEL: str(base / f"mlf-{run8}.lock")}


def left(base):
    return sorted(path.name for path in base.glob("mlf-*"))


def eventually(what):
    end = time.monotonic() + DEADLINE_S
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


# Stands for an orchestrator: a reaper, a group that it was told of, then whatever the test does to it.
ORCHESTRATOR = """
import sys, time
from pathlib import Path
from mlfleet.launch.guard import guarded
from mlfleet.launch.sockets import RunFolder
base, engine, leader = Path(sys.argv[1]), sys.argv[2] or None, int(sys.argv[3])
sockets = RunFolder("0a1b2c3d", base)
with guarded("0a1b2c3d", sockets, engine) as guard:
    guard.launched(leader)
    print(guard.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def orchestrator(base, engine):
    made = []

    def begin(leader):
        command = [sys.executable, "-c", ORCHESTRATOR, base, engine.path, str(leader)]
        made.append(subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True))
        return made[-1], int(made[-1].stdout.readline())

    yield begin
    for popen in made:
        popen.kill()
        popen.wait()
        popen.stdout.close()


def test_groups_and_farewell_are_understood_and_a_line_that_broke_off_is_not():
    assert listen([b"12 345\n", b"13 346\n", b"bye\n", b"14 1\n"]) == ({12: 345, 13: 346}, True)
    assert listen([b"12 345\n", b"13 3"]) == ({12: 345}, False)
    assert listen([]) == ({}, False)


def test_a_killed_orchestrator_leaves_nothing(base, engine, start, orchestrator):
    told, marked, other = start(), start(MLFLEET_SOCKET=f"{base}/mlf-{RUN}/1/s"), start()
    neighbour = start(MLFLEET_SOCKET=f"{base}/mlf-99999999/1/s")
    os.killpg(told.pid, signal.SIGSTOP)
    engine.containers = {"mine": labels(base), "theirs": labels(base, "99999999"), "foreign": {}}
    killed, reaper = orchestrator(told.pid)
    os.kill(reaper, signal.SIGTERM)
    os.kill(reaper, signal.SIGINT)
    os.kill(reaper, signal.SIGHUP)
    assert left(base) == [f"mlf-{RUN}", f"mlf-{RUN}.lock"]
    killed.kill()
    assert told.wait(DEADLINE_S) == marked.wait(DEADLINE_S) == -signal.SIGKILL
    # Whoever resumes the run waits for the reaper.
    folder = RunFolder(RUN, base)
    assert engine.containers.keys() == {"theirs", "foreign"}
    eventually(lambda: started(reaper) is None)
    assert other.poll() is neighbour.poll() is None
    folder.remove()
    assert left(base) == []


def test_an_orchestrator_killed_while_its_reaper_starts_leaves_nothing_either(base, engine):
    engine.containers = {"mine": labels(base)}
    sockets = RunFolder(RUN, base)
    command = [sys.executable, "-m", "mlfleet.launch.reaper", RUN, str(base), engine.path, str(sockets.lock_fd)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    reaper = subprocess.Popen(command, pass_fds=(sockets.lock_fd,), **pipes)
    reaper.stdout.close()
    reaper.stdin.close()
    os.close(sockets.lock_fd)
    assert reaper.wait(DEADLINE_S) == 0
    assert (left(base), engine.containers) == ([], {})


def test_a_pid_that_came_again_is_nobody_that_was_launched(base, start):
    innocent = start()
    leftovers.Owned(RUN, base, None).clear({innocent.pid: started(innocent.pid) - 1}, 0.0)
    assert innocent.poll() is None


def test_the_reaper_leaves_with_us_and_takes_what_we_forgot(base, engine):
    engine.containers = {"mine": labels(base)}
    with RunFolder(RUN, base) as sockets, guarded(RUN, sockets, engine.path) as guard:
        assert started(guard.pid) is not None
    assert started(guard.pid) is None
    assert engine.containers == {}
    assert left(base) == []


# In life the process ends with it; here it goes on, and Python says that the reaper does too.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_in_a_hurry_everything_is_left_to_the_reaper(base, engine):
    engine.containers = {"mine": labels(base)}
    sockets = RunFolder(RUN, base)
    begin = time.monotonic()
    with guarded(RUN, sockets, engine.path, lambda: True):
        pass
    os.close(sockets.lock_fd)
    assert time.monotonic() - begin < 1
    eventually(lambda: left(base) == [])
    assert engine.containers == {}


def test_a_killed_reaper_is_made_up_for_by_the_sweep(base, engine, start, orchestrator):
    marked, child = (start(MLFLEET_SOCKET=f"{base}/mlf-{RUN}/{number}/s") for number in (1, 2))
    engine.containers = {"mine": labels(base), "foreign": {RUN_LABEL: "99999999"}}
    killed, reaper = orchestrator(marked.pid)
    said = []
    sweep(engine.path, said.append, base)
    assert said == [], "it is in use"
    assert [one.state for one in survey(engine.path, base)] == ["in use"]
    os.kill(reaper, signal.SIGKILL)
    killed.kill()
    killed.wait()
    eventually(lambda: started(reaper) is None)
    [found] = survey(engine.path, base)
    assert (found.state, found.objects.containers) == ("left", ["mine"])
    assert set(found.objects.processes) == {marked.pid, child.pid}
    sweep(engine.path, said.append, base)
    assert [line.startswith("removed what a killed run left: run 0a1b2c3d: ") for line in said] == [True]
    assert marked.wait(DEADLINE_S) == child.wait(DEADLINE_S) == -signal.SIGKILL
    assert engine.containers.keys() == {"foreign"}, "no run launched it: it names no lock"
    assert left(base) == []
    assert survey(engine.path, base) == []


def test_containers_of_an_older_boot_are_nobodys(base, engine):
    engine.containers = {"old": labels(base, boot="another") | {LOCK_LABEL: "/proc/1/mem"}}
    sweep(engine.path, lambda _: None, base)
    assert engine.containers == {}
    assert left(base) == []


def test_a_lock_that_cannot_be_read_counts_as_held_and_is_named(base, engine):
    (base / f"mlf-{RUN}.lock").symlink_to("/dev/null")
    engine.containers = {"mine": labels(base)}
    said = []
    sweep(engine.path, said.append, base)
    [line] = said
    assert "container mine" in line
    assert f"mlf-{RUN}.lock cannot be read" in line
    assert engine.containers.keys() == {"mine"}


def test_an_engine_that_does_not_answer_is_named(base):
    said = []
    sweep(str(base / "absent.sock"), said.append, base)
    assert len(said) == 1
    assert "were not looked for" in said[0]


def test_a_run_that_is_looked_after_cannot_be_begun_again(base, monkeypatch):
    monkeypatch.setattr("mlfleet.launch.sockets.REAPER_S", 0.2)
    with RunFolder(RUN, base) as first:
        with pytest.raises(LockedError, match=f"held by pid {os.getpid()}"):
            RunFolder(RUN, base)
        assert first.path.is_dir()

        def stopped():
            message = "stopped"
            raise InterruptedRun(message, signal.SIGINT)

        with pytest.raises(InterruptedRun):
            RunFolder(RUN, base, stopped)
    assert left(base) == []


def test_processes_of_other_folders_are_not_seen(base, start):
    start(MLFLEET_SOCKET=f"{base}/mlf-{RUN}x/1/s")
    start(MLFLEET_SOCKET=f"{Path('/nowhere')}/mlf-{RUN}/1/s")
    seen = start(MLFLEET_SOCKET=f"{base}/mlf-{RUN}/1/s")
    assert list(services(base)) == [(RUN, seen.pid)]
