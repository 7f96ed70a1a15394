"""The two official thread settings: runs of their own, one after the other; where they are one, it is said."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from mlfleet import host
from mlfleet.catalogue import Own, load_suite
from mlfleet.cli import status
from mlfleet.commands import run as run_command
from mlfleet.commands.planning import Options, forecast
from mlfleet.errors import InterruptedRun, UsageError
from mlfleet.setting import environment_of, one_by_one, said_of
from samples import run_file

SMOKE = load_suite("smoke")
BOTH = replace(SMOKE, threads=("1", "all"))
TWO_CORES = host.Cpus(((0,), (1,)))
ONE_CORE = host.Cpus(((0,),))


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr("mlfleet.host.cpus", lambda: TWO_CORES)


@pytest.fixture
def one_core(monkeypatch):
    monkeypatch.setattr("mlfleet.host.cpus", lambda: ONE_CORE)


def test_a_suite_with_both_settings_is_two_runs_of_one_setting_each(two_cores):
    first, second = one_by_one(BOTH)
    assert environment_of(first, "process", None)[0] == "1 thread"
    setting, environment = environment_of(second, "process", None)
    assert (setting, environment.cpus, environment.threads) == ("all cores", (0, 1), 2)
    assert said_of(BOTH) == ""


def test_where_all_cores_are_one_the_setting_is_measured_once_and_it_is_said(one_core):
    assert [suite.threads for suite in one_by_one(BOTH)] == [("1",)]
    assert said_of(BOTH) == "all cores is n = 1 on this host, the same as 1 thread; it is measured once"
    assert said_of(replace(SMOKE, threads=("all",))) == "all cores is n = 1 on this host, the same as 1 thread"
    assert said_of(SMOKE) == ""


FIRST = SMOKE.workloads[0].name


def names(suite):
    return [workload.name for workload in suite.workloads]


def test_a_workload_is_measured_in_its_own_settings_and_in_no_other(two_cores):
    one, both = one_by_one(replace(SMOKE, own={FIRST: Own(threads=("1", "all"))}))
    assert (names(one), one.threads) == (names(SMOKE), ("1",))
    assert (names(both), both.threads) == ([FIRST], ("all",))
    one, many = one_by_one(replace(SMOKE, own={FIRST: Own(threads=("all",))}))
    assert (names(one), names(many)) == (names(SMOKE)[1:], [FIRST])


def test_where_all_cores_are_one_a_setting_of_its_own_is_measured_with_the_others(one_core):
    suite = replace(SMOKE, own={FIRST: Own(threads=("all",))})
    assert [(names(one), one.threads) for one in one_by_one(suite)] == [(names(SMOKE), ("1",))]
    assert said_of(suite) == "all cores is n = 1 on this host, the same as 1 thread; it is measured once"


def options(**asked):
    nothing = {"frameworks": (), "workloads": (), "baseline": None, "blocks": None, "threads": None, "images": ()}
    return Options(**{"suite": "defend", "runtime": "process", "seed": 1, "device": "cpu"} | nothing | asked)


def test_threads_on_the_command_line_are_one_setting_of_the_suites(two_cores):
    assert [suite.threads for suite in options().suites()] == [("1",), ("all",)]
    assert [suite.threads for suite in options(threads="all").suites()] == [("all",)]


def test_workloads_that_are_named_are_those_of_the_whole_suite(two_cores, monkeypatch):
    own = replace(SMOKE, own={FIRST: Own(threads=("all",), blocks=12)})
    monkeypatch.setattr("mlfleet.commands.planning.load_suite", lambda _: own)
    assert [(one.threads, names(one)) for one in options(workloads=(FIRST,)).suites()] == [(("all",), [FIRST])]
    (one,) = options(threads="1", blocks=5).suites()
    assert (names(one), one.own_of(FIRST)) == (names(SMOKE), Own())
    with pytest.raises(UsageError, match="unknown workload"):
        options(workloads=("nothing",)).suites()


def test_blocks_on_the_command_line_are_fixed_even_below_5(two_cores):
    assert [(suite.blocks, len(suite.looks)) for suite in options(threads="1").suites()] == [(40, 5)]
    assert [(suite.blocks, suite.looks) for suite in options(threads="1", blocks=3).suites()] == [(3, ())]


@pytest.fixture
def begun(tmp_path, monkeypatch, two_cores):
    """Runs that were begun: setting and folder; nothing is measured."""
    monkeypatch.setenv("MLFLEET_LOCK", str(tmp_path / "host.lock"))
    found = []

    def begin(_asked, suite, name, folder, left, _stop):
        found.append((suite.threads, folder, left))
        return 1 if suite.threads == ("1",) else 0

    monkeypatch.setattr(run_command, "_begin", begin)
    return found


def test_both_settings_are_measured_each_in_its_own_folder_and_the_worse_exit_code_counts(begun, tmp_path):
    assert status(["run", "defend", "--out", str(tmp_path)]) == 1
    assert begun == [(("1",), tmp_path / "1-thread", None), (("all",), tmp_path / "all-cores", None)]


def test_one_setting_has_the_folder_that_was_asked_for(begun, tmp_path):
    assert status(["run", "defend", "--threads", "all", "--out", str(tmp_path)]) == 0
    assert begun == [(("all",), tmp_path, None)]


def test_the_time_that_is_left_is_shared_and_what_was_not_begun_is_said(begun, tmp_path, capfd, monkeypatch):
    clock = iter((0.0, 0.0, 61.0))
    monkeypatch.setattr(run_command, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    status(["run", "defend", "--max-time", "1m", "--out", str(tmp_path)])
    assert begun == [(("1",), tmp_path / "1-thread", 30.0)]
    assert "all cores was not begun. To measure it: mlfleet run defend --threads all" in capfd.readouterr().err


def test_an_interrupted_run_says_which_setting_was_not_begun(begun, tmp_path, capfd, monkeypatch):
    def interrupted(*_):
        message = "stopped by SIGINT"
        raise InterruptedRun(message, 2)

    monkeypatch.setattr(run_command, "_begin", interrupted)
    assert status(["run", "defend", "--out", str(tmp_path)]) == 130
    assert "mlfleet run defend --threads all" in capfd.readouterr().err


@pytest.mark.parametrize("planned", [True, False])
def test_an_interrupted_run_says_how_to_go_on_once_there_is_something_to_go_on_with(
    tmp_path, capfd, monkeypatch, planned
):
    monkeypatch.setenv("MLFLEET_LOCK", str(tmp_path / "host.lock"))

    def measure(_asked, _suite, _name, folder, _max_time, _stop):
        folder.mkdir()
        if planned:
            (folder / "run.json").touch()
        message = "stopped by SIGINT"
        raise InterruptedRun(message, 2)

    monkeypatch.setattr(run_command, "measure_new", measure)
    assert status(["run", "smoke", "--out", str(tmp_path / "run")]) == 130
    assert (f"To go on: mlfleet run --resume {tmp_path / 'run'}" in capfd.readouterr().err) is planned


def test_the_plan_says_how_long_it_takes_to_the_first_look_and_at_most():
    run = replace(run_file(), forecast_s=5400.0)
    assert forecast(run) == f"{len(run.plan)} blocks, about 90 min on this host"
    looking = replace(run, blocks=40, looks=(10, 15, 20, 30, 40), first_look_s=600.0)
    assert forecast(looking) == (
        "1 thread: 10 to 40 blocks of each workload; first look after about 10 min, at most about 90 min on this host"
    )
