"""The roof: the best that was seen, and nothing where nothing can be seen. Nothing is probed here."""

import numpy as np
import pytest
from mlfleet import roofline
from mlfleet.model import Roof

LOW = Roof({"F32": 1e10, "F64": 6e9}, 2e10, 32 << 20)
HIGH = Roof({"F64": 5e9, "F32": 3e10}, 1e10, None)


def test_of_two_probes_the_better_figure_counts():
    assert roofline.joined(HIGH, LOW) == Roof({"F32": 3e10, "F64": 6e9}, 2e10, 32 << 20)
    assert roofline.joined(LOW, None) == LOW


def test_a_roof_that_was_lower_in_a_slow_moment_stays_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path))
    probes = iter([LOW, HIGH, LOW])
    monkeypatch.setattr(roofline, "_probed", lambda _cpus: next(probes))
    assert roofline.roof((1,), "cpu", {"cpu_model": "x"}) == LOW
    best = roofline.roof((1,), "cpu", {"cpu_model": "x"})
    assert best.flop_per_s == {"F32": 3e10, "F64": 6e9}
    # Another host, or another CPU set, has another roof.
    assert roofline.roof((0, 1), "cpu", {"cpu_model": "x"}) == LOW


def test_a_gpu_has_no_roof_and_a_probe_that_fails_none(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLEET_CACHE", str(tmp_path))
    assert roofline.roof((1,), "cuda", {}).reasons["flop_per_s"] == "not_applicable"
    monkeypatch.setattr(roofline.sys, "executable", "/nowhere/python")
    assert roofline.roof((1,), "cpu", {}).flop_per_s == {}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("sizes", "largest"), [(("32K", "1024K", "32M"), 32 << 20), ((), None)])
def test_the_last_level_cache_is_the_largest(tmp_path, sizes, largest):
    for number, size in enumerate(sizes):
        folder = tmp_path / f"sys/devices/system/cpu/cpu3/cache/index{number}"
        folder.mkdir(parents=True)
        (folder / "size").write_text(f"{size}\n")
    assert roofline.last_level_bytes([3], tmp_path) == largest


def test_rates_are_of_cpu_time_so_that_a_neighbour_takes_nothing_from_them():
    ticks = iter(np.arange(0, 100, 0.5))
    assert roofline._best(lambda: None, lambda: float(next(ticks))) == 0.5


def test_the_roof_is_probed_once_for_all_runs():
    asked = []
    probe = roofline.once(lambda *about: asked.append(about) or len(asked))
    assert [probe((1,), "cpu", {}), probe((1,), "cpu", {})] == [1, 1]
    assert asked == [((1,), "cpu", {})]
