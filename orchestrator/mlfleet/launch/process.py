"""The process runtime: each service a local process group in its own environment; SIGSTOP and SIGCONT freeze and thaw.

For hosts without an engine. It seals nothing: no memory limit, no own file system, the host's network.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mlfleet.launch.base import Exit, LaunchFailed, LaunchSpec
from mlfleet.launch.sockets import NAME
from mlfleet.launch.variables import variables
from mlfleet.model import Service
from mlfleet.verdict import Flag, Verdict

STOP_DEADLINE_S = 2.0
POLL_S = 0.0005
SIGNAL_BASE = 128


class NotBuilt(LaunchFailed):
    """There is no environment or binary of this service."""

    verdict = Verdict.NOT_BUILT


@dataclass(frozen=True)
class Process:
    """A started process, the leader of its own group."""

    popen: subprocess.Popen[bytes]
    socket: Path
    log: Path
    recipe: Mapping[str, str]
    flags: tuple[Flag, ...] = ()

    @property
    def pid(self) -> int:
        """Its pid, which is also its group's id."""
        return self.popen.pid

    def freeze(self) -> None:
        """SIGSTOP to the group; returns when the leader stands still."""
        self._signal(signal.SIGSTOP, stopped=True)

    def thaw(self) -> None:
        """SIGCONT to the group; returns when the leader runs."""
        self._signal(signal.SIGCONT, stopped=False)

    def exit(self) -> Exit | None:
        """Its status; the process runtime cannot tell an OOM kill from another kill."""
        status = self.popen.poll()
        if status is None:
            return None
        return Exit(status if status >= 0 else SIGNAL_BASE - status, out_of_memory=False)

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of both streams."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, number: signal.Signals, *, stopped: bool) -> None:
        try:
            os.killpg(self.pid, number)
            deadline = time.monotonic() + STOP_DEADLINE_S
            while (self._state() == "T") is not stopped:
                if time.monotonic() > deadline:
                    message = f"{number.name} left the process in state {self._state()} for {STOP_DEADLINE_S} s"
                    raise LaunchFailed(message)
                time.sleep(POLL_S)
        except (ProcessLookupError, FileNotFoundError) as error:
            message = f"{number.name}: the process is gone"
            raise LaunchFailed(message) from error

    def _state(self) -> str:
        # The state follows the command's name, which may hold spaces and brackets itself.
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2][0]


class ProcessLauncher:
    """Local processes; `command` gives a service's command line, or None where it is not built."""

    def __init__(
        self, command: Callable[[Service], Sequence[str] | None], launched: Callable[[int], None] = lambda _: None
    ) -> None:
        """`launched`: told the pid of each leader as soon as it runs, so that it can be ended if we cannot."""
        self._command, self._launched = command, launched

    @contextmanager
    def launch(self, spec: LaunchSpec) -> Iterator[Process]:
        """Start the service on the environment's CPUs; its whole group is killed on leaving."""
        command = self._command(spec.service)
        if command is None:
            message = f"service {spec.service.key} is not built for the process runtime; try: mlfleet build"
            raise NotBuilt(message)
        folder = spec.socket_folder
        log = folder.with_suffix(".log")
        payloads = str(spec.payload.parent) if spec.payload else str(folder)
        chosen = variables(
            spec, socket=str(folder / NAME), payloads=payloads, home=str(folder), cache=str(folder / "cache")
        )
        # Nothing else hides GPUs from a process: it is shown the one that was asked for, or none.
        environment = {"PATH": os.defpath, "CUDA_VISIBLE_DEVICES": spec.environment.gpu or "", **chosen}
        with log.open("wb") as output, _on_cpus(spec.environment.cpus):
            try:
                popen = subprocess.Popen(  # noqa: S603 - our own build's command
                    command,
                    env=environment,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                message = f"{command[0]}: {error.strerror}"
                raise LaunchFailed(message) from error
        recipe = {"runtime": "process", "memory": "no limit", "network": "host", "variables": " ".join(sorted(chosen))}
        try:
            self._launched(popen.pid)
            yield Process(popen, folder / NAME, log, recipe)
        finally:
            kill(popen)


def kill(popen: subprocess.Popen[bytes]) -> None:
    """End the whole group, stopped or not, and reap its leader."""
    with suppress(ProcessLookupError):
        os.killpg(popen.pid, signal.SIGKILL)
    popen.wait()


@contextmanager
def _on_cpus(cpus: tuple[int, ...]) -> Iterator[None]:
    """A child inherits the CPUs of the thread that starts it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
