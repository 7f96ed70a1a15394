"""Another release of a framework: pinned, resolved, and resolved as of its day where today's packages break it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlfleet.builders.source import check_lock
from mlfleet.builders.state import BuildState
from mlfleet.builders.versions.build import Tools, build_version
from mlfleet.builders.versions.python import package as pinned_package
from mlfleet.builders.versions.releases import INDEX, Release, released, releases
from mlfleet.builders.versions.tree import tree_of
from mlfleet.errors import HostError, UsageError
from mlfleet.model import Service

SERVICE = Service("kit", "python", "mlfleet/kit:1.9.1", control=False, memory_bytes=1 << 30)
PROJECT = """[project]
name = "mlfleet-kit"
dependencies = ["mlfleet-sdk", "sci-kit==1.9.1"]

[tool.uv]
environments = ["sys_platform == 'linux'"]
"""
OLD = Release("1.2.2", datetime(2023, 3, 9, tzinfo=UTC))


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path / "cache"))
    files = {
        "services/kit/pyproject.toml": PROJECT,
        "services/kit/service.py": "adapter",
        "services/kit/uv.lock": "today",
        "services/sdk/pyproject.toml": 'dependencies = ["grpcio>=1.51", "mlfleet-stubs", "numpy>=1.23"]',
        "proto/python/pyproject.toml": 'dependencies = ["grpcio>=1.51", "protobuf>=4.21"]',
        "docker/python.Dockerfile": "FROM debian",
        "docker/bases/base-images.sh": "true",
        "services/other/service.py": "no business of it",
    }
    for name, text in files.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_text(text)
    return tmp_path / "root"


class Site:
    """Tools that note what they were asked; `starts` says with which locks a build starts."""

    def __init__(self, starts):
        self.starts = starts
        self.locked = []
        self.built = []

    def tools(self):
        return Tools(build=self.build, probe=self.probe, lock=self.lock)

    def lock(self, tree):
        folder = tree.folder
        project = (folder / "pyproject.toml").read_text()
        held = (folder / "uv.lock").read_text() if (folder / "uv.lock").is_file() else "nothing"
        self.locked.append((project, held))
        (folder / "uv.lock").write_text("as of its day" if "exclude-newer" in project else "beside today's")

    def build(self, tree, service, report):
        lock = (tree / "services/kit/uv.lock").read_text()
        self.built.append((service.image, lock))
        return BuildState("current", "", f"sha256:{lock}")

    def probe(self, service, state):
        return "" if any(lock in state.image_id for lock in self.starts) else "gave no description"


def test_a_version_is_pinned_in_a_tree_of_its_own_and_other_packages_are_held(root):
    site = Site(["beside today's"])
    found = build_version(SERVICE, OLD, root, site.tools(), print)
    ((project, held),) = site.locked
    assert '"sci-kit==1.2.2"' in project
    assert held == "today"
    assert site.built == [("mlfleet/kit:1.2.2", "beside today's")]
    assert found.resolved_by is None
    assert (root / "services/kit/pyproject.toml").read_text() == PROJECT
    tree = found.lock.parents[2]
    assert (tree / "docker/bases/base-images.sh").is_file()
    assert not (tree / "services/other").exists()


def test_what_does_not_start_is_resolved_as_of_its_day(root):
    site = Site(["as of its day"])
    found = build_version(SERVICE, OLD, root, site.tools(), print)
    (_, (project, held)) = site.locked
    assert 'exclude-newer = "2023-03-10T00:00:00Z"' in project
    ours = ", ".join(f'{name} = "2100-01-01T00:00:00Z"' for name in ("grpcio", "protobuf", "uv-build"))
    assert f"exclude-newer-package = {{ {ours} }}" in project
    assert held == "nothing"
    assert found.resolved_by == "2023-03-10T00:00:00Z"
    assert found.lock.read_text() == "as of its day"


def test_what_never_starts_is_an_error_and_is_not_tried_a_third_time(root):
    site = Site([])
    with pytest.raises(HostError, match=r"mlfleet/kit:1\.2\.2 is built, but gave no description"):
        build_version(SERVICE, OLD, root, site.tools(), print)
    assert len(site.built) == 2


def test_a_lock_that_was_found_once_is_kept_with_its_day(root):
    first = Site(["as of its day"])
    build_version(SERVICE, OLD, root, first.tools(), print)
    again = Site(["as of its day"])
    build_version(SERVICE, OLD, root, again.tools(), print)
    ((project, held),) = again.locked
    assert 'exclude-newer = "2023-03-10T00:00:00Z"' in project
    assert held == "as of its day"


def test_a_changed_adapter_is_laid_out_again(root):
    site = Site(["beside today's"])
    build_version(SERVICE, OLD, root, site.tools(), print)
    (root / "services/kit/service.py").write_text("changed")
    found = build_version(SERVICE, OLD, root, site.tools(), print)
    assert (found.lock.parent / "service.py").read_text() == "changed"


@pytest.mark.parametrize(
    ("dependencies", "words"), [("", "0 dependencies"), ('"a==1.9.1", "b==1.9.1"', "2 dependencies")]
)
def test_a_service_that_pins_no_one_package_to_its_tag_has_no_other_version(root, dependencies, words):
    (root / "services/kit/pyproject.toml").write_text(f"dependencies = [{dependencies}]")
    with pytest.raises(HostError, match=words):
        pinned_package(SERVICE, root)


@pytest.mark.parametrize("more", ['with = { numpy = "1.26" }', 'lock = { numpy = "1.26" }', 'without = ["trees"]'])
def test_a_table_of_a_python_service_is_not_asked_in_vain_for_what_cargo_does(root, more):
    (root / "services/kit/versions.toml").write_text(f'[[releases]]\nof = ">=1"\n{more}\n')
    with pytest.raises(UsageError, match=r"kit: its versions\.toml has with, lock or without, which are of Rust"):
        build_version(SERVICE, OLD, root, Site([]).tools(), print)


def test_a_table_of_a_python_service_refuses_releases(root):
    (root / "services/kit/versions.toml").write_text('[[releases]]\nof = "<1.2"\nrefused = "it has no wheel"\n')
    with pytest.raises(HostError, match=r"kit 1\.1\.9 is not built: it has no wheel"):
        build_version(SERVICE, Release("1.1.9", None), root, Site([]).tools(), print)
    assert build_version(SERVICE, OLD, root, Site(["beside today's"]).tools(), print).resolved_by is None


@pytest.mark.parametrize("version", ["", "../x", "1.0 ; rm", "-1"])
def test_what_can_be_no_tag_is_no_version(root, version):
    with pytest.raises(HostError, match=r"is no version; awaited one such as 1\.9\.1"):
        tree_of(SERVICE, version, "sci-kit", root)


FILES = [
    {"filename": "sci_kit-1.10.0-py3-none-any.whl", "upload-time": "2026-01-02T03:04:05.000000Z"},
    {"filename": "sci_kit-1.9.1.tar.gz", "upload-time": "2025-01-02T03:04:05Z"},
    {"filename": "sci_kit-1.9.1-cp311-cp311-manylinux_2_17_x86_64.whl", "upload-time": "2025-01-03T03:04:05Z"},
    {"filename": "sci_kit-1.8.0.tar.gz"},
    {"filename": "sci_kit-1.7.0.tar.gz", "yanked": "broken"},
    {"filename": "sci_kit-1.6.0.exe"},
]


def known():
    return releases("sci-kit", {}, lambda _: json.dumps({"files": FILES}).encode())


def test_releases_are_in_the_order_of_versions_without_those_withdrawn():
    assert [(one.version, str(one.published)[:10]) for one in known()] == [
        ("1.8.0", "None"),
        ("1.9.1", "2025-01-03"),
        ("1.10.0", "2026-01-02"),
    ]


@pytest.mark.parametrize(
    ("version", "nearest"),
    [("1.9.2", "1.8.0, 1.9.1, 1.10.0"), ("9.0", "1.9.1, 1.10.0"), ("latest", "1.8.0, 1.9.1, 1.10.0")],
)
def test_a_version_that_does_not_exist_is_told_with_the_nearest_that_do(version, nearest):
    with pytest.raises(HostError, match=f"sci-kit has no release {version}; the nearest: {nearest}"):
        released("sci-kit", version, known())
    assert released("sci-kit", "1.9.1", known()).version == "1.9.1"


def test_the_index_is_the_one_that_the_tools_use():
    asked = []

    def fetch(url):
        asked.append(url)
        return b'{"files": []}'

    releases("a", {}, fetch)
    releases("a", {"PIP_INDEX_URL": "https://one/simple", "UV_DEFAULT_INDEX": "https://two/simple/"}, fetch)
    assert asked == [f"{INDEX}/a/", "https://two/simple/a/"]


@pytest.mark.parametrize(
    ("python", "fits"), [("", True), (">=3.11", True), (">=3.12", False), (">=3.8,<3.11", False), ("three", True)]
)
def test_a_release_says_for_which_python_it_is(python, fits):
    files = {"files": [{"filename": "a-1.0.tar.gz", "requires-python": python or None}]}
    (found,) = releases("a", {}, lambda _: json.dumps(files).encode())
    assert found.runs_on("3.11.2") is fits


def test_a_service_without_a_lock_is_told_what_makes_one(root):
    check_lock(SERVICE, root)
    (root / "services/kit/uv.lock").unlink()
    with pytest.raises(
        HostError, match=r"services/kit/uv\.lock is not there; try: \.venv/bin/uv lock --project services/kit"
    ):
        check_lock(SERVICE, root)
    # Built like a service, from no project below services.
    check_lock(replace(SERVICE, key="orchestrator"), root)


def test_a_build_that_is_wanted_is_told_with_one_command():
    missing = BuildState("missing", "no image mlfleet/kit:1; try: mlfleet build kit")
    assert missing.told("kit", "docker") == "no image mlfleet/kit:1; try: mlfleet build kit --runtime docker"
    assert BuildState("stale", "old").told("kit", "process") == "old; try: mlfleet build kit --runtime process"


@pytest.mark.parametrize("answer", [b"<html>", b"{}", b'{"files": 3}'])
def test_an_index_that_answers_nonsense_is_told(answer):
    with pytest.raises(HostError, match="no package index tells which releases of a there are"):
        releases("a", {}, lambda _: answer)


def test_nothing_of_the_cache_is_outside_it(root):
    assert Path(tree_of(SERVICE, "1.2.2", "sci-kit", root).root).is_relative_to(root.parent / "cache")
