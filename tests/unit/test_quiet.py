"""Limits of a host's own: from quiet turns to percentiles, kept by host, runtime and setting, into run.json."""

from dataclasses import replace

import pytest
from calm import CALM, MS, sentinel, turn
from fakes import Fleet, listening
from mlfleet import quiet
from mlfleet.block import measure_block
from mlfleet.commands.calibrate import check_quiet, quiet_turns
from mlfleet.errors import HostError, StorageError
from mlfleet.model import Reading
from mlfleet.noise import FOREIGN, Limits
from mlfleet.plan import Block
from mlfleet.quiet import Quietness
from mlfleet.verdict import Verdict


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    monkeypatch.setattr("mlfleet.launch.ready.peer", lambda _path: None)
    with listening(tmp_path, "one"):
        yield Fleet(tmp_path)


HOST = {"cpu_model": "one", "docker_engine": None}


def test_percentiles_are_the_99th_of_each_reading():
    turns = [turn(set_busy=CALM["set_busy_ns"] + n * MS) for n in range(200)]
    found = quiet.percentiles(turns, 2)
    assert found["foreign"] == pytest.approx(0.05 + 0.99 * 199 * 0.0005)
    assert found["waiting"] == pytest.approx(0.04)
    assert "compute" not in found


def test_of_sentinels_it_is_the_distance_from_their_median():
    turns = [turn(sentinel=(sentinel(1000 + (n == 7) * 500, 2000), sentinel(1, 1))) for n in range(20)]
    found = quiet.percentiles(turns, 2)
    assert 0.3 < found["compute"] < 0.5
    assert found["memory"] == 0


def test_what_is_null_in_every_turn_is_absent():
    assert "stolen" not in quiet.percentiles([turn(set_steal=None)] * 3, 2)


def test_each_host_runtime_and_setting_has_its_own(tmp_path):
    seen = Quietness("2026-01-02T03:04:05+00:00", 200, {"foreign": 0.2})
    quiet.store(seen, HOST, "docker", "1 thread", tmp_path)
    assert quiet.load(HOST, "docker", "1 thread", tmp_path) == seen
    assert quiet.load(HOST, "docker", "all cores", tmp_path) is None
    assert quiet.load(HOST, "process", "1 thread", tmp_path) is None
    assert quiet.load(HOST | {"cpu_model": "other"}, "docker", "1 thread", tmp_path) is None
    assert seen.limits.foreign == pytest.approx(0.3)


def test_a_run_begins_with_the_limits_of_its_host(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLEET_STATE", str(tmp_path))
    assert quiet.limits(HOST, "docker", "1 thread") == Limits()
    quiet.store(Quietness("now", 200, {"foreign": 0.2}), HOST, "docker", "1 thread")
    assert quiet.limits(HOST, "docker", "1 thread").foreign > FOREIGN


def test_a_spoilt_file_is_named_with_what_to_try(tmp_path):
    path = quiet.store(Quietness("now", 200, {}), HOST, "docker", "1 thread", tmp_path)
    path.write_text('{"turns": "many"}')
    with pytest.raises(StorageError, match=r"try: delete it, and mlfleet doctor --calibrate again"):
        quiet.load(HOST, "docker", "1 thread", tmp_path)


def test_a_calibration_is_one_trial_of_many_turns_each_with_two_sentinels(fleet):
    told = []
    turns = quiet_turns(fleet.cell("one"), fleet.bench(), 100, told.append)
    assert [found.number for found in turns] == list(range(1, 101))
    assert {len(found.sentinel) for found in turns} == {2}
    assert told == ["50 of 100 turns", "100 of 100 turns"]
    assert fleet.events.count("launch one") == 1


def test_a_control_that_does_not_run_is_an_error_that_says_why(fleet):
    fleet.behaviour("one").fail_launch = "no such image"
    with pytest.raises(HostError, match=r"the control one does not run here: no such image"):
        quiet_turns(fleet.cell("one"), fleet.bench(), 2, lambda _: None)


def test_a_host_that_is_not_quiet_is_not_calibrated():
    check_quiet({"foreign": 0.2, "wait": 0.39})
    with pytest.raises(HostError, match=r"this host is not quiet: the 99th percentile of foreign is 0\.27"):
        check_quiet({"foreign": 0.27})
    with pytest.raises(HostError, match=r"of wait is 0\.80"):
        check_quiet({"wait": 0.8})


def test_what_a_busy_but_calibrated_host_shows_disturbs_nothing(fleet):
    fleet.readings["one"] = {
        "set_busy_ns": Reading(61 * MS, "ns", "x"),
        "cpu_pressure_us": Reading(30_000, "us", "x"),
    }

    def verdict(limits):
        cell, block = fleet.cell("one"), Block("control.noop", 1, ("one",), (("one",),))
        bench = replace(fleet.bench(), limits=limits)
        return measure_block(block, {"one": cell}, {"one": fleet.trial("one")}, {}, bench, lambda _: None)[0].verdict

    assert verdict(Limits()) is Verdict.DISTURBED
    assert verdict(Limits.fitted({"foreign": 2.0, "wait": 50.0})) is Verdict.OK
