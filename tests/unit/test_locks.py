"""One holder, named to the others; freed however it dies; not kept alive by children."""

import os
import subprocess
import sys
import time

import pytest
from mlfleet import locks
from mlfleet.errors import LockedError, StorageError
from mlfleet.locks import Holder, file_system, holder, host_lock, run_lock


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE_S", 0.0)


def test_the_second_is_told_who_holds_it(tmp_path):
    with run_lock(tmp_path / "r1", "r1"):
        with (
            pytest.raises(LockedError, match=rf"run 'r1', pid {os.getpid()}") as error,
            run_lock(tmp_path / "r1", "r2"),
        ):
            pytest.fail("two holders")
        assert error.value.exit_code == 75
        found = holder(tmp_path / "r1" / "lock")
        assert isinstance(found, Holder)
        assert (found.pid, found.run) == (os.getpid(), "r1")
    assert holder(tmp_path / "r1" / "lock") is None
    with run_lock(tmp_path / "r1", "r2"):
        pass


def test_the_host_lock_is_another_file_for_everybody(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLEET_LOCK", str(tmp_path / "host.lock"))
    before = os.umask(0o077)
    try:
        with host_lock("r1"), run_lock(tmp_path / "r1", "r1"):
            assert (tmp_path / "host.lock").stat().st_mode & 0o777 == 0o666
            with pytest.raises(LockedError, match="this host is held by run 'r1'"), host_lock("r2"):
                pytest.fail("two holders")
    finally:
        os.umask(before)


def test_it_is_free_after_an_exception(tmp_path):
    with pytest.raises(RuntimeError), run_lock(tmp_path, "r1"):
        raise RuntimeError
    assert holder(tmp_path / "lock") is None


def test_a_child_does_not_keep_it(tmp_path):
    with run_lock(tmp_path, "r1"):
        child = subprocess.Popen(
            [sys.executable, "-c", "print(flush=True); input()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            close_fds=False,
        )
        # Descriptors are closed while it starts.
        assert child.stdout.readline()
    try:
        assert holder(tmp_path / "lock") is None
    finally:
        child.communicate(b"\n")


def test_a_lock_without_a_name_counts_as_held(tmp_path):
    with run_lock(tmp_path, "r1"):
        (tmp_path / "lock").write_bytes(b"")
        assert holder(tmp_path / "lock") == "a process that has not written its name yet"


def test_nobody_holds_what_is_not_there(tmp_path):
    assert holder(tmp_path / "lock") is None


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_only_a_regular_file_is_locked(tmp_path, kind):
    path = tmp_path / "host.lock"
    if kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
        (tmp_path / "elsewhere").touch()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(StorageError, match="cannot open the lock"), host_lock("r1", path):
        pytest.fail("locked")
    assert isinstance(holder(path), str)


def test_network_file_systems_are_refused(tmp_path, monkeypatch):
    table = tmp_path / "mountinfo"
    table.write_text(
        "1 0 8:1 / / rw - ext4 /dev/vda rw\n"
        f"2 1 0:9 / {tmp_path}/far rw shared:1 - nfs4 server:/ rw\n"
        "3 1 0:8 / /tm rw - tmpfs tmpfs rw\n"
        "4 1 0:8 / /with\\040blank rw - xfs /dev/vdb rw\n"
    )
    assert file_system(tmp_path / "far" / "r1", table) == "nfs4"
    assert file_system(tmp_path / "near", table) == "ext4"
    assert file_system(tmp_path.__class__("/with blank/x"), table) == "xfs"
    monkeypatch.setattr(locks, "file_system", lambda _path: "nfs4")
    with pytest.raises(StorageError, match="nfs4"), run_lock(tmp_path / "far", "r1"):
        pytest.fail("locked")


def test_a_look_in_passing_does_not_turn_a_start_away(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE_S", 0.1)
    tries = iter([False, False, True])
    monkeypatch.setattr(locks, "_try", lambda _fd: next(tries))
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    with run_lock(tmp_path, "r1"):
        pass
    assert next(tries, None) is None


def test_a_holder_is_told_by_its_run_and_process():
    assert str(Holder(7, "boot", "r1")) == "run 'r1', pid 7"
