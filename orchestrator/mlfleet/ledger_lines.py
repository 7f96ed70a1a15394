"""The lines of a ledger: how one is written, how each is held against the one before, and what they add up to.

A line is `<crc32, 8 lower-case hex> <canonical JSON>` and a newline. `prev` is the SHA-256 of the previous line's JSON,
the first one's that of run.json, so that no line can be changed, dropped or moved unseen. Reading changes nothing.
"""

import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args

from pydantic.dataclasses import dataclass as strict_dataclass

from mlfleet.codec import canonical, parse, typed
from mlfleet.errors import StorageError
from mlfleet.looks import Stop
from mlfleet.model import SCHEMA, STRICT, Record, Trial
from mlfleet.verdict import Verdict

Kind = Literal["open", "start", "record", "block", "stop", "note", "resume", "close"]
Place = tuple[str, int]
T = TypeVar("T")

RUN = "run.json"
LEDGER = "ledger.jsonl"
BLOBS = "blobs"
_KINDS: Mapping[str, Kind] = {kind: kind for kind in get_args(Kind)}
# Longer arrays and logs are blobs.
MAX_LINE = 1 << 20
_FIELDS = {"schema", "seq", "prev", "wall", "mono_ns", "boot", "kind", "body"}
# Keys are sorted, so the body comes first: it is written and read as its own type without a second pass.
_BODY = b'{"body":'


@strict_dataclass(frozen=True, config=STRICT)
class BlockBody:
    """Body of a `block` line: the records with these seqs are complete and count."""

    workload: str
    block: int
    seqs: tuple[int, ...]
    # Wall time of all attempts in the session that closed it: what a workload's budget is charged with.
    spent_ns: int = 0


@strict_dataclass(frozen=True, config=STRICT)
class StopBody:
    """Body of a `stop` line: after so many blocks this workload is not measured on; only where a run looks."""

    workload: str
    reason: Stop
    blocks: int


@strict_dataclass(frozen=True, config=STRICT)
class NoteBody:
    """Body of a `note` line: something a reader of the results should know, by a code and a detail."""

    code: str
    detail: str


@strict_dataclass(frozen=True, config=STRICT)
class CloseBody:
    """Body of a `close` line: why the orchestrator stopped (`done`, `interrupted`, `no_space`, ...)."""

    reason: str


@dataclass(frozen=True)
class Line:
    """One line that passed every check. `offset` and `end`: bytes from the start of the file, newline included."""

    seq: int
    kind: Kind
    # Canonical JSON of the body.
    body: bytes
    # SHA-256 of the line's JSON: the next line's `prev`.
    digest: str
    offset: int
    end: int

    def read(self, type_: type[T]) -> T:
        """Decode the body. Raises StorageError naming the line."""
        try:
            return typed(type_, self.body)
        except StorageError as error:
            raise StorageError(f"ledger line seq {self.seq} at offset {self.offset}: {error}") from error


@dataclass(frozen=True)
class Torn:
    """What follows the last newline: a line that was being written when its writer died."""

    seq: int
    prev: str
    offset: int
    data: bytes

    @property
    def whole(self) -> bytes | None:
        """The line with its newline restored, if the CRC holds with or without the last byte."""
        for data in (self.data, self.data[:-1]):
            if checked(data) is not None:
                return data + b"\n"
        return None


def sealed(body: bytes, head: Mapping[str, object]) -> tuple[bytes, str]:
    """Frame a body in canonical JSON and the other fields as a line; returns it and the digest of its JSON.

    Raises ValueError if a field is not canonical or the line too long.
    """
    data = _BODY + body + b"," + canonical(head)[1:]
    line = b"%08x %b\n" % (zlib.crc32(data), data)
    if len(line) > MAX_LINE:
        raise ValueError(
            f"a ledger line of {len(line)} bytes, at most {MAX_LINE}: long arrays and logs belong in blobs"
        )
    return line, hashlib.sha256(data).hexdigest()


def checked(line: bytes) -> bytes | None:
    """Return the JSON bytes of a line without its newline, or None where CRC and JSON do not belong together."""
    frame = re.fullmatch(rb"([0-9a-f]{8}) (.*)", line, re.DOTALL)
    if frame is None or int(frame[1], 16) != zlib.crc32(frame[2]):
        return None
    return frame[2]


