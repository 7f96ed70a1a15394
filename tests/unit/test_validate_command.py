"""The command: what it says beforehand, what it leaves behind, and how it exits."""

import json
from dataclasses import replace

import pytest
from mlfleet import cli, resolution
from mlfleet.builders.state import BuildState
from mlfleet.commands import validate as command
from mlfleet.errors import InterruptedRun
from mlfleet.validate.plan import FULL, QUICK
from validations import FOUND


class Built:
    """A builder of which some services are built."""

    def __init__(self, **states):
        self.states = states

    def state(self, service):
        state = self.states.get(service.key.replace("-", "_"), "current")
        return BuildState(state, f"{service.key} is {state}")


@pytest.fixture
def host(monkeypatch, tmp_path):
    """A host on which all is built and nothing is measured: `found` is what comes out."""
    monkeypatch.setenv("MLFLEET_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MLFLEET_LOCK", str(tmp_path / "lock"))
    world = {"found": FOUND, "asked": [], "built": Built()}

    def measured(_folder, asked, *_):
        world["asked"].append(asked)
        if isinstance(world["found"], Exception):
            raise world["found"]
        return world["found"]

    monkeypatch.setattr(command, "_measured", measured)
    monkeypatch.setattr(command.builds, "builder", lambda *_: world["built"])
    return world


def run(tmp_path, *arguments):
    return cli.status(["validate", "--runtime", "process", "--out", str(tmp_path / "out"), *arguments])


def resume(tmp_path, *arguments):
    return cli.status(["validate", "--resume", str(tmp_path / "out"), *arguments])


def test_it_says_how_long_it_takes_keeps_its_result_and_what_later_runs_need(host, tmp_path, capsys):
    assert run(tmp_path, "--quick") == 0
    said = capsys.readouterr()
    assert "quick validation on runtime process: about 1" in said.err
    assert " min on a quiet host" in said.err
    assert said.out.startswith("ok: 2 checks as expected")
    assert json.loads((tmp_path / "out/validation.json").read_bytes())["validation"] == FOUND.validation
    assert "sleep of 20 ms" in (tmp_path / "out/report.html").read_text()
    kept = resolution.load(FOUND.host_fingerprint)
    assert (kept.validation, kept.limits) == (FOUND.validation, FOUND.limits)


@pytest.mark.parametrize("state", ["off", "not shown"])
def test_it_exits_1_if_a_canary_is_off_or_was_not_shown(host, tmp_path, state):
    host["found"] = replace(FOUND, canaries=(replace(FOUND.canaries[0], state=state),))
    assert run(tmp_path) == 1


def test_json_is_the_whole_result_and_nothing_else(host, tmp_path, capsys):
    run(tmp_path, "--json")
    assert json.loads(capsys.readouterr().out)["pairs"][0]["truth"] == 1.05


def test_parts_and_quick_choose_what_is_measured(host, tmp_path):
    run(tmp_path, "--part", "compute")
    run(tmp_path.joinpath("second"), "--quick", "--part", "canaries", "--part", "memory")
    one, other = host["asked"]
    assert (one.kind, one.plan.schedule, one.canaries) == ("full", "standard", False)
    assert one.plan.experiments == {"compute": FULL.experiments["compute"]}
    assert (other.kind, other.plan.twins, other.canaries) == ("quick", QUICK.twins, True)
    assert other.plan.experiments == {"memory": 1}


def test_what_needs_a_control_that_is_not_built_is_left_out_and_said(host, tmp_path, capsys):
    host["built"] = Built(null_rust="not_built")
    assert run(tmp_path, "--quick") == 0
    (asked,) = host["asked"]
    assert asked.plan.experiments == {"interpreter": 1}
    assert asked.left_out == ("all that needs null-rust: null-rust is not_built",)
    assert "left out: all that needs null-rust" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ({"null_python": "stale"}, "null-python is stale; try: mlfleet build null-python --runtime process"),
        (
            {"null_python": "missing", "null_rust": "missing"},
            "no control is built; try: mlfleet build null-python null-rust --runtime process",
        ),
    ],
)
def test_without_current_controls_there_is_nothing_to_validate_with(host, tmp_path, capsys, states, words):
    host["built"] = Built(**states)
    assert run(tmp_path) == 3
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_interrupted_validation_is_gone_on_with_and_stores_no_resolution_before(host, tmp_path, capsys):
    host["found"] = InterruptedRun("stopped by SIGINT", 2)
    assert run(tmp_path, "--part", "compute", "--seed", "7") == 130
    assert f"To go on: mlfleet validate --resume {tmp_path / 'out'}" in capsys.readouterr().err
    assert not (tmp_path / "out/validation.json").exists()
    assert resolution.load(FOUND.host_fingerprint) is None
    (tmp_path / "out/compute-1").mkdir()
    (tmp_path / "out/compute-1/run.json").touch()
    host["found"] = FOUND
    assert resume(tmp_path) == 0
    first, second = host["asked"]
    assert first == second
    assert "1 of 40 experiments are there already" in capsys.readouterr().err
    assert resolution.load(FOUND.host_fingerprint).validation == FOUND.validation


def test_it_goes_on_only_where_it_was_begun_and_with_what_was_asked(host, tmp_path, capsys, monkeypatch):
    assert resume(tmp_path) == 74
    assert "holds no validation: it has no begun.json" in capsys.readouterr().err
    run(tmp_path)
    assert resume(tmp_path, "--quick") == 2
    assert "leave out --quick, --part and --out" in capsys.readouterr().err
    monkeypatch.setattr(command, "_fingerprint", lambda _: {"cpu_model": "another"})
    assert resume(tmp_path) == 3
    assert "was begun on another host: " in capsys.readouterr().err


def test_another_result_is_not_overwritten(host, tmp_path, capsys):
    run(tmp_path)
    assert run(tmp_path) == 74
    assert f"holds a validation; try: mlfleet validate --resume {tmp_path / 'out'}" in capsys.readouterr().err
    (tmp_path / "out/begun.json").unlink()
    assert run(tmp_path) == 74
    assert "is not empty; try: another --out" in capsys.readouterr().err
