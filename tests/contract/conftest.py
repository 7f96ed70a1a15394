"""Every service of compose.yaml on every runtime that was chosen: no test of a single service names it."""

import os

import pytest
from contract import cases
from contract.launched import Fleet, Target
from lenient import any_machine
from mlfleet.commands.common import named_services
from mlfleet.launch.sockets import RunFolder

__all__ = ["any_machine"]
FAULTS = ("test_demos.py", "test_faults.py", "test_lies.py", "test_lies_times.py", "test_validate.py")
# Of two services at once: these name them.
PAIRS = ("test_one_libtorch.py",)


def pytest_ignore_collect(collection_path, config):
    # The fault services have no images: tests of them need the process runtime. They say nothing of one service.
    name, one = collection_path.name, bool(config.option.service)
    left_out = ("process" not in config.option.runtime or one) if name in FAULTS else (name in PAIRS and one)
    return True if left_out else None


def pytest_generate_tests(metafunc):
    if "target" in metafunc.fixturenames:
        chosen = named_services(metafunc.config.option.service or ())
        targets = [Target(service, runtime) for runtime in metafunc.config.option.runtime for service in chosen]
        # With the scope of the session, tests of one target run together and share its launch.
        metafunc.parametrize("target", targets, ids=str, scope="session")


@pytest.fixture(scope="session")
def fleet():
    # Not the name of other tests' run folders in this process.
    with RunFolder(f"c{os.getpid():07x}") as folder:
        yield Fleet(folder)


@pytest.fixture(scope="session")
def launched(fleet, target):
    """The target, launched once for all tests that leave it as they found it; payloads are streamed."""
    with fleet.launch(target) as running:
        yield running


@pytest.fixture(scope="session")
def honest(tmp_path_factory):
    """The honest case of a task, by its name."""
    folder = tmp_path_factory.mktemp("payloads")
    made = {}

    def of(name):
        if name not in made:
            made[name] = cases.honest(name, folder)
        return made[name]

    return of


@pytest.fixture(scope="session")
def offered(launched, honest):
    """The honest case of every task that the target describes."""
    found = [honest(task.name) for task in launched.client.describe(cases.CALL_S).tasks]
    assert found, "Describe names no task"
    return found
