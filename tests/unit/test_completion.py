"""Shell completion: a script for each shell, and names that are cheap to find."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from mlfleet import compose
from mlfleet.catalogue import load_suite, suite_names
from mlfleet.cli import COMMANDS, cli, status
from mlfleet.commands import common
from mlfleet.commands.completion import SHELLS

ROOT = Path(__file__).parents[2]
KEYS = [service.key for service in compose.load(ROOT / "compose.yaml", {})]


def completed(*words):
    """What is offered for the last word, after those before it."""
    asked = ShellComplete(cli, {}, "mlfleet", "_MLFLEET_COMPLETE")
    return [item.value for item in asked.get_completions(list(words[:-1]), words[-1])]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script_that_asks_this_program(shell, capfd):
    assert status(["completion", shell]) == 0
    said = capfd.readouterr().out
    assert f"_MLFLEET_COMPLETE={shell}_complete" in said
    assert "mlfleet" in said


def test_another_shell_is_a_usage_error(capfd):
    assert status(["completion", "tcsh"]) == 2
    assert "tcsh" in capfd.readouterr().err


def test_commands_and_options_are_completed():
    assert completed("") == list(COMMANDS)
    assert completed("re") == [name for name in COMMANDS if name.startswith("re")]
    assert completed("--ver") == ["--version"]
    assert completed("compare", "--fail") == ["--fail-on", "--fail-on-refused"]
    assert completed("completion", "") == list(SHELLS)


@pytest.mark.parametrize(
    "words", [("run",), ("plan",), ("audit",), ("build", "--suite"), ("data", "--suite"), ("bisect", "--suite")]
)
def test_suites_are_completed(words):
    assert completed(*words, "") == suite_names()
    assert completed(*words, "smo") == ["smoke"]


@pytest.mark.parametrize(
    "words", [("build",), ("build", "sklearn"), ("check",), ("bisect",), ("run", "smoke", "--frameworks")]
)
def test_services_are_completed(words):
    assert completed(*words, "") == KEYS
    assert completed(*words, "li") == ["linfa"]


def test_workloads_are_those_of_the_suite_that_was_typed():
    def names(suite):
        return [workload.name for workload in load_suite(suite).workloads]

    assert completed("run", "smoke", "--workloads", "") == names("smoke")
    assert completed("run", "fleet", "--workloads", "gpt2.g") == ["gpt2.generate-pydoc_text-tiny"]
    assert set(completed("run", "--workloads", "")) == {name for suite in suite_names() for name in names(suite)}
    assert completed("bisect", "sklearn", "1..2", "--suite", "fleet", "--workload", "") == names("fleet")


@pytest.mark.parametrize("words", [("report",), ("verify",), ("compare",), ("compare", "x"), ("run", "--resume")])
def test_run_folders_are_completed_the_latest_first(words, tmp_path, monkeypatch):
    monkeypatch.setattr(common, "RESULTS", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    for name in ("20260101-a", "20260102-b"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "run.json").touch()
    (tmp_path / "results/no-run").mkdir()
    assert completed(*words, "") == ["results/20260102-b", "results/20260101-a"]
    assert completed(*words, "results/20260101") == ["results/20260101-a"]


def test_what_is_no_name_is_completed_as_a_file():
    asked = ShellComplete(cli, {}, "mlfleet", "_MLFLEET_COMPLETE")
    (item,) = asked.get_completions(["run"], "./mi")
    assert (item.value, item.type) == ("./mi", "file")
    (item,) = asked.get_completions(["report"], "nowhere/")
    assert item.type == "dir"


def test_a_compose_file_that_cannot_be_read_offers_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "ROOT", tmp_path)
    assert completed("check", "") == []


def test_names_of_commands_are_completed_without_importing_what_measures():
    program = (
        "import json, sys\n"
        "from click.shell_completion import ShellComplete\n"
        "from mlfleet.cli import cli\n"
        "found = ShellComplete(cli, {}, 'mlfleet', '_X').get_completions([], 'r')\n"
        "heavy = {'numpy', 'scipy', 'pyarrow', 'mlfleet.commands.run', 'mlfleet.catalogue'} & set(sys.modules)\n"
        "print(json.dumps([[item.value for item in found], sorted(heavy)]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    names, heavy = json.loads(done.stdout)
    assert names == ["run", "report", "review"]
    assert heavy == []
