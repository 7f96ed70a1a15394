"""The host's A/A resolution: measured, kept by fingerprint, found again."""

import math

import pytest
from mlfleet import resolution
from mlfleet.errors import StorageError
from mlfleet.resolution import Limit, Resolution

HERE, THERE = {"cpu_model": "a", "cpu_count": 2, "docker_engine": None}, {"cpu_model": "b", "cpu_count": 2}


def limit(share=0.01, schedule="short", metric="time", bound="compute"):
    return Limit("1 thread", schedule, metric, bound, share, 21, 7, 10)


def found(*limits, validation="v1"):
    return Resolution(validation, "2026-01-02T03:04:05+00:00", limits)


def test_it_is_the_95th_percentile_of_what_equal_pairs_seemed_to_differ_by():
    points = [0.001 * number * (-1) ** number for number in range(1, 21)]
    # Of 20 values sorted by size the rank is 0.95 x 19 = 18.05, between 0.019 and 0.020.
    assert resolution.limit_of(points) == pytest.approx(math.expm1(0.01905))
    assert resolution.limit_of(points[1:]) is None


def test_what_is_stored_for_one_host_is_not_anothers(tmp_path):
    assert resolution.load(HERE, tmp_path) is None
    path = resolution.store(HERE, found(limit()), tmp_path)
    assert path.is_relative_to(tmp_path)
    assert resolution.load(HERE, tmp_path) == found(limit())
    assert resolution.load(THERE, tmp_path) is None


def test_a_later_validation_replaces_what_it_measured_anew_and_nothing_else(tmp_path):
    resolution.store(HERE, found(limit(0.01), limit(0.05, bound="memory")), tmp_path)
    resolution.store(HERE, found(limit(0.02), validation="v2"), tmp_path)
    assert resolution.load(HERE, tmp_path) == found(limit(0.02), limit(0.05, bound="memory"), validation="v2")


def test_the_coarser_limit_of_short_turns_serves_for_standard_ones_and_not_the_reverse():
    short, standard = limit(0.02), limit(0.01, "standard")
    assert found(short).limit("1 thread", "standard", "time", "compute") == short
    assert found(short, standard).limit("1 thread", "standard", "time", "compute") == standard
    assert found(standard).limit("1 thread", "short", "time", "compute") is None


@pytest.mark.parametrize(
    "asked",
    [
        ("all cores", "short", "time", "compute"),
        ("1 thread", "short", "memory", "compute"),
        ("1 thread", "short", "time", "memory"),
    ],
)
def test_nothing_is_known_of_another_setting_metric_or_bound(asked):
    assert found(limit()).limit(*asked) is None


def test_a_spoilt_file_is_named(tmp_path):
    path = resolution.store(HERE, found(limit()), tmp_path)
    path.write_text('{"limits": NaN}')
    with pytest.raises(StorageError, match=f"{path}: .*try: delete it, and mlfleet validate again"):
        resolution.load(HERE, tmp_path)


def test_the_state_folder_follows_the_users_variables(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLEET_STATE", raising=False)
    assert resolution.state_folder() == tmp_path / "mlfleet"
    monkeypatch.setenv("MLFLEET_STATE", str(tmp_path / "own"))
    assert resolution.state_folder() == tmp_path / "own"
