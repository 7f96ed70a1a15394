"""Python images hold the lock that they were made by; it is read without starting anything."""

import pytest
from mlfleet.builders.versions.inside import lock_inside
from mlfleet.commands.common import services
from mlfleet.launch.engine import connect

LABEL = {"dev.mlfleet.test": "lock-inside"}


@pytest.fixture
def client():
    client = connect()
    yield client
    client.close()


@pytest.mark.parametrize("service", services(), ids=lambda service: service.key)
def test_a_python_image_has_its_lock_and_a_rust_image_none(client, service):
    found = lock_inside(client, client.images.get(service.image).id, LABEL)
    if service.language == "rust":
        assert found is None
    else:
        assert found is not None
        assert found.startswith(b"version = 1")
        assert b'name = "grpcio"' in found
    left = client.containers.list(all=True, filters={"label": "dev.mlfleet.test=lock-inside"})
    assert left == []
