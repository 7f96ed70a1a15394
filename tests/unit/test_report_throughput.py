"""Throughput: what the receipts count over the time, alike in page, JSON, CSV and terminal, and found when altered."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import samples
from mlfleet.model import Sample
from mlfleet.report import JSON, report_csv, report_json, summary
from mlfleet.report.html import render_html
from mlfleet.report.rows import rows
from mlfleet.report.throughput import throughput
from mlfleet.report.units import rate_span
from mlfleet.table import fold
from mlfleet.verify.whole import Progress, verify
from runs import write_run
from samples import Cell

NAME = "ridge.fit-diabetes"
CELLS = {NAME: {"sklearn": Cell(2e6, receipt={"rows": 353}), "linfa": Cell(1e6, receipt={"rows": 353})}}


def differences(folder):
    return verify(folder, Progress(lambda _: None)).findings.differences


def made(cells=CELLS, change=lambda record: record):
    return fold(samples.run_file(cells), [change(record) for record in samples.records(cells)])


def test_it_is_the_units_over_the_time_with_the_interval_turned_round():
    table = made()
    found, why = throughput(table.run.planned(NAME), table.cell(NAME, "linfa"))
    time = table.cell(NAME, "linfa").estimates["time"]
    assert why == ""
    assert (found.unit, found.blocks, found.level) == ("row", time.blocks, time.level)
    assert found.point * time.point == pytest.approx(353e9)
    assert (found.low * time.high, found.high * time.low) == pytest.approx((353e9, 353e9))
    assert found.point == pytest.approx(353_000, rel=0.02)


@pytest.mark.parametrize("counted", [{}, {"rows": True}, {"rows": 0}, {"rows": "353"}])
def test_a_receipt_that_counts_nothing_gives_none(counted):
    table = made(change=lambda record: replace(record, receipt=counted) if record.trial.block == 2 else record)
    cell = next(one for one in report_json(table)["cells"] if one["framework"] == "linfa")
    assert (cell["throughput"], cell["throughput_absent"]) == (None, "not_counted")
    row = next(row for row in rows(table, table.run.planned(NAME)) if row.cell.framework == "linfa")
    assert (row.throughput.text, row.throughput.note) == ("none", "not_counted")


def test_without_an_interval_of_the_time_there_is_none():
    table = fold(samples.run_file(CELLS, 2), samples.records(CELLS, 2))
    assert throughput(table.run.planned(NAME), table.cell(NAME, "linfa")) == (None, "few_blocks")


def test_page_and_json_say_the_same_and_the_csv_has_both_factors():
    table = made()
    cell = next(one for one in report_json(table)["cells"] if one["framework"] == "linfa")
    assert f'<data value="{cell["throughput"]["point"]}">' in render_html(table)
    found = [row for row in csv.DictReader(io.StringIO(report_csv(table))) if row["framework"] == "linfa"]
    assert {(row["unit"], row["units"]) for row in found} == {("row", "353")}
    each = [1e9 * float(row["units"]) / float(row["time_ns"]) for row in found]
    assert min(each) < cell["throughput"]["point"] < max(each)
    assert "k rows/s" in summary(table)


def test_latency_stands_beside_it():
    def change(record):
        lasting = tuple(Sample(1, 0, 10**6 + 1000 * record.trial.block + number) for number in range(41))
        return replace(record, turns=(replace(record.turns[0], samples=lasting),))

    table = made(change=change)
    (row, _) = rows(table, table.run.planned(NAME))
    assert row.latency.text.startswith("p95 1.00")
    assert row.latency.exact == table.cell(NAME, row.cell.framework).percentiles["p95"][0].point
    (row, _) = rows(made(), table.run.planned(NAME))
    assert (row.latency.text, row.latency.note) == ("none", "few_samples")


def test_the_size_of_the_image_stands_in_the_same_row():
    table = made()
    known = tuple(replace(one, size_bytes=123 << 20) for one in table.run.contestants)
    assert render_html(replace(table, run=replace(table.run, contestants=known))).count("<td>123 MiB</td>") >= 2


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        ((12.34, 12.0, 12.7), "12.34 rows/s"),
        ((12_340, 12_000, 12_700), "12.34 k rows/s"),
        ((5e9, 4e9, 6e9), "5.0 G rows/s"),
    ],
)
def test_rates_are_told_in_thousands(rate, text):
    assert rate_span(*rate, "row").value == text


def test_an_altered_rate_is_found(tmp_path: Path):
    folder = write_run(tmp_path / "run", CELLS)
    assert differences(folder) == []
    path = folder / JSON
    report = json.loads(path.read_text())
    report["cells"][0]["throughput"]["point"] *= 1.01
    path.write_text(json.dumps(report))
    (found,) = differences(folder)
    assert found.field.endswith("throughput.point")
