"""The lock that an image was made by, read out of the image: who repeats a comparison of versions needs both."""

import io
import tarfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import docker
from docker.errors import DockerException, NotFound

from mlfleet.errors import HostError, StorageError
from mlfleet.runfile import Contestant

FOLDER = "locks"
# Where docker/python.Dockerfile puts what it was built from.
_INSIDE = "/app/uv.lock"
_LIMIT_BYTES = 16 << 20


def keep_locks(
    contestants: Iterable[Contestant], folder: Path, lock_of: Callable[[str], bytes | None]
) -> tuple[Path, ...]:
    """Write `locks/<contestant>.uv.lock` of each image that the user named and that has one.

    What today's sources build is in the repository. Raises StorageError.
    """
    kept = []
    for one in contestants:
        if not one.named or one.image_id is None or (data := lock_of(one.image_id)) is None:
            continue
        # A key is plain but for the colon before its tag.
        path = folder / FOLDER / f"{one.service.key.replace(':', '-')}.uv.lock"
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


def _only_file(archive: bytes) -> bytes | None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = next(iter(tar), None)
        file = tar.extractfile(member) if member and member.isfile() and member.size <= _LIMIT_BYTES else None
        return file.read() if file else None
