"""`mlfleet report`: every output of a run, rebuilt from its records."""

from pathlib import Path

import click

from mlfleet import audits
from mlfleet import report as reports
from mlfleet.commands.common import RESULTS, complete_runs, json_option, print_json
from mlfleet.ledger_counted import read_counted
from mlfleet.runfile import read_run
from mlfleet.table import Table, fold


def read_table(folder: Path) -> Table:
    """The run in a folder, folded, with what audits found of its images. Raises StorageError."""
    run, (records, stops) = read_run(folder), read_counted(folder)
    return fold(run, records, audits.read((RESULTS, folder.parent)), stops)


@click.command()
@click.argument("run", type=click.Path(path_type=Path), shell_complete=complete_runs)
@click.option("--figures", "with_pdf", is_flag=True, help="Each figure as PDF, too, beside its SVG.")
@json_option
def report(run: Path, with_pdf: bool, as_json: bool) -> None:
    """Print the report of a run, and write its files anew. RUN: its folder.

    Written are report.html, benchmark_results_complete.csv, results.parquet, report.json, benchmark_summary.txt and
    figures/, an SVG of each workload that has a figure.
    """
    table = read_table(run)
    if as_json:
        print_json(reports.report_json(table))
        return
    paths = reports.write(table, run, with_pdf=with_pdf)
    reports.show(table)
    for path in paths:
        print(path)
