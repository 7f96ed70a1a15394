"""Time against memory: what is refused has no place, who is dominated is so by point estimates, and where marks lie."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st
from mlfleet.report.axis import BINARY, DECIMAL, free_line, log_axis
from mlfleet.report.html import render_html
from mlfleet.report.pareto import dominates, plane
from mlfleet.report.rows import rows
from mlfleet.report.units import duration
from samples import Cell

TABLE = samples.table()
NAME = "knn_classify.predict-wine"
INVALID = "ridge.predict-boston_housing"


def planned(table, workload):
    return next(one for one in table.run.workloads if one.workload.name == workload)


def plane_of(table, workload, **changes):
    work = replace(planned(table, workload), **changes)
    return plane(table, work, rows(table, work))


def by_framework(found):
    return {point.framework: point for point in found.points}


def pair(sklearn, linfa, **changes):
    return plane_of(samples.table({NAME: {"sklearn": sklearn, "linfa": linfa}}), NAME, **changes)


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [((1, 1), (2, 2), True), ((1, 2), (1, 3), True), ((1, 3), (2, 1), False), ((1, 1), (1, 1), False)],
)
def test_better_in_something_and_worse_in_nothing(one, other, found):
    assert dominates(one, other) is found
    assert not dominates(other, one)


def test_faster_lies_left_and_more_memory_lies_higher():
    found = plane_of(TABLE, "kmeans.fit-iris")
    sklearn, linfa, candle = (by_framework(found)[key] for key in ("sklearn", "linfa", "candle"))
    assert linfa.x.point < sklearn.x.point < found.time.end
    assert found.memory.end <= sklearn.y.point < candle.y.point < linfa.y.point <= found.memory.start
    for point in found.points:
        assert found.time.start <= point.x.low <= point.x.point <= point.x.high <= found.time.end
        assert point.y.low >= point.y.point >= point.y.high
    assert linfa.text == "36.0 µs, 3.250 MiB, inertia 139.82"


def test_the_dominated_name_those_that_are_better():
    found = by_framework(plane_of(TABLE, "kmeans.fit-iris"))
    assert {key: point.better for key, point in found.items()} == {
        "sklearn": ("linfa",),
        "linfa": (),
        "candle": ("linfa",),
    }
    text = " ".join(re.sub(r"<[^>]*>", " ", render_html(TABLE)).split())
    assert re.search(r"candle: [^;]*; dominated, by point estimates, by linfa", text)
    assert re.search(r"linfa: [^;]*; not dominated by point estimates", text)


def test_quality_is_weighed_where_its_direction_is_known():
    sides = Cell(1e6, 60, quality=0.99), Cell(5e5, 30, quality=0.97)
    assert by_framework(pair(*sides))["sklearn"].better == ("linfa",)
    known = pair(*sides, direction=1)
    assert by_framework(known)["sklearn"].better == ()
    assert known.by == "time, peak anonymous memory and accuracy"
    # As of an error: less is better.
    assert by_framework(pair(*sides, direction=-1))["sklearn"].better == ("linfa",)
    hair = Cell(1e6, 60, quality=0.970001), Cell(5e5, 30, quality=0.97)
    assert by_framework(pair(*hair, direction=1))["sklearn"].better == ("linfa",)


def test_an_invalid_cell_is_named_and_not_placed():
    found = plane_of(TABLE, INVALID)
    assert (found.points, found.missing) == ((), ("linfa: INVALID outside_tolerance",))
    page = render_html(samples.table({INVALID: samples.CELLS[INVALID]}))
    assert 'class="plane"' not in page
    assert "Not drawn: linfa: INVALID outside_tolerance" in page


@pytest.mark.parametrize("metric", ["time", "memory"])
def test_a_pair_that_is_refused_in_either_metric_has_no_place(metric):
    name = "kmeans.fit-iris"
    refused = tuple(
        replace(one, outcome="refused", estimate=None) if (one.contestant, one.metric) == ("linfa", metric) else one
        for one in TABLE.comparisons
    )
    found = plane_of(replace(TABLE, comparisons=refused), name)
    assert set(by_framework(found)) == {"sklearn", "candle"}
    assert found.missing == ("linfa: REFUSED against sklearn",)
    assert all("linfa" not in point.better for point in found.points)


def test_too_few_blocks_have_no_place():
    found = plane_of(samples.table(blocks=3), "kmeans.fit-iris")
    assert found.points == ()
    assert len(found.missing) == 3
    assert all(text.endswith("no interval of its time: few_blocks") for text in found.missing)


def test_a_metric_that_is_not_compared_places_nobody():
    table = replace(TABLE, run=replace(TABLE.run, metrics=("time",)))
    found = plane_of(table, "kmeans.fit-iris")
    assert found.points == ()
    assert "sklearn: memory is not compared in this run" in found.missing


def test_a_workload_without_its_baseline_compares_nothing():
    run = replace(TABLE.run, baselines={})
    table = replace(TABLE, run=run, comparisons=())
    assert plane_of(table, "kmeans.fit-iris").missing[0] == "sklearn: not compared"


def test_names_of_equal_cells_do_not_cover_each_other():
    cells = {"kmeans.fit-iris": {key: Cell(1e6, 50.0) for key in ("sklearn", "linfa", "candle")}}
    labels = sorted(point.label_y for point in plane_of(samples.table(cells), "kmeans.fit-iris").points)
    assert all(b - a > 14.9 for a, b in pairwise(labels))


def test_a_free_line_is_the_first_below():
    assert free_line(50, 100, []) == 100
    assert free_line(50, 100, [(60, 95), (60, 112)]) == 130
    assert free_line(50, 100, [(90, 100)]) == 100


@given(st.lists(st.floats(1e-2, 1e13), min_size=1, max_size=6), st.sampled_from([DECIMAL, BINARY]))
def test_an_axis_holds_its_values_and_has_few_ticks(values, grids):
    found = log_axis(values, grids, duration, 10.0, 90.0)
    places = [found.place(value) for value in sorted(values)]
    assert all(10 - 1e-3 <= place <= 90 + 1e-3 for place in places)
    assert places == sorted(places)
    ticks = [place for place, _ in found.ticks]
    assert 2 <= len(ticks) <= 6
    assert ticks == sorted(ticks)


def test_an_axis_ends_on_round_numbers():
    found = log_axis([36e3, 2.2e6], DECIMAL, duration, 0.0, 100.0)
    assert (found.low, found.high) == (2e4, 5e6)
    assert [label for _, label in found.ticks] == ["30.0 µs", "100 µs", "300 µs", "1.00 ms", "3.00 ms"]
    upwards = log_axis([36e3, 2.2e6], DECIMAL, duration, 100.0, 0.0)
    assert upwards.place(36e3) > upwards.place(2.2e6)