def lines(folder: Path) -> Iterator[Line | Torn]:
    """Every line of the ledger in a run's folder, each held against the one before; at the end what was torn, if any.

    Raises StorageError at the first damaged line, naming its seq and offset.
    """
    seq, offset = 0, 0
    try:
        prev = hashlib.sha256((folder / RUN).read_bytes()).hexdigest()
        with (folder / LEDGER).open("rb") as file:
            while data := file.readline(MAX_LINE + 1):
                if not data.endswith(b"\n") and len(data) <= MAX_LINE:
                    yield Torn(seq, prev, offset, data)
                    return
                line = _line(data, seq, prev, offset)
                yield line
                seq, prev, offset = line.seq + 1, line.digest, line.end
    except OSError as error:
        raise StorageError(f"cannot read the run in {folder}: {error.strerror} ({error.filename})") from error


def read_lines(folder: Path) -> Iterator[Line]:
    """Complete lines only: what another process is still writing is no line yet. Raises StorageError on damage."""
    return (line for line in lines(folder) if isinstance(line, Line))


def read_records(folder: Path, *, closed_only: bool = True) -> list[Record]:
    """Read a run's records in the order they were written; by default those that a `block` line counts.

    Raises StorageError on damage.
    """
    found = list(read_lines(folder))
    counted = {seq for body in closed_blocks(found).values() for seq in body.seqs}
    return [line.read(Record) for line in found if line.kind == "record" and (line.seq in counted or not closed_only)]


def read_stops(folder: Path) -> list[StopBody]:
    """Which workloads of a run were not measured on, and why. Raises StorageError on damage."""
    return [line.read(StopBody) for line in read_lines(folder) if line.kind == "stop"]


def closed_blocks(found: Iterable[Line]) -> dict[Place, BlockBody]:
    """By workload and block number. The first `block` line of a block wins: a second can only be a mistake of ours."""
    blocks: dict[Place, BlockBody] = {}
    for line in found:
        if line.kind == "block":
            body = line.read(BlockBody)
            blocks.setdefault((body.workload, body.block), body)
    return blocks


@dataclass(frozen=True)
class Attempts:
    """What was started, by cell and block."""

    # Launches: the next attempt's number follows from it.
    started: Counter[Place]
    # Launches that use up one of the allowed attempts: all but those that a signal to us ended.
    charged: Counter[Place]
    # Announced by a `start` line, never recorded: on resume they become `interrupted`.
    unfinished: tuple[Trial, ...]


def attempts(found: Iterable[Line]) -> Attempts:
    """Count the launches of every cell and block."""
    started: Counter[Place] = Counter()
    excused: Counter[Place] = Counter()
    # Announced and not recorded; whether a signal explains that, None while its session goes on.
    pending: dict[Trial, bool | None] = {}
    by_signal = False
    for line in found:
        if line.kind == "start":
            trial = line.read(Trial)
            started[trial.cell, trial.block] += 1
            pending[trial] = None
        elif line.kind == "record":
            record = line.read(Record)
            # Recorded in its own session: only the stop flag gives this verdict there.
            if pending.pop(record.trial, False) is not False and record.verdict is Verdict.INTERRUPTED:
                excused[record.trial.cell, record.trial.block] += 1
        elif line.kind == "close":
            by_signal = line.read(CloseBody).reason == "interrupted"
        elif line.kind == "resume":
            pending = {trial: by_signal if known is None else known for trial, known in pending.items()}
            by_signal = False
    excused.update(
        (trial.cell, trial.block) for trial, known in pending.items() if known or (by_signal and known is None)
    )
    return Attempts(started, started - excused, tuple(pending))


def _line(data: bytes, seq: int, prev: str, offset: int) -> Line:
    body = checked(data[:-1]) if data.endswith(b"\n") else None
    if body is None:
        raise _damage(seq, offset, "checksum and text do not belong together")
    try:
        fields = parse(body)
    except StorageError as error:
        raise _damage(seq, offset, str(error)) from error
    if not isinstance(fields, dict) or fields.keys() != _FIELDS or fields["schema"] != SCHEMA:
        raise _damage(seq, offset, f"not the fields of schema {SCHEMA}")
    if fields["seq"] != seq:
        raise _damage(seq, offset, f"found seq {fields['seq']} in its place")
    if fields["prev"] != prev:
        raise _damage(
            seq, offset, "it does not follow from the line before" if seq else "run.json is not the one it began with"
        )
    kind = _KINDS.get(str(fields["kind"]))
    if kind is None:
        raise _damage(seq, offset, "unknown kind")
    rest = b"," + canonical({key: value for key, value in fields.items() if key != "body"})[1:]
    if not (body.startswith(_BODY) and body.endswith(rest)):
        raise _damage(seq, offset, "not canonical")
    return Line(seq, kind, body[len(_BODY) : -len(rest)], hashlib.sha256(body).hexdigest(), offset, offset + len(data))


def _damage(seq: int, offset: int, what: str) -> StorageError:
    return StorageError(f"ledger damaged: line seq {seq} at offset {offset}: {what}")
