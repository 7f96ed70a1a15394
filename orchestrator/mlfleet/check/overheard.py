"""What a service wrote, also when nothing went wrong."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mlfleet.launch.base import Launcher, LaunchFailed, LaunchSpec, Running

LINES = 200


class Overheard:
    """A launcher that keeps the last lines of the service that it launched last."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self.log = ""

    @contextmanager
    def launch(self, spec: LaunchSpec) -> Iterator[Running]:
        """As the launcher does; the log is read before the service is removed."""
        self.log = ""
        with self._launcher.launch(spec) as running:
            try:
                yield running
            finally:
                with suppress(LaunchFailed):
                    self.log = running.log_tail(LINES)
