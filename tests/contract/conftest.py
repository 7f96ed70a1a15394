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
PARTS = {"odd": slice(0, None, 2), "even": slice(1, None, 2)}


def pytest_ignore_collect(collection_path, config):
    # The fault services have no images: tests of them need the process runtime. They say nothing of one service.
    name, part = collection_path.name, config.option.part
    if name in (*FAULTS, *PAIRS):
        single = bool(config.option.service) or part in PARTS
        left_out = single or (name in FAULTS and "process" not in config.option.runtime)
    else:
        left_out = part == "several" and name.startswith("test_")
    return True if left_out else None


def pytest_generate_tests(metafunc):
    if "target" in metafunc.fixturenames:
        option = metafunc.config.option
        chosen = named_services(option.service or ())[PARTS.get(option.part, slice(None))]
        targets = [Target(service, runtime) for runtime in option.runtime for service in chosen]
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
