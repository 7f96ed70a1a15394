"""`mlfleet export`: one file of a run, for a program."""

import sys
from pathlib import Path
from typing import get_args

import click

from mlfleet import report as reports
from mlfleet.commands.common import complete_runs
from mlfleet.commands.report import read_table
from mlfleet.errors import UsageError, printable
from mlfleet.report import Format

FORMATS: tuple[Format, ...] = get_args(Format)
_STDOUT = "-"


@click.command()
@click.argument("run", type=click.Path(path_type=Path), shell_complete=complete_runs)
@click.option(
    "--format", "asked", type=click.Choice(FORMATS), help="By default what the ending of FILE says, else csv."
)
@click.option("--out", default=_STDOUT, show_default=True, metavar="FILE", help="Where to; - is standard output.")
def export(run: Path, asked: Format | None, out: str) -> None:
    """Write one file of a run, made anew from its records. RUN: its folder.

    csv: a row for each trial. parquet: a row for each sample, raw, with its trial. json: cells and comparisons, as in
    report.json. results/README.md says what each column and field means, docs/schema/ has the schema of the JSON. Of a
    run that was interrupted the blocks that are complete are exported, of one that has none no rows.
    """
    form = asked or _by_ending(out)
    if form == "parquet" and out == _STDOUT and sys.stdout.isatty():
        raise UsageError("parquet is not text, and standard output is a terminal; try: --out FILE, or a pipe")
    data = reports.exported(read_table(run), form)
    if out == _STDOUT:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        print(reports.write_file(Path(out), data))


def _by_ending(out: str) -> Format:
    """The format that a file's name asks for. Raises UsageError."""
    if out == _STDOUT:
        return "csv"
    ending = Path(out).suffix.removeprefix(".")
    found = next((form for form in FORMATS if form == ending), None)
    if found is None:
        awaited = ", ".join(f".{form}" for form in FORMATS)
        raise UsageError(f"--out {printable(out)} names no format; awaited a file in {awaited}, or --format")
    return found
