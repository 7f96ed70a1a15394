"""The ledger of a run: append-only, and "appended" means that it survives a power cut.

One writer at a time: the caller holds `locks.run_lock(folder)`. A line is one `write` to an O_APPEND descriptor, its
length checked, then fsync. After a failure nothing more is written but, on a full disk, one `close` line from the
reserve. The next `Ledger.open` mends what a dying writer left behind, and says so in a note.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic_ns
from types import TracebackType
from typing import NoReturn, Self

from mlfleet.codec import canonical, encode
from mlfleet.errors import StorageError
from mlfleet.ledger_files import (
    RESERVE,
    Files,
    clear_temporaries,
    opened,
    storage,
    sync_folder,
    take_reserve,
    write_blob,
    write_durably,
)
from mlfleet.ledger_lines import (
    BLOBS,
    LEDGER,
    RUN,
    BlockBody,
    CloseBody,
    Kind,
    Line,
    NoteBody,
    Place,
    Torn,
    lines,
    read_lines,
    sealed,
)
from mlfleet.model import SCHEMA


@dataclass(frozen=True)
class Stamp:
    """When a line was written. `wall` (RFC 3339, UTC) only dates it; `mono_ns` is CLOCK_MONOTONIC of that boot."""

    wall: str
    mono_ns: int
    boot: str


def system_stamp() -> Stamp:
    """Read the clocks of this machine."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return Stamp(datetime.now(UTC).isoformat(timespec="microseconds"), monotonic_ns(), boot)


