"""Texts of a run's reports against those that `mlfleet report` makes of the same records, line by line; samples too.

The numbers behind them are recomputed by a second implementation; how they are rounded, worded and drawn has one maker,
and any other text is not its own.
"""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from mlfleet import audits
from mlfleet import report as reports
from mlfleet.errors import MlfleetError
from mlfleet.ledger_counted import read_counted
from mlfleet.runfile import read_run
from mlfleet.table import Table, fold
from mlfleet.verify.findings import Findings

_KIND = "lines of text"
# Of one file: what comes after a line too many differs all the same.
_MOST = 5


def check_texts(folder: Path, found_audits: Sequence[Path], findings: Findings) -> None:
    """Summary, page, figures and samples; absent ones were said to be, or belong to an older report.

    An audit that was made since may have changed what they say.
    """
    names = [name for name in (reports.SUMMARY, reports.PAGE) if (folder / name).is_file()]
    if not names:
        return
    try:
        run, (records, stops) = read_run(folder), read_counted(folder)
        known = dict.fromkeys((audits.read(found_audits), ()))
        tables = [fold(run, records, some, stops) for some in known]
        made = [reports.texts(table) for table in tables]
    except MlfleetError as error:
        findings.differs(names[0], None, "text", "as it is", f"none: no report can be made ({error})")
        return
    for name in [name for name in made[0] if (folder / name).is_file()]:
        data = (folder / name).read_bytes()
        awaited = [one[name].encode() for one in made if name in one]
        findings.checked[_KIND] += awaited[0].count(b"\n")
        if data not in awaited:
            _lines(name, data.decode(errors="replace"), awaited[0].decode(), findings)
    if (folder / reports.PARQUET).is_file():
        _samples(folder / reports.PARQUET, tables, findings)


def _samples(path: Path, tables: Sequence[Table], findings: Findings) -> None:
    from mlfleet.report.parquet import difference  # noqa: PLC0415 - Arrow is large, and other commands need it not

    data = path.read_bytes()
    found = [difference(data, table) for table in tables]
    findings.checked["files of samples"] += 1
    if found[0] is not None and None not in found:
        findings.differs(path.name, None, *found[0])


def _lines(name: str, found: str, awaited: str, findings: Findings) -> None:
    pairs = enumerate(zip_longest(found.split("\n"), awaited.split("\n")), start=1)
    differing = [(number, *pair) for number, pair in pairs if pair[0] != pair[1]]
    for number, line, other in differing[:_MOST]:
        findings.differs(name, number, "text", _part(line, other), _part(other, line))
    findings.note(
        f"{name} is not what this mlfleet writes, in {len(differing)} of its lines: it was altered, or another version "
        "wrote it; mlfleet report writes it anew"
    )


def _part(line: str | None, other: str | None) -> str:
    """The line from a little before the first character that differs."""
    if line is None:
        return "no such line"
    same = next((at for at, (a, b) in enumerate(zip(line, other or "", strict=False)) if a != b), 0)
    return line[max(0, same - 40) :]
