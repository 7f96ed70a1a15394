"""CSV, JSON and the files of a report."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
import samples
from mlfleet.codec import canonical
from mlfleet.errors import StorageError
from mlfleet.report import report_csv, report_json, write
from mlfleet.report.columns import COLUMNS
from mlfleet.table import fold
from mlfleet.values import value

TABLE = samples.table()
README = Path(__file__).parents[2] / "results" / "README.md"


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def with_reason(text):
    records = [replace(record, reason=text) for cell in TABLE.cells for record in cell.records]
    return fold(TABLE.run, records)


def test_the_csv_has_one_row_a_trial_with_exact_numbers():
    found = read(report_csv(TABLE))
    records = [record for cell in TABLE.cells for record in cell.records]
    assert len(found) == len(records) == 50
    for row, record in zip(found, records, strict=True):
        assert (row["workload"], row["framework"]) == (record.trial.workload, record.trial.framework)
        assert float(row["time_ns"]) == value(record, "time")[0]
        assert float(row["peak_anonymous_bytes"]) == value(record, "memory")[0]
        assert json.loads(row["receipt"]) == record.receipt
    assert report_csv(TABLE).count("\r\n") == 51


def test_the_csv_says_the_medians_of_the_json():
    found = read(report_csv(TABLE))
    for one in report_json(TABLE)["comparisons"]:
        column = {"time": "time_ns", "memory": "peak_anonymous_bytes"}[one["metric"]]
        for side in ("baseline", "contestant"):
            numbers = [
                float(row[column])
                for row in found
                if (row["workload"], row["framework"], row["verdict"]) == (one["workload"], one[side], "ok")
            ]
            assert one["values"][side] in {None, median(numbers) if numbers else None}
            assert (one["values"][side] is None) == (one["outcome"] == "refused")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_of_the_csv_is_a_formula(start):
    text = start + 'HYPERLINK("http://x","y")'
    assert {row["reason"] for row in read(report_csv(with_reason(text)))} == {"'" + text}


def test_quotes_commas_and_line_breaks_survive_the_csv():
    text = 'a "quoted", b\r\nc'
    assert {row["reason"] for row in read(report_csv(with_reason(text)))} == {text}


def test_a_negative_number_stays_a_number():
    rows = [row for row in read(report_csv(TABLE)) if row["quality_value"] == "-3.1"]
    assert len(rows) == samples.BLOCKS


def test_every_column_is_documented():
    documented = re.findall(r"^\| `(\w+)` \|[^|]*\| .+ \|$", README.read_text(), re.MULTILINE)
    assert documented == list(COLUMNS)


def test_the_json_has_its_shape_and_is_canonical():
    found = report_json(TABLE)
    sections = {
        "run",
        "cells",
        "comparisons",
        "stops",
        "multiplicity",
        "resolution",
        "summaries",
        "advice",
        "contestants",
    }
    assert set(found) == sections
    assert {"workload", "framework", "image", "setting", "verdict", "reasons", "estimates"} <= set(found["cells"][0])
    keys = "workload setting metric baseline contestant outcome ratio low high level blocks reasons".split()  # noqa: SIM905
    assert all(set(keys) <= set(one) for one in found["comparisons"])
    assert set(found["cells"][0]["estimates"]["time"]) == {"point", "low", "high", "level", "blocks", "unit"}
    assert json.loads(canonical(found)) == found


def test_the_json_says_what_each_outcome_may_say():
    said = {(one["workload"], one["metric"], one["contestant"]): one for one in report_json(TABLE)["comparisons"]}
    fast = said["kmeans.fit-iris", "time", "linfa"]
    assert fast["low"] < fast["ratio"] < fast["high"] < 1
    small = said["kmeans.fit-iris", "memory", "linfa"]
    assert (small["ratio"], small["low"]) == (None, None)
    assert small["difference"]["low"] < small["difference"]["point"] < 0
    wide = said["knn_classify.predict-wine", "time", "linfa"]
    assert wide["ratio"] is None
    assert wide["low"] < 1 < wide["high"]
    assert wide["reasons"] == ["wide"]


def test_cells_carry_quality_and_their_reasons():
    cells = {(cell["workload"], cell["framework"]): cell for cell in report_json(TABLE)["cells"]}
    poor = cells["ridge.predict-boston_housing", "linfa"]
    assert poor["reasons"] == ["short_work", "outside_tolerance"]
    assert poor["estimates"] == {"time": None, "cpu": None, "memory": None}
    assert poor["quality"]["metrics"]["r2"] == {"median": -3.1, "low": -3.1, "high": -3.1}


def test_files_are_written_whole(tmp_path):
    (tmp_path / "report.html").write_text("old")
    paths = write(TABLE, tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert {path.name for path in paths} == {
        "report.html",
        "benchmark_results_complete.csv",
        "benchmark_summary.txt",
        "report.json",
        "results.parquet",
        "figures",
    }
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.stat().st_size > 1000 for path in files)
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in files)
    assert paths[0].read_bytes().decode() == report_csv(TABLE)
    assert json.loads(paths[1].read_bytes()) == report_json(TABLE)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StorageError, match="absent"):
        write(TABLE, tmp_path / "absent")


def test_the_same_records_give_the_same_bytes(tmp_path):
    write(TABLE, tmp_path)
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    write(samples.table(), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == first
