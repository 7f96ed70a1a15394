"""From started to bound: the wait for a service's socket."""

from pathlib import Path
from typing import Protocol

from mlfleet.calls import NotServing
from mlfleet.launch.base import Running
from mlfleet.launch.sockets import NOT_YET, peer

# Total deadline of the phase launch, in seconds.
LAUNCH_S = 30.0
POLL_S = 0.005
# Asking the runtime how a service fares costs more than a look at its folder.
EXIT_EVERY = 40


class Stopper(Protocol):
    """Signals as a flag; see interrupt.Stop."""

    @property
    def requested(self) -> bool:
        """A signal came."""

    def wait(self, seconds: float) -> bool:
        """Sleep, no longer than until a signal; True if there was one."""

    def check(self) -> None:
        """Raise InterruptedRun if a signal came."""


def await_socket(running: Running, stop: Stopper) -> None:
    """Return when a socket is bound and somebody listens. Raises NotServing, NotOurSocket, InterruptedRun."""
    polls = 0
    while not _listening(running.socket):
        stop.wait(POLL_S)
        stop.check()
        polls += 1
        if polls % EXIT_EVERY == 0 and running.exit() is not None:
            message = "it ended before it bound its socket"
            raise NotServing(message)
        if polls * POLL_S > LAUNCH_S:
            message = f"no socket after {LAUNCH_S:.0f} s"
            raise NotServing(message)


def _listening(socket: Path) -> bool:
    """Whether somebody listens there."""
    try:
        peer(socket)
    except NOT_YET:
        return False
    return True
