"""What differs between the languages of services where another release of a framework is built."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlfleet.builders.versions import crates, python, rust
from mlfleet.builders.versions.releases import Release, releases
from mlfleet.builders.versions.tree import Tree
from mlfleet.model import Service


@dataclass(frozen=True)
class Kind:
    """The packages of a language."""

    # The package that is another release, of today's service at that root. Raises HostError where there is none.
    package: Callable[[Service, Path], str]
    # Its releases, oldest first. Raises HostError where no index answers.
    releases: Callable[[str], list[Release]]
    lock_of: Callable[[Tree], Path]


KINDS: Mapping[str, Kind] = {
    "python": Kind(python.package, releases, python.lock_of),
    "rust": Kind(rust.package, crates.releases, rust.lock_of),
}


def package(service: Service, root: Path) -> str:
    """The package whose releases are the service's versions. Raises HostError where there is none."""
    return KINDS[service.language].package(service, root)


def known_releases(service: Service, root: Path) -> list[Release]:
    """All releases of it. Raises HostError where no index answers."""
    return KINDS[service.language].releases(package(service, root))
