"""Size curves: time over workloads that differ in their size alone, and what is said of where two of them cross."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
import samples
from mlfleet import tasks
from mlfleet.model import Sized, Workload
from mlfleet.report.figures import figures
from mlfleet.report.html import render_html
from mlfleet.report.sizes import sizes
from mlfleet.table import fold
from mlfleet.tasks import sized
from samples import Cell

SVG = "{http://www.w3.org/2000/svg}"


def made(*frameworks, rows=(100, 1000, 10_000), param="rows", beside=lambda _size: {}):
    """A run of one ridge at several sizes. `frameworks`: makes a cell of a size."""
    keys = ("sklearn", "linfa", "candle")[: len(frameworks)]
    cells = {
        f"ridge.fit-r{size}": {key: make(size) for key, make in zip(keys, frameworks, strict=True)} for size in rows
    }
    run = samples.run_file(cells)
    workloads = []
    for size, planned in zip(rows, run.workloads, strict=True):
        more = beside(size)
        work = Workload(
            planned.workload.name, "ridge.fit", "california_housing-syn", {"alpha": 1.0, param: size, **more}
        )
        workloads.append(replace(planned, workload=work, sizes=(Sized(param, size, tuple(more)),)))
    return fold(replace(run, workloads=tuple(workloads)), samples.records(cells))


def affine(ns, each, **changes):
    """A cell whose iteration takes so long, and so much more for each row."""
    return lambda size: Cell(ns + each * size, **changes)


# Equal at 900 rows.
PYTHON, RUST = affine(8.0e5, 100.0), affine(1.7e5, 800.0)


def refused_at(table, *names):
    gone = tuple(
        replace(one, outcome="refused", estimate=None) if one.workload in names else one for one in table.comparisons
    )
    return replace(table, comparisons=gone)


def test_curves_rise_from_left_to_right_with_an_interval_at_each_mark():
    (found,) = sizes(made(PYTHON, RUST))
    assert found.title == "ridge.fit on california_housing-syn"
    sklearn, linfa = found.curves
    assert linfa.text == "100 rows: 250 µs, 1,000 rows: 970 µs, 10,000 rows: 8.17 ms"
    (x1, y1), (x2, y2), (x3, y3) = linfa.marks
    assert x1 < x2 < x3
    assert y1 > y2 > y3
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.01)
    assert (x1, "100") in found.across.ticks
    assert (x3, "10,000") in found.across.ticks
    assert len(linfa.lines) == 2
    for (x, y), (at, low, high) in zip(linfa.marks, linfa.spans, strict=True):
        assert (at, low > y > high) == (x, True)
    assert sklearn.marks[2][1] > linfa.marks[2][1]


def test_a_crossing_is_between_the_sizes_at_which_they_differ_the_other_way_round():
    (found,) = sizes(made(PYTHON, RUST, rows=(100, 10_000)))
    (text,) = found.crossings
    assert text == (
        "linfa is faster below about 750 rows, sklearn above: they differ, the other way round, at 100 rows and at "
        "10,000 rows."
    )


def test_a_nearer_size_gives_a_better_crossing():
    (found,) = sizes(made(PYTHON, RUST, rows=(100, 800, 1000)))
    (text,) = found.crossings
    assert text.startswith("linfa is faster below about 900 rows, sklearn above")
    assert text.endswith("at 800 rows and at 1,000 rows.")


def test_one_that_is_faster_everywhere_crosses_nothing():
    (found,) = sizes(made(PYTHON, affine(1e5, 10.0)))
    (text,) = found.crossings
    assert text == (
        "No crossing of linfa and sklearn was seen: linfa is faster wherever they are known to differ, from 100 rows "
        "to 10,000 rows."
    )


def test_equals_cross_nothing_and_no_winner_is_named():
    (found,) = sizes(made(PYTHON, PYTHON))
    assert found.crossings == ("No crossing of linfa and sklearn was seen: at no size are they known to differ.",)


def test_what_is_inconclusive_at_one_end_is_no_crossing():
    noisy = affine(1.7e5, 800.0, noise=samples.RESTLESS)
    (found,) = sizes(made(PYTHON, lambda size: (noisy if size > 100 else RUST)(size), rows=(100, 1000)))
    assert found.crossings == (
        "No crossing of linfa and sklearn was seen: they are known to differ at 100 rows alone, where linfa is faster.",
    )


def test_a_refused_size_at_one_end_is_no_crossing_and_has_no_mark():
    (found,) = sizes(refused_at(made(PYTHON, RUST, rows=(100, 1000)), "ridge.fit-r1000"))
    assert "they are known to differ at 100 rows alone" in found.crossings[0]
    assert found.missing == ("linfa at 1,000 rows: REFUSED against sklearn",)
    assert [len(curve.marks) for curve in found.curves] == [2, 1]


def test_no_crossing_is_read_across_a_size_that_was_refused():
    (found,) = sizes(refused_at(made(PYTHON, RUST), "ridge.fit-r1000"))
    (text,) = found.crossings
    assert text == (
        "No crossing of linfa and sklearn was seen: between the sizes at which they differ the other way round, one "
        "was refused."
    )
    assert [len(curve.lines) for curve in found.curves] == [2, 0]


def test_two_crossings_are_two_sentences():
    bulge = {100: 1e6, 1000: 1e5, 10_000: 1e7}
    (found,) = sizes(made(affine(5e5, 0.0), lambda size: Cell(bulge[size])))
    first, second = found.crossings
    assert first.startswith("sklearn is faster below about")
    assert second.startswith("linfa is faster below about")


def test_each_pair_is_spoken_of():
    (found,) = sizes(made(PYTHON, RUST, affine(1e5, 10.0)))
    assert [text.split(" ")[0] for text in found.crossings] == ["linfa", "No"]


def test_a_parameter_that_is_no_plural_is_written_as_an_equation():
    (found,) = sizes(made(PYTHON, RUST, param="m", rows=(100, 800, 1000)))
    assert found.curves[0].text.startswith("m = 100: ")
    assert found.crossings[0].startswith("linfa is faster below about m = 900, sklearn above")


def test_what_is_chosen_with_the_size_keeps_workloads_together_and_nothing_else_does():
    (found,) = sizes(made(PYTHON, RUST, param="m", beside=lambda size: {"buffers": 10**6 // size}))
    assert len(found.curves[0].marks) == 3
    table = made(PYTHON, RUST, param="m", beside=lambda size: {"buffers": 10**6 // size})
    alone = tuple(replace(one, sizes=(Sized("m", one.sizes[0].value),)) for one in table.run.workloads)
    assert sizes(replace(table, run=replace(table.run, workloads=alone))) == ()
    assert sizes(samples.table()) == ()
    assert 'id="sizes"' not in render_html(samples.table())


def test_one_size_of_each_is_no_curve():
    def broken(size):
        return affine(1e5, 1.0, **(samples.UNTRAINED if size == 100 else {}))(size)

    table = made(broken, rows=(100, 1000))
    (found,) = sizes(table)
    assert (found.curves, found.across, found.crossings) == ((), None, ())
    assert "Nothing to draw: no framework has two sizes" in render_html(table)


def test_the_page_draws_it_with_its_sentence_and_gives_no_number_that_is_no_cells_own():
    page = render_html(made(PYTHON, RUST, rows=(100, 800, 1000)))
    section = re.search(r'<section id="sizes".*?<section id="lifecycle"', page, re.DOTALL)[0]
    assert section.count('class="curve colour') == 4
    assert section.count('class="whisker"') == 6
    assert "linfa, time per iteration at 100 rows: 250 µs, 800 rows: 810 µs" in section
    assert "<p>linfa is faster below about 900 rows, sklearn above" in section
    assert "<data" not in section
    assert 'href="#sizes"' in page


def test_the_file_says_the_same():
    svg = figures(made(PYTHON, RUST, rows=(100, 800, 1000)))["sizes+1"]
    said = " ".join("".join(one.itertext()) for one in ET.fromstring(svg).iter(SVG + "text"))
    assert "Across: rows; upwards: time per iteration; both log; levels, not comparisons" in said
    assert "linfa is faster below about 900 rows, sklearn above" in said
    lines = [one.get("class") for one in ET.fromstring(svg).iter(SVG + "line")]
    assert (lines.count("curve colour0"), lines.count("whisker")) == (2, 6)


@pytest.mark.parametrize(
    ("task", "params", "found"),
    [
        ("ridge.fit", {"alpha": 1.0}, [("rows", 353)]),
        ("ridge.fit", {"alpha": 1.0, "rows": 100}, [("rows", 100)]),
        ("ridge.predict", {"alpha": 1.0, "batch": 32}, []),
        ("sum.range", {"n": 1000}, [("n", 1000)]),
        ("sum.loop", {"m": 1000, "buffers": 17}, [("m", 1000)]),
    ],
)
def test_a_task_says_what_its_time_is_drawn_against(task, params, found):
    one = tasks.get(task)
    mine = sized.sizes(one, one.check_params(params), 353)
    assert [(size.param, size.value) for size in mine] == found


def test_buffers_are_chosen_with_the_numbers_in_each():
    one = tasks.get("sum.loop")
    (size,) = sized.sizes(one, one.check_params({"m": 1000, "buffers": 17}), 0)
    assert size.beside == ("buffers",)
