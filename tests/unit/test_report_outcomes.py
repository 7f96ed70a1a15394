"""What the report says of comparisons, and what it must never say of refused ones."""

import json
import re
from dataclasses import replace

import pytest
import samples
from mlfleet.model import Reading
from mlfleet.names import Name
from mlfleet.report import report_csv, report_json, summary
from mlfleet.report.figure import figure
from mlfleet.report.html import render_html
from mlfleet.report.notes import absent, compares, how_to_narrow, reached_counts
from mlfleet.report.rows import rows
from mlfleet.report.sentences import first_line, refused_pairs, sentence
from mlfleet.table import fold

TABLE = samples.table()
# A factor, or a percentage that is not the level of an interval or the margin.
QUOTIENT = re.compile(r"\d\s?[x\u00d7]\b|\d+(?:\.\d+)?\s?%")
ALLOWED = {"97 %", "3 %"}
SENTENCES = {
    ("kmeans.fit-iris", "time"): (
        "linfa takes 0.0164x the time of sklearn to the same objective (99 % interval 0.0158 to 0.0169, 5 blocks)"
    ),
    ("kmeans.fit-iris", "memory"): (
        "linfa uses 98.2 MiB less peak anonymous memory than sklearn (98 % interval 97.3 to 99.2 MiB, 5 blocks)"
    ),
    ("ridge.fit-diabetes", "time"): (
        "no difference above 3 % between the time of linfa and of sklearn (97 % interval 0.9999 to 1.0032, 5 blocks)"
    ),
    ("knn_classify.predict-wine", "time"): (
        "inconclusive: 97 % interval 0.6 to 2.2 for the time of linfa against sklearn (5 blocks, H = 93 %): too wide "
        "to name a winner; run more blocks"
    ),
}


def planned(table, workload):
    return next(one for one in table.run.workloads if one.workload.name == workload)


def said(table, workload, metric, contestant="linfa"):
    one = next(c for c in table.comparisons if (c.workload, c.metric, c.contestant) == (workload, metric, contestant))
    return sentence(planned(table, workload), one, table.run.margin)


def refused_only():
    name = "ridge.predict-boston_housing"
    return samples.table({name: samples.CELLS[name]})


def unread(table, name):
    """The table again, with a reading of linfa that could not be read."""
    null = Reading(None, "bytes", "memory.stat", reason="no_permission")
    records = []
    for cell in table.cells:
        for record in cell.records:
            turns = tuple(replace(turn, readings={**turn.readings, name: null}) for turn in record.turns)
            records.append(replace(record, turns=turns) if cell.framework == "linfa" else record)
    return fold(table.run, records)


@pytest.mark.parametrize("place", SENTENCES)
def test_one_sentence_per_comparison(place):
    assert said(TABLE, *place) == SENTENCES[place]


def test_too_few_blocks_give_both_medians_and_no_ratio():
    table = samples.table(blocks=3)
    assert said(table, "kmeans.fit-iris", "time") == (
        "inconclusive: 3 blocks, 5 needed; median time: linfa 36.0 µs, sklearn 2.20 ms"
    )
    assert not QUOTIENT.search(summary(table).replace("3 %", ""))


def test_a_comparison_without_a_value_still_says_whose_it_is():
    table = fold(samples.table(blocks=3).run, [])
    assert said(table, "kmeans.fit-iris", "time") == (
        "inconclusive: 0 blocks, 5 needed; time of linfa against sklearn: no value of both"
    )


def test_the_first_line_counts_refused_ratios():
    assert first_line(TABLE) == "2 of 10 ratios refused"
    assert summary(TABLE).splitlines()[0] == "2 of 10 ratios refused"
    assert first_line(refused_only()) == "2 of 2 ratios refused"


def test_a_refused_pair_shows_every_reason_and_the_gates_that_passed():
    (refused,) = refused_pairs(TABLE, [one for one in TABLE.comparisons if one.outcome == "refused"])
    assert [(reason.gate, reason.detail) for reason in refused.reasons] == [
        ("work", "receipt rows is 40, 404 awaited"),
        ("quality", "r2 is -3.1, at least 0.6 awaited"),
    ]
    assert {reason.where for reason in refused.reasons} == {"linfa: INVALID outside_tolerance, 5 of 5 trials"}
    assert refused.passed == ("environment", "payload")
    for text in (summary(TABLE), render_html(TABLE)):
        assert "REFUSED" in text
        assert "interval not computed" in text
        for reason in refused.reasons:
            assert reason.detail in text


def test_refused_comparisons_leave_no_quotient_in_any_output():
    table = refused_only()
    page = re.sub(r"<style>.*?</style>|<[^>]*>", " ", render_html(table), flags=re.DOTALL)
    for text in (summary(table), page, report_csv(table), json.dumps(report_json(table))):
        assert set(QUOTIENT.findall(text)) <= ALLOWED
    for one in report_json(table)["comparisons"]:
        assert [one[key] for key in ("ratio", "low", "high", "level", "difference")] == [None] * 5
        assert one["reasons"] == ["short_work", "outside_tolerance"]
    # The search itself can find one.
    assert set(QUOTIENT.findall(summary(TABLE))) - ALLOWED


def test_refused_comparisons_have_no_place_in_the_figure():
    table = refused_only()
    drawn = figure(table.comparisons, table.run.margin)
    assert drawn.axis is None
    assert [(bar.text, bar.low, bar.point, bar.high) for bar in drawn.bars] == [("REFUSED", None, None, None)] * 2
    assert render_html(table).count('class="hatched"') == 2


