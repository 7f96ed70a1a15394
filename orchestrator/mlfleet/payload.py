"""Arrays to one safetensors file with bytes that depend on nothing but the arrays, and outputs back, distrusted.

Payloads are addressed by their content: `<cache>/payloads/<sha256>.safetensors`. Outputs come from a service and are
foreign bytes: the header is checked in full before one element is looked at.
"""

import hashlib
import json
import os
import re
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from mlfleet.errors import MlfleetError, StorageError, printable
from mlfleet.verdict import Verdict

Arrays = Mapping[str, NDArray[Any]]
Receipt = Mapping[str, bool | int | float | str]

# Names as safetensors writes them; little-endian whatever the host is.
DTYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "U8": "|u1", "BOOL": "|b1"}
_NAMES = {np.dtype(code): name for name, code in DTYPES.items()}
_RECEIPT = "receipt."
_RECEIPT_DTYPES = ("I64", "F64", "BOOL")
_ENTRY_KEYS = {"dtype", "shape", "data_offsets"}
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class OutputsRefused(MlfleetError):  # noqa: N818 - a verdict on foreign bytes, no bug
    """Outputs that break the format or a limit; `verdict` is that of the trial."""

    def __init__(self, message: str, verdict: Verdict = Verdict.BAD_OUTPUT) -> None:
        super().__init__(message)
        self.verdict = verdict


@dataclass(frozen=True)
class Payload:
    """A stored payload: what Setup announces, and the digest that a service must answer with."""

    path: Path
    sha256: str
    size_bytes: int
    tensors_sha256: str


@dataclass(frozen=True)
class Limits:
    """What an outputs file may be."""

    file_bytes: int = 64 << 20
    header_bytes: int = 1 << 20
    tensors: int = 256
    text_bytes: int = 4096


def cache_folder() -> Path:
    """$MLFLEET_CACHE, else $XDG_CACHE_HOME/mlfleet, else ~/.cache/mlfleet; need not exist yet."""
    if own := os.environ.get("MLFLEET_CACHE"):
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "mlfleet"


def dtype_name(array: NDArray[Any]) -> str:
    """The dtype as safetensors writes it. Raises TypeError for one that never goes on the wire."""
    try:
        return _NAMES[array.dtype.newbyteorder("<")]
    except KeyError:
        raise TypeError(f"dtype {array.dtype} is none of {', '.join(DTYPES)}") from None


def tensors_sha256(arrays: Arrays) -> str:
    """The digest of decoded tensors that PrepareResponse.tensors_sha256 defines."""
    digest = hashlib.sha256()
    for name in sorted(arrays, key=lambda name: name.encode()):
        array = arrays[name]
        data = _little_endian(array)
        for text in (name.encode(), dtype_name(array).encode()):
            digest.update(struct.pack("<I", len(text)) + text)
        digest.update(struct.pack(f"<I{array.ndim}Q", array.ndim, *array.shape))
        digest.update(struct.pack("<Q", len(data)) + data)
    return digest.hexdigest()


def encode(arrays: Arrays, metadata: Mapping[str, str] | None = None) -> bytes:
    """One safetensors file. The widest dtypes come first, so that a mapped file needs no copy to be aligned."""
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    parts: list[bytes | memoryview] = []
    offset = 0
    for name in sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name)):
        data = _little_endian(arrays[name])
        header[name] = {
            "dtype": dtype_name(arrays[name]),
            "shape": list(arrays[name].shape),
            "data_offsets": [offset, offset + len(data)],
        }
        offset += len(data)
        parts.append(data)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    # One join: a payload may be half a gigabyte.
    return b"".join([struct.pack("<Q", len(text)), text, *parts])


def store(arrays: Arrays, folder: Path | None = None) -> Payload:
    """Write the payload where it is not yet, by default below `cache_folder()`. Raises StorageError."""
    data = encode(arrays)
    sha256 = hashlib.sha256(data).hexdigest()
    folder = cache_folder() / "payloads" if folder is None else folder
    path = folder / f"{sha256}.safetensors"
    try:
        if not (path.is_file() and _file_sha256(path) == sha256):
            _write(path, data)
    except OSError as error:
        raise StorageError(f"payload {path} could not be written: {error.strerror}") from error
    return Payload(path, sha256, len(data), tensors_sha256(arrays))


def read_outputs(data: bytes, limits: Limits | None = None) -> tuple[dict[str, NDArray[Any]], Receipt]:
    """Tensors by name, and the receipt without its prefix. Raises OutputsRefused."""
    limits = limits or Limits()
    if len(data) > limits.file_bytes:
        _refuse(f"{len(data)} bytes, at most {limits.file_bytes} awaited", Verdict.SIZE_EXCEEDED)
    header, body = _header(data, limits)
    metadata = header.pop("__metadata__", {})
    if len(header) > limits.tensors:
        _refuse(f"{len(header)} tensors, at most {limits.tensors} awaited")
    tensors = _tensors(header, body)
    receipt: dict[str, bool | int | float | str] = dict(_text_receipts(metadata, limits))
    for name in [name for name in tensors if name.startswith(_RECEIPT)]:
        if name.removeprefix(_RECEIPT) in receipt:
            _refuse(f"{printable(name)} is there as a tensor and as text")
        receipt[name.removeprefix(_RECEIPT)] = _receipt_value(name, tensors.pop(name))
    return tensors, receipt


