"""Reports: pure folds over records; the only place that formats."""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal

from rich.console import Console

from mlfleet.errors import StorageError
from mlfleet.kept import kept
from mlfleet.ledger_files import TEMPORARY
from mlfleet.report.export_csv import report_csv
from mlfleet.report.export_json import report_json
from mlfleet.report.figures import figures, pdf
from mlfleet.report.html import render_html
from mlfleet.report.terminal import render_terminal
from mlfleet.table import Table
from mlfleet.uncollected import uncollected

__all__ = ["exported", "report_csv", "report_json", "show", "summary", "texts", "write", "write_file"]

CSV, SUMMARY, PAGE = "benchmark_results_complete.csv", "benchmark_summary.txt", "report.html"
# What `report --json` prints, kept with its exact numbers: `mlfleet verify` holds them against the raw samples.
JSON = "report.json"
PARQUET = "results.parquet"
# The folder of figures.
FIGURES = "figures"
Format = Literal["csv", "json", "parquet"]
_WIDTH = 80


@kept
def summary(table: Table) -> str:
    """The terminal report without colour, 80 columns wide."""
    out = io.StringIO()
    render_terminal(table, Console(file=out, width=_WIDTH, color_system=None, force_terminal=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def show(table: Table) -> None:
    """Print the report: in the width and the colours of a terminal, elsewhere as the summary has it."""
    console = Console()
    if console.is_terminal:
        render_terminal(table, console)
    else:
        print(summary(table), end="")


def exported(table: Table, form: Format) -> bytes:
    """A run for programs: its trials as CSV, cells and comparisons as JSON, or its samples as Parquet."""
    if form == "csv":
        return report_csv(table).encode()
    if form == "json":
        return (json.dumps(report_json(table), indent=2, allow_nan=False) + "\n").encode()
    from mlfleet.report.parquet import parquet  # noqa: PLC0415 - Arrow is large, and most commands need it not

    return parquet(table)


@uncollected()
def write(table: Table, folder: Path, *, with_pdf: bool = False) -> tuple[Path, ...]:
    """Write all of a report into the run's folder, each file whole or not at all. Raises StorageError.

    Returns what was written, of the figures their folder.
    """
    drawn = figures(table)
    files = {CSV: exported(table, "csv"), JSON: exported(table, "json"), PARQUET: exported(table, "parquet")}
    files |= {name: text.encode() for name, text in _said(table).items()}
    paths = tuple(write_file(folder / name, data) for name, data in files.items())
    _write_figures(folder, drawn, with_pdf=with_pdf)
    return (*paths, folder / FIGURES) if any(drawn.values()) else paths


def texts(table: Table) -> dict[str, str]:
    """Summary, page and figures, by their files' names."""
    return _said(table) | {f"{FIGURES}/{name}.svg": svg for name, svg in figures(table).items() if svg}


def write_file(path: Path, data: bytes, temporaries: Path | None = None, *, durable: bool = True) -> Path:
    """Write a file whole or not at all, by way of the folder `temporaries`, else its own. Raises StorageError.

    `durable`: wait until the disk has it.
    """
    try:
        # The next resume clears what a killed writer leaves in a run's folder under this suffix.
        with NamedTemporaryFile(
            dir=temporaries or path.parent, prefix=f".{path.name}.", suffix=TEMPORARY, delete=False
        ) as file:
            try:
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
                # Temporary files are private; a report is as readable as the folder's other files.
                os.fchmod(file.fileno(), 0o644)
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
    return path


def _said(table: Table) -> dict[str, str]:
    return {SUMMARY: summary(table), PAGE: render_html(table)}


def _write_figures(folder: Path, drawn: Mapping[str, str | None], *, with_pdf: bool) -> None:
    """SVG of each figure, and PDF where asked for. What an earlier report drew otherwise does not stay.

    There may be hundreds, each drawn again by `mlfleet report`: they are not waited for one by one.
    """
    place = folder / FIGURES
    try:
        if any(drawn.values()):
            place.mkdir(exist_ok=True)
        for name, svg in drawn.items():
            as_svg, as_pdf = place / f"{name}.svg", place / f"{name}.pdf"
            if svg is None or not as_svg.is_file() or as_svg.read_bytes() != svg.encode():
                as_svg.unlink(missing_ok=True)
                as_pdf.unlink(missing_ok=True)
            if svg is not None:
                write_file(as_svg, svg.encode(), folder, durable=False)
                if with_pdf:
                    write_file(as_pdf, pdf(svg), folder, durable=False)
    except OSError as error:
        raise StorageError(f"cannot write {place}: {error.strerror}") from error
