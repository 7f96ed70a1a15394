"""Runs a tool, tells its progress line by line, and keeps the end of what it said for the error."""

import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mlfleet.errors import HostError, printable

TAIL_LINES = 15


def run(
    what: str,
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    on_line: Callable[[str], None] = lambda _: None,
) -> None:
    """Run to the end. Raises HostError with the last lines where the tool is absent or fails."""
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    try:
        process = subprocess.Popen(  # noqa: S603 - an argument list, of our own making
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        message = f"{what}: {command[0]} cannot be run ({error.strerror})"
        raise HostError(message) from error
    with process:
        for line in process.stdout or ():
            tail.append(printable(line.rstrip(), 300))
            on_line(tail[-1])
    if process.returncode:
        message = f"{what} failed ({command[0]} ended with {process.returncode}); its last lines:\n  " + "\n  ".join(
            tail
        )
        raise HostError(message)
