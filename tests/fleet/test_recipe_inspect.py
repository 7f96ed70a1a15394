"""On a real engine: every service of compose.yaml starts by the recipe, and a changed row stops the launch."""

import functools
import os
import time
from pathlib import Path

import pytest
from mlfleet import build, compose
from mlfleet.launch import docker as runtime
from mlfleet.launch.base import LaunchFailed, LaunchSpec
from mlfleet.launch.engine import connect
from mlfleet.launch.sockets import RunFolder, peer
from mlfleet.model import Environment

ROOT = Path(__file__).parents[2]
SERVICES = {service.key: service for service in compose.load(ROOT / "compose.yaml")}
RUN = f"{os.getpid():08x}"
LABEL = "dev.mlfleet.run"
BIND_DEADLINE_S = 60


@pytest.fixture(scope="module")
def client():
    return connect()


@functools.cache
def image_of(key):
    """The service's image id; built first where it is not current."""
    builder = build.builder("docker", ROOT)
    build.build([SERVICES[key]], builder, print)
    state = builder.state(SERVICES[key])
    assert state.state == "current", state.reason
    return state.image_id


@pytest.fixture(scope="module")
def folder():
    with RunFolder(RUN) as made:
        yield made


@pytest.fixture
def spec_of(folder, tmp_path):
    payload = tmp_path / ("0" * 64 + ".safetensors")
    payload.write_bytes(b"payload")

    def make(key):
        environment = Environment("cpu", (0,), 1, 512 << 20, "docker", "mapped")
        name = f"mlf-{RUN}-{key}-0-{folder.attempts}"
        return LaunchSpec(SERVICES[key], image_of(key), environment, payload, name, folder.fresh(), {LABEL: RUN})

    return make


@pytest.fixture(autouse=True)
def nothing_left(client):
    yield
    assert client.containers.list(all=True, filters={"label": f"{LABEL}={RUN}"}) == []


def listener(running):
    """Who binds the socket, once somebody does."""
    deadline = time.monotonic() + BIND_DEADLINE_S
    while True:
        try:
            return peer(running.socket)
        except OSError:
            assert running.exit() is None, running.log_tail()
            assert time.monotonic() < deadline, running.log_tail()
            time.sleep(0.05)


@pytest.mark.parametrize("key", SERVICES)
def test_a_service_starts_binds_freezes_and_goes(client, spec_of, key):
    with runtime.DockerLauncher(client).launch(spec_of(key)) as running:
        found = listener(running)
        assert found.uid == 65532
        cgroup = Path(f"/proc/{running.pid}/cgroup").read_text()
        assert Path(f"/proc/{found.pid}/cgroup").read_text() == cgroup
        payload = client.containers.get(running.id).exec_run(["cat", f"/payload/{'0' * 64}.safetensors"])
        assert payload.output == b"payload"
        # No interface but loopback, no route: nothing outside can be reached.
        interfaces = Path(f"/proc/{running.pid}/net/dev").read_text().splitlines()[2:]
        assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]
        assert len(Path(f"/proc/{running.pid}/net/route").read_text().splitlines()) <= 1
        running.freeze()
        assert client.containers.get(running.id).status == "paused"
        running.thaw()
        assert running.exit() is None
        client.api.kill(running.id, "SIGKILL")
        client.api.wait(running.id)
        assert running.exit().status == 137


def test_all_services_get_the_same_recipe(client, spec_of):
    recipes = []
    for key in SERVICES:
        with runtime.DockerLauncher(client).launch(spec_of(key)) as running:
            recipes.append(dict(running.recipe))
    for recipe in recipes:
        # The image's own PATH is the one variable that may differ.
        del recipe["variables"]
    assert all(recipe == recipes[0] for recipe in recipes)


def host(**changes):
    return lambda body: body["HostConfig"].update(changes)


SOCKET = {"Type": "bind", "Source": "/var/run/docker.sock", "Target": "/var/run/docker.sock", "ReadOnly": True}


@pytest.mark.parametrize(
    ("named", "alter"),
    [
        ("cap_add", host(CapAdd=["NET_RAW"])),
        ("cap_drop", host(CapDrop=[])),
        ("read_only", host(ReadonlyRootfs=False)),
        ("networks", host(NetworkMode="bridge")),
        ("privileged", host(Privileged=True)),
        ("security_opt", host(SecurityOpt=["seccomp=unconfined"])),
        ("pid", host(PidMode="host")),
        ("memswap_limit", host(MemorySwap=-1)),
        ("pids_limit", host(PidsLimit=-1)),
        ("cpu_quota", host(CpuQuota=50_000)),
        ("auto_remove", host(AutoRemove=True)),
        ("mounts", lambda body: body["HostConfig"]["Mounts"].append(SOCKET)),
        ("user", lambda body: body.update(User="0:0")),
        ("variables", lambda body: body["Env"].append("LD_PRELOAD=/tmp/x.so")),
    ],
)
def test_an_altered_row_stops_the_launch(client, spec_of, monkeypatch, named, alter):
    create = client.api.create_container_from_config

    def altered(body, name):
        alter(body)
        return create(body, name)

    monkeypatch.setattr(client.api, "create_container_from_config", altered)
    with (
        pytest.raises(LaunchFailed, match=rf"\b{named}: found"),
        runtime.DockerLauncher(client).launch(spec_of("null-python")),
    ):
        pytest.fail("launched")


def test_a_plain_user_is_rid_of_folders_that_a_service_made(client, spec_of):
    spec = spec_of("null-python")
    with runtime.DockerLauncher(client, plain_user=True).launch(spec) as running:
        listener(running)
        command = ["sh", "-c", "mkdir -p /run/mlfleet/a/.b && touch /run/mlfleet/a/.b/c && chmod 0 /run/mlfleet/a"]
        client.api.exec_start(client.api.exec_create(running.id, command)["Id"])
        assert (spec.socket_folder / "a").is_dir()
    assert list(spec.socket_folder.iterdir()) == []


def test_an_image_that_went_is_missing(client, spec_of):
    spec = spec_of("null-python")
    gone = LaunchSpec(**{**vars(spec), "image_id": "sha256:" + "0" * 64})
    with pytest.raises(runtime.ImageMissing), runtime.DockerLauncher(client).launch(gone):
        pytest.fail("launched")
