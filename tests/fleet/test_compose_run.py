"""Compose as a way in: services and orchestrator as plain containers, and a run that says how it was made."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from fleet.test_compose_clients import new, old
from mlfleet import build, compose
from mlfleet.launch import engine
from mlfleet.launch.base import LaunchSpec
from mlfleet.launch.recipe import LAUNCHER_ONLY, differences, rows, shared
from mlfleet.ledger_lines import read_records
from mlfleet.model import Environment
from mlfleet.names import Name
from mlfleet.runfile import read_run
from mlfleet.verdict import NOT_FRESH, PEERS_RUNNING, Verdict

ROOT = Path(__file__).parents[2]
SERVICES = compose.load(ROOT / "compose.yaml", {})
WORKLOAD = "kmeans.fit-iris"
PROJECT_LABEL, SERVICE_LABEL = "com.docker.compose.project", "com.docker.compose.service"
# Somebody without any right on this host, where we may hand the results over.
NOBODY = 54321


class Project:
    """A project of its own beside a copy of compose.yaml; `run` is the documented command."""

    def __init__(self, folder):
        self.folder, self.name = folder, f"mlftest{os.getpid()}"
        self.client = old() or new()
        for file in ("compose.yaml", ".env"):
            shutil.copy(ROOT / file, folder / file)
        self.results = folder / "results"
        self.results.mkdir()
        self.uid = NOBODY if os.geteuid() == 0 else os.geteuid()
        if os.geteuid() == 0:
            os.chown(self.results, NOBODY, NOBODY)

    def compose(self, *arguments):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLEET_")}
        command = [self.client, "-p", self.name, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    def run(self, *arguments):
        # Its own lock: other tests and runs on this host are no concern of this one.
        own = ("-e", "MLFLEET_LOCK=/app/results/host.lock")
        user = f"{self.uid}:{self.uid}"
        return self.compose("run", "--rm", "-T", *own, "--user", user, "orchestrator", *arguments)

    def containers(self, client):
        return client.containers.list(all=True, filters={"label": f"{PROJECT_LABEL}={self.name}"})


@pytest.fixture(scope="module")
def client():
    connected = engine.connect()
    yield connected
    connected.close()


@pytest.fixture(scope="module")
def project(tmp_path_factory, client):
    build.build(SERVICES, build.builder("docker", ROOT), print)
    build.build_orchestrator(ROOT, print)
    made = Project(tmp_path_factory.mktemp("compose"))
    # pytest's folders are ours alone, and the bind mounts below them are the orchestrator's.
    for folder in (made.folder, *made.folder.parents[:2]):
        folder.chmod(0o755)
    yield made
    down = made.compose("down", "-v", "--timeout", "2")
    assert down.returncode == 0, down.stderr
    assert made.containers(client) == []
    assert client.volumes.list(filters={"label": f"{PROJECT_LABEL}={made.name}"}) == []


def test_a_project_without_a_framework_is_one_line(project):
    assert project.compose("up", "-d", "null-rust").returncode == 0
    done = project.run("run", "smoke")
    assert done.returncode == 3, done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("mlfleet: ")]
    awaited = ", ".join(service.key for service in SERVICES if not service.control)
    assert said == [
        f"mlfleet: no framework listens in /run/mlfleet (awaited one of {awaited}); try: docker compose up -d"
    ]
    assert [path.name for path in project.results.iterdir()] == ["host.lock"]


@pytest.fixture(scope="module")
def up(project, client):
    done = project.compose("up", "-d")
    assert done.returncode == 0, done.stderr
    return {found.labels[SERVICE_LABEL]: client.api.inspect_container(found.id) for found in project.containers(client)}


def test_up_starts_the_services_and_nothing_else(up):
    assert set(up) == {service.key for service in SERVICES}


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.key)
def test_a_container_of_compose_is_as_the_recipe_says(up, service):
    environment = Environment("cpu", (0,), 1, service.memory_bytes, "attach", "mapped")
    table = rows(LaunchSpec(service, None, environment, None, "any", Path("/any"), {}), "")
    assert {row.name for row in table} >= LAUNCHER_ONLY
    assert differences(shared(table), up[service.key]) == []


@pytest.fixture(scope="module")
def measured(project, up):
    done = project.run("run", "smoke", "--workloads", WORKLOAD, "--blocks", "2", "--out", "/app/results/run")
    assert done.returncode == 0, done.stderr[-4000:]
    return project.results / "run", done.stdout


def test_a_run_is_written_as_by_any_runtime_and_labelled(measured):
    folder, said = measured
    run = read_run(folder)
    assert (run.environment.runtime, run.environment.cpus, run.environment.memory_bytes) == ("attach", (0,), 2 << 30)
    assert {one.service.key: one.image_id for one in run.contestants} == {service.key: None for service in SERVICES}
    assert {one.service.image for one in run.contestants} == {service.image for service in SERVICES}
    made = {
        "run.json",
        "ledger.jsonl",
        "report.html",
        "benchmark_summary.txt",
        "benchmark_results_complete.csv",
        "report.json",
        "blobs",
    }
    assert made <= {path.name for path in folder.iterdir()}
    assert all(path.stat().st_uid == folder.stat().st_uid for path in folder.rglob("*"))
    assert "Runtime attach: compose started these services" in " ".join(said.split())


def test_every_trial_met_a_fresh_process_and_was_metered(measured):
    folder, _ = measured
    records = read_records(folder)
    cells = [key for planned in read_run(folder).workloads for key in planned.cells]
    assert {service.key for service in SERVICES if service.control} < set(cells)
    assert {record.trial.framework for record in records} == set(cells)
    # The others run beside: what they disturb is measured again in blocks behind the two.
    assert {(cell, block) for cell in cells for block in (1, 2)} <= {
        (record.trial.framework, record.trial.block) for record in records
    }
    for record in records:
        assert record.verdict in (Verdict.OK, Verdict.DISTURBED), record.reason
        assert PEERS_RUNNING in record.flags
        assert NOT_FRESH not in record.flags
        assert record.recipe["mem_limit"] == str(2 << 30)
        for turn in record.turns:
            for name in (Name.CPU, Name.PEAK_ANONYMOUS, Name.PEAK_CHARGED, Name.FAULTS):
                assert turn.readings[name].value is not None, (name, turn.readings[name])
            assert turn.readings[Name.PEAK_CHARGED].method in ("sampled", "lifetime_mark")
