"""Which releases of a package there are, and when each was published: from the index that the tools are set to use."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from mlfleet.errors import HostError, UsageError, printable

# As uv and pip name it, in the order in which uv asks.
INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
INDEX = "https://pypi.org/simple"
# PEP 691 and PEP 700: files with the time of their upload.
_ACCEPT = "application/vnd.pypi.simple.v1+json"
_TIMEOUT_S = 30
_NEAREST = 3

Fetch = Callable[[str], bytes]


@dataclass(frozen=True)
class Release:
    """One version of a package; `published`: its last file's upload, None where the index does not say."""

    version: str
    published: datetime | None
    # Which versions of Python it asks for: ">=3.12"; empty: any, or a crate.
    python: str = ""

    def runs_on(self, python: str) -> bool:
        """Whether it is for that version of Python."""
        try:
            return SpecifierSet(self.python).contains(python)
        except InvalidSpecifier:
            return True


def releases(package: str, environment: Mapping[str, str] = os.environ, get: Fetch | None = None) -> list[Release]:
    """All that were not withdrawn, oldest first. Raises HostError where no index answers."""
    index = next((environment[name] for name in INDEX_VARIABLES if environment.get(name)), INDEX)
    url = f"{index.rstrip('/')}/{package}/"
    try:
        found: dict[str, Any] = json.loads((get or fetch)(url))
        files = list(found["files"])
    except (urllib.error.URLError, OSError, ValueError, KeyError, TypeError) as error:
        raise HostError(
            f"no package index tells which releases of {package} there are: {printable(str(error))}"
        ) from error
    times: dict[Version, list[datetime | None]] = {}
    pythons: dict[Version, str] = {}
    for file in files:
        if file.get("yanked") or (version := _version(str(file.get("filename")))) is None:
            continue
        pythons.setdefault(version, str(file.get("requires-python") or ""))
        uploaded = file.get("upload-time")
        times.setdefault(version, []).append(datetime.fromisoformat(uploaded) if uploaded else None)
    return [Release(str(version), _last(times[version]), pythons[version]) for version in sorted(times)]


def released(package: str, version: str, known: Sequence[Release]) -> Release:
    """That release. Raises HostError naming the nearest ones that there are."""
    found = next((one for one in known if one.version == version), None)
    if found is not None:
        return found
    near = ", ".join(_nearest(version, known)) or "none"
    raise HostError(f"{package} has no release {printable(version)}; the nearest: {near}")


def between(known: Sequence[Release], old: Release, new: Release) -> tuple[Release, ...]:
    """From one release to a later one in the order of versions, both included; of those between the stable ones.

    Raises UsageError where the first is not the older one.
    """
    low, high = Version(old.version), Version(new.version)
    if low >= high:
        raise UsageError(f"{old.version} is no older than {new.version}; awaited OLD..NEW, such as 1.5.2..1.9.1")
    inner = [one for one in known if low < (version := Version(one.version)) < high and not version.is_prerelease]
    return (old, *inner, new)


def _nearest(version: str, known: Sequence[Release]) -> list[str]:
    """The releases that stand beside it in the order of versions; of a version that is none, the latest."""
    order = [Version(one.version) for one in known]
    try:
        asked = Version(version)
    except InvalidVersion:
        return [str(one) for one in order[-_NEAREST:]]
    before = [one for one in order if one < asked][-_NEAREST + 1 :]
    after = [one for one in order if one > asked][: _NEAREST - 1]
    return [str(one) for one in (*before, *after)]


def fetch(url: str) -> bytes:
    """What an index answers. Raises URLError or OSError."""
    request = urllib.request.Request(url, headers={"Accept": _ACCEPT})  # noqa: S310 - https, or what the user set
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
        body: bytes = answer.read()
    return body


def _version(filename: str) -> Version | None:
    """The version that a wheel's or a source archive's name says; None of other files."""
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)[1]
        return parse_sdist_filename(filename)[1]
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return None


def _last(times: Sequence[datetime | None]) -> datetime | None:
    known = [time for time in times if time is not None]
    return max(known) if len(known) == len(times) else None
