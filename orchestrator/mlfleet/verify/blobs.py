"""Blobs: named by their SHA-256, whole by their own header, and saying what the record says they say."""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mlfleet.verify.chain import LEDGER
from mlfleet.verify.findings import Findings
from mlfleet.verify.plain import UNREADABLE, Json, Malformed, Node, parse
from mlfleet.verify.trials import Trial

BLOBS = "blobs"
_KIND, _OUTPUTS = "blobs", "outputs read again"
_RECEIPT = "receipt."
# Bytes of the length that comes before a safetensors header.
_PREFIX = 8
_DTYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "U8": "|u1", "BOOL": "|b1"}


def check_blobs(
    folder: Path, trials: Sequence[Trial], findings: Findings, progress: Callable[[str], None], *, finished: bool
) -> None:
    """Every blob by name and size, every one that a record names there, and its receipt equal to the record's."""
    named: dict[str, list[Trial]] = {}
    for trial in trials:
        if outputs := trial.body.get("outputs_sha256"):
            named.setdefault(outputs.text(), []).append(trial)
    there = {path.name: path for path in _files(folder / BLOBS)}
    for digest, users in named.items():
        if digest not in there:
            _absent(users, digest, findings)
    for number, (name, path) in enumerate(sorted(there.items()), start=1):
        progress(f"blob {number} of {len(there)}")
        if name not in named:
            _orphan(name, findings, finished=finished)
        _check(path, named.get(name, []), findings)


def _files(folder: Path) -> Iterable[Path]:
    # What a writer that died left half written begins with a dot.
    return [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []


def _absent(users: list[Trial], digest: str, findings: Findings) -> None:
    findings.checked[_KIND] += 1
    findings.differs(
        f"{BLOBS}/{digest}", None, "file", "no such file", f"outputs of {users[0].name}, {LEDGER}:{users[0].line}"
    )


def _orphan(name: str, findings: Findings, *, finished: bool) -> None:
    if finished:
        findings.differs(f"{BLOBS}/{name}", None, "file", "a blob that no record names", "none")
    else:
        findings.note(f"{BLOBS}/{name} is named by no record: its trial ended before its record was written")


def _check(path: Path, users: list[Trial], findings: Findings) -> None:
    file = f"{BLOBS}/{path.name}"
    if path.is_symlink():
        # What it points to may change after this.
        findings.differs(file, None, "file", "a link", "a file of its own")
        return
    try:
        data = path.read_bytes()
    except OSError as error:
        findings.differs(file, None, "file", str(error.strerror), "a blob that can be read")
        return
    whole = findings.held(file, None, "SHA-256", hashlib.sha256(data).hexdigest(), path.name, kind=_KIND)
    if not users:
        return
    if not whole:
        findings.differs(
            file,
            None,
            "outputs of " + ", ".join(f"{LEDGER}:{one.line}" for one in users),
            "other bytes than were judged",
            "the blob that its name says",
        )
    try:
        receipt = _read(data)
    except UNREADABLE as error:
        # A refused output is kept as it came: only of what passed is a format awaited.
        if any(one.verdict == "ok" for one in users):
            findings.differs(file, None, "outputs", str(error), f"a whole safetensors file, {len(data)} bytes found")
        return
    for trial in users:
        if trial.verdict == "ok":
            _same_receipt(file, trial, receipt, findings)


def _same_receipt(file: str, trial: Trial, receipt: Mapping[str, Json], findings: Findings) -> None:
    found = dict(trial.receipt)
    for key in sorted(found.keys() | receipt.keys()):
        findings.held(LEDGER, trial.line, f"receipt.{key}, {file}", found.get(key), receipt.get(key), kind=_OUTPUTS)


def _read(data: bytes) -> dict[str, Json]:
    """The receipt in a safetensors file, after each tensor was seen to be whole and finite. Raises ValueError."""
    length = int.from_bytes(data[:_PREFIX], "little")
    body = _PREFIX + length
    if len(data) < body:
        raise Malformed(f"{len(data)} bytes, its header alone awaits {body}")
    header = Node(parse(data[_PREFIX:body]))
    receipt: dict[str, Json] = {}
    end = 0
    for name, entry in header.entries():
        if name == "__metadata__":
            receipt |= {
                key.removeprefix(_RECEIPT): value for key, value in entry.members().items() if key.startswith(_RECEIPT)
            }
            continue
        start, stop = (one.integer() for one in entry["data_offsets"].items())
        end = max(end, stop)
        value = _tensor(name, entry, data[body + start : body + stop])
        if name.startswith(_RECEIPT):
            receipt[name.removeprefix(_RECEIPT)] = value
    if len(data) != body + end:
        raise Malformed(f"{len(data)} bytes, its header awaits {body + end}")
    return receipt


def _tensor(name: str, entry: Node, data: bytes) -> Json:
    """The value of a tensor without dimensions, None of others. Raises ValueError where it is not whole or finite."""
    dtype = entry["dtype"].text()
    if dtype not in _DTYPES:
        raise Malformed(f"tensor {name} has dtype {dtype}")
    shape = [one.integer() for one in entry["shape"].items()]
    awaited = math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize
    if len(data) != awaited:
        raise Malformed(f"tensor {name} has {len(data)} bytes, its shape needs {awaited}")
    array = np.frombuffer(data, _DTYPES[dtype])
    if dtype in ("F64", "F32") and not np.isfinite(array).all():
        raise Malformed(f"tensor {name} has values that are NaN or infinite")
    if shape:
        return None
    value: bool | int | float = array[0].item()
    return value
