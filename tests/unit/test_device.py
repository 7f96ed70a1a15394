"""A GPU is asked for by name, given to the service alone, and never replaced by the CPU in silence."""

from dataclasses import replace
from pathlib import Path

import pytest
import samples
from click.testing import CliRunner
from fakes import ENVIRONMENT, Fleet
from mlfleet import host
from mlfleet.build import BuildState
from mlfleet.cli import cli
from mlfleet.commands.common import check_device
from mlfleet.commands.planning import say_absent
from mlfleet.contestants import contestants
from mlfleet.errors import HostError
from mlfleet.identify import Met
from mlfleet.launch import recipe
from mlfleet.launch.base import LaunchSpec
from mlfleet.launch.process import ProcessLauncher
from mlfleet.launch.variables import variables
from mlfleet.model import Environment, Service

ONE = Service("one", "python", "mlfleet/one:1.0", control=False, memory_bytes=1 << 30)


class Built:
    """Every service is current."""

    def state(self, service):
        return BuildState("current", "built", "sha256:1", None, 1)

    def own_size(self, image_id, others):
        return None


def asked(tmp_path, monkeypatch, device, **said):
    """The one contestant that describes itself so."""
    known = replace(samples.identity("linfa", "1.0"), **said)
    monkeypatch.setattr("mlfleet.contestants.identify", lambda *_: Met(known, 0.5))
    environment = replace(ENVIRONMENT, device=device)
    (found,) = contestants([ONE], (), {}, Built(), environment, Fleet(tmp_path).bench())
    return found


def environment(device, runtime="docker"):
    return Environment(device, (0,), 1, 1 << 30, runtime, "mapped")


def launch_spec(device, folder=Path("/sockets"), runtime="docker"):
    return LaunchSpec(ONE, "sha256:0", environment(device, runtime), None, "mlf-0", folder, {})


@pytest.mark.parametrize(
    ("device", "gpu", "seen"), [("cpu", None, "cpu"), ("cuda", "0", "cuda"), ("cuda:3", "3", "cuda")]
)
def test_of_all_gpus_the_service_is_shown_one_which_is_its_first(device, gpu, seen):
    found = environment(device)
    assert (found.gpu, found.visible_device) == (gpu, seen)
    row = {row.name: row.value for row in recipe.rows(launch_spec(device), "")}
    assert [ids for request in row["device_requests"] for ids in request["DeviceIDs"]] == ([gpu] if gpu else [])
    chosen = variables(launch_spec(device), socket="s", payloads="p", home="h", cache="c")
    assert chosen["MLFLEET_DEVICE"] == seen


@pytest.mark.parametrize(("device", "shown"), [("cpu", ""), ("cuda", "0"), ("cuda:3", "3")])
def test_a_process_is_shown_that_gpu_and_no_other(tmp_path, device, shown):
    folder = tmp_path / "1"
    folder.mkdir()
    script = "import os, sys; sys.stdout.write(f\"[{os.environ['CUDA_VISIBLE_DEVICES']}]\"); sys.stdout.flush()"
    launcher = ProcessLauncher(lambda _: ["/usr/bin/python3", "-c", script])
    with launcher.launch(launch_spec(device, folder, "process")) as running:
        while running.exit() is None:
            pass
        assert running.log_tail(1) == f"[{shown}]"


def test_a_service_without_the_device_takes_no_part(tmp_path, monkeypatch):
    found = asked(tmp_path, monkeypatch, "cuda:1", devices=("cpu",))
    assert found.identity is None
    assert found.reason == "device_unavailable: cuda:1 was asked for, here it computes on cpu"
    assert asked(tmp_path, monkeypatch, "cuda:1", devices=("cpu", "cuda")).identity is not None


def test_an_image_of_another_protocol_takes_no_part(tmp_path, monkeypatch):
    found = asked(tmp_path, monkeypatch, "cpu", protocol=2)
    assert found.identity is None
    assert found.reason.startswith(
        "version_mismatch: it speaks protocol 2 of the contract, 1 awaited; try: mlfleet build"
    )


def test_a_run_that_nobody_can_do_there_says_so(capsys):
    run = samples.run_file()
    alone = tuple(
        replace(one, identity=None, reason="device_unavailable: cuda was asked for") for one in run.contestants
    )
    nobody = tuple(replace(planned, cells={}) for planned in run.workloads)
    run = replace(run, contestants=alone, workloads=nobody, environment=replace(run.environment, device="cuda"))
    with pytest.raises(HostError, match=r"no service here can do any of the workloads on cuda; try: .*--device cpu"):
        say_absent(run)
    assert "sklearn takes no part: device_unavailable" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("device", "there", "said"),
    [
        ("cuda", (), "this host shows no NVIDIA GPU"),
        ("cuda:7", (0, 1), "cuda:7 was asked for, this host has cuda:0, cuda:1; try: --device cuda:0"),
        ("cuda", (1,), "this host has cuda:1; try: --device cuda:1"),
    ],
)
def test_a_gpu_that_is_not_there_is_named_before_anything_starts(device, there, said):
    with pytest.raises(HostError, match=r"^device_unavailable: ") as caught:
        check_device(device, "docker", there)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("device", "runtime", "there"),
    [("cpu", "docker", ()), ("cuda:1", "process", (0, 1)), ("cuda", "attach", ()), ("cuda:9", "docker", None)],
)
def test_what_may_be_there_is_left_to_the_services(device, runtime, there):
    assert check_device(device, runtime, there) is None


def test_gpus_are_counted_by_their_files(tmp_path):
    assert host.gpus(tmp_path) == ()
    for name in ("nvidia0", "nvidia10", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert host.gpus(tmp_path) == (0, 10)
    (tmp_path / "dxg").touch()
    assert host.gpus(tmp_path) is None


@pytest.mark.parametrize("text", ["gpu", "cuda:", "cuda:-1", "cuda:x", "CUDA", "cuda:1234", "cuda:0,1"])
def test_a_device_that_is_none_is_refused_with_what_is_awaited(text):
    done = CliRunner().invoke(cli, ["plan", "smoke", "--device", text], standalone_mode=False)
    assert "awaited cpu, cuda, or cuda: and a number" in str(done.exception)
