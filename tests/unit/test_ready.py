"""The wait for a service's socket."""

import socket

import pytest
from mlfleet.calls import NotServing
from mlfleet.launch.base import Exit
from mlfleet.launch.ready import await_socket
from mlfleet.launch.sockets import NotOurSocket


class Running:
    def __init__(self, path, ended=None):
        self.socket, self.ended = path, ended

    def exit(self):
        return self.ended


class Stop:
    """Does something at each poll instead of sleeping."""

    requested = False

    def __init__(self, *acts):
        self.acts = list(acts)

    def wait(self, _seconds):
        if self.acts:
            self.acts.pop(0)()
        return False

    def check(self):
        pass


def test_bound_is_not_enough_somebody_must_listen(tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        stop = Stop(lambda: server.bind(str(path)), lambda: None, lambda: server.listen(1))
        await_socket(Running(path), stop)
        assert not stop.acts


def test_a_service_that_ended_is_not_waited_for(tmp_path):
    with pytest.raises(NotServing, match="ended before"):
        await_socket(Running(tmp_path / "s", Exit(1, out_of_memory=False)), Stop())


def test_a_service_that_never_binds_is_given_up_on(tmp_path):
    with pytest.raises(NotServing, match="no socket after 30 s"):
        await_socket(Running(tmp_path / "s"), Stop())


def test_a_file_or_a_link_there_is_not_a_socket(tmp_path):
    (tmp_path / "s").write_text("")
    with pytest.raises(NotOurSocket):
        await_socket(Running(tmp_path / "s"), Stop())
    (tmp_path / "link").symlink_to("/var/run/docker.sock")
    with pytest.raises(NotOurSocket):
        await_socket(Running(tmp_path / "link"), Stop())
