"""Raw bytes to x and y: one function a dataset, floats as the nearest float64 to what is printed."""

import gzip
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Decoded = tuple[Floats, NDArray[Any]]


def decode(name: str, files: list[bytes]) -> Decoded:
    """Arrays x f64[n,d] and y (i64[n] classes from 0, or f64[n]) of a dataset whose files were checked."""
    return _DECODERS[name](files)


def _table(data: bytes, *, delimiter: str | None = ",", skip: int = 0) -> Floats:
    return np.loadtxt(BytesIO(data), delimiter=delimiter, skiprows=skip, dtype=np.float64)


def _classes_last(table: Floats) -> Decoded:
    return table[:, :-1], table[:, -1].astype(np.int64)


def _headed_csv(files: list[bytes]) -> Decoded:
    return _classes_last(_table(files[0], skip=1))


def _digits(files: list[bytes]) -> Decoded:
    return _classes_last(_table(gzip.decompress(files[0])))


def _diabetes(files: list[bytes]) -> Decoded:
    x, y = (_table(gzip.decompress(file), delimiter=None) for file in files)
    return x, y


def _boston_housing(files: list[bytes]) -> Decoded:
    table = _table(files[0])
    return table[:, :-1], table[:, -1]


def _control(_: list[bytes]) -> Decoded:
    return np.arange(1.0, 65.0).reshape(16, 4), np.zeros(16, np.int64)


_DECODERS: Mapping[str, Callable[[list[bytes]], Decoded]] = {
    "iris": _headed_csv,
    "wine": _headed_csv,
    "breast_cancer": _headed_csv,
    "digits": _digits,
    "diabetes": _diabetes,
    "boston_housing": _boston_housing,
    "control": _control,
}
