"""A service from the templates: whole or not at all, and one that does its task as it is."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from mlfleet import cli, compose, datasets, tasks
from mlfleet.able import able
from mlfleet.builders.versions.kinds import package as pinned_package
from mlfleet.builders.versions.releases import Release
from mlfleet.commands import new_framework as command
from mlfleet.errors import UsageError
from mlfleet.newcomer import TEMPLATES, Newcomer, add, with_stanza

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A repository with folders of services and the compose file."""
    for name in ("services/sklearn", "services/sdk", "rust_services/linfa"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "compose.yaml").write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(command, "ROOT", tmp_path)
    return tmp_path


def tree(root):
    """Every file with its content."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def made(root, name, *more):
    return cli.status(["new-framework", name, *more])


@pytest.mark.parametrize(
    ("language", "files"),
    [
        ("python", ["services/mine/pyproject.toml", "services/mine/service.py"]),
        ("rust", ["rust_services/mine/Cargo.toml", "rust_services/mine/src/main.rs"]),
    ],
)
def test_folder_and_stanza_are_made_and_the_next_commands_are_said(root, capfd, language, files):
    before = set(tree(root))
    assert made(root, "mine", "--language", language) == 0
    assert sorted(set(tree(root)) - before) == files
    said = capfd.readouterr().out
    first = "uv lock --project services/mine" if language == "python" else "cargo check --quiet -p mlfleet-mine"
    order = [said.index(word) for word in (*files, "compose.yaml", "next:", first, "build mine", "check mine", "run")]
    assert order == sorted(order)
    assert "--frameworks sklearn --frameworks mine" in said
    assert ".venv/bin/mlfleet build mine sklearn null-python null-rust\n" in said
    service = next(one for one in compose.load(root / "compose.yaml", {}) if one.key == "mine")
    assert (service.language, service.image, service.control) == (language, "mlfleet/mine:0.1.0", False)
    assert service in able([service], {"ridge.fit"}, root)


def test_the_stanza_stands_behind_the_last_framework_and_nothing_else_is_touched(root):
    made(root, "my-kit", "--language", "python")
    text = (root / "compose.yaml").read_text(encoding="utf-8")
    stanza = (
        "\n  my-kit:\n    <<: *service\n    image: mlfleet/my-kit:${MLFLEET_MY_KIT_TAG:-0.1.0}\n"
        "    build: {<<: *python, args: {SERVICE: my-kit}}\n    profiles: [python]\n"
    )
    assert text.count(stanza) == 1
    assert text.replace(stanza, "") == TEXT
    keys = [service.key for service in compose.load(root / "compose.yaml", {})]
    assert keys.index("my-kit") == keys.index("null-python") - 1
    assert "profiles: [python]\n\n  # Controls:" in text


def test_a_second_newcomer_stands_behind_the_first(root):
    made(root, "one", "--language", "python")
    made(root, "two", "--language", "rust")
    keys = [service.key for service in compose.load(root / "compose.yaml", {})]
    assert keys[keys.index("one") :][:2] == ["one", "two"]


def test_comments_within_the_last_stanza_stay_with_it():
    text = "services:\n  a:\n    x: 1\n    # of a\n\n  # of b\n  b:\n    x: 2\n"
    assert with_stanza(text, "  new:\n    x: 3\n", 2) == (
        "services:\n  a:\n    x: 1\n    # of a\n\n  new:\n    x: 3\n\n  # of b\n  b:\n    x: 2\n"
    )


def test_a_package_is_pinned_and_its_version_is_the_tag(root, monkeypatch):
    index = [
        Release("1.0", None),
        Release("3.1.2", None, ">=3.10"),
        Release("3.2rc1", None),
        Release("4.0", None, ">=3.12"),
    ]
    monkeypatch.setattr(command, "releases", lambda package: index)
    assert made(root, "latest", "--language", "python", "--package", "xg-boost") == 0
    assert made(root, "pinned", "--language", "python", "--package", "xg-boost==1.0") == 0
    services = {service.key: service for service in compose.load(root / "compose.yaml", {})}
    for key, version in (("latest", "3.1.2"), ("pinned", "1.0")):
        project = tomllib.loads((root / "services" / key / "pyproject.toml").read_text())
        assert project["project"]["name"] == f"mlfleet-{key}"
        assert project["project"]["dependencies"] == ["mlfleet-sdk", f"xg-boost=={version}"]
        assert services[key].tag == version
        # So other releases of it can be built, too.
        assert pinned_package(services[key], root) == "xg-boost"
        text = (root / "services" / key / "service.py").read_text()
        assert 'Service("xg-boost", version("xg-boost"))' in text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["sklearn", "--language", "python"], 2, "compose.yaml has sklearn already"),
        (["sklearn", "--language", "rust"], 2, "compose.yaml has sklearn already"),
        (["orchestrator", "--language", "python"], 2, "compose.yaml has orchestrator already"),
        (["sdk", "--language", "python"], 2, "services/sdk is there already"),
        (["sklearn-python", "--language", "python"], 2, "services/sklearn is there already"),
        (["My_Kit", "--language", "python"], 2, "'My_Kit' is no name of a service"),
        (["../kit", "--language", "python"], 2, "'../kit' is no name of a service"),
        (["-kit", "--language", "python"], 2, ""),
        (["true", "--language", "python"], 2, "compose.yaml"),
        (["kit"], 2, "--language"),
        (["kit", "--language", "julia"], 2, "julia"),
        (["kit", "--language", "rust", "--package", "linfa"], 2, "cargo add"),
        (["kit", "--language", "python", "--package", "a b"], 2, "awaited NAME or NAME==VERSION"),
        (["kit", "--language", "python", "--package", "kit>=1"], 2, "awaited NAME or NAME==VERSION"),
        (["kit", "--language", "python", "--package", "none"], 3, "has no release that is stable"),
    ],
)
def test_what_is_refused_leaves_all_as_it_was(root, monkeypatch, capfd, arguments, code, words):
    monkeypatch.setattr(command, "releases", lambda package: [Release("1.0rc1", None)])
    before, folders = tree(root), sorted(root.rglob("*"))
    assert cli.status(["new-framework", *arguments]) == code
    assert words in capfd.readouterr().err
    assert tree(root) == before
    assert sorted(root.rglob("*")) == folders


def test_a_package_that_left_the_services_python_behind_is_told(root, monkeypatch, capfd):
    monkeypatch.setattr(command, "releases", lambda package: [Release("4.0", None, ">=3.12")])
    assert cli.status(["new-framework", "kit", "--language", "python", "--package", "kit"]) == 3
    assert "kit has no release for Python 3.11" in capfd.readouterr().err


@pytest.mark.parametrize("step", ["rename", "replace", "write_text"])
def test_what_fails_on_the_way_leaves_nothing_behind(root, monkeypatch, step):
    def fail(*_, **__):
        raise OSError(28, "No space left on device", "somewhere")

    before, folders = tree(root), sorted(root.rglob("*"))
    monkeypatch.setattr(Path, step, fail)
    assert made(root, "mine", "--language", "python") == 74
    monkeypatch.undo()
    assert tree(root) == before
    assert sorted(root.rglob("*")) == folders


def test_a_broken_compose_file_is_told_and_stays(root):
    (root / "compose.yaml").write_text(TEXT.replace("    image: mlfleet/linfa", "    imgae: x"))
    before = tree(root)
    with pytest.raises(UsageError, match="imgae"):
        add(Newcomer("mine", "python"), root)
    assert tree(root) == before


def service_of(folder):
    """The service that a made file defines."""
    spec = importlib.util.spec_from_file_location("made_service", folder / "service.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.service


@pytest.mark.parametrize("package", ["", "numpy"])
def test_the_python_template_does_its_task_as_the_catalogue_wants_it(root, package):
    version = np.__version__ if package else "0.1.0"
    add(Newcomer("mine", "python", package, version), root)
    service = service_of(root / "services/mine")
    assert (service.framework, service.version) == (package or "mine", version)
    (name,) = service.tasks
    task = tasks.get(name)
    case = task.case(datasets.load("diabetes"), {"alpha": 1.0}, 1)
    job = service.find(name).build(case.inputs, case.params)
    answer = {key: np.asarray(value) for key, value in job.outputs(job.step()).items()}
    outputs = {key: value for key, value in answer.items() if not key.startswith("receipt.")}
    receipt = {key.removeprefix("receipt."): value.item() for key, value in answer.items() if key not in outputs}
    assert task.check_outputs(case, outputs) == ()
    assert task.check_receipt(case, receipt) == ()
    assert task.score(case, outputs).findings == ()


def test_the_python_template_is_written_as_this_repository_is(root):
    add(Newcomer("mine", "python", "numpy", np.__version__), root)
    ruff = Path(sys.executable).with_name("ruff")
    shutil.copy(ROOT / "pyproject.toml", root)
    file = root / "services/mine/service.py"
    for words in (["check", "--no-cache"], ["format", "--no-cache", "--check"]):
        done = subprocess.run([ruff, *words, file], cwd=root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_rust_template_is_a_crate_of_the_workspace(root):
    add(Newcomer("my-kit", "rust"), root)
    folder = root / "rust_services/my-kit"
    manifest = tomllib.loads((folder / "Cargo.toml").read_text())
    linfa = tomllib.loads((ROOT / "rust_services/linfa/Cargo.toml").read_text())
    assert manifest["package"]["name"] == "mlfleet-my-kit"
    assert manifest["package"].keys() == linfa["package"].keys()
    assert manifest["lints"] == linfa["lints"]
    # Nothing that the lock does not hold already.
    assert manifest["dependencies"].keys() <= linfa["dependencies"].keys()
    assert tomllib.loads((ROOT / "rust_services/Cargo.toml").read_text())["workspace"]["members"] == ["*"]


def test_templates_have_no_word_that_nothing_fills():
    words = Newcomer("mine", "python", "kit", "1.0").words
    found = {
        word
        for path in TEMPLATES.rglob("*.in")
        for word in re.findall(r"(?<!\$)\$\{(\w+)\}", path.read_text(encoding="utf-8"))
    }
    assert found == set(words)


def test_folders_are_as_readable_as_others(root):
    before, mask = (root / "compose.yaml").stat().st_mode, os.umask(0o022)
    try:
        add(Newcomer("mine", "python"), root)
    finally:
        os.umask(mask)
    assert (root / "services/mine").stat().st_mode & 0o777 == 0o755
    assert (root / "compose.yaml").stat().st_mode == before
