"""The ledger line by line: checksum, chain, order. A damaged line is named, and reading goes on with the next."""

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mlfleet.errors import HostError, StorageError
from mlfleet.verify.findings import Findings
from mlfleet.verify.plain import UNREADABLE, Node, canonical, parse

RUN, LEDGER = "run.json", "ledger.jsonl"
# What this program can read.
SCHEMA = 1
_FRAME = re.compile(rb"([0-9a-f]{8}) (.*)\n", re.DOTALL)
_HEAD = {"schema", "seq", "prev", "wall", "mono_ns", "boot", "kind", "body"}
_KINDS = {"open", "start", "record", "block", "stop", "note", "resume", "close"}
_KIND = "ledger lines"


@dataclass(frozen=True)
class Line:
    """A line that could be read, whether or not its checksum and chain hold. `number` counts from 1."""

    number: int
    seq: int
    kind: str
    body: Node
    boot: str


@dataclass(frozen=True)
class Chain:
    """The ledger as it is now. `head`: digest of the last line, what a publisher would sign."""

    lines: tuple[Line, ...]
    head: str
    torn: bool


def read_run(folder: Path) -> tuple[Node, str]:
    """run.json and its SHA-256. Raises StorageError where it cannot be read, HostError for a newer schema."""
    data = _bytes(folder / RUN)
    try:
        run = Node(parse(data))
        schema = run["schema_version"].integer()
    except UNREADABLE as error:
        raise StorageError(f"{folder / RUN}: {error}; awaited the run.json of a run") from error
    _known(folder / RUN, schema)
    return run, hashlib.sha256(data).hexdigest()


def read_chain(folder: Path, run_sha256: str, findings: Findings, progress: Callable[[str], None]) -> Chain:
    """Every line of the ledger, each held against its checksum and the line before.

    Raises StorageError where there is no ledger, HostError for lines of a newer schema.
    """
    lines: list[Line] = []
    prev, torn = run_sha256, False
    for number, raw in enumerate(_physical(folder / LEDGER), start=1):
        if not raw.endswith(b"\n"):
            torn = True
            break
        progress(f"ledger line {number}")
        line, prev = _line(folder, number, raw, prev, findings)
        lines += [line] if line else []
    if lines and lines[0].kind != "open":
        findings.differs(LEDGER, lines[0].number, "kind", lines[0].kind, "open: a ledger begins with it")
    return Chain(tuple(lines), prev, torn)


def _line(folder: Path, number: int, raw: bytes, prev: str, findings: Findings) -> tuple[Line | None, str]:
    """One line and its digest, the next line's `prev`."""
    frame = _FRAME.fullmatch(raw)
    if frame is None:
        findings.differs(LEDGER, number, "line", raw[:40].decode(errors="replace"), "<crc32> <JSON>")
        return None, ""
    text = frame[2]
    findings.held(LEDGER, number, "crc32", frame[1].decode(), f"{zlib.crc32(text):08x}", kind=_KIND)
    digest = hashlib.sha256(text).hexdigest()
    try:
        fields = Node(parse(text))
        _known(folder / LEDGER, fields["schema"].integer())
        findings.rule(
            LEDGER,
            number,
            "fields",
            ", ".join(sorted(fields.members())),
            ", ".join(sorted(_HEAD)),
            holds=set(fields.members()) == _HEAD,
            kind=_KIND,
        )
        findings.held(LEDGER, number, "seq", fields["seq"].integer(), number - 1, kind=_KIND)
        before = f"run.json, {prev}" if number == 1 else prev
        found = fields["prev"].text()
        findings.rule(
            LEDGER,
            number,
            "prev",
            found,
            before or "the digest of a readable line before",
            holds=found == prev,
            kind=_KIND,
        )
        if canonical(fields.value) != text:
            findings.differs(LEDGER, number, "JSON", "another text", "its canonical text")
        kind = fields["kind"].text()
        findings.rule(
            LEDGER, number, "kind", kind, "one of " + ", ".join(sorted(_KINDS)), holds=kind in _KINDS, kind=_KIND
        )
        return Line(number, number - 1, kind, Node(fields["body"].value), fields["boot"].text()), digest
    except UNREADABLE as error:
        findings.differs(LEDGER, number, "line", str(error), "a line of the ledger")
        return None, digest


def _physical(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; awaited the ledger of a run") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; awaited the folder of a run") from error


def _known(path: Path, schema: int) -> None:
    if schema > SCHEMA:
        raise HostError(
            f"{path} has schema {schema}, this mlfleet reads up to {SCHEMA}: nothing was verified; "
            "try: mlfleet verify of the version that wrote it"
        )
