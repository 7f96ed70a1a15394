"""The reaper: a process beside the orchestrator that ends and removes what a killed one leaves.

It sits on a pipe that only the orchestrator holds, deaf to the signals of its terminal. At the pipe's end everything
with the run's mark goes; results are never touched. `python -m mlfleet.launch.reaper RUN8 BASE ENGINE LOCK_FD`.
"""

import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from mlfleet.launch.leftovers import Owned

READY = b"ready\n"
FAREWELL = b"bye\n"
# A create may have been under way when the orchestrator died.
QUIET_S = 1.0


def listen(lines: Iterable[bytes]) -> tuple[dict[int, int], bool]:
    """Start times by pid of the groups that were launched, and whether the orchestrator took its leave."""
    groups: dict[int, int] = {}
    for line in lines:
        if line == FAREWELL:
            return groups, True
        # A line that broke off was being written when its writer died.
        if line.endswith(b"\n"):
            pid, start = map(int, line.split())
            groups[pid] = start
    return groups, False


def reap(owned: Owned, lock_fd: int, lines: Iterable[bytes]) -> None:
    """Wait for the end, then clear; the lock goes last: whoever resumes the run waits for it."""
    groups, farewell = listen(lines)
    with suppress(OSError):
        # A folder that does not go is named by the next start.
        if not owned.taken_over(lock_fd):
            owned.clear(groups, 0.0 if farewell else QUIET_S)
            owned.lock.unlink(missing_ok=True)


def main(run8: str, base: str, engine: str, lock_fd: str) -> None:
    """Say that it listens, leave the orchestrator's terminal and folder, reap."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    # Killed while it waits for this line: then all there is to do is to clear.
    with suppress(BrokenPipeError):
        os.write(1, READY)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (1, 2):
        os.dup2(null, fd)
    reap(Owned(run8, Path(base), engine or None), int(lock_fd), sys.stdin.buffer)


if __name__ == "__main__":
    main(*sys.argv[1:])