class Ledger:
    """A run's ledger, open for appending; a context manager that closes its descriptor, but writes no `close` line."""

    def __init__(self, folder: Path, files: Files, stamp: Callable[[], Stamp]) -> None:
        """Attach to a sound ledger; `create` and `open` are the ways in. Raises StorageError."""
        self.folder = folder
        self._files = files
        self._stamp = stamp
        self._broken: str | None = None
        self._seq, self._end = 0, 0
        self._prev = hashlib.sha256((folder / RUN).read_bytes()).hexdigest()
        self._closed: set[Place] = set()
        for line in read_lines(folder):
            self._seq, self._prev, self._end = line.seq + 1, line.digest, line.end
            if line.kind == "block":
                body = line.read(BlockBody)
                self._closed.add((body.workload, body.block))
        self._fd = files.open(folder / LEDGER, os.O_WRONLY | os.O_APPEND)

    @classmethod
    def create(
        cls, folder: Path, run_json: bytes, *, files: Files | None = None, stamp: Callable[[], Stamp] = system_stamp
    ) -> Self:
        """Begin a run: run.json, the reserve, the line `open`.

        Raises StorageError where there is a run already, no room, or no right to write.
        """
        files = files or Files()
        # A ledger that is empty is a begin that was killed: nothing was decided yet.
        if (folder / RUN).exists() or ((folder / LEDGER).exists() and (folder / LEDGER).stat().st_size):
            raise StorageError(f"{folder} holds a run already: resume it, or name another folder")
        with storage(f"begin a run in {folder}"):
            (folder / BLOBS).mkdir(parents=True, exist_ok=True)
            take_reserve(files, folder)
            with opened(files, folder / LEDGER, os.O_WRONLY | os.O_CREAT) as fd:
                files.fsync(fd)
            write_durably(files, folder / RUN, run_json)
            sync_folder(files, folder.parent)
            ledger = cls(folder, files, stamp)
        ledger.append("open", {})
        return ledger

    @classmethod
    def open(cls, folder: Path, *, files: Files | None = None, stamp: Callable[[], Stamp] = system_stamp) -> Self:
        """Go on with a run: scan all, mend a torn tail. The caller appends `resume`.

        Raises StorageError where a line is damaged (seq and offset named), or the folder cannot be written.
        """
        files = files or Files()
        with storage(f"resume the run in {folder}"):
            mended = list(_mend(files, folder))
            for place in (folder, folder / BLOBS):
                clear_temporaries(files, place)
            take_reserve(files, folder)
            ledger = cls(folder, files, stamp)
        if ledger._seq == 0:
            # Its writer died before the first line.
            ledger.append("open", {})
        for note in mended:
            ledger.append("note", note)
        return ledger

    def append(self, kind: Kind, body: object) -> int:
        """Append a line and wait until the disk has it; returns its seq. `body`: a mapping, or a model's dataclass.

        Raises StorageError when it cannot be stored, and from then on always; ValueError for a body that is not
        canonical, too long, or a second `block` line of a block: mistakes of the caller, nothing is written.
        """
        if self._broken:
            raise StorageError(f"the ledger was given up: {self._broken}")
        place = (body.workload, body.block) if isinstance(body, BlockBody) else None
        if place in self._closed:
            raise ValueError(f"block {place} is closed already")
        line, digest = self._line(kind, body)
        self._write(line)
        seq = self._seq
        self._seq, self._prev, self._end = seq + 1, digest, self._end + len(line)
        if place:
            self._closed.add(place)
        return seq

    def lines(self) -> Iterator[Line]:
        """Read all lines anew from the file, each checked. Raises StorageError."""
        return read_lines(self.folder)

    def blob(self, data: bytes) -> str:
        """Store bytes too long for a line, before the line that names them; returns their SHA-256.

        Raises StorageError, as `append`.
        """
        if self._broken:
            raise StorageError(f"the ledger was given up: {self._broken}")
        try:
            return write_blob(self._files, self.folder / BLOBS, data)
        except OSError as error:
            self._give_up(error)

    def __enter__(self) -> Self:
        """Nothing to do: it is open."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close the descriptor."""
        os.close(self._fd)

    def _line(self, kind: Kind, body: object) -> tuple[bytes, str]:
        stamp = asdict(self._stamp())
        head = {"schema": SCHEMA, "seq": self._seq, "prev": self._prev, "kind": kind, **stamp}
        return sealed(canonical(body) if isinstance(body, Mapping) else encode(body), head)

    def _write(self, line: bytes) -> None:
        try:
            written = self._files.write(self._fd, line)
        except OSError as error:
            self._give_up(error)
        if written < len(line):
            # How a filling disk shows first; the next write would say ENOSPC.
            self._give_up(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        try:
            self._files.fsync(self._fd)
        except OSError as error:
            # Never tried again: the kernel reports a lost page once, and a second fsync would say that all is well.
            self._broken = f"fsync: {error.strerror}"
            raise StorageError(f"cannot store in {self.folder}: {self._broken}") from error

    def _give_up(self, error: OSError) -> NoReturn:
        self._broken = str(error.strerror)
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            try:
                self._files.truncate(self._fd, self._end)
                self._files.unlink(self.folder / RESERVE)
                line, _ = self._line("close", CloseBody("no_space"))
                if self._files.write(self._fd, line) == len(line):
                    self._files.fsync(self._fd)
                    self._broken += "; all lines before are safe"
            except OSError as second:
                self._broken += f"; nor could the end be noted: {second.strerror}"
        raise StorageError(f"cannot store in {self.folder}: {self._broken}") from error


def _mend(files: Files, folder: Path) -> Iterator[NoteBody]:
    """Make the file end with a whole line; yields what is to be noted. Raises OSError, StorageError on damage.

    Each act can be cut short and made again: bytes are kept before they are cut, and a kept file without its note gets
    one at the next start.
    """
    noted: set[str] = set()
    torn = None
    for line in lines(folder):
        if isinstance(line, Torn):
            torn = line
        elif line.kind == "note":
            note = line.read(NoteBody)
            noted.add(note.detail)
    if torn is not None:
        with opened(files, folder / LEDGER, os.O_WRONLY) as fd:
            if torn.whole:
                # One byte, so that no crash can come between: the line may have been acknowledged.
                files.overwrite(fd, b"\n", torn.offset + len(torn.whole) - 1)
                yield NoteBody("newline_restored", f"line seq {torn.seq}")
            else:
                digest = hashlib.sha256(torn.data).hexdigest()
                write_durably(files, folder / f"torn-{torn.seq}-{digest[:8]}", torn.data)
                files.truncate(fd, torn.offset)
            files.fsync(fd)
    for path in sorted(folder.glob("torn-*")):
        if path.name not in noted:
            yield NoteBody("torn", path.name)
