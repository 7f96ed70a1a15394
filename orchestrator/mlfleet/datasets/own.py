"""Data sets of the user's own, kept on this host under names that begin with `own-`: decoded once, fixed by digest.

A name of the manifest can never become one of these, nor the other way round.
"""

import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlfleet import payload
from mlfleet.codec import decode, encode
from mlfleet.datasets.dataset import split
from mlfleet.datasets.manifest import DataUnavailable, Entry, RawFile
from mlfleet.datasets.tabular import Columns
from mlfleet.errors import StorageError, UsageError, printable, unknown

PREFIX = "own-"
SOURCE = "own"
NAME = re.compile(r"own-[a-z0-9][a-z0-9._-]{0,59}")
_ENTRY, _ARRAYS = ".json", ".safetensors"
# Below it no row is held out of some class, and nothing can be said of quality.
FEWEST_ROWS = 10


def is_own(name: str) -> bool:
    """Whether a data set of that name would be the user's own."""
    return name.startswith(PREFIX)


def folder() -> Path:
    """$MLFLEET_DATA, else $XDG_DATA_HOME/mlfleet, else ~/.local/share/mlfleet; need not exist yet."""
    if chosen := os.environ.get("MLFLEET_DATA"):
        return Path(chosen)
    shared = os.environ.get("XDG_DATA_HOME")
    return (Path(shared) if shared else Path.home() / ".local/share") / "mlfleet"


def names() -> tuple[str, ...]:
    """Every data set that was added on this host."""
    there = folder()
    found = there.glob(f"{PREFIX}*{_ENTRY}") if there.is_dir() else ()
    return tuple(sorted(path.name.removesuffix(_ENTRY) for path in found))


def entry(name: str) -> Entry:
    """What was kept when it was added. Raises UsageError that names the nearest one."""
    if name not in names():
        raise unknown("dataset of your own", name, names())
    try:
        return decode(Entry, (folder() / (name + _ENTRY)).read_bytes())
    except OSError as error:
        raise DataUnavailable(f"dataset {name}: {error.strerror}; try: mlfleet data --add FILE") from error


def load(name: str, known: Entry) -> tuple[NDArray[Any], NDArray[Any]]:
    """Its arrays x and y. Raises DataUnavailable where they are not the bytes that were kept."""
    path = folder() / known.files[0].path
    data = path.read_bytes() if path.is_file() else b""
    found = hashlib.sha256(data).hexdigest() if data else "no such file"
    if found != known.files[0].sha256:
        raise DataUnavailable(
            f"dataset {name}: {path} has sha256 {known.files[0].sha256} awaited, {found} found; try: mlfleet data --add"
        )
    arrays, _ = payload.read_outputs(data, payload.Limits(file_bytes=len(data)))
    return arrays["x"], arrays["y"]


def add(name: str, columns: Columns, described: Entry) -> Entry:
    """Keep a data set under that name, in place of one that was there. Raises UsageError, StorageError.

    Of `described` sizes and digests are filled in here.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"{printable(name)} is no name; awaited lower case, digits, . _ - behind {PREFIX}")
    _check(name, columns, described)
    x, y = np.ascontiguousarray(columns.x), np.ascontiguousarray(columns.y)
    train, test = split(y, described.target)
    data = payload.encode({"x": x, "y": y})
    kept = replace(
        described,
        rows=len(x),
        columns=x.shape[1],
        classes=len(np.unique(y)) if described.target == "classes" else 0,
        files=(RawFile(name + _ARRAYS, hashlib.sha256(data).hexdigest()),),
        decoded=payload.tensors_sha256({"x": x, "y": y, "train": train, "test": test}),
    )
    try:
        folder().mkdir(parents=True, exist_ok=True)
        (folder() / (name + _ARRAYS)).write_bytes(data)
        # The entry is last: without it the arrays are nothing.
        (folder() / (name + _ENTRY)).write_bytes(encode(kept))
    except OSError as error:
        raise StorageError(f"cannot keep {name} in {folder()}: {error.strerror}") from error
    return kept


def remove(name: str) -> None:
    """Forget a data set. Raises UsageError where there is none of that name, StorageError."""
    if name not in names():
        raise unknown("dataset of your own", name, names())
    try:
        (folder() / (name + _ENTRY)).unlink()
        (folder() / (name + _ARRAYS)).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"cannot remove {name} from {folder()}: {error.strerror}") from error


def _check(name: str, columns: Columns, described: Entry) -> None:
    rows, y = len(columns.x), columns.y
    if rows < FEWEST_ROWS:
        raise UsageError(f"{name}: {rows} rows; {FEWEST_ROWS} or more awaited, of which a fifth is held out")
    if described.target == "classes":
        sizes = np.unique(y, return_counts=True)[1]
        if len(sizes) < 2 or sizes.min() < 2:  # noqa: PLR2004 - one row to train on, one to be held out
            found = f"{len(sizes)} classes, the smallest of {sizes.min()} rows"
            raise UsageError(f"{name}: {found}; 2 or more awaited, of 2 rows or more")
    if described.target == "real" and y.min() == y.max():
        raise UsageError(f"{name}: the target is {y[0]:g} in every row; nothing can be learnt of it")
