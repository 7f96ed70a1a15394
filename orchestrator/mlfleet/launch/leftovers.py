"""What a run leaves on its host when nobody removes it: containers, processes, a folder of sockets and its lock.

The reaper lives on this after its orchestrator died: nothing but the standard library, and nothing imported late.
"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

RUN_LABEL, BOOT_LABEL, LOCK_LABEL = "dev.mlfleet.run", "dev.mlfleet.boot", "dev.mlfleet.lock"
RUN8 = re.compile(r"[0-9a-z]{8}")
_SOCKET = b"MLFLEET_SOCKET="
# Of one call to the engine, in seconds.
ENGINE_S = 5.0
LIST_EVERY_S = 0.25
# Total of one clearing, in seconds.
CLEAR_S = 10.0


@dataclass(frozen=True)
class Container:
    """A container of some run, in whatever state."""

    id: str
    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Owned:
    """Whatever carries one run's mark on this host. `engine`: path of the engine's socket, None where there is none."""

    run8: str
    base: Path
    engine: str | None

    @property
    def folder(self) -> Path:
        """Where its services bind."""
        return self.base / f"mlf-{self.run8}"

    @property
    def lock(self) -> Path:
        """Held while its orchestrator or its reaper lives."""
        return self.base / f"mlf-{self.run8}.lock"

    def taken_over(self, fd: int) -> bool:
        """Whether the lock's name leads to another file than `fd`: the run has been begun again since."""
        try:
            return self.lock.stat().st_ino != os.fstat(fd).st_ino
        except FileNotFoundError:
            return False

    def clear(self, groups: Mapping[int, int], quiet_s: float) -> None:
        """End and remove everything until nothing was found for `quiet_s`: a launch may be under way. At most 10 s.

        `groups`: start time by pid of leaders of process groups. One failure never stops the rest.
        """
        end = time.monotonic() + CLEAR_S
        quiet = time.monotonic()
        while (now := time.monotonic()) < end:
            if self._end_all(groups):
                quiet = now
            elif now - quiet >= quiet_s:
                break
            time.sleep(LIST_EVERY_S)
        with suppress(FileNotFoundError):
            shutil.rmtree(self.folder)

    def _end_all(self, groups: Mapping[int, int]) -> bool:
        found = False
        for pid, start in groups.items():
            if started(pid) == start:
                found = True
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
        for run8, pid in services(self.base):
            if run8 == self.run8:
                found = True
                _end(pid, run8, self.base)
        if self.engine is not None:
            with suppress(OSError):
                for container in containers(self.engine, self.run8):
                    found = True
                    # Its answer is the next list: gone, on its way, or still there.
                    _ask(self.engine, "DELETE", f"/containers/{container.id}?force=1&v=1")
        return found


def containers(engine: str, run8: str | None = None) -> list[Container]:
    """All containers of a run, or of any run. Raises OSError where the engine does not answer as awaited."""
    label = RUN_LABEL if run8 is None else f"{RUN_LABEL}={run8}"
    query = urlencode({"all": 1, "filters": json.dumps({"label": [label]})})
    status, data = _ask(engine, "GET", f"/containers/json?{query}")
    if status != http.client.OK:
        raise OSError(0, f"the engine answered {status} to a list of containers")
    rows: Sequence[Mapping[str, Any]] = json.loads(data)
    return [Container(row["Id"], row["Names"][0].lstrip("/"), row["Labels"]) for row in rows if row["Names"]]


def services(base: Path) -> Iterator[tuple[str, int]]:
    """Run and pid of every process whose socket lies below `base`: services of the process runtime, their children."""
    mark = _SOCKET + bytes(base) + b"/mlf-"
    for entry in (path.name for path in Path("/proc").iterdir()):
        if entry.isdigit() and (run8 := _run_of(int(entry), mark)):
            yield run8, int(entry)


def started(pid: int) -> int | None:
    """When a process started, in clock ticks since boot: a pid may come again, with its start time it does not."""
    try:
        # The name before it may hold spaces and brackets itself.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # A zombie is ended: it waits for its parent alone.
    return None if fields[0] == "Z" else int(fields[19])


def _run_of(pid: int, mark: bytes) -> str | None:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        # Gone, or somebody else's.
        return None
    for variable in variables:
        if variable.startswith(mark):
            run8 = variable[len(mark) :].partition(b"/")[0].decode(errors="replace")
            return run8 if RUN8.fullmatch(run8) else None
    return None


def _end(pid: int, run8: str, base: Path) -> None:
    with suppress(ProcessLookupError, PermissionError):
        fd = os.pidfd_open(pid)
        try:
            # Asked again: what the descriptor holds cannot be replaced by another process of that pid.
            if _run_of(pid, _SOCKET + bytes(base) + b"/mlf-") == run8:
                signal.pidfd_send_signal(fd, signal.SIGKILL)
        finally:
            os.close(fd)


class _Unix(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=ENGINE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(ENGINE_S)
        self.sock.connect(self._path)


def _ask(engine: str, method: str, path: str) -> tuple[int, bytes]:
    connection = _Unix(engine)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise OSError(0, f"the engine's answer broke off: {error}") from error
    finally:
        connection.close()
