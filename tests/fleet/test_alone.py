"""One service alone (`mlfleet check`), and images that the user names (`mlfleet run --image`), on the engine."""

import json
from types import SimpleNamespace

import pytest
from mlfleet.cli import status
from mlfleet.commands.common import services
from mlfleet.launch.engine import connect
from mlfleet.ledger_lines import read_records
from mlfleet.runfile import read_run
from mlfleet.verdict import Verdict

# The smallest framework image; nothing here depends on which it is.
KEY = "linfa"
IMAGE = next(service.image for service in services() if service.key == KEY)
VERSION = IMAGE.rpartition(":")[2]
TASK, WORKLOAD = "ridge.fit", "ridge.fit-boston_housing"
MINE = f"mlfleet-test/{KEY}:mine"


@pytest.fixture
def mlfleet(tmp_path, request, monkeypatch, capsys):
    """The command line in this process: starting one anew would take longer than most of what is tested."""
    if "docker" not in request.config.option.runtime:
        pytest.fail("images need the docker runtime; found only --runtime process", pytrace=False)
    monkeypatch.setenv("MLFLEET_LOCK", str(tmp_path / "host.lock"))

    def call(*arguments, **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        code = status(list(arguments))
        told = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=told.out, stderr=told.err)

    return call


@pytest.fixture
def tagged():
    """Tags an image anew for one test; gives its id."""
    client, made = connect(), []

    def tag(name):
        image = client.images.get(IMAGE)
        image.tag(*name.rsplit(":", 1))
        made.append(name)
        return image.id

    yield tag
    for name in made:
        client.images.remove(name)
    client.close()


def test_one_service_is_checked_alone(mlfleet):
    done = mlfleet("check", KEY, "--runtime", "docker", "--task", TASK, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["ok"]
    assert [one["name"] for one in told["checks"] if one["kind"] == "task"] == [TASK]
    assert [one["verdict"] for one in told["checks"]] == ["ok"] * len(told["checks"])
    task = told["checks"][-1]
    assert task["workload"].startswith(f"{TASK}-")
    assert task["iteration_ns"] > 0
    assert task["agreement"]["coef"] < 1e-8


def test_an_image_of_ones_own_is_checked_alone(mlfleet, tagged):
    image_id = tagged(MINE)
    done = mlfleet("check", KEY, "--image", f"{KEY}={MINE}", "--task", TASK, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["image"], told["image_id"], told["ok"]) == (MINE, image_id, True)


def test_a_service_that_is_not_what_its_tag_says_fails_every_task(mlfleet, tagged):
    tagged(f"mlfleet/{KEY}:0.0.1")
    variable = {f"MLFLEET_{KEY.upper()}_TAG": "0.0.1"}
    done = mlfleet("check", KEY, "--runtime", "docker", "--task", TASK, "--logs", **variable)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if TASK in line or " describe " in line]
    assert all(f"reports version {VERSION}, awaited 0.0.1" in line for line in lines[:2]), done.stdout
    assert done.stdout.splitlines()[-1].startswith("FAILED: 2 of ")


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "words"),
    [
        (["check", KEY, "--runtime", "docker"], {f"MLFLEET_{KEY.upper()}_TAG": "0.0.2"}, 3, "mlfleet build"),
        (["check", KEY[1:]], {}, 2, f"did you mean {KEY!r}"),
        (["run", "smoke", "--image", f"{KEY}=0.0.2"], {}, 3, f"no image mlfleet/{KEY}:0.0.2"),
        (["check", KEY, "--image", f"{KEY}=0.0.2"], {}, 3, f"mlfleet build {KEY} --version 0.0.2"),
        (["check", KEY, "--image", f"{KEY}={VERSION}", "--runtime", "process"], {}, 2, "--runtime docker"),
        (["check", KEY, "--image", f"{KEY}=1", "--image", f"{KEY}=2"], {}, 2, "takes one --image"),
        (["run", "smoke", "--image", f"{KEY}=debian:bookworm-slim"], {}, 3, "found no label dev.mlfleet.language"),
        (["run", "smoke", "--image", f"{KEY}={VERSION}", "--runtime", "process"], {}, 2, "--runtime docker"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(mlfleet, tmp_path, arguments, variables, code, words):
    out = ["--out", str(tmp_path / "run")] if arguments[0] == "run" else []
    done = mlfleet(*arguments, *out, **variables)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done.stderr
    assert words in done.stderr
    assert not (tmp_path / "run").exists()


def test_two_images_of_one_service_are_two_contestants_of_one_block(mlfleet, tagged, tmp_path):
    pinned = tagged(MINE)
    folder, names = tmp_path / "run", [f"{KEY}:{VERSION}", f"{KEY}:mine"]
    asked = ["--image", f"{KEY}={VERSION}", "--image", f"{KEY}={MINE}"]
    options = ["--workloads", WORKLOAD, "--frameworks", KEY, "--blocks", "1", "--out", str(folder)]
    done = mlfleet("run", "smoke", *asked, *options)
    assert done.returncode == 0, done.stderr
    run, records = read_run(folder), read_records(folder)
    assert [(c.service.key, c.image_id) for c in run.contestants if not c.service.control] == [
        (n, pinned) for n in names
    ]
    assert run.baselines[WORKLOAD] == names[0]
    mine = {r.trial.framework: r for r in records if r.trial.workload == WORKLOAD}
    assert {name: (r.verdict, r.image_id) for name, r in mine.items()} == dict.fromkeys(names, (Verdict.OK, pinned))
    told = json.loads(mlfleet("report", str(folder), "--json").stdout)
    assert {(one["baseline"], one["contestant"]) for one in told["comparisons"]} == {tuple(names)}
    resumed = mlfleet("run", "--resume", str(folder))
    assert resumed.returncode == 0, resumed.stderr


def test_an_id_takes_the_place_of_its_service(mlfleet):
    client = connect()
    pinned = client.images.get(IMAGE).id
    client.close()
    done = mlfleet("plan", "smoke", "--image", f"{KEY}={pinned}", "--workloads", WORKLOAD, "--frameworks", KEY)
    assert done.returncode == 0, done.stderr
    assert next(line for line in done.stdout.splitlines() if WORKLOAD in line).endswith(f"bytes  {KEY}")
