"""Which releases of a crate there are, and when each was published: from cargo's sparse index."""

import json
import urllib.error
from datetime import datetime

from packaging.version import InvalidVersion, Version

from mlfleet.builders.versions.releases import Fetch, Release, fetch
from mlfleet.errors import HostError, printable

INDEX = "https://index.crates.io"


def releases(crate: str, get: Fetch = fetch) -> list[Release]:
    """All that were not withdrawn, oldest first. Raises HostError where the index does not answer.

    A line of JSON each: `vers`, `yanked`, and where the index has it `pubtime`.
    """
    try:
        lines = [json.loads(line) for line in get(f"{INDEX}/{_place(crate)}").splitlines()]
        found = [
            Release(str(line["vers"]), _time(line.get("pubtime")))
            for line in lines
            if not line["yanked"] and _ordered(str(line["vers"]))
        ]
    except (urllib.error.URLError, OSError, ValueError, KeyError, TypeError) as error:
        why = printable(str(error))
        raise HostError(f"no index of crates tells which releases of {crate} there are: {why}") from error
    return sorted(found, key=lambda one: Version(one.version))


def _place(crate: str) -> str:
    """Where the index has it, as cargo's own documentation says: by the length of the name, then its letters."""
    name = crate.lower()
    if len(name) <= 2:  # noqa: PLR2004
        return f"{len(name)}/{name}"
    return f"3/{name[0]}/{name}" if len(name) == 3 else f"{name[:2]}/{name[2:4]}/{name}"  # noqa: PLR2004


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _ordered(version: str) -> bool:
    """Whether it stands in one order with others as Python's versions do: all but a few that mean builds."""
    try:
        Version(version)
    except InvalidVersion:
        return False
    return True
