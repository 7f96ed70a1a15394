"""The recipe: what is created, what inspect must show, and what a launch does when something refuses or differs."""

import copy
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from docker.errors import APIError, ImageNotFound, NotFound
from mlfleet.errors import HostError
from mlfleet.launch import recipe
from mlfleet.launch.base import Exit, LaunchFailed, LaunchSpec
from mlfleet.launch.docker import Container, DaemonLost, DeviceUnavailable, DockerLauncher, ImageMissing, remove
from mlfleet.launch.variables import variables
from mlfleet.model import Environment, Service
from mlfleet.validate.quota import WithQuota
from mlfleet.verdict import Verdict

IMAGE = "sha256:" + "1" * 64
PAYLOAD = Path("/payloads") / ("a" * 64 + ".safetensors")
CONFINED = "Name:\ttini\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"


def spec(**changes):
    service = Service("sklearn", "python", "mlfleet/sklearn:1.9.1", control=False, memory_bytes=1 << 30)
    environment = Environment("cpu", (2, 3), 2, 1 << 30, "docker", "mapped")
    values = {
        "service": service,
        "image_id": IMAGE,
        "environment": environment,
        "payload": PAYLOAD,
        "name": "mlf-12345678-12345678-0-1",
        "socket_folder": Path("/dev/shm/mlf-12345678/1"),
        "labels": {"dev.mlfleet.run": "12345678"},
    }
    return LaunchSpec(**values | changes)


def inspect_of(body):
    """What an engine that does as it is told shows of a create request."""
    host = copy.deepcopy(body["HostConfig"])
    mounts = [
        {"Type": m["Type"], "Source": m["Source"], "Destination": m["Target"], "RW": not m["ReadOnly"]}
        for m in host["Mounts"]
    ]
    config = {
        "User": body["User"],
        "Env": [*body["Env"], "PATH=/bin"],
        "Labels": {**body["Labels"], "dev.mlfleet.source": "x"},
        "Healthcheck": body["Healthcheck"],
    }
    return {
        "Image": body["Image"],
        "Config": config,
        "HostConfig": host,
        "Mounts": mounts,
        "NetworkSettings": {"Networks": {"none": {}}},
        "State": {"Running": True, "Pid": 7, "ExitCode": 0, "OOMKilled": False},
    }


def refusal(kind, status, text):
    return kind("refused", response=SimpleNamespace(status_code=status, url="", reason=""), explanation=text)


