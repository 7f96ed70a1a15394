"""A run that cannot go on or begin here is refused in one line with its exit code, before anything is launched."""

import json
import os
import re
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from mlfleet import host
from mlfleet.cli import status
from mlfleet.codec import encode
from mlfleet.ledger import Ledger
from mlfleet.locks import host_lock, run_lock
from samples import NULLS, run_file

NOBODY = 65534


@pytest.fixture(autouse=True)
def nothing_is_launched(tmp_path, monkeypatch):
    def refuse(*_):
        pytest.fail("went on")

    monkeypatch.setattr("mlfleet.commands.run.open_bench", refuse)
    monkeypatch.setattr("mlfleet.commands.planning.open_bench", refuse)
    monkeypatch.setenv("MLFLEET_LOCK", str(tmp_path / "host.lock"))


def begin(folder):
    """A run of this host that can be resumed."""
    run = run_file()
    fingerprint = host.fingerprint(host.facts(), {"docker_engine": None})
    run = replace(run, environment=replace(run.environment, runtime="process"), host_fingerprint=fingerprint)
    with Ledger.create(folder, encode(run)):
        return folder


@pytest.fixture
def begun(tmp_path):
    return begin(tmp_path / "run")


def refused(capfd, *arguments):
    """Exit code, and the one line that says why."""
    code = status(["run", *map(str, arguments)])
    captured = capfd.readouterr()
    assert captured.out == ""
    assert re.fullmatch(r"mlfleet: .+\n", captured.err), captured.err
    return code, captured.err


def test_an_edited_run_file(begun, capfd):
    path = begun / "run.json"
    before = (begun / "ledger.jsonl").read_bytes()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seed": 77}, sort_keys=True))
    code, text = refused(capfd, "--resume", begun)
    assert (code, "run.json is not the one it began with" in text) == (74, True)
    assert (begun / "ledger.jsonl").read_bytes() == before


@pytest.mark.parametrize("content", ["", "{}", '{"run": ', "[]"])
def test_a_run_file_that_is_none(begun, capfd, content):
    (begun / "run.json").write_text(content)
    assert refused(capfd, "--resume", begun)[0] == 74


def test_no_run_at_all(tmp_path, capfd):
    code, text = refused(capfd, "--resume", tmp_path)
    assert (code, "awaited the folder of a run" in text) == (74, True)


def test_a_run_of_another_host(tmp_path, capfd):
    with Ledger.create(tmp_path / "run", encode(run_file())):
        pass
    code, text = refused(capfd, "--resume", tmp_path / "run")
    assert code == 3
    assert re.search(r"another host: .*cpu_model.* differ", text)


def test_a_run_that_is_measured_right_now(begun, capfd):
    with run_lock(begun, "another"):
        code, text = refused(capfd, "--resume", begun)
    assert (code, f"pid {os.getpid()}" in text) == (75, True)


def test_a_host_that_is_measured_on_right_now(begun, capfd):
    with host_lock("another"):
        code, text = refused(capfd, "--resume", begun)
    assert (code, "'another'" in text) == (75, True)


@contextmanager
def plain_user():
    """As a user who is not root: root may write everywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def theirs():
    """A folder that everybody may read and nobody but its owner write; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "nulls.toml").write_text(NULLS)
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o700)


def test_a_results_folder_of_somebody_else(theirs, tmp_path, capfd, monkeypatch):
    with tempfile.TemporaryDirectory() as locks:
        Path(locks).chmod(0o777)
        monkeypatch.setenv("MLFLEET_LOCK", f"{locks}/host.lock")
        with plain_user():
            code, text = refused(capfd, theirs / "nulls.toml", "--runtime", "process", "--out", theirs / "run")
    assert code == 74
    assert re.search(r"cannot make .*/run: Permission denied", text)


def test_the_run_of_somebody_else(theirs, capfd, monkeypatch):
    theirs.chmod(0o755)
    begun = begin(theirs / "run")
    with run_lock(begun, "before"):
        pass
    for path in (begun, begun / "lock"):
        path.chmod(0o555)
    with tempfile.TemporaryDirectory() as locks:
        Path(locks).chmod(0o777)
        monkeypatch.setenv("MLFLEET_LOCK", f"{locks}/host.lock")
        with plain_user():
            code, text = refused(capfd, "--resume", begun)
    begun.chmod(0o755)
    assert code == 74
    assert re.search(r"cannot open the lock .*: Permission denied", text)