def test_a_reading_that_is_null_refuses_its_metric_alone():
    table = unread(TABLE, Name.PEAK_ANONYMOUS.value)
    (refused,) = refused_pairs(
        table, [one for one in table.comparisons if one.workload == "ridge.fit-diabetes" and one.contestant == "linfa"]
    )
    (reason,) = refused.reasons
    assert (reason.gate, reason.where) == ("meter", "linfa")
    assert "no_permission" in reason.detail
    assert said(table, "ridge.fit-diabetes", "time").startswith("no difference")


def test_the_figure_draws_intervals_in_order_and_no_point_for_a_wide_one():
    mine = [one for one in TABLE.comparisons if one.workload == "knn_classify.predict-wine"]
    wide, narrow = figure(mine, TABLE.run.margin).bars
    assert wide.point is None
    assert wide.low < wide.high
    assert narrow.low < narrow.point < narrow.high < figure(mine, TABLE.run.margin).axis.one


def test_nothing_is_drawn_where_there_are_only_too_few_blocks():
    table = samples.table({"ridge.fit-diabetes": samples.CELLS["ridge.fit-diabetes"]}, blocks=3)
    assert "<figure>" not in render_html(table)
    assert "<figure>" in render_html(refused_only())


@pytest.mark.parametrize("ns", [1e-3, 1e2, 9.5e4, 8e5, 2e6, 1e9, 1e15])
def test_an_axis_has_few_ticks_and_one_at_1(ns):
    cells = {"ridge.fit-diabetes": {"sklearn": samples.Cell(8.8e5), "linfa": samples.Cell(ns)}}
    table = samples.table(cells)
    axis = figure(table.comparisons[:1], table.run.margin).axis
    places = [place for place, _ in axis.ticks]
    assert 2 <= len(places) <= 7
    assert places == sorted(places)
    assert "1x" in [label for _, label in axis.ticks]
    assert all(0 <= place <= 100 for place in places)


def test_cells_that_do_not_differ_share_a_rank():
    ranks = {row.cell.framework: (row.rank, row.shared) for row in rows(TABLE, planned(TABLE, "kmeans.fit-iris"))}
    assert ranks == {"linfa": (1, False), "sklearn": (2, True), "candle": (2, True)}
    wide = {row.rank for row in rows(TABLE, planned(TABLE, "knn_classify.predict-wine"))}
    assert wide == {1}


def test_invalid_and_refused_cells_are_shown_but_not_ranked():
    name = "ridge.predict-boston_housing"
    sklearn, linfa = rows(TABLE, planned(TABLE, name))
    assert (sklearn.rank, linfa.rank) == (None, None)
    assert linfa.verdict == "INVALID outside_tolerance"
    assert linfa.time.text == "2.70 µs"
    assert "no interval" in linfa.time.note


def test_a_pair_refused_for_unequal_work_has_no_order_either():
    name = "ridge.fit-diabetes"
    table = samples.table({name: samples.CELLS[name]})
    refused = tuple(replace(one, outcome="refused", estimate=None) for one in table.comparisons)
    found = rows(replace(table, comparisons=refused), planned(table, name))
    assert [row.rank for row in found] == [None, None]
    assert "REFUSED against sklearn" in [row.unranked for row in found]


def test_a_ratio_says_what_differs():
    work = planned(TABLE, "kmeans.fit-iris")
    assert compares(TABLE, work, "linfa", "sklearn") == (
        "compares the language and kernels: rust against python, ndarray against cython+openblas"
    )
    one = samples.identity("linfa", "1.9.1")
    same = tuple(replace(task, kernels="cython+openblas", origin="in_repo") for task in one.tasks)
    changed = tuple(
        replace(c, identity=replace(one, tasks=same)) if c.service.key == "linfa" else c for c in TABLE.run.contestants
    )
    bound = replace(TABLE, run=replace(TABLE.run, contestants=changed))
    assert compares(bound, work, "linfa", "sklearn") == (
        "compares the binding: rust against python, both run cython+openblas; "
        "linfa: algorithm written in this repository"
    )


def test_counts_reached_stand_beside_the_ratio():
    assert "n_iter: sklearn 7, linfa 11, candle 7" in reached_counts(TABLE, planned(TABLE, "kmeans.fit-iris"))


def test_who_is_absent_is_said_aloud():
    told = absent(TABLE)
    assert "tch takes no part: not_built: no image mlfleet/tch:0.24.0; try: mlfleet build tch" in told
    assert "candle is unsupported in all but kmeans.fit-iris: it does not offer the task" in told
    two = tuple(planned(TABLE, name) for name in ("kmeans.fit-iris", "ridge.fit-diabetes"))
    told = absent(replace(TABLE, run=replace(TABLE.run, workloads=two)))
    assert "candle is unsupported in ridge.fit-diabetes: it does not offer the task" in told
    lacking = replace(planned(TABLE, "ridge.fit-diabetes"), unavailable="no such file", cells={})
    table = fold(replace(TABLE.run, workloads=(lacking,)), [])
    assert "ridge.fit-diabetes was not measured: data_unavailable: no such file" in absent(table)


def test_a_wide_interval_comes_with_advice():
    (first, *_) = how_to_narrow(TABLE)
    assert first.startswith("knn_classify.predict-wine, time of linfa against sklearn: more than 200 blocks")
