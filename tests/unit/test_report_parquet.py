"""Samples as Parquet: every one is there with its trial, and the statistics that are made of them are the report's."""

import csv
import io
import json
import math
import os
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import samples
from mlfleet.cli import status
from mlfleet.model import Reading, Sample, Turn
from mlfleet.names import Name
from mlfleet.report import report_csv, report_json, write
from mlfleet.report.parquet import _TRIALS, COLUMNS, VERSION, difference, parquet
from mlfleet.stats import estimate
from mlfleet.table import fold
from mlfleet.values import value
from mlfleet.verdict import Verdict
from runs import write_run
from samples import Cell

TABLE = samples.table()
NAME = "ridge.fit-diabetes"
PAIR = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}
README = Path(__file__).parents[2] / "results" / "README.md"


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _fd: None)


def read(data):
    return pq.ParquetFile(pa.BufferReader(data)).read()


def rows(table):
    return read(parquet(table)).to_pylist()


def altered(change, cells=PAIR):
    """A run whose records were changed."""
    table = samples.table(cells)
    return fold(table.run, [change(record) for cell in table.cells for record in cell.records])


def by_trial(found):
    trials = defaultdict(list)
    for row in found:
        trials[row["workload"], row["framework"], row["block"]].append(row)
    return trials


def test_a_median_and_a_ratio_made_of_the_samples_are_those_of_the_report():
    values = {}
    for key, mine in by_trial(rows(TABLE)).items():
        timed = [row for row in mine if row["kind"] == "turn" and not row["discarded"]]
        if mine[0]["verdict"] == "ok":
            values[key] = median(row["duration_ns"] / row["iterations"] for row in timed)
    found = report_json(TABLE)
    checked = 0
    for one in found["comparisons"]:
        if one["metric"] != "time" or one["outcome"] == "refused":
            continue
        sides = [
            [values[one["workload"], one[side], block] for block in range(1, samples.BLOCKS + 1)]
            for side in ("baseline", "contestant")
        ]
        assert [median(side) for side in sides] == [one["values"]["baseline"], one["values"]["contestant"]]
        if one["level"] == 0.97:
            logs = [math.log(b / a) for a, b in zip(*sides, strict=True)]
            assert estimate(logs).high - estimate(logs).low == pytest.approx(2 * one["half_width"])
            checked += 1
    assert checked > 1


def test_cpu_and_memory_of_a_trial_can_be_made_of_its_rows():
    records = {(cell.workload, cell.framework, one.trial.block): one for cell in TABLE.cells for one in cell.records}
    for key, mine in by_trial(rows(TABLE)).items():
        turns = {row["turn"]: row for row in mine if row["kind"] == "turn"}
        iterations = sum(row["iterations"] for row in mine if row["kind"] == "turn")
        assert sum(row["turn_cpu_ns"] for row in turns.values()) / iterations == value(records[key], "cpu")[0]
        peak = max(row["turn_peak_anonymous_bytes"] for row in turns.values())
        assert peak == value(records[key], "memory")[0]


def test_every_sample_is_there_once_with_its_place():
    turn = Turn(1, 2, 1, 0, 9, (Sample(3, 10, 40), Sample(3, 40, 70)), {}, flags=("load", "hot"))
    second = replace(turn, number=2, position=1, flags=())
    single = replace(turn, number=3, discarded=0, samples=(Sample(1, 100, 111),), flags=())

    def change(record):
        return replace(record, warm_up=(Sample(2, 5, 9),), cold=Sample(1, 1, 4), turns=(turn, second), latency=single)

    found = [row for row in rows(altered(change)) if (row["framework"], row["block"]) == ("linfa", 3)]
    names = ("kind", "turn", "position", "sample", "discarded", "iterations", "start_ns", "duration_ns", "turn_flags")
    assert [tuple(row[name] for name in names) for row in found] == [
        ("cold", None, None, 1, None, 1, 1, 3, None),
        ("warm-up", None, None, 1, None, 2, 5, 4, None),
        ("turn", 1, 2, 1, True, 3, 10, 30, "load hot"),
        ("turn", 1, 2, 2, False, 3, 40, 30, "load hot"),
        ("turn", 2, 1, 1, True, 3, 10, 30, ""),
        ("turn", 2, 1, 2, False, 3, 40, 30, ""),
        ("latency", 3, 2, 1, False, 1, 100, 11, ""),
    ]


def test_a_trial_is_told_as_the_csv_tells_it():
    plain = csv.DictReader(io.StringIO(report_csv(TABLE), newline=""))
    told = {(row["workload"], row["framework"], row["block"]): row for row in plain}
    shared = [name for name in COLUMNS if name in next(iter(told.values())) and name != "turn_flags"]
    assert len(shared) > 20
    found = by_trial(rows(TABLE))
    assert len(found) == len(told) == 50
    for (workload, framework, block), mine in found.items():
        row = told[workload, framework, str(block)]
        for name in shared:
            assert {str(one[name]) if one[name] is not None else "" for one in mine} == {row[name]}, name


