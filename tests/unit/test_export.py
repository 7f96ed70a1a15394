"""`mlfleet export`: one file of a run, for a program."""

import csv
import io
import json
import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from mlfleet.cli import cli, status
from mlfleet.ledger_lines import read_lines
from runs import write_run
from samples import Cell

NAME = "ridge.fit-diabetes"
PAIR = {NAME: {"sklearn": Cell(1e6, 100), "linfa": Cell(2e6, 50)}}
WRITTEN = {"csv": "benchmark_results_complete.csv", "json": "report.json", "parquet": "results.parquet"}


@pytest.fixture(autouse=True)
def _no_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _fd: None)


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", PAIR)


@pytest.mark.parametrize(("form", "name"), WRITTEN.items())
def test_a_format_is_the_file_that_report_writes(run, capfdbinary, form, name):
    assert status(["export", str(run), "--format", form]) == 0
    assert capfdbinary.readouterr().out == (run / name).read_bytes()


@pytest.mark.parametrize(("form", "name"), WRITTEN.items())
def test_the_ending_of_a_file_names_its_format(run, tmp_path, capsys, form, name):
    path = tmp_path / f"mine.{form}"
    path.write_text("older")
    before = sorted(run.iterdir())
    assert status(["export", str(run), "--out", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_bytes() == (run / name).read_bytes()
    assert path.stat().st_mode & 0o777 == 0o644
    assert sorted(run.iterdir()) == before
    assert sorted(tmp_path.iterdir()) == sorted([run, path])


def test_a_named_format_goes_before_the_ending(run, tmp_path):
    path = tmp_path / "mine.csv"
    assert status(["export", str(run), "--format", "json", "--out", str(path)]) == 0
    assert json.loads(path.read_text())["run"] == "sample"


def test_without_options_the_trials_go_to_standard_output(run, capfd):
    assert status(["export", str(run)]) == 0
    assert len(list(csv.DictReader(io.StringIO(capfd.readouterr().out, newline="")))) == 10


def test_an_export_needs_no_report(run, capfdbinary):
    awaited = (run / WRITTEN["csv"]).read_bytes()
    for name in WRITTEN.values():
        (run / name).unlink()
    assert status(["export", str(run)]) == 0
    assert capfdbinary.readouterr().out == awaited


def test_an_unknown_run_is_named(tmp_path, capsys):
    assert status(["export", str(tmp_path / "absent")]) == 74
    said = capsys.readouterr()
    assert f"{tmp_path / 'absent' / 'run.json'}: No such file or directory" in said.err
    assert "awaited the folder of a run" in said.err
    assert said.out == ""


def test_a_file_that_names_no_format_is_refused(run, tmp_path, capsys):
    assert status(["export", str(run), "--out", str(tmp_path / "mine.xlsx")]) == 2
    assert "awaited a file in .csv, .json, .parquet, or --format" in capsys.readouterr().err
    assert not (tmp_path / "mine.xlsx").exists()


def test_an_unknown_format_is_refused(run, capsys):
    assert status(["export", str(run), "--format", "xlsx"]) == 2
    assert "'csv', 'json', 'parquet'" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_named(run, tmp_path, capsys):
    assert status(["export", str(run), "--out", str(tmp_path / "absent/mine.csv")]) == 74
    assert "cannot write" in capsys.readouterr().err


def test_parquet_is_not_poured_over_a_terminal(run, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert status(["export", str(run), "--format", "parquet"]) == 2
    assert "--out FILE" in capsys.readouterr().err
    assert status(["export", str(run), "--format", "csv"]) == 0


def test_a_run_that_was_killed_exports_the_blocks_that_are_complete(tmp_path, capfd):
    run = write_run(tmp_path / "run", PAIR, closed=None)
    ledger = run / "ledger.jsonl"
    ends = [line.end for line in read_lines(run) if line.kind == "block"]
    # Killed within the third block, in the middle of a line.
    ledger.write_bytes(ledger.read_bytes()[: ends[1] + 40])
    assert status(["export", str(run)]) == 0
    found = list(csv.DictReader(io.StringIO(capfd.readouterr().out, newline="")))
    assert len(found) == 4
    assert len({row["block"] for row in found}) == 2


@pytest.mark.parametrize("form", WRITTEN)
def test_a_run_without_a_block_exports_no_rows(tmp_path, form):
    run = write_run(tmp_path / "run", PAIR, closed=None)
    ledger = run / "ledger.jsonl"
    first = next(iter(read_lines(run)))
    ledger.write_bytes(ledger.read_bytes()[: first.end])
    path = tmp_path / "out"
    assert status(["export", str(run), "--format", form, "--out", str(path)]) == 0
    data = path.read_bytes()
    if form == "csv":
        assert len(data.splitlines()) == 1
    elif form == "json":
        assert [cell["trials"] for cell in json.loads(data)["cells"]] == [0, 0]
    else:
        assert pq.ParquetFile(pa.BufferReader(data)).read().num_rows == 0


def test_the_help_names_every_format_and_where_columns_are_explained():
    said = CliRunner().invoke(cli, ["export", "--help"]).output
    assert "[csv|json|parquet]" in said
    assert "results/README.md" in said
    assert "--out" in said


def test_damage_is_named_and_nothing_is_written(run, tmp_path, capsys):
    ledger = run / "ledger.jsonl"
    data = bytearray(ledger.read_bytes())
    data[len(data) // 2] ^= 1
    ledger.write_bytes(bytes(data))
    assert status(["export", str(run), "--out", str(tmp_path / "mine.csv")]) == 74
    assert "ledger damaged" in capsys.readouterr().err
    assert not (tmp_path / "mine.csv").exists()
