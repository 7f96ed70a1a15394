"""Another release of a Rust service: its crates pinned together, what they need beside them, and its layer."""

from dataclasses import replace

import pytest
from mlfleet.builders.source import source_digest
from mlfleet.builders.state import BuildState
from mlfleet.builders.versions import rust
from mlfleet.builders.versions.build import Tools, build_version, locker
from mlfleet.builders.versions.inside import lock_of_source
from mlfleet.builders.versions.kinds import package
from mlfleet.builders.versions.releases import Release
from mlfleet.builders.versions.tree import tree_of
from mlfleet.errors import HostError, UsageError
from mlfleet.model import Service

SERVICE = Service("kit", "rust", "mlfleet/kit:0.8.1", control=False, memory_bytes=1 << 30)
CRATE = """[dependencies]
kit = "=0.8.1"
kit-trees = { version = "=0.8.1", features = ["a"] }
kit-linalg = "=0.2.1"
mlfleet-sdk.workspace = true
ndarray.workspace = true

[features]
default = ["pool", "more"]
pool = []
"""
WORKSPACE = """[workspace.dependencies]
ndarray = "0.16"
tonic = { version = "0.14", default-features = false }
"""
TABLE = """[[releases]]
of = ">=0.8,<0.9"

[[releases]]
of = ">=0.7,<0.8"
with = { ndarray = "0.15", kit-linalg = "=0.1.0", tonic = "0.13" }
lock = { sprs = "0.11.1" }
without = ["pool"]

[[releases]]
of = "<0.7"
refused = "it does not compile"
"""
OLD = Release("0.7.1", None)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path / "cache"))
    files = {
        "rust_services/kit/Cargo.toml": CRATE,
        "rust_services/kit/versions.toml": TABLE,
        "rust_services/kit/src/lib.rs": "adapter",
        "rust_services/other/src/lib.rs": "no business of it",
        "rust_services/sdk/src/lib.rs": "sdk",
        "rust_services/Cargo.toml": WORKSPACE,
        "rust_services/Cargo.lock": "today",
        "docker/rust.Dockerfile": "FROM rust:1.95-slim AS build\nENV RUSTUP_TOOLCHAIN=1.95.0\n",
        "docker/torch.Dockerfile": "FROM debian",
        "services/torch/pyproject.toml": 'dependencies = ["torch==2.11.0"]',
        "services/torch/uv.lock": "today",
    }
    for name, text in files.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(text)
    return tmp_path / "root"


def built(root, release=OLD, probe="", service=SERVICE):
    """What was built of it, and every tree that was to be locked."""
    asked = []

    def lock(tree):
        asked.append(tree)
        (tree.root / "rust_services/Cargo.lock").write_text(f"for {tree.version}")

    tools = Tools(lambda tree, one, _: BuildState("current", "", f"{tree} {one.image}"), lambda *_: probe, lock)
    return build_version(service, release, root, tools, print), asked


def test_all_crates_of_a_release_are_pinned_and_what_it_needs_takes_the_place_of_todays(root):
    found, (tree,) = built(root)
    crate = (tree.folder / "Cargo.toml").read_text()
    assert 'kit = "=0.7.1"' in crate
    assert 'kit-trees = { version = "=0.7.1", features = ["a"] }' in crate
    assert 'kit-linalg = "=0.1.0"' in crate
    assert 'default = ["more"]\npool = []' in crate
    workspace = (tree.root / "rust_services/Cargo.toml").read_text()
    assert 'ndarray = "0.15"' in workspace
    assert 'tonic = { version = "0.13", default-features = false }' in workspace
    assert found.service.image == "mlfleet/kit:0.7.1"
    assert found.lock.read_text() == "for 0.7.1"
    assert not (tree.root / "rust_services/other").exists()
    assert (root / "rust_services/kit/Cargo.toml").read_text() == CRATE
    assert (root / "rust_services/Cargo.lock").read_text() == "today"


def test_a_lock_that_was_found_once_is_kept(root):
    found, _ = built(root)
    found.lock.write_text("found once")
    kept = []
    tools = Tools(
        lambda *_: BuildState("current", ""), lambda *_: "", lambda tree: kept.append(rust.lock_of(tree).read_text())
    )
    build_version(SERVICE, OLD, root, tools, print)
    assert kept == ["found once"]


def test_a_release_within_todays_series_needs_nothing_and_one_that_no_row_holds_is_tried(root):
    for version in ("0.8.0", "0.9.0"):
        _, (tree,) = built(root, Release(version, None))
        assert (tree.root / "rust_services/Cargo.toml").read_text() == WORKSPACE
        assert f'kit = "={version}"' in (tree.folder / "Cargo.toml").read_text()


def test_a_release_that_does_not_compile_is_refused_with_its_reason_and_those_that_do(root):
    with pytest.raises(HostError, match=r"kit 0\.6\.1 is not built: it does not compile\. Known: >=0\.8,<0\.9; >=0\.7"):
        built(root, Release("0.6.1", None))


def test_a_rust_release_that_does_not_start_is_not_tried_as_of_its_day(root):
    with pytest.raises(HostError, match=r"mlfleet/kit:0\.7\.1 is built, but gave up"):
        built(root, probe="gave up")


