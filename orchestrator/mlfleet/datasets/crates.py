"""Raw files of a Rust crate: brought by cargo, as it brings what services are built from, and read without a build."""

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from mlfleet.datasets.manifest import Crate, DataUnavailable, RawFile
from mlfleet.payload import cache_folder

_FETCH_SECONDS = 300


def crate_path(crate: Crate) -> Path:
    """Where a fetched crate lies in the cache."""
    return cache_folder() / "crates" / _file(crate)


def fetch_crate(crate: Crate, progress: Callable[[str], None]) -> None:
    """A crate by name and hash into the cache: as cargo keeps it, else brought by cargo. Raises DataUnavailable.

    Which registry or mirror that is, only cargo's own configuration says.
    """
    target = crate_path(crate)
    if _is(target, crate):
        progress(f"{_file(crate)}: present")
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if not (kept := _kept(crate)):
        progress(f"{_file(crate)}: fetching")
        _cargo_info(crate, target.parent)
        kept = _kept(crate)
    right = next((path for path in kept if _is(path, crate)), None)
    if right is None:
        found = ", ".join(_sha256(path) for path in kept) or "no such file"
        raise DataUnavailable(f"{_file(crate)}: sha256 {crate.sha256} awaited, {found} found in cargo's cache")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as folder:
        copy = Path(folder) / target.name
        shutil.copyfile(right, copy)
        copy.replace(target)
    progress(f"{_file(crate)}: fetched")


def crate_files(path: Path, files: Sequence[RawFile]) -> list[bytes]:
    """The bytes of members of a crate. Raises OSError, KeyError or tarfile.TarError."""
    with tarfile.open(path, "r:gz") as archive:
        return [_member(archive, file) for file in files]


def _member(archive: tarfile.TarFile, file: RawFile) -> bytes:
    member = archive.extractfile(file.path)
    if member is None:
        raise KeyError(f"{file.path} is no file")
    return member.read()


def _kept(crate: Crate) -> list[Path]:
    """What cargo has under that name, of every registry that it was ever pointed at."""
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    return sorted((home / "registry" / "cache").glob(f"*/{_file(crate)}"))


def _cargo_info(crate: Crate, folder: Path) -> None:
    # The one command that brings a single crate, and nothing that it depends on. The registry is named because cargo
    # asks for that where a mirror stands in for it; it still goes to the mirror.
    command = [
        "cargo",
        "info",
        "--quiet",
        "--color",
        "never",
        "--registry",
        "crates-io",
        f"{crate.name}@{crate.version}",
    ]
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=folder, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DataUnavailable(f"{_file(crate)}: cargo did not end within {_FETCH_SECONDS} s") from error
    except OSError as error:
        raise DataUnavailable(f"{_file(crate)}: cargo cannot be started ({error.strerror}); is Rust here?") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1].strip()
        raise DataUnavailable(f"{_file(crate)}: cargo info ended with {done.returncode}: {last}")


def _file(crate: Crate) -> str:
    return f"{crate.name}-{crate.version}.crate"


def _is(path: Path, crate: Crate) -> bool:
    return path.is_file() and _sha256(path) == crate.sha256


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
