"""The lock that an image was made by: who repeats a comparison of versions needs both."""

import io
import tarfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import docker
from docker.errors import DockerException, NotFound

from mlfleet.builders.source import source_digest
from mlfleet.builders.versions import rust
from mlfleet.builders.versions.kinds import package
from mlfleet.builders.versions.tree import LOCK, tree_of
from mlfleet.errors import HostError, StorageError
from mlfleet.model import Service
from mlfleet.runfile import Contestant

FOLDER = "locks"
# Where docker/python.Dockerfile puts what it was built from.
_INSIDE = "/app/uv.lock"
_LIMIT_BYTES = 16 << 20
_NAMES = {"python": LOCK, "rust": rust.LOCK}


def keep_locks(
    contestants: Iterable[Contestant], folder: Path, lock_of: Callable[[Contestant, str], bytes | None]
) -> tuple[Path, ...]:
    """Write `locks/<contestant>.uv.lock`, or `.Cargo.lock`, of each image that the user named and that has one.

    `lock_of`: of a contestant and the id of its image. What today's sources build is in the repository. Raises
    StorageError.
    """
    kept = []
    for one in contestants:
        if not one.named or one.image_id is None or (data := lock_of(one, one.image_id)) is None:
            continue
        # A key is plain but for the colon before its tag.
        path = folder / FOLDER / f"{one.service.key.replace(':', '-')}.{_NAMES[one.service.language]}"
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}") from error
        kept.append(path)
    return tuple(kept)


def lock_inside(client: docker.DockerClient, image_id: str, labels: Mapping[str, str]) -> bytes | None:
    """The lock in an image, None where it has none; nothing of the image is started. Raises HostError.

    `labels`: as all containers of the run carry them, so that what a killed run leaves is found.
    """
    try:
        container = client.containers.create(image_id, labels=dict(labels), network_mode="none")
        try:
            stream, _ = container.get_archive(_INSIDE)
            return _only_file(b"".join(stream))
        except NotFound:
            return None
        finally:
            container.remove(force=True)
    except DockerException as error:
        raise HostError(f"cannot read {_INSIDE} of image {image_id}: {error}") from error


def lock_of_source(service: Service, tag: str, source: str | None, root: Path) -> bytes | None:
    """The lock of a Rust service's image of that tag, which does not hold it; None where its sources are gone.

    `service`: today's; `source`: the digest of what the image was built from, by its label. They are either this
    repository's or those that were laid out for the version.
    """
    places = [(service, root, root / rust.WORKSPACE / rust.LOCK)]
    with suppress(HostError):
        tree = tree_of(service, tag, package(service, root), root)
        places.append((tree.service, tree.root, rust.lock_of(tree)))
    there = (lock for one, at, lock in places if lock.is_file() and source_digest(one, at) == source)
    return next((lock.read_bytes() for lock in there), None)


def _only_file(archive: bytes) -> bytes | None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = next(iter(tar), None)
        file = tar.extractfile(member) if member and member.isfile() and member.size <= _LIMIT_BYTES else None
        return file.read() if file else None
