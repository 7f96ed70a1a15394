"""The overview: what became of each time, a colour for a difference and for nothing else, and a way to its samples."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import pytest
import samples
from mlfleet.report import html
from mlfleet.report.heat import STEPS, cell_anchor, heat
from mlfleet.report.html import render_html
from mlfleet.table import fold
from samples import Cell

NAME = "ridge.fit-diabetes"
TABLE = samples.table()
HEAT = heat(TABLE)
ROWS = {row.workload: {one.framework: one for one in row.cells} for row in HEAT.rows}
NAMES = ["a", "b", "a/b", "b/a", "a~2f~b", "a b", "a%20b", "ä", "", "sklearn:1.9.1", "knn-mnist_5k"]


def pair(sklearn, linfa):
    """The cells of one workload with two frameworks."""
    row = heat(samples.table({NAME: {"sklearn": sklearn, "linfa": linfa}})).rows[0]
    return {one.framework: one for one in row.cells}


def drawn(table):
    """The heat table of the page."""
    return re.search(r'<table class="heat">.*?</table>', render_html(table), re.DOTALL)[0]


class Opened(HTMLParser):
    """Every id that stands inside of a details element."""

    def __init__(self, page):
        super().__init__()
        self.depth, self.ids = 0, set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if self.depth and "id" in dict(attrs):
            self.ids.add(dict(attrs)["id"])
        self.depth += tag == "details"

    def handle_endtag(self, tag):
        self.depth -= tag == "details"


def test_rows_are_workloads_and_columns_frameworks_without_controls():
    assert list(ROWS) == [name for name in samples.CELLS if not name.startswith("control")]
    assert HEAT.frameworks == ("sklearn", "linfa", "candle", "tch")
    assert all(tuple(row) == HEAT.frameworks for row in ROWS.values())


@pytest.mark.parametrize(
    ("workload", "framework", "text", "note", "state"),
    [
        ("kmeans.fit-iris", "sklearn", "baseline", "", "baseline"),
        ("kmeans.fit-iris", "linfa", "0.0164x", "0.0158 to 0.0169", "different"),
        ("ridge.fit-diabetes", "linfa", "same", "0.9999 to 1.0032", "equivalent"),
        ("knn_classify.predict-wine", "linfa", "?", "0.6 to 2.2", "inconclusive"),
        ("ridge.predict-boston_housing", "linfa", "REFUSED", "", "refused"),
        ("ridge.fit-diabetes", "candle", "–", "", "absent"),  # noqa: RUF001
        ("kmeans.fit-iris", "tch", "–", "", "absent"),  # noqa: RUF001
    ],
)
def test_a_cell_says_what_became_of_its_time(workload, framework, text, note, state):
    one = ROWS[workload][framework]
    assert (one.text, one.note, one.state) == (text, note, state)
    assert one.outcome == (state if state in {"different", "equivalent", "inconclusive", "refused"} else "")
    assert bool(one.anchor) == (state != "absent")


def test_too_few_blocks_leave_a_question_and_their_reason():
    one = heat(samples.table(blocks=3)).rows[0].cells[1]
    assert (one.text, one.note, one.hue, one.ratio) == ("?", "few_blocks", "", None)


def test_a_baseline_that_is_invalid_says_so_and_refuses_the_others():
    found = pair(Cell(1e6, **samples.UNTRAINED), Cell(2e6))
    assert (found["sklearn"].text, found["sklearn"].note) == ("baseline", "INVALID outside_tolerance")
    assert found["linfa"].text == "REFUSED"


def test_a_workload_without_data_keeps_its_row():
    lacking = replace(TABLE.run.workloads[0], unavailable="no such file", cells={})
    (row,) = heat(fold(replace(TABLE.run, workloads=(lacking,)), [])).rows
    assert {one.state for one in row.cells} == {"absent"}


@pytest.mark.parametrize(
    ("factor", "hue"),
    [
        (0.1, "fast4"),
        (0.3, "fast3"),
        (0.6, "fast2"),
        (0.9, "fast1"),
        (1.1, "slow1"),
        (1.5, "slow2"),
        (3, "slow3"),
        (8, "slow4"),
    ],
)
def test_colours_go_by_the_logarithm_of_the_ratio(factor, hue):
    assert pair(Cell(1e6), Cell(1e6 * factor))["linfa"].hue == hue


def test_only_a_difference_has_a_colour_and_every_colour_is_in_the_style():
    found = [one for row in ROWS.values() for one in row.values()]
    assert {one.state for one in found if one.hue} == {"different"}
    css = (Path(html.__file__).parent / "page.css").read_text()
    for hue, step in product(("fast", "slow"), range(1, len(STEPS) + 1)):
        assert f".{hue}{step} {{" in css
        # In the light scheme, the dark one and in print.
        assert css.count(f"--{hue}{step}:") == 3
    assert f"fast{len(STEPS) + 1}" not in css


def test_a_refused_cell_has_no_number_and_no_colour():
    name = "ridge.predict-boston_housing"
    found = drawn(samples.table({name: samples.CELLS[name]}))
    assert 'class="refusal"' in found
    assert not re.search("fast|slow|<data", found)
    assert not re.search(r"\d", re.sub(r"<[^>]*>", " ", found))
    # The search can find one.
    assert re.search("fast4", drawn(TABLE))


def test_every_cell_opens_its_samples():
    page = render_html(TABLE)
    links = re.findall(r'href="#([^"]*)"', drawn(TABLE))
    assert len(links) == len([cell for cell in TABLE.cells if not cell.framework.startswith("null")])
    assert set(links) <= Opened(page).ids


def test_anchors_are_addresses_as_they_stand_and_tell_all_cells_apart():
    found = {cell_anchor(workload, framework) for workload, framework in product(NAMES, repeat=2)}
    assert len(found) == len(NAMES) ** 2
    assert all(re.fullmatch(r"cell/[A-Za-z0-9._~-]*/[A-Za-z0-9._~-]*", one) for one in found)
    assert cell_anchor("kmeans.fit-iris", "linfa") == "cell/kmeans.fit-iris/linfa"
