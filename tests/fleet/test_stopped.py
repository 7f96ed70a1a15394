"""A run that is told to stop: nothing stays behind, and the command that it prints finishes it."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlfleet.assemble import run8
from mlfleet.launch.docker import connect
from mlfleet.ledger_lines import read_lines, read_records
from mlfleet.runfile import read_run

MLFLEET = str(Path(sys.executable).with_name("mlfleet"))
SUITE = """
[suite]
name = "nulls"
blocks = 2
schedule = "short"
memory = "512 MiB"
budget = "1 min"

[[workload]]
name = "control.noop-short"
task = "control.noop"
dataset = "control"
"""
# The control of every run comes on top.
BLOCKS = 4


def start(tmp_path, *arguments):
    environment = os.environ | {"MLFLEET_LOCK": str(tmp_path / "host.lock")}
    return subprocess.Popen([MLFLEET, *arguments], env=environment, stderr=subprocess.PIPE, text=True)


def closed(folder):
    return sum(line.kind == "block" for line in read_lines(folder)) if (folder / "ledger.jsonl").exists() else 0


def left_behind(folder):
    short = run8(read_run(folder).run)
    client = connect()
    containers = client.containers.list(all=True, filters={"label": f"dev.mlfleet.run={short}"})
    client.close()
    sockets = f"/dev/shm/mlf-{short}"
    services = subprocess.run(["pgrep", "-f", sockets], capture_output=True, text=True, check=False).stdout.split()
    return [container.name for container in containers], services, Path(sockets).exists()


@pytest.mark.parametrize(("number", "wait_for"), [(signal.SIGINT, 0), (signal.SIGTERM, 1)])
def test_stopped_and_gone_on_with(tmp_path, request, number, wait_for):
    runtime = request.config.option.runtime[0]
    suite, folder = tmp_path / "nulls.toml", tmp_path / "run"
    suite.write_text(SUITE)
    process = start(tmp_path, "run", str(suite), "--runtime", runtime, "--out", str(folder))
    while not (folder / "run.json").exists() or closed(folder) < wait_for:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    time.sleep(0.7)
    before = closed(folder)
    process.send_signal(number)
    start_stop = time.monotonic()
    _, text = process.communicate(timeout=30)
    assert time.monotonic() - start_stop < 6
    assert process.returncode == 128 + number, text
    assert left_behind(folder) == ([], [], False)
    assert closed(folder) in {before, before + 1}
    command = re.search(r"To go on: mlfleet (.*)", text)[1]
    resumed = start(tmp_path, *shlex.split(command))
    _, text = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, text
    assert closed(folder) == BLOCKS
    records = read_records(folder)
    assert len({(r.trial.workload, r.trial.framework, r.trial.block) for r in records}) == len(records) == 2 * BLOCKS
    assert (folder / "report.html").exists()