def test_a_trial_without_samples_has_one_row():
    def change(record):
        if record.trial.framework == "sklearn":
            return record
        nothing = {"turns": (), "cold": None, "clock": None, "image_id": None}
        return replace(record, verdict=Verdict.CRASHED, reason="exit 139", **nothing)

    found = [row for row in rows(altered(change)) if row["framework"] == "linfa"]
    assert [row["block"] for row in found] == [1, 2, 3, 4, 5]
    assert {row["verdict"] for row in found} == {"crashed"}
    after = COLUMNS[COLUMNS.index("kind") :]
    assert {row[name] for row in found for name in (*after, "image_id", "clock")} == {None}


def test_a_reading_that_is_null_stays_null():
    def change(record):
        readings = {**record.turns[0].readings, Name.CPU.value: Reading(None, "ns", "cpuacct.usage", "no_permission")}
        return replace(record, turns=(replace(record.turns[0], readings=readings),))

    assert {row["turn_cpu_ns"] for row in rows(altered(change))} == {None}


def test_stamps_that_no_clock_gives_do_not_stop_a_report():
    least, most = -(2**63), 2**63 - 1

    def change(record):
        turn = replace(record.turns[0], samples=(Sample(most, least, most), Sample(1, most, most)))
        return replace(record, turns=(turn,))

    timed = [row for row in rows(altered(change)) if row["kind"] == "turn"]
    assert {row["duration_ns"] for row in timed} == {None, 0}
    assert {row["iterations"] for row in timed} == {most, 1}


def test_types_are_those_of_a_table_that_is_read_anywhere():
    found = read(parquet(TABLE))
    texts = {name for name in COLUMNS if pa.types.is_dictionary(found.schema.field(name).type)}
    assert {found.schema.field(name).type.value_type for name in texts} == {pa.string()}
    assert {found.schema.field(name).type for name in set(COLUMNS) - texts} == {pa.int64(), pa.bool_()}
    assert all(found.schema.field(name).nullable for name in COLUMNS)
    assert {"workload", "framework", "verdict", "kind", "turn_flags"} <= texts
    assert found.schema.metadata[b"mlfleet.schema_version"] == str(VERSION).encode()
    assert found.schema.metadata[b"mlfleet.run"] == b"sample"


def test_every_column_is_documented():
    section = README.read_text().partition("## results.parquet")[2].partition("\n## ")[0]
    heads = re.findall(r"^\| ((?:`\w+` ?)+)\|", section, re.MULTILINE)
    assert [name for head in heads for name in re.findall(r"\w+", head)] == list(COLUMNS)


def test_a_run_without_a_record_is_an_empty_table_with_all_columns():
    found = read(parquet(fold(TABLE.run, [])))
    assert (found.num_rows, tuple(found.column_names)) == (0, COLUMNS)


def test_groups_of_rows_keep_every_trial(monkeypatch):
    assert _TRIALS > 1000
    monkeypatch.setattr("mlfleet.report.parquet._TRIALS", 7)
    data = parquet(TABLE)
    # Of whole cells.
    assert pq.ParquetFile(pa.BufferReader(data)).num_row_groups == 5
    monkeypatch.undo()
    assert read(data).to_pylist() == rows(TABLE)


def test_the_same_records_give_the_same_bytes(tmp_path):
    write(TABLE, tmp_path)
    assert (tmp_path / "results.parquet").read_bytes() == parquet(samples.table())


def test_any_altered_value_is_named():
    data = parquet(TABLE)
    assert difference(data, TABLE) is None
    table = read(data)
    for name in COLUMNS:
        column = table[name].to_pylist()
        column[3] = not column[3] if isinstance(column[3], bool) else 7 if table[name].type == pa.int64() else "other"
        one = pa.array(column)
        one = one if pa.types.is_boolean(one.type) or pa.types.is_integer(one.type) else one.dictionary_encode()
        changed = table.set_column(table.column_names.index(name), table.schema.field(name), one)
        sink = pa.BufferOutputStream()
        pq.write_table(changed, sink)
        place, _, _ = difference(sink.getvalue().to_pybytes(), TABLE)
        assert place == f"{name}, row 4"


def test_what_is_no_table_of_samples_is_named():
    assert difference(b"PAR1 but not really", TABLE)[0] == "file"
    assert difference(b"", TABLE)[0] == "file"
    assert difference(parquet(TABLE)[:-100], TABLE)[0] == "file"
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": [1]}), sink)
    assert difference(sink.getvalue().to_pybytes(), TABLE)[0] == "columns"
    fewer = parquet(fold(TABLE.run, [one for cell in TABLE.cells for one in cell.records if one.trial.block > 1]))
    assert difference(fewer, TABLE)[0] == "rows"


def test_verify_holds_and_finds_samples_of_another_run(tmp_path, capsys):
    run = write_run(tmp_path / "run", PAIR)
    assert status(["verify", str(run)]) == 0, capsys.readouterr().out
    other = write_run(tmp_path / "other", {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2.2e6, 50)}})
    (run / "results.parquet").write_bytes((other / "results.parquet").read_bytes())
    capsys.readouterr()
    assert status(["verify", str(run), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["differences"]
    assert {one["file"] for one in found} == {"results.parquet"}
    (run / "results.parquet").write_bytes(b"no table")
    assert status(["verify", str(run)]) == 1
