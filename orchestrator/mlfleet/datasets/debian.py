"""Raw files of a Debian package: read where it is installed, else fetched into the cache, which needs no root."""

import hashlib
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from mlfleet.datasets.manifest import DataUnavailable, Deb, RawFile
from mlfleet.datasets.network import fetch_url
from mlfleet.payload import cache_folder

ROOT = Path("/")
_FETCH_SECONDS = 300


def deb_path(deb: Deb, file: RawFile) -> Path:
    """Where the file lies: below the root if the package is installed, else in the cache, fetched or not."""
    installed = ROOT / deb.folder / file.path
    return installed if installed.is_file() else _folder(deb) / file.path


def fetch_deb(deb: Deb, files: Sequence[RawFile], progress: Callable[[str], None]) -> None:
    """The files into the cache: from Debian's archive, else from where they were published. Raises DataUnavailable."""
    if all(_is(deb_path(deb, file), file) for file in files):
        progress(f"{deb.package}: present")
        return
    _folder(deb).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_folder(deb).parent, prefix=".fetch-") as name:
        folder = Path(name)
        try:
            progress(f"{deb.package}: fetching from Debian's archive")
            found = _from_archive(deb, folder)
        except (OSError, subprocess.SubprocessError) as refused:
            progress(f"{deb.package}: not from Debian's archive ({_last_line(refused)})")
            found = _from_publisher(deb, files, folder, progress)
        for file in files:
            if not _is(found / file.path, file):
                raise DataUnavailable(f"{deb.package}: {file.path} of sha256 {file.sha256} awaited, other bytes found")
        for file in files:
            (found / file.path).replace(_folder(deb) / file.path)
    progress(f"{deb.package}: fetched")


def _folder(deb: Deb) -> Path:
    return cache_folder() / "debs" / deb.package


def _from_archive(deb: Deb, folder: Path) -> Path:
    """The folder of the package's files, unpacked and not installed."""
    _run(["apt-get", "download", deb.package], folder)
    # Named by its version and architecture.
    for package in folder.glob("*.deb"):
        _run(["dpkg-deb", "-x", package.name, "."], folder)
    return folder / deb.folder


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=True)  # noqa: S603


def _from_publisher(deb: Deb, files: Sequence[RawFile], folder: Path, progress: Callable[[str], None]) -> Path:
    """The folder of the files, each fetched by its URL."""
    for file in files:
        progress(f"{deb.package}: fetching {deb.url}/{file.path}")
        try:
            fetch_url(f"{deb.url}/{file.path}", folder / file.path)
        except OSError as error:
            raise DataUnavailable(
                f"{deb.package}: {deb.url}/{file.path} cannot be fetched ({error}), nor the package from Debian's "
                f"archive; where there is a network, try: apt-get install {deb.package}"
            ) from error
    return folder


def _is(path: Path, file: RawFile) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256


def _last_line(error: Exception) -> str:
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    return (said.strip().splitlines() or [type(error).__name__])[-1]