def _little_endian(array: NDArray[Any]) -> memoryview:
    """The elements' bytes in row-major order, without a copy where that is how they lie."""
    row_major = np.ascontiguousarray(array, DTYPES[dtype_name(array)])
    return row_major.reshape(-1).view(np.uint8).data


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".payload-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            # Services run as another user and map it; mkstemp gives 0600.
            os.fchmod(file.fileno(), 0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _refuse(found: str, verdict: Verdict = Verdict.BAD_OUTPUT) -> NoReturn:
    raise OutputsRefused(f"outputs: {found}", verdict)


def _header(data: bytes, limits: Limits) -> tuple[dict[str, Any], memoryview]:
    prefix = 8
    size = int.from_bytes(data[:prefix], "little")
    if len(data) < prefix or size > min(limits.header_bytes, len(data) - prefix):
        _refuse(f"a header of {size} bytes in a file of {len(data)}, at most {limits.header_bytes} awaited")
    try:
        header = json.loads(
            data[prefix : prefix + size].decode(),
            object_pairs_hook=_unique,
            parse_constant=lambda text: _refuse(f"{text} in the header"),
        )
    except (ValueError, RecursionError) as error:
        raise OutputsRefused(f"outputs: the header is no JSON: {printable(str(error))}") from error
    if not isinstance(header, dict):
        _refuse("the header is no JSON object")
    return header, memoryview(data)[prefix + size :]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        _refuse("a name stands twice in the header")
    return found


def _tensors(header: Mapping[str, Any], body: memoryview) -> dict[str, NDArray[Any]]:
    spans = {name: _span(name, entry, len(body)) for name, entry in header.items()}
    end = 0
    for name, (start, stop) in sorted(spans.items(), key=lambda item: item[1]):
        if start != end:
            _refuse(f"{printable(name)} begins at byte {start}, {end} awaited: tensors leave gaps or overlap")
        end = stop
    if end != len(body):
        _refuse(f"tensors end at byte {end}, the file at {len(body)}")
    return {name: _array(name, header[name], body[start:stop]) for name, (start, stop) in spans.items()}


def _span(name: str, entry: Any, size: int) -> tuple[int, int]:  # noqa: ANN401 - foreign JSON
    if not _NAME.fullmatch(name) or not isinstance(entry, dict) or set(entry) != _ENTRY_KEYS:
        _refuse(f"{printable(name)} is no plain name, or not described by exactly dtype, shape and data_offsets")
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in DTYPES:
        _refuse(f"{printable(name)} has dtype {printable(str(entry['dtype']))}, known: {', '.join(DTYPES)}")
    offsets, shape = entry["data_offsets"], entry["shape"]
    if not (_counts(offsets) and _counts(shape)) or len(offsets) != 2 or len(shape) > 8:  # noqa: PLR2004
        _refuse(f"{printable(name)} has an unreadable shape or offsets")
    start, stop = offsets
    if not start <= stop <= size:
        _refuse(f"{printable(name)} lies at bytes {start} to {stop} of {size}")
    needed = prod(shape) * np.dtype(DTYPES[entry["dtype"]]).itemsize
    # numpy refuses an empty array whose other dimensions overflow.
    if stop - start != needed or prod(max(length, 1) for length in shape) > 2**32:
        _refuse(f"{printable(name)} has {stop - start} bytes, its shape needs {needed}")
    return start, stop


def _counts(values: Any) -> bool:  # noqa: ANN401 - foreign JSON
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**63 for value in values)


def _array(name: str, entry: Mapping[str, Any], data: memoryview) -> NDArray[Any]:
    if entry["dtype"] == "BOOL" and any(value > 1 for value in data):
        _refuse(f"{printable(name)} is BOOL and holds a byte above 1")
    return np.frombuffer(data, DTYPES[entry["dtype"]]).reshape(entry["shape"])


def _text_receipts(metadata: Any, limits: Limits) -> dict[str, str]:  # noqa: ANN401 - foreign JSON
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        _refuse("__metadata__ maps not only text to text")
    texts = {key.removeprefix(_RECEIPT): text for key, text in metadata.items() if key.startswith(_RECEIPT)}
    for key, text in texts.items():
        if not _NAME.fullmatch(key) or len(text.encode(errors="backslashreplace")) > limits.text_bytes:
            _refuse(f"receipt {printable(key)} is no plain name, or longer than {limits.text_bytes} bytes")
    return {key: text.encode(errors="backslashreplace").decode() for key, text in texts.items()}


def _receipt_value(name: str, array: NDArray[Any]) -> bool | int | float:
    if array.ndim or dtype_name(array) not in _RECEIPT_DTYPES:
        _refuse(f"{printable(name)} is no single value of {', '.join(_RECEIPT_DTYPES)}")
    value: bool | int | float = array.item()
    if not np.isfinite(value):
        _refuse(f"{printable(name)} is {value}")
    return value
