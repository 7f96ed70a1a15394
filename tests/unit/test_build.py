"""Builds know what they were made of, and say what became of them."""

from types import SimpleNamespace

import pytest
from docker.errors import ImageNotFound
from mlfleet import build
from mlfleet.builders.docker import DockerBuilder
from mlfleet.builders.process import ProcessBuilder
from mlfleet.builders.source import source_digest
from mlfleet.builders.state import BuildState
from mlfleet.errors import HostError
from mlfleet.model import Service

PYTHON = Service("null-python", "python", "mlfleet/null-python:0.1.0", control=True, memory_bytes=1 << 30)
RUST = Service("null-rust", "rust", "mlfleet/null-rust:0.1.0", control=True, memory_bytes=1 << 30)
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
    for name in [*FILES["python"], *FILES["rust"], *OTHERS]:
        write(tmp_path, name)
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
    """An engine that holds at most one image, by its labels."""

    def __init__(self, labels=None):
        self.api = self
        self.labels = labels

    def inspect_image(self, name):
        if self.labels is None:
            raise ImageNotFound(name)
        return {"Id": "sha256:1", "Size": 5, "Config": {"Labels": self.labels}}


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
    assert DockerBuilder(root, store).clean([], said.append) == 20
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
