"""Builds know what they were made of, and say what became of them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from docker.errors import ImageNotFound
from mlfleet import build
from mlfleet.builders.docker import DockerBuilder
from mlfleet.builders.notes import UNKNOWN
from mlfleet.builders.process import ProcessBuilder
from mlfleet.builders.source import layer_digest, source_digest
from mlfleet.builders.state import BuildState
from mlfleet.errors import HostError
from mlfleet.model import Service

PYTHON = Service("null-python", "python", "mlfleet/null-python:0.1.0", control=True, memory_bytes=1 << 30)
RUST = Service("null-rust", "rust", "mlfleet/null-rust:0.1.0", control=True, memory_bytes=1 << 30)
ON_LAYER = Service("net", "python", "mlfleet/net:1", control=False, memory_bytes=1 << 30, layer="mlfleet/torch:2.0")
GPU = Service("gpu", "rust", "mlfleet/gpu:1", control=False, memory_bytes=1 << 30, layer="mlfleet/cuda:13.0")
LAYERS = [
    "docker/torch.Dockerfile",
    "services/torch/uv.lock",
    "docker/cuda.Dockerfile",
    "services/cuda/uv.lock",
    "services/net/uv.lock",
    "services/net2/uv.lock",
]
FILES = {
    "python": [
        "docker/python.Dockerfile",
        "proto/python/s.py",
        "services/sdk/s.py",
        "services/null/service.py",
        "services/null/uv.lock",
    ],
    "rust": [
        "docker/rust.Dockerfile",
        "proto/mlfleet/v1/b.proto",
        "rust_services/Cargo.lock",
        "rust_services/Cargo.toml",
        "rust_services/rust-toolchain.toml",
        "rust_services/sdk/src/lib.rs",
        "rust_services/null/src/main.rs",
    ],
}
OTHERS = [
    "README.md",
    "services/sklearn/service.py",
    "rust_services/linfa/src/main.rs",
    "services/null/.venv/bin/python",
    "services/null/__pycache__/service.pyc",
    "services/sdk/x.egg-info/PKG-INFO",
    "rust_services/target/release/mlfleet-null-rust",
]


def write(root, name, text="x"):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.fixture
def root(tmp_path):
    for name in [*FILES["python"], *FILES["rust"], *OTHERS, *LAYERS]:
        write(tmp_path, name)
    write(tmp_path, "docker/cuda.Dockerfile", "FROM debian AS build\nFROM debian AS devel\nFROM debian\n")
    write(tmp_path, "services/torch/uv.lock", '[[package]]\nname = "torch"\n[[package]]\nname = "sympy"\n')
    return tmp_path


@pytest.mark.parametrize("service", [PYTHON, RUST], ids=["python", "rust"])
def test_the_digest_follows_each_source_and_nothing_else(root, service):
    before = source_digest(service, root)
    for name in OTHERS:
        write(root, name, "changed")
    assert source_digest(service, root) == before
    for name in FILES[service.language]:
        write(root, name, "changed")
        assert source_digest(service, root) != before, name
        write(root, name)


def test_a_moved_file_is_another_source(root):
    before = source_digest(PYTHON, root)
    (root / "services/null/service.py").rename(root / "services/null/other.py")
    assert source_digest(PYTHON, root) != before


class FakeImages:
    """An engine that holds at most one image, by its labels; or those of `held`, by name."""

    def __init__(self, labels=None, held=()):
        self.api = self
        self.labels = labels
        self.held = dict(held)

    def inspect_image(self, name):
        labels = self.held.get(name, self.labels)
        if labels is None:
            raise ImageNotFound(name)
        return {"Id": "sha256:1", "Size": 5, "Config": {"Labels": labels}}


def test_an_image_is_missing_foreign_stale_or_current(root):
    source = source_digest(PYTHON, root)
    for labels, state in [
        (None, "missing"),
        ({}, "foreign"),
        ({"dev.mlfleet.source": "0"}, "stale"),
        ({"dev.mlfleet.source": source, "dev.mlfleet.standin": "debootstrap"}, "current"),
    ]:
        found = DockerBuilder(root, FakeImages(labels)).state(PYTHON)
        assert found.state == state
        assert PYTHON.key in found.reason
    assert (found.image_id, found.size_bytes, found.stand_in) == ("sha256:1", 5, "debootstrap")


def test_a_failing_build_tells_its_last_lines(root):
    write(root, "docker/bases/docker-client.sh", "pick_docker() { DOCKER=$FAKE; }")
    fake = root / "fake-docker"
    fake.write_text("#!/bin/sh\necho '#5 [build 2/3] RUN false'\necho 'it broke here'\nexit 7\n")
    fake.chmod(0o755)
    said = []
    builder = DockerBuilder(root, FakeImages(), {"PATH": "/usr/bin:/bin", "FAKE": str(fake)})
    with pytest.raises(HostError, match="it broke here"):
        builder.build(PYTHON, said.append)
    assert "  [build 2/3] RUN false" in said


@pytest.fixture
def engine(root):
    """A builder whose docker client writes down how it was called and says what BuildKit says."""
    write(root, "docker/bases/docker-client.sh", "pick_docker() { DOCKER=$FAKE; }")
    fake = root / "fake-docker"
    lines = ["#1 [internal] load", "#2 [a 1/2] RUN x", "#2 CACHED", "#3 [a 2/2] RUN y", "#3 0.5    Compiling b v1"]
    fake.write_text(f'#!/bin/sh\necho "$@" >> {root}/calls\n' + "".join(f"echo '{line}'\n" for line in lines))
    fake.chmod(0o755)
    environment = {"PATH": "/usr/bin:/bin", "FAKE": str(fake), "SSL_CERT_FILE": "/nowhere"}
    return DockerBuilder(root, FakeImages(), environment, notes=root / "notes")


def test_layers_are_built_first_each_stage_under_its_tag(root, engine):
    engine.build(GPU, lambda _: None)
    calls = (root / "calls").read_text().splitlines()
    assert [call.partition("--tag ")[2].split()[0] for call in calls] == [
        "mlfleet/cuda:13.0",
        "mlfleet/cuda:13.0-devel",
        "mlfleet/gpu:1",
    ]
    assert ["--target devel" in call for call in calls] == [False, True, False]
    assert "--build-arg LAYER=mlfleet/cuda:13.0 --build-arg DEVEL=mlfleet/cuda:13.0-devel" in calls[2]


def test_a_current_layer_is_not_built_again(root, engine):
    engine.client.held = {"mlfleet/torch:2.0": {"dev.mlfleet.source": layer_digest("mlfleet/torch:2.0", root)}}
    engine.build(ON_LAYER, lambda _: None)
    (call,) = (root / "calls").read_text().splitlines()
    assert "--build-arg LAYER=mlfleet/torch:2.0 " in call
    assert "DEVEL" not in call


def test_what_a_build_took_is_kept_and_told_by_its_state(root, engine):
    engine.client.held = {"mlfleet/null-python:0.1.0": {"dev.mlfleet.source": "0"}}
    assert engine.state(PYTHON).built == UNKNOWN
    found = engine.build(PYTHON, lambda _: None).built
    assert found.begun == "1 of 2 steps cached, 1 crate compiled"
    assert found.seconds is not None
    assert 0 < found.seconds < 60
    (note,) = (root / "notes").iterdir()
    note.write_text("[]")
    assert engine.state(PYTHON).built == UNKNOWN


def test_a_layer_that_cannot_be_had_fails_all_that_stand_on_it_and_nobody_else(root, engine):
    engine.prepare = lambda services, report: None
    (root / "fake-docker").write_text(
        f'#!/bin/sh\necho "$@" >> {root}/calls\n'
        'case "$*" in *torch.Dockerfile*) echo "no matching distribution: torch==2.0"; exit 1;; esac\n'
    )
    other = replace(ON_LAYER, key="net2", image="mlfleet/net2:1")
    results = build.build([ON_LAYER, PYTHON, other], engine, lambda _: None)
    assert [result.state for result in results] == ["failed", "missing", "failed"]
    assert "no matching distribution: torch==2.0" in results[0].reason
    assert results[2].reason == (
        "it stands on mlfleet/torch:2.0, which could not be built: no matching distribution: torch==2.0"
    )
    assert len((root / "calls").read_text().splitlines()) == 2


def test_the_digest_follows_the_layer_too(root):
    before = source_digest(ON_LAYER, root)
    for name in LAYERS[:2]:
        write(root, name, "changed")
        assert source_digest(ON_LAYER, root) != before, name
        before = source_digest(ON_LAYER, root)
    write(root, LAYERS[3], "changed")
    assert source_digest(ON_LAYER, root) == before


def test_no_client_that_can_build_is_a_host_error(root):
    write(root, "docker/bases/docker-client.sh", "pick_docker() { return 1; }")
    with pytest.raises(HostError, match="can build"):
        DockerBuilder(root, FakeImages(), {"PATH": "/usr/bin:/bin"}).build(PYTHON, lambda _: None)


def tools(root, cargo="exit 0"):
    """A uv that makes a venv and a cargo that does as told."""
    write(root, ".venv/bin/uv", "#!/bin/sh\nmkdir -p .venv/bin && touch .venv/bin/python\n")
    write(root, "tools/cargo", f"#!/bin/sh\n{cargo}\n")
    for name in (".venv/bin/uv", "tools/cargo"):
        (root / name).chmod(0o755)
    return {"PATH": f"{root}/tools:/usr/bin:/bin"}


def test_a_process_build_is_stamped_and_goes_stale_with_its_source(root):
    (root / "services/null/.venv/bin/python").unlink()
    builder = ProcessBuilder(root, tools(root))
    assert builder.state(PYTHON).state == "missing"
    assert build.process_command(PYTHON, root) is None
    results = build.build([PYTHON, RUST], builder, lambda _: None)
    assert [(r.key, r.state) for r in results] == [("null-python", "current"), ("null-rust", "current")]
    command = build.process_command(PYTHON, root)
    assert command is not None
    assert command[-2:] == ["mlfleet_sdk", str(root / "services/null/service.py")]
    assert build.process_command(RUST, root) == [str(root / "rust_services/target/release/mlfleet-null-rust")]
    write(root, "services/sdk/s.py", "changed")
    assert [builder.state(s).state for s in (PYTHON, RUST)] == ["stale", "current"]


def test_a_host_without_cargo_has_no_rust_build_and_that_is_no_error(root):
    (root / "rust_services/target/release/mlfleet-null-rust").unlink()
    tools(root)
    (result,) = build.build([RUST], ProcessBuilder(root, {"PATH": "/nowhere"}), lambda _: None)
    assert result.state == "not_built"
    assert "cargo" in result.reason


def test_a_failing_cargo_is_a_host_error_and_leaves_no_stamp(root):
    builder = ProcessBuilder(root, tools(root, "echo 'error[E0308]: mismatched types' >&2; exit 101"))
    with pytest.raises(HostError, match="E0308"):
        builder.build(RUST, lambda _: None)
    assert builder.state(RUST).state == "stale"


def test_clean_says_what_it_gives_back(root):
    write(root, "services/null/.venv/big", "x" * 100_000)
    said = []
    freed = ProcessBuilder(root, tools(root)).clean([PYTHON, RUST], said.append)
    assert freed >= 100_000
    assert said == ["removed rust_services/target", "removed services/null/.venv"]
    assert not (root / "services/null/.venv").exists()
    assert (root / "services/null/service.py").exists()


def layered(root):
    """A uv that makes a venv with site-packages, a torch in that of the layer, and writes down what it was told."""
    environment = tools(root)
    site = ".venv/lib/python3.11/site-packages"
    write(
        root,
        ".venv/bin/uv",
        f'#!/bin/sh\necho "$@" >> {root}/calls\nmkdir -p .venv/bin {site} && touch .venv/bin/python\n'
        f'case "$PWD" in */torch) mkdir -p {site}/torch;; esac\n',
    )
    return environment


def test_services_on_a_layer_share_one_installation(root):
    write(root, "services/net/service.py")
    write(root, "services/net2/service.py")
    builder = ProcessBuilder(root, layered(root))
    other = replace(ON_LAYER, key="net2", image="mlfleet/net2:1")
    results = build.build([ON_LAYER, other], builder, lambda _: None)
    assert [result.state for result in results] == ["current", "current"]
    layer, *services = (root / "calls").read_text().splitlines()
    assert "--no-cache" in layer
    assert len(services) == 2
    assert all("--no-install-package=torch --no-install-package=sympy" in call for call in services)
    site = root / "services/torch/.venv/lib/python3.11/site-packages"
    assert (root / "services/net/.venv/lib/python3.11/site-packages/layer.pth").read_text() == f"{site}\n"
    assert (root / "services/torch/libtorch").resolve() == site / "torch"
    assert results[0].built.begun == "it was missing before"
    write(root, "services/torch/uv.lock", '[[package]]\nname = "torch"\n')
    assert builder.state(ON_LAYER).state == "missing"


def test_clean_gives_a_layer_back_too(root):
    builder = ProcessBuilder(root, layered(root))
    write(root, "services/net/service.py")
    build.build([ON_LAYER], builder, lambda _: None)
    builder.clean([ON_LAYER], lambda _: None)
    assert not (root / "services/torch/.venv").exists()
    assert not (root / "services/torch/libtorch").is_symlink()
    assert (root / "services/torch/uv.lock").exists()


def test_a_layer_that_cannot_be_installed_is_tried_once(root):
    environment = layered(root)
    write(root, ".venv/bin/uv", f'#!/bin/sh\necho "$@" >> {root}/calls\necho "torch 2.0 is gone" >&2; exit 2\n')
    other = replace(ON_LAYER, key="net2", image="mlfleet/net2:1")
    results = build.build([ON_LAYER, other], ProcessBuilder(root, environment), lambda _: None)
    assert [result.state for result in results] == ["failed", "failed"]
    assert all("torch 2.0 is gone" in result.reason for result in results)
    assert len((root / "calls").read_text().splitlines()) == 1


def test_a_host_with_cuda_gets_a_second_build_beside_the_first(root):
    environment = tools(root, 'mkdir -p target/release && echo cpu > "target/release/${5}"')
    write(root, "rust_services/gpu/cuda.sh", 'mkdir -p target/release && echo "$1" > target/release/mlfleet-gpu\n')
    cpu, gpu = (root / "rust_services/target/release" / name for name in ("mlfleet-gpu", "mlfleet-gpu-cuda"))
    ProcessBuilder(root, environment).build(GPU, lambda _: None)
    assert (cpu.read_text(), gpu.exists()) == ("cpu\n", False)
    with_cuda = ProcessBuilder(root, environment | {"CUDA_HOME": "/opt/cuda"})
    state = with_cuda.state(GPU)
    assert (state.state, state.reason) == ("stale", "gpu is built for the CPU alone, and CUDA_HOME is set")
    assert with_cuda.build(GPU, lambda _: None).state == "current"
    assert (cpu.read_text(), gpu.read_text()) == ("cpu\n", "/opt/cuda\n")
    # One that a later build leaves behind would be started with older sources.
    ProcessBuilder(root, environment).build(GPU, lambda _: None)
    assert not gpu.exists()


class FakeStore:
    """An engine with our images, tagged and not, each of 10 bytes in layers."""

    def __init__(self, *images):
        self.images = self
        self.kept = list(images)
        self.asked = {}

    def list(self, filters):
        self.asked = filters
        return [SimpleNamespace(id=name, tags=tags) for name, tags in self.kept]

    def remove(self, name, *, force):
        self.kept = [(i, [t for t in tags if t != name]) for i, tags in self.kept]
        self.kept = [(i, tags) for i, tags in self.kept if tags or (i != name and not i.startswith("tagged"))]

    def df(self):
        return {"LayersSize": 10 * len(self.kept)}


def test_clean_removes_every_image_of_ours_with_all_its_tags(root):
    store = FakeStore(("tagged", ["mlfleet/a:1", "mlfleet/a:2"]), ("sha256:old", []))
    said = []
    assert DockerBuilder(root, store, notes=root / "notes").clean([], said.append) == 20
    assert store.asked == {"label": "dev.mlfleet.source"}
    assert said[:-1] == ["removed mlfleet/a:1", "removed mlfleet/a:2", "removed sha256:old"]


class Recorder:
    """A builder that only takes notes."""

    def __init__(self, **states):
        self.states = states
        self.events = []

    def state(self, service):
        return BuildState(self.states[service.key.replace("-", "_")], "because")

    def prepare(self, services, report):
        self.events.append(("prepare", [s.key for s in services]))

    def build(self, service, report):
        self.events.append(("build", service.key))
        return BuildState("current", "built", size_bytes=3)


def test_only_what_is_not_current_is_built_one_after_another():
    recorder = Recorder(null_python="current", null_rust="stale")
    results = build.build([PYTHON, RUST], recorder, lambda _: None)
    assert recorder.events == [("prepare", ["null-rust"]), ("build", "null-rust")]
    assert [(r.key, r.state, r.size_bytes) for r in results] == [
        ("null-python", "current", None),
        ("null-rust", "current", 3),
    ]
    recorder.events.clear()
    build.build([PYTHON, RUST], recorder, lambda _: None, force=True)
    assert [event for event, _ in recorder.events] == ["prepare", "build", "build"]
