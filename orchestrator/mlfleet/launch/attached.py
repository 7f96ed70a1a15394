"""Services that somebody else started: who listens for one, and whether that process has served a trial before."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlfleet import compose
from mlfleet.errors import HostError
from mlfleet.launch.leftovers import started
from mlfleet.launch.recipe import USER
from mlfleet.launch.sockets import NOT_YET, NotOurSocket, Replaced, peer
from mlfleet.model import Service

UID = int(USER.partition(":")[0])
# The folder of the services' sockets. Set in the orchestrator's container alone, which has no other runtime.
VARIABLE = "MLFLEET_SOCKETS"


def sockets_folder() -> Path | None:
    """Where to attach; None on a host."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def required_folder() -> Path:
    """Where to attach. Raises HostError on a host, also for a run that was made elsewhere."""
    if (folder := sockets_folder()) is None:
        command = 'docker compose run --rm --user "$(id -u):$(id -g)" orchestrator run smoke'
        raise HostError(f"attach is for the orchestrator that compose starts ({VARIABLE} is not set); try: {command}")
    return folder


@dataclass(frozen=True)
class Met:
    """A process that listens for a service, as this host knows it."""

    key: str
    socket: Path
    pid: int
    # In clock ticks since boot.
    start: int

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return started(self.pid) == self.start

    @property
    def mark(self) -> str:
        """What no other process of this host ever has."""
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {self.pid} {self.start}"


def meet(service: Service, sockets: Path, uid: int = UID) -> Met | None:
    """Who listens for the service in that folder, None if nobody does.

    Raises NotOurSocket for a link, what is no socket, another user's socket or process, a process out of sight.
    """
    # The image chooses the name by its build argument, which two languages of one folder have apart.
    path = sockets / compose.argument(service.key, service.language)
    try:
        found = peer(path)
        owner = path.lstat().st_uid
    except (*NOT_YET, Replaced):
        # Replaced: it is being started again.
        return None
    except NotOurSocket as error:
        raise NotOurSocket(f"{path}: {error}; awaited a socket of uid {uid}") from error
    if (owner, found.uid) != (uid, uid):
        raise NotOurSocket(f"{path} belongs to uid {owner}, uid {found.uid} listens; awaited uid {uid} for both")
    if found.pid == 0:
        raise NotOurSocket(f"{path}: who listens is out of sight; awaited a container with `pid: host`")
    start = started(found.pid)
    return None if start is None else Met(service.key, path, found.pid, start)


def has_served(met: Met, payloads: Path) -> bool:
    """Whether this very process was given a trial before, by this orchestrator or one before it."""
    try:
        return _marks(met, payloads).read_text() == met.mark
    except FileNotFoundError:
        return False


def note_served(met: Met, payloads: Path) -> None:
    """Remember it where services cannot write, and an orchestrator of another user can."""
    handle, temporary = tempfile.mkstemp(dir=payloads, prefix=".served-")
    with os.fdopen(handle, "w") as file:
        file.write(met.mark)
        os.fchmod(file.fileno(), 0o644)
    Path(temporary).replace(_marks(met, payloads))


def _marks(met: Met, payloads: Path) -> Path:
    return payloads / f"served-{met.key}"
