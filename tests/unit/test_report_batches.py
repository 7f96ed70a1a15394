"""Batch curves: time per row over workloads that differ in their batch alone; what is refused leaves a gap."""

import re
from dataclasses import replace

import pytest
import samples
from mlfleet.model import Workload
from mlfleet.report.batches import batches
from mlfleet.report.html import render_html
from mlfleet.table import fold
from samples import Cell


def made(*frameworks, batches=(1, 32), params=lambda _batch: {}, wire=lambda batch: batch):
    """A run of one ridge on one dataset at several batches. `frameworks`: makes a cell of a batch."""
    keys = ("sklearn", "linfa", "candle")[: len(frameworks)]
    cells = {
        f"ridge.predict-b{wire(batch)}": {key: make(wire(batch)) for key, make in zip(keys, frameworks, strict=True)}
        for batch in batches
    }
    run = samples.run_file(cells)
    workloads = []
    for batch, planned in zip(batches, run.workloads, strict=True):
        asked = {"alpha": 1.0, "batch": batch, **params(batch)}
        work = Workload(planned.workload.name, "ridge.predict", "diabetes", asked)
        sent = {**asked, "batch": wire(batch)}
        workloads.append(replace(planned, workload=work, params=sent, unit="row", unit_key="rows_predicted"))
    return fold(replace(run, workloads=tuple(workloads)), samples.records(cells))


def linear(ns, **changes):
    """A cell whose iteration takes so long for each row."""
    return lambda batch: Cell(ns * batch, receipt={"rows_predicted": batch}, **changes)


def broken(ns, at):
    """The same, but INVALID at one batch."""
    return lambda batch: linear(ns, **(samples.UNTRAINED if batch == at else {}))(batch)


def flat(ns):
    """A cell whose iteration takes as long for any batch."""
    return lambda batch: Cell(ns, receipt={"rows_predicted": batch})


def test_time_is_per_row():
    (found,) = batches(made(linear(2e5), flat(6.4e6)))
    assert found.title == "ridge.predict on diabetes"
    assert [curve.text for curve in found.curves] == [
        "batch 1: 200 µs, batch 32: 200 µs",
        "batch 1: 6.40 ms, batch 32: 200 µs",
    ]
    assert found.missing == ()


def test_a_larger_batch_lies_to_the_right_and_a_longer_time_higher():
    (found,) = batches(made(linear(2e5), flat(6.4e6)))
    level, falling = found.curves
    (left, same), (right, still) = level.marks
    assert left < right
    assert same == pytest.approx(still, abs=0.01)
    (_, top), (_, bottom) = falling.marks
    assert top < bottom
    assert bottom == still
    assert falling.lines == ((left, top, right, bottom),)
    assert found.time.end <= top <= bottom <= found.time.start
    assert found.across.ticks[0] == (left, "1")


def test_an_invalid_cell_is_named_and_no_line_crosses_it():
    (found,) = batches(made(linear(2e5), broken(1e5, 8), batches=(1, 8, 32)))
    sklearn, linfa = found.curves
    assert (len(sklearn.marks), len(sklearn.lines)) == (3, 2)
    assert (len(linfa.marks), len(linfa.lines)) == (2, 0)
    assert found.missing == ("linfa at batch 8: INVALID outside_tolerance",)


def test_a_refused_pair_is_named_and_not_drawn():
    table = made(linear(2e5), linear(1e5))
    refused = tuple(replace(one, outcome="refused", estimate=None) for one in table.comparisons)
    (found,) = batches(replace(table, comparisons=refused))
    assert [curve.framework for curve in found.curves] == ["sklearn"]
    assert found.missing == ("linfa at batch 1: REFUSED against sklearn", "linfa at batch 32: REFUSED against sklearn")


def test_no_framework_with_two_batches_is_no_curve():
    (found,) = batches(made(broken(1e5, 8), batches=(1, 8)))
    assert (found.curves, found.across) == ((), None)
    assert "Nothing to draw" in render_html(made(broken(1e5, 8), batches=(1, 8)))


def test_what_differs_in_more_than_its_batch_is_no_curve():
    assert batches(made(linear(2e5), linear(1e5), params=lambda batch: {"alpha": float(batch)})) == ()
    assert batches(samples.table()) == ()
    assert 'id="batches"' not in render_html(samples.table())


def test_a_batch_in_words_is_placed_by_its_number():
    (found,) = batches(made(linear(2e5), linear(1e5), batches=(1, "all"), wire=lambda b: 89 if b == "all" else b))
    assert found.curves[0].text == "batch 1: 200 µs, batch 89: 200 µs"


def test_a_receipt_that_counts_nothing_is_named():
    (found,) = batches(made(linear(2e5), lambda batch: Cell(1e5 * batch, receipt={"rows": 120})))
    assert "linfa at batch 1: its receipt counts no rows_predicted" in found.missing


def test_the_page_draws_it_and_gives_no_number_that_is_no_cells_own():
    page = render_html(made(linear(2e5), flat(6.4e6)))
    section = re.search(r'<section id="batches".*?<section id="lifecycle"', page, re.DOTALL)[0]
    assert section.count('class="curve colour') == 2
    assert "linfa, time per row at batch 1: 6.40 ms, batch 32: 200 µs" in section
    assert "<data" not in section
    assert 'href="#batches"' in page
