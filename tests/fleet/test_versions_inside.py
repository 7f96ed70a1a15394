"""Python images hold the lock that they were made by, Rust images tell it by their source; nothing is started."""

import pytest
from mlfleet.builders.docker import SOURCE_LABEL
from mlfleet.builders.versions.inside import lock_inside, lock_of_source
from mlfleet.cli import status
from mlfleet.commands.common import ROOT, services
from mlfleet.launch.engine import connect

LABEL = {"dev.mlfleet.test": "lock-inside"}


@pytest.fixture
def client():
    client = connect()
    yield client
    client.close()


@pytest.mark.parametrize("service", services(), ids=lambda service: service.key)
def test_a_python_image_has_its_lock_and_a_rust_image_that_of_its_source(client, service):
    image = client.images.get(service.image)
    found = lock_inside(client, image.id, LABEL)
    if service.language == "rust":
        assert found is None
        told = lock_of_source(service, service.tag, image.labels[SOURCE_LABEL], ROOT)
        assert told == (ROOT / "rust_services/Cargo.lock").read_bytes()
    else:
        assert found is not None
        assert found.startswith(b"version = 1")
        assert b'name = "grpcio"' in found
    left = client.containers.list(all=True, filters={"label": "dev.mlfleet.test=lock-inside"})
    assert left == []


def test_a_run_keeps_the_lock_of_an_image_that_was_named(client, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLEET_LOCK", str(tmp_path / "host.lock"))
    service = next(one for one in services() if one.language == "python" and not one.control)
    folder, tag = tmp_path / "run", service.image.rpartition(":")[2]
    options = ["--workloads", "kmeans.fit-iris", "--frameworks", service.key, "--blocks", "1", "--out", str(folder)]
    # Its exit code says how quiet the host was, too, and nothing of the lock.
    status(["run", "smoke", "--image", f"{service.key}={tag}", *options])
    (kept,) = (folder / "locks").iterdir()
    assert kept.name == f"{service.key}.uv.lock"
    assert kept.read_bytes() == lock_inside(client, client.images.get(service.image).id, LABEL)
