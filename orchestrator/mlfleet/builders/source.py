"""What a build is made of, and its digest."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mlfleet.builders.layers import layer_dockerfile, layer_folder
from mlfleet.compose import DOCKERFILES, folder
from mlfleet.errors import HostError
from mlfleet.model import Service

# Made by tools, in git ignored and in no image.
MADE = frozenset({"__pycache__", "target"})

_SHARED = {
    "python": ("proto/python", "services/sdk"),
    "rust": (
        "proto/mlfleet",
        "rust_services/.cargo",
        "rust_services/sdk",
        "rust_services/cartpole",
        "rust_services/Cargo.toml",
        "rust_services/Cargo.lock",
        "rust_services/rust-toolchain.toml",
    ),
}
_HOME = {"python": "services", "rust": "rust_services"}


def service_folder(service: Service, root: Path) -> Path:
    """Where the service's own sources lie."""
    return root / _HOME[service.language] / folder(service.key, service.language)


def check_lock(service: Service, root: Path) -> None:
    """Raises HostError where a Python service has no lock yet, as one that was begun just now."""
    folder = service_folder(service, root)
    # The orchestrator is built like a service, and has no project of its own there.
    if service.language == "python" and (folder / "pyproject.toml").is_file() and not (folder / "uv.lock").is_file():
        project = folder.relative_to(root)
        raise HostError(f"{project}/uv.lock is not there; try: .venv/bin/uv lock --project {project}")


def dockerfile(service: Service, root: Path) -> Path:
    """The Dockerfile of its language."""
    return root / next(path for path, language in DOCKERFILES.items() if language == service.language)


def source_digest(service: Service, root: Path) -> str:
    """SHA-256 over names and contents of all its sources."""
    return digest_of(sources(service, root), root)


def sources(service: Service, root: Path) -> list[Path]:
    """Its own folder, the SDK, the contract, locks and Dockerfiles, its layer's too."""
    shared = [root / path for path in _SHARED[service.language]]
    if service.layer is not None:
        shared += [layer_folder(service.layer, root), layer_dockerfile(service.layer, root)]
    return [*shared, service_folder(service, root), dockerfile(service, root)]


def layer_digest(layer: str, root: Path) -> str:
    """As `source_digest`, of a layer."""
    return digest_of([layer_folder(layer, root), layer_dockerfile(layer, root)], root)


def digest_of(paths: Iterable[Path], root: Path) -> str:
    """SHA-256 over names and contents of all files there."""
    digest = hashlib.sha256()
    for file in sorted({file for path in paths for file in files_of(path)}):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(root)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def files_of(path: Path) -> Iterator[Path]:
    """The source files there, without what tools made."""
    if path.is_file():
        yield path
    for folder_name, folders, files in os.walk(path):
        folders[:] = [
            name for name in folders if not (name.startswith(".") or name in MADE or name.endswith(".egg-info"))
        ]
        found = (Path(folder_name) / name for name in files if not name.startswith("."))
        # A link is where a build put it, such as that to libtorch, which may point to nothing yet.
        yield from (file for file in found if not file.is_symlink())


def size_of(path: Path) -> int:
    """Bytes on disk of a file or a tree; hard links counted once, 0 if absent."""
    seen = {}
    for file in (path, *path.rglob("*")):
        if file.is_symlink() or file.exists():
            found = file.lstat()
            seen[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(seen.values())
