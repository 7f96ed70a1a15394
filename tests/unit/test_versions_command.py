"""`mlfleet build SERVICE --version V`: each of several, and what fails is told in its own line."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from mlfleet import cli
from mlfleet.build import BuildResult
from mlfleet.builders.state import BuildState
from mlfleet.builders.versions.build import Built
from mlfleet.builders.versions.releases import Release
from mlfleet.commands import build as build_command
from mlfleet.commands import versions as command
from mlfleet.commands.common import ROOT
from mlfleet.errors import HostError


@pytest.fixture
def built(monkeypatch, tmp_path):
    """A host with an engine, on which linfa 0.7.0 does not compile; the versions that were built."""
    made = []

    def build_version(service, release, root, tools, report):
        if release.version == "0.7.0":
            message = "building mlfleet/linfa:0.7.0 failed (docker ended with 1); its last lines:\n  error[E0432]"
            raise HostError(message)
        made.append(release.version)
        image = f"mlfleet/linfa:{release.version}"
        return Built(replace(service, image=image), BuildState("current", ""), 1.0, None, Path("Cargo.lock"))

    monkeypatch.setenv("MLFLEET_LOCK", str(tmp_path / "lock"))
    monkeypatch.setattr(build_command, "choose_runtime", lambda asked: asked)
    monkeypatch.setattr(command, "known_releases", lambda *_: [Release(v, None) for v in ("0.7.0", "0.7.1", "0.8.1")])
    monkeypatch.setattr(command, "open_bench", lambda *_: nullcontext(None))
    monkeypatch.setattr(command, "build_version", build_version)
    return made


def test_what_fails_is_told_with_its_reason_and_the_others_are_built_all_the_same(built, capsys):
    asked = ["--version", "0.7.0", "--version", "0.9.9", "--version", "0.7.1", "--version", "0.7.1"]
    assert cli.status(["build", "linfa", "--runtime", "docker", *asked]) == 3
    said = capsys.readouterr().out
    assert built == ["0.7.1"]
    assert "linfa:0.7.0  failed  0 s  building mlfleet/linfa:0.7.0 failed" in said
    assert "error[E0432]" in said
    assert "linfa:0.9.9  failed  0 s  linfa has no release 0.9.9; the nearest: 0.7.1, 0.8.1" in said
    assert "linfa:0.7.1  current  1 s  resolved beside today's packages, lock Cargo.lock; try: mlfleet run" in said


def test_todays_release_is_built_from_the_repository_itself(built, monkeypatch):
    def build(services, chosen, report):
        assert chosen == ROOT
        built.extend(service.image for service in services)
        return [BuildResult("linfa", "current", 0.0, None, "")]

    monkeypatch.setattr(command, "build", build)
    monkeypatch.setattr(command, "builder", lambda runtime, root: root)
    assert cli.status(["build", "linfa", "--runtime", "docker", "--version", "0.8.1", "--version", "0.7.1"]) == 0
    assert built == ["mlfleet/linfa:0.8.1", "0.7.1"]


def test_versions_are_images_of_one_service(built, capsys):
    assert cli.status(["build", "linfa", "--runtime", "process", "--version", "0.7.1"]) == 2
    assert cli.status(["build", "linfa", "sklearn", "--runtime", "docker", "--version", "0.7.1"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("other versions are docker images, the runtime is process; try: --runtime docker")
    assert second.endswith("--version is of one service; try: mlfleet build sklearn --version 1.5.2")
    assert built == []