@pytest.mark.parametrize(
    ("need", "words"),
    [
        ('with = { nothing = "1" }', r"to have nothing 1, which no Cargo\.toml names"),
        ('without = ["nothing"]', "to lack nothing, which is no default feature"),
    ],
)
def test_a_need_that_no_manifest_has_is_told(root, need, words):
    (root / "rust_services/kit/versions.toml").write_text(f'[[releases]]\nof = ">=0"\n{need}\n')
    with pytest.raises(UsageError, match=words):
        built(root)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('[[releases]]\nof = "0.7"\n', "versions.toml:2: .*awaited a range"),
        ('[[releases]]\nof = ">=0"\nneeds = 1\n', "versions.toml:3: needs: "),
        ('[[releases]]\nof = ">=0"\nlock = { a = 1 }\n', "versions.toml:3: lock: "),
        ("[releases]\n", "awaited .*releases.* alone"),
        ('[[release]]\nof = ">=0"\n', "alone, found release"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_with_its_line(root, table, words):
    (root / "rust_services/kit/versions.toml").write_text(table)
    with pytest.raises(UsageError, match=words):
        built(root)


def test_the_crate_is_that_of_the_services_name_else_the_first_and_without_a_pin_there_is_none(root):
    assert package(SERVICE, root) == "kit"
    path = root / "rust_services/kit/Cargo.toml"
    path.write_text('[dependencies]\nkit-core = "=0.8.1"\nkit-nn = "=0.8.1"\n')
    assert package(SERVICE, root) == "kit-core"
    path.write_text('[dependencies]\nkit = "0.8"\n')
    with pytest.raises(HostError, match=r"kit: no dependency is pinned to 0\.8\.1"):
        package(SERVICE, root)


ON_TORCH = replace(SERVICE, layer="mlfleet/torch:2.11.0")
PAIRS = """[[releases]]
of = "==0.7.1"
layer = "2.10.0"

[[releases]]
of = "==0.7.0"
layer = "none"

[[releases]]
of = ">=0"
refused = "it binds another"
"""


def test_a_release_stands_on_the_layer_that_its_row_names_whose_package_is_pinned_too(root):
    (root / "rust_services/kit/versions.toml").write_text(PAIRS)
    found, (tree,) = built(root, service=ON_TORCH)
    assert found.service.layer == "mlfleet/torch:2.10.0"
    assert (tree.root / "services/torch/pyproject.toml").read_text() == 'dependencies = ["torch==2.10.0"]'
    assert built(root, Release("0.7.0", None), service=ON_TORCH)[0].service.layer is None
    with pytest.raises(HostError, match=r"it binds another\. Known: ==0\.7\.1 on 2\.10\.0; ==0\.7\.0"):
        built(root, service=ON_TORCH, release=Release("0.8.1", None))


def test_the_lock_of_an_image_is_found_by_what_it_was_built_from(root):
    _, (tree,) = built(root)
    old, today = source_digest(tree.service, tree.root), source_digest(SERVICE, root)
    assert lock_of_source(SERVICE, "0.7.1", old, root) == b"for 0.7.1"
    assert lock_of_source(SERVICE, "0.8.1", today, root) == b"today"
    # A tag of the user's own is no version.
    assert lock_of_source(SERVICE, "mine", today, root) == b"today"
    # Another's image of that tag, or the tree has been laid out anew since.
    assert lock_of_source(SERVICE, "0.7.1", "another", root) is None
    assert lock_of_source(SERVICE, "0.6.1", None, root) is None


def executable(path, lines):
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n" + lines)
    path.chmod(0o755)


def test_the_layers_lock_is_resolved_once_for_all_that_stand_on_it(root, tmp_path):
    (root / "rust_services/kit/versions.toml").write_text(PAIRS)
    _, (tree,) = built(root, service=ON_TORCH)
    executable(tmp_path / "bin/uv", 'echo "$(cat uv.lock) resolved" > uv.lock\n')
    executable(tmp_path / "bin/cargo", f'echo "$@" >> {tmp_path}/cargo\n')
    lock = locker(tmp_path / "bin/uv", {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
    lock(tree)
    assert (tree.layer / "uv.lock").read_text() == "today resolved\n"
    assert (tree.root.parent / "torch-2.10.0.uv.lock").read_text() == "today resolved\n"
    (tree.layer / "uv.lock").write_text("of another tree")
    lock(tree)
    assert (tree.layer / "uv.lock").read_text() == "today resolved resolved\n"


def test_cargo_holds_what_the_lock_has_and_then_takes_what_the_row_asks_for(root, tmp_path):
    tree = tree_of(SERVICE, "0.7.1", "kit", root)
    (tree.root / "rust_services").mkdir(parents=True)
    executable(tmp_path / "bin/cargo", f'echo "$@" >> {tmp_path}/cargo\n')
    rust.locker({"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})(tree)
    assert (tmp_path / "cargo").read_text().splitlines() == [
        "update --quiet --workspace",
        "update --quiet --package sprs --precise 0.11.1",
    ]


def test_a_host_without_cargo_resolves_with_that_of_the_image_that_compiles(root, tmp_path):
    _, (tree,) = built(root)
    executable(tmp_path / "bin/docker", f'echo "$@" >> {tmp_path}/docker\n')
    rust.locker({"PATH": f"{tmp_path}/bin", "SSL_CERT_FILE": "/nowhere"})(tree)
    first, _ = (tmp_path / "docker").read_text().splitlines()
    assert first.startswith("run --rm --user ")
    assert f"--mount type=bind,source={tree.root},target=/src --workdir /src/rust_services" in first
    assert first.endswith("--env RUSTUP_TOOLCHAIN=1.95.0 rust:1.95-slim cargo update --quiet --workspace")
