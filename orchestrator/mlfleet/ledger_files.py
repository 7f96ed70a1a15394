"""File calls of the ledger, and the two durable acts that are made of them.

Every call is a method, so that a test can make the Nth write or fsync fail, or cut one short.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlfleet.errors import StorageError

RESERVE = "reserve"
# Room for the last line of a run that filled the disk.
RESERVE_BYTES = 64 << 10
TEMPORARY = ".tmp"


class Files:
    """The calls, as the kernel offers them. All raise OSError."""

    def open(self, path: Path, flags: int) -> int:
        """Open, creating with mode 0644; never through a link, never inherited by children."""
        return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Write once; returns how many bytes went."""
        return os.write(fd, data)

    def overwrite(self, fd: int, data: bytes, offset: int) -> int:
        """Write once at an offset; returns how many bytes went."""
        return os.pwrite(fd, data, offset)

    def fsync(self, fd: int) -> None:
        """Wait until the disk has it."""
        os.fsync(fd)

    def truncate(self, fd: int, size: int) -> None:
        """Cut to `size` bytes."""
        os.ftruncate(fd, size)

    def allocate(self, fd: int, size: int) -> None:
        """Take the blocks for `size` bytes now."""
        os.posix_fallocate(fd, 0, size)

    def replace(self, source: Path, target: Path) -> None:
        """Rename over what is there."""
        source.replace(target)

    def unlink(self, path: Path) -> None:
        """Delete, if it is there."""
        path.unlink(missing_ok=True)


@contextmanager
def storage(act: str) -> Iterator[None]:
    """Turn OSError into StorageError: `cannot <act>: <why> (<file>)`."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise StorageError(f"cannot {act}: {error.strerror}{where}") from error


@contextmanager
def opened(files: Files, path: Path, flags: int) -> Iterator[int]:
    """Yield a descriptor that is closed on every way out."""
    fd = files.open(path, flags)
    try:
        yield fd
    finally:
        os.close(fd)


def sync_folder(files: Files, folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    with opened(files, folder, os.O_RDONLY | os.O_DIRECTORY) as fd:
        files.fsync(fd)


def write_durably(files: Files, path: Path, data: bytes) -> None:
    """Write a whole file or none: temporary, fsync, rename, fsync of the folder. Raises OSError."""
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    try:
        with opened(files, temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as fd:
            _write_all(files, fd, memoryview(data))
            files.fsync(fd)
        files.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            files.unlink(temporary)
        raise
    sync_folder(files, path.parent)


def _write_all(files: Files, fd: int, rest: memoryview) -> None:
    while rest:
        # Past 2 GiB a single write is always short; a full disk answers the next one with its errno, or with nothing.
        if (written := files.write(fd, rest)) == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[written:]


def write_blob(files: Files, folder: Path, data: bytes) -> str:
    """Store bytes under their SHA-256; returns it. Raises OSError."""
    digest = hashlib.sha256(data).hexdigest()
    if not (folder / digest).exists():
        write_durably(files, folder / digest, data)
    return digest


def take_reserve(files: Files, folder: Path) -> None:
    """Hold 64 KiB back for the last line of a run that fills the disk. Raises OSError."""
    path = folder / RESERVE
    try:
        with opened(files, path, os.O_WRONLY | os.O_CREAT) as fd:
            files.allocate(fd, RESERVE_BYTES)
            files.fsync(fd)
    except OSError:
        with suppress(OSError):
            files.unlink(path)
        raise


def clear_temporaries(files: Files, folder: Path) -> None:
    """Delete what a writer that died left half written. Raises OSError."""
    for path in folder.glob(f".*{TEMPORARY}"):
        files.unlink(path)
