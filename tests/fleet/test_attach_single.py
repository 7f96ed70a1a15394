"""Single services that somebody else started, here testcontainers: trials of the attach runtime against them."""

import time
from pathlib import Path

import pytest
from contract.launched import NEVER
from mlfleet import build, compose, datasets, payload, tasks
from mlfleet.bench import Bench, Cell
from mlfleet.client import connect
from mlfleet.launch.attach import AttachLauncher
from mlfleet.launch.attached import meet
from mlfleet.launch.surroundings import surroundings
from mlfleet.meters import Name, open_meters
from mlfleet.model import Environment, Trial
from mlfleet.schedule import RULES
from mlfleet.tasks.control import WORKLOAD
from mlfleet.trial import TrialRun
from mlfleet.verdict import Verdict
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

ROOT = Path(__file__).parents[2]
# Its reaper is an image that a host without a registry cannot have; the tests stop what they start.
testcontainers_config.ryuk_disabled = True
SERVICES = [service for service in compose.load(ROOT / "compose.yaml", {}) if service.control]
MEMORY = 512 << 20
LIMITS = {"cpuset_cpus": "0", "mem_limit": MEMORY, "memswap_limit": MEMORY}


@pytest.fixture(params=SERVICES, ids=lambda service: service.key)
def service(request):
    build.build([request.param], build.builder("docker", ROOT), print)
    return request.param


@pytest.fixture
def folders(tmp_path):
    made = tmp_path / "sockets", tmp_path / "payloads"
    for folder in made:
        folder.mkdir()
        folder.chmod(0o777)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    return made


@pytest.fixture
def container(service, folders):
    sockets, payloads = folders
    container = (
        DockerContainer(service.image)
        .with_volume_mapping(str(sockets), "/run/mlfleet", "rw")
        .with_volume_mapping(str(payloads), "/payload", "ro")
        .with_env("MLFLEET_EXIT_AFTER_TRIAL", "1")
        .with_kwargs(**LIMITS, network_mode="none", init=True, restart_policy={"Name": "always"})
    )
    with container:
        yield container.get_wrapped_container()


@pytest.fixture
def bench(folders):
    sockets, payloads = folders
    return Bench(
        run8="attached",
        launcher=AttachLauncher(sockets, payloads, lambda _: None),
        stop=NEVER,
        connect=connect,
        open_meters=open_meters,
        socket_folder=lambda: sockets,
        labels={},
        progress=lambda *_: None,
    )


@pytest.fixture
def trial(service, container, folders, bench):
    """A trial of the control on whoever listens."""
    sockets, payloads = folders
    around = surroundings([service], wait_for(service, sockets))
    assert (around.cpus, around.memory_bytes) == ((0,), MEMORY)
    environment = Environment("cpu", around.cpus, 1, around.memory_bytes, "attach", "mapped")
    task = tasks.get(WORKLOAD.task)
    case = task.case(datasets.load(WORKLOAD.dataset), WORKLOAD.params, 1)
    stored = payload.store(case.inputs, payloads)
    cell = Cell("c" * 64, service, None, service.tag, WORKLOAD.name, task, case, stored, environment, 1, RULES["short"])
    return lambda block: TrialRun(cell, Trial(cell.id, cell.workload, "1 thread", service.key, block, 1), bench, None)


def wait_for(service, sockets):
    deadline = time.monotonic() + 20
    while (met := meet(service, sockets)) is None:
        assert time.monotonic() < deadline, "nobody listens"
        time.sleep(0.05)
    return {service.key: met}


def test_each_trial_meets_a_fresh_process_and_is_metered(trial, container):
    for block in (1, 2):
        with trial(block) as run:
            assert run.ready()
            run.turn(1, 1)
            record = run.finish()
        assert (record.verdict, record.flags) == (Verdict.OK, ("peers_running",)), record.reason
        for name in (Name.CPU, Name.PEAK_ANONYMOUS, Name.PEAK_CHARGED):
            assert record.turns[0].readings[name].value is not None
        assert record.turns[0].readings[Name.PEAK_CHARGED].method in ("sampled", "lifetime_mark")
    container.reload()
    assert container.attrs["RestartCount"] >= 1


def test_a_service_that_dies_in_a_trial_is_a_verdict(trial, container):
    with trial(1) as run:
        assert run.ready()
        container.kill()
        run.turn(1, 1)
        record = run.finish()
    assert record.verdict is Verdict.EXITED
    assert record.reason == "its process is gone; this runtime cannot tell how it ended"


def test_a_link_in_place_of_the_socket_is_a_verdict(trial, service, folders):
    path = folders[0] / compose.argument(service.key, service.language)
    path.unlink()
    path.symlink_to("/var/run/docker.sock")
    with trial(1) as run:
        assert not run.ready()
        record = run.finish()
    assert record.verdict is Verdict.LAUNCH_FAILED
    assert "is no socket but l" in record.reason
