"""Payloads in, outputs out: safetensors bytes and the two digests of the contract."""

import hashlib
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from mlfleet_stubs import benchmark_pb2 as pb
from numpy.typing import NDArray

from mlfleet_sdk.errors import InvalidArgument, PayloadDiffers
from mlfleet_sdk.service import Value

Tensors = dict[str, NDArray[Any]]
CHUNK_BYTES = 1 << 20
# numpy's name of a dtype to the one that safetensors writes.
DTYPES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "uint32": "U32",
    "int32": "I32",
    "uint64": "U64",
    "int64": "I64",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
}


def read_mapped(setup: pb.Setup, folder: Path) -> tuple[str, Tensors]:
    """Digest and decode `<folder>/<sha256>.safetensors`; the file is mapped, so nothing is copied twice."""
    if not _is_digest(setup.payload_sha256):
        message = f"payload_sha256 is {setup.payload_sha256!r}, awaited 64 lower-case hexadecimal digits"
        raise InvalidArgument(message)
    path = folder / f"{setup.payload_sha256}.safetensors"
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            _check(setup, len(view), digest := hashlib.sha256(view).hexdigest())
    except (OSError, ValueError) as error:
        message = f"no readable payload {path.name} in MLFLEET_PAYLOADS: {error}"
        raise PayloadDiffers(message) from error
    try:
        with safetensors.safe_open(path, framework="numpy") as tensors:
            return digest, {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118 - no mapping
    except (safetensors.SafetensorError, TypeError, AttributeError) as error:
        message = f"payload is no safetensors file that numpy can hold: {error}"
        raise InvalidArgument(message) from error


def read_streamed(setup: pb.Setup, requests: Iterator[pb.PrepareRequest]) -> tuple[str, Tensors]:
    """Receive, digest and decode the chunks that follow the setup; stops at the first byte beyond the declared size."""
    data = bytearray()
    digest = hashlib.sha256()
    for request in requests:
        if request.WhichOneof("part") != "chunk":
            message = "a second setup in one Prepare; awaited chunks"
            raise InvalidArgument(message)
        data += request.chunk
        digest.update(request.chunk)
        if len(data) > setup.payload_bytes:
            message = f"payload goes beyond its declared {setup.payload_bytes} bytes"
            raise PayloadDiffers(message)
    _check(setup, len(data), digest.hexdigest())
    try:
        return digest.hexdigest(), safetensors.numpy.load(bytes(data))
    except (safetensors.SafetensorError, TypeError, KeyError) as error:
        message = f"payload is no safetensors file that numpy can hold: {error}"
        raise InvalidArgument(message) from error


def tensors_sha256(tensors: Mapping[str, NDArray[Any]]) -> str:
    """The canonical digest of decoded tensors, as PrepareResponse.tensors_sha256 defines it."""
    digest = hashlib.sha256()
    for name, tensor in sorted((name.encode(), tensor) for name, tensor in tensors.items()):
        dtype = DTYPES[tensor.dtype.name].encode()
        digest.update(len(name).to_bytes(4, "little") + name + len(dtype).to_bytes(4, "little") + dtype)
        digest.update(tensor.ndim.to_bytes(4, "little"))
        digest.update(b"".join(size.to_bytes(8, "little") for size in (*tensor.shape, tensor.nbytes)))
        row_major = np.ascontiguousarray(tensor, dtype=tensor.dtype.newbyteorder("<"))
        digest.update(row_major.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def encode_outputs(outputs: Mapping[str, Value]) -> bytes:
    """One safetensors file: scalars as 0-d tensors, text receipts in its metadata."""
    text = {name: value for name, value in outputs.items() if isinstance(value, str)}
    if strays := [name for name in text if not name.startswith("receipt.")]:
        message = f"outputs {', '.join(strays)} are text; only receipts may be"
        raise TypeError(message)
    tensors = {name: _row_major(value) for name, value in outputs.items() if not isinstance(value, str)}
    return safetensors.numpy.save(tensors, metadata=text or None)


def _row_major(value: Value) -> NDArray[Any]:
    array = np.asarray(value)
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def chunks(data: bytes) -> Iterator[memoryview]:
    """The data in pieces of at most 1 MiB."""
    view = memoryview(data)
    return (view[start : start + CHUNK_BYTES] for start in range(0, len(view), CHUNK_BYTES))


def _check(setup: pb.Setup, size: int, digest: str) -> None:
    if size != setup.payload_bytes:
        message = f"payload has {size} bytes, awaited {setup.payload_bytes}"
        raise PayloadDiffers(message)
    if digest != setup.payload_sha256:
        message = f"payload has SHA-256 {digest}, awaited {setup.payload_sha256}"
        raise PayloadDiffers(message)


def _is_digest(text: str) -> bool:
    return len(text) == hashlib.sha256().digest_size * 2 and not set(text) - set("0123456789abcdef")
