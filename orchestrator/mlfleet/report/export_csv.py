"""The trials for programs: one CSV row each. Numbers are exact, absent ones empty."""

import csv
import io

from mlfleet.report.columns import COLUMNS, Field, column
from mlfleet.table import Table

# A spreadsheet takes a text that begins so for a formula.
_FORMULA = frozenset("=+-@\t\r")


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
    # By its type: a field is none of a class of its own, and there are many.
    if type(found) is str:
        return f"'{found}" if found[:1] in _FORMULA else found
    return str(found).lower() if type(found) is bool else found