class FakeEngine:
    """The calls of docker's API that a launch makes; `fail` maps a call to what it raises, `alter` edits inspect."""

    def __init__(self):
        self.api = self
        self.calls = []
        self.fail = {}
        self.labels = {}
        self.alter = lambda inspected: None
        self.inspected = {}

    def _call(self, name):
        self.calls.append(name)
        if self.fail.get(name):
            raise self.fail[name].pop(0)

    def inspect_image(self, image):
        self._call("inspect_image")
        return {"Config": {"Labels": self.labels}}

    def create_container_from_config(self, body, name):
        self._call("create")
        self.inspected = inspect_of(body)
        return {"Id": "c1", "Warnings": None}

    def start(self, container):
        self._call("start")

    def inspect_container(self, container):
        self._call("inspect")
        self.alter(self.inspected)
        return self.inspected

    def remove_container(self, name, *, v, force):
        assert v
        assert force
        self._call(f"remove {name}")


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture
def proc(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text(CONFINED)
    return tmp_path


@pytest.fixture
def launcher(engine, proc):
    return DockerLauncher(engine, proc=proc, sleep=lambda _: None, plain_user=False)


def test_an_engine_that_does_as_told_passes_and_the_container_goes(engine, launcher):
    with launcher.launch(spec()) as running:
        assert (running.pid, running.socket) == (7, Path("/dev/shm/mlf-12345678/1/s"))
        assert running.recipe["cap_drop"] == '["ALL"]'
        assert not any("/payloads" in text for text in running.recipe.values())
        assert running.exit() is None
    assert engine.calls[-1] == "remove mlf-12345678-12345678-0-1"


def test_a_quota_beside_the_recipe_is_refused_by_its_row(engine, proc):
    quoted = WithQuota(engine, proc=proc, sleep=lambda _: None, plain_user=False)
    with pytest.raises(LaunchFailed, match=r"not as the recipe says: nano_cpus"), quoted.launch(spec()):
        pytest.fail("it was started with a quota")
    assert engine.inspected["HostConfig"]["NanoCpus"] == 1_000_000_000
    assert engine.calls[-1].startswith("remove")


ROWS = recipe.rows(spec(), "0")


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_every_row_that_differs_is_named(row):
    inspected = inspect_of(recipe.create_body(ROWS))
    *above, last = (row.shown or row.place).split(".")
    section = inspected
    for part in above:
        section = section[part]
    section[last] = (
        {"changed": "x"}
        if isinstance(row.value, dict)
        else [{"Type": "volume", "Destination": "/", "RW": 1}]
        if row.name == "mounts"
        else ["CHANGED=1"]
        if isinstance(row.value, list)
        else not row.value
    )
    assert [text.partition(":")[0] for text in recipe.differences(ROWS, inspected)] == [row.name]


@pytest.mark.parametrize(
    ("alter", "named"),
    [
        (lambda c: c["HostConfig"]["CapAdd"].append("SYS_ADMIN"), "cap_add"),
        (lambda c: c["HostConfig"]["SecurityOpt"].append("seccomp=unconfined"), "security_opt"),
        (lambda c: c["Mounts"].append({"Type": "bind", "Source": "/s", "Destination": "/s", "RW": False}), "mounts"),
        (lambda c: c["Mounts"][1].update(RW=True), "mounts"),
        (lambda c: c["Config"]["Env"].append("LD_PRELOAD=/x.so"), "variables"),
        (lambda c: c["Config"]["Env"].remove("OMP_NUM_THREADS=2"), "variables"),
        (lambda c: c["NetworkSettings"]["Networks"].update(bridge={}), "networks"),
        (lambda c: c["HostConfig"].update(MemorySwap=-1), "memswap_limit"),
    ],
)
def test_a_difference_fails_the_launch_and_removes_the_container(engine, launcher, alter, named):
    engine.alter = alter
    with pytest.raises(LaunchFailed, match=named), launcher.launch(spec()):
        pytest.fail("launched")
    assert engine.calls[-1].startswith("remove")


@pytest.mark.parametrize("line", ["CapEff:\t00000000a80425fb", "NoNewPrivs:\t0", "Seccomp:\t0", ""])
def test_what_the_kernel_says_of_its_init_counts_too(launcher, proc, line):
    name = line.partition(":")[0] or "Seccomp"
    kept = [kept for kept in CONFINED.splitlines() if not kept.startswith(name)]
    (proc / "7" / "status").write_text("\n".join([*kept, line]))
    with pytest.raises(LaunchFailed, match=name), launcher.launch(spec()):
        pytest.fail("launched")


def test_a_service_that_ended_at_once_was_launched_and_its_exit_is_told(engine, launcher):
    engine.alter = lambda c: c["State"].update(Running=False, Pid=0, ExitCode=137, OOMKilled=True)
    with launcher.launch(spec()) as running:
        assert running.exit() == Exit(137, out_of_memory=True)


@pytest.mark.parametrize(
    ("call", "error", "raised", "verdict"),
    [
        ("inspect_image", refusal(ImageNotFound, 404, "No such image: x"), ImageMissing, Verdict.NOT_BUILT),
        ("create", refusal(NotFound, 404, "No such image: x"), ImageMissing, Verdict.NOT_BUILT),
        ("create", refusal(APIError, 500, "no space left on device"), LaunchFailed, Verdict.LAUNCH_FAILED),
        (
            "start",
            refusal(APIError, 500, 'could not select device driver "" with capabilities'),
            DeviceUnavailable,
            Verdict.DEVICE_UNAVAILABLE,
        ),
        ("start", refusal(APIError, 400, "exec: not found"), LaunchFailed, Verdict.LAUNCH_FAILED),
        ("inspect", requests.ConnectionError("gone"), DaemonLost, Verdict.DAEMON_LOST),
    ],
)
def test_a_refusal_is_named_and_nothing_is_left(engine, launcher, call, error, raised, verdict):
    engine.fail[call] = [error]
    with pytest.raises(LaunchFailed) as caught, launcher.launch(spec()):
        pytest.fail("launched")
    assert type(caught.value) is raised
    assert caught.value.verdict is verdict
    assert call == "inspect_image" or engine.calls[-1].startswith("remove")


def test_a_fault_goes_to_fault_images_only(engine, launcher):
    with pytest.raises(LaunchFailed, match=r"dev\.mlfleet\.fault"), launcher.launch(spec(fault="hang")):
        pytest.fail("launched")
    assert engine.calls == ["inspect_image"]
    engine.labels = {"dev.mlfleet.fault": "1"}
    with launcher.launch(spec(fault="hang")):
        assert "MLFLEET_FAULT=hang" in engine.inspected["Config"]["Env"]


IN_PROGRESS = (409, "removal of container c1 is already in progress")


@pytest.mark.parametrize(
    ("answers", "calls"),
    [
        ([refusal(NotFound, 404, "No such container")], 1),
        ([refusal(APIError, *IN_PROGRESS)] * 30 + [refusal(NotFound, 404, "gone")], 31),
        ([refusal(APIError, 500, "busy"), requests.ReadTimeout("slow")], 3),
    ],
)
def test_removal_goes_on_until_it_is_gone(engine, answers, calls):
    engine.fail["remove c1"] = answers
    remove(engine, "c1", sleep=lambda _: None)
    assert len(engine.calls) == calls


def test_removal_gives_up_after_ten_failures_and_says_what_to_do(engine):
    engine.fail["remove c1"] = [refusal(APIError, 500, "busy") for _ in range(99)]
    with pytest.raises(HostError, match="docker rm --force c1"):
        remove(engine, "c1", sleep=lambda _: None)
    assert len(engine.calls) == 10


def test_variables_are_a_closed_list_and_follow_the_threads():
    paths = {"socket": "/run/mlfleet/s", "payloads": "/payload", "home": "/tmp", "cache": "/jit"}
    chosen = variables(spec(), **paths)
    assert {name for name, value in chosen.items() if value == "2"} == {
        *("MLFLEET_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"),
        *("NUMEXPR_NUM_THREADS", "RAYON_NUM_THREADS", "CANDLE_NUM_THREADS", "MATMUL_NUM_THREADS", "LOKY_MAX_CPU_COUNT"),
    }
    assert chosen["TOKENIZERS_PARALLELISM"] == "true"
    assert "MLFLEET_FAULT" not in chosen
    assert not any(name.startswith(("KMP_", "GOMP_", "OMP_WAIT", "OMP_PROC", "NVIDIA")) for name in chosen)
    on_gpu = spec(environment=Environment("cuda", (0,), 1, 1 << 30, "docker", "mapped"))
    assert variables(on_gpu, **paths).keys() - chosen.keys() == {"NVIDIA_DRIVER_CAPABILITIES"}


def test_memory_nodes_are_those_of_the_cpus(tmp_path):
    for node, cpus in {"node0": "0-3,8", "node1": "4-7\n"}.items():
        (tmp_path / node).mkdir()
        (tmp_path / node / "cpulist").write_text(cpus)
    assert recipe.memory_nodes([8], tmp_path) == "0"
    assert recipe.memory_nodes([7], tmp_path) == "1"
    assert recipe.memory_nodes([3, 4], tmp_path) == "0,1"
    assert recipe.memory_nodes([0], tmp_path / "absent") == ""


@pytest.mark.parametrize(
    ("failures", "text", "asked"), [(2, "unable to freeze", 3), (3, "unable to freeze", 3), (1, "not running", 1)]
)
def test_a_freeze_that_a_busy_host_prevented_is_tried_again(failures, text, asked):
    calls = []

    class Api:
        def pause(self, name):
            calls.append(name)
            if len(calls) <= failures:
                raise APIError(text, explanation=f"Cannot pause container {name}: {text}")

    container = Container(SimpleNamespace(api=Api()), "c1", 1, Path("/s"), {})
    with pytest.raises(LaunchFailed, match=text) if failures != 2 else nullcontext():
        container.freeze()
    assert calls == ["c1"] * asked
