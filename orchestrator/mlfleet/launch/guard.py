"""The orchestrator's end of the reaper: started before the first launch, told of groups, sent home at the end."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from mlfleet.errors import HostError
from mlfleet.launch.leftovers import started
from mlfleet.launch.reaper import FAREWELL, READY
from mlfleet.launch.sockets import REAPER_S, RunFolder


@dataclass(frozen=True)
class Guard:
    """A reaper that listens."""

    pid: int
    pipe: IO[bytes]

    def launched(self, leader: int) -> None:
        """A process group was launched; its leader's pid is the group's id."""
        # One that has ended already needs no reaper. One whose reaper was killed is found by the sweep of a next start.
        if (start := started(leader)) is not None:
            with suppress(BrokenPipeError):
                self.pipe.write(b"%d %d\n" % (leader, start))


@contextmanager
def guarded(
    run8: str, sockets: RunFolder, engine: str | None, hurried: Callable[[], bool] = lambda: False
) -> Iterator[Guard]:
    """A reaper for what is launched inside; at the end it checks that nothing is left. `engine`: its socket's path.

    Where `hurried` says so at the end, all removing is left to it. Raises HostError where it does not start.
    """
    # -P: whatever lies in the folder that we were called from is no module of ours.
    command = [sys.executable, "-P", "-m", "mlfleet.launch.reaper", run8, str(sockets.path.parent), engine or ""]
    popen = subprocess.Popen(  # noqa: S603 - our own module
        [*command, str(sockets.lock_fd)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        start_new_session=True,
        # The lock lives as long as somebody looks after the run; every other lock must die with us.
        pass_fds=(sockets.lock_fd,),
    )
    assert popen.stdin is not None, "it is a pipe"  # noqa: S101
    assert popen.stdout is not None, "it is a pipe"  # noqa: S101
    with popen.stdin as pipe:
        with popen.stdout as output:
            if (first := output.readline()) != READY:
                raise HostError(f"the reaper did not start: {(first + output.read()).decode(errors='replace').strip()}")
        try:
            yield Guard(popen.pid, pipe)
        finally:
            if not hurried():
                with suppress(BrokenPipeError):
                    pipe.write(FAREWELL)
                with suppress(subprocess.TimeoutExpired):
                    popen.wait(REAPER_S)
