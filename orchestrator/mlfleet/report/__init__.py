"""Reports: pure folds over records; the only place that formats."""

import io
import json
import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from rich.console import Console

from mlfleet.errors import StorageError
from mlfleet.ledger_files import TEMPORARY
from mlfleet.report.export_csv import report_csv
from mlfleet.report.export_json import report_json
from mlfleet.report.html import render_html
from mlfleet.report.terminal import render_terminal
from mlfleet.table import Table

__all__ = ["render_terminal", "report_csv", "report_json", "summary", "texts", "write"]

CSV, SUMMARY, PAGE = "benchmark_results_complete.csv", "benchmark_summary.txt", "report.html"
# What `report --json` prints, kept with its exact numbers: `mlfleet verify` holds them against the raw samples.
JSON = "report.json"
_WIDTH = 80


def summary(table: Table) -> str:
    """The terminal report without colour, 80 columns wide."""
    out = io.StringIO()
    render_terminal(table, Console(file=out, width=_WIDTH, color_system=None, force_terminal=False))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def write(table: Table, folder: Path) -> tuple[Path, ...]:
    """Write CSV, JSON, summary and page into the run's folder, each whole or not at all. Raises StorageError."""
    exact = json.dumps(report_json(table), indent=2, allow_nan=False) + "\n"
    files = {CSV: report_csv(table), JSON: exact, **texts(table)}
    return tuple(_write(folder / name, text) for name, text in files.items())


def texts(table: Table) -> dict[str, str]:
    """Summary and page, by their files' names."""
    return {SUMMARY: summary(table), PAGE: render_html(table)}


def _write(path: Path, text: str) -> Path:
    try:
        # The next resume clears what a killed writer leaves under this suffix.
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=TEMPORARY, delete=False) as file:
            try:
                file.write(text.encode())
                file.flush()
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
