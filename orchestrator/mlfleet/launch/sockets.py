"""Where services bind: a private folder a run, a fresh one an attempt; and what lies at the end of a socket."""

import os
import shutil
import socket
import stat
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mlfleet.errors import HostError
from mlfleet.launch.leftovers import BOOT_LABEL, LOCK_LABEL, RUN_LABEL, Owned
from mlfleet.locks import boot_id, claim

NAME = "s"
# sockaddr_un.sun_path, less its closing NUL.
MAX_PATH_BYTES = 107
PEER_TIMEOUT_S = 1.0
# The reaper of a killed run has at most 10 s for its work.
REAPER_S = 15.0
_CREDENTIALS = struct.Struct("3i")


class NotOurSocket(Exception):  # noqa: N818 - it is a verdict, not a bug
    """What lies at the path is no socket, or not the one that was there before."""


class Replaced(NotOurSocket):
    """A socket lies there, but not the one that was asked."""


# Nobody listens yet: no socket, bound but not listening, or not yet open to everybody (services do that last).
NOT_YET = (FileNotFoundError, ConnectionRefusedError, PermissionError)


@dataclass(frozen=True)
class Peer:
    """Who listens: pid and uid as the kernel tells them, seen from this host; inode of the socket file."""

    pid: int
    uid: int
    inode: int


class RunFolder:
    """`/dev/shm/mlf-<run8>`, 0700: nobody but us and the containers that it is mounted into comes near a socket.

    A lock beside it says that the run's launches are looked after: by this process, or by the reaper that inherits it.
    """

    def __init__(self, run: str, base: Path | None = None, check: Callable[[], None] = lambda: None) -> None:
        """Claim the lock and make the folder afresh. `check` may raise while the reaper of a killed run is at work.

        Raises HostError where the folder belongs to somebody else or the path is too long, LockedError.
        """
        self._owned = Owned(run[:8], base or run_base(), None)
        self.path = self._owned.folder
        self.attempts = 0
        if len(bytes(self.path / "9999" / NAME)) > MAX_PATH_BYTES:
            message = f"socket path {self.path / '9999' / NAME} is longer than {MAX_PATH_BYTES} bytes"
            raise HostError(message)
        if self.path.is_symlink() or (self.path.exists() and self.path.stat().st_uid != os.getuid()):
            message = f"{self.path} belongs to somebody else; remove it"
            raise HostError(message)
        self.lock_fd = claim(self._owned.lock, run, REAPER_S, check)
        # Left by a run that was killed: a fresh process must never meet an old socket.
        self._clear()
        self.path.mkdir(mode=0o700)

    @property
    def labels(self) -> Mapping[str, str]:
        """What every launch of this run is marked with: enough to tell later whether anybody looks after it."""
        return {RUN_LABEL: self._owned.run8, BOOT_LABEL: boot_id(), LOCK_LABEL: str(self._owned.lock)}

    def fresh(self) -> Path:
        """A new folder for one attempt, open to the service's user whatever the umask."""
        self.attempts += 1
        folder = self.path / str(self.attempts)
        folder.mkdir()
        folder.chmod(0o777)
        return folder

    def remove(self) -> None:
        """Remove it with all that services left there, and the lock. Raises HostError if something stays."""
        try:
            # The reaper may have been faster, and the run may have been begun again by now.
            if not self._owned.taken_over(self.lock_fd):
                self._clear()
                self._owned.lock.unlink(missing_ok=True)
        finally:
            os.close(self.lock_fd)

    def _clear(self) -> None:
        try:
            shutil.rmtree(self.path)
        except FileNotFoundError:
            return
        except OSError as error:
            message = f"{self.path} could not be removed ({error.strerror}: {error.filename}); remove it as root"
            raise HostError(message) from error

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove."""
        self.remove()


def peer(path: Path) -> Peer:
    """Who listens at the path, without sending a byte.

    Raises NotOurSocket where the path is a link or no socket: it would be resolved on the host, not in the container.
    Raises OSError where nobody listens.
    """
    before = _inode(path)
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PEER_TIMEOUT_S)
        probe.connect(str(path))
        data = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    if _inode(path) != before:
        message = f"{path.name} was replaced while it was asked who listens"
        raise Replaced(message)
    pid, uid, _ = _CREDENTIALS.unpack(data)
    return Peer(pid, uid, before)


def _inode(path: Path) -> int:
    found = path.lstat()
    if not stat.S_ISSOCK(found.st_mode):
        message = f"{path.name} is no socket but {stat.filemode(found.st_mode)}"
        raise NotOurSocket(message)
    return found.st_ino


def run_base() -> Path:
    """Where runs have their folders."""
    shm = Path("/dev/shm")  # noqa: S108 - the folder below is private; memory is not touched by a disk's delays
    return shm if shm.is_dir() else Path("/tmp")  # noqa: S108
