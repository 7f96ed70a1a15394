"""Locks, freed by the kernel however their holder dies: of a run's folder, of measuring on this host, of a launch site.

All are flock(2). The first two are files that stay where they are: deleting one would let two holders lock two files of
one name. The third, `claim`, goes with what it guards, so whoever gets it looks whether it still has that name.
"""

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic.dataclasses import dataclass

from mlfleet.codec import decode, encode
from mlfleet.errors import LockedError, StorageError
from mlfleet.model import STRICT

LOCK = "lock"
# Where the host lock is, unless MLFLEET_LOCK says otherwise: a tmpfs that every container of the host can mount, too.
HOST_LOCK = Path("/dev/shm/mlfleet.lock")  # noqa: S108 - meant to be shared; never followed through a link
HOST_LOCK_VARIABLE = "MLFLEET_LOCK"
CHECK_SUFFIX = ".check"
# Their servers may forget a lock, or keep it for a client that died.
NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "afs", "lustre", "fuse.sshfs"})
# A look at a lock (`holder`) takes it for microseconds; a start that meets one tries again.
PATIENCE_S = 0.1


@dataclass(frozen=True, config=STRICT)
class Holder:
    """Who holds a lock. `boot` is the kernel's boot id: a pid of another boot says nothing."""

    pid: int
    boot: str
    run: str

    def __str__(self) -> str:
        """As it is told to those who must wait."""
        return f"run {self.run!r}, pid {self.pid}"


@contextmanager
def run_lock(folder: Path, run: str) -> Iterator[None]:
    """Hold a run's folder, created if need be, until the context is left.

    Raises LockedError naming the holder; StorageError on a network file system, or where the file cannot be opened.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make {folder}: {error.strerror}") from error
    kind = file_system(folder)
    if kind in NETWORK_FILE_SYSTEMS:
        raise StorageError(f"{folder} lies on {kind}, where locks do not hold: name a folder on a local disk")
    with _held(folder / LOCK, f"the run in {folder}", run, 0o644):
        yield


@contextmanager
def host_lock(run: str, path: Path | None = None) -> Iterator[None]:
    """Be the only measuring run of this host until the context is left. `path` defaults to MLFLEET_LOCK, or HOST_LOCK.

    Raises LockedError naming the holder; StorageError where the file cannot be opened.
    """
    named = path or Path(os.environ.get(HOST_LOCK_VARIABLE) or HOST_LOCK)
    # 0666: another user's run must be able to lock it.
    with _held(named, "this host", run, 0o666):
        yield


@contextmanager
def check_lock(name: str) -> Iterator[None]:
    """Be the only `mlfleet check` of this host, beside the host lock's file: a check does not wait for a long run.

    Raises LockedError naming the holder; StorageError where the file cannot be opened.
    """
    measuring = Path(os.environ.get(HOST_LOCK_VARIABLE) or HOST_LOCK)
    with _held(measuring.with_name(measuring.name + CHECK_SUFFIX), "checking on this host", name, 0o666):
        yield


def claim(path: Path, run: str, patience_s: float, check: Callable[[], None] = lambda: None) -> int:
    """A descriptor that holds the lock file at `path`, made if need be; its holder may delete the file.

    Waits for another holder; `check` may raise meanwhile. Raises LockedError after that, StorageError where the file
    cannot be opened. A child that inherits the descriptor holds the lock on.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fd = _open(path, 0o600, create=True)
        except OSError as error:
            raise StorageError(f"cannot open the lock {path}: {error.strerror}") from error
        if _try(fd) and _still_at(path, fd):
            _sign(fd, run)
            return fd
        found = _body(fd)
        os.close(fd)
        check()
        if time.monotonic() > deadline:
            raise LockedError(f"{path} is held by {f'pid {found.pid}' if found else 'another process'}: wait for it")
        time.sleep(PATIENCE_S / 2)


def holder(path: Path) -> Holder | str | None:
    """Who holds the lock file: None if nobody does, a sentence where that cannot be told (it counts as held)."""
    try:
        fd = _open(path, 0o644, create=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    try:
        if _try(fd):
            return None
        return _body(fd) or "a process that has not written its name yet"
    finally:
        os.close(fd)


def boot_id() -> str:
    """The kernel's name for the time since it started."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def file_system(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Type of the file system that a path lies on, as the mount table names it (`ext4`, `nfs4`)."""
    path = path.resolve()
    best, kind = -1, "unknown"
    for row in mounts.read_text().splitlines():
        left, _, right = row.partition(" - ")
        point = Path(left.split()[4].encode().decode("unicode_escape"))
        # Later rows lie over earlier ones of the same point.
        if path.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), right.split()[0]
    return kind


@contextmanager
def _held(path: Path, what: str, run: str, mode: int) -> Iterator[None]:
    try:
        fd = _open(path, mode, create=True)
    except OSError as error:
        raise StorageError(f"cannot open the lock {path}: {error.strerror}") from error
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not _try(fd):
            if time.monotonic() > deadline:
                found = _body(fd)
                name = found or "a process that has not written its name yet"
                raise LockedError(f"{what} is held by {name} (lock {path}): wait for it, or stop it")
            time.sleep(PATIENCE_S / 20)
        _sign(fd, run)
        yield
        os.ftruncate(fd, 0)
    finally:
        os.close(fd)


def _open(path: Path, mode: int, *, create: bool) -> int:
    # Never O_CREAT on what exists: in a sticky folder the kernel refuses that for another user's file
    # (fs.protected_regular). Descriptors of Python are not inherited by children, who would keep the lock alive.
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        fd = os.open(path, flags)
    except FileNotFoundError:
        if not create:
            raise
        try:
            fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            return _open(path, mode, create=False)
        with suppress(PermissionError):
            # Past the umask.
            os.fchmod(fd, mode)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(0, "not a regular file")
    return fd


def _try(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _still_at(path: Path, fd: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(fd).st_ino
    except FileNotFoundError:
        return False


def _sign(fd: int, run: str) -> None:
    os.ftruncate(fd, 0)
    os.pwrite(fd, encode(Holder(os.getpid(), boot_id(), run)), 0)


def _body(fd: int) -> Holder | None:
    try:
        return decode(Holder, os.pread(fd, 4096, 0))
    except StorageError:
        # Held, but not signed: between lock and write, or by someone else's program.
        return None
