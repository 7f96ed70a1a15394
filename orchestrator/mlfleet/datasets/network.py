"""Raw files that no package carries: brought from their publisher's site into the cache where there is a network."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.request import urlopen

from mlfleet.datasets.manifest import DataUnavailable, RawFile, Site
from mlfleet.payload import cache_folder

# Until something comes; a host without a network is told so quickly.
_ANSWER_SECONDS = 20


def site_path(source: str, file: RawFile) -> Path:
    """Where a file of that site lies in the cache, fetched or not."""
    return cache_folder() / "network" / source / file.path


def fetch_site(source: str, site: Site, files: Sequence[RawFile], progress: Callable[[str], None]) -> None:
    """The files into the cache, each only with its own bytes. Raises DataUnavailable."""
    for file in files:
        target, url = site_path(source, file), f"{site.url}/{file.path}"
        if target.is_file() and _sha256(target) == file.sha256:
            progress(f"{url}: present")
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as folder:
            found = Path(folder) / "file"
            progress(f"{url}: fetching")
            try:
                fetch_url(url, found)
            except OSError as error:
                raise DataUnavailable(f"{url} cannot be fetched ({error}); nothing stands in for it") from error
            if _sha256(found) != file.sha256:
                raise DataUnavailable(f"{url}: sha256 {file.sha256} awaited, {_sha256(found)} found")
            found.replace(target)
        progress(f"{url}: fetched")


def fetch_url(url: str, target: Path) -> None:
    """What the URL answers, into a file. Raises OSError, of which urllib's errors are."""
    with urlopen(url, timeout=_ANSWER_SECONDS) as answer, target.open("wb") as file:  # noqa: S310
        shutil.copyfileobj(answer, file)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
