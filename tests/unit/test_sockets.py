"""Where services bind, who listens there, and at which socket an engine is asked."""

import os
import socket

import pytest
from mlfleet.errors import HostError
from mlfleet.launch.engine import connect
from mlfleet.launch.sockets import NotOurSocket, RunFolder, peer


def test_folders_are_private_fresh_and_gone_afterwards(tmp_path):
    old = os.umask(0o077)
    try:
        (tmp_path / "mlf-12345678" / "left").mkdir(parents=True)
        with RunFolder("1234567890", tmp_path) as folder:
            first, second = folder.fresh(), folder.fresh()
            assert first != second
            assert [p.stat().st_mode & 0o777 for p in (folder.path, first)] == [0o700, 0o777]
            assert sorted(p.name for p in folder.path.iterdir()) == ["1", "2"]
    finally:
        os.umask(old)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_link_or_too_long_is_refused(tmp_path):
    (tmp_path / "mlf-12345678").symlink_to(tmp_path)
    with pytest.raises(HostError, match="somebody else"):
        RunFolder("12345678", tmp_path)
    with pytest.raises(HostError, match="longer than 107"):
        RunFolder("12345678", tmp_path / ("x" * 100))


def test_the_peer_of_a_socket_is_told_and_links_and_files_are_refused(tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert (peer(path).pid, peer(path).uid) == (os.getpid(), os.getuid())
        link = tmp_path / "link"
        link.symlink_to(path)
        with pytest.raises(NotOurSocket):
            peer(link)
    with pytest.raises(ConnectionRefusedError):
        peer(path)
    (tmp_path / "file").touch()
    with pytest.raises(NotOurSocket):
        peer(tmp_path / "file")


@pytest.mark.parametrize("host", ["tcp://10.0.0.1:2375", "ssh://elsewhere", "http+unix://x"])
def test_an_engine_elsewhere_is_refused(host):
    with pytest.raises(HostError, match="unix socket"):
        connect({"DOCKER_HOST": host})


def test_no_engine_is_said_with_its_address(tmp_path):
    with pytest.raises(HostError, match="no docker engine answers at unix://"):
        connect({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
