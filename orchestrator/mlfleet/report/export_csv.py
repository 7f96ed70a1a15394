"""The trials for programs: one CSV row each. Numbers are exact, absent ones empty."""

import csv
import io

from mlfleet.report.columns import COLUMNS, Field, column
from mlfleet.table import Table

# A spreadsheet takes a text that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def report_csv(table: Table) -> str:
    """One row per trial as RFC 4180; text that a spreadsheet would run gets an apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for cell in table.cells:
        columns = [[_field(one) for one in column(name, table, cell)] for name in COLUMNS]
        writer.writerows(zip(*columns, strict=True))
    return out.getvalue()


def _field(found: Field) -> Field:
    if isinstance(found, bool):
        return str(found).lower()
    return f"'{found}" if isinstance(found, str) and found.startswith(_FORMULA) else found
