"""A user's CSV or .npz file to numbers: read strictly, each refusal with its line and column."""

import csv
import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlfleet.errors import UsageError, printable

# What can be learnt of a table.
Learnt = Literal["classes", "real"]
# A table is read whole, and once.
LIMIT_BYTES = 256 << 20


@dataclass(frozen=True)
class Columns:
    """x f64[n, d]; y i64[n] from 0 (classes) or f64[n] (real)."""

    x: NDArray[Any]
    y: NDArray[Any]


def read(path: Path, target: Learnt, column: str | None) -> Columns:
    """The arrays of a file; `column`: which one the target is, by its name or its number from 1, else the last.

    Raises UsageError for what is no table of finite numbers. Words may stand in the target of classes alone: they are
    numbered in the order of the alphabet.
    """
    try:
        size = path.stat().st_size
        if size > LIMIT_BYTES:
            raise UsageError(f"{path}: {size >> 20} MiB; at most {LIMIT_BYTES >> 20} awaited")
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; awaited a .csv or .npz file") from error
    if path.suffix == ".npz":
        return _arrays(path, data, target, column)
    if path.suffix == ".csv":
        return _table(path, data, target, column)
    raise UsageError(f"{path}: awaited a .csv or .npz file")


def _table(path: Path, data: bytes, target: Learnt, column: str | None) -> Columns:
    try:
        rows = [row for row in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: no table of comma-separated UTF-8 text ({error})") from error
    # A row in which nothing is a number has the columns' names.
    head = rows[0] if rows and all(_number(cell) is None for cell in rows[0]) else []
    body, first = (rows[1:], 2) if head else (rows, 1)
    if not body:
        raise UsageError(f"{path}: no rows")
    width = len(rows[0])
    for line, row in enumerate(body, first):
        if len(row) != width:
            raise UsageError(f"{path}: row {line} has {len(row)} columns, {width} awaited")
    place = _place(path, head, width, column)
    wide = [number for number in range(width) if number != place]
    if not wide:
        raise UsageError(f"{path}: no column beside the target")
    x = np.array([[_finite(path, line, at, row[at]) for at in wide] for line, row in enumerate(body, first)])
    if target == "classes":
        return Columns(x, _classes([row[place].strip() for row in body]))
    return Columns(x, np.array([_finite(path, line, place, row[place]) for line, row in enumerate(body, first)]))


def _place(path: Path, head: Sequence[str], width: int, column: str | None) -> int:
    if column is None:
        return width - 1
    if column in head:
        return list(head).index(column)
    if column.isdecimal() and 1 <= int(column) <= width:
        return int(column) - 1
    known = ", ".join(head) if head else f"1 to {width}"
    raise UsageError(f"{path}: no column {printable(column)}; known: {printable(known)}")


def _classes(words: Sequence[str]) -> NDArray[Any]:
    """Whole numbers in their own order, words in that of the alphabet; numbered from 0 without gaps."""
    numbers = [_number(word) for word in words]
    if all(number is not None and number.is_integer() for number in numbers):
        return np.unique(np.array(numbers), return_inverse=True)[1].astype(np.int64)
    return np.unique(np.array(words), return_inverse=True)[1].astype(np.int64)


def _arrays(path: Path, data: bytes, target: Learnt, column: str | None) -> Columns:
    if column is not None:
        raise UsageError(f"{path}: an .npz file has its target in the array y, not in a column")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files if name in {"x", "y"}}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path}: no .npz file of plain arrays ({error})") from error
    x, y = arrays.get("x"), arrays.get("y")
    if x is None or x.ndim != 2 or x.size == 0 or x.dtype.kind not in "fiu":  # noqa: PLR2004 - rows and columns
        raise UsageError(f"{path}: awaited an array x of numbers, rows by columns; found {_shown(x)}")
    if y is None or y.shape != (len(x),) or y.dtype.kind not in "fiuUb":
        raise UsageError(f"{path}: awaited an array y of {len(x)} targets; found {_shown(y)}")
    if target == "classes":
        return _finite_only(path, Columns(x.astype(np.float64), _classes([str(value) for value in y.tolist()])))
    if y.dtype.kind not in "fiu":
        raise UsageError(f"{path}: awaited numbers in y; found {_shown(y)}")
    return _finite_only(path, Columns(x.astype(np.float64), y.astype(np.float64)))


def _finite_only(path: Path, columns: Columns) -> Columns:
    for name, values in (("x", columns.x), ("y", columns.y)):
        if bad := int(np.count_nonzero(~np.isfinite(values))):
            raise UsageError(f"{path}: {name} has {bad} values that are NaN or infinite; nothing is filled in here")
    return columns


def _finite(path: Path, line: int, column: int, text: str) -> float:
    found = _number(text)
    if found is None or not math.isfinite(found):
        place = f"{path}: row {line}, column {column + 1} is {printable(text) or 'empty'!r}"
        raise UsageError(f"{place}; awaited a finite number: nothing is filled in here")
    return found


def _number(text: str) -> float | None:
    try:
        # Python reads 1_000 as a number; nobody else does.
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _shown(array: NDArray[Any] | None) -> str:
    return "none" if array is None else f"{array.dtype} of shape {list(array.shape)}"
