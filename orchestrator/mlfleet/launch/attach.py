"""The attach runtime: services that compose started, met over their sockets. It starts, stops and removes nothing.

Such a service leaves after a trial's Collect and is started again, so that every trial meets a fresh process. What a
launcher of its own would set or read beyond that is not there: peers run during a turn, an exit has no status.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mlfleet.launch.attached import Met, has_served, meet, note_served
from mlfleet.launch.base import Exit, LaunchFailed, LaunchSpec
from mlfleet.launch.sockets import NotOurSocket
from mlfleet.meters.limit import memory_limit
from mlfleet.verdict import NOT_FRESH, PEERS_RUNNING, Flag

# From the end of a trial to a fresh process: up to 10 s of age, then the engine's wait. After a life shorter than 10 s
# the engine waits longer each time, at most a minute.
LEAVES_S = 15.0
RETURNS_S = 75.0
POLL_S = 0.05


@dataclass(frozen=True)
class Attached:
    """A service that somebody else started."""

    met: Met
    key: str
    recipe: Mapping[str, str]
    flags: tuple[Flag, ...]

    @property
    def pid(self) -> int:
        """Of the process that listens, as this host counts."""
        return self.met.pid

    @property
    def socket(self) -> Path:
        """Its socket in the shared volume."""
        return self.met.socket

    def freeze(self) -> None:
        """Nothing: another container cannot be stopped from here. The record is flagged `peers_running`."""

    def thaw(self) -> None:
        """Nothing was frozen."""

    def exit(self) -> Exit | None:
        """That it ended, told by /proc; how cannot be read from here."""
        return None if self.met.alive else Exit(None, out_of_memory=False)

    def log_tail(self, lines: int = 20) -> str:
        """Where they are: the engine keeps them, and there is none here."""
        return f"not visible to attach; try: docker compose logs --tail {lines} {self.key}"


class AttachLauncher:
    """Services whose sockets lie in one folder, `payloads` being the folder that they map payloads from.

    `finish` ends a trial that an earlier orchestrator left unfinished in a service.
    """

    def __init__(
        self,
        sockets: Path,
        payloads: Path,
        finish: Callable[[Path], None],
        wait: Callable[[float], object] = time.sleep,
        root: Path = Path("/"),
    ) -> None:
        self.sockets, self.payloads = sockets, payloads
        self._finish, self._wait, self._root = finish, wait, root

    @contextmanager
    def launch(self, spec: LaunchSpec) -> Iterator[Attached]:
        """Meet a fresh process of the service; for a Describe alone (no payload) any will do.

        One that served a trial before and does not leave is taken, and flagged. Raises LaunchFailed where nobody
        listens, or who listens is not who should.
        """
        try:
            attached = self._attach(spec)
        except NotOurSocket as error:
            raise LaunchFailed(str(error)) from error
        yield attached

    def _attach(self, spec: LaunchSpec) -> Attached:
        flags: tuple[Flag, ...] = (PEERS_RUNNING,)
        if spec.payload is None:
            met = self._listening(spec)
        else:
            met = self._fresh(spec)
            flags += (NOT_FRESH,) if has_served(met, self.payloads) else ()
            note_served(met, self.payloads)
        limit = memory_limit(met.pid, self._root)
        recipe = {
            "runtime": "attach",
            "mem_limit": str(limit) if isinstance(limit, int) else f"null: {limit}",
            "inspect": "null: not_visible",
        }
        return Attached(met, spec.service.key, recipe, flags)

    def _fresh(self, spec: LaunchSpec) -> Met:
        """A process that served nothing yet; where one stays that did, that one."""
        for finish in (None, self._finish):
            met = self._listening(spec)
            if not has_served(met, self.payloads):
                return met
            if finish is not None:
                finish(met.socket)
            self._until(partial(_left, met), LEAVES_S)
        return self._listening(spec)

    def _listening(self, spec: LaunchSpec) -> Met:
        found: list[Met] = []

        def listens() -> bool:
            met = meet(spec.service, self.sockets)
            found.extend([met] if met else [])
            return bool(found)

        if not self._until(listens, RETURNS_S):
            key = spec.service.key
            raise LaunchFailed(
                f"nobody listens for {key} in {self.sockets} after {RETURNS_S:.0f} s; try: docker compose ps {key}"
            )
        return found[0]

    def _until(self, done: Callable[[], bool], seconds: float) -> bool:
        polls = int(seconds / POLL_S)
        while not done():
            if polls == 0:
                return False
            polls -= 1
            self._wait(POLL_S)
        return True


def _left(met: Met) -> bool:
    return not met.alive
